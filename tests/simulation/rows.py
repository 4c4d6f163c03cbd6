"""The table in memory: the same conditions and transactions as chalicelib.adapters.dynamodb."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.machine import OPEN, State
from chalicelib.ports import DoorTaken, Stale, Unreadable
from chalicelib.session import Access, Noted, Session

Wrote = Callable[[Session | None, Session], None]
EMPTY = {field.name: field.default for field in fields(Session)}


class Rows:
    """Sessions, doors, leases and noted assignments.

    `wrote` hears of each session row that changes. `unreadable` has the ids of sessions that a hand
    has spoiled, until somebody writes the whole row anew.
    """

    def __init__(self, wrote: Wrote = lambda old, new: None) -> None:
        self.sessions: dict[str, Session] = {}
        self.doors: dict[str, str] = {}
        self.leases: dict[str, int] = {}  # session id → TTL in whole seconds
        self.notes_of: dict[Access, Noted] = {}
        self.unreadable: set[str] = set()
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
        askers = (*getattr(row, f"{kind}_askers"), slack_user)
        wish = {f"{kind}_askers": askers, f"{kind}_asked_at": now}
        self._update(replace(row, look_at=now, **wish))
        return True

    # ---- ports.Store

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        if session_id in self.unreadable:
            raise Unreadable(f"{session_id} is no session")
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
        self._update(replace(row, **kept))

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

    # ---- ports.Books

    def all_doors(self) -> Sequence[tuple[str, Access | None]]:
        return [(f"door/{key}", access_of(key)) for key in self.doors]

    def all_leases(self) -> Sequence[str]:
        return list(self.leases)

    def hang(self, session: Session) -> None:
        self.expect(session)
        if session.access.key in self.doors:
            raise Stale(session.access.key)
        self.doors[session.access.key] = session.id

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

    def take_over(self, session: Session) -> None:
        noted = self.notes_of.get(session.access)
        if session.id in self.sessions or (noted and noted.standing):
            raise Stale(session.id)
        if session.access.key in self.doors:
            raise DoorTaken(session.access.key)
        self.doors[session.access.key] = session.id
        self._lease(session)
        self._put(session)

    # ---- conditions and effects, each in one place

    def expect(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        if row is None or row.version != session.version:
            raise Stale(session.id)

    def _put(self, session: Session) -> None:
        old = self.sessions.get(session.id)
        new = self.sessions[session.id] = replace(session, version=session.version + 1)
        self.unreadable.discard(session.id)
        self.wrote(old, new)

    def _update(self, session: Session) -> None:
        """Some attributes alone: what a hand has spoiled besides stays so."""
        spoiled = session.id in self.unreadable
        self._put(session)
        if spoiled:
            self.unreadable.add(session.id)

    def _lease(self, session: Session) -> None:
        assert session.deadline is not None
        self.leases[session.id] = ceil(session.deadline.timestamp())


def is_open(session: Session | None) -> bool:
    return session is not None and session.state in OPEN


def access_of(key: str) -> Access | None:
    """What the door of this key is the door of; None where it says nothing."""
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
