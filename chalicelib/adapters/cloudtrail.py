"""Asks CloudWatch Logs Insights for what CloudTrail has delivered to a log group.

What to ask, and whose the records are, is the report's to say: here are the calls.
"""

import json
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Lost, Unavailable
from chalicelib.domain.ports import TrailPage
from chalicelib.trail.attribution import UNREAD

RUNNING = ("Scheduled", "Running")
GONE = ("ResourceNotFoundException", "InvalidParameterException")


class CloudTrail:
    """The trail of the organisation, as it stands in a CloudWatch log group; see ports.Trail.

    `client` is boto3's "logs" client in the log group's Region; `log_group` its name, or its ARN
    where it belongs to another account that shares it.
    """

    def __init__(self, client: Any, log_group: str) -> None:
        self._client = client
        self.log_group = log_group.removesuffix(":*")

    def start(self, query: str, start: int, end: int, limit: int) -> str:
        where = "logGroupIdentifiers" if self.log_group.startswith("arn:") else "logGroupNames"
        try:
            answer = self._client.start_query(
                **{where: [self.log_group]},
                startTime=start,
                endTime=max(end, start),
                queryString=query,
                limit=limit,
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the trail cannot be searched: {_said(error)}") from error
        return str(answer["queryId"])

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        more = {"nextToken": token} if token else {}
        try:
            page: dict[str, Any] = self._client.get_query_results(
                queryId=query_id, maxItems=rows, **more
            )
        except (ClientError, BotoCoreError) as error:
            kind = Lost if _said(error) in GONE else Unavailable
            raise kind(f"the trail's answer cannot be read: {_said(error)}") from error
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
            raise Unavailable(f"a search of the trail cannot be stopped: {_said(error)}") from error


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


def _said(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "an error"))
    return type(error).__name__
