"""What a session becomes by what happens to it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.ask import Ask, Outcome
from chalicelib.domain.machine import Event, State
from chalicelib.domain.session import DECIDE_WITHIN, CallMark, Prior, Session
from chalicelib.workflow import notifications
from chalicelib.workflow.notifier import ALARMS
from chalicelib.workflow.timing import CLOCK_SKEW, LISTING_LAG, MINUTE, later_by, reached

SLOW = 3  # tries, after which the person hears that it takes long


def from_now(asked: Session, now: datetime) -> Session:
    """An ask is not from later than now, whatever it says."""
    if asked.asked_at <= now + CLOCK_SKEW:
        return asked
    return asked.with_(asked_at=now, wait_until=now + DECIDE_WITHIN, look_at=now)


def of_its_time(ask: Ask, session: Session | None, now: datetime) -> Ask:
    """Nor is what is asked of a session older than it, or the log would have it elsewhere."""
    at = now if ask.asked_at > now + CLOCK_SKEW else ask.asked_at
    return ask.with_(asked_at=max(at, session.asked_at) if session is not None else at)


def end_of(session: Session, event: Event, now: datetime, seen_by: str) -> dict[str, Any]:
    """What goes with the end of access; why it never came, where it did not."""
    why = session.reason if session.granted_at else session.reason or session.last_error
    return {
        "ended_at": now,
        "ended_how": str(event),
        "ended_look": seen_by,
        "revoke_call": CallMark.NONE,
        "reason": why,
    }


def denied(session: Session, reason: str, now: datetime) -> dict[str, Any]:
    """What goes with the end of a wait for another person, where no access comes of it."""
    owed = notifications.owing(session, *notifications.of_a_decision(session))
    return {"reason": reason, "denied_at": now, "owed": owed}


def reviewed(
    session: Session, how: str, by: str, note: str, seen_by: str, now: datetime
) -> Session:
    """The session that another has reviewed: closed, and everybody hears of it."""
    flag = ("follow_up",) if how == Outcome.FOLLOW_UP else ()
    there = ("report_again", *flag) if session.channel else ()
    session = session.with_(owed=notifications.still_true(session))
    return session.entered(
        Event.REVIEWED,
        now,
        f"{seen_by}, {by}",
        reviewed_at=now,
        reviewed_by=by,
        reviewed_as=how,
        review_note=note,
        owed=notifications.owing(session, *notifications.of_a_change(session), *there),
    )


def alarms_heard(session: Session, now: datetime) -> tuple[str, ...]:
    """Which alarms people have heard, or are just hearing from somebody who has yet to write it."""
    just = set(session.owed) & ALARMS if being_told(session, now) else set()
    return tuple(sorted({*session.alarmed, *just}))


def with_noted(session: Session, heard: Mapping[str, int], posted: str = "") -> Session:
    """The session with the alarms of which nobody could write that people have heard them.

    `heard`: how many of each. Where it is over by now, they have yet to hear that. `posted`: the
    last of them in Slack, which is to be put right then.
    """
    session = session.with_(alarm_ts=posted or session.alarm_ts)
    said = {each for each, number in heard.items() if number}
    if session.live:
        alarm = [each for each in ALARMS if session.channel or each == "alarm_mail"]
        alarms = max(session.alarms, min(heard[each] for each in alarm))
        still = [each for each in session.owed if each not in said or heard[each] < session.alarms]
        alarmed = tuple(sorted({*session.alarmed, *said}))
        return session.with_(alarms=alarms, alarmed=alarmed, owed=tuple(still))
    told = set(session.alarmed) if session.state is State.SETTLING else set()
    if session.found and session.standing == Prior.NONE:
        told = said  # “taken back” has told them
    ends = [notifications.ENDS[each] for each in notifications.ENDS if each in said - told]
    ends += [notifications.ALARM_OVER] if posted and "resolved" not in ends else []
    owed = dict.fromkeys((*session.owed, *ends))
    return session.with_(owed=tuple(owed), tell_at=None, tell_tries=0) if ends else session


def being_told(session: Session, now: datetime) -> bool:
    """Whether somebody is just saying what is owed, and has yet to write what was said."""
    return bool(session.tell_token) and session.tell_at is not None and now < session.tell_at


def said_slow(tried: Session) -> Session:
    """Whoever waits for access hears that it takes long, once; who has no card yet, by a word."""
    if tried.tries != SLOW:
        return tried
    match tried.state:
        case State.REQUESTED if tried.slack_user:
            return tried.with_(owed=notifications.owing(tried, "waiting"))
        case State.GRANTING:
            return tried.with_(owed=notifications.owing(tried, notifications.MINE))
    return tried


def said_soon(session: Session, at: datetime, *each: str) -> Session:
    """News for `at`: what is under way is over by then most often, and says it better
    [NEWS 5].
    """
    if session.owed or not each:
        return session.with_(owed=notifications.owing(session, *each))
    return session.with_(owed=each, tell_at=at)


def next_try(session: Session, retry_at: datetime) -> Session:
    """When the duty is tried next. What is overdue is said anew on its cards each minute."""
    before, over = session.retry_at, session.over_since
    tried = session.with_(retry_at=retry_at)
    if session.state is not State.REVOKING or before is None or over is None:
        return tried
    if (before - over) // MINUTE == (retry_at - over) // MINUTE:
        return tried
    return said_soon(tried, retry_at, *notifications.of_a_change(session))


def was_asked_early(session: Session) -> bool:
    """Whether the latest delete was asked while a grant of ours could still land after it."""
    late, asked = session.grant_late_until, session.revoke_asked_at
    return session.grant_call == CallMark.UNKNOWN and bool(late and asked and asked < late)


def proof_of(session: Session, listed_at: datetime | None = None) -> dict[str, Any]:
    """What was there to be taken back had come, though nobody wrote it down then."""
    return {
        "granted_at": session.granted_at or session.grant_asked_at,
        "listed_at": session.listed_at or listed_at,
    }


def never_seen(session: Session, now: datetime) -> bool:
    """Whether the listing may be one from before our grant, which it has never shown."""
    shows = later_by(session.grant_late_until or session.grant_asked_at, LISTING_LAG)
    seen = session.listed_at or session.grant_call == CallMark.REFUSED or reached(shows, now)
    return shows is not None and not seen
