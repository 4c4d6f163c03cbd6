"""Keeps which permissions the functions' roles were asked for, so that nothing spare can hide."""

from __future__ import annotations

import threading
from typing import Any

from ministack.core import iam_evaluator

_lock = threading.Lock()
_asked: dict[tuple[str, str, str], bool] = {}
_evaluate = iam_evaluator.evaluate


def patch() -> None:
    iam_evaluator.evaluate = _remembering


def used() -> list[dict[str, Any]]:
    """Each permission once, and whether it was ever allowed."""
    with _lock:
        return [
            {"role": role, "action": action, "resource": resource, "allowed": allowed}
            for (role, action, resource), allowed in sorted(_asked.items())
        ]


def _remembering(asked: Any, *policies: Any, **options: Any) -> Any:
    found = _evaluate(asked, *policies, **options)
    name = asked.principal_arn.split(":")[-1].split("/")[1:2]
    if name and name[0].startswith("break-glass"):
        key = (name[0], asked.action, asked.resource_arn)
        with _lock:  # the role's policies are evaluated, then the resource's own: either will do
            _asked[key] = _asked.get(key, False) or found.decision == "Allow"
    return found
