"""Gap: MiniStack knows few of the conditions by which a policy can bound what is done to a table.

As AWS has them, of each request, and of each item of a transaction by itself:

- dynamodb:LeadingKeys, the partition keys that it names; of a scan there are none, and the key is
  not there at all.
- dynamodb:Attributes, every attribute that it names: those of an item that is put, and those of
  each expression and of each older parameter.
- dynamodb:ReturnValues, where the request says it.

And in a pattern `*` stands for a line's end too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator

KEY = "id"  # the partition key of the app's table
ITEMS = ("Item", "Key", "AttributeUpdates", "Expected", "ScanFilter", "QueryFilter",
         "KeyConditions", "ExclusiveStartKey")  # fmt: skip
EXPRESSIONS = ("ConditionExpression", "UpdateExpression", "ProjectionExpression",
               "KeyConditionExpression", "FilterExpression")  # fmt: skip
WORDS = {"AND", "OR", "NOT", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "DELETE"}
NAME = re.compile(r"(?<![:.\w#])(?:#\w++|[A-Za-z_]\w*+)(?!\s*\()")  # no :value, path or function

_service_context = iam_actions.dynamodb_service_context
_transaction_checks = iam_actions.dynamodb_transaction_checks
_enforce = iam_evaluator.enforce


def patch() -> None:
    iam_actions.dynamodb_service_context = _context
    iam_actions.dynamodb_transaction_checks = _checks
    iam_evaluator.enforce = _enforced
    iam_evaluator._fnmatch_compile = _pattern


class OfItem(str):
    """An ARN to be checked, with the conditions of the one item that is checked by it."""

    keys: Mapping[str, Any]


def keys_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The condition keys of one request, or of one item of a transaction."""
    found: dict[str, Any] = {}
    if leading := list(dict.fromkeys(_leading(asked))):
        found["dynamodb:LeadingKeys"] = leading
    if attributes := sorted({*_attributes(asked)}):
        found["dynamodb:Attributes"] = attributes
    if isinstance(asked.get("ReturnValues"), str):
        found["dynamodb:ReturnValues"] = asked["ReturnValues"]
    return found


def _context(body: bytes) -> dict[str, Any]:
    return {**_service_context(body), **keys_of(_read(body))}


def _checks(iam_action: str, body: bytes, region: str, account_id: str) -> list[tuple[str, str]]:
    """As MiniStack has them, one for each item in turn; each with its own conditions."""
    checks = _transaction_checks(iam_action, body, region, account_id)
    items = _read(body).get("TransactItems") or []
    members = iam_actions._DYNAMODB_TRANSACT_ITEM_ACTIONS
    named = [
        item[member]
        for item in items
        for member in members
        if isinstance(item, dict) and isinstance(item.get(member), dict)
        if item[member].get("TableName")
    ]
    found = []
    for (action, arn), item in zip(checks, named, strict=True):
        checked = OfItem(arn)
        checked.keys = keys_of(item)
        found.append((action, checked))
    return found


def _enforced(*args: Any, **asked: Any) -> Any:
    arn = asked.get("resource_arn")
    if isinstance(arn, OfItem):
        asked["service_context"] = {**(asked.get("service_context") or {}), **arn.keys}
    return _enforce(*args, **asked)


def _read(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _leading(asked: Mapping[str, Any]) -> Iterator[str]:
    yield from _key_of(asked.get("Item"))
    yield from _key_of(asked.get("Key"))
    yield from _queried(asked)
    for requests in _parts(asked.get("RequestItems")):
        for each in requests if isinstance(requests, list) else requests.get("Keys", ()):
            put = (each.get("PutRequest") or {}).get("Item")
            deleted = (each.get("DeleteRequest") or {}).get("Key")
            yield from _key_of(put or deleted or each)


def _key_of(item: Any) -> Iterator[str]:
    value = item.get(KEY) if isinstance(item, dict) else None
    if isinstance(value, dict) and isinstance(value.get("S"), str):
        yield value["S"]


def _queried(asked: Mapping[str, Any]) -> Iterator[str]:
    """A query names one partition, with `=`; an index has a key of its own."""
    said = asked.get("KeyConditionExpression")
    found = re.search(r"=\s*(:\w+)", said) if isinstance(said, str) else None
    values = asked.get("ExpressionAttributeValues")
    value = values.get(found[1]) if found and isinstance(values, dict) else None
    if isinstance(value, dict) and isinstance(value.get("S"), str):
        yield value["S"]


def _attributes(asked: Mapping[str, Any]) -> Iterator[str]:
    names = asked.get("ExpressionAttributeNames")
    names = names if isinstance(names, dict) else {}
    for part in ITEMS:
        yield from asked[part] if isinstance(asked.get(part), dict) else ()
    for name in asked.get("AttributesToGet") or ():
        yield str(name)
    for expression in EXPRESSIONS:
        said = asked.get(expression)
        for name in NAME.findall(said) if isinstance(said, str) else ():
            if name.upper() not in WORDS:
                yield str(names.get(name, name))


def _parts(value: Any) -> Iterable[Any]:
    found = value.values() if isinstance(value, dict) else ()
    return [each for each in found if isinstance(each, list | dict)]


def _pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    said = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    return re.compile(rf"{said}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
