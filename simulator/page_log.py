"""The table's rows as the page shows them: presses with what became of them, locks and leases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.ask import ANSWERED, Kind
from chalicelib.domain.machine import State
from chalicelib.domain.session import DECIDE_WITHIN, Session, iso
from simulator import company

Row = dict[str, Any]
STEP = re.compile(r"(?P<at>\S+) (?P<state>[A-Z]+) (?P<event>.+?)(?: \((?P<look>\w+)\))?")


def sessions(rows: Iterable[Row]) -> list[Row]:
    """Every press, the newest first: as its session, or as its ask until somebody has decided."""
    rows = list(rows)
    found = {each["id"]: _session(each) for each in rows if each.get("kind") == "session"}
    for each in rows:
        if ask.is_open(each["id"]) and ask.kind_of(each["id"]) is Kind.BREAK:
            taken = _taken(each)
            found.setdefault(taken["id"], taken)
    asks = [each for each in rows if ask.kind_of(each["id"]) in ANSWERED]
    for each in found.values():
        each["asks"] = [_asked(row) for row in asks if row.get("session_id") == each["id"]]
        each["asks"].sort(key=lambda asked: str(asked["at"]))
    return sorted(found.values(), key=lambda each: str(each["asked_at"]), reverse=True)


def held(rows: Iterable[Row]) -> list[Row]:
    """The rows that stand for access which somebody holds."""
    return [_plain(each) for each in rows if each.get("kind") in ("door", "lease")]


def _session(row: Row) -> Row:
    """A row; with whose it is, its steps read, and when time alone moves it on."""
    path = [found.groupdict() for each in row.get("steps", []) if (found := STEP.fullmatch(each))]
    return {**_plain(row), "who": _who(row), "path": path, "due": _due(row)}


def _taken(row: Row) -> Row:
    """A press that nobody has decided yet, as the session that it may become."""
    until = datetime.fromisoformat(row["asked_at"]) + DECIDE_WITHIN
    will_be = {
        "id": ask.session_of(row["id"]),
        "state": str(State.REQUESTED),
        "wait_until": iso(until),
    }
    return {**_session(row | will_be), "row": _plain(row)}


def _asked(row: Row) -> Row:
    """*End now* or *Extend*, with what came of it, if it is decided."""
    kind, outcome = ask.kind_of(row["id"]), row.get("outcome", "")
    return {"kind": str(kind), "at": row.get("asked_at"), "who": _who(row), "outcome": outcome}


def _who(row: Row) -> str:
    """Their name as Slack shows it: the row has it only once it is decided who they are."""
    names = {each.slack_id: each.user.display_name for each in company.PEOPLE}
    user = str(row.get("slack_user", ""))
    return names.get(user, row.get("name") or user or "?")


def _due(row: Row) -> float | None:
    """When time alone moves the session on (epoch seconds), as the app itself reckons."""
    times = {
        name: datetime.fromisoformat(row[name])
        for name in ("asked_at", "wait_until", "deadline", "report_at", "conclude_at")
        if name in row
    }
    session = Session(id=row["id"], glass="", state=State(row["state"]), **times)
    return session.times_out_at.timestamp() if session.times_out_at else None


def _plain(row: Row) -> Row:
    """DynamoDB's numbers are decimals."""
    plain: Row = json.loads(json.dumps(row, default=float))
    return plain
