"""What every port of a life shares, and how time passes for a worker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import ExternalError, Unavailable
from chalicelib.domain.schedule import ALARM_AFTER
from chalicelib.domain.session import Session
from chalicelib.workflow.answers import Rest, Turn
from chalicelib.workflow.timing import CALL_TAKES
from tests.simulation.actors import MS, SECOND, Came, Stopped, Worker, moment, ms_of

if TYPE_CHECKING:
    from chalicelib.workflow.runner import Runner
    from tests.simulation.world import World

# ---- the ports -----------------------------------------------------------------------------------


class Ports:
    """What every port shares: the world, and which session the worker at hand looks at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = world.faults

    @property
    def session_id(self) -> str:
        worker = self.world.current
        assert worker is not None
        return worker.looks_at

    @property
    def side(self) -> str:
        worker = self.world.current
        assert worker is not None
        return worker.side

    def log(self, level: str, what: str, /, **facts: Any) -> None:
        world = self.world
        if world.replaying:
            world.again()
            return
        world.brings(None)
        self.world.explained.log(what, facts)
        if what == "a session moves in a circle":
            world.fail(f"{facts['session']} moves in a circle")
        if what in ("a look failed", "a duty failed") and facts["error"] not in FORESEEN:
            world.fail(f"a look at {facts['session']} raised {facts['error']}")
        if what == "a look failed" and facts["error"] == "Unavailable" and not world.table_failed:
            world.fail(f"a look at {facts['session']} came to nothing, though its row was there")

    def _table_failed(self, thing: str, look_too: bool = True) -> None:
        worker = self.world.current
        if thing == "table" and worker is not None:
            self.world.table_failed |= look_too
            worker.failed_at = self.world.now

    def token(self) -> str:
        world = self.world
        if world.replaying:
            return str(world.again())
        world.tokens += 1
        return str(world.brings(f"t{world.tokens}"))

    def down(self, thing: str, fault: str | None = None) -> None:
        if self.faults.strikes(fault or f"{thing} down") or self.faults.out(thing, self.world.now):
            self._table_failed(thing)
            raise Unavailable(f"{thing} is down")


HANGS = {  # call → what it is asked of, and how long it takes to be given up
    **dict.fromkeys(("create", "delete"), ("identity center", 7 * SECOND)),
    **dict.fromkeys(("creation", "deletion", "creating", "deleting", "assigned", "assignees",
                     "permission_set"), ("identity center", 10 * SECOND)),
    **dict.fromkeys(("person", "user"), ("directory", 10 * SECOND)),
    **dict.fromkeys(("email", "respond", "post", "update"), ("slack", 8 * SECOND)),
    **dict.fromkeys(("wake", "bury"), ("queue", 3 * SECOND)),
    **dict.fromkeys(("ask", "answer"), ("trail", 20 * SECOND)),
    "mail": ("mail", 12 * SECOND),
}  # fmt: skip
FORESEEN = {"Broken", *(each.__name__ for each in ExternalError.__subclasses__())}


def cold(runner: Runner) -> None:
    """As a function that has just begun: it remembers neither refusals nor alarms."""
    decider, alarms = runner.decider, runner.alarms
    for each in (decider._may_not, decider._turned_away, decider._told):
        each.clear()
    alarms._alarmed.clear()
    alarms._left.clear()


class Looking(Ports):
    """The runner, as the triggers of this worker have it."""

    def __init__(self, world: World, worker: Worker) -> None:
        super().__init__(world)
        self.worker = worker

    def advance(self, session_id: str, look: Turn, known: Session | None = None) -> Rest | None:
        """Once it is over it need not be gone through again: what came of it takes its place."""
        worker = self.worker
        log, start = worker.log, worker.at
        if start < len(log) and isinstance(log[start][1], Came):
            worker.at += 1
            return log[start][1].of
        world = self.world
        worker.looks_at = self._session_of(session_id)
        if not log[start:]:  # else it was stopped in the middle, and goes on
            world.table_failed, worker.look_began = False, world.now
        cold(worker.runner)  # what it remembers is in no log, and time goes back here
        rest = worker.runner.advance(session_id, look, known)
        log[start:] = [(True, Came(rest))]
        worker.at = start + 1
        if "/" not in session_id:
            self._is_known(session_id, worker, worker.look_began)
        return rest

    def alarm(self, session_id: str, error: str) -> None:
        cold(self.worker.runner)
        self.worker.alarms = True
        try:
            self.worker.runner.alarm(session_id, error)
        finally:
            self.worker.alarms = False

    def note_alarms(self) -> list[str]:
        return []  # it has just begun, and remembers none

    def _session_of(self, row_id: str) -> str:
        rows = self.world.rows
        if "/" not in row_id:
            return row_id
        found = rows.asks.get(row_id) or rows.decided.get(row_id.rpartition("/")[2])
        if isinstance(found, Ask):
            return found.session_id
        return found.id if found else "bg-" + row_id.rpartition("-")[2]

    def _is_known(self, session_id: str, worker: Worker, began: int) -> None:
        """Whoever has looked at access that should be over for minutes has made it known."""
        world, row = self.world, self.world.rows.sessions.get(session_id)
        if row is None or not row.live or row.over_since is None:
            return
        late = began + worker.skew - ms_of(row.over_since)
        if late < ALARM_AFTER[0] // MS or worker.dies - world.now < CALL_TAKES // MS:
            return
        if row.alarms == 0 and session_id not in world.rows.unreadable:
            world.fail(f"{session_id} is {late / 1000:.0f} s late, was looked at, and nobody knows")


class Remaining:
    """How long the worker at hand may still live."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self) -> timedelta:
        world = self.world
        if world.replaying:
            value: timedelta = world.again()
            return value
        worker = world.current
        assert worker is not None
        if worker.resumed:
            worker.resumed = False
        elif world.faults.strikes("long pause"):
            worker.failed_at = world.now
            raise Stopped(world.now + world.random.randrange(40_000))
        return world.brings(timedelta(milliseconds=worker.dies - world.now))


class Clock(Ports):
    """Each worker's own clock; no two are further apart than the skew that is allowed for."""

    def now(self) -> datetime:
        world = self.world
        if world.replaying:
            value: datetime = world.again()
            return value
        worker = world.current
        assert worker is not None
        if worker.resumed:
            worker.resumed = False
        elif self.faults.strikes("pause"):
            raise Stopped(world.now + world.random.randrange(1, 1_000))
        return world.brings(moment(world.now + worker.skew))

    def sleep(self, duration: timedelta) -> None:
        world = self.world
        if world.replaying:
            world.again()
            return
        world.brings(None)
        if duration % MS:
            world.fail(f"{self.session_id}: a time that is not in whole milliseconds")
        raise Stopped(world.now + duration // MS)
