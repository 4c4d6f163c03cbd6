"""What the route writes is to the letter what PynamoDB would write, and would read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters import dynamodb, presses
from chalicelib.ports import Rejected, Unavailable
from chalicelib.session import Session
from tests import stories

SESSIONS = [
    stories.requested(),
    stories.requested(look_at=None, report_to=("a@example.com", "b@example.com"), lag_asked=0.25),
    stories.requested(duration=timedelta(seconds=1.5), steps=("one", "twö"), response_uses=0),
    stories.granting(),
]


class Table:
    """DynamoDB as adapters.aws_json calls it."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, asked))
        if self.fails:
            raise self.fails
        return {}


@pytest.mark.parametrize("session", SESSIONS)
def test_the_rows_first_write_is_as_pynamodb_would_write_it(session: Session):
    assert presses.item(session) == dynamodb._row(session).serialize()


@pytest.mark.parametrize("session", SESSIONS)
def test_pynamodb_reads_what_the_route_wrote(session: Session):
    row = dynamodb.Row.from_raw_data(presses.item(session))
    assert dynamodb._session(row) == session.with_(version=session.version + 1)


def test_a_press_is_one_conditional_write():
    table = Table()
    assert presses.Presses(table.call, "log").record(stories.requested())
    [(operation, asked)] = table.asked
    assert operation == "PutItem"
    assert asked["TableName"] == "log"
    assert asked["ConditionExpression"] == "attribute_not_exists(id)"


def test_a_repeat_is_told_from_our_own_second_try():
    table = Table(Rejected("ConditionalCheckFailedException"))
    assert not presses.Presses(table.call, "log").record(stories.requested())
    table.fails = Rejected("ConditionalCheckFailedException", repeated=True)
    assert presses.Presses(table.call, "log").record(stories.requested())


def test_a_wish_on_an_open_session_is_one_conditional_write():
    table = Table()
    assert presses.Presses(table.call, "log").wish("bg-1", "end", "U0BOB", stories.NOON)
    [(operation, asked)] = table.asked
    assert operation == "UpdateItem"
    assert asked["Key"] == {"id": {"S": "bg-1"}}
    names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
    assert {names["#who"], names["#at"]} == {"end_askers", "end_asked_at"}
    assert set(names.values()) <= set(dynamodb.Row.get_attributes())
    row = {names["#who"]: values[":who"], names["#at"]: values[":now"], "id": {"S": "bg-1"}}
    read = dynamodb.Row.from_raw_data(row)
    assert (read.end_askers, read.end_asked_at) == (["U0BOB"], stories.NOON)


def test_a_wish_on_a_session_that_is_over_is_not_noted():
    table = Table(Rejected("ConditionalCheckFailedException"))
    assert not presses.Presses(table.call, "log").wish("bg-1", "extend", "U0BOB", stories.NOON)


@pytest.mark.parametrize("error", [Rejected("AccessDeniedException"), Unavailable("dynamodb: 500")])
def test_what_was_not_written_is_raised(error: Exception):
    route = presses.Presses(Table(error).call, "log")
    with pytest.raises(type(error)):
        route.record(stories.requested())
    with pytest.raises(type(error)):
        route.wish("bg-1", "end", "U0BOB", stories.NOON)
