"""What whoever asked something of a session reads: what came of it. Pure."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.ask import OF_A_REVIEW, OF_A_WAIT, Ask, Kind, Outcome
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.words import review
from chalicelib.words.markup import escape, plain, section
from chalicelib.words.messages import (
    GLASS,
    NO_SESSION,
    NOT_AGAIN,
    OVER,
    Message,
    as_sentence,
    what_became_of,
)
from chalicelib.words.naming import date, moment


def _of(ask: Ask) -> str:
    return f"“{escape(ask.glass, GLASS)}”" if ask.glass else "that session"


def _answer(text: str) -> Message:
    return {"text": plain(text), "blocks": [section(text)]}


def you_approved(ask: Ask) -> Message:
    """To whoever approved it; and why it was refused all the same, where it was."""
    said = f"You have approved the access to {_of(ask)}. {as_sentence(ask.reason)}"
    return _answer(said.rstrip())


def you_declined(ask: Ask) -> Message:
    return _answer(f"You have declined the access to {_of(ask)}. Nothing was opened.")


def withdrawn(ask: Ask) -> Message:
    return _answer(f"The access to {_of(ask)} is not asked for any more. Nothing was opened.")


def bypassed(ask: Ask) -> Message:
    return _answer(f"You go into {_of(ask)} without approval. Everybody is told.")


def you_acknowledged(ask: Ask) -> Message:
    """To whoever acknowledged it: until when it lasts now."""
    return _answer(
        f"You have acknowledged the access to {_of(ask)}. It ends at {date(ask.deadline_after)}."
    )


def you_reviewed(ask: Ask) -> Message:
    """To whoever reviewed it."""
    return _answer(f"You have reviewed the access to {_of(ask)}: {escape(ask.outcome)}.")


def you_ended(ask: Ask) -> Message:
    """To whoever ended it: what became of it, as far as that is known."""
    if ask.reason:
        what = "session on" if ask.reason.startswith(OVER) else "access to"
        return _answer(f"You have ended the {what} {_of(ask)}. {as_sentence(ask.reason)}")
    return _answer(f"You have ended the access to {_of(ask)}. It is being taken back.")


def noted(ask: Ask) -> Message:
    return _answer(f"Your reason for {_of(ask)} is noted.")


def you_extended(ask: Ask) -> Message:
    """To whoever extended it: from when to when."""
    before, after = date(ask.deadline_before), date(ask.deadline_after)
    return _answer(f"You have extended the access to {_of(ask)} from {before} to {after}.")


def later(trouble: str, deadline: datetime | None) -> Message:
    """That it cannot be decided yet. What came of it is said as well, as soon as it is known."""
    ends = f" In any case the access ends at {date(deadline)}." if deadline else ""
    return _answer(
        f"That is recorded, but not done yet. {as_sentence(trouble)} We keep trying.{ends}"
    )


def what_came(ask: Ask, session: Session, now: datetime) -> str:
    """Of an ask that was done before anything was said of it, from the session as it is by then."""
    if ask.outcome == Outcome.ENDED:
        return what_became_of(session, now)
    return session.reason if session.state is State.DENIED else ""


def what_was_said(kind: Kind, session: Session, now: datetime) -> str:
    """Why it is too late to ask that of the session: what became of it, and who was before them."""
    if kind in OF_A_REVIEW:
        return review.why_not(session)
    if kind not in OF_A_WAIT:
        return what_became_of(session, now)
    if session.approved_at:
        return f"{session.approved_by} approved it at {moment(session.approved_at, now)}"
    if session.bypassed_at:
        return f"They went in without approval at {moment(session.bypassed_at, now)}"
    if session.approve_until is None:
        return "It needs no approval"
    return session.reason or what_became_of(session, now)


UNOPENED = frozenset({State.REQUESTED, State.APPROVING, State.DENIED})
_HOLDER = "Only the person who has the access can"
_ANYBODY = f"{_HOLDER}, and whoever may break the glass."
MAY_NOT = {  # what they may not do, and who may, where the reason does not say it
    Kind.APPROVE: ("approve", ""),
    Kind.DECLINE: ("decline", ""),
    Kind.ACKNOWLEDGE: ("acknowledge", ""),
    Kind.EXPECTED: ("review", ""),
    Kind.FOLLOWUP: ("review", ""),
    Kind.BYPASS: ("do without the approval of", ""),
    Kind.END: ("end", _ANYBODY),
    Kind.EXTEND: ("extend", _ANYBODY),
    Kind.REASON: ("give the reason for", f"{_HOLDER}."),
}


def refused_ask(ask: Ask) -> Message:
    """To whoever may not: why, and who may."""
    what, others = MAY_NOT[ask.kind]
    who = "" if "; ask " in ask.reason else others
    why = f"{as_sentence(ask.reason)} {who}".strip()
    return _answer(f"Nothing was changed: you may not {what} the access to {_of(ask)}. {why}")


def too_late(ask: Ask) -> Message:
    """To whoever asked when it was over, or not open yet: what became of it."""
    done = ask.kind is Kind.END and ask.state_then not in UNOPENED
    what = f"There is nothing left to end on {_of(ask)}." if done else ""
    if ask.kind in OF_A_REVIEW:
        what = "Nothing was changed."
    what = what or f"The access to {_of(ask)} was not changed."
    return _answer(f"{what} {as_sentence(ask.reason)}".rstrip())


def not_extended(ask: Ask) -> Message:
    return _answer(
        f"The access to {_of(ask)} was not extended. {as_sentence(ask.reason) or NOT_AGAIN} "
        f"It ends at {date(ask.deadline_before)}."
    )


def no_session(ask: Ask) -> Message:
    return _answer(NO_SESSION)


ANSWERS: dict[str, Callable[[Ask], Message]] = {
    Outcome.APPROVED: you_approved,
    Outcome.DECLINED: you_declined,
    Outcome.WITHDRAWN: withdrawn,
    Outcome.BYPASSED: bypassed,
    Outcome.ACKNOWLEDGED: you_acknowledged,
    Outcome.EXPECTED: you_reviewed,
    Outcome.FOLLOW_UP: you_reviewed,
    Outcome.ENDED: you_ended,
    Outcome.EXTENDED: you_extended,
    Outcome.NOTED: noted,
    Outcome.REFUSED: refused_ask,
    Outcome.TOO_LATE: too_late,
    Outcome.NOT_EXTENDED: not_extended,
    Outcome.NO_SESSION: no_session,
}
