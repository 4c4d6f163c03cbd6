"""A pretend outside on a virtual clock, and workers that it can stop at every call.

Time is in whole milliseconds since START. Everything happens in one thread, in the order of one
heap, and every choice is drawn from one seed: the same seed is the same story.

A worker is stopped without threads. All that the runner learns from outside comes through a port,
so each worker keeps a list of what its calls have brought. To stop it, a call raises Stopped; to go
on, its work is begun afresh and is given the kept answers until there are no more, by which time it
stands where it stood. Workers run what ships: chalicelib.triggers from all three sides,
and the Reconciler; a look that is over is kept as what came of it, and is not made afresh.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from chalicelib.domain.ask import Kind
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.triggers.queue import FromQueue
from chalicelib.triggers.stream import FromStream
from chalicelib.triggers.sweep import Sweep
from chalicelib.words import mails
from chalicelib.workflow.answers import Outside
from chalicelib.workflow.deciding import Glasses
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.runner import Runner
from tests.fakes.table import Rows
from tests.simulation.actors import (
    ACCESSES,
    ACCOUNT,
    ANN,
    ARN,
    BOB,
    CLEO,
    DAVE,
    HOUR,
    MINUTE,
    RECONCILED,
    SECOND,
    SKEW_MS,
    SLACK,
    Held,
    Request,
    Said,
    Worker,
    Wrong,
    moment,
    ms_of,
    session_id_of,
)
from tests.simulation.crowd import Crowd
from tests.simulation.explained import Explained
from tests.simulation.faults import Faults
from tests.simulation.hands import Hands
from tests.simulation.identity_center import IdentityCenter
from tests.simulation.lookers import Lookers
from tests.simulation.outside import Centre, Chat, Directory, Post, Reports, WakeUps
from tests.simulation.ports import Clock, Ports
from tests.simulation.store import Store
from tests.simulation.table import Table


class World(Crowd, Lookers, IdentityCenter, Table):
    """One run: its people, its outside, its workers."""

    def __init__(
        self,
        seed: int,
        runner: type[Runner] = Runner,
        rows: type[Rows] = Rows,
        reconciler: type[Reconciler] = Reconciler,
        triggers: dict[str, Any] | None = None,
        told: Callable[[str], None] | None = None,
        draws: Random | None = None,
    ) -> None:
        self.seed = seed
        self.random = random = draws or Random(seed)
        self.told = told
        self.runner_class = runner
        self.reconciler_class = reconciler
        self.triggers = triggers or shipped()
        self.now = 0
        self.heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.order = 0
        self.current: Worker | None = None
        self.workers: set[Worker] = set()
        self.names: defaultdict[str, int] = defaultdict(int)
        self.wrong: list[str] = []

        self.duration = random.choice((20 * SECOND, 90 * SECOND, 5 * MINUTE, 20 * MINUTE, HOUR))
        self.tail = random.choice((0, MINUTE, HOUR))
        self.report_after = random.choice((0, 30 * SECOND, 15 * MINUTE))
        self.span = min(self.duration, 10 * MINUTE) + 5 * MINUTE
        self.faults = Faults.drawn(random, self.span)
        skewed = random.random() < 0.5
        self.skews = (-SKEW_MS // 2, 0, SKEW_MS // 2) if skewed else (0,)
        self.index_lag = random.choice((200, 3 * SECOND))
        self.listing_lag = random.choice((1, 5, 15)) * SECOND
        self.ttl_lag: int | None = random.choice((0, 10 * SECOND, 4 * MINUTE, 48 * HOUR, None))
        self.mode = random.choice(("", "", "", "report", "revoke", "revoke"))  # of reconciliation

        # The table, and its indexes as they lag behind it.
        self.rows = rows(self._wrote, self._asked)
        self.index: dict[str, Session] = {}
        # Identity Center.
        self.truth: dict[str, str] = {}  # access key → "standing" or the session that has it
        self.listing: dict[str, list[tuple[int, bool]]] = {}  # what the listing shows from when on
        self.requests: dict[str, Request] = {}
        self.pending: list[Request] = []
        self.held: list[Held] = []
        # What people heard, and what they did.
        self.heard: defaultdict[str, list[str]] = defaultdict(list)
        self.said: defaultdict[tuple[str, str, str], list[Said]] = defaultdict(list)
        self.alarms: defaultdict[tuple[str, State], int] = defaultdict(int)  # written, of a duty
        self.unheard: set[str] = set()  # Slack refused a message for good
        self.mails: defaultdict[str, list[str]] = defaultdict(list)
        self.mail_refused: set[str] = set()
        self.sent: defaultdict[str, list[int]] = defaultdict(list)
        self.turns: defaultdict[str, int] = defaultdict(int)
        self.may_end: dict[str, int] = {}  # session → when somebody who may asked to end it
        self.holder_ends: dict[str, int] = {}  # session → when its holder asked to end it
        self.lease_gone: dict[str, int] = {}  # session → when its lease was deleted, not by us
        self.was_active: set[str] = set()
        self.queries: dict[str, int] = {}
        self.lockless: set[str] = set()  # sessions whose locks an operator has deleted
        self.healed_at: int | None = None
        self.tokens = 0
        self.messages = 0
        self.asked = 0  # how many asks were written
        self.table_failed = False  # since the look at hand began
        self.nonsense: list[dict[str, Any]] = []  # to come with the stream's next record
        self.brought: dict[str, int] = {}  # session → the number of its latest message brought
        # What was done by hand, and who accounts for which assignment.
        self.slack = SLACK
        self.ghosts: dict[str, Session] = {}  # rows that were deleted, as they were last
        self.readable_at: dict[str, int] = {}
        self.listed_before: dict[str, Any] = {}
        self.hands = Hands(self, ACCESSES)
        self.explained = Explained(self, ACCESSES)

        self.people_who_may: set[str] = set()
        self.glasses_before: list[Glass] = []
        self.glasses = self._glasses(first=True)
        self.runner, self.reconciler = self._functions()
        self._standing()
        self._people()
        self._count_draws()

    # ---- the heap

    def at(self, when: int, what: Callable[..., None], *args: Any) -> None:
        self.order += 1
        heapq.heappush(self.heap, (when, self.order, what, args))

    def after(self, wait: int, what: Callable[..., None], *args: Any) -> None:
        self.at(self.now + wait, what, *args)

    @property
    def moment(self) -> datetime:
        return moment(self.now)

    def ms(self, time: datetime) -> int:
        return ms_of(time)

    def say(self, who: str, what: str) -> None:
        if self.told is not None:
            seconds, ms = divmod(self.now, SECOND)
            self.told(f"{seconds // 60:4}:{seconds % 60:02}.{ms:03}  {who:<11} {what}")

    def fail(self, what: str) -> None:
        self.say("WRONG", what)
        self.wrong.append(what)

    # ---- what the run is about

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        """Two glasses for one access, and a third; a redeploy changes them."""
        random = self.random

        def glass(name: str, arn: str) -> Glass:
            may = random.choice((("everyone",), (ANN.email, BOB.email), (ANN.email,)))
            may = may if first else random.choice((may, (BOB.email,)))
            self.people_who_may |= (
                {p.email for p in (ANN, BOB, CLEO)} if may == ("everyone",) else set(may)
            )
            return Glass(
                name=name,
                account_id=ACCOUNT,
                permission_set=arn,
                duration=timedelta(milliseconds=duration),
                may=may,
                report_to=("list@example.com",),
                channel=random.choice(("C1", "")),
                report_after=timedelta(milliseconds=self.report_after),
                extend=random.choice((None, timedelta(milliseconds=self.duration))),
            )

        duration = self.duration if first else random.choice((self.duration, 45 * SECOND, HOUR))
        made = {name: glass(name, ARN) for name in ("prod", "again")}
        made["data"] = glass("data", ARN + "data")
        if not first and random.random() < 0.3:
            del made[random.choice(("prod", "again", "data"))]
        return made

    def deploy(self) -> None:
        """New settings: the functions that start from now on have them."""
        self.glasses_before += self.glasses.values()
        self.glasses = self._glasses()
        if self.mode and self.random.random() < 0.5:
            self.mode = self.random.choice(("report", "revoke"))
        self.runner, self.reconciler = self._functions()

    def _functions(self) -> tuple[Runner, Reconciler]:
        ports, store = Ports(self), Store(self)
        outside = Outside(
            store=store,
            identity_center=Centre(self),
            directory=Directory(self),
            chat=Chat(self),
            post=Post(self),
            topics=Post(self),
            letters=mails,
            wakeups=WakeUps(self),
            clock=Clock(self),
            log=ports.log,
            token=ports.token,
            reports=Reports(self),
        )
        slack = {user: person.email for user, person in SLACK.items() if user != "UBOB"}
        glasses = Glasses(dict(self.glasses), slack, takes_back=self.mode == "revoke")
        runner = self.runner_class(outside, glasses)
        reconciler = self.reconciler_class(
            glasses=dict(self.glasses),
            revokes=self.mode == "revoke",
            books=store,
            assignments=outside.identity_center,
            people=outside.directory,
            chat=outside.chat,
            post=outside.post,
            letters=mails,
            clock=outside.clock,
            log=outside.log,
            wakeups=outside.wakeups,
        )
        return runner, reconciler

    def _standing(self) -> None:
        """Access that was there before; where nobody reconciles, or it is accepted, it stays."""
        for access in ACCESSES:
            if access.principal_id == DAVE.principal_id or self.random.random() < 0.15:
                self.truth[access.key] = "standing"
                self.listing[access.key] = [(0, True)]
                if self.mode and self.random.random() < 0.5:
                    self.hands.accepted(access)
                else:
                    self.explained.doubtful(access)
        self.stood = dict(self.truth)

    def _people(self) -> None:
        random = self.random
        presses = random.choice((1, 2, 3, 3, 5, 5))
        users = random.choice((("UANN",), ("UANN", "UBOB"), ("UANN", "UBOB", "UCLEO", "UNOBODY")))
        names = random.choice((("prod",), ("prod", "again"), ("prod", "again", "data")))
        window = random.choice((2 * SECOND, 20 * SECOND, self.span))
        when = random.randrange(window)
        pressed: list[tuple[str, int]] = []
        for n in range(presses):
            if n and random.random() < 0.6:  # just as the one before ends
                when += random.choice((self.duration, random.randrange(MINUTE)))
                when += random.randrange(20 * SECOND)
            elif n:
                when = random.randrange(window)
            user, name = random.choice(users), random.choice(names)
            session_id = session_id_of(n + 1)
            pressed.append((session_id, when))
            self.at(when, self.press, session_id, user, name)
            if random.random() < 0.2:
                self.at(when + random.randrange(2 * SECOND), self.press, session_id, user, name)
            for kind, chance in (("end", 0.3), ("extend", 0.4)):
                while random.random() < chance:
                    within = random.choice((20 * SECOND, max(self.span, self.duration + MINUTE)))
                    asked = when + random.randrange(within)
                    who = random.choice((*users, "UBOB"))
                    self.at(asked, self.ask, session_id, Kind(kind), who)
        self.hands.plan(pressed)
        self.at(random.randrange(MINUTE), self.sweep)
        if self.mode:
            self.at(random.randrange(self.span), self.reconcile, True)
            while random.random() < 0.5:  # invoked by an operator, between the hours
                self.at(random.randrange(self.span), self.reconcile, False)
        self.at(
            random.choice((self.span // 2, self.span, when + self.duration + 5 * MINUTE)), self.heal
        )

    def _count_draws(self) -> None:
        if self.ttl_lag is None or self.ttl_lag > MINUTE:
            self.faults.saw("TTL never" if self.ttl_lag is None else "TTL late")
        if len(self.skews) > 1:
            self.faults.saw("clocks skewed")

    # ---- the run

    def run(self) -> list[str]:
        """Until everything is over; what went wrong, if anything did."""
        try:
            while self.heap and not self.wrong:
                when, _, what, args = heapq.heappop(self.heap)
                self.now = max(self.now, when)
                what(*args)
                if self.healed_at is not None and what == self.sweep and self._over():
                    break
        except Wrong as wrong:
            self.fail(str(wrong))
        except Exception:
            if not self.wrong:
                raise
        if not self.wrong:
            from tests.simulation.promises import broken

            for what in broken(self):
                self.fail(what)
        return self.wrong

    def _over(self) -> bool:
        assert self.healed_at is not None
        rows = self.readable()
        settled = self.settled_at + (RECONCILED if self.mode else 0)
        quiet = not self.workers and not self.pending and self.now > settled
        if quiet and all(row.final and not row.owed for row in rows):
            return True
        ends = [ms_of(row.deadline) for row in rows if row.deadline is not None]
        last = max([settled, *ends]) + self.tail + 2 * self.report_after + 2 * HOUR
        return self.now > last

    def readable(self) -> list[Session]:
        """What is spoiled for good is an operator's to mend, and nothing is promised of it."""
        spoiled = self.rows.unreadable
        return [row for row in self.rows.sessions.values() if row.id not in spoiled]

    @property
    def settled_at(self) -> int:
        """From when on the outside does what it should, and no hand is at work any more."""
        assert self.healed_at is not None
        return max(self.healed_at, self.hands.last, self.explained.left_at)


def shipped() -> dict[str, Any]:
    """What ships, by the side from which it looks."""
    return {"queue": FromQueue, "stream": FromStream, "sweep": Sweep}
