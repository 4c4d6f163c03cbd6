"""What is done by hand in the middle of it all: to rows, to assignments, to the settings.

None of it is a fault of the outside, so it goes on when all is well there; what must hold is
counted from the last of it.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain import ask
from chalicelib.domain.ask import Ask
from chalicelib.domain.machine import LIVE, State
from chalicelib.domain.session import Access, Noted, Session
from tests.fakes.table import short

if TYPE_CHECKING:
    from tests.simulation.actors import Request
    from tests.simulation.world import World

SECOND, MINUTE = 1_000, 60_000
EVERY = tuple(state for state in State if state is not State.REVIEWING)  # see watched.py
STATES = (*EVERY, *(state for state in State if state in LIVE), State.REVOKING)
NO_WAKE_UPS = ("", "not JSON", "null", "[]", "{}", '{"session": 5}', '{"session": ""}', "5")


class Hands:
    """Operators and administrators, with the access that they have."""

    def __init__(self, world: "World", accesses: list[Access]) -> None:
        self.world = world
        self.accesses = accesses
        self.last = 0  # when a hand was last at work
        self.pressed_again = 0
        self.forging = False
        self.forged = 0
        self.lurking: list[tuple[State, Callable[..., None]]] = []

    def plan(self, presses: list[tuple[str, int]]) -> None:
        """Draws what happens when; `presses` says which sessions may be there, and from when."""
        world, random = self.world, self.world.random
        often = 0.25 if world.mode else 0.06
        for session_id, when in presses:
            if random.random() < 0.1:
                self._at(when + random.randrange(world.span), world.delete_lease, session_id)
        plans: tuple[tuple[Callable[..., None], float], ...] = (
            (self.delete_lock, 0.05),
            (self.redeploy, 0.1),
            (self.delete_row, often / 4),
            (self.spoil_row, 0.03),
            (self.send_nonsense, 0.05),
            (self.give, often),
            (self.take, often / 2),
            (self.accept, often / 2),
        )
        for do, chance in plans:
            while random.random() < chance:
                _, when = random.choice(presses)
                within = random.choice((20 * SECOND, world.duration + 2 * MINUTE, world.span))
                self._at(when + random.randrange(within), do)
        lurks = ((self.redeploy, 0.05), (self.delete_row, often / 2), (self.spoil_row, 0.1))
        for do, chance in lurks:
            while random.random() < chance:
                self.lurking.append((random.choice(STATES), do))

    def entered(self, row: Session) -> None:
        """Somebody has been waiting for just that; within seconds they act on it."""
        for plan in [each for each in self.lurking if each[0] is row.state]:
            self.lurking.remove(plan)
            self._at(self.world.now + self.world.random.randrange(3 * SECOND), plan[1], row.id)

    def entered_reconciliation(self) -> None:
        """Who has read what it found may accept it while it is at it again."""
        if not self.world.faults.healed and self.world.random.random() < 0.2:
            when = self.world.now + self.world.random.randrange(4 * SECOND, 9 * SECOND)
            self._at(when, self.accept)

    def _at(self, when: int, do: Callable[..., None], *args: Any) -> None:
        self.last = max(self.last, when)
        self.world.at(when, do, *args)

    def _said(self, who: str, what: str, count: str) -> None:
        self.world.say(who, what)
        self.world.faults.saw(count)

    # ---- rows

    def delete_lock(self) -> None:
        world = self.world
        for key, holder in list(world.rows.locks.items()):
            row = world.index.get(holder)
            if row is not None and row.live:  # the index knows of it: see World.index
                world.rows.unlock(key)
                world.lockless.add(holder)
                what = f"deletes the lock that {holder} holds"
                self._said("operator", what, "lock deleted by hand")

    def delete_row(self, session_id: str = "") -> None:
        """A session's row, in whatever state it is; its lock, its lease and its access stay."""
        row = self._some_row(session_id)
        if row is not None:
            self._delete(row)

    def _some_row(self, session_id: str) -> Session | None:
        """That one, or any, but rather one that matters."""
        if session_id:
            return self.world.rows.sessions.get(session_id)
        rows = list(self.world.rows.sessions.values())
        live = [row for row in rows if row.live]
        chosen = live if live and self.world.random.random() < 0.7 else rows
        return self.world.random.choice(chosen) if chosen else None

    def _delete(self, row: Session) -> None:
        what = f"deletes the row of {row.id}, which is {row.state}"
        self._said("operator", what, f"session row deleted by hand, {row.state}")
        if row.found:
            self.world.faults.saw("found session's row deleted by hand")
        self.world.forget(row)
        if self.world.rows.locks.get(row.access.key) == row.id and self.world.random.random() < 0.3:
            self.world.rows.unlock(row.access.key)
            self.world.lockless.add(row.id)
            self._said("operator", "and its lock with it", "lock deleted with its session's row")
        users = [user for user, person in self.world.slack.items() if person.email == row.email]
        if users and self.world.random.random() < 0.5:  # who lost it by that breaks it again
            soon = self.world.random.choice((SECOND, 5 * SECOND, MINUTE, 20 * MINUTE))
            when = self.world.now + self.world.random.randrange(soon)
            self.pressed_again += 1
            again = f"bg-{self.pressed_again:012x}{row.id[-12:]}"
            self._at(when, self.world.press, again, users[0], row.glass)

    def spoil_row(self, session_id: str = "") -> None:
        """An attribute of a wrong type: no look at the session can read its row any more."""
        world, row = self.world, self._some_row(session_id)
        if row is None or row.id in world.rows.unreadable:
            return
        world.rows.unreadable.add(row.id)
        what = f"spoils the row of {row.id}, which is {row.state}"
        self._said("operator", what, "session row spoiled by hand")
        if world.random.random() < 0.5:
            world.faults.saw("session row spoiled for good")
            return
        latest = world.random.choice((MINUTE, 20 * MINUTE, 90 * MINUTE))
        self._at(world.now + world.random.randrange(latest), self.mend_row, row.id)

    def mend_row(self, session_id: str) -> None:
        world = self.world
        if session_id not in world.rows.unreadable:
            return  # a write of the whole row has mended it
        world.rows.unreadable.discard(session_id)
        world.readable_at[session_id] = world.now
        if world.random.random() < 0.3:
            world.faults.saw("spoiled row deleted by hand")
            self._delete(world.rows.sessions[session_id])
        else:
            what = f"makes the row of {session_id} good again"
            self._said("operator", what, "session row made good again")

    def send_nonsense(self) -> None:
        """To the queue, or with the next record of the stream."""
        if self.world.random.random() < 0.5:
            record = {"eventName": "INSERT", "dynamodb": {"Keys": {}}}
            self.world.nonsense.append(record)
            self._said("somebody", "writes a row of another kind", "stream record unlike any other")
            return
        body = self.world.random.choice(NO_WAKE_UPS)
        what = f"puts a message in the queue that is no wake-up: {body!r}"
        self._said("operator", what, "message that is no wake-up")
        self.world.receive_soon(body)

    # ---- whoever has the credentials of a role that may only ask

    def forge(self) -> None:
        """One row, of those that the route's role or reconciliation's may write."""
        world, random = self.world, self.world.random
        self.last = max(self.last, world.now)
        self.forged += 1
        forgeries: tuple[Callable[[Session | None], None], ...] = (
            self._forge_press,
            self._forge_ask,
            self._forge_ask,
            self._forge_found,
            self._forge_lock,
            self._forge_session,
        )
        what = random.choice(forgeries)
        what(random.choice(list(world.rows.sessions.values()) or [None]))
        world.faults.saw(f"forged: {what.__name__.removeprefix('_forge_')}")

    def _forge_press(self, row: Session | None) -> None:
        world, random = self.world, self.world.random
        known = random.random() < 0.3 and row is not None
        forged = Session(
            id=row.id if known and row else f"bg-f{self.forged:023x}",
            glass=random.choice(("prod", "data", "nonesuch", "")),
            asked_at=world.moment + timedelta(hours=random.choice((0, 0, -1, 1_000))),
            wait_until=world.moment + timedelta(minutes=5),
            slack_user=random.choice(("UNOBODY", "UANN", "UCLEO")),
            account_id=random.choice(("111122223333", "999999999999")),
            permission_set_arn=random.choice(self.accesses).permission_set_arn,
            response_url="https://slack.example/forged",
        )
        world.rows.asks[f"ask/{forged.id}"] = forged
        world.rows.asked_for(f"ask/{forged.id}")

    def _forge_ask(self, row: Session | None) -> None:
        world, random = self.world, self.world.random
        before = [*world.rows.decided.values()]
        kind = random.choice(("end", "extend"))
        forged = Ask(
            id=f"{kind}-f{self.forged:023x}",
            session_id=row.id if row else "bg-" + "0" * 24,
            asked_at=world.moment,
            slack_user=random.choice(("UNOBODY", "UNOBODY", "UDAVE")),
        )
        if before and random.random() < 0.5:  # what was decided, once more
            forged = replace(random.choice(before), outcome="", owed=(), version=0)
        world.rows.asks[f"ask/{forged.id}"] = forged
        world.rows.asked_for(f"ask/{forged.id}")

    def _forge_found(self, row: Session | None) -> None:
        world = self.world
        access = world.random.choice(self.accesses)
        found = ask.found(access, world.random.choice(("prod", "data")), world.moment)
        row_id = f"ask/found{found.id.removeprefix('bg')}"
        said = {field.name: getattr(found, field.name) for field in fields(found)}
        world.rows.asks[row_id] = ask.read(row_id, said)
        world.rows.asked_for(row_id)

    def _forge_lock(self, row: Session | None) -> None:
        """In a free place, or away; a live session's stays, as for any other hand."""
        world = self.world
        access = world.random.choice(self.accesses)
        holder = world.rows.locks.get(access.key)
        held = world.rows.sessions.get(holder or "")
        if held is not None and held.live:
            return
        world.rows.unlock(access.key)
        if holder is None:
            world.rows.locks[access.key] = row.id if row else "bg-" + "f" * 24

    def _forge_session(self, row: Session | None) -> None:
        """No role that only asks may: it is here for what comes of it all the same."""
        world, random = self.world, self.world.random
        access = random.choice(self.accesses)
        forged = Session(
            id=f"bg-e{self.forged:023x}",
            glass="prod",
            asked_at=world.moment,
            state=State.GRANTING,
            version=1,
            slack_user="UNOBODY",
            principal_id=access.principal_id,
            account_id=access.account_id,
            permission_set_arn=access.permission_set_arn,
            allowed_at=world.moment,
            deadline=world.moment + timedelta(hours=1),
            look_at=world.moment,
        )
        world.rows.sessions[forged.id] = forged
        world.rows.leases[forged.id] = int((world.moment + timedelta(hours=1)).timestamp())
        world.index[forged.id] = forged

    # ---- assignments

    def give(self) -> None:
        world = self.world
        access = world.random.choice(self.accesses)
        if access.key in world.truth:
            return
        rows = world.rows.sessions.values()
        during = any(row.live and row.access == access for row in rows)
        during = during or any(request.access == access for request in world.pending)
        world.truth[access.key] = "admin"
        world.listed(access.key, True)
        world.explained.given(access, during)
        self._said("admin", f"assigns {short(access.key)} by hand", "assignment given by hand")

    def take(self) -> None:
        world = self.world
        there = [access for access in self.accesses if access.key in world.truth]
        if not there:
            return
        access = world.random.choice(there)
        owner = world.remove(access)
        world.explained.taken(access)
        theirs = "session's " if owner in world.rows.sessions else ""
        what = f"takes away {short(access.key)}, which {owner} had"
        self._said("admin", what, f"{theirs}assignment taken by hand")

    def take_slowly(self) -> None:
        """As AWS does it for an administrator too: the request is taken, and lands in its time."""
        world = self.world
        there = [access for access in self.accesses if access.key in world.truth]
        if there:
            request = world.by_hand("delete", world.random.choice(there))
            wait = world.random.randrange(5 * SECOND, 30 * SECOND)
            self._at(world.now + wait, self._taken, request)

    def _taken(self, request: "Request") -> None:
        world = self.world
        world.finish(request)
        if request.access.key in world.truth:
            world.remove(request.access)
            world.explained.taken(request.access)
        what = f"has taken away {short(request.access.key)}"
        self._said("admin", what, "assignment taken by hand, slowly")

    def accept(self) -> None:
        """`python -m tools standing accept`: not what a session has just given."""
        world = self.world
        there = [access for access in self.accesses if access.key in world.truth]
        there = [access for access in there if not world.explained.stands(access)] or there
        access = world.random.choice(there) if there else None
        held = access is None or access.key in world.rows.locks or world.explained.lives(access)
        if access is not None and not held:
            self.accepted(access)

    def accepted(self, access: Access) -> None:
        world = self.world
        known = world.rows.noted(access)
        fresh = Noted(access=access, found_at=world.moment, glass="prod")
        world.rows.note(
            replace(
                fresh,
                standing=True,
                accepted_by="operator",
                version=known.version if known else 0,
            )
        )
        world.explained.accepted(access)
        self._said("operator", f"accepts {short(access.key)} by name", "standing accepted by name")

    # ---- settings

    def redeploy(self, _: str = "") -> None:
        """New code, new glasses. What is running is cut off, or runs on with what it had."""
        world = self.world
        before = world.glasses
        world.deploy()
        self._count_changes(before)
        cut = world.random.random() < 0.6
        self._said("redeploy", "workers are cut off" if cut else "workers run on", "redeploy")
        for worker in sorted(world.workers, key=lambda w: w.name):
            if cut:
                world.faults.saw("redeploy that cuts workers off")
                world.die(worker, "cut off")

    def _count_changes(self, before: dict[str, Any]) -> None:
        world = self.world
        for row in world.rows.sessions.values():
            if row.final or row.state is State.REQUESTED or row.glass not in before:
                continue
            after = world.glasses.get(row.glass)
            if after is None:
                world.faults.saw("glass removed with a session in flight")
            elif after != before[row.glass]:
                world.faults.saw("glass changed with a session in flight")
