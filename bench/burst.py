"""A thousand sessions that end in the same second, over the real runner, on virtual time.

The table is in memory and the outside is pretended, with Identity Center's limits: so many calls a
second of all kinds, and so many operations under way; what exceeds them is refused as AWS refuses
it, and the clients' own retries are those of the SDK. Workers are threads of which one runs at a
time: each call hands over to whoever is next in virtual time, so a run is the same every time.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from bench import figures
from bench.burst_ports import CENTER, DEADLINE, START, Clock, Ports, Store
from bench.figures import Figure, Report
from bench.virtual import Virtual
from chalicelib.adapters.identity_center.calls import Pace
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import Access, Session
from chalicelib.triggers.common import SAYING_TAKES
from chalicelib.wiring import SWEEP_PACE, WORKER_PACE, WORKERS
from chalicelib.workflow.answers import Outside, Turn
from chalicelib.workflow.runner import Glasses, Runner
from chalicelib.workflow.timing import POLL
from tests.fakes.table import Rows

LIVES, SWEEPS_FOR, LEAVES, AT_MOST = 60.0, 55.0, timedelta(seconds=10), 500
INDEX_LAG = 0.2
ATTEMPTS = 2  # of a read, as adapters.identity_center.reading_client makes them


@dataclass(frozen=True)
class Limits:
    sessions: int = 1000
    calls: float = 20  # a second
    outstanding: int = 10
    settles: float = 1.0  # seconds that a deletion takes
    queue: bool = True
    reports: int = 0  # of very many events, that are being read meanwhile
    seed: int = 1

    @property
    def floor(self) -> float:
        """Seconds that it takes at the least: three calls a revoke, and one place of those there
        are for as long as a deletion takes."""
        return max(3 * self.sessions / self.calls,
                   self.sessions * self.settles / self.outstanding)  # fmt: skip


@dataclass
class Outcome:
    gone: list[float] = field(default_factory=list)  # seconds after the deadline
    messages: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)  # read of each long report
    reported: int = 0
    refused: int = 0
    seconds: float = 0.0


class World:
    """The sessions, the queue, the sweep and Identity Center."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.virtual, self.found = limits, Virtual(), Outcome()
        self.random = random.Random(limits.seed)
        self.rows = Rows(self._wrote)
        self.calls: deque[float] = deque()
        self.under_way: dict[str, tuple[Access, float]] = {}
        self.truth: set[str] = set()
        self.messages: deque[str] = deque()
        self.idle = [self._process(WORKER_PACE) for _ in range(WORKERS)]
        self.sweeper = self._process(SWEEP_PACE)
        self.process = threading.local()
        self.tokens = itertools.count()
        self.zero = (DEADLINE - START).total_seconds()
        self.runner = Runner(self._outside(), Glasses({}, {}))
        for number in range(limits.sessions):
            self._open(number)
        if limits.queue:
            for session in self.rows.sessions.values():
                assert session.wake_at is not None
                early = session.wake_at - START - timedelta(seconds=self.random.random())
                self.virtual.at(early.total_seconds(), lambda name=session.id: self._arrives(name))
        for number in range(limits.reports):
            self._close(number)
        self.virtual.at(self.random.random() * 60 + self.zero - 60, self._sweep)

    def play(self) -> Outcome:
        everything = self.limits.sessions
        self.virtual.run(
            lambda: (
                len(self.found.gone) == everything and self.found.reported == self.limits.reports
            ),
            self.zero + 7200,
        )
        self.found.seconds = max(self.found.gone, default=0.0)
        return self.found

    def time(self) -> datetime:
        return START + timedelta(milliseconds=int(self.virtual.now * 1000))

    # Sessions

    def _open(self, number: int) -> None:
        session = Session(
            id=f"s{number}", glass="prod", asked_at=START, state=State.ACTIVE, deadline=DEADLINE,
            standing="no", granted_at=START, principal_id=f"p{number}",
            account_id=f"{100000000000 + number % 40}", permission_set_arn="set",
            report_after=timedelta(minutes=15), slack_user="U1", duration=timedelta(minutes=10),
            version=1,
        )  # fmt: skip
        arranged, _ = scheduled(session, START)
        self.rows.sessions[arranged.id] = arranged
        self.rows.locks[session.access.key] = session.id
        self.rows.leases[session.id] = int(DEADLINE.timestamp())
        self.truth.add(session.access.key)

    def _close(self, number: int) -> None:
        """A session that is over, and whose report begins a minute before the others end."""
        due = DEADLINE - timedelta(minutes=1)
        session = Session(
            id=f"r{number}", glass="prod", asked_at=START, state=State.REPORTING, standing="no",
            granted_at=START, gone_at=START, report_at=due, look_at=due, slack_user="U1",
            principal_id=f"r{number}", account_id="100000000000", permission_set_arn="set",
            version=1,
        )  # fmt: skip
        self.rows.sessions[session.id] = session
        self.virtual.at((due - START).total_seconds(), lambda: self._arrives(session.id))

    def _wrote(self, old: Session | None, new: Session) -> None:
        if new.id.startswith("r") and new.state is State.CLOSED:
            self.found.reported += 1
        if new.gone_at is not None and old is not None and old.gone_at is None:
            self.found.gone.append((new.gone_at - DEADLINE).total_seconds())
            assert new.access.key not in self.truth

    # Who looks

    def _arrives(self, session_id: str) -> None:
        self.messages.append(session_id)
        self._poll()

    def _poll(self) -> None:
        while self.messages and self.idle:
            work = partial(self._work, self.messages.popleft(), self.idle.pop())
            self.virtual.spawn(work)

    def _process(self, rate: float) -> Pace:
        return Pace(rate, seconds=lambda: self.virtual.now, sleep=self.virtual.wait)

    def _work(self, session_id: str, process: Pace) -> None:
        self.process.pace = process
        self.virtual.wait(0.02)  # the invocation
        ends = self.virtual.now + LIVES
        try:
            self.runner.advance(session_id, Turn("queue", lambda: self._left(ends), POLL))
        finally:
            self.idle.append(process)
            self._poll()

    def _sweep(self) -> None:
        self.virtual.at(self.virtual.now + 60, self._sweep)
        self.virtual.spawn(self._sweep_once)

    def _sweep_once(self) -> None:
        self.process.pace = self.sweeper
        ends = self.virtual.now + SWEEPS_FOR
        quietly = Turn("sweep", lambda: self._left(ends), quiet=True)
        untold: list[str] = []
        for session_id in self._due(self.time(), AT_MOST):
            if self._left(ends) < LEAVES:
                break
            rest = self.runner.advance(session_id, quietly)
            if rest is not None and rest.tells:
                untold.append(session_id)
        for session_id in untold:
            if self._left(ends) > SAYING_TAKES:
                self.runner.advance(session_id, replace(quietly, quiet=False))

    def _due(self, now: datetime, limit: int) -> list[str]:
        now -= timedelta(seconds=INDEX_LAG)
        rows = self.rows.sessions.values()
        due = ((row.look_at, row.id) for row in rows if row.look_at and row.look_at <= now)
        return [session_id for _, session_id in sorted(due)[:limit]]

    def _left(self, ends: float) -> timedelta:
        return timedelta(seconds=ends - self.virtual.now)

    # The outside

    def _outside(self) -> Outside:
        ports = Ports(self)
        return Outside(
            store=Store(self), identity_center=ports, directory=ports, chat=ports,
            post=ports, topics=ports, letters=ports, wakeups=ports, clock=Clock(self),
            log=lambda *_, **__: None,
            token=lambda: f"t{next(self.tokens)}", reports=ports, lists=ports,
        )  # fmt: skip

    def call(self, name: str) -> None:
        """One call of Identity Center's API. Raises Refused where there were too many."""
        self.process.pace.wait()
        self.virtual.wait(CENTER)
        now = self.virtual.now
        self._settle()
        while self.calls and self.calls[0] <= now - 1:
            self.calls.popleft()
        if len(self.calls) >= self.limits.calls:
            self.found.refused += 1
            self.process.pace.slow_down()
            raise Refused("IAM Identity Center: ThrottlingException", crowded=True)
        self.calls.append(now)
        self.found.calls[name] += 1

    def read(self, name: str) -> None:
        """A reading call, with the two attempts of our client. Raises Unavailable."""
        for attempt in range(ATTEMPTS):
            try:
                self.call(name)
                return
            except Refused as refused:
                if attempt == ATTEMPTS - 1:
                    raise Unavailable(str(refused), crowded=True) from None
                self.virtual.wait(self.random.random() * 2**attempt)

    def _settle(self) -> None:
        for request, (access, until) in list(self.under_way.items()):
            if until <= self.virtual.now:
                self.truth.discard(access.key)
                del self.under_way[request]


CASES = {
    "20 calls/s, 10 under way": Limits(),
    "20 calls/s, 5 under way, 2 s each": Limits(outstanding=5, settles=2.0),
    "10 calls/s, 10 under way": Limits(calls=10),
    "20 calls/s, 10 under way, five reports of a million events meanwhile": Limits(reports=5),
    "20 calls/s, 10 under way, the sweep alone": Limits(sessions=300, queue=False),
}


def measure(report: Report, quick: bool) -> None:
    report.section(
        "A burst: sessions that all end in the same second",
        "the real runner on virtual time, its table in memory; floor: three calls a revoke, and a "
        "place among those under way for as long as a deletion takes",
    )
    for name, limits in CASES.items():
        if quick:
            limits = replace(limits, sessions=limits.sessions // 10)
        found = World(limits).play()
        aim = 1.2 if limits.queue else None
        sent = [found.messages[f"s{n}"] for n in range(limits.sessions)]
        calls = ", ".join(f"{what} {count}" for what, count in found.calls.most_common())
        report.lines(f"{limits.sessions} sessions, {name}: floor {limits.floor:.0f} s")
        lost = limits.sessions - len(found.gone)
        report.add(
            Figure(f"burst, {name}: still open", lost, "", aim=0),
            Figure(f"burst, {name}: last gone / floor", found.seconds / limits.floor, "×", aim=aim,
                   note=f"{calls}; refused {found.refused}"),
            figures.of(f"burst, {name}: gone after", found.gone, "s"),
            figures.of(f"burst, {name}: messages a session", sent, ""),
        )  # fmt: skip
        if limits.reports:
            report.add(
                Figure(f"burst, {name}: reports sent", found.reported, "", aim=limits.reports,
                       least=True),
                Figure(f"burst, {name}: pieces of each", max(found.pieces.values()), ""),
            )  # fmt: skip
    report.lines(
        "what is over the floor: calls refused until each worker has found its pace, which",
        "begins at twenty a second for all; the sweep alone comes once a minute, for 45 s",
    )
