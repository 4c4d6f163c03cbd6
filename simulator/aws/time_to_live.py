"""Gap: MiniStack deletes expired items only once a minute, and their REMOVE records go missing.

DynamoDB writes a REMOVE record with `userIdentity` naming the service for each TTL deletion. Here
the period can be set (seconds; `set_period`), and 0 stops TTL, as DynamoDB's may be days late.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core import responses
from ministack.services import dynamodb

SERVICE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_REAPER = "dynamodb-ttl-reaper"  # MiniStack's own name for the thread that deletes
_remove_item = dynamodb._remove_item
_build_change_record = dynamodb._build_change_record
_period = 1.0


def patch() -> None:
    dynamodb._remove_item = _remove_and_tell
    dynamodb._build_change_record = _signed_change_record
    dynamodb.time = _Clock()
    # MiniStack's thread has begun its first minute of sleep: run the same function beside it.
    threading.Thread(target=dynamodb._ttl_reaper, daemon=True, name=_REAPER).start()


def set_period(seconds: float) -> None:
    global _period
    _period = seconds


def _in_reaper() -> bool:
    return threading.current_thread().name == _REAPER


def _remove_and_tell(table: dict[str, Any], pk: str, sk: str) -> dict[str, Any] | None:
    old = _remove_item(table, pk, sk)
    if old is not None and _in_reaper():
        _, _, _, region, account, *_ = table["TableArn"].split(":")
        account_token = responses._request_account_id.set(account)
        region_token = responses._request_region.set(region)
        try:
            dynamodb._emit_stream_event(table["TableName"], "REMOVE", old, None)
        finally:
            responses._request_account_id.reset(account_token)
            responses._request_region.reset(region_token)
    return old


def _signed_change_record(*args: Any, **kwargs: Any) -> dict[str, Any]:
    record = _build_change_record(*args, **kwargs)
    if _in_reaper():
        record["userIdentity"] = dict(SERVICE)
    return record


class _Clock:
    """The `time` module as dynamodb.py sees it: the reaper's minute of sleep is our period."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        if not _in_reaper():
            time.sleep(seconds)
            return
        time.sleep(_period or 0.5)
        while not _period:
            time.sleep(0.5)
