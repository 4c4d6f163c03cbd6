"""Lives of a special kind: hands in the table, answers that hang, orders that come late."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.ask import Kind
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from tests.simulation.actors import (
    ANN,
    BOB,
    CLEO,
    MINUTE,
    SECOND,
    SLACK,
    THINGS,
    ms_of,
    session_id_of,
)
from tests.simulation.world import World


class Meddled(World):
    """A life in which hands delete sessions' rows just when it hurts, and much comes late."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states = (State.GRANTING, State.REVOKING, State.REVOKING)
        self.hands.lurking += [(state, self.hands.delete_row) for state in states]
        self.faults.rates |= {"late": 0.3, "slow": 0.5}


class LetsEverybodyIn(World):
    """A life in which nobody is refused, for it is about what comes after."""

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        made = super()._glasses(first)
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}
        return {name: replace(glass, may=("everyone",)) for name, glass in made.items()}


class Hung(LetsEverybodyIn):
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
A_SECOND = timedelta(seconds=1)


class Behind(LetsEverybodyIn):
    """A life in which listings are behind, sessions are short and follow one another closely, calls
    are lost, and administrators do by hand just then what is under way."""

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


class Extended(World):
    """A life in which people choose how long, also what no glass has, and extend again and again,
    several at once, while settings change."""

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        made = super()._glasses(first)
        random = self.random
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}

        def longer(glass: Glass) -> Glass:
            others = tuple(
                each for each in (30 * A_SECOND, 400 * A_SECOND) if random.random() < 0.7
            )
            extend = random.choice((20 * A_SECOND, 300 * A_SECOND))
            most = max(glass.duration, *others, A_SECOND) + extend * random.choice((0.5, 1, 2.5))
            return replace(
                glass,
                may=("everyone",),
                others=others,
                extend=extend,
                extend_to=random.choice((None, most, most)),
            )

        return {name: longer(glass) for name, glass in made.items()}

    def chooses(self) -> str:
        return self.random.choice(("", "30s", "400s", "1h", "24h", "all night"))

    def _people(self) -> None:
        random, self.mode = self.random, ""
        pressed = []
        when = random.randrange(20 * SECOND)
        for n in range(random.choice((1, 2, 3))):
            session_id = session_id_of(n + 1)
            pressed.append((session_id, when))
            self.at(when, self.press, session_id, random.choice(("UANN", "UBOB")), "prod")
            at = when
            for _ in range(random.choice((2, 4, 8))):
                at += random.randrange(random.choice((20 * SECOND, self.duration)))
                for user in random.sample((*SLACK, "UANN"), random.choice((1, 2, 3))):
                    moment = at + random.choice((0, random.randrange(3 * SECOND)))
                    self.at(moment, self.ask, session_id, Kind.EXTEND, user)
            when = random.choice((at, when + random.randrange(self.span)))
        self.hands.plan(pressed)
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(random.choice((self.span // 2, when + MINUTE)), self.heal)


class Forged(World):
    """A life in which somebody writes whatever a role that may only ask can write, and once even
    a session's row: nothing is granted by it that no glass allows, and no access stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hands.forging = True
        for _ in range(self.random.choice((5, 20, 60))):
            self.at(self.random.randrange(self.span), self.hands.forge)


class Insistent(World):
    """A life in which each call takes its time, and whoever has access, and who may nothing, ask
    again and again around its end: whatever they ask for, it ends as if they had not."""

    ENDS_WITHIN = 30 * SECOND

    def _people(self) -> None:
        random, self.mode = self.random, ""
        self.faults.outages.clear()
        self.faults.rates = {"pause": random.choice((0.6, 1.0))}
        self.duration = random.choice((20, 40)) * SECOND
        self.glasses = {name: replace(glass, may=("everyone",),
                                      duration=timedelta(milliseconds=self.duration))
                        for name, glass in self.glasses.items()}  # fmt: skip
        self.runner, self.reconciler = self._functions()
        self.pressed_at = random.randrange(MINUTE)
        session_id = session_id_of(1)
        self.at(self.pressed_at, self.press, session_id, "UANN", "prod")
        begins, every = self.pressed_at + self.duration - 5 * SECOND, random.choice((300, 500))
        ends = self.pressed_at + self.duration + MINUTE
        for when in range(begins, ends, every):
            kind, who = random.choice(INSISTED)
            self.at(when + random.randrange(every), self.ask, session_id, kind, who)
        self.hands.last = ends
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(ends + MINUTE, self.heal)

    def _entered(self, old: Session, new: Session) -> None:
        super()._entered(old, new)
        if new.state is State.SETTLING and new.over_since is not None:
            late = self.now - ms_of(new.over_since)
            if late > self.ENDS_WITHIN:
                self.fail(f"{new.id} ended {late // SECOND} s late, for people went on asking")


INSISTED = (
    (Kind.REASON, "UANN"), (Kind.REASON, "UANN"), (Kind.EXTEND, "UANN"),
    (Kind.REASON, "UNOBODY"), (Kind.END, "UNOBODY"), (Kind.EXTEND, "UNOBODY"),
)  # fmt: skip
