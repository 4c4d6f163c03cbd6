"""Which stream records wake somebody."""

from typing import Any

import pytest

from chalicelib.records import Wake, wake

KIND = {"kind": {"S": "session"}}


def record(name: str, row: str, new: Any = None, old: Any = None, **more: Any) -> dict[str, Any]:
    image: dict[str, Any] = {"Keys": {"id": {"S": row}}}
    if new is not None:
        image["NewImage"] = new
    if old is not None:
        image["OldImage"] = old
    return {"eventName": name, "dynamodb": image} | more


def test_a_new_session_is_looked_at() -> None:
    assert wake(record("INSERT", "bg-1", KIND | {"look_at": {"S": "x"}})) == Wake("bg-1")


def test_a_press_that_was_denied_on_the_spot_wakes_nobody() -> None:
    assert wake(record("INSERT", "bg-1", KIND)) is None


@pytest.mark.parametrize(
    "by",
    [
        {},
        {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}},
    ],
)
def test_a_lease_that_is_gone_is_looked_at_whoever_removed_it(by: dict[str, Any]) -> None:
    gone = record("REMOVE", "lease/bg-1", old={"kind": {"S": "lease"}}, **by)
    assert wake(gone) == Wake("bg-1", alone=True)


@pytest.mark.parametrize("wish", ["end_asked_at", "extend_asked_at"])
def test_a_new_wish_is_looked_at_once(wish: str) -> None:
    wished = KIND | {wish: {"S": "2026"}}
    assert wake(record("MODIFY", "bg-1", wished, KIND)) == Wake("bg-1")
    assert wake(record("MODIFY", "bg-1", wished, wished)) is None


def test_our_own_writes_wake_nobody() -> None:
    assert wake(record("MODIFY", "bg-1", KIND, KIND)) is None
    assert wake(record("INSERT", "lease/bg-1", {"kind": {"S": "lease"}})) is None
    assert wake(record("REMOVE", "door/a", old={"kind": {"S": "door"}})) is None
    assert wake(record("REMOVE", "bg-1", old=KIND)) is None


@pytest.mark.parametrize("odd", [{}, {"dynamodb": {}}, {"dynamodb": {"Keys": {}}}])
def test_an_odd_record_is_an_error_that_the_caller_expects(odd: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        wake(odd)
