"""What whoever asked to end, to extend or gave a reason reads: what came of it. Pure."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.machine import State
from chalicelib.words.markup import escape, plain, section
from chalicelib.words.messages import GLASS, NO_SESSION, NOT_AGAIN, OVER, Message, as_sentence, date


def _of(ask: Ask) -> str:
    return f"“{escape(ask.glass, GLASS)}”" if ask.glass else "that session"


def _answer(text: str) -> Message:
    return {"text": plain(text), "blocks": [section(text)]}


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


UNOPENED = frozenset({State.REQUESTED, State.DENIED})
MAY_NOT = {Kind.END: "end", Kind.EXTEND: "extend", Kind.REASON: "give the reason for"}


def refused_ask(ask: Ask) -> Message:
    """To whoever may not: why, and who may."""
    what = MAY_NOT[ask.kind]
    others = "" if ask.kind is Kind.REASON else ", and whoever may break the glass"
    who = "" if "; ask " in ask.reason else f"Only the person who has the access can{others}."
    why = f"{as_sentence(ask.reason)} {who}".strip()
    return _answer(f"Nothing was changed: you may not {what} the access to {_of(ask)}. {why}")


def too_late(ask: Ask) -> Message:
    """To whoever asked when it was over, or not open yet: what became of it."""
    done = ask.kind is Kind.END and ask.state_then not in UNOPENED
    what = f"There is nothing left to end on {_of(ask)}." if done else ""
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
    Outcome.ENDED: you_ended,
    Outcome.EXTENDED: you_extended,
    Outcome.NOTED: noted,
    Outcome.REFUSED: refused_ask,
    Outcome.TOO_LATE: too_late,
    Outcome.NOT_EXTENDED: not_extended,
    Outcome.NO_SESSION: no_session,
}
