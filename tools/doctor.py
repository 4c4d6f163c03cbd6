"""Finds at 3 p.m. what would stop you at 3 a.m.: every check is read-only and names its cure.

Exits 0 when everything is ready, and 1 when something is not; --json is for your own monitoring.
"""

from __future__ import annotations

import argparse
import json
import sys

from tools import _checks, _project
from tools._checks import BAD, NOTE, OK

SUMMARY = "checks all that would stop you at 3 a.m., and names the cure; exit code: ready or not"
MARKS = {OK: "ok  ", NOTE: "note", BAD: "BAD "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser, stack=True)
    parser.add_argument("--only", metavar="CHECK", help="only the checks whose name holds this")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    patient = _checks.Patient(_project.stage_name(args.stage), args.stack)
    wanted = (args.only or "").lower()
    checks = [each for each in _checks.CHECKS if wanted in each[0].lower()]
    found: list[dict[str, str]] = []
    for title, check in checks:
        for finding in _checks.findings(patient, check):
            line = {"check": title, "state": finding.state, "said": finding.said}
            found.append(line | ({"cure": finding.cure} if finding.cure else {}))
            if not args.json:
                _show(title, finding)
        if title == "settings" and found[-1]["state"] == BAD:
            break  # nothing else can be looked at without them
    bad = sum(each["state"] == BAD for each in found)
    if args.json:
        print(json.dumps({"ready": not bad, "stage": patient.stage, "findings": found}, indent=2))
    elif bad:
        print(f"\nNOT READY: {bad} of {len(found)} findings need a cure.", file=sys.stderr)
    else:
        print(f"\nReady: {len(found)} findings. Next: python -m tools alert demo")
    return 1 if bad else 0


def _show(title: str, finding: _checks.Finding) -> None:
    print(f"{MARKS[finding.state]} {title:16} {finding.said}", flush=True)
    if finding.state != OK and finding.cure:
        print(f"     {'':16} → {finding.cure}", flush=True)
