"""A long report's own rows: as bytes, under their names, and for a week at the most."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.pieces import KEEP, Pieces
from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.triggers.records import wake

NOW = datetime(2026, 11, 22, 17, tzinfo=UTC)


class Table:
    """DynamoDB as adapters.aws_json calls it."""

    def __init__(self) -> None:
        self.items: dict[str, Mapping[str, Any]] = {}
        self.fails: Exception | None = None

    def call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self.fails:
            raise self.fails
        assert asked["TableName"] == "log"
        match operation:
            case "PutItem":
                self.items[asked["Item"]["id"]["S"]] = asked["Item"]
            case "GetItem":
                assert asked["ConsistentRead"]
                found = self.items.get(asked["Key"]["id"]["S"])
                return {"Item": found} if found else {}
            case "DeleteItem":
                self.items.pop(asked["Key"]["id"]["S"], None)
        return {}


def test_what_is_put_is_got_until_it_is_dropped() -> None:
    table = Table()
    pieces = Pieces(table.call, "log", lambda: NOW)
    pieces.put("bg-1", "1-a-0", b"\x00\xff")
    pieces.put("bg-1", "1-a-1", b"two")
    pieces.put("bg-2", "1-a-0", b"another's")
    assert pieces.get("bg-1", "1-a-0") == b"\x00\xff"
    pieces.drop("bg-1", "1-a-0")
    assert pieces.get("bg-1", "1-a-0") is None
    assert pieces.get("bg-2", "1-a-0") == b"another's"
    assert sorted(table.items) == ["report/bg-1/1-a-1", "report/bg-2/1-a-0"]


def test_it_is_gone_after_a_week_and_wakes_nobody() -> None:
    table = Table()
    Pieces(table.call, "log", lambda: NOW).put("bg-1", "1-a-0", b"one")
    (item,) = table.items.values()
    assert int(item["ttl"]["N"]) == (NOW + KEEP).timestamp()
    assert timedelta(days=7) == KEEP
    for name, images in (("INSERT", {"NewImage": item}), ("REMOVE", {"OldImage": item})):
        assert wake({"eventName": name, "dynamodb": {"Keys": {"id": item["id"]}, **images}}) is None


def test_a_row_that_is_none_of_ours_is_none() -> None:
    table = Table()
    table.items["report/bg-1/x"] = {"id": {"S": "report/bg-1/x"}, "content": {"S": "text"}}
    assert Pieces(table.call, "log", lambda: NOW).get("bg-1", "x") is None


@pytest.mark.parametrize("fails", [Rejected("AccessDeniedException"), Unavailable("no answer")])
def test_every_error_is_unavailable(fails: Exception) -> None:
    table = Table()
    table.fails = fails
    pieces = Pieces(table.call, "log", lambda: NOW)
    for call in (
        lambda: pieces.put("bg-1", "x", b""),
        lambda: pieces.get("bg-1", "x"),
        lambda: pieces.drop("bg-1", "x"),
    ):
        with pytest.raises(Unavailable):
            call()
