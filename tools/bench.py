"""Prints the figures, how each was taken and how it spreads, beside those recorded the last time.

CPU times are user + system of a process of its own, medians over many; wall-clock times depend on
what else the machine does. `--quick` takes few of each, to see that it works.
"""

from __future__ import annotations

import argparse
import os
import platform

from tools._project import Problem

SUMMARY = "the figures: cold and warm starts, lags, calls and costs, a burst, what ships"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from bench import PARTS

    parser.add_argument("part", nargs="*", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few of each, in two minutes")
    parser.add_argument("--record", action="store_true", help="keeps them in docs/bench.json")


def run(args: argparse.Namespace) -> int:
    from bench import PARTS
    from bench.all import play
    from bench.figures import Report

    unknown = [part for part in args.part if part not in PARTS]
    if unknown:
        raise Problem(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")
    report = Report()
    play(report, args.part or list(PARTS), args.quick)
    report.summary()
    if args.record:
        report.keep()
    return 0
