"""A figure: what was measured, how it spreads, what was aimed at, and what it was the last time."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORD = Path(__file__).resolve().parent.parent / "docs" / "bench.json"


@dataclass(frozen=True)
class Figure:
    """`value` is the median where there are many; `spread` says how they lie."""

    name: str
    value: float
    unit: str
    spread: str = ""
    aim: float | None = None  # at most this much, unless `least`
    least: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        if self.aim is None:
            return None
        return self.value >= self.aim if self.least else self.value <= self.aim


def of(
    name: str, values: Sequence[float], unit: str, aim: float | None = None, note: str = ""
) -> Figure:
    """The median, with the least, the 95th of a hundred, and the most beside it."""
    ordered = sorted(values)
    spread = f"{_said(ordered[0])} … p95 {_said(at(ordered, 95))} … {_said(ordered[-1])}"
    return Figure(name, statistics.median(ordered), unit, f"{spread}, n={len(ordered)}", aim,
                  note=note)  # fmt: skip


def at(values: Sequence[float], percent: float) -> float:
    """The value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]


class Report:
    """Prints sections as they come, and compares with the last recorded run."""

    def __init__(self, record: Path = RECORD) -> None:
        self.path = record
        self.figures: list[Figure] = []
        self.before: dict[str, Any] = {}
        if record.exists():
            self.before = json.loads(record.read_text())["figures"]

    def section(self, title: str, how: str) -> None:
        print(f"\n{title}\n  {how}", flush=True)

    def add(self, *figures: Figure) -> None:
        for figure in figures:
            self.figures.append(figure)
            print("  " + self._line(figure), flush=True)
            if figure.note:
                print(f"      {figure.note}", flush=True)

    def lines(self, *lines: str) -> None:
        for line in lines:
            print(f"    {line}", flush=True)

    def _line(self, figure: Figure) -> str:
        aim = ""
        if figure.aim is not None:
            sign = "≥" if figure.least else "≤"
            aim = f"  {'ok' if figure.kept else 'MISSED'} (aim {sign} {_said(figure.aim)})"
        last = self.before.get(figure.name)
        change = f"  last {_said(last['value'])}" if last else ""
        spread = f"  [{figure.spread}]" if figure.spread else ""
        return f"{figure.name:<52}{_said(figure.value):>8} {figure.unit}{spread}{aim}{change}"

    def summary(self) -> None:
        missed = [figure.name for figure in self.figures if figure.kept is False]
        aims = sum(figure.kept is not None for figure in self.figures)
        print(f"\n{len(self.figures)} figures; {aims - len(missed)} of {aims} aims kept.")
        if missed:
            print("Missed: " + "; ".join(missed))

    def keep(self) -> None:
        """Records this run as the one to compare with; what it did not measure stays."""
        known = {
            "taken": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "figures": self.before
            | {
                each.name: {"value": round(each.value, 4), "unit": each.unit, "spread": each.spread}
                for each in self.figures
            },
        }
        self.path.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")
        print("recorded in docs/bench.json")


def _said(value: float) -> str:
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
