"""The table in memory for one test: its indexes are never late. See ports.Books."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Session
from tests.fakes.table import Rows


class MemoryBooks(Rows):
    """What the table has besides: its indexes of sessions."""

    def living(self, access: Access) -> Sequence[str]:
        return [each for each in self.alive() if self.sessions[each].access == access]

    def unreviewed(self, session: Session, since: datetime) -> str | None:
        """Of that person and glass."""
        whose = (session.principal_id, session.glass)
        for each in sorted(self.sessions.values(), key=lambda each: each.asked_at, reverse=True):
            same = (each.principal_id, each.glass) == whose and each.asked_at >= since
            if same and each.state is State.REVIEWING:
                return each.id
        return None

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        waiting = [each for each in self.sessions.values() if each.look_at and each.look_at <= now]
        waiting.sort(key=lambda each: (not each.live, each.look_at or now))
        return [each.id for each in waiting[:limit]]

    def asks_due(self, now: datetime, limit: int) -> Sequence[str]:
        waiting = [(each.asked_at, row_id) for row_id, each in self.asks.items()]
        for each in self.decided.values():
            if each.owed:
                waiting.append((each.tell_at or each.decided_at or now, f"asked/{each.id}"))
        return [row_id for due, row_id in sorted(waiting) if due <= now][:limit]

    def put_away(self, now: datetime, most: int) -> int:
        return 0  # what pretends to be another kind of row is none here

    def unfinished(self) -> Sequence[tuple[Session, bool]]:
        waiting = [each for each in self.sessions.values() if each.look_at is not None]
        return [(each, each.id in self.leases) for each in waiting]

    def alive(self) -> Sequence[str]:
        return [each.id for each in self.sessions.values() if each.by_access]

    def session_that_saw(self, access: Access) -> str | None:
        for each in sorted(self.sessions.values(), key=lambda each: each.asked_at, reverse=True):
            if each.access == access and each.standing == "yes":
                return each.id
        return None
