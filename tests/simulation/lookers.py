"""Those who look at the rows of a life."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.domain.errors import ExternalError, Unavailable, Unknown
from tests.fakes.table import is_open
from tests.simulation.actors import (
    HOUR,
    LIVES,
    MINUTE,
    PATIENCE,
    RECEIVES,
    SECOND,
    SWEEP_AT_MOST,
    SWEEP_LEAVES,
    Broken,
    Crashed,
    Said,
    Stopped,
    Worker,
    moment,
)
from tests.simulation.outside import WakeUps
from tests.simulation.ports import HANGS, Clock, Looking, Remaining
from tests.simulation.store import Store


class Lookers:
    """Those who look, each a worker that can be stopped at every call."""

    # ---- those who look

    def sweep(self) -> None:
        self.after(MINUTE, self.sweep)
        faults = self.faults
        if faults.strikes("sweep missing"):
            return
        skew = self.random.choice(self.skews)
        if faults.strikes("table down") or faults.out("table", self.now):
            return
        if self.due(moment(self.now + skew)) or self.leaseless() or self.asks_due():
            self._start("sweep", skew=skew)

    def reconcile(self, hourly: bool) -> None:
        if hourly:
            self.after(HOUR, self.reconcile, True)
        if self.faults.strikes("reconciliation missing"):
            return
        self._reconcile()
        if self.faults.strikes("reconciliation doubled"):
            self.after(self.random.randrange(10 * SECOND), self._reconcile)

    def _reconcile(self) -> None:
        self.faults.saw("reconciliation")
        if any(row.live for row in self.rows.sessions.values()):
            self.faults.saw("reconciliation beside a live session")
        if any(worker.side == "reconcile" for worker in self.workers):
            self.faults.saw("reconciliations at once")
        self.hands.entered_reconciliation()
        self._start("reconcile", looks_at="the books")

    def due(self, now: datetime) -> list[str]:
        found = [
            (row.look_at, row.id)
            for row in self.index.values()
            if row.look_at is not None and row.look_at <= now
        ]
        return [session_id for _, session_id in sorted(found)]

    def asks_due(self) -> list[str]:
        owed = [ask for ask in self.rows.decided.values() if ask.owed]
        return [*self.rows.asks, *(f"asked/{ask.id}" for ask in owed)]

    def leaseless(self) -> list[str]:
        """What is open, for all that the index tells, and has no lease."""
        rows = self.index.values()
        return sorted(row.id for row in rows if is_open(row) and row.id not in self.rows.leases)

    def _stream(self, session_id: str, record: dict[str, Any]) -> None:
        if self.faults.strikes("stream lost"):
            return
        wait = self.random.randrange(100, 1_000)
        if self.faults.strikes("stream late"):
            wait += self.random.randrange(5 * MINUTE)
        self.after(wait, self._streamed, session_id, record)

    def _streamed(self, session_id: str, record: dict[str, Any]) -> None:
        records = [*self.nonsense, record]
        self.nonsense = []
        self._start("stream", records, looks_at=session_id)

    def enqueue(self, session_id: str, body: str, after: int) -> None:
        copied = self.current is not None and self.current.copied
        if not copied:  # what comes of a message that was doubled is none of the app's
            self.sent[session_id].append(self.now)
        if self.faults.strikes("wake-up lost"):
            return
        for copies in range(2 if self.faults.strikes("wake-up doubled") else 1):
            wait = after + self.random.randrange(10, 200)
            if self.faults.strikes("wake-up late"):
                wait += self.random.randrange(2 * MINUTE)
            self.messages += 1
            is_copy = copied or copies > 0
            self.after(wait, self._receive, session_id, body, self.messages, 1, is_copy)

    def receive_soon(self, body: str) -> None:
        self.after(self.random.randrange(10, 200), self._receive, "nonsense", body, 0, 1)

    def _receive(
        self, session_id: str, body: str, number: int, received: int, copied: bool = False
    ) -> None:
        if 0 < number < self.brought.get(session_id, 0) and received == 1:
            self.faults.saw("wake-up reordered")
        self.brought[session_id] = max(number, self.brought.get(session_id, 0))
        self._start("queue", body, looks_at=session_id, received=received, copied=copied)

    def _start(
        self,
        side: str,
        task: Any = None,
        looks_at: str = "",
        received: int = 0,
        skew: int | None = None,
        copied: bool = False,
    ) -> None:
        self.names[side] += 1
        worker = Worker(
            f"{side}#{self.names[side]}",
            side,
            task,
            looks_at,
            self.now + LIVES[side],
            self.random.choice(self.skews) if skew is None else skew,
            self.now,
            self.runner,
            self.reconciler,
            received,
            copied,
        )
        if self.workers:
            self.faults.saw("workers at once")
        self.workers.add(worker)
        self._run(worker)

    def _run(self, worker: Worker) -> None:
        """Lets the worker go on until it is stopped, dies or has nothing left to do."""
        if worker.dead:
            return
        if self.now >= worker.dies:
            self.faults.saw("worker cut off by its time")
            self.die(worker, "ran out of time")
            return
        self.current, worker.at = worker, 0
        try:
            self._work(worker)
            self.workers.discard(worker)
        except (ExternalError, Broken) as trouble:
            self.workers.discard(worker)
            self.say(worker.name, f"fails: {trouble}")
        except Stopped as stopped:
            worker.resumed = True
            self.at(min(stopped.until, worker.dies), self._run, worker)
        except Crashed:
            self.die(worker, "crashes")
        except Exception as error:
            self.workers.discard(worker)
            self.fail(f"{worker.name} raised {type(error).__name__}: {error}")
            raise
        finally:
            self.current = None

    def _work(self, worker: Worker) -> None:
        """What the function does that this worker is an invocation of; see app.py."""
        remaining, at = Remaining(self), Looking(self, worker)
        if worker.side != "reconcile":
            made = self.triggers[worker.side](at, WakeUps(self), Store(self), Clock(self), at.log)
        match worker.side:
            case "reconcile":
                worker.reconciler.run()
            case "sweep":
                made.once(remaining, SWEEP_LEAVES, SWEEP_AT_MOST, PATIENCE)
            case "stream":
                made.follow(worker.task, remaining, PATIENCE)
            case "queue":
                message = {"messageId": "m1", "body": worker.task}
                if made.work_through([message], remaining)["batchItemFailures"]:
                    self._again(worker)

    def die(self, worker: Worker, how: str) -> None:
        worker.dead, worker.failed_at = True, self.now
        self.workers.discard(worker)
        self.say(worker.name, f"{how}, looking at {worker.looks_at or 'what is due'}")
        if worker.side == "queue":
            self._again(worker)

    def _again(self, worker: Worker) -> None:
        if worker.received < RECEIVES:
            again = worker.received + 1
            self.after(
                60 * SECOND, self._receive, worker.looks_at, worker.task, 0, again, worker.copied
            )

    # ---- a call from a worker

    def call(self, name: str, do: Callable[..., Any], *args: Any) -> Any:
        """What a port's call brings: the kept answer, or a fresh one with all that may go wrong."""
        worker = self.current
        assert worker is not None
        log = worker.log
        if worker.at < len(log):
            good, value = log[worker.at]
            worker.at += 1
            if good:
                return value
            raise value.with_traceback(None)
        faults = self.faults
        if worker.resumed:
            worker.resumed = False
        elif not faults.healed:
            if faults.strikes("crash before"):
                raise Crashed
            if faults.strikes("pause"):
                raise Stopped(self.now + self.random.randrange(1, 1_000))
            if faults.strikes("long pause"):
                longest = max(40_000, worker.dies - self.now)
                worker.failed_at = self.now
                raise Stopped(self.now + self.random.randrange(1_000, longest))
            if faults.strikes("exception before"):
                self._breaks(worker, name)
        try:
            self._hang(worker, name)
            value = do(*args)
        except ExternalError as trouble:
            self.say(worker.name, f"{name}: {type(trouble).__name__}: {trouble}")
            self._keep(worker, False, trouble)
            raise
        if faults.strikes("crash after"):
            raise Crashed
        if faults.strikes("exception after"):
            self._breaks(worker, f"after {name}")
        self._keep(worker, True, value)
        return value

    def _hang(self, worker: Worker, name: str) -> None:
        """No answer, until the caller has waited long enough."""
        thing, takes = HANGS.get(name, ("table", 3 * SECOND))
        if not worker.hangs and self.faults.hang(thing, self.now):
            worker.hangs = True
            raise Stopped(self.now + takes)
        if worker.hangs:
            worker.hangs = False
            self.table_failed |= thing in ("table", "queue")
            worker.failed_at = self.now if thing == "table" else worker.failed_at
            raise (Unknown if name in ("create", "delete") else Unavailable)(f"{thing} hangs")

    def tells(self, session_id: str, to: str, text: str) -> None:
        """Somebody hears or reads it."""
        worker = self.current
        assert worker is not None
        if not worker.alarms:
            self.said[session_id, to, text].append(Said(self.now, worker))

    def _breaks(self, worker: Worker, name: str) -> None:
        self.say(worker.name, f"{name}: an exception that nobody foresaw")
        broken, worker.failed_at = Broken(name), self.now
        self._keep(worker, False, broken)
        raise broken

    def _keep(self, worker: Worker, good: bool, value: Any) -> None:
        worker.log.append((good, value))
        worker.at += 1

    def brings(self, value: Any) -> Any:
        """As `call`, for what cannot fail and takes no time."""
        worker = self.current
        assert worker is not None
        self._keep(worker, True, value)
        return value

    @property
    def replaying(self) -> bool:
        worker = self.current
        assert worker is not None
        return worker.at < len(worker.log)

    def again(self) -> Any:
        worker = self.current
        assert worker is not None
        value = worker.log[worker.at][1]
        worker.at += 1
        return value
