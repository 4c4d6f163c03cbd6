"""What happens when, drawn from a seed: presses, faults, cold functions, kills, hands.

Pure: the same seed and length make the same plan. Faults come one phase after the other, alone
and in pairs, for seconds and for minutes, with a while in between in which all is well.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import get_args

from chalicelib.workflow.answers import Side
from simulator import company
from simulator.soak.faults import EVERY, HOLDING, Fault

FUNCTIONS = ("worker", "worker", "stream", "sweep")  # what is killed; the worker twice as often
SIDES = get_args(Side)
HANDS = ("lease", "lease", "lock", "spoil", "nonsense")
PAIRED = 0.25  # of the phases have two faults
COLD = 0.4  # of the phases have cold functions
LONG = (150.0, 200.0)  # seconds: the first alarm is to be heard
# The second alarm, and the third: which of the long phases lasts so long, in soaks of so many
# minutes or more.
LONGER = {1: (20.0, (350.0, 420.0)), 2: (60.0, (960.0, 1020.0))}
SHORT = ((6.0, 20.0), (6.0, 20.0), (6.0, 20.0), (45.0, 75.0))
GAP = (15.0, 25.0)
LEAD = 15.0  # until the first fault: sessions are open by then
EVERY_LONG = 5  # one phase of so many is long
LONG_FROM = 5.0  # minutes; a shorter soak has none

# Every account with every permission set, so that many sessions live side by side.
GLASSES = [
    company.Glass("admin", company.PRODUCTION, company.ADMIN, 10, ("everyone",)),
    company.Glass("operator", company.PRODUCTION, company.OPERATOR, 12, ("everyone",)),
    company.Glass("auditor", company.PRODUCTION, company.AUDITOR, 60, ("everyone",), extend="20s"),
    company.Glass("s-admin", company.STAGING, company.ADMIN, 15, ("everyone",), by_name=True),
    company.Glass("s-operator", company.STAGING, company.OPERATOR, 20, ("everyone",)),
    company.Glass("s-auditor", company.STAGING, company.AUDITOR, 30, ("everyone",), extend="20s"),
]


@dataclass(frozen=True)
class Step:
    """One thing that happens, so many seconds after the beginning; `seconds` is how long it lasts.

    press (who, glass) · fault (target, way) · cold · side (which) · kill (function) ·
    stop (function) · hand (which) · end · extend · redeploy
    """

    at: float
    do: str
    what: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    seed: int
    seconds: float  # after which nothing new happens
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Phase:
    """A while in which some calls fail."""

    start: float
    seconds: float
    faults: tuple[Fault, ...]
    cold: bool = False


def make(seed: int, minutes: float, only: Sequence[Fault] = ()) -> Plan:
    """A soak of that length, with a redeployment half-way; `only` with these faults."""
    random, seconds = Random(seed), minutes * 60
    phases = list(_phases(random, minutes, only or EVERY))
    steps = [*_presses(random, seconds, lambda at: _pace(phases, at)), *_around(random, seconds)]
    for phase in phases:
        steps += _of(random, phase)
    steps.append(Step(_whole(seconds / 2), "redeploy"))
    return _plan(seed, seconds, steps)


def short(seed: int) -> Plan:
    """Half a minute with some of everything, for the tests."""
    random, seconds = Random(seed), 32.0
    chosen = [Fault("delete", "lost"), Fault("slack", "slow"), Fault("identity center", "error")]
    phases = [
        Phase(10.0 + 7 * number, 5.0, (fault,), cold=number == 2)
        for number, fault in enumerate(chosen)
    ]
    steps = _presses(random, 22.0, lambda _: 1.8)
    for phase in phases:
        steps += _fails(phase)
    steps += [
        Step(12.0, "kill", ("worker",)),
        Step(16.0, "hand", ("lease",)),
        Step(18.0, "end"),
        Step(19.0, "hand", ("lock",)),
        Step(20.0, "stop", ("worker",), 2.0),
    ]
    return _plan(seed, seconds, steps)


def _plan(seed: int, seconds: float, steps: list[Step]) -> Plan:
    return Plan(seed, seconds, tuple(sorted(steps, key=lambda each: each.at)))


def _phases(random: Random, minutes: float, chosen: Sequence[Fault]) -> Iterator[Phase]:
    """Each fault comes once before any comes again; the long ones are those that hold access."""
    holding = [each for each in chosen if each.target in HOLDING] or chosen
    every, long_ones = _deck(random, chosen), _deck(random, holding)
    at = LEAD
    for number in itertools.count():
        long = minutes >= LONG_FROM and number % EVERY_LONG == 1
        least, longer = LONGER.get(number // EVERY_LONG, (minutes + 1, LONG))
        lengths = longer if minutes >= least else LONG
        lasts = _whole(random.uniform(*(lengths if long else random.choice(SHORT))))
        first = next(long_ones if long else every)
        faults: tuple[Fault, ...] = (first,)
        others = [each for each in chosen if each.target != first.target]
        if others and random.random() < PAIRED:
            faults += (random.choice(others),)
        if at + lasts > minutes * 60:
            return
        yield Phase(at, lasts, faults, random.random() < COLD)
        at = _whole(at + lasts + random.uniform(*GAP))


def _deck(random: Random, cards: Sequence[Fault]) -> Iterator[Fault]:
    while True:
        yield from random.sample(cards, len(cards))


def _pace(phases: list[Phase], at: float) -> float:
    """Seconds until the next press: as many sessions as the machine can bear."""
    slow = any(
        each.start - LEAD <= at < each.start + each.seconds
        and (each.cold or each.seconds >= LONG[0])
        for each in phases
    )
    return 6.0 if slow else 2.5


def _presses(random: Random, seconds: float, pace: Callable[[float], float]) -> list[Step]:
    """One after the other, each access in its turn."""
    people = [each for each in company.PEOPLE if each.in_identity_center]
    accesses = itertools.cycle(
        random.sample([(w.user.user_name, g.name) for w in people for g in GLASSES],
                      len(people) * len(GLASSES))
    )  # fmt: skip
    at, steps = 0.0, []
    while at < seconds:
        steps.append(Step(_whole(at), "press", next(accesses)))
        at += pace(at) * random.uniform(0.7, 1.3)
    return steps


def _of(random: Random, phase: Phase) -> list[Step]:
    """The phase's faults, and now and then somebody who dies or stands still in the middle."""
    steps = _fails(phase)
    silent = any(fault.way in ("lost", "hang", "never") for fault in phase.faults)
    if random.random() < (0.6 if silent else 0.3):
        for _ in range(random.randint(1, 3)):
            at = phase.start + random.uniform(0, phase.seconds)
            steps.append(Step(_whole(at), "kill", (random.choice(FUNCTIONS),)))
    if random.random() < 0.2:
        at = phase.start + random.uniform(0, phase.seconds)
        lasts = _whole(random.uniform(3, 15))
        steps.append(Step(_whole(at), "stop", (random.choice(FUNCTIONS),), lasts))
    if random.random() < 0.15:
        steps.append(Step(phase.start, "side", (random.choice(SIDES),), phase.seconds))
    return steps


def _fails(phase: Phase) -> list[Step]:
    steps = [
        Step(phase.start, "fault", (fault.target, fault.way), phase.seconds)
        for fault in phase.faults
    ]
    if phase.cold:  # also a while afterwards: what was owed is done by cold functions
        steps.append(Step(phase.start, "cold", (), phase.seconds + 10))
    return steps


def _around(random: Random, seconds: float) -> list[Step]:
    """What goes on all the time: hands in the table, *End now*, *Extend*."""
    steps = []
    for do, choices, every in (
        ("hand", HANDS, 35.0),
        ("end", (), 25.0),
        ("extend", (), 40.0),
    ):
        at = random.uniform(0, every)
        while at < seconds:
            what = (random.choice(choices),) if choices else ()
            steps.append(Step(_whole(at), do, what))
            at += every * random.uniform(0.5, 1.5)
    if seconds >= LONG_FROM * 60:  # rarely: nobody knows any more what it was about
        steps.append(Step(_whole(seconds * random.uniform(0.3, 0.7)), "hand", ("row",)))
    return steps


def _whole(seconds: float) -> float:
    return round(seconds, 1)
