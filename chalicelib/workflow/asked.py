"""What becomes of an ask that may be granted. Pure.

Each gives the decided ask, and the session after it, or None where that stays as it is.
"""

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.lasting import NOTHING, extends_by
from chalicelib.domain.machine import ROWS, Event, State
from chalicelib.domain.session import DECIDE_WITHIN, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import changes, notifications
from chalicelib.workflow.changes import denied, end_of, said_soon
from chalicelib.workflow.timing import GONE_WITHIN

Decided = tuple[Ask, Session | None]


def approved(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*Approve*: all is decided anew, by the rules as they stand now [ASKS 5]."""
    again = {"approved_at": now, "approved_by": by, "approved_by_user": decided.slack_user}
    until, side = now + DECIDE_WITHIN, f"{decided.decided_look}, {by}"
    after = session.entered(Event.APPROVED, now, side, wait_until=until, **again)
    return decided.with_(outcome=Outcome.APPROVED), after


def bypassed(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """In without approval: not without a reason, and decided anew as well [ASKS 5]."""
    why = why_now(decided, session)
    if not why:
        return decided.with_(outcome=Outcome.REFUSED, reason=messages.WHY_ALONE), None
    again = {"bypassed_at": now, "why": why, "wait_until": now + DECIDE_WITHIN}
    after = session.entered(Event.BYPASSED, now, f"{decided.decided_look}, {by}", **again)
    return decided.with_(outcome=Outcome.BYPASSED, owed=()), after


def declined(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*Decline*: no access comes of it [ASKS 5]."""
    side, changes = f"{decided.decided_look}, {by}", denied(session, refusals.declined(by), now)
    after = session.entered(Event.DECLINED, now, side, declined_by=by, **changes)
    return decided.with_(outcome=Outcome.DECLINED), after


def withdrawn(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*End now* before anything has begun: by whoever asked, or who may end it in their place."""
    own = decided.slack_user == session.slack_user
    side = f"{decided.decided_look}, {by}"
    changes = denied(session, refusals.WITHDRAWN if own else refusals.declined(by), now)
    if own:  # who did it need not be told
        changes["owed"] = notifications.owing(session, *notifications.of_a_change(session))
    else:
        changes["declined_by"] = by
    after = session.entered(Event.ENDED, now, side, **changes)
    return decided.with_(outcome=Outcome.WITHDRAWN, owed=_owed(decided, session)), after


def acknowledged(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*Acknowledge*: access lasts as long as the glass says [ASKS 6]."""
    known = Kind.ACKNOWLEDGE in ROWS[session.state].asks and session.unacknowledged
    if not known or session.allowed_at is None:
        said = messages.why_not_acknowledged(session)
        return decided.with_(outcome=Outcome.TOO_LATE, reason=said), None
    after = session.entered(
        Event.ACKNOWLEDGED,
        now,
        f"{decided.decided_look}, {by}",
        deadline=session.allowed_at + session.duration,
        acknowledged_at=now,
        acknowledged_by=by,
        acknowledged_by_user=decided.slack_user,
        owed=notifications.owing(session, *notifications.of_a_change(session)),
    )
    return decided.with_(outcome=Outcome.ACKNOWLEDGED, deadline_after=after.deadline), after


def ended(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*End now*: access is taken back at once [ASKS 2]."""
    if session.state is State.APPROVING:
        return withdrawn(decided, session, by, now)
    side = decided.decided_look
    changes = {"ended_by": by, "ended_by_user": decided.slack_user} | end_of(
        session, Event.ENDED, now, side
    )
    after = session.entered(Event.ENDED, now, f"{side}, {by}", **changes)
    after = said_soon(after, now + GONE_WITHIN, *notifications.of_a_change(session))
    after = after.with_(why=why_now(decided, session))
    stays = messages.STANDS if session.stands else ""
    return decided.with_(outcome=Outcome.ENDED, owed=_owed(decided, session), reason=stays), after


def extended(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*Extend*: the deadline moves, as often and as far as the session's glass allowed [ASKS 3].

    Who pressed before the last extension was written had not seen it, and means no further one.
    """
    known = Kind.EXTEND in ROWS[session.state].asks and not session.unacknowledged
    longer = extends_by(session) if known else NOTHING
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
        extended_by_user=decided.slack_user,
        extended_at=now,
        why=why_now(decided, session),
        owed=notifications.owing(session, *notifications.of_a_change(session)),
    )
    owed = _owed(decided, session)
    changes = {"owed": owed, "deadline_after": after.deadline}
    return decided.with_(outcome=Outcome.EXTENDED, **changes), after


def reviewed(decided: Ask, session: Session, by: str, now: datetime) -> Decided:
    """*As expected*, *Follow up*: another has looked at it, and it is closed [ASKS 8]."""
    how = Outcome.EXPECTED if decided.kind is Kind.EXPECTED else Outcome.FOLLOW_UP
    after = changes.reviewed(session, how, by, decided.why, decided.decided_look, now)
    return decided.with_(outcome=how), after.with_(reviewed_by_user=decided.slack_user)


def _owed(decided: Ask, session: Session) -> tuple[str, ...]:
    """The person's own card says it; another hears of it by an answer."""
    return () if decided.slack_user == session.slack_user else ("answer",)


def why_now(ask: Ask, session: Session) -> str:
    """What whoever has the access said in the card's field, if anything."""
    return ask.why if ask.why and ask.slack_user == session.slack_user else session.why


def reasoned(decided: Ask, session: Session) -> Decided:
    """The reason, of whoever has or had the access; also when it is over, for the log [ASKS 4]."""
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


FIRST = frozenset(  # what comes of these is done before anything is said of it
    {Outcome.ENDED, Outcome.APPROVED, Outcome.BYPASSED}
)
DECIDES: dict[Kind, Callable[[Ask, Session, str, datetime], Decided]] = {
    Kind.APPROVE: approved,
    Kind.DECLINE: declined,
    Kind.BYPASS: bypassed,
    Kind.ACKNOWLEDGE: acknowledged,
    Kind.EXPECTED: reviewed,
    Kind.FOLLOWUP: reviewed,
    Kind.END: ended,
    Kind.EXTEND: extended,
}
