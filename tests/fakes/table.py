"""The table in memory: the same conditions and transactions as the adapter for DynamoDB."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import LockTaken, Stale, Unreadable
from chalicelib.domain.machine import OPEN, State
from chalicelib.domain.session import DECIDE_WITHIN, Access, Lock, Noted, Session

Wrote = Callable[[Session | None, Session], None]
EMPTY = {field.name: field.default for field in fields(Session)}


class Rows:
    """Sessions, asks, locks, leases and noted assignments.

    `wrote` hears of each session row that changes, `asked_for` of each new ask. `unreadable` has
    the ids of sessions that a hand
    has spoiled, until somebody writes the whole row anew.
    """

    def __init__(
        self,
        wrote: Wrote = lambda old, new: None,
        asked_for: Callable[[str], None] = lambda row_id: None,
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self.asks: dict[str, Session | Ask] = {}  # by the ids of their rows
        self.decided: dict[str, Ask] = {}
        self.locks: dict[str, str] = {}
        self.free_at: dict[str, datetime] = {}  # of locks whose sessions are over
        self.leases: dict[str, int] = {}  # session id → TTL in whole seconds
        self.notes_of: dict[Access, Noted] = {}
        self.unreadable: set[str] = set()
        self.wrote, self.asked_for = wrote, asked_for

    # ---- what the route does

    def record(self, asked: Session | Ask) -> bool:
        row_id = f"ask/{asked.id}"
        if row_id in self.asks:
            return False
        if isinstance(asked, Session) and not asked.found and asked.wait_until is None:
            until = asked.asked_at + DECIDE_WITHIN  # as ask.read() gives it, whatever the row says
            asked = asked.with_(wait_until=until, look_at=asked.asked_at)
        self.asks[row_id] = asked
        self.asked_for(row_id)
        return True

    # ---- ports.Store

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        if session_id in self.unreadable:
            raise Unreadable(f"{session_id} is no session")
        return self.sessions.get(session_id), session_id in self.leases

    def remains(self, session_id: str) -> Session | None:
        row = self.sessions.get(session_id)
        if row is None or not row.live:
            return None
        return replace(row, state=State.ACTIVE, version=0, deadline=row.over_since, ended_at=None)

    def asked(self, row_id: str) -> Session | Ask | None:
        if row_id.startswith("asked/"):
            return self.decided.get(row_id.removeprefix("asked/"))
        found = self.asks.get(row_id)
        if isinstance(found, Session) and found.id in self.sessions:
            del self.asks[row_id]
            return None
        if isinstance(found, Ask) and found.id in self.decided:
            del self.asks[row_id]
            return None
        return found

    def decide(self, ask: Ask, session: Session | None = None) -> None:
        if f"ask/{ask.id}" not in self.asks or ask.id in self.decided:
            raise Stale(ask.id)
        if session is not None:
            self.expect(session)
            if ask.deadline_after is not None:
                if session.id not in self.leases:
                    raise Stale(session.id)
                self._lease(session)
        del self.asks[f"ask/{ask.id}"]
        self.decided[ask.id] = replace(ask, version=1)
        if session is not None:
            self._put(session)

    def answered(self, ask: Ask) -> None:
        known = self.decided.get(ask.id)
        if known is None or known.version != ask.version:
            raise Stale(ask.id)
        self.decided[ask.id] = replace(ask, version=ask.version + 1)

    def drop_ask(self, row_id: str) -> None:
        self.asks.pop(row_id, None)

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
        self._update(replace(row, **kept))

    def allow(self, session: Session) -> None:
        self.expect(session)
        if session.access.key in self.locks:
            raise LockTaken(session.access.key)
        self.locks[session.access.key] = session.id
        self._lease(session)
        self._put(session)

    def release(self, session: Session) -> None:
        self.expect(session)
        late, key = session.revoke_late_until, session.access.key
        if late is not None:
            if self.locks.get(key, session.id) == session.id:
                self.locks[key], self.free_at[key] = session.id, late
        elif self.locks.get(key) == session.id:
            self.unlock(key)
        self.leases.pop(session.id, None)
        self._put(session)

    def lock(self, access: Access) -> Lock | None:
        holder = self.locks.get(access.key)
        return Lock(holder, self.free_at.get(access.key)) if holder else None

    def free(self, access: Access, lock: Lock) -> None:
        if self.lock(access) == lock:
            self.unlock(access.key)

    def unlock(self, key: str) -> None:
        """The lock is gone, whoever held it."""
        self.locks.pop(key, None)
        self.free_at.pop(key, None)

    # ---- ports.Books

    def all_locks(self) -> Sequence[tuple[str, Access | None]]:
        return [(f"door/{key}", access_of(key)) for key in self.locks]

    def all_leases(self) -> Sequence[str]:
        return list(self.leases)

    def restore_lock(self, session: Session) -> None:
        self.expect(session)
        if session.access.key in self.locks:
            raise Stale(session.access.key)
        self.locks[session.access.key] = session.id

    def drop(self, session_id: str) -> None:
        self.leases.pop(session_id, None)

    def noted(self, access: Access) -> Noted | None:
        return self.notes_of.get(access)

    def notes(self) -> Sequence[Access]:
        return [access for access, noted in self.notes_of.items() if noted.gone_at is None]

    def note(self, noted: Noted) -> None:
        known = self.notes_of.get(noted.access)
        if (known.version if known else 0) != noted.version:
            raise Stale(noted.access.key)
        self.notes_of[noted.access] = replace(noted, version=noted.version + 1)

    def ask_back(self, access: Access, glass: str, now: datetime) -> str:
        found = ask.found(access, glass, now)
        row_id = f"ask/found{found.id.removeprefix('bg')}"
        self.asks[row_id] = ask.read(
            row_id, {f.name: getattr(found, f.name) for f in fields(found)}
        )
        self.asked_for(row_id)
        return row_id

    def take_over(self, session: Session) -> None:
        self.expect(session)
        noted = self.notes_of.get(session.access)
        if noted and noted.standing:
            raise Stale(session.id)
        if session.access.key in self.locks:
            raise LockTaken(session.access.key)
        self.locks[session.access.key] = session.id
        self._lease(session)
        self._put(session)

    # ---- conditions and effects, each in one place

    def expect(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        if session.version == 0 and row is None and _ask_of(session) in self.asks:
            return
        if row is None or row.version != session.version:
            raise Stale(session.id)

    def _put(self, session: Session) -> None:
        if session.version == 0:
            self.asks.pop(_ask_of(session), None)
        old = self.sessions.get(session.id)
        new = self.sessions[session.id] = replace(session, version=session.version + 1)
        self.unreadable.discard(session.id)
        self.wrote(old, new)

    def _update(self, session: Session) -> None:
        """Some attributes alone: what an operator has spoiled besides stays so."""
        spoiled = session.id in self.unreadable
        self._put(session)
        if spoiled:
            self.unreadable.add(session.id)

    def _lease(self, session: Session) -> None:
        assert session.deadline is not None
        self.leases[session.id] = ceil(session.deadline.timestamp())


def _ask_of(session: Session) -> str:
    return f"ask/found{session.id.removeprefix('bg')}" if session.found else f"ask/{session.id}"


def is_open(session: Session | None) -> bool:
    return session is not None and session.state in OPEN


def access_of(key: str) -> Access | None:
    """What the lock of this key is the lock of; None where it says nothing."""
    account_id, _, rest = key.partition("/")
    permission_set_arn, _, principal_id = rest.rpartition("/")
    if not (account_id and permission_set_arn and principal_id):
        return None
    return Access(account_id, permission_set_arn, principal_id)


def short(key: str) -> str:
    """An access in few words: whose, and which permission set."""
    access = access_of(key)
    return (
        f"{access.principal_id}/{access.permission_set_arn.rpartition('/')[2]}" if access else key
    )
