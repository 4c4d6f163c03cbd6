"""The table in memory: the same conditions and transactions as chalicelib.adapters.dynamodb."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.machine import OPEN, State
from chalicelib.ports import DoorTaken, Stale
from chalicelib.session import Access, Session

Wrote = Callable[[Session | None, Session], None]
EMPTY = {field.name: field.default for field in fields(Session)}


class Rows:
    """Sessions, doors and leases. `wrote` hears of each session row that changes."""

    def __init__(self, wrote: Wrote = lambda old, new: None) -> None:
        self.sessions: dict[str, Session] = {}
        self.doors: dict[str, str] = {}
        self.leases: dict[str, int] = {}  # session id → TTL in whole seconds
        self.wrote = wrote

    # ---- what the route does

    def record(self, session: Session) -> bool:
        if session.id in self.sessions:
            return False
        self._put(session)
        return True

    def wish(self, session_id: str, kind: str, slack_user: str, now: datetime) -> bool:
        row = self.sessions.get(session_id)
        if row is None or row.state not in (State.GRANTING, State.ACTIVE):
            return False
        wish = {f"{kind}_asked_by": slack_user, f"{kind}_asked_at": now}
        self._put(replace(row, look_at=now, **wish))
        return True

    # ---- ports.Store

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        return self.sessions.get(session_id), session_id in self.leases

    def write(self, session: Session) -> None:
        self.expect(session)
        self._put(session)

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        row = self.sessions.get(session_id)
        if row is None or not token or row.busy_token != token:
            raise Stale(session_id)
        kept = {
            name: EMPTY[name] if value in (None, "") else value for name, value in changes.items()
        }
        self._put(replace(row, **kept))

    def allow(self, session: Session) -> None:
        self.expect(session)
        if session.access.key in self.doors:
            raise DoorTaken(session.access.key)
        self.doors[session.access.key] = session.id
        self._lease(session)
        self._put(session)

    def extend(self, session: Session) -> None:
        self.expect(session)
        if session.id not in self.leases:
            raise Stale(session.id)
        self._lease(session)
        self._put(session)

    def release(self, session: Session) -> None:
        self.expect(session)
        if self.doors.get(session.access.key) == session.id:
            del self.doors[session.access.key]
        self.leases.pop(session.id, None)
        self._put(session)

    def holder(self, access: Access) -> str | None:
        return self.doors.get(access.key)

    def free(self, access: Access, holder: str) -> None:
        if self.doors.get(access.key) == holder:
            del self.doors[access.key]

    # ---- conditions and effects, each in one place

    def expect(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        if row is None or row.version != session.version:
            raise Stale(session.id)

    def _put(self, session: Session) -> None:
        old = self.sessions.get(session.id)
        new = self.sessions[session.id] = replace(session, version=session.version + 1)
        self.wrote(old, new)

    def _lease(self, session: Session) -> None:
        assert session.deadline is not None
        self.leases[session.id] = ceil(session.deadline.timestamp())


def is_open(session: Session | None) -> bool:
    return session is not None and session.state in OPEN
