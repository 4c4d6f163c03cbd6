"""The figures of operation: what each step of a session adds to them, and what stands now. Pure.

The stream tells every step of every session, whoever made it; so what happened is counted there.
What stands, the sweep counts each minute: that it is counted at all is the sweep's sign of life.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.machine import State
from chalicelib.session import FOUND, Session, from_iso

OVERDUE = timedelta(minutes=2)  # past the deadline
LATE = timedelta(minutes=10)  # a report
REPORTS_DUE = {State.REPORTING: "report_at", State.CONCLUDING: "conclude_at"}


def entered(record: Mapping[str, Any]) -> str | None:
    """The state that a session has entered, as a stream record tells it; None where it has not."""
    image = record["dynamodb"]
    new, old = image.get("NewImage", {}), image.get("OldImage", {})
    if _text(new, "kind") != "session" or _text(new, "state") == _text(old, "state"):
        return None
    return _text(new, "state")


def happened(record: Mapping[str, Any]) -> dict[str, float]:
    """What such a record adds to the figures; for a record that `entered` says something of."""
    new, old = record["dynamodb"]["NewImage"], record["dynamodb"].get("OldImage", {})
    pressed = record["eventName"] == "INSERT" and _text(new, "shape") != FOUND
    found: dict[str, float] = {"Presses": 1} if pressed else {}
    match _text(new, "state"):
        case State.DENIED:
            found["Refusals"] = 1
        case State.ACTIVE:
            found["Grants"] = 1
            found |= _between("TimeToAccessSeconds", new, "asked_at", "granted_at")
        case State.SETTLING if "lag_gone" in new:
            found["RevocationLagSeconds"] = float(new["lag_gone"]["N"])
        case State.TAILING | State.CLOSED if "reported_at" in new and "reported_at" not in old:
            found["Reports"] = 1
    return found


def glass(record: Mapping[str, Any]) -> str:
    """The glass, where there is one by that name: the name of any other is a stranger's choice."""
    new = record["dynamodb"]["NewImage"]
    return _text(new, "glass") if "account_id" in new else ""


def standing(sessions: Iterable[Session], now: datetime) -> dict[str, float]:
    """How it stands: access that may be open, access that should not be, reports that are late."""
    found = {"OpenSessions": 0.0, "OverdueSessions": 0.0, "LateReports": 0.0}
    for session in sessions:
        if session.live:
            found["OpenSessions"] += 1
            over = session.over_since
            found["OverdueSessions"] += over is not None and now - over > OVERDUE
        due = getattr(session, REPORTS_DUE.get(session.state, ""), None)
        found["LateReports"] += due is not None and now - due > LATE
    return found


def _between(name: str, image: Mapping[str, Any], start: str, end: str) -> dict[str, float]:
    if start not in image or end not in image:
        return {}
    took = from_iso(_text(image, end)) - from_iso(_text(image, start))
    return {name: took.total_seconds()}


def _text(image: Mapping[str, Any], name: str) -> str:
    return str(image.get(name, {}).get("S", ""))
