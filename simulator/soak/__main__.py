"""`python -m simulator.soak`: many sessions on a local AWS while everything fails, and judged.

Exits 0 when every promise was kept. What happens when is drawn from the seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator import company
from simulator.soak import kept, lags, plan, words
from simulator.soak.drive import Drive
from simulator.soak.evidence import Evidence
from simulator.soak.faults import EVERY
from simulator.soak.judge import judge
from simulator.world import LOCAL, ROOT, World, WorldError

SHOWN = 12  # findings of a kind that are printed


def main() -> int:
    ask = argparse.ArgumentParser(prog="python -m simulator.soak", description=__doc__)
    ask.add_argument("--minutes", type=float, default=10.0, help="how long things happen")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument(
        "--fault", action="append", choices=[each.name for each in EVERY], default=[],
        metavar="NAME", help="only these, such as “delete: lost”; may be repeated",
    )  # fmt: skip
    ask.add_argument("--short", action="store_true", help="half a minute of it, as in the tests")
    ask.add_argument("--plan", action="store_true", help="says what would happen when, and ends")
    ask.add_argument("--record", action="store_true", help="keeps the lags in docs/soak.json")
    ask.add_argument("--again", type=Path, help="judges the evidence of an earlier soak")
    options = ask.parse_args()
    if options.again:
        return 0 if tell(kept.read(options.again)) else 1
    only = [each for each in EVERY if each.name in options.fault]
    chosen = plan.make(options.seed, options.minutes, only)
    if options.short:
        chosen = plan.short(options.seed)
    if options.plan:
        for step in chosen.steps:
            lasts = f" for {step.seconds:.0f} s" if step.seconds else ""
            print(f"{step.at:7.1f} s  {step.do} {', '.join(step.what)}{lasts}")
        return 0
    try:
        with world() as local:
            print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
            evidence = Drive(local, chosen, lambda line: print(line, flush=True)).run()
    except WorldError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    file = LOCAL / f"soak-{options.seed}.json"
    kept.write(evidence, file)
    print(f"what was seen is in {file.relative_to(ROOT)}: --again judges it again")
    well = tell(evidence)
    if options.record:
        lags.keep(lags.lags(evidence), options.seed, options.minutes)
        print("recorded in docs/soak.json")
    return 0 if well else 1


@contextmanager
def world() -> Iterator[World]:
    """A local AWS with many glasses, each for seconds."""
    before = list(company.GLASSES)
    company.GLASSES[:] = plan.GLASSES
    try:
        began = time.monotonic()
        with World.start() as local:
            print(f"the app is deployed after {time.monotonic() - began:.0f} s", flush=True)
            yield local
    finally:
        company.GLASSES[:] = before


def tell(evidence: Evidence) -> bool:
    """Prints what was seen; True where every promise was kept."""
    found = lags.lags(evidence)
    print("\nSeconds that access stood past its end while Identity Center answered; `stood`: all")
    print(
        "that it stood, the outage too; `word`: from the end to the first alarm; `last`: the median"
    )
    print("that is recorded in docs/soak.json.\n")
    print(lags.shown(lags.total(found)))
    print()
    print(lags.shown(lags.table(found)))
    sessions = evidence.sessions
    print(
        f"\n{len(evidence.presses)} presses, {len(sessions)} sessions, {len(found)} of them with "
        f"access; {len(evidence.mails)} mails, {len(evidence.messages)} messages, "
        f"{words.excused(evidence)} of them again because nobody heard that they were said.\n"
    )
    cores = os.cpu_count() or 1
    if evidence.load > 2 * cores:
        print(f"The machine was busy: a load of {evidence.load:.0f} on {cores} cores. Whatever is "
              "said of seconds here is the machine's, and no word about the app.\n")  # fmt: skip
    well = True
    for promise, findings in judge(evidence).items():
        print(f"{'kept' if not findings else 'BROKEN':<7} {promise}"
              + (f": {len(findings)}" if findings else ""))  # fmt: skip
        for finding in findings[:SHOWN]:
            print(f"          {finding}")
        well = well and not findings
    return well


if __name__ == "__main__":
    sys.exit(main())
