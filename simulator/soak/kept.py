"""A soak's evidence in a file, so that it can be judged again and looked into."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from simulator.soak.evidence import Access, Evidence, Hand, Pressed, Window


def write(evidence: Evidence, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(evidence), default=str, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> Evidence:
    known = json.loads(path.read_text())
    return Evidence(
        **known
        | {
            "presses": [Pressed(**each) for each in known["presses"]],
            "windows": [Window(**each) for each in known["windows"]],
            "hands": [Hand(**each) for each in known["hands"]],
            "standing": tuple(Access(*each) for each in known["standing"]),
        }
    )
