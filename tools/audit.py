"""Asks whether anything that ships has a known vulnerability, by pip-audit.

Where its service cannot be reached nothing is known; that is said, and is no failure. What it does
find is one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from tools._project import ROOT

SUMMARY = "asks whether anything that ships has a known vulnerability"
PATIENCE = 120  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requirements", default=str(ROOT / "requirements.txt"))


def run(args: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", args.requirements]
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        print(f"SKIPPED: the vulnerability service has not answered within {PATIENCE} s")
        return 0
    return judge(done.stdout, done.stderr)


def judge(out: str, err: str) -> int:
    """What pip-audit's answer comes to, said and as an exit code."""
    try:
        found: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        why = (err.strip().splitlines() or ["no answer"])[-1]
        print(f"SKIPPED: the vulnerability service could not be asked ({why[:200]})")
        return 0
    unknown = [each for each in found if "skip_reason" in each]
    vulnerable = [each for each in found if each.get("vulns")]
    for each in vulnerable:
        for one in each["vulns"]:
            fixed = ", ".join(one.get("fix_versions") or ["no version yet"])
            print(f"VULNERABLE: {each['name']} {each['version']}: {one['id']}; fixed in {fixed}")
    if unknown:
        names = ", ".join(each["name"] for each in unknown)
        print(f"SKIPPED: the vulnerability service knows nothing of {names}")
    if not vulnerable and len(unknown) < len(found):
        print(f"no known vulnerability in {len(found) - len(unknown)} packages that ship")
    return 1 if vulnerable else 0
