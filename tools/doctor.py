"""Finds at 3 p.m. what would stop you at 3 a.m.: every check is read-only and names its cure.

Exits 0 when everything is ready, and 1 when something is not, or could not be looked at; --json is
for your own monitoring.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tools import _project
from tools._project import Misused
from tools._usage import wrapped
from tools._words import as_json
from tools.checks.every import CHECKS
from tools.checks.patient import BAD, NOTE, OK, UNMADE, Finding, Patient, findings

SUMMARY = "checks all that would stop you at 3 a.m., and names the cure; exit code: ready or not"
FIRST = ("settings", "credentials")  # without them nothing else can be looked at
MARKS = {OK: "ok  ", NOTE: "note", BAD: "BAD ", UNMADE: "????"}
NOT_READY = (BAD, UNMADE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser, stack=True)
    parser.add_argument("--only", metavar="CHECK", help="only the checks whose name holds this")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    patient = Patient(_project.stage_name(args.stage), args.stack)
    wanted = (args.only or "").lower()
    chosen = {title for title, _ in CHECKS if wanted in title.lower()}
    if not chosen:
        there = ", ".join(title for title, _ in CHECKS)
        raise Misused(f"no check's name holds “{args.only}”; there are {there}")
    found: list[dict[str, str]] = []
    for title, check in CHECKS:
        if title not in (*chosen, *FIRST):
            continue
        said = [_about(patient.stage, each) for each in findings(patient, check)]
        stops = title in FIRST and any(each.state in NOT_READY for each in said)
        for finding in said if stops or title in chosen else []:
            line = {"check": title, "state": finding.state, "said": finding.said}
            found.append(line | ({"cure": finding.cure} if finding.cure else {}))
            if not args.json:
                _show(title, finding)
        if stops:
            break
    bad, unmade = (sum(each["state"] == state for each in found) for state in NOT_READY)
    ready = not bad and not unmade
    counted = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    if args.json:
        told = {"ready": ready, "unmade": unmade, "stage": patient.stage, "findings": found}
        print(as_json(told, indent=2))
    elif ready:
        after = _project.about(patient.stage, "python -m tools alert demo")
        print(f"\nReady: {counted}. Next: {after}")
    else:
        said = [f"{bad} of {counted} need a cure"] if bad else []
        checks = "1 check" if unmade == 1 else f"{unmade} checks"
        said += [f"{checks} could not be made"] if unmade else []
        print(f"\nNOT READY: {', and '.join(said)}.", file=sys.stderr)
    return 0 if ready else 1


def _about(stage: str, finding: Finding) -> Finding:
    told = (_project.about(stage, each) for each in (finding.said, finding.cure))
    return replace(finding, **dict(zip(("said", "cure"), told, strict=True)))


def _show(title: str, finding: Finding) -> None:
    print(wrapped(f"{MARKS[finding.state]} {title:16} {finding.said}"), flush=True)
    if finding.state != OK and finding.cure:
        print(wrapped(f"→ {finding.cure}", first=22), flush=True)
