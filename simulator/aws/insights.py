"""Gap: MiniStack's Logs Insights drops the filters it does not know, so a wrong query looks right.

Here a filter is parsed in full or the query is refused as malformed, rows have the time at which
the log took them in, StartQuery answers at once and
the query runs for a settable time; up to 10,000 rows come on a page and 100,000 with nextToken.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs as logs

from simulator.faults import Faults
from simulator.insights_filter import Malformed, compile_filter

PAGE = 10_000
MOST = 100_000
_build = logs._build_log_record
_start = logs._start_query
_results = logs._get_query_results


@dataclass
class TrailFaults(Faults):
    """How CloudWatch Logs Insights misbehaves."""

    start_error: str = ""  # an error code, such as "LimitExceededException"
    results_error: str = ""
    status: str = ""  # what finished queries say: "Failed", "Timeout", ...
    query_seconds: float = 0.2  # how long a query stays Running


def patch(faults: TrailFaults) -> None:
    logs._build_log_record = _record
    logs._insights_filter_predicates = _predicates
    logs._clamp_insights_limit = _clamp
    finished: dict[str, float] = {}

    def start_query(data: dict[str, Any]) -> tuple[int, dict, bytes]:
        if faults.start_error:
            return error_response_json(faults.start_error, "The trail was told to fail.", 400)
        try:
            answer = _start(data)
        except Malformed as problem:
            return error_response_json("MalformedQueryException", str(problem), 400)
        if answer[0] == 200:
            finished[json.loads(answer[2])["queryId"]] = time.time() + faults.query_seconds
        return answer

    def get_query_results(data: dict[str, Any]) -> tuple[int, dict, bytes]:
        if faults.results_error:
            return error_response_json(faults.results_error, "The trail was told to fail.", 400)
        query = logs._queries.get(data.get("queryId"))
        if query and finished.get(query["queryId"], 0) > time.time():
            return logs.json_response({"status": "Running", "results": [], "statistics": {}})
        if query and faults.status:
            return logs.json_response({"status": faults.status, "results": [], "statistics": {}})
        most = min(int(data.get("maxItems") or PAGE), PAGE)
        return _results({**data, "maxItems": most})

    logs._start_query = start_query
    logs._get_query_results = get_query_results


def _record(**facts: Any) -> dict[str, Any]:
    now = logs._format_insights_timestamp(int(time.time() * 1000))
    return {**_build(**facts), "@ingestionTime": now}


def _predicates(query: str) -> list[Any]:
    stages = [stage.strip() for stage in logs._split_insights_pipes(query)]
    for stage in stages:
        command = stage.split(None, 1)[0].lower()
        if command not in ("fields", "display", "filter", "sort", "limit", "stats"):
            raise Malformed(f"unknown command: {command}")
        if command == "stats":
            raise Malformed("stats is not simulated")
    filters = [stage[6:] for stage in stages if stage.lower().startswith("filter")]
    return [_on_record(compile_filter(each)) for each in filters]


def _on_record(matches: Any) -> Any:
    return lambda record: matches(logs._public_log_record(record))


def _clamp(value: object) -> int | None:
    try:
        return max(1, min(int(value), MOST))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return None
