"""What Slack's requests are answered with: at most one write, one post, and a clear word.

Nothing slow happens here. Who the person is and whether they may is the worker's to find out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib import messages, press
from chalicelib.machine import Event
from chalicelib.ports import Clock, Journal, Trouble
from chalicelib.session import DECIDE_WITHIN, Glass, Session


class Recorder(Protocol):
    """What of the table the route may touch."""

    def record(self, session: Session) -> bool: ...

    def wish(self, session_id: str, kind: str, slack_user: str, now: Any) -> bool: ...


class SigningSecret(Protocol):
    def __call__(self, *, refresh: bool) -> str:
        """The secret; read anew where `refresh`, but at most once a minute. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, and a body of JSON or text."""

    status: int
    body: Any = ""


@dataclass(frozen=True, slots=True)
class Front:
    """The Slack route. The table is built on first use: a refused request never needs it."""

    secret: SigningSecret
    genuine: Callable[[str, Mapping[str, str], bytes, float], bool]
    table: Callable[[], Recorder]
    glasses: Callable[[], Mapping[str, Glass]]
    respond: Callable[[str, messages.Message], None]
    clock: Clock
    journal: Journal

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Never raises, and never answers 5xx: Slack would show a triangle and no word."""
        try:
            return self._answer(headers, body)
        except Exception as error:  # a mistake of ours must not leave the person without a word
            self.journal("error", "the route failed", error=type(error).__name__)
            return Answer(200, messages.ephemeral(messages.NOT_RECORDED))

    def _answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            refused = self._unsigned(headers, body)
            if refused is not None:
                return refused
            asked = press.read(body)
        except press.Unreadable as unreadable:
            return Answer(400, f"{messages.UNREADABLE} {unreadable}")
        match asked:
            case press.Challenge(text):
                return Answer(200, {"challenge": text})
            case press.Check():
                return Answer(200)
            case press.NotOurs(sender):
                return self._not_ours(sender)
            case press.Wish():
                return self._wish(asked)
        return self._press(asked, press.session_id(body))

    def _unsigned(self, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """403 where the signature is not Slack's; None where it is."""
        now = self.clock.now().timestamp()
        for refresh in (False, True):  # a rotated secret is read anew before we refuse
            try:
                secret = self.secret(refresh=refresh)
            except Trouble as trouble:
                self.journal("error", "no signing secret", error=str(trouble))
                return self._unverifiable(headers, body)
            if self.genuine(secret, headers, body, now):
                return None
        self.journal("warning", "not signed by Slack")
        return Answer(403, "Forbidden.")

    def _unverifiable(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Nobody can be let in; but who pressed must not wait for what will not come.

        The body is not known to be Slack's. All that it decides is where one fixed sentence goes,
        and that can only be Slack itself.
        """
        if not headers.get("x-slack-signature", "").startswith("v0="):
            return Answer(403, "Forbidden.")
        message = messages.ephemeral(messages.NOT_RECORDED)
        try:
            sender = getattr(press.read(body), "sender", None)
        except press.Unreadable:
            return Answer(403, "Forbidden.")
        return self._say(sender, message) if sender else Answer(403, "Forbidden.")

    def _press(self, asked: press.Press, session_id: str) -> Answer:
        sender = asked.sender
        try:
            session = self._session(asked, session_id)
            new = self.table().record(session)
        except Exception as error:  # whatever it is, the person must not wait for nothing
            self.journal("error", "not recorded", session=session_id, error=type(error).__name__)
            return self._say(sender, messages.ephemeral(messages.NOT_RECORDED))
        glass = "" if session.final else session.glass  # an unknown name is only what was sent
        self.journal("info", "pressed", session=session_id, glass=glass, new=new)
        if session.final:
            return self._say(sender, messages.denied(session))
        if not new and not sender.hears_answers:
            return Answer(200)  # they have read it already
        return self._say(sender, messages.ephemeral(messages.INCOMING))

    def _session(self, asked: press.Press, session_id: str) -> Session:
        now, sender = self.clock.now(), asked.sender
        glass = self._glass(asked)
        session = Session(
            id=session_id,
            glass=glass.name if glass else asked.glass,
            asked_at=now,
            wait_until=now + DECIDE_WITHIN,
            look_at=now,
            person=sender.user,
            slack_user=sender.user,
            slack_user_name=sender.user_name,
            slack_team=sender.team,
            slack_channel=sender.channel,
            slack_message=sender.message,
            shape=sender.shape,
            response_url=sender.response_url,
            response_uses=0 if sender.hears_answers else 1,
            account_id=glass.account_id if glass else asked.account_id,
            account_name=glass.account_name if glass else "",
            permission_set=glass.permission_set.rpartition("/")[2] if glass else "",
            permission_set_arn=asked.permission_set_arn,
            steps=(),
        )
        if asked.glass and glass is None:
            return session.entered(
                Event.REFUSED,
                now,
                "route",
                reason=messages.no_such_glass(session),
                denied_at=now,
                look_at=None,
                wait_until=None,
            )
        return session

    def _glass(self, asked: press.Press) -> Glass | None:
        """None where the name is unknown, or only the worker can tell (a set given by ARN)."""
        glasses = self.glasses()
        if asked.glass:
            return glasses.get(asked.glass)
        for glass in glasses.values():
            if (glass.account_id, glass.permission_set) == (
                asked.account_id,
                asked.permission_set_arn,
            ):
                return glass
        return None

    def _wish(self, asked: press.Wish) -> Answer:
        try:
            noted = self.table().wish(
                asked.session_id, asked.kind, asked.sender.user, self.clock.now()
            )
        except Exception as error:
            self.journal("error", "wish not recorded", error=type(error).__name__)
            return self._say(asked.sender, messages.ephemeral(messages.WISH_NOT_RECORDED))
        text = messages.WISHED[asked.kind] if noted else messages.OVER_ALREADY
        return self._say(asked.sender, messages.ephemeral(text))

    def _not_ours(self, sender: press.Sender | None) -> Answer:
        message = messages.ephemeral(messages.NOT_OURS)
        if sender is not None and sender.shape.startswith("view_"):
            return Answer(200)  # of a modal Slack takes any other words for trouble
        if sender is not None and not sender.hears_answers:
            self._say(sender, message)
        return Answer(200, message)

    def _say(self, sender: press.Sender, message: messages.Message) -> Answer:
        """In the answer where Slack shows it, else by one post. Where that fails, later."""
        if sender.hears_answers:
            return Answer(200, message)
        try:
            self.respond(sender.response_url, message)
        except Trouble as trouble:
            self.journal("warning", "not said", error=type(trouble).__name__)
        return Answer(200)
