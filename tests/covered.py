"""`python -m tests.covered`: fails where a file is covered less than it has to be, and names it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

FLOOR = 95  # per cent of each file's lines and branches
WHOLE = {  # who may have access, from when to when: nothing of it is left to chance
    "chalicelib/domain/lasting.py",
    "chalicelib/domain/machine.py",
    "chalicelib/domain/oncall.py",
    "chalicelib/domain/schedule.py",
    "chalicelib/domain/session.py",
    "chalicelib/workflow/policy.py",
    "chalicelib/workflow/alarms.py",
    "chalicelib/workflow/answers.py",
    "chalicelib/workflow/asked.py",
    "chalicelib/workflow/asks.py",
    "chalicelib/workflow/calls.py",
    "chalicelib/workflow/changes.py",
    "chalicelib/workflow/commit.py",
    "chalicelib/workflow/decide.py",
    "chalicelib/workflow/grant.py",
    "chalicelib/workflow/oncall.py",
    "chalicelib/workflow/outbox.py",
    "chalicelib/workflow/reports.py",
    "chalicelib/workflow/revoke.py",
    "chalicelib/workflow/runner.py",
    "chalicelib/workflow/timing.py",
    "chalicelib/adapters/identity_center/calls.py",
    "chalicelib/adapters/identity_center/center.py",
    "chalicelib/adapters/identity_center/directory.py",
}


def main() -> int:
    measured = Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "covered.json"
        measured.json_report(outfile=str(told))
        files = json.loads(told.read_text())["files"]
    covered = {name: each["summary"]["percent_covered"] for name, each in files.items()}
    missing = [f"{name} is not measured" for name in sorted(WHOLE - covered.keys())]
    for name, found in covered.items():
        floor = 100 if name in WHOLE else FLOOR
        if found < floor:
            missing.append(f"{name}: {found:.1f} % is covered, and {floor} must be")
    print("\n".join(missing) or f"All {len(covered)} files are covered as they have to be.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
