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
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chalicelib.adapters.sqs import message
from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.errors import ExternalError, Gone, Refused, Stale, Unavailable, Unknown
from chalicelib.domain.machine import OPEN, State
from chalicelib.domain.ports import Call, Mail, Posted, Reading, Reported
from chalicelib.domain.schedule import ALARM_AFTER
from chalicelib.domain.session import Access, Glass, Lock, Noted, PermissionSet, Person, Session
from chalicelib.triggers.queue import FromQueue
from chalicelib.triggers.stream import FromStream
from chalicelib.triggers.sweep import Sweep
from chalicelib.words import mails
from chalicelib.workflow.answers import Outside, Rest, Turn
from chalicelib.workflow.deciding import Glasses
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.runner import Runner
from chalicelib.workflow.timing import CALL_TAKES, CLOCK_SKEW, NETWORK_DELAY
from tests.fakes.table import Rows, is_open, short
from tests.simulation.explained import Explained
from tests.simulation.faults import OUTAGES, Faults
from tests.simulation.hands import Hands

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
THINGS = OUTAGES  # that may hang
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
LATE = re.compile(r", [^,]* late$")  # at the end of a mail's subject
SKEW_MS, NETWORK_MS = CLOCK_SKEW // MS, NETWORK_DELAY // MS

LIVES = {  # the functions' time-outs
    "queue": 60 * SECOND,
    "sweep": 55 * SECOND,
    "stream": 60 * SECOND,
    "reconcile": 300 * SECOND,
}
PATIENCE = timedelta(seconds=20)
SWEEP_LEAVES, SWEEP_AT_MOST = timedelta(seconds=10), 500
RECEIVES = 5  # then a message goes to the dead-letter queue
HEALED_REQUEST = 5 * SECOND  # the longest that a request takes once all is well
AWS_FORGETS_AFTER = 10 * MINUTE  # AWS may then know no more of a request
RECONCILED = 3 * HOUR + 30 * MINUTE  # from then on reconciliation has left nothing to be done


def moment(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


def ms_of(time: datetime) -> int:
    return (time - START) // MS


class Wrong(Exception):
    """Something that must always hold did not."""


class Broken(Exception):
    """What nobody foresaw: a mistake in a library, memory that ran out."""


class Stopped(BaseException):
    """Takes a worker off its stack until `until`; not an error, so nothing may catch it."""

    def __init__(self, until: int) -> None:
        self.until = until


class Crashed(BaseException):
    """The worker is no more."""


@dataclass(eq=False)
class Worker:
    """One invocation, and what its calls have brought since the look began."""

    name: str
    side: str
    task: Any  # the message's body, the stream's records
    looks_at: str
    dies: int
    skew: int
    began: int
    runner: Runner
    reconciler: Reconciler
    received: int = 0  # of the message at hand, how often it was tried
    log: list[tuple[bool, Any]] = field(default_factory=list)
    at: int = 0  # how much of the log has been given again
    look_began: int = 0
    resumed: bool = False  # it stands before a call and has been stopped there already
    hangs: bool = False  # in the call before which it stands
    dead: bool = False
    alarms: bool = False  # what it says no row has
    failed_at: int = -1  # when it last failed to write, or was stopped for long, or broke


@dataclass(frozen=True)
class Came:
    """What came of a whole look."""

    of: Rest | None


@dataclass(frozen=True)
class Said:
    """One piece of news, as somebody has heard or read it."""

    at: int
    worker: Worker


@dataclass(eq=False)
class Request:
    """An asynchronous request to Identity Center."""

    id: str
    kind: str  # create | delete
    access: Access
    session_id: str
    accepted: int
    shown: int  # from then on Describe and the list know it
    status: str = "IN_PROGRESS"
    reason: str = ""

    @property
    def open(self) -> bool:
        return self.status == "IN_PROGRESS"


@dataclass(eq=False)
class Held:
    """One stretch of truth: a session's access, from its landing to its removal."""

    session_id: str
    access: Access
    since: int
    until: int | None = None


ANN, BOB, CLEO, DAVE = (
    Person(f"p-{name}", name, name.title(), f"{name}@example.com")
    for name in ("ann", "bob", "cleo", "dave")
)
SLACK = {"UANN": ANN, "UBOB": BOB, "UCLEO": CLEO}
PEOPLE = {person.email: person for person in (ANN, BOB, CLEO, DAVE)}
ACCOUNT, ARN = "111122223333", "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
BY_ID = {person.principal_id: person for person in (ANN, BOB, CLEO, DAVE)}
ACCESSES = [Access(ACCOUNT, arn, each) for each in BY_ID for arn in (ARN, ARN + "data")]


class World:
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

    # ---- what people do

    def press(self, session_id: str, user: str, glass: str) -> None:
        """The route, as chalicelib.route.front does it."""
        now = moment(self.now + self.random.choice(self.skews))
        found = self.glasses.get(glass)
        session = Session(
            id=session_id,
            glass=glass,
            asked_at=now,
            wait_until=now + timedelta(minutes=5),
            look_at=now,
            person=user,
            slack_user=user,
            shape="block_actions",
            response_url=f"https://slack.example/{session_id}",
            response_uses=1,
            account_id=found.account_id if found else "",
            permission_set=found.permission_set if found else "",
        )
        if self.faults.strikes("table down") or self.faults.out("table", self.now):
            self.say(user, f"presses {glass}: not recorded")
            return
        if session_id in self.ghosts:
            return  # Slack repeats a press within seconds, before anybody deletes its row
        self._count_press(session)
        again = ", again" if session_id in self.rows.sessions else ""
        self.say(user, f"presses “{glass}”: session {session_id}{again}")
        self.rows.record(session)

    def _count_press(self, session: Session) -> None:
        saw, rows = self.faults.saw, self.rows.sessions
        twice = session.id in rows or f"ask/{session.id}" in self.rows.asks
        saw("press, sent twice" if twice else "press")
        others = [row for row in rows.values() if row.id != session.id]
        if any(row.slack_user not in ("", session.slack_user) for row in others):
            saw("press by another person")
        mine = [row for row in others if row.slack_user == session.slack_user]
        if any(row.live for row in mine):
            saw("press on an open access")
        if any(self.ghosts.get(holder, session).slack_user == session.slack_user
               for holder in self.rows.locks.values() if holder in self.ghosts):  # fmt: skip
            saw("press on an access whose row is gone")

    def ask(self, session_id: str, kind: Kind, user: str) -> None:
        """*End now* or *Extend*, as the route writes it."""
        if self.faults.strikes("table down") or self.faults.out("table", self.now):
            return
        self.asked += 1
        now = moment(self.now + self.random.choice(self.skews))
        asked = Ask(
            id=f"{kind}-{self.asked:024x}",
            session_id=session_id,
            asked_at=now,
            slack_user=user,
            response_url=self.random.choice(("", "https://slack.example/ask")),
        )
        self.say(user, f"asks to {kind} {session_id}")
        row = self.rows.sessions.get(session_id)
        if row is not None:
            self._count_ask(row, kind, user)
            person = SLACK.get(user)
            may = person is not None and person.email in self.people_who_may
            if kind is Kind.END and (may or user == row.slack_user):
                self.may_end.setdefault(session_id, self.now)
            if kind is Kind.END and user == row.slack_user and row.state in OPEN:
                self.holder_ends.setdefault(session_id, self.now)  # whatever is deployed meanwhile
        self.rows.record(asked)

    def _count_ask(self, row: Session, kind: Kind, user: str) -> None:
        self.faults.saw("End now" if kind is Kind.END else "Extend")
        ends = [a for a in self.rows.asks.values() if isinstance(a, Ask) and a.kind is Kind.END]
        others = {ask.slack_user for ask in ends if ask.session_id == row.id} - {user}
        if kind is Kind.END and others:
            self.faults.saw("End now by a second person")
        if kind is Kind.END and user != row.slack_user:
            self.faults.saw("End now by another than who pressed")

    def _asked(self, row_id: str) -> None:
        """After each ask's row: the stream hears of it."""
        asked = self.rows.asks[row_id]
        if isinstance(asked, Session) and asked.found:
            began = self.current.began if self.current else self.now  # reconciliation's, or forged
            self.explained.began.setdefault(asked.id, began)
        session_id = asked.id if isinstance(asked, Session) else asked.session_id
        self._stream(session_id, _record("INSERT", row_id))

    def delete_lease(self, session_id: str, by: str = "hand") -> None:
        if session_id in self.rows.leases:
            del self.rows.leases[session_id]
            self.lease_gone[session_id] = self.now
            who, how = ("operator", "hand") if by == "hand" else ("TTL", "the TTL")
            self.say(who, f"deletes the lease of {session_id}")
            self.faults.saw(f"lease deleted by {how}")
            self._stream(session_id, _record("REMOVE", f"lease/{session_id}"))

    def forget(self, row: Session) -> None:
        """The session's row is gone, and what is left of its press; indexes follow."""
        self.rows.asks.pop(f"ask/{row.id}", None)
        del self.rows.sessions[row.id]
        self.rows.unreadable.discard(row.id)
        self.ghosts[row.id] = row
        late = self.random.randrange(self.index_lag) if self.faults.strikes("index late") else 0
        self.after(late, self.index.pop, row.id, None)
        if row.live or row.standing == "yes":
            self.explained.doubtful(row.access)
        if row.live and row.access.key not in self.truth and self.lists(row.access):
            self.explained.taken_by_hand.add(row.access.key)  # nobody knows that it was just taken

    def remove(self, access: Access) -> str:
        """The assignment is gone, whoever took it; whose it was."""
        owner = self.truth.pop(access.key)
        self.listed(access.key, False)
        for held in self.held:
            if held.access == access and held.until is None:
                held.until = self.now
        return owner

    def heal(self) -> None:
        """From here on the outside does what it should."""
        self.faults.heal()
        self.healed_at = self.now
        self.say("heal", "all is well outside from here on")
        for request in self.pending:
            self.after(self.random.randrange(1, HEALED_REQUEST), self._land, request)

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
        self.sent[session_id].append(self.now)
        if self.faults.strikes("wake-up lost"):
            return
        for _ in range(2 if self.faults.strikes("wake-up doubled") else 1):
            wait = after + self.random.randrange(10, 200)
            if self.faults.strikes("wake-up late"):
                wait += self.random.randrange(2 * MINUTE)
            self.messages += 1
            self.after(wait, self._receive, session_id, body, self.messages, 1)

    def receive_soon(self, body: str) -> None:
        self.after(self.random.randrange(10, 200), self._receive, "nonsense", body, 0, 1)

    def _receive(self, session_id: str, body: str, number: int, received: int) -> None:
        if 0 < number < self.brought.get(session_id, 0) and received == 1:
            self.faults.saw("wake-up reordered")
        self.brought[session_id] = max(number, self.brought.get(session_id, 0))
        self._start("queue", body, looks_at=session_id, received=received)

    def _start(
        self,
        side: str,
        task: Any = None,
        looks_at: str = "",
        received: int = 0,
        skew: int | None = None,
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
            self.after(60 * SECOND, self._receive, worker.looks_at, worker.task, 0, again)

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

    # ---- Identity Center's own affairs

    def accept(
        self, kind: str, access: Access, session_id: str, claim_ends: int, worker: str
    ) -> Request:
        """A request is taken, and will succeed or fail by itself."""
        request = Request(
            f"{kind[0]}{len(self.requests) + 1}", kind, access, session_id, self.now, self.now
        )
        if self.faults.strikes("describe late"):
            request.shown = min(self.now + self.random.randrange(5 * SECOND), claim_ends)
        self.requests[request.id] = request
        self.pending.append(request)
        takes = self.random.randrange(200, 3 * SECOND)
        if self.faults.strikes("slow"):
            takes += self.random.randrange(20 * SECOND, 8 * MINUTE)
        fails = self.faults.strikes("fails")
        self.after(takes, self._fall if fails else self._land, request)
        self.say("center", f"{request.id}: accepts to {kind} for {session_id} ({worker})")
        row = self.row(session_id)
        if row is not None and kind == "create":
            self._allowed(row)
        if (row is None or not row.live) and session_id not in self.lockless:
            state = row.state if row else "no session"
            self.fail(f"a {kind} is accepted for {session_id}, which is {state}")
        return request

    def by_hand(self, kind: str, access: Access) -> Request:
        """A request of somebody else's, which is in progress until they finish it."""
        request = Request(
            f"{kind[0]}{len(self.requests) + 1}", kind, access, "", self.now, self.now
        )
        self.requests[request.id] = request
        self.pending.append(request)
        self.say("admin", f"{request.id}: has AWS {kind} {short(access.key)}")
        return request

    def finish(self, request: Request) -> None:
        request.status = "SUCCEEDED"
        self.pending.remove(request)

    def _allowed(self, row: Session) -> None:
        """Nothing is granted but to who is named, by a glass, on its account and set."""
        person = BY_ID.get(row.principal_id)
        glasses = [*self.glasses.values(), *self.glasses_before]
        places = {(glass.account_id, glass.permission_set) for glass in glasses}
        may = person is not None and person.email in self.people_who_may
        if not may or (row.account_id, row.permission_set_arn) not in places:
            self.fail(f"{row.id} is granted, and no glass allows it")
        if SLACK.get(row.slack_user) is not person:
            self.fail(f"{row.id} is granted to another than who asked")

    def row(self, session_id: str) -> Session | None:
        """The session's row, or what it was before an operator deleted it."""
        return self.rows.sessions.get(session_id) or self.ghosts.get(session_id)

    def accept_late(self, kind: str, access: Access, session_id: str, ends: int) -> None:
        """What was sent before its worker gave up arrives. A delete finds what is there by then,
        also what an administrator has just given: no lock keeps those out."""
        owner = self.truth.get(access.key)
        if kind == "delete" and owner == "admin" and access.key in self.rows.locks:
            self.faults.saw("assignment given while a delete might land")
            self.remove(access)
            self.explained.taken(access)
        elif kind == "create" or owner is not None:
            self.accept(kind, access, session_id, ends, "late")

    def _fall(self, request: Request) -> None:
        if request.open:
            request.status, request.reason = "FAILED", "internal failure"
            self.pending.remove(request)
            self.say("center", f"{request.id}: FAILED")

    def _land(self, request: Request) -> None:
        if not request.open:
            return
        request.status = "SUCCEEDED"
        self.pending.remove(request)
        self.say("center", f"{request.id}: done")
        key, session_id = request.access.key, request.session_id
        owner, row = self.truth.get(key), self.row(session_id)
        assert row is not None
        if request.kind == "delete" and owner is not None:
            self.remove(request.access)
            self._taken(request, owner, row)
        elif request.kind == "create" and owner is None:
            self.truth[key] = session_id
            self.held.append(Held(session_id, request.access, self.now))
            self.listed(key, True)
            if session_id in self.ghosts:
                self.explained.doubtful(request.access)
            if not row.live:
                self.fail(f"{session_id} is {row.state}, and its access lands now")

    def _taken(self, request: Request, owner: str, row: Session) -> None:
        """A session's delete has taken the owner's assignment away: it must have been its own.

        What was under way when its session's row was deleted by hand is remembered by nobody: the
        next press has to wait for it, where its lock still stands. Reconciliation, which mends the
        lock too, does not wait.
        """
        if row.id in self.ghosts:
            self.explained.taken_by_hand.add(request.access.key)
            mended = self.faults.seen.get("row mended by reconciliation")
            waited = not mended and row.id not in self.lockless
            if self._has(request.access, owner) and waited:
                self.fail(f"a delete of {row.id}, whose row is gone, took a live session's access")
            return
        if row.found:
            self.explained.takes(request, owner)
        elif owner in ("standing", "admin") and request.access.key not in self.explained.mixed:
            self.fail(f"{row.id} took away access that stood before it")
        for other in self.rows.sessions.values():
            if other.access == request.access and other.state is State.ACTIVE:
                self.fail(f"{row.id} took away the access of {other.id}, which is ACTIVE")

    def _has(self, access: Access, owner: str) -> bool:
        """Whether a session has the access, by its own grant or by what it saw standing."""
        rows = (row for row in self.rows.sessions.values() if row.live and row.access == access)
        return any(row.state is State.ACTIVE or row.id == owner for row in rows)

    def listed(self, key: str, there: bool) -> None:
        shown = self.listing.setdefault(key, [(0, False)])
        lag = self.random.randrange(self.listing_lag) if self.faults.strikes("listing late") else 0
        shown.append((max(shown[-1][0], self.now + lag), there))

    def lists(self, access: Access) -> bool:
        shown = self.listing.get(access.key, [(0, False)])
        return next(there for since, there in reversed(shown) if since <= self.now)

    # ---- the table's own affairs

    def _wrote(self, old: Session | None, new: Session) -> None:
        """After each write of a session's row: indexes, stream, TTL; and what must hold."""
        self.explained.wrote(old, new)
        if new.alarms:
            duty = new.id, new.state
            self.alarms[duty] = max(self.alarms[duty], new.alarms)
        if old is not None and old.live:
            self._frozen(old, new)
        if self.faults.strikes("index late"):
            self.after(self.random.randrange(self.index_lag), self._indexed, new)
        else:
            self._indexed(new)
        if old is not None and old.state is not new.state:
            who = self.current.name if self.current else "route"
            why = new.steps[-1].split(" ", 2)[2] if new.steps else "?"
            self.say(who, f"{new.id}: {new.state} ({why})")
            self._entered(old, new)
        if old is None or old.state is not new.state:
            self.hands.entered(new)
        if new.deadline is not None and (old is None or old.deadline != new.deadline):
            self._ttl(new.id)

    def _frozen(self, old: Session, new: Session) -> None:
        """What was given, and for how long, moves with *Extend* alone, by what was promised."""
        given = new.deadline
        if old.extended != new.extended and old.deadline is not None:
            given = old.deadline + old.extend
        if new.deadline != (old.deadline if old.extended == new.extended else given):
            self.fail(f"{new.id}: its end was moved by what was not promised")
        if _given(old) != _given(new):
            self.fail(f"{new.id}: a deployment changed what was given")

    def _indexed(self, row: Session) -> None:
        known = self.index.get(row.id)
        if row.id not in self.ghosts and (known is None or known.version < row.version):
            self.index[row.id] = row

    def _ttl(self, session_id: str) -> None:
        if self.ttl_lag is not None:
            ttl = self.rows.leases[session_id] * 1_000 - int(START.timestamp() * 1_000)
            self.at(ttl + self.random.randrange(self.ttl_lag + 1), self._ttl_deletes, session_id)

    def _ttl_deletes(self, session_id: str) -> None:
        ttl = self.rows.leases.get(session_id)
        if ttl is not None and ttl <= moment(self.now).timestamp():
            self.delete_lease(session_id, "TTL")

    def _entered(self, old: Session, new: Session) -> None:
        key, truth = new.access.key, self.truth.get(new.access.key)
        if new.state is State.ACTIVE and old.state is not State.ACTIVE:
            self.was_active.add(new.id)
            if truth is None and key not in self.explained.taken_by_hand | self.explained.mixed:
                self.fail(f"{new.id} is ACTIVE, and there is no access")
            for other in self.rows.sessions.values():
                if (
                    other.id != new.id
                    and other.state is State.ACTIVE
                    and other.access == new.access
                ):
                    self.fail(f"{new.id} and {other.id} have one access at once")
        if old.state in OPEN and new.state in (State.REVOKING, State.SETTLING):
            self._ended(old, new)
        if new.state is State.SETTLING:
            if truth == new.id:
                self.fail(f"{new.id} is said to be revoked, and its access is there")
            if truth is not None and new.standing == "no" and truth in self.rows.sessions:
                holder = self.rows.sessions[truth]
                if not holder.live:
                    self.fail(f"{new.id} is said to be revoked, and {truth}'s access is there")
            if self.stood.get(key) is None and any(
                r.kind == "create" and r.session_id == new.id for r in self.pending
            ):
                self.fail(f"{new.id} is said to be revoked, and its grant is still under way")

    def _ended(self, old: Session, new: Session) -> None:
        """Nobody's session ends before its deadline without a reason."""
        assert old.deadline is not None
        if self.now + SKEW_MS >= ms_of(old.deadline) or new.found:
            return
        if new.ended_how == "ended":
            ended = (a for a in self.rows.decided.values() if a.outcome == "ended")
            by = {ask.slack_user for ask in ended if ask.session_id == new.id}
            may = {SLACK[user].email for user in by if user in SLACK} & self.people_who_may
            if may or new.slack_user in by:
                return
        if new.ended_how == "lease gone" and new.id in self.lease_gone:
            return
        turned_away = new.ended_how == "grant failed" and "Another session" in new.reason
        if turned_away and not self.lockless and not self.hands.forging:
            self.fail(f"{new.id} was let in and turned away, though it should have waited")
        if new.ended_how == "grant failed" and new.id not in self.was_active:
            return
        self.fail(f"{new.id} was ended before its deadline ({new.ended_how})")

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


class Meddled(World):
    """A life in which hands delete sessions' rows just when it hurts, and much comes late."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states = (State.GRANTING, State.REVOKING, State.REVOKING)
        self.hands.lurking += [(state, self.hands.delete_row) for state in states]
        self.faults.rates |= {"late": 0.3, "slow": 0.5}


class Hung(World):
    """A life in which nothing fails but that one thing or two hang, for minutes, while the access
    of up to six people is due to end, with a queue or without."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.faults.rates.clear()
        self.faults.outages.clear()
        random, begins = self.random, self.pressed_at + self.duration
        self.hung = random.sample(THINGS, random.choice((1, 2)))
        self.hung += random.choice(([], ["queue"]))
        self.ends = begins + random.choice((4, 12, 20)) * MINUTE
        start = random.choice((begins - 30 * SECOND, begins, begins + 3 * SECOND))
        self.faults.hangs += [(thing, start, self.ends) for thing in self.hung]

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        made = super()._glasses(first)
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}
        return {name: replace(glass, may=("everyone",)) for name, glass in made.items()}

    def _people(self) -> None:
        random, self.mode = self.random, ""
        self.pressed_at = random.randrange(MINUTE)
        places = [(user, name) for user in SLACK for name in ("prod", "data")]
        for n, (user, name) in enumerate(random.sample(places, random.choice((1, 3, 6)))):
            self.at(self.pressed_at + n * SECOND, self.press, session_id_of(n + 1), user, name)
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(self.pressed_at + self.duration, self.heal)

    def heal(self) -> None:
        if self.now < self.ends:
            self.at(self.ends, self.heal)
        else:
            super().heal()


A_LOOK = 3 * SECOND


class Behind(World):
    """A life in which listings are behind, sessions are short and follow one another closely, calls
    are lost, and administrators do by hand just then what is under way."""

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        made = super()._glasses(first)
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}
        return {name: replace(glass, may=("everyone",)) for name, glass in made.items()}

    def _people(self) -> None:
        random, self.mode = self.random, ""
        self.listing_lag = random.choice((5, 15)) * SECOND
        self.faults.outages.clear()
        self.faults.rates = {"listing late": 1.0}
        for name in ("late", "answer lost"):
            if random.random() < 0.4:
                self.faults.rates[name] = random.choice((0.2, 0.6, 1.0))
        self.pressed_at = when = random.randrange(MINUTE)
        for n in range(6):
            session_id = session_id_of(n + 1)
            self.at(when, self.press, session_id, "UANN", "prod")
            self.at(when + random.randrange(10 * SECOND), self.ask, session_id, Kind.END, "UANN")
            if random.random() < 0.3:
                self.at(when + random.randrange(10 * SECOND), self.hands.give)
            if random.random() < 0.1:
                self.at(when + random.randrange(20 * SECOND), self.hands.take)
            if random.random() < 0.1:
                self.at(when - random.randrange(6 * SECOND), self.hands.take_slowly)
            when += random.randrange(2 * SECOND, 40 * SECOND)
        self.hands.last = when
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(when + 5 * MINUTE, self.heal)

    def _entered(self, old: Session, new: Session) -> None:
        super()._entered(old, new)
        if new.state is State.ACTIVE and old.state is not State.ACTIVE and new.standing != "no":
            seen = self.now - A_LOOK
            going = (each for each in self.pending if each.access == new.access)
            if any(each.kind == "delete" and each.accepted < seen for each in going):
                self.fail(f"{new.id} reads that its access stands, and it is just being taken")


class Orphaned(Behind):
    """A life in which a session is being taken back for minutes, somebody waits for its lock, and a
    hand deletes its row; what it has asked for may land then."""

    def _people(self) -> None:
        random, self.mode = self.random, ""
        self.duration = 20 * SECOND
        self.faults.outages.clear()
        self.faults.rates = {"throttled": 0.9, "late": random.choice((0.4, 0.8))}
        self.pressed_at = when = random.randrange(MINUTE)
        self.glasses = {name: replace(glass, duration=timedelta(milliseconds=self.duration))
                        for name, glass in self.glasses.items()}  # fmt: skip
        self.runner, self.reconciler = self._functions()
        self.at(when, self.press, session_id_of(1), "UANN", "prod")
        over = when + self.duration
        for n in (2, 3):
            self.at(over + random.randrange(MINUTE), self.press, session_id_of(n), "UANN", "prod")
        gone = over + random.randrange(70 * SECOND, 150 * SECOND)
        self.at(gone, self.hands.delete_row, session_id_of(1))
        self.hands.last = gone
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(gone + 5 * MINUTE, self.heal)


class Forged(World):
    """A life in which somebody writes whatever a role that may only ask can write, and once even
    a session's row: nothing is granted by it that no glass allows, and no access stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hands.forging = True
        for _ in range(self.random.choice((5, 20, 60))):
            self.at(self.random.randrange(self.span), self.hands.forge)


def _given(session: Session) -> tuple[Any, ...]:
    return (session.access, session.duration, session.tail, session.extend, session.report_to)


def session_id_of(number: int) -> str:
    return f"bg-{number:024x}"


def _record(name: str, row_id: str) -> dict[str, Any]:
    """As much of a stream record as decides what is looked at."""
    image: dict[str, Any] = {"Keys": {"id": {"S": row_id}}, "SequenceNumber": "1"}
    if name == "INSERT":
        image["NewImage"] = {"kind": {"S": "ask"}}
    return {"eventName": name, "dynamodb": image}


def shipped() -> dict[str, Any]:
    """What ships, by the side from which it looks."""
    return {"queue": FromQueue, "stream": FromStream, "sweep": Sweep}


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
        worker.runner.forget()  # what it remembers is in no log, and time goes back here
        rest = worker.runner.advance(session_id, look, known)
        log[start:] = [(True, Came(rest))]
        worker.at = start + 1
        if "/" not in session_id:
            self._is_known(session_id, worker, worker.look_began)
        return rest

    def alarm(self, session_id: str, error: str) -> None:
        self.worker.runner.forget()
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
            return sorted(row.id for row in rows if row.live and row.access == access)

        found: list[str] = self._reads("living", find)
        return found

    def due(self, now: datetime, limit: int) -> list[str]:
        found: list[str] = self._reads("due", self.world.due, now)
        return found

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
            return sorted(row.id for row in self.world.index.values() if row.live)

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


class Centre(Ports):
    """ports.IdentityCenter."""

    def create(self, access: Access) -> str:
        request_id: str = self.world.call("create", self._ask, "create", access)
        return request_id

    def delete(self, access: Access) -> str:
        request_id: str = self.world.call("delete", self._ask, "delete", access)
        return request_id

    def _ask(self, kind: str, access: Access) -> str:
        world, faults = self.world, self.faults
        worker = world.current
        assert worker is not None
        if faults.out("identity center", world.now):
            if world.random.random() < 0.5:
                raise Refused("no connection")
            raise Unknown("no answer")
        if faults.strikes("denied"):
            raise Refused("AccessDeniedException", lasting=kind == "create")
        if faults.strikes("throttled"):
            raise Refused("ThrottlingException")
        if world.pending and faults.strikes("conflict"):
            raise Refused("ConflictException")
        ends = worker.dies + NETWORK_MS  # what was sent has arrived by then
        if faults.strikes("never sent"):
            raise Unknown("read timeout")
        if faults.strikes("late"):
            arrives = world.random.randrange(world.now, ends)
            world.at(arrives, world.accept_late, kind, access, self.session_id, ends)
            raise Unknown("read timeout")
        if kind == "delete" and access.key not in world.truth:
            raise Gone("ResourceNotFoundException")
        request = world.accept(kind, access, self.session_id, ends, worker.name)
        if faults.strikes("answer lost"):
            raise Unknown("the answer was lost")
        return request.id

    def creation(self, access: Access, request_id: str) -> Call:
        call: Call = self.world.call("creation", self._status, request_id)
        return call

    def deletion(self, access: Access, request_id: str) -> Call:
        call: Call = self.world.call("deletion", self._status, request_id)
        return call

    def _status(self, request_id: str) -> Call:
        self._reading()
        request = self.world.requests[request_id]
        age = self.world.now - request.accepted
        if self.world.now < request.shown or (age > AWS_FORGETS_AFTER and not request.open):
            return Call("UNKNOWN")
        return Call(request.status, request.reason)

    def creating(self, access: Access, since: datetime) -> bool:
        found: bool = self.world.call("creating", self._under_way, "create", access, since)
        return found

    def deleting(self, access: Access, since: datetime) -> bool:
        found: bool = self.world.call("deleting", self._under_way, "delete", access, since)
        return found

    def _under_way(self, kind: str, access: Access, since: datetime) -> bool:
        self._reading()
        now, from_ms = self.world.now, ms_of(since)
        return any(
            r.kind == kind and r.access == access and r.shown <= now and r.accepted >= from_ms
            for r in self.world.pending
        )

    def assigned(self, access: Access) -> bool:
        def look() -> bool:
            self._reading()
            return self.world.lists(access)

        found: bool = self.world.call("assigned", look)
        return found

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        def look() -> frozenset[str]:
            self._reading()
            here = (account_id, permission_set_arn)
            return frozenset(
                access.principal_id
                for access in ACCESSES
                if (access.account_id, access.permission_set_arn) == here
                and self.world.lists(access)
            )

        found: frozenset[str] = self.world.call("assignees", look)
        return found

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        def find() -> PermissionSet:
            self._reading()
            tail = timedelta(milliseconds=self.world.tail)
            return PermissionSet(name_or_arn, "Admin", tail)

        found: PermissionSet | None = self.world.call("permission_set", find)
        return found

    def owner(self) -> str:
        return ""

    def _reading(self) -> None:
        self.down("identity center", "reads fail")


class Directory(Ports):
    """ports.Directory."""

    def person(self, email: str) -> Person | None:
        def find() -> Person | None:
            self.down("directory")
            return PEOPLE.get(email)

        found: Person | None = self.world.call("person", find)
        return found

    def user(self, principal_id: str) -> Person | None:
        def find() -> Person | None:
            self.down("directory")
            return BY_ID.get(principal_id)

        found: Person | None = self.world.call("user", find)
        return found

    def groups_of(self, principal_id: str, groups: Iterator[str]) -> frozenset[str]:
        raise NotImplementedError  # no glass here names a group

    def portal(self) -> str:
        return "https://d-1234567890.awsapps.com/start"


class Chat(Ports):
    """ports.Chat."""

    def _says(self, to: str, message: dict[str, Any]) -> None:
        self.down("slack")
        if self.faults.strikes("slack refuses"):
            self.world.unheard.add(self.session_id)
            raise Refused("no_longer_there")
        self.world.heard[self.session_id].append(f"{to}: {message['text']}")
        if "edited" not in to:  # else it is what was said before, brought up to date
            self.world.tells(self.session_id, to, message["text"])
        self.world.say("slack", f"to {to}: {message['text'][:70]}".replace("\n", " "))

    def email(self, user: str) -> str | None:
        def find() -> str | None:
            self.down("slack")
            person = SLACK.get(user)
            return person.email if person else None

        found: str | None = self.world.call("email", find)
        return found

    def respond(self, url: str, message: dict[str, Any]) -> None:
        edits = message.get("replace_original")
        self.world.call("respond", self._says, "person, edited" if edits else "person", message)

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        def take() -> tuple[str, str]:
            self._says("channel" if channel.startswith("C") else "person", message)
            return channel.replace("U", "D", 1), f"ts{self.world.now}"

        return Posted(*self.world.call("post", take))

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None:
        whose = "channel" if channel.startswith("C") else "person"
        self.world.call("update", self._says, f"{whose}, edited", message)


class Post(Ports):
    """ports.Post, and ports.Topics."""

    def publish(self, topic: str, subject: str, text: str) -> None:
        self.send(Mail((), subject, text, text))

    def send(self, mail: Mail) -> None:
        def take() -> None:
            self.down("mail")
            self.world.mails[self.session_id].append(mail.subject)
            subject = LATE.sub("", mail.subject)  # each alarm says how late it is by then
            self.world.tells(self.session_id, "mail", subject)
            self.world.say("mail", mail.subject[:80])
            if self.side == "reconcile":
                self.world.explained.hears(mail.text)

        self.world.call("mail", take)


class WakeUps(Ports):
    """ports.WakeUps."""

    def send(
        self, session_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        def take() -> None:
            if self.faults.strikes("queue down") or self.faults.out("queue", self.world.now):
                self.world.table_failed = True  # a hop cannot be passed on
                raise Unavailable("queue is down")
            body, delay = message(session_id, after, at, tried)
            if "at" in body:
                self.faults.saw("wake-up that travels in hops")
            self.world.enqueue(session_id, body, delay * SECOND)

        self.world.call("wake", take)

    def bury(self, body: str) -> None:
        def take() -> None:
            if self.faults.strikes("queue down") or self.faults.out("queue", self.world.now):
                raise Unavailable("queue is down")
            self.world.say("queue", f"{body!r} is put aside for an operator")

        self.world.call("bury", take)


STOPPED = -1  # a query of the trail


class Reports(Ports):
    """ports.Reports: one mail each, and a second one only for every other session.

    A query of the trail takes some seconds, and now and then for ever: then it is asked anew.
    """

    def go_on(
        self, session: Session, now: datetime, remaining: Any, again: bool = False
    ) -> Reading | Reported:
        token, _, begun = session.trail_query.partition(" ")
        stopped = self.world.queries.get(token) == STOPPED
        if not token or stopped or now.timestamp() - float(begun) > 300:
            token = f"{self.world.call('ask', self._start)} {now.timestamp()}"
            return Reading(token, timedelta(seconds=3))
        if not self.world.call("answer", self._ready, token):
            age = int(now.timestamp() - float(begun))
            return Reading(session.trail_query, timedelta(seconds=max(1, age // 3)))
        first = session.state is State.REPORTING
        mail = Mail(session.report_to, f"report of {session.id}, {session.state}", "", "")
        wanted = first or session.id[-1] in "13579"
        return Reported(mail if wanted else None, ("nothing was done",), 0, "")

    def forget(self, session: Session) -> None:
        """What it has kept is no row of ours."""

    def leave(self, reading: Reading) -> None:
        self.world.queries[reading.progress.partition(" ")[0]] = STOPPED

    def _start(self) -> str:
        self.down("trail")
        token = f"q{len(self.world.queries) + 1}"
        ready = self.world.now + self.world.random.randrange(100, 8_000)
        self.world.queries[token] = 1 << 60 if self.faults.strikes("trail silent") else ready
        return token

    def _ready(self, token: str) -> bool:
        self.down("trail")
        return self.world.now >= self.world.queries[token]
