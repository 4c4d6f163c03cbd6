"""The table as a worker has it: it fails, and answers late."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Stale, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Lock, Noted, Session
from tests.simulation.ports import Ports


class Store(Ports):
    """ports.Store over the rows in memory."""

    def _reads(self, name: str, do: Callable[..., Any], *args: Any) -> Any:
        def read() -> Any:
            self.down("table")
            return do(*args)

        return self.world.call(name, read)

    def _writes(self, name: str, do: Callable[..., None], *args: Any) -> None:
        def write() -> None:
            self.down("table")
            do(*args)
            if self.faults.strikes("table: answer lost"):
                self._table_failed("table")
                raise Unavailable("no answer")
            if self.faults.strikes("table: repeated"):
                self._table_failed("table", look_too=False)
                raise Stale("its own repeat")

        self.world.call(name, write)

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        self.world.turns[session_id] += not self.world.replaying
        found: tuple[Session | None, bool] = self._reads("read", self.world.rows.read, session_id)
        return found

    def remains(self, session_id: str) -> Session | None:
        found: Session | None = self._reads("remains", self.world.rows.remains, session_id)
        return found

    def write(self, session: Session) -> None:
        self._writes("write", self.world.rows.write, session)

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        self._writes("outcome", self.world.rows.outcome, session_id, token, changes)

    def allow(self, session: Session) -> None:
        self._writes("allow", self.world.rows.allow, session)

    def release(self, session: Session) -> None:
        self._writes("release", self.world.rows.release, session)

    def take_over(self, session: Session) -> None:
        self._writes("take_over", self.world.rows.take_over, session)

    def asked(self, row_id: str) -> Session | Ask | None:
        found: Session | Ask | None = self._reads("asked", self.world.rows.asked, row_id)
        return found

    def decide(self, ask: Ask, session: Session | None = None) -> None:
        self._writes("decide", self.world.rows.decide, ask, session)

    def answered(self, ask: Ask) -> None:
        self._writes("answered", self.world.rows.answered, ask)

    def drop_ask(self, row_id: str) -> None:
        self._writes("drop_ask", self.world.rows.drop_ask, row_id)

    def asks_due(self, now: datetime, limit: int) -> list[str]:
        found: list[str] = self._reads("asks_due", self.world.asks_due)
        return found[:limit]

    def lock(self, access: Access) -> Lock | None:
        found: Lock | None = self._reads("lock", self.world.rows.lock, access)
        return found

    def free(self, access: Access, lock: Lock) -> None:
        self._writes("free", self.world.rows.free, access, lock)

    def living(self, access: Access) -> list[str]:
        def find() -> list[str]:
            rows = self.world.index.values()
            return sorted(row.id for row in rows if row.by_access and row.access == access)

        found: list[str] = self._reads("living", find)
        return found

    def unreviewed(self, session: Session, since: datetime) -> str | None:
        """The latest first, as the index knows them by then."""

        def find() -> str | None:
            whose = (session.principal_id, session.glass)
            found = [
                row for row in self.world.index.values()
                if (row.principal_id, row.glass) == whose and row.state is State.REVIEWING
                and row.asked_at >= since
            ]  # fmt: skip
            return max(found, key=lambda row: row.asked_at).id if found else None

        found: str | None = self._reads("unreviewed", find)
        return found

    def due(self, now: datetime, limit: int) -> list[str]:
        found: list[str] = self._reads("due", self.world.due, now)
        return found

    def put_away(self, now: datetime, most: int) -> int:
        return 0  # nobody writes such rows in a life

    def unfinished(self) -> list[tuple[Session, bool]]:
        def find() -> list[tuple[Session, bool]]:
            world, found = self.world, list[tuple[Session, bool]]()
            for row in world.index.values():
                if row.id not in world.rows.unreadable:
                    found.append((row, row.id in world.rows.leases))
                elif left := world.rows.remains(row.id):
                    found.append((left, False))
            return found

        found: list[tuple[Session, bool]] = self._reads("unfinished", find)
        return found

    # ---- ports.Books

    def all_locks(self) -> list[tuple[str, Access | None]]:
        return self._lists("all_locks")

    def all_leases(self) -> list[str]:
        return self._lists("all_leases")

    def notes(self) -> list[Access]:
        return self._lists("notes")

    def _lists(self, name: str) -> Any:
        """From an index, so now and then as it was when it was last asked."""

        def look() -> Any:
            world = self.world
            now = list(getattr(world.rows, name)())
            before = world.listed_before.get(name, now)
            world.listed_before[name] = now
            return before if self.faults.strikes("lists late") else now

        return self._reads(name, look)

    def alive(self) -> list[str]:
        def find() -> list[str]:
            return sorted(row.id for row in self.world.index.values() if row.by_access)

        found: list[str] = self._reads("alive", find)
        return found

    def restore_lock(self, session: Session) -> None:
        self._writes("hang", self.world.rows.restore_lock, session)

    def drop(self, session_id: str) -> None:
        self._writes("drop", self.world.rows.drop, session_id)

    def noted(self, access: Access) -> Noted | None:
        found: Noted | None = self._reads("noted", self.world.rows.noted, access)
        return found

    def note(self, noted: Noted) -> None:
        self._writes("note", self.world.rows.note, noted)
        worker = self.world.current
        if worker is not None and not noted.standing and not noted.gone_at:
            self.world.explained.found_began.setdefault(noted.access.key, worker.began)

    def session_that_saw(self, access: Access) -> str | None:
        def find() -> str | None:
            rows = self.world.index.values()
            saw = [row for row in rows if row.standing == "yes" and row.access == access]
            return max(saw, key=lambda row: row.asked_at).id if saw else None

        found: str | None = self._reads("stood", find)
        return found

    def ask_back(self, access: Access, glass: str, now: datetime) -> str:
        def write() -> str:
            self.down("table")
            return self.world.rows.ask_back(access, glass, now)

        row_id: str = self.world.call("ask_back", write)
        return row_id
