"""What the sweep and the log read, with ten, ten thousand and a million closed sessions.

The rows are those that the app writes, and the indexes those of chalicelib.deploy.schema, kept in
memory as DynamoDB keeps them: a row is in an index where it has its keys. A query reads what it
returns, plus nothing; so what is counted is how many rows of each index a query goes through.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.figures import Figure, Report
from chalicelib.deploy import schema
from chalicelib.domain import rows
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session, iso

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGE = 100  # rows that `tools log` shows
PEOPLE, ACCOUNTS, OPEN = 50, 20, 3


@dataclass
class Index:
    """A global secondary index: rows under their hash key, in the order of their range key."""

    hash_key: str
    range_key: str | None
    under: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def put(self, row: dict[str, Any]) -> None:
        if self.hash_key in row and (self.range_key is None or self.range_key in row):
            self.under[row[self.hash_key]].append(row.get(self.range_key or "", ""))

    def sort(self) -> None:
        for kept in self.under.values():
            kept.sort()

    def read(self, key: str, upto: str, limit: int) -> int:
        """The rows that a Query with that condition and limit goes through."""
        kept = self.under.get(key, [])
        return min(bisect.bisect_right(kept, upto), limit)


def build(closed: int) -> dict[str, Index]:
    """The indexes of a table with so many closed sessions, and a few that are open."""
    indexes = {name: Index(hashed, ranged) for name, (hashed, ranged, _) in schema.INDEXES.items()}
    for number in range(closed + OPEN):
        over = number < closed
        session = Session(
            id=f"s{number}", glass="prod", state=State.CLOSED if over else State.ACTIVE,
            asked_at=NOW - timedelta(minutes=closed - number), person=f"p{number % PEOPLE}",
            account_id=f"{100000000000 + number % ACCOUNTS}", permission_set_arn="set",
            principal_id=f"p{number}", look_at=None if over else NOW,
        )  # fmt: skip
        row = KEYS(session) if closed <= 10_000 else _keys(session)
        for index in indexes.values():
            index.put(row)
    for index in indexes.values():
        index.sort()
    return indexes


def KEYS(session: Session) -> dict[str, Any]:  # noqa: N802 - see _keys
    """The row as the app writes it, its times as text."""
    found = rows.values(session)
    return {k: iso(v) if isinstance(v, datetime) else v for k, v in found.items()}


def _keys(session: Session) -> dict[str, Any]:
    """What of the row the indexes need; the same as KEYS's, quicker for a million."""
    row = {"person": session.person, "account_id": session.account_id,
           "asked_at": session.asked_at.isoformat()}  # fmt: skip
    if session.look_at:
        row |= {"open": rows.DUE_SESSIONS, "look_at": session.look_at.isoformat()}
    if session.live:
        row["live_access"] = session.access.key
    return row


def measure(report: Report, quick: bool) -> None:
    report.section(
        "The sweep and the log, whatever the size of the log",
        "rows that a query goes through, over the rows that the app writes and its indexes, kept "
        f"in memory as DynamoDB keeps them; {OPEN} sessions are open",
    )
    for closed in (10, 10_000) if quick else (10, 10_000, 1_000_000):
        indexes = build(closed)
        last = iso(NOW + timedelta(days=1))
        swept = indexes["due"].read(rows.DUE_SESSIONS, last, 500)
        person = indexes["by-person"].read("p1", last, PAGE)
        account = indexes["by-account"].read("100000000001", last, PAGE)
        report.add(
            Figure(f"{closed:,} closed: rows read by a sweep", swept, "", aim=OPEN),
            Figure(f"{closed:,} closed: rows read by a page of a person's log", person, "",
                   aim=PAGE),
            Figure(f"{closed:,} closed: rows read by a page of an account's log", account, "",
                   aim=PAGE),
        )  # fmt: skip
