"""A life that breaks a promise, made as small as can be while it breaks the same one.

The life is lived once more, and what it draws is written down: the tape. A smaller life is one in
which some of it does not happen: each draw has a harmless default (a fault does not strike, a
person or hand does not act, a wait is the shortest, a choice is the first), and only the chosen
draws of the tape are otherwise. A draw is known by what it is for (which fault, before which call,
for which session, the how manieth time), so that leaving one out does not move the others.

What was drawn before anything happened, for faults' rates and for who acts when, stays as it was:
each act that comes of it is a draw of its own.
"""

import linecache
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, cast

from tests.simulation.actors import SLACK
from tests.simulation.world import World

TRIES = 400  # lives, not seconds: the same seed is shrunk to the same life on any machine
PLANS = {"drawn", "_people", "plan"}  # the functions that draw what may happen, and when
ACTS = {  # what is somebody's to do or to leave; the rest follows, or goes by the clock
    "press", "ask", "delete_lease", "delete_lock", "delete_row", "spoil_row", "mend_row",
    "redeploy", "send_nonsense", "give", "take", "take_slowly", "accept", "forge",
}  # fmt: skip
CAUSES = {"drawn", "admin", "operator", "somebody", "redeploy"}
ASSIGNED = re.compile(r"\s*(?:self\.)?(\w+)(?:: [^=]+)? \+?= ")
ID = re.compile(r"(?<=bg|nd)-0+(?=\w)")
NAMES = re.compile(r"\b[a-z]+#\d+|\b(?:bg|end|extend)-[\w-]+|\S*/\S+|“.*”|\d[\d.:,+ -]*")


@dataclass(frozen=True)
class Draw:
    """One thing that a life has drawn, other than the harmless default."""

    key: tuple[Any, ...]
    value: Any
    says: str
    grave: bool  # a fault that struck, or an act; else how long something took, or which it was


@dataclass
class Tape:
    """What a life drew: by the seed's dice, or of another tape no more than the draws `only`."""

    dice: Random | None = None
    draws: list[Draw] = field(default_factory=list)
    plans: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    only: dict[tuple[Any, ...], Draw] = field(default_factory=dict)
    world: "World | None" = None
    calling: str = ""  # the port's call that a worker is at
    before: list[str] = field(default_factory=list)  # what was drawn before the life began
    times: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def of(self, only: Iterable[int]) -> "Tape":
        """This tape, with nothing but those draws."""
        chosen = [self.draws[number] for number in only]
        return Tape(plans=self.plans, only={draw.key: draw for draw in chosen})

    def happens(self, *what: Any, says: str = "") -> bool:
        """Whether what is planned is left to happen; without `says` it tells itself by then."""
        return bool(self._drawn(what, True, False, says, grave=True))

    # ---- as random.Random

    def random(self) -> float:
        frame = sys._getframe(1)
        if frame.f_code.co_name != "strikes":
            return float(self._value(frame, lambda dice: dice.random(), 1.0))
        name, rate = frame.f_locals["name"], frame.f_locals["rate"]
        drawn = 1.0 if self.dice is None else self.dice.random()
        key = ("fault", name, *self._context())
        struck = self._drawn(key, drawn < rate, False, self._fault(name), grave=True)
        return 0.0 if struck and self.dice is None else drawn

    def choice(self, things: Sequence[Any]) -> Any:
        last = len(things) - 1
        numbers = range(last + 1)
        drawn = self._value(sys._getframe(1), lambda dice: dice.choice(numbers), 0, things)
        return things[min(drawn, last)]

    def randrange(self, start: int, stop: int | None = None) -> int:
        first, end = (0, start) if stop is None else (start, stop)
        drawn = self._value(sys._getframe(1), lambda dice: dice.randrange(first, end), first)
        return int(max(first, min(drawn, end - 1)))

    def sample(self, things: Sequence[Any], count: int) -> list[Any]:
        first = list(range(count))
        numbers = range(len(things))
        drawn = self._value(sys._getframe(1), lambda dice: dice.sample(numbers, count), first)
        return [things[number] for number in [*drawn, *first][:count]]

    def _value(
        self, frame: Any, draw: Callable[[Random], Any], default: Any, shown: Sequence[Any] = ()
    ) -> Any:
        code = frame.f_code
        key = (code.co_qualname, frame.f_lasti, *self._context())
        value = None if self.dice is None else draw(self.dice)
        if code.co_name in PLANS:
            key = self._numbered(key)
            if self.dice is None:
                return self.plans.get(key, default)
            self.plans[key] = value
            return value
        if value in (None, default):
            return self._drawn(key, value, default, "", grave=False)
        named = ASSIGNED.match(linecache.getline(code.co_filename, frame.f_lineno))
        what = named[1] if named else code.co_name.strip("_")
        says = shown[value] if shown else value
        return self._drawn(key, value, default, f"{what}: {says}", grave=False)

    def _drawn(
        self, key: tuple[Any, ...], value: Any, default: Any, says: str, *, grave: bool
    ) -> Any:  # fmt: skip
        key = self._numbered(key)
        if self.dice is not None:
            if value != default:
                self.draws.append(Draw(key, value, says, grave))
            return value
        chosen = self.only.get(key)
        if chosen is None:
            return default
        says = says if grave else chosen.says
        if says and self.world is None:
            self.before.append(f"   0:00.000  {'drawn':<11} {says}")
        elif says and self.world is not None:
            self.world.say("drawn", says)
        return chosen.value

    def _numbered(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        self.times[key] += 1
        return (*key, self.times[key])

    def _context(self) -> tuple[Any, ...]:
        worker = self.world.current if self.world else None
        return (worker.side, worker.looks_at, self.calling) if worker else ()

    def _fault(self, name: str) -> str:
        worker = self.world.current if self.world else None
        return f"“{name}” strikes {worker.name}, at {self.calling}" if worker else f"“{name}”"


class _Taped(World):
    """Mixed into a kind of life: what it plans and which call it is at are the tape's to know."""

    tape: Tape

    def __init__(self, *args: Any, draws: Any, **kwargs: Any) -> None:
        self.tape = draws
        super().__init__(*args, draws=draws, **kwargs)
        draws.world = self
        for spans in (self.faults.outages, self.faults.hangs):
            spans[:] = [span for span in spans if draws.happens(*span, says=_spanned(*span))]

    def at(self, when: int, what: Callable[..., None], *args: Any) -> None:
        act = what.__name__ in ACTS or (what.__name__, args) == ("reconcile", (False,))
        if not act or self.tape.happens(what.__name__, *args):
            super().at(when, what, *args)

    def call(self, name: str, do: Callable[..., Any], *args: Any) -> Any:
        self.tape.calling = name
        return super().call(name, do, *args)


@cache
def _taped(lives: type[World]) -> type[_Taped]:
    return cast("type[_Taped]", type(f"Taped{lives.__name__}", (_Taped, lives), {}))


def _spanned(thing: str, start: int, end: int) -> str:
    return f"{thing} does not answer from {start // 1000} s to {end // 1000} s"


def kind(wrong: str) -> str:
    """Which promise it is that was broken, whoever's and whenever it was."""
    return NAMES.sub("…", wrong)


def lived(world: World) -> list[str]:
    """What a life came to; what nobody caught is a broken promise as well."""
    try:
        return world.run()
    except Exception as error:
        return [*world.wrong, f"{type(error).__name__}: {error}"]


@dataclass
class Life:
    """One seed's life, of which as much may be left out as breaks the same promise still."""

    seed: int
    lives: type[World] = World
    parts: dict[str, Any] = field(default_factory=dict)  # with a fault planted in them

    def __post_init__(self) -> None:
        self.tape = Tape(Random(self.seed))
        self.wrong = lived(self._with(self.tape))
        self.promise = kind(self.wrong[0]) if self.wrong else ""
        self.tried: dict[tuple[int, ...], bool] = {}

    def shrunk(self, tries: int = TRIES) -> tuple[int, ...]:
        """The numbers of the draws that are enough; of all of them where nothing is wrong."""
        draws = self.tape.draws
        kept = tuple(range(len(draws)))
        if not self.wrong or not self._breaks(kept, tries):
            return kept
        grave = tuple(number for number in kept if draws[number].grave)
        if self._breaks(grave, tries):
            kept = grave
        for group in dict.fromkeys(draws[number].key[:2] for number in kept):
            fewer = tuple(number for number in kept if draws[number].key[:2] != group)
            kept = fewer if self._breaks(fewer, tries) else kept
        size = max(1, len(kept) // 2)
        while True:
            before = len(kept)
            kept = self._without(kept, size, tries)
            if size == 1 and len(kept) == before:
                return kept
            size = max(1, min(size // 2, len(kept) // 2))

    def _without(self, kept: tuple[int, ...], size: int, tries: int) -> tuple[int, ...]:
        """From the end on, for what came last hangs on what came before."""
        end = len(kept)
        while end > 0:
            fewer = kept[: max(0, end - size)] + kept[end:]
            end -= size
            if self._breaks(fewer, tries):
                kept = fewer
        return kept

    def _breaks(self, kept: tuple[int, ...], tries: int) -> bool:
        if kept not in self.tried and len(self.tried) < tries:
            self.tried[kept] = self.promise in map(kind, self.live(kept)[0])
        return self.tried.get(kept, False)

    def live(self, kept: Iterable[int]) -> tuple[list[str], list[str]]:
        """What the smaller life comes to, and its story."""
        lines: list[str] = []
        tape = self.tape.of(kept)
        wrong = lived(self._with(tape, told=lines.append))
        return wrong, [*tape.before, *lines]

    def told(self, kept: Sequence[int]) -> list[str]:
        """The smaller life's story, in short, and how to have it again."""
        wrong, lines = self.live(kept)
        which = "" if self.lives is World else f" --{self.lives.__name__.lower()}"
        numbers = ",".join(map(str, kept)) or "none"
        left = f"{len(kept)} of its {len(self.tape.draws)} draws are left"
        return [
            f"seed {self.seed}: {wrong[0] if wrong else 'every promise is kept'}",
            f"{left} (»), and this comes of them:",
            *short_story(lines),
            f"again: python -m tests.simulation replay --seed {self.seed}{which} --draws {numbers}",
        ]

    def _with(self, tape: Tape, **more: Any) -> World:
        return _taped(self.lives)(self.seed, draws=tape, **self.parts, **more)


def story(seed: int, lives: type[World] = World) -> list[str]:
    """What a failing seed comes to, told by as few of its draws as are enough."""
    life = Life(seed, lives)
    return life.told(life.shrunk())


def short_story(lines: Iterable[str]) -> list[str]:
    """Each thing where it happens first; how often it comes again, and when last."""
    first: dict[tuple[str, str], str] = {}
    times: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], str] = {}
    for line in lines:
        moment, who, what = line[:11].strip(), line[11:24].strip(), ID.sub("-", line[24:])
        key = (who.partition("#")[0], NAMES.sub("…", what) if who == "WRONG" else what)
        mark = "»" if who in CAUSES or who in SLACK else " "
        first.setdefault(key, f"{mark} {moment:>10}  {who:<11} {what}")
        times[key] += 1
        last[key] = moment
    more = {key: f" ({times[key]} times, until {last[key]})" for key in first if times[key] > 1}
    return [f"{line}{more.get(key, '')}" for key, line in first.items()]
