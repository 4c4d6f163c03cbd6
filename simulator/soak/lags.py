"""How long access stood past its end, and how soon people heard of it, by fault."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simulator.soak import words
from simulator.soak.evidence import Evidence, Session, Window
from simulator.soak.judge import unheld

RECORD = Path(__file__).resolve().parents[2] / "docs" / "soak.json"
NOTHING = "nothing"
BY_HAND = "a row spoiled by hand"  # which only an operator can mend: no outage, and no words either


@dataclass(frozen=True)
class Lag:
    """One session's stay past its end.

    after_end: seconds from the end that was due to the moment at which it was gone; healed: those
    of them in which Identity Center answered; word: from the end to the first alarm.
    """

    session: str
    fault: str
    cold: bool
    after_end: float
    healed: float
    word: float | None


@dataclass(frozen=True)
class Line:
    """One fault's figures, in seconds."""

    fault: str
    cold: bool
    count: int
    median: float
    p95: float
    most: float
    standing: float  # the most that access stood past its end, the outage and all
    word: float | None  # the median of the first alarms, from the end; None: there were none


def lags(evidence: Evidence) -> list[Lag]:
    """Of each session whose access has come and gone."""
    first: dict[str, float] = {}
    for alarm in words.alarms(evidence):
        first[alarm.session] = min(alarm.at, first.get(alarm.session, alarm.at))
    found = []
    for session in evidence.sessions:
        if session.due is None or not session.spans or session.spans[-1].end is None:
            continue
        span, end = session.spans[-1], session.spans[-1].end
        around = evidence.around(session.due, end, session.id)
        at = first.get(session.id)
        found.append(
            Lag(
                session.id, _fault(evidence, session, end), any(each.cold for each in around),
                max(end - max(session.due, span.start), 0.0), unheld(evidence, session, span),
                None if at is None else at - session.due,
            )
        )  # fmt: skip
    return found


def table(found: Sequence[Lag]) -> list[Line]:
    """A line for each fault, cold and warm, in the order of their names."""
    kinds = sorted({(each.fault, each.cold) for each in found})
    return [_line([each for each in found if (each.fault, each.cold) == kind]) for kind in kinds]


def total(found: Sequence[Lag]) -> list[Line]:
    """All that met any fault at their end, warm and cold, all that met none, and what hands did."""
    groups: dict[tuple[str, bool], list[Lag]] = {}
    for each in found:
        kind = "any" if each.fault != NOTHING and not each.fault.startswith("before") else NOTHING
        if each.fault.startswith(BY_HAND):
            kind = BY_HAND
        groups.setdefault((kind, each.cold), []).append(
            Lag(each.session, kind, each.cold, each.after_end, each.healed, each.word)
        )
    return [_line(groups[kind]) for kind in sorted(groups)]


def shown(lines: Sequence[Line], record: Path = RECORD) -> str:
    """The table, to be read, beside the medians that were recorded the last time."""
    before = json.loads(record.read_text())["lags"] if record.exists() else {}
    head = ("median", "p95", "most", "stood", "word", "last")
    rows = [f"{'fault':<58}{'':<5}{'n':>4}" + "".join(f"{name:>8}" for name in head)]
    for line in lines:
        seconds = (line.median, line.p95, line.most, line.standing, line.word,
                   before.get(_named(line), {}).get("median"))  # fmt: skip
        said = "".join(f"{'–' if each is None else f'{each:.1f}':>8}" for each in seconds)
        rows.append(f"{line.fault[:57]:<58}{'cold' if line.cold else '':<5}{line.count:>4}{said}")
    return "\n".join(rows)


def keep(found: Sequence[Lag], seed: int, minutes: float, record: Path = RECORD) -> None:
    """Records this soak as the one to compare with."""
    known = {
        "taken": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seed": seed,
        "minutes": minutes,
        "unit": "s",
        "lags": {
            _named(line): {
                "count": line.count,
                "median": round(line.median, 1),
                "p95": round(line.p95, 1),
                "most": round(line.most, 1),
                "stood": round(line.standing, 1),
                "word": None if line.word is None else round(line.word, 1),
            }
            for line in [*total(found), *table(found)]
        },
    }
    record.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")


def _named(line: Line) -> str:
    return f"{line.fault}, cold" if line.cold else line.fault


def _line(group: Sequence[Lag]) -> Line:
    healed = sorted(each.healed for each in group)
    heard = [each.word for each in group if each.word is not None]
    p95 = healed[max(0, -int(-len(healed) * 95 // 100) - 1)]
    return Line(
        group[0].fault, group[0].cold, len(group), statistics.median(healed), p95, healed[-1],
        max(each.after_end for each in group), statistics.median(heard) if heard else None,
    )  # fmt: skip


def _fault(evidence: Evidence, session: Session, end: float) -> str:
    """What was broken while access was to end; else what was before that, in its time."""
    due = session.due or end
    if any(each.name == "row spoiled" for each in evidence.around(due - 1, end, session.id)):
        return BY_HAND
    at_the_end = _names(evidence.around(due - 1, end, session.id))
    if at_the_end:
        return at_the_end
    before = _names(evidence.around(session.allowed or session.asked, due, session.id))
    return f"before: {before}" if before else NOTHING


def _names(windows: Sequence[Window]) -> str:
    """The faults; what was done besides only says that there was more, unless it was all."""
    outages = {each.name for each in windows if each.outage}
    others = {each.name for each in windows if not each.outage and not each.cold}
    if not outages:
        return " + ".join(sorted(others))
    return " + ".join(sorted(outages)) + (" + …" if others else "")
