"""What the route writes is to the letter what PynamoDB would write, and would read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters import presses
from chalicelib.adapters.dynamodb import table as dynamodb
from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.session import Session
from tests.support import stories

BREAKS = [
    stories.requested(),
    stories.requested(glass="", permission_set_arn=stories.SET, reason="There is no glass “x”."),
    stories.requested(slack_user_name="twö", response_uses=0, response_url=""),
    stories.granting(person="U0ALICE"),  # of which only what the route may say is written
]
ASKS = [
    Ask(id=f"end-{1:024x}", session_id=f"bg-{2:024x}", asked_at=stories.NOON, slack_user="U0BOB"),
    Ask(
        id=f"extend-{1:024x}",
        session_id=f"bg-{2:024x}",
        asked_at=stories.NOON,
        slack_user="U0BOB",
        slack_user_name="bøb",
        slack_team="T0",
        slack_channel="C0DEPLOY",
        slack_message="1763800000.000100",
        shape="block_actions",
        response_url="https://hooks.slack.com/actions/T0/1/abc",
    ),
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


@pytest.mark.parametrize("asked", [*BREAKS, *ASKS])
def test_an_asks_row_is_as_pynamodb_would_write_it(asked: Session | Ask):
    row = rows.of_ask(asked) if isinstance(asked, Ask) else rows.of_break(asked)
    assert presses.item(asked) == dynamodb.Row(**row).serialize()


@pytest.mark.parametrize("asked", [*BREAKS, *ASKS])
def test_an_asks_row_is_none_of_a_sessions(asked: Session | Ask):
    item = presses.item(asked)
    assert item["id"]["S"] == f"ask/{asked.id}"
    assert (item["kind"], item["open"]) == ({"S": "ask"}, {"S": "ask"})
    assert item["look_at"] == item["asked_at"]
    assert item["person"] == {"S": asked.slack_user}, "the log finds it by who asked"
    assert not {"state", "version", "live_access", "deadline", "standing", "ttl"} & set(item)


@pytest.mark.parametrize("asked", [*BREAKS, *ASKS])
def test_the_workers_side_reads_what_the_route_wrote(asked: Session | Ask):
    row = dynamodb.Row.from_raw_data(presses.item(asked))
    read = ask.read(row.id, row.attribute_values)
    if isinstance(read, Ask):
        assert read == asked
        return
    assert read == Session(
        **{name: getattr(asked, name) for name in ("id", *rows.ASKED_OF_A_BREAK)},
        wait_until=stories.NOON + timedelta(minutes=5),
        look_at=stories.NOON,
    ).with_(person="U0ALICE")


def test_a_press_is_one_conditional_write():
    table = Table()
    assert presses.Presses(table.call, "log").record(stories.requested())
    [(operation, asked)] = table.asked
    assert operation == "PutItem"
    assert asked["TableName"] == "log"
    assert asked["ConditionExpression"] == "attribute_not_exists(id)"
    assert asked["Item"] == presses.item(stories.requested())


@pytest.mark.parametrize("pressed", ASKS)
def test_what_is_asked_of_a_session_is_one_conditional_write_of_its_own(pressed: Ask):
    """Nobody outside makes a session's row grow, or its version move."""
    table = Table()
    assert presses.Presses(table.call, "log").record(pressed)
    [(operation, asked)] = table.asked
    assert (operation, asked["Item"]) == ("PutItem", presses.item(pressed))
    assert asked["ConditionExpression"] == "attribute_not_exists(id)"


def test_a_repeat_is_told_from_our_own_second_try():
    table = Table(Rejected("ConditionalCheckFailedException"))
    assert not presses.Presses(table.call, "log").record(stories.requested())
    table.fails = Rejected("ConditionalCheckFailedException", repeated=True)
    assert presses.Presses(table.call, "log").record(stories.requested())


@pytest.mark.parametrize("error", [Rejected("AccessDeniedException"), Unavailable("dynamodb: 500")])
def test_what_was_not_written_is_raised(error: Exception):
    route = presses.Presses(Table(error).call, "log")
    with pytest.raises(type(error)):
        route.record(stories.requested())
    with pytest.raises(type(error)):
        route.record(ASKS[0])
