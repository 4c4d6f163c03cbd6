"""Asks CloudWatch Logs Insights for what CloudTrail has delivered to a log group.

What to ask, and whose the records are, is the report's to say: here are the calls.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Lost, Unavailable
from chalicelib.domain.ports import TrailPage
from chalicelib.trail.attribution import UNREAD
from chalicelib.transport.errors import said

RUNNING = ("Scheduled", "Running")
GONE = ("ResourceNotFoundException", "InvalidParameterException")


def clients_for(session: Any, region: str = "") -> tuple[Any, Any]:
    """Clients for CloudTrail: one that reads, and one that starts and asks once.

    Neither waits so long that a worker would have no time left to write what came of it.
    """
    made = (Config(connect_timeout=2, read_timeout=7, retries={"total_max_attempts": attempts})
            for attempts in (2, 1))  # fmt: skip
    reads, starts = (
        session.client("logs", region_name=region or None, config=config) for config in made
    )
    return reads, starts


class CloudTrail:
    """The trail of the organisation, as it stands in a CloudWatch log group; see ports.Trail.

    `client` is boto3's "logs" client in the log group's Region; `log_group` its name, or its ARN
    where it belongs to another account that shares it. `starts` is a client that asks once and no
    more: a second try would start a second query beside one whose answer was lost.
    """

    def __init__(self, client: Any, log_group: str, starts: Any = None) -> None:
        self._client = client
        self._starts = starts or client
        self.log_group = log_group.removesuffix(":*")

    def start(
        self, query: str, start: int, end: int, limit: int, accounts: Sequence[str] = ()
    ) -> str:
        where = "logGroupIdentifiers" if self.log_group.startswith("arn:") else "logGroupNames"
        try:
            answer = self._starts.start_query(
                **{where: [self.log_group]},
                startTime=start,
                endTime=max(end, start),
                queryString=query,
                limit=limit,
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the trail cannot be searched: {said(error)}") from error
        return str(answer["queryId"])

    def started(self, mark: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        try:
            for status in (*RUNNING, "Complete"):
                answer = self._client.describe_queries(status=status, maxResults=1_000)
                found += [(each["queryId"], each.get("queryString", ""))
                          for each in answer["queries"]]  # fmt: skip
        except (ClientError, BotoCoreError):
            pass  # then it is asked once more, which costs and harms nobody
        return [each for each in found if mark in each[1]]

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        more = {"nextToken": token} if token else {}
        try:
            page: dict[str, Any] = self._client.get_query_results(
                queryId=query_id, maxItems=rows, **more
            )
        except (ClientError, BotoCoreError) as error:
            kind = Lost if said(error) in GONE else Unavailable
            raise kind(f"the trail's answer cannot be read: {said(error)}") from error
        status = page.get("status")
        if status in RUNNING:
            return None
        if status != "Complete":
            raise Lost(f"the search of the trail came to nothing: {status}")
        rows_read = [_fields(row) for row in page["results"]]
        following = str(page.get("nextToken") or "")
        return TrailPage(
            records=[_record(fields) for fields in rows_read],
            token=following if following != token and rows_read else "",
            matched=int(page.get("statistics", {}).get("recordsMatched", 0)),
            last=_epoch(rows_read[-1].get("@timestamp", "")) if rows_read else None,
        )

    def stop(self, query_id: str) -> None:
        try:
            self._client.stop_query(queryId=query_id)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"a search of the trail cannot be stopped: {said(error)}") from error


def _fields(row: list[dict[str, str]]) -> dict[str, str]:
    return {each.get("field", ""): each.get("value", "") for each in row}


def _record(fields: dict[str, str]) -> dict[str, Any]:
    """The record in a row, the log's own times beside CloudTrail's fields.

    What cannot be read is a record all the same, with its text.
    """
    message = fields.get("@message", "")
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        found = None
    record: dict[str, Any] = found if isinstance(found, dict) else {UNREAD: message}
    for name in ("@timestamp", "@ingestionTime"):
        if value := fields.get(name):
            record[name] = int(value) if value.isdecimal() else value
    return record


def _epoch(timestamp: str) -> int | None:
    """`2026-11-22 15:04:05.000`, as Insights writes times, in UTC; or epoch milliseconds."""
    if timestamp.isdecimal():
        return int(timestamp) // 1000
    try:
        return int(datetime.fromisoformat(timestamp.removesuffix("Z") + "+00:00").timestamp())
    except ValueError:
        return None
