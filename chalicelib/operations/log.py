"""The structured log: one JSON object a line, ids and states only.

A line may carry figures: CloudWatch makes metrics of them by itself (the embedded metric format),
so that a figure costs no call, no permission and no time.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.domain.session import APP
from chalicelib.domain.text import lines

NAMESPACE: Final = "BreakGlass"
DIMENSIONS: Final = (
    "glass",
)  # each metric counts altogether, and by these where the line has them
LONGEST: Final = 2_000  # signs of one fact


class JsonLog:
    """Writes lines; see ports.Log. `table` says, when there are figures, whose they are."""

    def __init__(self, table: Callable[[], str] = lambda: APP) -> None:
        self._table = table

    def __call__(
        self, level: str, what: str, /, *, metrics: Mapping[str, float] | None = None, **facts: Any
    ) -> None:
        """Writes one line, whatever it is given. Facts are ids, states, counts, times, errors.

        `metrics` are figures by name; a name that ends in “Seconds” is a length of time, any other
        a count. Each is a metric in the table's `namespace`, altogether and by glass.
        """
        line = {"level": level.upper(), "message": what} | facts
        if metrics:
            line |= embedded(metrics, facts, time.time(), namespace(self._table()))
        print(json.dumps(_fit(line), ensure_ascii=False), file=sys.stdout, flush=True)


def namespace(table: str) -> str:
    """Where the figures of that table are: stages beside one another do not add up theirs."""
    return NAMESPACE if table in ("", APP) else f"{NAMESPACE}/{table}"


def embedded(
    metrics: Mapping[str, float], facts: Mapping[str, Any], now: float, figures: str
) -> dict[str, Any]:
    """What makes metrics of a line: the figures, and CloudWatch's directive. `now` in seconds,
    `figures` their namespace.
    """
    named = [name for name in DIMENSIONS if facts.get(name)]
    units = [
        {"Name": name, "Unit": "Seconds" if name.endswith("Seconds") else "Count"}
        for name in metrics
    ]
    directive = {"Namespace": figures, "Dimensions": [[], *([name] for name in named)]}
    aws = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive | {"Metrics": units}]}
    return {**metrics, "_aws": aws}


def _fit(fact: Any) -> Any:
    """As JSON has it; no text in it steers whoever reads the log, or cannot be written."""
    match fact:
        case bool() | int() | float() | None:
            return fact
        case Mapping():
            return {_text(key): _fit(value) for key, value in fact.items()}
        case list() | tuple() | set() | frozenset():
            return [_fit(each) for each in fact]
    return _text(fact)


def _text(fact: Any) -> str:
    return lines(str(fact), LONGEST)
