"""Which stream records wake somebody."""

from typing import Any

import pytest

from chalicelib.triggers.records import Wake, wake

DIGITS = "0123456789abcdef01234567"
SESSION = {"kind": {"S": "session"}}
ASK = {"kind": {"S": "ask"}}


def record(name: str, row: str, new: Any = None, old: Any = None, **more: Any) -> dict[str, Any]:
    image: dict[str, Any] = {"Keys": {"id": {"S": row}}}
    if new is not None:
        image["NewImage"] = new
    if old is not None:
        image["OldImage"] = old
    return {"eventName": name, "dynamodb": image} | more


@pytest.mark.parametrize("kind", ["bg", "found", "extend"])
def test_a_new_ask_is_looked_at(kind: str) -> None:
    row_id = f"ask/{kind}-{DIGITS}"
    assert wake(record("INSERT", row_id, ASK)) == Wake(row_id)


def test_an_ask_that_ends_access_is_looked_at_here_too() -> None:
    row_id = f"ask/end-{DIGITS}"
    assert wake(record("INSERT", row_id, ASK)) == Wake(row_id, ends=True)


@pytest.mark.parametrize(
    "row_id",
    [
        "ask/",
        "ask/bg-1",
        f"ask/bg-{DIGITS}0",
        f"ask/bg-{DIGITS.upper()}",
        f"ask/end-{DIGITS}\n",
        f"ask/close-{DIGITS}",
        f"ask/ask/end-{DIGITS}",
        f"ask/lease/bg-{DIGITS}",
        f" ask/end-{DIGITS}",
        f"end-{DIGITS}",
    ],
)
def test_a_row_that_only_looks_like_an_ask_wakes_nobody(row_id: str) -> None:
    assert wake(record("INSERT", row_id, ASK)) is None


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


@pytest.mark.parametrize(
    ("event", "row_id"),
    [
        ("INSERT", f"bg-{DIGITS}"),
        ("MODIFY", f"bg-{DIGITS}"),
        ("REMOVE", f"bg-{DIGITS}"),
        ("REMOVE", f"ask/end-{DIGITS}"),
        ("INSERT", f"asked/end-{DIGITS}"),
        ("MODIFY", f"asked/end-{DIGITS}"),
        ("INSERT", f"lease/bg-{DIGITS}"),
        ("MODIFY", f"lease/bg-{DIGITS}"),
        ("REMOVE", "door/a"),
        ("INSERT", "kept/identity-center"),
        ("INSERT", "oncall/S0ONCALL"),
        ("REMOVE", "oncall/S0ONCALL"),
    ],
)
def test_our_own_writes_wake_nobody(event: str, row_id: str) -> None:
    assert wake(record(event, row_id, SESSION, SESSION)) is None


@pytest.mark.parametrize("odd", [{}, {"dynamodb": {}}, {"dynamodb": {"Keys": {}}}])
def test_an_odd_record_is_an_error_that_the_caller_expects(odd: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        wake(odd)
