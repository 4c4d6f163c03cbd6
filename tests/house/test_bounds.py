"""Who may only ask may write asks: ids, and attribute by attribute what an ask has."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb import table as dynamodb
from chalicelib.domain import rows
from chalicelib.domain.ask import Ask
from chalicelib.domain.session import Noted, Session
from simulator.aws.conditions import keys_of
from tests.support.policies import TABLE, allowed, policy

NOW = datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)
ID = "0123456789abcdef01234567"


def full(kind: Any, **more: Any) -> Any:
    """One with a value in every field."""
    by_type: dict[str, Any] = {
        "str": "x",
        "int": 7,
        "float": 7.5,
        "datetime | None": NOW,
        "datetime": NOW,
        "float | None": 7.5,
        "timedelta": timedelta(minutes=7),
        "tuple": ("x",),
        "bool": True,
    }
    values = {f.name: by_type[_type(f.type)] for f in fields(kind) if _type(f.type) in by_type}
    return kind(**{**values, **more})


def _type(said: Any) -> str:
    return getattr(said, "__name__", str(said)).replace("datetime.", "")


def written(row: dynamodb.Row) -> list[str]:
    return [name for name, value in row.attribute_values.items() if value is not None]


SESSION = full(Session, id=f"bg-{ID}")
ASK = full(Ask, id=f"end-{ID}")
FRESH = {name: getattr(Ask.__dataclass_fields__[name], "default", "") for name in (
    "outcome", "decided_at", "decided_look", "deadline_before", "deadline_after", "state_then",
    "owed", "tell_at", "tell_tries", "version", "person", "glass", "account_id", "account_name",
    "reason",
)}  # fmt: skip
NOTED = full(Noted, access=SESSION.access)
WRITTEN = {
    "api_handler": {"WriteAsks": rows.of_break(SESSION).keys()
                    | rows.of_ask(ASK.with_(**FRESH)).keys()},
    "reconcile": {
        "WriteAsks": rows.of_found(SESSION).keys(),
        "WriteNotes": {*written(dynamodb.note_row(NOTED)),
                       *written(dynamodb.note_row(NOTED.with_(gone_at=None)))},
        "WriteDoors": written(dynamodb.lock_row(SESSION)),
    },
}  # fmt: skip


def statement(handler: str, sid: str) -> dict[str, Any]:
    (found,) = (each for each in policy(handler)["Statement"] if each["Sid"] == sid)
    return dict(found)


@pytest.mark.parametrize(
    ("handler", "sid"), [(handler, sid) for handler in WRITTEN for sid in WRITTEN[handler]]
)
def test_the_attributes_that_may_be_written_are_those_that_are(handler: str, sid: str) -> None:
    named = statement(handler, sid)["Condition"]["ForAllValues:StringEquals"]
    assert named["dynamodb:Attributes"] == sorted(WRITTEN[handler][sid])


def test_nothing_that_moves_a_session_may_be_written_by_who_may_only_ask() -> None:
    moves = {"state", "live_access", "standing", "deadline", "ttl", "busy_until", "grant_call",
             "revoke_call", "email", "duration", "report_to", "outcome", "decided_at"}  # fmt: skip
    for sid in WRITTEN["reconcile"]:
        if sid != "WriteNotes":  # a note has an e-mail, and moves nothing
            assert not moves & set(WRITTEN["reconcile"][sid])
    assert not moves & set(WRITTEN["api_handler"]["WriteAsks"])


@pytest.mark.parametrize(("handler", "row_id", "may"), [
    ("api_handler", "ask/bg-1", True),
    ("api_handler", "ask/end-1", True),
    ("api_handler", "ask/extend-1", True),
    ("api_handler", "ask/reason-1", True),
    ("api_handler", "ask/found-1", False),
    ("api_handler", "bg-1", False),
    ("api_handler", "asked/end-1", False),
    ("api_handler", "door/1/2/3", False),
    ("api_handler", "lease/bg-1", False),
    ("api_handler", "assignment/1/2/3", False),
    ("api_handler", "kept/identity-center", False),
    ("api_handler", "oncall/S0ONCALL", False),
    ("api_handler", "report/bg-1/1", False),
    ("reconcile", "ask/found-1", True),
    ("reconcile", "ask/bg-1", False),
    ("reconcile", "ask/end-1", False),
    ("reconcile", "assignment/1/2/3", True),
    ("reconcile", "door/1/2/3", True),
    ("reconcile", "lease/bg-1", False),
    ("reconcile", "bg-1", False),
    ("reconcile", "asked/end-1", False),
    ("reconcile", "kept/identity-center", False),
    ("reconcile", "oncall/S0ONCALL", False),
])  # fmt: skip
def test_a_role_that_only_asks_puts_rows_of_these_ids_alone(
    handler: str, row_id: str, may: bool
) -> None:
    item = {"Item": {"id": {"S": row_id}}}
    assert allowed(policy(handler), "dynamodb:PutItem", TABLE, keys_of(item)) is may


@pytest.mark.parametrize(("row_id", "may"), [
    ("door/1/2/3", True), ("lease/bg-1", True), ("bg-1", False), ("ask/bg-1", False),
    ("ask/found-1", False), ("asked/end-1", False), ("assignment/1/2/3", False),
])  # fmt: skip
def test_reconciliation_deletes_locks_and_leases_alone(row_id: str, may: bool) -> None:
    keys = keys_of({"Key": {"id": {"S": row_id}}})
    assert allowed(policy("reconcile"), "dynamodb:DeleteItem", TABLE, keys) is may


@pytest.mark.parametrize("handler", WRITTEN)
@pytest.mark.parametrize("action", ["PutItem", "DeleteItem", "ConditionCheckItem"])
def test_a_request_that_names_no_key_is_not_allowed_for_want_of_one(
    handler: str, action: str
) -> None:
    assert not allowed(policy(handler), f"dynamodb:{action}", TABLE)


@pytest.mark.parametrize("wanted", ["ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_the_route_reads_nothing_back_of_what_it_writes(wanted: str) -> None:
    item = {"Item": {"id": {"S": "ask/bg-1"}}}
    assert allowed(
        policy("api_handler"), "dynamodb:PutItem", TABLE, keys_of({**item, "ReturnValues": "NONE"})
    )
    keys = keys_of({**item, "ReturnValues": wanted})
    assert not allowed(policy("api_handler"), "dynamodb:PutItem", TABLE, keys)


@pytest.mark.parametrize("action", [
    "GetItem", "Query", "Scan", "BatchGetItem", "UpdateItem", "DeleteItem", "ConditionCheckItem",
    "BatchWriteItem", "PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete",
])  # fmt: skip
@pytest.mark.parametrize("resource", [TABLE, f"{TABLE}/index/by-person"])
def test_the_route_may_do_nothing_else_with_the_table(action: str, resource: str) -> None:
    keys = keys_of({"Key": {"id": {"S": "ask/bg-1"}}})
    assert not allowed(policy("api_handler"), f"dynamodb:{action}", resource, keys)
