"""Finds sessions in the table: by its indexes, page by page, and never by a scan unless asked."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tools._project import Problem, client

Row = dict[str, Any]
OPEN_STATES = ("GRANTING", "ACTIVE", "REVOKING")  # somebody may have access
FIRST, LAST = "0000", "9999"  # before and after every ISO time
SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What rows are asked for; an empty value asks for all."""

    person: str = ""
    account: str = ""
    glass: str = ""
    state: str = ""
    since: str = FIRST
    until: str = LAST

    def fits(self, row: Row) -> bool:
        asked_at = str(row.get("asked_at", ""))
        return (
            self.person in ("", row.get("person"), row.get("email"), row.get("slack_user"))
            and self.account in ("", row.get("account_id"))
            and self.glass in ("", row.get("glass"))
            and self.state in ("", row.get("state"))
            and self.since <= asked_at <= self.until
        )


class Rows:
    """The table's sessions as plain values, the newest first."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.client = client("dynamodb")
        self.capacity = 0.0  # read units so far, as DynamoDB counts them

    def find(self, wanted: Wanted, accounts: Iterable[str]) -> Iterator[Row]:
        """By person where one is asked for, else by the account, else by each of `accounts`."""
        if wanted.person:
            found = self._indexed("by-person", "person", wanted.person, wanted)
        elif wanted.account:
            found = self._indexed("by-account", "account_id", wanted.account, wanted)
        else:
            each = [self._indexed("by-account", "account_id", a, wanted) for a in accounts]
            found = heapq.merge(*each, key=_asked_at, reverse=True)
        return (row for row in found if wanted.fits(row))

    def open_now(self) -> list[Row]:
        """Every session whose access may be open, from the sparse index of unfinished ones."""
        ask = {
            "IndexName": "due",
            "KeyConditionExpression": "#open = :yes",
            "ExpressionAttributeNames": {"#open": "open"},
            "ExpressionAttributeValues": {":yes": {"S": "yes"}},
        }
        ids = [row["id"] for row in self._pages("query", ask)]
        rows = [row for row in (self.one(each) for each in ids) if row]
        mine = [row for row in rows if row.get("state") in OPEN_STATES]
        return sorted(mine, key=_asked_at, reverse=True)

    def scan(self, wanted: Wanted) -> list[Row]:
        """The whole table, read from end to end."""
        rows = self._pages("scan", {})
        found = [row for row in rows if row.get("kind") == "session" and wanted.fits(row)]
        return sorted(found, key=_asked_at, reverse=True)

    def one(self, row_id: str) -> Row | None:
        ask = {"TableName": self.table, "Key": {"id": {"S": row_id}}, "ConsistentRead": True}
        item = self._asked("get_item", ask).get("Item")
        return plain(item) if item else None

    def _indexed(self, index: str, key: str, value: str, wanted: Wanted) -> Iterator[Row]:
        ask = {
            "IndexName": index,
            "KeyConditionExpression": "#key = :key AND asked_at BETWEEN :since AND :until",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {
                ":key": {"S": value},
                ":since": {"S": wanted.since},
                ":until": {"S": wanted.until},
            },
            "ScanIndexForward": False,
        }
        return self._pages("query", ask)

    def _pages(self, operation: str, ask: dict[str, Any]) -> Iterator[Row]:
        ask = {**ask, "TableName": self.table, "ReturnConsumedCapacity": "TOTAL"}
        while True:
            page = self._asked(operation, ask)
            self.capacity += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            yield from (plain(item) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            ask["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _asked(self, operation: str, ask: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**ask)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            hint = ": `chalice deploy` makes it" if code == "ResourceNotFoundException" else ""
            raise Problem(f"the table {self.table} cannot be read: {code}{hint}") from None
        except BotoCoreError as error:
            raise Problem(f"AWS cannot be asked: {error}") from None
        return answer


def moment(text: str, now: datetime | None = None) -> str:
    """`2026-11-22`, `2026-11-22T15:04Z` or `36h` (so long ago) as rows have it. ValueError."""
    span = re.fullmatch(r"(\d+)([mhdw])", text)
    if span:
        then = (now or datetime.now(UTC)) - timedelta(**{SPANS[span[2]]: int(span[1])})
    else:
        then = datetime.fromisoformat(text)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(item: dict[str, Any]) -> Row:
    """DynamoDB's typed values as Python's own."""
    from boto3.dynamodb.types import TypeDeserializer

    read = TypeDeserializer().deserialize
    return {name: _number(read(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _asked_at(row: Row) -> str:
    return str(row.get("asked_at", ""))
