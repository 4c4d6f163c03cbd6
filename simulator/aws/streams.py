"""Gap: MiniStack retries a failing stream batch for ever and in one piece.

Lambda gives up after MaximumRetryAttempts or MaximumRecordAgeInSeconds and tells the OnFailure
destination; it halves a failing batch (BisectBatchOnFunctionError) and goes on behind the records
that a function reports as done (ReportBatchItemFailures). Records stay in order on their shard,
and a failing batch holds up only its own shard. One shard a table, as in MiniStack.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core import responses
from ministack.services import dynamodb, lambda_svc

RETRY_SECONDS = 1.0
_FOR_EVER = -1  # AWS's default for both limits

_attempts: dict[str, int] = {}  # mapping → failures of the batch that it stands at
_bisected: dict[str, int] = {}  # mapping → records in a batch, after a failure was halved
_retry_at: dict[str, float] = {}


def poll() -> bool:
    """Hand each stream's next batch to its function; True if any mapping moved on."""
    moved = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        if not mapping.get("Enabled", True) or ":dynamodb:" not in mapping["EventSourceArn"]:
            continue
        if _retry_at.get(mapping["UUID"], 0) > time.time():
            continue
        with _as(account, region):
            moved = _serve(mapping) or moved
    return moved


def _serve(mapping: dict[str, Any]) -> bool:
    uuid, source = mapping["UUID"], mapping["EventSourceArn"]
    table_name = source.split("/")[1]
    table = dynamodb._tables.get(table_name)
    function, _ = lambda_svc._get_func_record_for_qualifier(
        mapping["FunctionName"], mapping.get("Qualifier")
    )
    if function is None or not table or table.get("LatestStreamArn") != source:
        return False
    start = dynamodb.stream_start_position(table_name)
    at = max(_position(uuid, mapping, table_name), start)
    size = _bisected.get(uuid) or mapping.get("BatchSize", 100)
    batch = dynamodb.stream_records_since(table_name, at, size)
    if not batch:
        return False
    wanted = lambda_svc._apply_filter_criteria(list(batch), mapping)
    result = lambda_svc._execute_function(function, {"Records": wanted}) if wanted else {}
    done = _done(mapping, batch, result)
    if done == len(batch):
        _go_on(uuid, mapping, at + done, f"OK - {len(batch)} records")
        return True
    _attempts[uuid] = _attempts.get(uuid, 0) + 1
    mapping["LastProcessingResult"] = "FAILED"
    condition = _gives_up(mapping, batch)
    if condition and not (mapping.get("BisectBatchOnFunctionError") and len(batch) > 1):
        lambda_svc._send_ddb_stream_failure_record(
            mapping, function, batch, source, result, condition
        )
        _go_on(uuid, mapping, at + len(batch), f"PROBLEM: {condition}")
        return True
    lambda_svc._dynamodb_stream_positions[uuid] = at + done
    if mapping.get("BisectBatchOnFunctionError") and len(batch) > 1:
        _bisected[uuid], _attempts[uuid] = len(batch) // 2, 0
    _retry_at[uuid] = time.time() + RETRY_SECONDS
    return done > 0


def _done(mapping: dict[str, Any], batch: list[Any], result: dict[str, Any]) -> int:
    """How many records from the front need not be seen again."""
    if result.get("error"):
        return 0
    body = result.get("body")
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return len(batch)
    failed = body.get("batchItemFailures") if isinstance(body, dict) else None
    names = {each.get("itemIdentifier") for each in failed or []}
    for number, record in enumerate(batch):
        if record["dynamodb"]["SequenceNumber"] in names:
            return number
    return len(batch)


def _gives_up(mapping: dict[str, Any], batch: list[Any]) -> str:
    """AWS's name for the reason to let a batch go, or nothing."""
    retries = mapping.get("MaximumRetryAttempts", _FOR_EVER)
    if retries != _FOR_EVER and _attempts[mapping["UUID"]] > retries:
        return "RetryAttemptsExhausted"
    oldest = float(batch[0]["dynamodb"]["ApproximateCreationDateTime"])
    age = mapping.get("MaximumRecordAgeInSeconds", _FOR_EVER)
    return "MaxRecordAgeExceeded" if age != _FOR_EVER and time.time() - oldest > age else ""


def _go_on(uuid: str, mapping: dict[str, Any], position: int, outcome: str) -> None:
    lambda_svc._dynamodb_stream_positions[uuid] = position
    mapping["LastProcessingResult"] = outcome
    _attempts.pop(uuid, None)
    _bisected.pop(uuid, None)
    _retry_at.pop(uuid, None)


def _position(uuid: str, mapping: dict[str, Any], table_name: str) -> int:
    positions = lambda_svc._dynamodb_stream_positions
    if uuid not in positions:
        from_start = mapping.get("StartingPosition") == "TRIM_HORIZON"
        begin = dynamodb.stream_start_position if from_start else dynamodb.stream_end_position
        positions[uuid] = begin(table_name)
    return int(positions[uuid])


class _as:  # noqa: N801  (reads as a word: with _as(account, region))
    """Work as MiniStack does for a request of this account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region

    def __enter__(self) -> None:
        self.tokens = (
            responses._request_account_id.set(self.account),
            responses._request_region.set(self.region),
        )

    def __exit__(self, *_: object) -> None:
        responses._request_account_id.reset(self.tokens[0])
        responses._request_region.reset(self.tokens[1])
