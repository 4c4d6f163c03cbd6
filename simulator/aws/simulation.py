"""Gap: MiniStack's SimulatePrincipalPolicy looks at one resource and at no context.

So what is bounded by a condition seems refused, and of several resources only the first is looked
at. AWS judges every action on every resource, with the context that is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

_evaluate = iam_evaluator.evaluate  # before `permissions_used`, which keeps what was really asked
_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


def patch() -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = _simulated


def _simulated(asked: dict[str, Any]) -> Any:
    arn = iam._p(asked, "PolicySourceArn")
    name = arn.rpartition("/")[2]
    account = get_account_id()
    if ":role/" not in arn or name not in iam._roles:
        return iam._error(404, "NoSuchEntity", f"The role {name} cannot be found.", ns="iam")
    policies = iam_evaluator._gather_role_policies(name, account)
    context = {key.lower(): value for key, value in _context(asked)}
    results = "".join(
        f"<member><EvalActionName>{action}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{_decision(arn, account, policies, action, resource, context)}"
        "</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for action in _members(asked, "ActionNames")
        for resource in list(_members(asked, "ResourceArns")) or ["*"]
    )
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _decision(arn: str, account: str, policies: Any, action: str, resource: str,
              context: dict[str, Any]) -> str:  # fmt: skip
    asked = iam_evaluator.EvalContext(
        principal_arn=arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=context,
        principal_keys={},
    )
    found = _evaluate(asked, policies)
    return _DECISIONS.get(found.decision, "implicitDeny")


def _members(asked: dict[str, Any], name: str) -> Iterator[str]:
    number = 1
    while value := iam._p(asked, f"{name}.member.{number}"):
        yield value
        number += 1


def _context(asked: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    number = 1
    while key := iam._p(asked, f"ContextEntries.member.{number}.ContextKeyName"):
        values = list(_members(asked, f"ContextEntries.member.{number}.ContextKeyValues"))
        kind = iam._p(asked, f"ContextEntries.member.{number}.ContextKeyType")
        yield key, values if kind.endswith("List") else (values or [""])[0]
        number += 1
