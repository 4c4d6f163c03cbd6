"""Which faults a run has, and how often: drawn from its seed, so that runs differ in kind.

Most faults are off in most runs. A run with everything at once hides more than it finds: nothing
gets far enough to go wrong.

What hands do (people, operators, administrators, deployments) is no fault and has no rate:
`HANDS` names it, so that what never happens in any run is seen to be dead.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from chalicelib.domain.machine import State

# Fault → the rates that it may have, for one call or occasion.
RATES: dict[str, tuple[float, ...]] = {
    "pause": (0.02, 0.1, 0.3),  # for up to a second before a call
    "long pause": (0.005, 0.02, 0.08),  # for up to the worker's life
    "crash before": (0.003, 0.02, 0.06),
    "crash after": (0.003, 0.02, 0.06),
    "exception before": (0.003, 0.02, 0.06),  # none that the code expects
    "exception after": (0.003, 0.02, 0.06),
    "table down": (0.01, 0.05, 0.2),
    "table: answer lost": (0.01, 0.05, 0.15),  # the write landed, and nobody knows
    "table: repeated": (0.01, 0.05, 0.15),  # the write landed, and its own repeat says Stale
    "index late": (0.2, 0.8),  # a session's row, in the indexes
    "lists late": (0.2, 0.8),  # locks, leases and notes as they were listed before
    "reads fail": (0.02, 0.1, 0.4),  # Identity Center's
    "throttled": (0.05, 0.2, 0.6),
    "conflict": (0.3, 1.0),  # while another request is under way
    "denied": (0.02, 0.1),
    "fails": (0.05, 0.3),  # accepted, and then FAILED
    "slow": (0.1, 0.5),  # a request takes minutes
    "answer lost": (0.05, 0.3),  # accepted, and nobody knows
    "late": (0.05, 0.3),  # timed out, and accepted afterwards
    "never sent": (0.05, 0.3),  # timed out, and never accepted
    "listing late": (0.3, 1.0),
    "describe late": (0.3, 1.0),  # a fresh request is not known yet
    "directory down": (0.05, 0.3),
    "slack down": (0.05, 0.3),
    "slack refuses": (0.05, 0.3),
    "mail down": (0.05, 0.3),
    "trail down": (0.05, 0.3),
    "trail silent": (0.05, 0.3),  # a query that never ends
    "queue down": (0.05, 0.3, 1.0),
    "wake-up lost": (0.05, 0.3, 1.0),
    "wake-up doubled": (0.1, 0.5),
    "wake-up late": (0.1, 0.5),
    "stream lost": (0.1, 0.5, 1.0),
    "stream late": (0.1, 0.5),
    "sweep missing": (0.1, 0.5, 1.0),
    "reconciliation missing": (0.3, 1.0),
    "reconciliation doubled": (0.3, 1.0),  # two at once
}
OUTAGES = ("identity center", "table", "slack", "mail", "trail", "directory", "queue")
HANDS = (
    "press",
    "press, sent twice",
    "press on an open access",
    "press on an access whose row is gone",
    "press by another person",
    "End now",
    "End now by a second person",
    "End now by another than who pressed",
    "Extend",
    "Reason",
    "lease deleted by hand",
    "lease deleted by the TTL",
    "TTL late",  # by minutes or days, as this and the next are drawn for a run
    "TTL never",
    "clocks skewed",
    "lock deleted by hand",
    "lock deleted with its session's row",
    *(f"session row deleted by hand, {state}" for state in State),
    "found session's row deleted by hand",
    "session row spoiled by hand",
    "session row spoiled for good",
    "session row made good again",
    "spoiled row deleted by hand",
    "message that is no wake-up",
    "stream record unlike any other",
    "wake-up reordered",
    "wake-up that travels in hops",
    "worker cut off by its time",
    "workers at once",
    "redeploy",
    "redeploy that cuts workers off",
    "glass changed with a session in flight",
    "glass removed with a session in flight",
    "forged: press",
    "forged: ask",
    "forged: found",
    "forged: lock",
    "forged: session",
    "assignment given by hand",
    "assignment given while a delete might land",
    "assignment taken by hand",
    "assignment taken by hand, slowly",
    "session's assignment taken by hand",
    "standing accepted by name",
    "standing seen by a session",
    "orphan seen standing by a session",
    "orphan left to reconciliation by a session",
    "reconciliation",
    "reconciliation beside a live session",
    "reconciliations at once",
    "reconciliation says what it found",
    "reconciliation takes back",
    "reconciliation lets go",
    "row mended by reconciliation",
)
NAMES = (
    *RATES,
    *(f"{thing} {how}" for thing in OUTAGES for how in ("out", "hangs")),
    *HANDS,
)


@dataclass
class Faults:
    """A run's faults. `heal` ends them all; `seen` counts those that struck."""

    random: Random
    rates: dict[str, float] = field(default_factory=dict)
    outages: list[tuple[str, int, int]] = field(default_factory=list)
    hangs: list[tuple[str, int, int]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    healed: bool = False

    @classmethod
    def drawn(cls, random: Random, span: int) -> "Faults":
        """Faults for a run whose interesting part lasts `span` milliseconds."""
        faults = cls(random)
        if random.random() < 0.1:
            return faults
        share = random.choice((0.1, 0.25, 0.5))
        for name, rates in RATES.items():
            if random.random() < share:
                faults.rates[name] = random.choice(rates)
        while random.random() < 0.3:
            start = random.randrange(span)
            length = random.choice((20_000, 120_000, 600_000))
            faults.outages.append((random.choice(OUTAGES), start, start + length))
        return faults

    @property
    def any(self) -> bool:
        return bool(self.rates or self.outages or self.hangs)

    def strikes(self, name: str) -> bool:
        rate = self.rates.get(name)
        if rate is None or self.healed or self.random.random() >= rate:
            return False
        self.seen[name] += 1
        return True

    def saw(self, hand: str) -> None:
        """Counts what a hand did."""
        self.seen[hand] += 1

    def out(self, thing: str, now: int) -> bool:
        """Whether the whole thing is out at `now`."""
        for name, start, end in self.outages:
            if name == thing and start <= now < end and not self.healed:
                self.seen[f"{thing} out"] += 1
                return True
        return False

    def hang(self, thing: str, now: int) -> bool:
        """Whether nobody answers there at `now`, though somebody listens."""
        hangs = any(name == thing and start <= now < end for name, start, end in self.hangs)
        if hangs and not self.healed:
            self.seen[f"{thing} hangs"] += 1
        return hangs and not self.healed

    def heal(self) -> None:
        self.healed = True
