"""The functions' IAM policies as they ship, and how the local AWS judges by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from simulator.world import ROOT

POLICIES = {
    "api_handler": "slack",
    "stream": "stream",
    "worker": "worker",
    "sweep": "sweep",
    "reconcile": "reconcile",
}
TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/break-glass"

Policy = dict[str, Any]


def policy(handler: str) -> Policy:
    file = ROOT / ".chalice" / f"policy-{POLICIES[handler]}.json"
    found: Policy = json.loads(file.read_text())
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    return _listed(statement["Action"])


def resources(statement: dict[str, Any]) -> list[str]:
    return _listed(statement["Resource"])


def kind_of(arn: str) -> tuple[str, str]:
    """Service, and the first word of what is named: (`dynamodb`, `table`)."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn, ""
    name = parts[5].split("/")[0].split(":")[0]
    return parts[2], "" if parts[2] in ("sqs", "sns") else name


def each_less(whole: Policy) -> Iterator[tuple[str, Policy]]:
    """The policy without one action, one resource, one kind of row; and what that was."""
    for number, statement in enumerate(whole["Statement"]):
        for action in actions(statement):
            without = deepcopy(whole)
            without["Statement"][number]["Action"] = [a for a in actions(statement) if a != action]
            yield f"{statement['Sid']}: {action}", without
        for resource in resources(statement):
            without = deepcopy(whole)
            rest = [r for r in resources(statement) if r != resource]
            without["Statement"][number]["Resource"] = rest
            yield f"{statement['Sid']}: {resource}", without
        for key in _rows(statement):
            without = deepcopy(whole)
            _rows(without["Statement"][number]).remove(key)
            yield f"{statement['Sid']}: {key}", without


def _rows(statement: dict[str, Any]) -> list[str]:
    """The ids that a statement is about."""
    bounds = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
    found: list[str] = bounds.get("dynamodb:LeadingKeys", [])
    return found


def allowed(
    document: Policy, action: str, resource: str, keys: dict[str, Any] | None = None
) -> bool:
    """As the local AWS judges, which enforces the same; `keys` are the conditions' of a request."""
    from ministack.core import iam_evaluator

    asked = iam_evaluator.EvalContext(
        principal_arn="arn:aws:iam::000000000000:role/r",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action=action,
        resource_arn=resource,
        region="us-east-1",
        service_context={key.lower(): value for key, value in (keys or {}).items()},
        principal_keys={},
    )
    kept = [s for s in document["Statement"] if s["Action"] and s["Resource"]]
    parsed = iam_evaluator.parse_policy_document({**document, "Statement": kept})
    return bool(iam_evaluator.evaluate(asked, [parsed]).decision == "Allow")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
