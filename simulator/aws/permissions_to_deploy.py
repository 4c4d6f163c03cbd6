"""Gap: under AUTH=true MiniStack asks less of whoever deploys than AWS does.

- Of Lambda's actions it knows the frequent ones alone, and lets others pass unchecked: an event
  source that is changed or removed, the account's settings, the detection of loops.
- Whoever gives a role to a function, or to API Gateway for its logs, has to be allowed to pass it
  (iam:PassRole), and whoever makes a function with tags to tag it.
- A rule of the default event bus has an ARN without the bus, and a dashboard has one without a
  Region; MiniStack puts the bus in, and knows none for dashboards.
- `lambda:FunctionArn` and `iam:PolicyARN` are keys that conditions may ask for.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

PASSED = "simulator:PassedRole"
TAGGED = "simulator:Tagged"
_NAMED_OTHERWISE = {"Invoke": "InvokeFunction", "InvokeAsync": "InvokeFunction"}
_PASSED_TO = {"lambda": "lambda.amazonaws.com", "apigateway": "apigateway.amazonaws.com"}

_resource_arn = iam_actions.extract_resource_arn
_tags = iam_actions.request_tag_context
_enforce = iam_evaluator.enforce


def patch() -> None:
    global _resource_arn, _enforce  # with what others have patched
    _resource_arn, _enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
    iam_actions._lambda_action = _lambda_action
    iam_actions.extract_resource_arn = _arn
    iam_actions.request_tag_context = _context
    iam_evaluator.enforce = _enforced


def _lambda_action(method: str, path: str) -> str | None:
    found = iam_actions._match_rest_action("lambda", method, path)
    return _NAMED_OTHERWISE.get(found or "", found)


def _arn(service: str, *request: Any) -> str:
    arn = str(_resource_arn(service, *request))
    _, _, _, body, params, region, account_id = request
    if service == "events":
        rule = arn.replace(":rule/default/", ":rule/")
        name = _told(body).get("Rule", "")  # of its targets
        return f"arn:aws:events:{region}:{account_id}:rule/{name}" if name else rule
    if arn != "*":
        return arn
    if service == "monitoring" and (name := iam_actions._param(body, params, "DashboardName")):
        return f"arn:aws:cloudwatch::{account_id}:dashboard/{name}"
    told = _told(body)
    if service == "lambda" and told.get("Code") and (name := told.get("FunctionName")):
        return _function_arn(name)  # one that is being made
    return arn


def _context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    """The conditions' keys of a request, and what else it asks to be allowed."""
    found: dict[str, Any] = dict(_tags(service, action, body, params))
    told, role = _told(body), ""
    if service == "lambda":
        role = told.get("Role", "")
        if function := told.get("FunctionName"):
            found["lambda:FunctionArn"] = _function_arn(function)
        if action == "lambda:CreateFunction" and told.get("Tags"):
            found[TAGGED] = function
    elif service == "iam" and (policy := iam_actions._query_param(params, "PolicyArn")):
        found["iam:PolicyARN"] = policy
    elif service == "apigateway":
        changes = {each["path"]: each.get("value") for each in told.get("patchOperations", [])}
        role = changes.get("/cloudwatchRoleArn", "")
    return found | {PASSED: role} if role else found


def _enforced(
    key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    context = dict(service_context or {})
    role, tagged = context.pop(PASSED, ""), context.pop(TAGGED, "")
    if ":event-source-mapping:" in resource_arn:
        mapping = lambda_svc._esms.get(resource_arn.rpartition(":")[2])
        context["lambda:FunctionArn"] = mapping["FunctionArn"] if mapping else None
    asked: dict[str, Any] = {"resource_arn": resource_arn, "service_context": context}
    denied = _enforce(key, action, service, region, **asked)  # an item's ARN has its conditions
    if role and not denied:
        to = {"iam:PassedToService": _PASSED_TO[service]}
        denied = _enforce(key, "iam:PassRole", "iam", region, role, to)
    if tagged and not denied:
        denied = _enforce(
            key, "lambda:TagResource", service, region, _function_arn(tagged), context
        )
    return denied


def _told(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _function_arn(name: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
