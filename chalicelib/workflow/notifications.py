"""Which news a session owes, and which is still true; notifier.py says it to whom it is for.

A card is told as it is at that moment: owed twice it is edited once, and what comes while it is
being edited is owed anew. Everything else is told once for each time that it happens.
"""

from typing import Final

from chalicelib.domain.glass import NOBODY
from chalicelib.domain.machine import State
from chalicelib.domain.session import Prior, Session

MINE: Final = "mine"  # the person's own card: posted the first time, then edited
OLDER: Final = frozenset({"granted", "slow", "extended", "over", "failed"})  # as it was called once
ENDS: Final = {"alarm": "resolved", "alarm_mail": "resolved_mail"}  # who heard the one …
MAILS: Final = frozenset({"alarm_mail", "unreviewed_mail", "resolved_mail", "taken_back_mail"})
CARDS: Final = frozenset({MINE, "card_again", "report_again"})
ALARM_OVER: Final = "alarm_over"  # the alarm in the channel, put right without a word more
OUTDATED: Final = (
    OLDER | CARDS | {"waiting", "warning", "unacknowledged", "alarm", "alarm_mail"}
    | {"unreviewed", "unreviewed_mail"}
)  # fmt: skip


def owing(session: Session, *notifications: str) -> tuple[str, ...]:
    """What is owed already, and this; each once."""
    return tuple(dict.fromkeys((*session.owed, *notifications)))


def of_a_grant(session: Session) -> tuple[str, ...]:
    """The mail comes last: what follows one is written by itself."""
    card = ("card_again" if session.approve_until else "card",) if session.channel else ()
    said = ("decided",) if session.approved_by else ()  # an edited card rings nobody
    used = ("used",) if session.tell_to not in ("", NOBODY) else ()
    return (MINE, *said, *card, *used)


def of_a_wait(session: Session) -> tuple[str, ...]:
    """Both cards; the channel's asks others."""
    return (MINE, "card") if session.channel else (MINE,)


def of_a_decision(session: Session) -> tuple[str, ...]:
    """What became of the wait, where it is over without access; an edited card rings nobody."""
    return (MINE, "decided", "card_again") if session.channel else (MINE, "decided")


def of_a_change(session: Session) -> tuple[str, ...]:
    """Both cards; of what was found nobody has any."""
    mine = () if session.found else (MINE,)
    return (*mine, "card_again") if session.channel else mine


def of_a_warning(session: Session) -> tuple[str, ...]:
    """The person's card, then the warning in its thread: so none comes twice [NEWS 6]."""
    alone = ("unacknowledged",) if session.unacknowledged and session.channel else ()
    return (*owing(session, MINE), "warning", *alone)


def of_an_alarm(session: Session) -> tuple[str, ...]:
    """What does not get done; of a review the channel first, and when it is due also by mail."""
    if session.state is State.REVIEWING:
        mail = ("unreviewed_mail",) if session.alarms else ()
        return ("unreviewed", *mail) if session.channel else mail
    return ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)


def of_a_review(session: Session, is_new: bool) -> tuple[str, ...]:
    """The report gets its buttons; where none is new, somebody has to be told that it has."""
    if not session.channel:
        return ()
    return ("report",) if is_new else ("report_again", "unreviewed")


def of_the_end(session: Session) -> tuple[str, ...]:
    """What people are owed when the assignment is gone."""
    channel = bool(session.channel)
    after_alarms = tuple(ENDS[alarm] for alarm in ENDS if alarm in session.alarmed)
    if session.found:
        if (
            session.standing != Prior.NONE
        ):  # it was gone, or somebody's own, before we touched anything
            return after_alarms
        return ("taken_back", "taken_back_mail") if channel else ("taken_back_mail",)
    notifications: tuple[str, ...] = (MINE,)
    if channel and session.granted_at is not None:
        notifications += ("card_again",)
    return (*notifications, *after_alarms)


def still_true(session: Session) -> tuple[str, ...]:
    """What of the untold news is to be told although it is over; the end says the rest [NEWS 3]."""
    return tuple(notifications for notifications in session.owed if notifications not in OUTDATED)
