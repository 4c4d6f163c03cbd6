"""The structured log: one JSON object a line, ids and states only; and the figures in it."""

import json
import sys
import time
from typing import Any, Final

NAMESPACE: Final = "BreakGlass"


def journal(level: str, what: str, /, **facts: Any) -> None:
    """Writes one line. Facts are ids, states, counts, times and our own error texts."""
    _print({"level": level.upper(), "message": what} | facts)


def metric(name: str, value: float, unit: str = "Count", /, **facts: Any) -> None:
    """Writes one figure, in CloudWatch's embedded metric format: a line that is a metric too.

    `unit` is CloudWatch's (Count, Seconds). Facts stand beside it in the log and are no dimensions,
    for each value of a dimension would be a metric of its own.
    """
    metrics = [{"Name": name, "Unit": unit}]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics}
    head = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}
    _print({"_aws": head, "level": "METRIC"} | facts | {name: value})


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line, default=str, ensure_ascii=False), file=sys.stdout, flush=True)
