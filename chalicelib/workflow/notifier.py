"""Says what is owed to whom it is for, in Slack and by mail; the runner writes what was said."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import ExternalError, Partly, Refused, Unavailable
from chalicelib.domain.glass import MAIL, Glass
from chalicelib.domain.lasting import durations
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Chat, Clock, Letters, Log, Mail, Post, Topics
from chalicelib.domain.session import RESPONSE_URL_LIVES, RESPONSE_URL_USES, Session
from chalicelib.operations.trace import trace
from chalicelib.words import answers, approval, cards, messages, refusals, review
from chalicelib.workflow import notifications

SAYS_FOR = timedelta(seconds=12)  # then what is still untold is left to the next look: the last
# one may take Slack's time twice, and all of it has to be over within NOTIFYING_TAKES
ALARMS = frozenset({"alarm", "alarm_mail"})
TO_CHANNEL = messages.TO_CHANNEL | {"unacknowledged": approval.unacknowledged}
OF_A_REVIEW = {"unreviewed": review.unreviewed, "follow_up": review.follow_up}


class Notifier:
    """Sends; each piece of news by itself, so that what fails holds up nothing else."""

    def __init__(
        self,
        chat: Chat,
        post: Post,
        topics: Topics,
        letters: Letters,
        clock: Clock,
        log: Log,
        glasses: Mapping[str, Glass],
    ) -> None:
        self.glasses = glasses
        self.chat, self.post, self.topics, self.letters = chat, post, topics, letters
        self.clock, self.log = clock, log

    def tell(self, session: Session, keep: Callable[[Session], Session]) -> Session:
        """All that is owed; the session with what is still owed afterwards, and why.

        `keep` writes the session, and gives it back as written: at once where a mail was sent and
        more is to be said [NEWS 2]. Safe to repeat, but what was not written by then is said again.
        """
        owed, began = list(session.owed), self.clock.now()
        kept: list[str] = []
        while owed and self.clock.now() - began < SAYS_FOR:
            each = owed.pop(0)
            try:
                session = self._say(session, each)
            except Refused as refused:  # no try will help: the log keeps why
                self.log(
                    "warning",
                    "cannot be told",
                    session=session.id,
                    notification=each,
                    error=str(refused),
                )
            except Partly as partly:
                kept.append(each)
                session = _alarmed(session, each).reaching(each, partly.reached)
                session = keep(session.with_(owed=(*owed, *kept), tell_error=str(partly)))
            except Exception as error:
                kept.append(each)
                session = session.with_(tell_error=self._why(error, session.id))
                if each == "denied" and _by_url(session, self.clock.now()):
                    session = session.with_(response_uses=RESPONSE_URL_USES)  # the bot tries next
            else:
                session = _alarmed(session, each).reaching(each, 0)
                if each in (*notifications.MAILS, "used") and owed:
                    session = keep(session.with_(owed=(*owed, *kept)))
        return session.with_(owed=(*owed, *kept))

    def answer(self, ask: Ask, *, replaces: bool = False) -> None:
        """Tells who asked what came of it. Raises Unavailable, or Refused where no try will help.

        `replaces`: in the place of the message whose button they pressed. Safe to repeat: they hear
        it again.
        """
        try:
            self._answer(ask, replaces)
        except ExternalError:
            raise
        except Exception as error:
            raise Unavailable(self._why(error, ask.session_id)) from error

    def not_yet(self, ask: Ask, session: Session | None, trouble: str) -> None:
        """Tells who asked that it is not decided yet: where they pressed, and never in vain twice.

        What fails is left: what comes of it is said in any case.
        """
        theirs = session is not None and session.slack_user == ask.slack_user
        message = answers.later(trouble, session.deadline if session and theirs else None)
        try:
            self.chat.respond(ask.response_url, messages.ephemeral_of(message))
        except Exception as error:
            self.log("info", "not said", ask=ask.id, error=self._why(error, ask.session_id))

    def _answer(self, ask: Ask, replaces: bool) -> None:
        message = answers.ANSWERS[ask.outcome](ask)
        if ask.tell_tries == 0 and ask.response_url:
            lives = self.clock.now() < ask.asked_at + RESPONSE_URL_LIVES
            try:
                if lives:
                    said = messages.ephemeral_of(message) | {"replace_original": replaces}
                    self.chat.respond(ask.response_url, said)
                    return
            except Refused:
                pass  # dead: the bot says it
        self.chat.post(ask.slack_user, messages.by_bot(message))

    def _why(self, error: Exception, session_id: str) -> str:
        """What keeps it from being said; a mistake of ours is in the log as well."""
        if isinstance(error, ExternalError):
            return str(error)
        kind = type(error).__name__
        self.log("error", "telling failed", session=session_id, error=kind, trace=trace(error))
        return refusals.our_mistake(kind)

    def _say(self, session: Session, each: str) -> Session:
        """One piece of news to whom it is for; the session with what that used up or made."""
        now = self.clock.now()
        if each == "denied":
            wants = session.reason == messages.WHY_FIRST
            lasts = durations(self.glasses.get(session.glass))
            asks = cards.asks_why(session.glass, lasts, session.chosen)
            return self._say_to_person(session, asks if wants else messages.denied(session))
        if each == "waiting" and session.state is State.REQUESTED:  # else it is decided by now
            return self._say_to_person(session, messages.waiting(session))
        if each == notifications.MINE or each in notifications.OLDER:
            return self._mine(session, now)
        if each == "warning" and session.warned_for == session.deadline:  # else it was extended
            session, warning = self._warned(session), cards.warning(session, now)
            where = session.mine_channel or session.slack_user
            said = self.chat.post(where, warning, session.mine_ts)
            return session.with_(warning_ts=said.ts)
        if each == "decided":
            where = session.mine_channel or session.slack_user
            self.chat.post(where, approval.decided(session), session.mine_ts)
            return session
        if each == "card":
            message = cards.channel(session, now)
            said = self.chat.post(session.channel, message)
            return session.with_(card_ts=said.ts, card_said=digest(message))
        if each == "card_again":
            return self._channels(session, now)
        if each == notifications.ALARM_OVER:
            return self._alarm_over(session, each)
        if each == "used":
            self._used(session)
        elif each in notifications.MAILS:
            mail = Mail(session.report_to, *self.letters.about(each, session, now))
            self.post.send(replace(mail, reached=session.reached_by(each)))
        elif each in ("report", "report_again"):
            return self._report(session, again=each == "report_again")
        elif each in OF_A_REVIEW:
            self.chat.post(session.channel, OF_A_REVIEW[each](session), session.card_ts)
        elif each in TO_CHANNEL:
            session = self._alarm_over(session, each)
            message = TO_CHANNEL[each](session)
            said = self.chat.post(session.channel, message, session.card_ts)
            return session.with_(alarm_ts=said.ts if each == "alarm" else "")
        return session

    def _mine(self, session: Session, now: datetime) -> Session:
        """The person's own card: edited where it is, unless it says so; else, or where it is gone,
        posted.

        With it the warning, which is not to keep buttons that do nothing.
        """
        message, known = cards.mine(session, now), session.mine_said
        session = session.with_(mine_said=digest(message))
        if not cards.warns_still(session, now):
            session = self._warned(session)
        if session.mine_ts:
            try:
                if session.mine_said != known:
                    self.chat.update(session.mine_channel, session.mine_ts, message)
                return session
            except Refused as refused:  # somebody has deleted it, or it is too old to be edited
                self.log("info", "posted anew", session=session.id, error=str(refused))
        said = self.chat.post(session.slack_user, message)
        return session.with_(mine_channel=said.channel, mine_ts=said.ts)

    def _channels(self, session: Session, now: datetime) -> Session:
        """The channel's card, where it was posted: edited, unless it says so already."""
        message = cards.channel(session, now)
        said = digest(message)
        if session.card_ts and session.card_said != said:
            self.chat.update(session.channel, session.card_ts, message)
        return session.with_(card_said=said)

    def _alarm_over(self, session: Session, news: str) -> Session:
        """The alarm posted last keeps no command when it is over, or said anew."""
        if session.alarm_ts:
            message = messages.alarm_over(session, news)
            self._edited(session, session.channel, session.alarm_ts, message)
        return session.with_(alarm_ts="")

    def _edited(self, session: Session, channel: str, ts: str, message: dict[str, Any]) -> None:
        """What is gone, or may not be edited, is let be."""
        try:
            self.chat.update(channel, ts, message)
        except Refused as refused:
            self.log("info", "not edited", session=session.id, error=str(refused))

    def _report(self, session: Session, *, again: bool) -> Session:
        """In the card's thread; edited where it is, while it can be."""
        message = review.report(session)
        if again and session.report_ts:
            try:
                self.chat.update(session.channel, session.report_ts, message)
                return session
            except Refused as refused:  # somebody has deleted it
                self.log("info", "not edited", session=session.id, error=str(refused))
        if again and session.final:  # whoever has reviewed it has heard so
            return session
        session = self._alarm_over(session, "report")
        said = self.chat.post(session.channel, message, session.card_ts)
        return session.with_(report_ts=said.ts)

    def _report_again(self, session: Session, _now: datetime) -> Session:
        return self._report(session, again=True)

    def _warned(self, session: Session) -> Session:
        """The warning that was posted last has no button any more."""
        if session.warning_ts:
            message = cards.warned(session)
            self._edited(session, session.mine_channel, session.warning_ts, message)
        return session.with_(warning_ts="")

    def _used(self, session: Session) -> None:
        """That access was given, whatever becomes of Slack."""
        subject, text, html = self.letters.about("used", session, self.clock.now())
        if session.tell_to == MAIL:
            mail = Mail(session.report_to, subject, text, html)
            self.post.send(replace(mail, reached=session.reached_by("used")))
        else:
            self.topics.publish(session.tell_to, subject, text)

    def up_to_date(self, ask: Ask, session: Session, again: Callable[[], Session | None]) -> bool:
        """Edits the card whose button was pressed in vain, once. Whether it was a card at all.

        The row is not written, lest presses hold up who is ending it; so it is read `again`: who
        moved it meanwhile may have edited the card before us, and ours would say what is past.
        """
        on_it = ask.slack_message
        edits = {
            session.report_ts: self._report_again,
            session.card_ts: self._channels,
            session.mine_ts: self._mine,
        }
        if not on_it or on_it not in edits:
            return False
        edit = edits[on_it]
        try:
            edited = edit(session, self.clock.now())
            row = again() if edited != session else None
            if row is not None and row.version != session.version:
                said = {"mine_said": edited.mine_said, "card_said": edited.card_said}
                edit(row.with_(**said), self.clock.now())
        except Exception as error:
            self.log("info", "not brought up to date", error=self._why(error, session.id))
        return True

    def _say_to_person(self, session: Session, message: dict[str, Any]) -> Session:
        """Through the response_url while it lives, so that only they read it; then by the bot."""
        if _by_url(session, self.clock.now()):
            used = session.with_(response_uses=session.response_uses + 1)
            try:
                self.chat.respond(session.response_url, message)
                return used
            except Refused:
                session = used.with_(response_uses=RESPONSE_URL_USES)  # dead: the bot says it
        self.chat.post(session.slack_user, messages.by_bot(message))
        return session


def digest(message: dict[str, Any]) -> int:
    """Of what a card says, buttons and all."""
    whole = json.dumps(message, sort_keys=True)
    return int(hashlib.sha256(whole.encode()).hexdigest()[:12], 16)


def _alarmed(session: Session, notification: str) -> Session:
    """Whoever hears an alarm, be it only some of them, is to hear of its end."""
    return (
        session.with_(alarmed=(*{*session.alarmed, notification},))
        if notification in ALARMS
        else session
    )


def _by_url(session: Session, now: datetime) -> bool:
    lives = now < session.asked_at + RESPONSE_URL_LIVES
    return bool(session.response_url) and lives and session.response_uses < RESPONSE_URL_USES
