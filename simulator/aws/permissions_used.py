"""Keeps which permissions our roles were asked for, so that nothing spare can hide."""

from __future__ import annotations

import re
import threading
from typing import Any

from ministack.core import iam_evaluator

ONE_OF_MANY = re.compile("[0-9a-f]{24}")  # the ids that no two presses have in common
BOUNDED_BY = ("dynamodb:", "kms:", "lambda:", "iam:")

Conditions = tuple[tuple[str, str | tuple[str, ...]], ...]

_lock = threading.Lock()
_asked: dict[tuple[str, str, str, Conditions], bool] = {}
_evaluate = iam_evaluator.evaluate


def patch() -> None:
    iam_evaluator.evaluate = _remembering


def used() -> list[dict[str, Any]]:
    """Each permission once for each set of conditions, and whether it was ever allowed."""
    with _lock:
        return [
            {
                "role": role,
                "action": action,
                "resource": resource,
                "keys": {
                    key: value if isinstance(value, str) else list(value) for key, value in keys
                },
                "allowed": allowed,
            }
            for (role, action, resource, keys), allowed in sorted(_asked.items())
        ]


def _remembering(asked: Any, *policies: Any, **options: Any) -> Any:
    found = _evaluate(asked, *policies, **options)
    name = asked.principal_arn.split(":")[-1].split("/")[1:2]
    if name and "break-glass" in name[0]:
        keys = _conditions(asked.service_context)
        key = (name[0], asked.action, asked.resource_arn, keys)
        with _lock:  # the role's policies are evaluated, then the resource's own: either will do
            _asked[key] = _asked.get(key, False) or found.decision == "Allow"
    return found


def _of_any(value: Any) -> str:
    return ONE_OF_MANY.sub("0" * 24, str(value))


def _conditions(context: dict[str, Any]) -> Conditions:
    """Of a table and a key alone, and without what is different each time."""
    found = []
    for key, value in sorted(context.items()):
        if key.startswith(BOUNDED_BY) and value is not None:
            several = isinstance(value, list)
            values = sorted({_of_any(each) for each in (value if several else [value])})
            found.append((key, tuple(values) if several else values[0]))
    return tuple(found)
