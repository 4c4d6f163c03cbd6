"""Every interleaving of the bounded case, to the end: one access, two sessions, two workers.

It is the real runner and the real machine that are explored, call by call: a worker may be
overtaken, or die, before any call. Faults are counted out, and wake-ups need none, because any
idle worker may look at any session at any time: so they are lost, late, doubled and reordered.

Time is in ticks. A row keeps how many ticks are left until each of its times, never less than
none, so that the graph is finite and there is no bound on depth. What the runner does depends only
on what its calls have brought, so a worker is that list, and what comes next is remembered for
each list: the runner runs once for each, and the rest is looking up.

What is left out of the state, and why that is honest:
- what comes after the lock is free (reports, messages): it touches neither lock nor access;
- when to look again (`look_at`, `retry_at`, `wake_at`): anybody may look at any time anyway;
- receipts, texts and counts of tries: no decision about access reads them;
- in REVOKING deadline and lease: nothing reads them any more;
- writes that change nothing of what is left (a poll's): done at once, with what they do to others;
- two workers are alike, so their order does not count.
States are kept as 64-bit hashes: with ten million of them, the chance that two share one is
below one in three hundred thousand.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import ExternalError, Gone, LockTaken, Refused, Stale, Unknown
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import FINAL, OPEN, State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Access, Lock, PermissionSet, Person, Session
from tests.fakes.table import Rows
from tests.simulation.planted import HOMES, load
from tests.support.states import OVER

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TICK = timedelta(seconds=10)
ZERO = timedelta(0)
ACCESS = Access("111122223333", "arn:aws:sso:::permissionSet/ssoins-1/ps-1", "p-ann")
ANN = Person("p-ann", "ann", "Ann", "ann@example.com")
SET = PermissionSet(ACCESS.permission_set_arn, "Admin", ZERO)
STANDING, NOBODY = 9, -1
LINGERS = 100  # the lock of a session that is over: so much times (session + 1), and ticks to go
IDS = ("s0", "s1")
DONE_STATES = FINAL | OVER
FRESH = 100  # the version of its row that a worker reads
FAR = 4  # a worker writes less often than this in one turn, so further behind is the same
REMEMBERS = {f"chalicelib.{home}" for home in HOMES.values()}  # the runner's own modules, and …
REMEMBERS |= {"tests.simulation.planted", "tests.simulation.faulty"}  # … what stands in for them
READS = {"read", "lock", "living", "assigned", "creation", "deletion", "creating", "deleting"}
CONDITIONAL = {"write", "allow", "decide", "release"}  # on the row's version
ACTS = {"create", "delete", "outcome"}
# One of each, so that what they bring is the same thing each time.
LOST, TAKEN, GONE = Stale("lost"), LockTaken("taken"), Gone("gone")
CONFLICT, THROTTLED = Refused("conflict"), Refused("throttled")
DENIED, TIMED_OUT = Refused("denied", lasting=True), Unknown("timed out")
CALLS = {"P": CallStatus("IN_PROGRESS"), "S": CallStatus("SUCCEEDED"), "F": CallStatus("FAILED")}


@dataclass(frozen=True)
class Bounds:
    """What the explored world can do."""

    faults: int = 1
    duration: int = 2  # ticks
    waits: int = 2  # ticks until a press is denied
    lives: int = 1  # ticks that a worker lives
    standing: bool = False
    end: bool = True
    extend: bool = True
    press: bool = True  # a second one, at any time
    crash: bool = True
    refuses: bool = True  # Identity Center throttles, denies, fails; each is a fault
    conflicts: bool = True  # it conflicts while a request is under way; that is none
    unknown: bool = False  # a call times out and may land later; a fault
    lags: bool = False  # the listing is behind
    skew: int = 0  # ticks between two workers' clocks
    hand_lease: bool = True
    patience: bool = False  # a worker waits in place for what it has asked, as the queue's does
    lock_deleted: bool = False
    at_once: int = 1  # how many requests of a kind and a session may be under way


class Wrong(Exception):
    """An outcome that must not be."""


class Irreducible(Exception):
    """This variant acts before it writes, so a reduction that counts on the reverse is wrong."""


class Pending(BaseException):
    """The runner's next call, which nobody has answered yet."""

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        self.name, self.args = name, args


@dataclass
class Found:
    """What an exploration came to."""

    bounds: Bounds
    states: int
    transitions: int
    seconds: float
    wrong: str = ""
    story: list[str] = field(default_factory=list)
    complete: bool = True

    def __str__(self) -> str:
        verdict = self.wrong or ("holds" if self.complete else "nothing wrong so far")
        return (
            f"{verdict}: {self.states:,} states, {self.transitions:,} transitions, "
            f"{self.seconds:.0f} s"
        )


def ticking(bounds: Bounds) -> dict[str, timedelta]:
    """The runner's constants, in ticks."""
    return {
        "CALL_TAKES": ZERO,  # so a worker may claim even in its last tick
        "CLAIM_KEEPS_OTHERS_FOR": TICK,
        "NETWORK_DELAY": TICK,
        "CLOCK_SKEW": TICK * bounds.skew,
        "LISTING_LAG": ZERO,
    }


# A state is a tuple:
# (row 0, row 1, lock, lease 0, lease 1, truth, shown, requests, late, worker, worker, faults, asks)
# row: an index into Explorer.rows; lease: ticks, or None; requests: ((id, status), …);
# late: ((kind, session, ticks), …); worker: (session, age, drift, local, skew) or None;
# asks: ((kind, session), …), not decided yet.
State_ = tuple[Any, ...]


class Explorer:
    """Explores one variant of the runner and the table within some bounds."""

    def __init__(
        self,
        bounds: Bounds,
        rows: type[Rows] = Rows,
        patches: Any = (),
        reduced: bool = True,
        runner: dict[str, Any] | None = None,  # its module's names, with `ticking` in place
    ) -> None:
        self.bounds = bounds
        self.reduced = reduced
        names = load(patches, **ticking(bounds)) if runner is None else runner
        self.rows_class = rows
        self.rows: list[Session | None] = [None]
        self.row_numbers: dict[Any, int] = {}
        self.locals: list[tuple[int, tuple[Any, ...], str | None, tuple[Any, ...]]] = []
        self.local_numbers: dict[Any, int] = {}
        self.named_in_local: list[frozenset[str]] = []
        self.proceeded: dict[Any, int] = {}
        self.stored: dict[Any, Any] = {}
        self.shifted: dict[int, int] = {}
        self.read_as: dict[Any, Session] = {}
        self.feed = Feed()
        glass = Glass(
            name="prod",
            account_id=ACCESS.account_id,
            permission_set=SET.name,
            duration=TICK * bounds.duration,
            may=("everyone",),
            report_to=("list@example.com",),
            extend=TICK if bounds.extend else None,
        )
        feed = self.feed
        outside = names["Outside"](*([feed] * len(fields(names["Outside"]))))
        outside = replace(
            outside,
            wakeups=Mute(),
            chat=Mute(),
            post=Mute(),
            letters=Letters(),
            log=lambda *args, **facts: None,
            token=lambda: "mine",
            directory=Known(),
        )
        self.runner = names["Runner"](outside, names["Glasses"]({"prod": glass}, {"U1": ANN.email}))
        patience = timedelta(seconds=1) if bounds.patience else ZERO
        self.look = names["Turn"]("queue", feed.remaining, patience)

    # ---- rows

    def row(self, session: Session, age: int, slot: int) -> int:
        """The number of a row as a worker (or the route) writes it, begun `age` ticks ago."""
        past = TICK * age
        now = T0 + past

        def left(time: datetime | None) -> int | None:
            return None if time is None else max(0, -((now - time) // TICK))

        token = {"mine": str(slot), "other": str(1 - slot), "dead": "x"}.get(
            session.busy_token, session.busy_token
        )
        busy = left(session.busy_until) or None
        late, asked = session.grant_late_until, session.revoke_asked_at
        early = bool(late and asked and asked < late)
        return self._row(
            session.id,
            session.state,
            session.standing,
            busy,
            token,
            session.grant_call,
            session.revoke_call,
            left(session.deadline),
            left(session.wait_until),
            left(session.grant_late_until) or None,
            left(session.revoke_late_until),
            early,
            session.extended,
        )

    def _row(
        self, session_id, state, standing, busy, token, grant, revoke, deadline, wait, grant_late,
        revoke_late, early, extended,
    ) -> int:  # fmt: skip
        if state in DONE_STATES:
            state = state if state is State.DENIED else State.SETTLING
            standing, busy, token, grant, revoke = "", None, "", "", ""
            deadline = wait = grant_late = revoke_late = None
            early = False
            extended = 0
        elif state is State.REVOKING:
            deadline, extended, wait = 0, 0, None
        elif state is not State.REQUESTED:
            wait = None
        if not busy:
            busy = None
        key = (
            session_id, state, standing, busy, token, grant, revoke, deadline, wait, grant_late,
            revoke_late, early, extended,
        )  # fmt: skip
        number = self.row_numbers.get(key)
        if number is None:
            number = self.row_numbers[key] = len(self.rows)
            given = state is not State.REQUESTED
            self.rows.append(
                Session(
                    id=session_id,
                    glass="prod",
                    asked_at=T0,
                    state=state,
                    slack_user="U1",
                    principal_id=ACCESS.principal_id if given else "",
                    account_id=ACCESS.account_id,
                    permission_set_arn=ACCESS.permission_set_arn if given else "",
                    duration=TICK * self.bounds.duration if given else ZERO,
                    extend=TICK if given and self.bounds.extend else ZERO,
                    standing=standing,
                    busy_until=None if busy is None else T0 + TICK * busy,
                    busy_token=token,
                    grant_call=grant,
                    revoke_call=revoke,
                    grant_asked_at=T0,
                    revoke_asked_at=T0 - TICK if early else None,
                    grant_late_until=_at(grant_late) or (T0 if early else None),
                    revoke_late_until=_at(revoke_late),
                    deadline=None if deadline is None else T0 + TICK * deadline,
                    wait_until=None if wait is None else T0 + TICK * wait,
                    extended=extended,
                )
            )
        return number

    def ticked(self, number: int) -> int:
        """The row one tick later."""
        found = self.shifted.get(number)
        if found is None:
            session = self.rows[number]
            found = self.shifted[number] = self.row(session, 1, 0) if session else 0
        return found

    def retokened(self, number: int, names: Mapping[str, str]) -> int:
        session = self.rows[number]
        if session is None or session.busy_token not in names:
            return number
        return self.row(replace(session, busy_token=names[session.busy_token]), 0, 0)

    def reading(self, number: int, age: int, slot: int, version: int) -> Session | None:
        """The row as a worker reads it whose clock started `age` ticks ago."""
        key = (number, age, slot, version)
        found = self.read_as.get(key)
        if found is None:
            row = self.rows[number]
            if row is None:
                return None
            past = TICK * age
            token = {str(slot): "mine", str(1 - slot): "other", "x": "dead"}.get(row.busy_token, "")
            found = self.read_as[key] = replace(
                row,
                version=version,
                busy_token=token,
                busy_until=row.busy_until and row.busy_until + past,
                deadline=row.deadline and row.deadline + past,
                wait_until=row.wait_until and row.wait_until + past,
                grant_late_until=row.grant_late_until and row.grant_late_until + past,
                revoke_late_until=row.revoke_late_until and row.revoke_late_until + past,
                revoke_asked_at=row.revoke_asked_at and row.revoke_asked_at + past,
            )
        return found

    # ---- workers

    def proceed(self, local: int | None, sid: int, brought: Any, age: int, skew: int) -> int:
        """The worker after a call that brought this."""
        key = (local, sid, brought, age, skew)
        found = self.proceeded.get(key)
        if found is None:
            log = () if local is None else self.locals[local][1]
            found = self.proceeded[key] = self._proceed(sid, (*log, brought), age, skew)
        return found

    def _proceed(self, sid: int, log: tuple[Any, ...], age: int, skew: int) -> int:
        feed = self.feed
        feed.start(log, T0 + TICK * (age + skew), TICK * max(0, self.bounds.lives - age))
        name: str | None = None
        args: tuple[Any, ...] = ()
        key: Any = (sid, None)
        try:
            if log[0][0] == "ask":
                self.runner.ask(_ask_of(*log[0][1:]).id, self.look)
            else:
                self.runner.step(IDS[sid], self.look)
        except Pending as pending:
            name, args = pending.name, pending.args
            key = (sid, name, _standing_at(pending.__traceback__))
            if self.reduced and name in ACTS and None not in feed.log:
                raise Irreducible(f"{name} before any write") from None
        except ExternalError:  # the table's: the look is over
            pass
        number = self.local_numbers.get(key)
        if number is None:
            number = self.local_numbers[key] = len(self.locals)
            self.locals.append((sid, tuple(feed.log) if name else (), name, args))
            self.named_in_local.append(_ids_in(feed.log) if name else frozenset())
        return number

    # ---- the graph

    def first(self) -> State_:
        row = self._pressed("s0")
        truth = STANDING if self.bounds.standing else NOBODY
        shown = truth != NOBODY
        faults = self.bounds.faults
        return (row, 0, NOBODY, None, None, truth, shown, (), (), None, None, faults, ())

    def _pressed(self, session_id: str) -> int:
        return self._row(
            session_id, State.REQUESTED, "", None, "", "", "", None, self.bounds.waits, None,
            None, False, 0,
        )  # fmt: skip

    def state_of(self, number: int) -> State | None:
        row = self.rows[number]
        return row.state if row else None

    def check(self, s: State_) -> None:
        first, second, truth = self.state_of(s[0]), self.state_of(s[1]), s[5]
        if first is State.ACTIVE and second is State.ACTIVE:
            raise Wrong("two sessions have one access at once")
        for sid, state in ((0, first), (1, second)):
            if state is State.ACTIVE and truth == NOBODY:
                raise Wrong("a session is ACTIVE without access")
            if state in (State.SETTLING, State.DENIED):
                if truth == sid:
                    raise Wrong(f"a session is {state} and has access")
                if any(i[:2] == f"c{sid}" and status == "P" for i, status in s[7]):
                    raise Wrong(f"a session is {state} and its grant is still under way")
        if self.bounds.standing and truth != STANDING:
            raise Wrong("a standing assignment is gone")

    def successors(self, s: State_) -> Iterator[tuple[Callable[[], str] | str, State_]]:
        b, faults = self.bounds, s[11]
        idle = None
        for slot in (0, 1):
            worker = s[9 + slot]
            if worker is None:
                idle = slot if idle is None else idle
                continue
            yield from self.call(s, slot, worker)
            if faults and b.crash:
                what = self.locals[worker[3]][2]
                dead = self.without(s, slot)
                yield f"w{slot} dies before {what} for {IDS[worker[0]]}", _less(dead)
                if b.unknown and what in ("create", "delete"):
                    late = (what, worker[0], max(0, b.lives - worker[1]))
                    dead = (*dead[:8], tuple(sorted((*dead[8], late))), *dead[9:])
                    yield f"w{slot} dies in {what} for {IDS[worker[0]]}", _less(dead)
        if idle is not None:
            for sid in (0, 1):
                state = self.state_of(s[sid])
                if state is not None and state not in DONE_STATES:
                    for skew in range(b.skew + 1):
                        yield (
                            f"w{idle} looks at {IDS[sid]} ({state})",
                            self.start(s, idle, sid, skew),
                        )
            for kind, sid in s[12]:
                yield f"w{idle} decides: {kind} {IDS[sid]}", self.begin(s, idle, kind, sid)
        yield from self.centre(s)
        yield from self.people(s)
        if all(w is None or w[1] < b.lives for w in s[9:11]):
            later = self.tick(s)
            if later != s:
                yield "a tick", later

    def start(self, s: State_, slot: int, sid: int, skew: int) -> State_:
        session = self.reading(s[sid], 0, slot, FRESH)
        brought = ("row", session, s[3 + sid] is not None)
        local = self.proceed(None, sid, brought, 0, skew)
        return self.put(s, slot, (sid, 0, 0, local, skew))

    def begin(self, s: State_, slot: int, kind: str, sid: int) -> State_:
        """A worker has read the ask, and then its session."""
        local = self.proceed(None, sid, ("ask", kind, sid), 0, 0)
        session = self.reading(s[sid], 0, slot, FRESH)
        brought = ("row", session, s[3 + sid] is not None)
        return self.put(s, slot, (sid, 0, 0, self.proceed(local, sid, brought, 0, 0), 0))

    def put(self, s: State_, slot: int, worker: tuple[int, int, int, int, int]) -> State_:
        """The state with the worker where its next call stands; polls' writes are done at once."""
        while True:
            sid, age, drift, local, skew = worker
            name, args = self.locals[local][2:]
            if name is None:
                return self.without(s, slot)
            s = (*s[: 9 + slot], worker, *s[10 + slot :])
            if self.reduced and drift and self.lost(s, sid, drift, local, name, args):
                local = self.proceed(local, sid, LOST, age, skew)
                worker = (sid, age, drift, local, skew)
                continue
            if name == "answered":  # whoever asked has been told
                worker = (sid, age, drift, self.proceed(local, sid, None, age, skew), skew)
                continue
            if name != "write" or args[0].version != FRESH + drift:
                return s
            if self.row(args[0], age, slot) != s[sid]:
                return s
            s = self.bumped(s, sid)
            worker = (
                sid, age, min(drift + 1, FAR), self.proceed(local, sid, None, age, skew), skew
            )  # fmt: skip

    def lost(self, s: State_, sid: int, drift: int, local: int, name: str, args: Any) -> bool:
        """Whether the worker's next write must fail, whatever happens before it gets there.

        Then it may as well fail now: what it reads until then is of no consequence.
        """
        if name == "decide":
            return args[1] is not None and bool(args[1].version != FRESH + drift)
        if name in CONDITIONAL:
            return bool(args[0].version != FRESH + drift)
        if name in READS and self.state_of(s[sid]) is not State.REQUESTED:
            return None not in self.locals[local][1]
        return False

    def bumped(self, s: State_, sid: int) -> State_:
        """Somebody has written the row: everybody else's reading of it is older by one."""
        workers = [
            w if w is None or w[0] != sid else (w[0], w[1], min(w[2] + 1, FAR), w[3], w[4])
            for w in s[9:11]
        ]
        return (*s[:9], *workers, *s[11:])

    def without(self, s: State_, slot: int) -> State_:
        """The worker is done, or dead: its claim is nobody's."""
        names = {str(slot): "dead"}
        rows = [self.retokened(number, names) for number in s[:2]]
        return (*rows, *s[2 : 9 + slot], None, *s[10 + slot :])

    def brings(self, s: State_, slot: int, brought: Any) -> State_:
        sid, age, drift, local, skew = s[9 + slot]
        return self.put(
            s, slot, (sid, age, drift, self.proceed(local, sid, brought, age, skew), skew)
        )

    # ---- calls

    def call(
        self, s: State_, slot: int, worker: tuple[int, int, int, int, int]
    ) -> Iterator[tuple[str, State_]]:
        sid, age, drift, local, _skew = worker
        name, args = self.locals[local][2:]
        assert name is not None
        who = f"w{slot}/{IDS[sid]} {name}"
        if name in ("create", "delete"):
            yield from self.ask(s, slot, sid, age, name, who)
        elif name in ("creation", "deletion"):
            call = CALLS[dict(s[7])[args[1]]]
            yield f"{who}: {call.status}", self.brings(s, slot, call)
        elif name in ("creating", "deleting"):
            found = any(i[0] == name[0] and status == "P" for i, status in s[7])
            yield f"{who}: {found}", self.brings(s, slot, found)
        elif name == "assigned":
            yield f"{who}: {s[6]}", self.brings(s, slot, s[6])
        elif name == "living":
            live = [self.rows[n].id for n in s[:2] if n and self.rows[n].live]
            yield f"{who}: {live}", self.brings(s, slot, tuple(live))
        elif name == "lock":
            holder, ticks = _lock(s[2])
            free_at = None if ticks is None else T0 + TICK * (age + ticks)
            lock = None if holder == NOBODY else Lock(IDS[holder], free_at)
            yield f"{who}: {lock}", self.brings(s, slot, lock)
        elif name == "read":
            other = IDS.index(args[0])
            row = self.reading(s[other], age, slot, 0)
            brought = ("row", row, s[3 + other] is not None)
            yield f"{who} {args[0]}: {row.state}", self.brings(s, slot, brought)
        else:
            brought, after, said = self.store(s, slot, sid, age, drift, local, name, args)
            yield f"{who}: {said}", self.brings(after, slot, brought)

    def store(self, s, slot, sid, age, drift, local, name, args):
        """A write: by the very conditions of the table in memory."""
        key = (slot, sid, age, drift, local, *s[:5], s[12])
        found = self.stored.get(key)
        if found is None:
            found = self.stored[key] = self._store(s, slot, sid, age, drift, name, args)
        brought, changed, raised, said = found
        if changed is None:
            return brought, s, said
        after = (*changed[:5], *s[5:12], changed[5])
        if raised:
            after = self.bumped(after, sid)
        return brought, after, said

    def _store(self, s, slot, sid, age, drift, name, args):
        rows = self.rows_class()
        for n in (0, 1):
            row = self.reading(s[n], age, slot, FRESH + drift if n == sid else 0)
            if row is not None:
                rows.sessions[IDS[n]] = row
            if s[3 + n] is not None:
                rows.leases[IDS[n]] = int((T0 + TICK * (age + s[3 + n])).timestamp())
        holder, ticks = _lock(s[2])
        if holder != NOBODY:
            rows.locks[ACCESS.key] = IDS[holder]
        if ticks is not None:
            rows.free_at[ACCESS.key] = T0 + TICK * (age + ticks)
        for kind, n in s[12]:
            rows.asks[f"ask/{_ask_of(kind, n).id}"] = _ask_of(kind, n)
        try:
            getattr(rows, name)(*args)
        except (Stale, LockTaken) as error:
            lost = TAKEN if isinstance(error, LockTaken) else LOST
            return lost, None, False, type(error).__name__
        numbers = list(s[:2])
        mine = rows.sessions[IDS[sid]]
        if name != "free":
            numbers[sid] = self.row(mine, age, slot)
        held = rows.locks.get(ACCESS.key)
        lock = NOBODY if held is None else IDS.index(held)
        if ACCESS.key in rows.free_at:
            left = max(0, -((T0 + TICK * age - rows.free_at[ACCESS.key]) // TICK))
            lock = LINGERS * (lock + 1) + left
        asks = tuple(each for each in s[12] if f"ask/{_ask_of(*each).id}" in rows.asks)
        now = (T0 + TICK * age).timestamp()
        leases = [
            max(0, int(-((now - rows.leases[i]) // TICK.total_seconds())))
            if i in rows.leases
            else None
            for i in IDS
        ]
        for n in (0, 1):
            if self.state_of(numbers[n]) in (State.REVOKING, *DONE_STATES):
                leases[n] = None
        was, is_ = self.rows[s[sid]], self.rows[numbers[sid]]
        assert was is not None
        assert is_ is not None
        if name != "decide":
            self._ended_early(was, is_, s[3 + sid])
        said = is_.state if is_.state is not was.state else "ok"
        return None, (*numbers, lock, *leases, asks), mine.version != FRESH + drift, str(said)

    def _ended_early(self, was: Session, is_: Session, lease: int | None) -> None:
        ended = is_.state is State.REVOKING or is_.state in DONE_STATES
        if was.state is State.ACTIVE and ended:
            assert was.deadline is not None
            early = was.deadline > T0 + TICK * self.bounds.skew
            if early and lease is not None:
                raise Wrong("a session was ended before its deadline")
        let_in = was.state is State.GRANTING and was.standing == ""
        if let_in and ended and not self.bounds.lock_deleted:
            assert was.deadline is not None
            if was.deadline > T0 + TICK * self.bounds.skew and lease is not None:
                raise Wrong("a press was let in and turned away, though it should have waited")

    def ask(self, s, slot, sid, age, kind, who) -> Iterator[tuple[str, State_]]:
        b, faults = self.bounds, s[11]
        if kind == "delete" and s[5] == NOBODY:
            yield f"{who}: not found", self.brings(s, slot, GONE)
        else:
            accepted, request_id = self.accept(s, kind, sid)
            if accepted is not None:
                yield f"{who}: accepted", self.brings(accepted, slot, request_id)
        under_way = any(status == "P" for _, status in s[7])
        if under_way and b.conflicts:
            yield f"{who}: conflict", self.brings(s, slot, CONFLICT)
        if faults and b.refuses:
            if not (under_way and b.conflicts):
                yield f"{who}: throttled", _less(self.brings(s, slot, THROTTLED))
            if kind == "create":
                yield f"{who}: denied", _less(self.brings(s, slot, DENIED))
        if faults and b.unknown:
            late = tuple(sorted((*s[8], (kind, sid, max(0, b.lives - age)))))
            after = self.brings((*s[:8], late, *s[9:]), slot, TIMED_OUT)
            yield f"{who}: timed out", _less(after)

    def accept(self, s: State_, kind: str, sid: int) -> tuple[State_ | None, str]:
        b = self.bounds
        prefix = f"{kind[0]}{sid}"
        if sum(1 for i, status in s[7] if i[:2] == prefix and status == "P") >= b.at_once:
            return None, ""
        used = {i for i, _ in s[7]}
        for number in s[:2]:
            row = self.rows[number]
            if row is not None:
                used |= {row.grant_call, row.revoke_call}
        for worker in s[9:11]:
            if worker is not None:
                used |= self.named_in_local[worker[3]]
        letter = next(x for x in "abcdefgh" if prefix + x not in used)
        request_id = prefix + letter
        requests = tuple(sorted((*s[7], (request_id, "P"))))
        return (*s[:7], requests, *s[8:]), request_id

    # ---- the world

    def centre(self, s: State_) -> Iterator[tuple[str, State_]]:
        faults = s[11]
        for request_id, status in s[7]:
            if status != "P":
                continue
            yield f"{request_id} lands", self.land(s, request_id)
            if faults and self.bounds.refuses:
                yield f"{request_id} fails", _less(_status(s, request_id, "F"))
        for late in sorted(set(s[8])):
            kind, sid, _ = late
            rest = list(s[8])
            rest.remove(late)
            before = (*s[:8], tuple(rest), *s[9:])
            if kind == "delete" and s[5] == NOBODY:
                yield "a late delete finds nothing", before
                continue
            accepted, _ = self.accept(before, kind, sid)
            if accepted is not None:
                yield f"a late {kind} of {IDS[sid]} is accepted", accepted
        if self.bounds.lags and s[6] != (s[5] != NOBODY):
            yield "the listing catches up", (*s[:6], s[5] != NOBODY, *s[7:])

    def land(self, s: State_, request_id: str) -> State_:
        sid, truth = int(request_id[1]), s[5]
        if request_id[0] == "c":
            truth = sid if truth == NOBODY else truth
        else:
            if truth == STANDING:
                raise Wrong(f"a delete of {IDS[sid]} took away what stood before")
            other = 1 - sid
            if truth == other and self.state_of(s[other]) in OPEN:
                raise Wrong(f"a delete of {IDS[sid]} took away the access of {IDS[other]}")
            truth = NOBODY
        shown = s[6] if self.bounds.lags else truth != NOBODY
        return _status((*s[:5], truth, shown, *s[7:]), request_id, "S")

    def people(self, s: State_) -> Iterator[tuple[str, State_]]:
        b, faults = self.bounds, s[11]
        if b.press and not s[1]:
            yield "a second press", (s[0], self._pressed("s1"), *s[2:])
        for sid in (0, 1):
            row = self.rows[s[sid]]
            if row is None or row.state not in OPEN:
                continue
            extendable = row.state is State.ACTIVE and not row.extended
            for kind, may in (("end", b.end), ("extend", b.extend and extendable)):
                if may and (kind, sid) not in s[12]:
                    asks = tuple(sorted((*s[12], (kind, sid))))
                    yield f"{kind} {IDS[sid]}, somebody asks", (*s[:12], asks)
            lease = s[3 + sid]
            gone = (*s[: 3 + sid], None, *s[4 + sid :])
            if lease == 0:
                if row.deadline > T0 + TICK * b.skew and row.state is State.ACTIVE:
                    raise Wrong("the TTL ends a session before its extended deadline")
                yield f"the TTL deletes the lease of {IDS[sid]}", gone
            elif lease is not None and faults and b.hand_lease:
                yield f"somebody deletes the lease of {IDS[sid]}", _less(gone)
        if s[2] != NOBODY and faults and b.lock_deleted:
            yield "somebody deletes the lock", _less((*s[:2], NOBODY, *s[3:]))

    def tick(self, s: State_) -> State_:
        leases = [lease and lease - 1 for lease in s[3:5]]
        late = tuple(sorted((k, sid, left - 1) for k, sid, left in s[8] if left > 0))
        workers = [w and (w[0], w[1] + 1, *w[2:]) for w in s[9:11]]
        rows = [self.ticked(number) for number in s[:2]]
        holder, ticks = _lock(s[2])
        lock = s[2] if not ticks else LINGERS * (holder + 1) + ticks - 1
        return (*rows, lock, *leases, *s[5:8], late, *workers, *s[11:])

    def normal(self, s: State_) -> State_:
        """Alike states as one: requests that nobody names any more, workers in one order."""
        if s[7]:
            done = {i: status for i, status in s[7] if status != "P"}
            if done:
                s = (self.settled(s[0], done), self.settled(s[1], done), *s[2:])
            named: set[str] = set()
            for number in s[:2]:
                row = self.rows[number]
                if row is not None:
                    named |= {row.grant_call, row.revoke_call}
            for worker in s[9:11]:
                if worker is not None:
                    named |= self.named_in_local[worker[3]]
            kept = tuple(r for r in s[7] if r[1] == "P" or r[0] in named)
            if kept != s[7]:
                s = (*s[:7], kept, *s[8:])
        first, second = s[9], s[10]
        if (first is None and second is not None) or (first and second and second < first):
            swap = {"0": "1", "1": "0"}
            rows = [self.retokened(number, swap) for number in s[:2]]
            s = (*rows, *s[2:9], second, first, *s[11:])
        return s

    def settled(self, number: int, done: Mapping[str, str]) -> int:
        """In REVOKING a request that is over is as good as what its Describe will bring."""
        row = self.rows[number]
        if row is None or row.state is not State.REVOKING:
            return number
        if row.grant_call in done:
            row = replace(row, grant_call="")
        if row.revoke_call in done:
            row = replace(row, revoke_call="done" if done[row.revoke_call] == "S" else "")
        if row is self.rows[number]:
            return number
        return self.row(replace(row, busy_token=row.busy_token), 0, 0)

    # ---- the end of every road: no more faults, time goes on, somebody looks

    def heal(self, s: State_, healed: set[State_]) -> None:
        path: list[State_] = []
        for _ in range(80):
            s = self.normal(s)
            if s in healed:
                break
            path.append(s)
            for request_id, status in s[7]:
                if status == "P":
                    s = self.land(s, request_id)
            s = (*s[:6], s[5] != NOBODY, s[7], (), *s[9:12], ())
            self.check(s)
            s = self.tick(s)
            for sid in (0, 1):
                state = self.state_of(s[sid])
                if state is None or state in DONE_STATES:
                    continue
                s = self.start(s, 0, sid, 0)
                while s[9] is not None:
                    s = next(self.call(s, 0, s[9]))[1]
                    self.check(s)
                if self.state_of(s[sid]) is State.ACTIVE and s[3 + sid] is None:
                    raise Wrong("the lease is gone, and access stays")
            states = [self.state_of(n) for n in s[:2] if n]
            quiet = not any(status == "P" for _, status in s[7])
            if quiet and all(state in DONE_STATES for state in states):
                self._at_the_end(s)
                break
        else:
            raise Wrong(f"a session is stuck: {', '.join(str(self.state_of(n)) for n in s[:2])}")
        healed.update(path)

    def _at_the_end(self, s: State_) -> None:
        if self.bounds.standing and s[5] != STANDING:
            raise Wrong("a standing assignment is gone")
        if not self.bounds.standing and s[5] != NOBODY:
            raise Wrong("somebody keeps access")
        if s[2] != NOBODY and s[2] < LINGERS:
            raise Wrong("the lock is never freed")

    # ---- the search

    def explore(
        self,
        seconds: float = 1e9,
        states: int = 1 << 60,
        progress: Callable[[int], None] | None = None,
    ) -> Found:
        began = time.monotonic()
        first = self.normal(self.first())
        came_from: dict[int, int] = {hash(first): 0}
        queue = deque([first])
        healed: set[State_] = set()
        transitions = 0
        wrong, at, last = "", 0, ""
        complete = True
        while queue and not wrong:
            s = queue.popleft()
            here = hash(s)
            try:
                if s[9] is None and s[10] is None:
                    self.heal(s, healed)
            except Wrong as error:
                wrong, at, last = str(error), here, "(from here on all is well)"
                break
            try:
                for label, after in self.successors(s):
                    transitions += 1
                    after = self.normal(after)
                    there = hash(after)
                    if there in came_from:
                        continue
                    came_from[there] = here
                    last = str(label)
                    self.check(after)
                    queue.append(after)
            except Wrong as error:
                wrong, at = str(error), here
            if transitions & 1023 < 8:
                if time.monotonic() - began > seconds or len(came_from) > states:
                    complete = False
                    break
                if progress is not None:
                    progress(len(came_from))
        story = self._story(first, came_from, at, last) if wrong else []
        return Found(
            self.bounds,
            len(came_from),
            transitions,
            time.monotonic() - began,
            wrong,
            story,
            complete and not wrong,
        )

    def _story(self, s: State_, came_from: dict[int, int], at: int, last: str) -> list[str]:
        path = [at]
        while came_from[path[-1]]:
            path.append(came_from[path[-1]])
        path.reverse()
        told = []
        for there in path[1:]:
            for label, after in self.successors(s):
                after = self.normal(after)
                if hash(after) == there:
                    told.append(str(label))
                    s = after
                    break
        return [*told, last]


class Feed:
    """The ports of one worker: gives what is in the log, and stops at the first call that is not.

    Clock and remaining time are part of the log, read at the moment that the call before ended.
    """

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.at = 0
        self.time, self.left = T0, ZERO

    def start(self, log: tuple[Any, ...], time: datetime, left: timedelta) -> None:
        self.log, self.at, self.time, self.left = list(log), 0, time, left
        self.asks = 0

    def _kept(self, fresh: Any) -> Any:
        if self.at == len(self.log):
            self.log.append(fresh)
        self.at += 1
        return self.log[self.at - 1]

    def now(self) -> datetime:
        time: datetime = self._kept(self.time)
        return time

    def remaining(self) -> timedelta:
        left: timedelta = self._kept(self.left)
        return left

    def sleep(self, duration: timedelta) -> None:
        """Others may come before any call, however long it is until then."""

    def permission_set(self, name_or_arn: str) -> PermissionSet:
        return SET

    def owner(self) -> str:
        return ""

    def asked(self, row_id: str) -> Ask | None:
        """Once; whoever comes to late to it leaves it to another look."""
        self.asks += 1
        if self.asks > 1:
            return None
        _, kind, sid = self._brought("asked", row_id)
        return _ask_of(kind, sid)

    def read(self, session_id: str) -> Any:
        _, session, leased = self._brought("read", session_id)
        return session, leased

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            return self._brought(name, *args)

        return call

    def _brought(self, name: str, *args: Any) -> Any:
        if self.at == len(self.log):
            raise Pending(name, args)
        brought = self.log[self.at]
        self.at += 1
        if isinstance(brought, ExternalError):
            raise brought.with_traceback(None)
        return brought


def _standing_at(trace: Any) -> tuple[Any, ...]:
    """Where the runner stands, and all that it remembers: its frames, from the outermost in.

    Two ways to the same frames go on alike, so they need not be told apart.
    """
    frames = []
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals["__name__"] in REMEMBERS:
            values = tuple(
                (name, _plain(value)) for name, value in frame.f_locals.items() if name != "self"
            )
            frames.append((frame.f_code.co_name, frame.f_lasti, values))
        trace = trace.tb_next
    return tuple(frames)


def _plain(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


class Mute:
    """The queue, Slack and the mail: what is said there changes nothing here."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *args, **how: "said"


class Letters:
    def about(self, *_: Any) -> tuple[str, str, str]:
        return "subject", "text", "<p>html</p>"


class Known:
    def person(self, email: str) -> Person:
        return ANN

    def portal(self) -> str:
        return ""


def _less(s: State_) -> State_:
    """One fault fewer left."""
    return (*s[:11], s[11] - 1, *s[12:])


def _at(ticks: int | None) -> datetime | None:
    return None if ticks is None else T0 + TICK * ticks


def _lock(lock: int) -> tuple[int, int | None]:
    """Whose it is; and the ticks until it is free, where that session is over."""
    if lock < LINGERS:
        return lock, None
    return lock // LINGERS - 1, lock % LINGERS


@cache
def _ask_of(kind: str, sid: int) -> Ask:
    return Ask(id=f"{kind}-{sid:024x}", session_id=IDS[sid], asked_at=T0, slack_user="U1")


def _status(s: State_, request_id: str, status: str) -> State_:
    requests = tuple((i, status if i == request_id else was) for i, was in s[7])
    return (*s[:7], requests, *s[8:])


def _ids_in(log: list[Any]) -> frozenset[str]:
    found: set[str] = set()
    for brought in log:
        if isinstance(brought, str):
            found.add(brought)
        elif isinstance(brought, tuple) and brought and brought[0] == "row" and brought[1]:
            found |= {brought[1].grant_call, brought[1].revoke_call}
    return frozenset(found)
