"""What Slack's requests are answered with: at most one write, one post, and a clear word.

Nothing slow happens here. Who the person is and whether they may is the worker's to find out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.errors import ExternalError
from chalicelib.domain.glass import REQUIRED, Glass
from chalicelib.domain.lasting import durations
from chalicelib.domain.ports import Clock, Log
from chalicelib.domain.session import Session
from chalicelib.route import press
from chalicelib.words import cards, messages


class Recorder(Protocol):
    """What of the table the route may touch: it writes asks."""

    def record(self, asked: Session | Ask) -> bool: ...


class SigningSecret(Protocol):
    """Gives what Slack signs with."""

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
    log: Log

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Never raises, and never answers 5xx: Slack would show a triangle and no word."""
        try:
            return self._answer(headers, body)
        except Exception as error:  # a mistake of ours must not leave the person without a word
            self.log("error", "the route failed", **_facts(error))
            return Answer(200, messages.ephemeral(messages.NOT_RECORDED))

    def _answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            refused = self._unsigned(headers, body)
            if refused is not None:
                return refused
            asked = press.read(body)
        except press.NoPayload as wrong:
            return Answer(400, f"{messages.UNREADABLE} {wrong}")
        match asked:
            case press.Challenge(text):
                return Answer(200, {"challenge": text})
            case press.Check():
                return Answer(200)
            case press.NotOurs(sender):
                return self._not_ours(sender)
            case press.OnSession():
                return self._on_session(asked, press.ask_id(asked.kind, body))
        return self._press(asked, press.ask_id(Kind.BREAK, body))

    def _unsigned(self, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """403 where the signature is not Slack's; None where it is."""
        now = self.clock.now().timestamp()
        for refresh in (False, True):  # a rotated secret is read anew before we refuse
            try:
                secret = self.secret(refresh=refresh)
            except ExternalError as error:
                self.log("warning", "no signing secret", error=str(error))
                return self._unverifiable(headers, body)
            if self.genuine(secret, headers, body, now):
                return None
        self.log("warning", "not signed by Slack")
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
        except press.NoPayload:
            return Answer(403, "Forbidden.")
        return self._say(sender, message) if sender else Answer(403, "Forbidden.")

    def _press(self, asked: press.Press, session_id: str) -> Answer:
        sender, pressed = asked.sender, self._glass(asked)
        if pressed and pressed.reason == REQUIRED and not asked.why:
            asks = cards.asks_why(pressed.name, durations(pressed), asked.chosen)
            return self._say(sender, asks)
        try:
            session = self._session(asked, session_id)
            new = self.table().record(session)
        except Exception as error:  # whatever it is, the person must not wait for nothing
            self.log(_level(error), "not recorded", session=session_id, **_facts(error))
            return self._say(sender, messages.ephemeral(messages.NOT_RECORDED))
        known = session.glass in self.glasses()
        glass = session.glass if known else ""  # an unknown name is only what was sent
        self.log("info", "pressed", session=session_id, glass=glass, new=new)
        if session.glass and not known:  # where Slack shows no answers, the worker says it
            return self._say(sender, messages.denied(session)) if session.reason else Answer(200)
        if not new and not sender.hears_answers:
            return Answer(200)  # they have read it already
        return self._say(sender, messages.incoming())

    def _session(self, asked: press.Press, session_id: str) -> Session:
        now, sender = self.clock.now(), asked.sender
        glass = self._glass(asked)
        session = Session(
            id=session_id,
            glass=glass.name if glass else asked.glass,
            asked_at=now,
            person=sender.user,
            **_origin(sender),
            response_uses=0 if sender.hears_answers else 1,
            account_id=glass.account_id if glass else asked.account_id,
            permission_set_arn=asked.permission_set_arn,
            why=asked.why,
            chosen=asked.chosen,
        )
        if asked.glass and glass is None and sender.hears_answers:  # they hear it at once
            return session.with_(reason=messages.no_such_glass(session))
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

    def _on_session(self, asked: press.OnSession, ask_id: str) -> Answer:
        """What is asked of a session: nothing is said before the worker says what came of it."""
        sender = asked.sender
        if not asked.session_id:
            return self._say(sender, messages.ephemeral(messages.NO_SESSION))
        ask = Ask(
            id=ask_id,
            session_id=asked.session_id,
            asked_at=self.clock.now(),
            **_origin(sender),
            why=asked.why,
        )
        try:
            new = self.table().record(ask)
        except Exception as error:
            self.log(_level(error), "not recorded", ask=ask_id, **_facts(error))
            return self._say(sender, messages.ephemeral(messages.NOT_ASKED))
        self.log("info", "asked", ask=ask_id, session=asked.session_id, new=new)
        return Answer(200)  # an ephemeral word of ours could never be turned into the outcome

    def _not_ours(self, sender: press.Sender | None) -> Answer:
        message = messages.ephemeral(messages.NOT_OURS)
        if sender is not None and sender.shape.startswith("view_"):
            return Answer(200)  # of a modal Slack takes any other words for error
        if sender is not None and not sender.hears_answers:
            self._say(sender, message)
        return Answer(200, message)

    def _say(self, sender: press.Sender, message: messages.Message) -> Answer:
        """In the answer where Slack shows it, else by one post. Where that fails, later."""
        if sender.hears_answers:
            return Answer(200, message)
        try:
            self.respond(sender.response_url, message)
        except ExternalError as error:
            self.log("warning", "not said", error=type(error).__name__)
        return Answer(200)


def _origin(sender: press.Sender) -> dict[str, Any]:
    """Who pressed, and where, as both kinds of ask have it."""
    return {
        "slack_user": sender.user,
        "slack_user_name": sender.user_name,
        "slack_team": sender.team,
        "slack_channel": sender.channel,
        "slack_message": sender.message,
        "shape": sender.shape,
        "response_url": sender.response_url,
    }


def _level(error: Exception) -> str:
    """That AWS does not answer can be foreseen; all else is a mistake of ours."""
    return "warning" if isinstance(error, ExternalError) else "error"


def _facts(error: Exception) -> dict[str, str]:
    """What the log says of an error: its kind, and where it came from if nobody foresaw it."""
    kind = {"error": type(error).__name__}
    if isinstance(error, ExternalError):
        return kind
    from chalicelib.operations.trace import trace  # a press that goes well need not wait for it

    return kind | {"trace": trace(error)}
