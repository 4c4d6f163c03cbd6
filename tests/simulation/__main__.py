"""Runs the simulation: many seeds, one seed's story, every interleaving, planted faults."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from multiprocessing import Pool, cpu_count

from tests.simulation.explorer import Bounds, Explorer, Found
from tests.simulation.faults import NAMES
from tests.simulation.lives import (
    Behind,
    Extended,
    Forged,
    Hung,
    Insistent,
    Meddled,
    Orphaned,
)
from tests.simulation.mutants import MUTANTS, Judged, judge
from tests.simulation.shifts import Shifts
from tests.simulation.shrink import Life, story
from tests.simulation.watched import Watched
from tests.simulation.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="many seeds, on every core")
    run.add_argument("--seeds", type=int, default=2_000)
    run.add_argument("--first", type=int, default=0)
    run.add_argument("--verbose", action="store_true", help="how often each fault and hand struck")
    replay = commands.add_parser("replay", help="one seed's story, shrunk where something is wrong")
    replay.add_argument("--seed", type=int, required=True)
    replay.add_argument("--whole", action="store_true", help="as it ran, whatever comes of it")
    replay.add_argument(
        "--draws", type=numbers, metavar="N,N|none", help="of all that it draws nothing but these"
    )
    explore = commands.add_parser("explore", help="every interleaving of the bounded cases")
    explore.add_argument("--faults", type=int, default=1)
    explore.add_argument("--case", choices=CASES, help="only this one")
    mutants = commands.add_parser("mutants", help="the protocol's rules left out one at a time")
    mutants.add_argument("rule", nargs="*", help="only rules with one of these words")
    for command in (run, replay):
        command.add_argument(
            "--meddled", action="store_const", dest="lives", const=Meddled, default=World,
            help="lives in which hands delete sessions' rows just when it hurts",
        )  # fmt: skip
        command.add_argument(
            "--forged", action="store_const", dest="lives", const=Forged,
            help="lives in which somebody writes what a role that may only ask can write",
        )  # fmt: skip
        command.add_argument(
            "--hung", action="store_const", dest="lives", const=Hung,
            help="lives in which nothing fails, but things hang for minutes",
        )  # fmt: skip
        command.add_argument(
            "--insistent", action="store_const", dest="lives", const=Insistent,
            help="lives in which people ask again and again while access is to end",
        )  # fmt: skip
        command.add_argument(
            "--behind", action="store_const", dest="lives", const=Behind,
            help="lives in which lists are behind, and short sessions follow one another",
        )  # fmt: skip
        command.add_argument(
            "--orphaned", action="store_const", dest="lives", const=Orphaned,
            help="lives in which somebody waits behind a session whose row is deleted",
        )  # fmt: skip
        command.add_argument(
            "--watched", action="store_const", dest="lives", const=Watched,
            help="lives in which another person approves, acknowledges or reviews",
        )  # fmt: skip
        command.add_argument(
            "--shifts", action="store_const", dest="lives", const=Shifts,
            help="lives in which only who is on call may, and people come and go",
        )  # fmt: skip
        command.add_argument(
            "--extended", action="store_const", dest="lives", const=Extended,
            help="lives in which people choose how long, and extend again and again",
        )  # fmt: skip
    for command in (run, explore, mutants):
        command.add_argument("--cores", type=int, default=cpu_count())
    asked = parser.parse_args()
    match asked.command:
        case "run":
            seeds = range(asked.first, asked.first + asked.seeds)
            return run_seeds(seeds, asked.cores, asked.verbose, asked.lives)
        case "replay":
            if asked.whole:
                return tell(asked.seed, asked.lives)
            return tell_small(asked.seed, asked.lives, asked.draws)
        case "explore":
            names = [asked.case] if asked.case else list(CASES)
            return explore_cases(names, asked.faults, asked.cores)
    return plant(asked.rule, asked.cores)


# ---- seeds


def run_seeds(seeds: range, cores: int, verbose: bool, lives_of: type[World]) -> int:
    began, done, failed = time.monotonic(), 0, []
    times: Counter[str] = Counter()
    lives: Counter[str] = Counter()
    step = max(1, len(seeds) // 20)
    with Pool(cores) as pool:
        live = partial(_run, lives_of)
        for seed, wrong, seen in pool.imap_unordered(live, seeds, chunksize=20):
            done += 1
            times.update(seen)
            lives.update(seen.keys())
            if wrong:
                failed.append(seed)
                print(f"seed {seed}: {wrong[0]}", flush=True)
            if done % step == 0 and done < len(seeds):
                rate = done / (time.monotonic() - began)
                print(f"{done:,} seeds, {len(failed)} failed, {rate:.0f} a second", flush=True)
    seconds = time.monotonic() - began
    rate = done / seconds
    print(f"{done:,} seeds in {seconds:.0f} s ({rate:.0f} a second), {len(failed)} failed")
    if verbose:
        print(table(times, lives))
    if failed:
        print("\n".join(["", *story(min(failed), lives_of)]))
    return 1 if failed else 0


def _run(lives: type[World], seed: int) -> tuple[int, list[str], Counter[str]]:
    world = lives(seed)
    try:
        return seed, world.run(), world.faults.seen
    except Exception as error:
        return seed, [f"{type(error).__name__}: {error}"], world.faults.seen


def table(times: Counter[str], lives: Counter[str]) -> str:
    """How often each fault struck and each hand was at work, and in how many lives."""
    rows = [f"{name:<48} {times[name]:>10,} {lives[name]:>8,}" for name in NAMES]
    dead = sum(times[name] == 0 for name in NAMES)
    head = f"{'fault, outage or hand':<48} {'times':>10} {'in lives':>8}"
    return "\n".join([head, *rows, f"{len(NAMES)} in all, {dead} of them never"])


def numbers(text: str) -> tuple[int, ...]:
    """As `--draws` has them."""
    return () if text == "none" else tuple(sorted({int(number) for number in text.split(",")}))


def tell_small(seed: int, lives: type[World], draws: tuple[int, ...] | None) -> int:
    """A life that breaks a promise, shrunk, or no more than these draws of it; any other, whole."""
    life = Life(seed, lives)
    if draws is None and not life.wrong:
        return tell(seed, lives)
    if draws and not 0 <= draws[0] <= draws[-1] < len(life.tape.draws):
        print(f"seed {seed} draws {len(life.tape.draws)} things: --draws counts them from 0")
        return 2
    kept = life.shrunk() if draws is None else draws
    print("\n".join(life.told(kept)))
    return 1 if life.live(kept)[0] else 0


def tell(seed: int, lives: type[World]) -> int:
    before: list[str] = []
    world = lives(seed, told=before.append)
    world.told = print
    rates = ", ".join(f"{name} {rate}" for name, rate in world.faults.rates.items())
    outages = "; ".join(
        f"{thing} out from {start // 1000} s to {end // 1000} s"
        for thing, start, end in world.faults.outages
    )
    print(f"seed {seed}, faults: {rates or 'none'}{'; ' + outages if outages else ''}")
    print("\n".join(before))
    wrong = world.run()
    print("\n".join(f"WRONG: {what}" for what in wrong) or "Every promise was kept.")
    return 1 if wrong else 0


# ---- every interleaving

# What a case can do besides its faults, and by how much fewer faults it has: more of everything at
# once is more than can be gone through. A fault is a death before any call, a refusal or failure
# in Identity Center, a lease deleted by hand, or what the case is named for.
CASES: dict[str, tuple[Bounds, int]] = {  # the longest first
    "two at once": (Bounds(duration=1, waits=1, end=False, extend=False, at_once=2), 2),
    "skewed clocks": (Bounds(duration=1, waits=1, end=False, extend=False, skew=1), 2),
    "time-outs": (Bounds(duration=1, waits=1, end=False, extend=False, unknown=True), 2),
    "lagging lists": (Bounds(duration=1, waits=1, end=False, extend=False, lags=True), 2),
    "waiting": (Bounds(duration=1, waits=1, end=False, extend=False, patience=True), 2),
    "lock deleted": (Bounds(duration=1, waits=1, end=False, extend=False, lock_deleted=True), 2),
    "deadline": (Bounds(duration=1, waits=1, end=False, extend=False), 2),
    "longer": (Bounds(press=False), 2),
    "End now": (Bounds(duration=1, waits=1, extend=False, press=False), 2),
    "Extend": (Bounds(duration=1, waits=1, end=False, press=False), 2),
    "standing": (Bounds(duration=1, waits=1, end=False, extend=False, standing=True), 0),
}


def explore_cases(names: Iterable[str], faults: int, cores: int) -> int:
    """Each case within its bounds, to the end; how many states that was."""
    bounds = [(name, bounded(name, faults)) for name in names]
    wrong = 0
    print("case            faults  verdict", flush=True)
    with Pool(min(cores, len(bounds))) as pool:
        for name, found in pool.imap(_explore, bounds, chunksize=1):
            print(f"{name:<15} {found.bounds.faults:>6}  {found}", flush=True)
            for told in found.story:
                print(f"    {told}")
            wrong += bool(found.wrong)
    return 1 if wrong else 0


def bounded(name: str, faults: int) -> Bounds:
    case, fewer = CASES[name]
    return replace(case, faults=max(min(1, faults), faults - fewer))


def _explore(case: tuple[str, Bounds]) -> tuple[str, Found]:
    return case[0], Explorer(case[1]).explore()


# ---- planted faults


def plant(words: list[str], cores: int) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.rule for word in words)]
    alive = 0
    print(f"{'rule left out':<45} {'found by':<16} {'outcome':<62} seconds")
    with Pool(cores) as pool:
        for told, found in pool.imap(_judge, [MUTANTS.index(m) for m in chosen], chunksize=1):
            print(told, flush=True)
            alive += not found
    print(f"{len(chosen)} rules left out one at a time, {alive} of them unnoticed")
    return 1 if alive else 0


def row(verdict: Judged) -> str:
    found_by = verdict.found_by or "NOTHING"
    rule, outcome = verdict.mutant.rule, verdict.outcome
    return f"{rule:<45} {found_by:<16} {outcome:<62} {verdict.seconds:.1f}"


def _judge(number: int) -> tuple[str, bool]:
    """What is said of it, and whether it was found: a fault itself cannot leave its process."""
    judged = judge(MUTANTS[number])
    return row(judged), bool(judged.found_by)


if __name__ == "__main__":
    sys.exit(main())
