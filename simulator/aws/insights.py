"""Gap: MiniStack's Logs Insights drops the filters it does not know, so a wrong query looks right.

Here a filter is parsed in full or the query is refused as malformed, rows have the time at which
the log took them in, StartQuery answers at once and
the query runs for a settable time; up to 10,000 rows come on a page and 100,000 with nextToken.
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack import app
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    set_request_account_id,
)
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
    linked: list[str] = field(
        default_factory=list
    )  # accounts that share their log groups with ours


def patch(faults: TrailFaults) -> None:
    logs._build_log_record = _record
    logs._insights_filter_predicates = _predicates
    logs._clamp_insights_limit = _clamp
    finished: dict[str, float] = {}

    def start_query(data: dict[str, Any]) -> tuple[int, dict, bytes]:
        if faults.start_error:
            return error_response_json(faults.start_error, "The trail was told to fail.", 400)
        owner = _owner(data, faults)
        if owner is None:
            message = "The specified log group does not exist."
            return error_response_json("ResourceNotFoundException", message, 400)
        try:
            answer, query = _run_in(owner, data)
        except Malformed as problem:
            return error_response_json("MalformedQueryException", str(problem), 400)
        if query:
            query |= {"queryString": data.get("queryString", ""), "createTime": int(time.time())}
            logs._queries[query["queryId"]] = query
            finished[query["queryId"]] = time.time() + faults.query_seconds
        return answer

    def describe_queries(data: dict[str, Any]) -> tuple[int, dict, bytes]:
        found = [
            {name: query[name] for name in ("queryId", "queryString", "createTime")}
            | {"status": status}
            for query in list(logs._queries.values())
            if (status := _status(query)) == data.get("status", status)
        ]
        return logs.json_response({"queries": found[: data.get("maxResults", 1_000)]})

    def _status(query: dict[str, Any]) -> str:
        if finished.get(query["queryId"], 0) > time.time() and query["status"] == "Complete":
            return "Running"
        return str(faults.status or query["status"])

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
    _mount(describe_queries)


def _mount(describe_queries: Callable[[dict[str, Any]], Any]) -> None:
    """MiniStack does not know the call; who may not make it is refused before."""
    others: Callable[..., Any] = app.SERVICE_HANDLERS["logs"]

    async def handle(
        method: str, path: str, headers: dict, body: bytes, query: dict
    ) -> tuple[int, dict, bytes]:
        if headers.get("x-amz-target", "").endswith(".DescribeQueries"):
            return describe_queries(json.loads(body or b"{}"))
        return await others(method, path, headers, body, query)

    app.SERVICE_HANDLERS["logs"] = handle


def _owner(data: dict[str, Any], faults: TrailFaults) -> str | None:
    """Whose log group it is; None where this account and Region have none of that name.

    A name is one of this account and Region. An ARN may be another account's, which shares it by
    an observability link, within one Region.
    """
    here = get_account_id()
    for each in data.get("logGroupIdentifiers", []):
        if each.startswith("arn:"):
            _, _, _, region, account, *_ = each.split(":")
            if region != get_region() or account not in (here, *faults.linked):
                return None
            return str(account)
    return here


def _run_in(owner: str, data: dict[str, Any]) -> tuple[tuple[int, dict, bytes], Any]:
    """The query in that account, and what MiniStack keeps of it. A line with # is a comment."""
    text = data.get("queryString", "")
    said = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))

    def run() -> tuple[tuple[int, dict, bytes], Any]:
        set_request_account_id(owner)
        answer = _start({**data, "queryString": said})
        query_id = json.loads(answer[2]).get("queryId")
        return answer, logs._queries.pop(query_id, None) if query_id else None

    return contextvars.copy_context().run(run)


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
