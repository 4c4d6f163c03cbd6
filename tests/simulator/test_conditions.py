"""The local AWS bounds what is done to a table by AWS's conditions, read as AWS reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ministack.core import iam_evaluator

from simulator.aws import conditions
from simulator.aws.conditions import keys_of

KEYS, NAMES, RETURNS = "dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:ReturnValues"
ROW = {"id": {"S": "ask/bg-1"}}


@pytest.mark.parametrize(
    ("asked", "keys", "names"),
    [
        ({"Item": ROW | {"state": {"S": "ACTIVE"}}}, ["ask/bg-1"], ["id", "state"]),
        ({"Key": ROW, "AttributesToGet": ["ttl"]}, ["ask/bg-1"], ["id", "ttl"]),
        (
            {
                "Key": ROW,
                "UpdateExpression": "SET #0 = :a, steps[1].at = if_not_exists (tries, :b) ADD n :c",
                "ConditionExpression": "attribute_exists(deadline) AND NOT #1 BETWEEN :a AND :b",
                "ExpressionAttributeNames": {"#0": "standing", "#1": "version"},
            },
            ["ask/bg-1"],
            ["deadline", "id", "n", "standing", "steps", "tries", "version"],
        ),
        ({"Key": ROW, "AttributeUpdates": {"state": {}}}, ["ask/bg-1"], ["id", "state"]),
        (
            {
                "KeyConditionExpression": "#0 = :0 AND asked_at > :1",
                "ExpressionAttributeNames": {"#0": "person"},
                "ExpressionAttributeValues": {":0": {"S": "ann"}, ":1": {"S": "0"}},
            },
            ["ann"],
            ["asked_at", "person"],
        ),
        (
            {"RequestItems": {"t": {"Keys": [ROW, {"id": {"S": "bg-2"}}]}}},
            ["ask/bg-1", "bg-2"],
            None,
        ),
        (
            {"RequestItems": {"t": [{"PutRequest": {"Item": ROW}},
                                    {"DeleteRequest": {"Key": {"id": {"S": "bg-2"}}}}]}},
            ["ask/bg-1", "bg-2"],
            None,
        ),
        ({"TableName": "t"}, None, None),
    ],
)  # fmt: skip
def test_a_request_names_its_keys_and_attributes(
    asked: dict[str, Any], keys: list[str] | None, names: list[str] | None
) -> None:
    assert (keys_of(asked).get(KEYS), keys_of(asked).get(NAMES)) == (keys, names)


def test_what_it_wants_back_is_a_condition_where_it_says_so() -> None:
    assert keys_of({"Item": ROW, "ReturnValues": "ALL_OLD"})[RETURNS] == "ALL_OLD"
    assert RETURNS not in keys_of({"Item": ROW})


def test_each_item_of_a_transaction_is_judged_by_itself() -> None:
    body = {
        "TransactItems": [
            {"Put": {"TableName": "t", "Item": ROW}},
            {"Delete": {"TableName": "t", "Key": {"id": {"S": "door/1"}}}},
            {"ConditionCheck": {"TableName": "t", "Key": {"id": {"S": "bg-3"}}}},
        ]
    }
    checks = conditions._checks("dynamodb:TransactWriteItems", json.dumps(body).encode(), "r", "1")
    found = [(action, keys[KEYS]) for action, arn in checks if (keys := arn.keys)]  # type: ignore[attr-defined]
    assert found == [
        ("dynamodb:PutItem", ["ask/bg-1"]),
        ("dynamodb:DeleteItem", ["door/1"]),
        ("dynamodb:ConditionCheckItem", ["bg-3"]),
    ]


@pytest.mark.parametrize(
    ("operator", "said", "named", "fits"),
    [
        ("ForAllValues:StringLike", ["ask/a", "ask/b"], ["ask/*"], True),
        ("ForAllValues:StringLike", ["ask/a", "bg-b"], ["ask/*"], False),
        ("ForAllValues:StringLike", None, ["ask/*"], True),  # so a policy asks Null as well
        ("ForAllValues:StringLike", ["ask/a\nb"], ["ask/*"], True),
        ("ForAllValues:StringLike", ["ask/a\n"], ["ask/a"], False),
        ("ForAllValues:StringEquals", ["id", "State"], ["id", "state"], False),
        ("Null", None, ["false"], False),
        ("Null", ["id"], ["false"], True),
        ("StringEqualsIfExists", None, ["NONE"], True),
        ("StringEqualsIfExists", "NONE", ["NONE"], True),
        ("StringEqualsIfExists", "ALL_OLD", ["NONE"], False),
    ],
)
def test_a_condition_is_read_as_aws_reads_it(
    operator: str,
    said: Any,
    named: list[str],
    fits: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(iam_evaluator, "_fnmatch_compile", conditions._pattern)
    assert iam_evaluator._evaluate_single_condition(operator, said, named) is fits
