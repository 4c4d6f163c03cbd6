"""The lists of who is on call as rows: written whole, and read as far as they are of our making."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.on_call import Lists
from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.oncall import LOST_AFTER, MEMBERS, OnCall
from tests.support.stories import NOON

HEARD = OnCall(id="S0ONCALL", found_at=NOON, members=("U0BOB", "W0CAROL"), name="sre-oncall")
GONE = OnCall(id="S0ONCALL", found_at=NOON, exists=False)


class Table:
    """DynamoDB, as far as it goes."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.trouble: Exception | None = None

    def call(self, operation: str, asked: Any) -> dict[str, Any]:
        self.asked.append(dict(asked))
        if self.trouble:
            raise self.trouble
        if operation == "PutItem":
            self.items[asked["Item"]["id"]["S"]] = asked["Item"]
            return {}
        assert operation == "GetItem"
        item = self.items.get(asked["Key"]["id"]["S"])
        return {"Item": item} if item else {}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.mark.parametrize("heard", [HEARD, GONE], ids=["there", "gone"])
def test_what_was_heard_is_read_again(table: Table, heard: OnCall) -> None:
    lists = Lists(table.call, "log")
    assert lists.read("S0ONCALL") is None
    lists.keep(heard)
    assert lists.read("S0ONCALL") == heard
    assert {each["TableName"] for each in table.asked} == {"log"}
    assert table.asked[-1]["ConsistentRead"] is True, "a shift that is over is over"
    assert lists.read("S0OTHER") is None


def test_a_list_that_nobody_renews_is_gone_after_a_week(table: Table) -> None:
    Lists(table.call, "log").keep(HEARD)
    assert int(table.items["oncall/S0ONCALL"]["ttl"]["N"]) == (NOON + LOST_AFTER).timestamp()
    assert timedelta(days=7) == LOST_AFTER


@pytest.mark.parametrize(
    "spoilt",
    [
        {"found_at": {"S": "yesterday"}},
        {"found_at": {"S": "2026-11-22T12:00:00"}},
        {"found_at": {"N": "7"}},
        {"found_at": None},
        {"members": {"S": "U0EVE"}},
        {"members": {"L": [{"N": "7"}]}},
        {"members": {"L": 7}},
        {"exists": {"S": "yes"}},
        {"name": {"N": "7"}},
    ],
)
def test_a_row_that_a_hand_has_spoiled_lets_nobody_in(table: Table, spoilt: Any) -> None:
    lists = Lists(table.call, "log")
    lists.keep(HEARD)
    table.items["oncall/S0ONCALL"] |= spoilt
    assert lists.read("S0ONCALL") is None
    lists.keep(HEARD)
    assert lists.read("S0ONCALL") == HEARD, "until the sweep writes it anew"


def test_of_what_is_in_a_row_only_ids_are_taken_and_as_many_as_may_be(table: Table) -> None:
    lists = Lists(table.call, "log")
    lists.keep(HEARD)
    many = [{"S": f"U0{n:05}"} for n in range(MEMBERS + 5)]
    odd = [{"S": "everyone"}, {"S": "alice@example.com"}, {"S": ""}]
    table.items["oncall/S0ONCALL"]["members"] = {"L": odd + many}
    kept = lists.read("S0ONCALL")
    assert kept is not None
    assert len(kept.members) == MEMBERS - len(odd)


@pytest.mark.parametrize("trouble", [Rejected("AccessDeniedException"), Unavailable("down")])
def test_a_table_that_does_not_answer_is_no_empty_list(table: Table, trouble: Exception) -> None:
    table.trouble = trouble
    lists = Lists(table.call, "log")
    with pytest.raises(Unavailable):
        lists.read("S0ONCALL")
    with pytest.raises(Unavailable):
        lists.keep(HEARD)
