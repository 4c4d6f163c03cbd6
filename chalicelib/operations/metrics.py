"""The figures of operation: what each step of a session adds to them, and what stands now. Pure.

A press is counted where the stream tells of its ask, every other step by whoever wrote it. What
stands, the sweep counts each minute: that it is counted at all is the sweep's sign of life.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session

OVERDUE_AFTER = timedelta(minutes=2)  # past the deadline
LATE = timedelta(minutes=10)  # a report
REPORTS_DUE = {State.REPORTING: "report_at", State.CONCLUDING: "conclude_at"}


def pressed(record: Mapping[str, Any]) -> str:
    """The id of the session that a press asks for, as a stream record tells it; else empty."""
    row_id = record["dynamodb"]["Keys"]["id"]["S"]
    new = record["eventName"] == "INSERT" and ask.is_open(row_id)
    return ask.session_of(row_id) if new else ""  # not when the ask has become the session's row


def glass(record: Mapping[str, Any]) -> str:
    """The glass, where there is one by that name: the name of any other is a stranger's choice."""
    new = record["dynamodb"]["NewImage"]
    return _text(new, "glass") if "account_id" in new else ""


def happened(session: Session, state: State) -> dict[str, float]:
    """What the session's step into `state` adds to the figures."""
    match state:
        case State.DENIED:
            return {"Refusals": 1}
        case State.ACTIVE if session.extended == 0:
            took = (session.granted_at or session.asked_at) - session.asked_at
            return {"Grants": 1, "TimeToAccessSeconds": took.total_seconds()}
        case State.SETTLING if session.lag_gone is not None:
            return {"RevocationLagSeconds": session.lag_gone}
        case State.TAILING:
            return {"Reports": 1}
        case State.REVIEWING | State.CLOSED if _reported_last(session, state):
            return {"Reports": 1}
    return {}


def standing(sessions: Iterable[Session], now: datetime) -> dict[str, float]:
    """How it stands: access that may be open, access that should not be, reports that are late."""
    found = {"OpenSessions": 0.0, "OverdueSessions": 0.0, "LateReports": 0.0, "OverdueReviews": 0.0}
    for session in sessions:
        if session.live:
            found["OpenSessions"] += 1
            over = session.over_since  # none where an operator has spoiled all that says so
            found["OverdueSessions"] += over is None or now - over > OVERDUE_AFTER
        due = getattr(session, REPORTS_DUE.get(session.state, ""), None)
        found["LateReports"] += due is not None and now - due > LATE
        if session.state is State.REVIEWING and session.review_until:
            found["OverdueReviews"] += now > session.review_until
    return found


def _reported_last(session: Session, state: State) -> bool:
    """Whether its only report came with this step; of what is then reviewed, with the one before
    the last."""
    only = session.reported_at is not None and session.reported_at == session.concluded_at
    return only and (state is State.REVIEWING or session.review_until is None)


def _text(image: Mapping[str, Any], name: str) -> str:
    return str(image.get(name, {}).get("S", ""))
