"""The table in memory, with what reconciliation needs besides; see ports.Books."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.ports import DoorTaken, Stale, Unreadable
from chalicelib.session import Access, Noted, Session
from tests.simulation.rows import Rows


class MemoryBooks(Rows):
    """`unreadable`: ids of rows that a hand has spoiled."""

    def __init__(self) -> None:
        super().__init__()
        self.notes_of: dict[Access, Noted] = {}
        self.unreadable: set[str] = set()

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        if session_id in self.unreadable:
            raise Unreadable(f"{session_id} is no session")
        return super().read(session_id)

    def living(self, access: Access) -> Sequence[str]:
        return [each for each in self.alive() if self.sessions[each].access == access]

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        waiting = [each for each in self.sessions.values() if each.look_at and each.look_at <= now]
        waiting.sort(key=lambda each: each.look_at or now)
        return [each.id for each in waiting[:limit]]

    def unfinished(self, limit: int) -> Sequence[Session]:
        return [each for each in self.sessions.values() if each.look_at is not None][:limit]

    # ---- ports.Books

    def all_doors(self) -> Sequence[tuple[str, Access | None]]:
        return [(f"door/{key}", _access(key)) for key in self.doors]

    def all_leases(self) -> Sequence[str]:
        return list(self.leases)

    def alive(self) -> Sequence[str]:
        return [each.id for each in self.sessions.values() if each.live]

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

    def stood(self, access: Access) -> str | None:
        for each in sorted(self.sessions.values(), key=lambda each: each.asked_at, reverse=True):
            if each.access == access and each.standing == "yes":
                return each.id
        return None

    def take_over(self, session: Session) -> None:
        noted = self.notes_of.get(session.access)
        if session.id in self.sessions or (noted and noted.standing):
            raise Stale(session.id)
        if session.access.key in self.doors:
            raise DoorTaken(session.access.key)
        self.doors[session.access.key] = session.id
        self._lease(session)
        self._put(session)


def _access(key: str) -> Access | None:
    account_id, _, rest = key.partition("/")
    permission_set_arn, _, principal_id = rest.rpartition("/")
    if not (account_id and permission_set_arn and principal_id):
        return None
    return Access(account_id, permission_set_arn, principal_id)
