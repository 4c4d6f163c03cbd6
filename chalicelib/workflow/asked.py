"""What becomes of an ask that may be granted: *End now*, *Extend*, a reason. Pure.

Each gives the decided ask, and the session after it, or None where that stays as it is.
"""

from datetime import datetime

from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.lasting import NOTHING, extends_by
from chalicelib.domain.machine import ROWS, Event, State
from chalicelib.domain.session import Session
from chalicelib.words import messages
from chalicelib.workflow import notifications
from chalicelib.workflow.changes import end_of, said_soon
from chalicelib.workflow.timing import GONE_WITHIN

Decided = tuple[Ask, Session | None]


def ended(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*End now*: access is taken back at once."""
    side = decided.decided_look
    changes = {"ended_by": by} | end_of(session, Event.ENDED, now, side)
    after = session.entered(Event.ENDED, now, f"{side}, {by}", **changes)
    after = said_soon(after, now + GONE_WITHIN, *notifications.of_a_change(session))
    after = after.with_(why=why_now(decided, session))
    stays = messages.STANDS if session.stands else ""
    return decided.with_(outcome=Outcome.ENDED, owed=_owed(decided, session), reason=stays), after


def extended(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*Extend*: the deadline moves, as often and as far as the session's glass allowed.

    Who pressed before the last extension was written had not seen it, and means no further one.
    """
    longer = extends_by(session) if Kind.EXTEND in ROWS[session.state].asks else NOTHING
    unseen = session.extended_at is not None and decided.asked_at <= session.extended_at
    if not longer or unseen or session.deadline is None:
        said = messages.why_not_extended(session)
        return decided.with_(outcome=Outcome.NOT_EXTENDED, reason=said), None
    after = session.entered(
        Event.EXTENDED,
        now,
        f"{decided.decided_look}, {by}",
        deadline=session.deadline + longer,
        extended=session.extended + 1,
        extended_by=by,
        extended_at=now,
        why=why_now(decided, session),
        owed=notifications.owing(session, *notifications.of_a_change(session)),
    )
    owed = _owed(decided, session)
    changes = {"owed": owed, "deadline_after": after.deadline}
    return decided.with_(outcome=Outcome.EXTENDED, **changes), after


def _owed(decided: Ask, session: Session) -> tuple[str, ...]:
    """The person's own card says it; another hears of it by an answer."""
    return () if decided.slack_user == session.slack_user else ("answer",)


def why_now(ask: Ask, session: Session) -> str:
    """What whoever has the access said in the card's field, if anything."""
    return ask.why if ask.why and ask.slack_user == session.slack_user else session.why


def reasoned(decided: Ask, session: Session) -> tuple[Ask, Session | None]:
    """The reason, from whoever has or had the access; also when it is over, for report and log."""
    if decided.slack_user != session.slack_user:
        return decided.with_(outcome=Outcome.REFUSED, reason=""), None
    if session.state is State.DENIED:
        return decided.with_(outcome=Outcome.TOO_LATE, reason=messages.NEVER_OPEN), None
    if session.why or not decided.why:  # once: each write puts off who is writing what ends access
        said = messages.REASON_GIVEN if session.why else messages.NO_REASON
        return decided.with_(outcome=Outcome.TOO_LATE, reason=said), None
    owed = notifications.owing(session, *notifications.of_a_change(session))
    after = session.with_(why=decided.why, owed=owed)
    return decided.with_(outcome=Outcome.NOTED, owed=()), after
