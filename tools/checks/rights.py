"""Whether each function may do what it must: its role asked by simulation, before it needs it.

What a function must do is what the policy says that ships with it, on the things that the settings
name. So a role that was changed, a policy that names another table, a permissions boundary and an
organisation's service control policy show here, and not at the first press.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.deploy.alarms import FUNCTIONS
from chalicelib.deploy.stages import fitted
from tools import _project
from tools.checks.patient import AGAIN, BAD, OK, Finding, Patient

ANY = "x"  # stands for whatever a policy does not say; no name of ours
SET = ("ForAllValues", "ForAnyValue")


def rights(patient: Patient) -> Iterator[Finding]:
    functions, iam = patient.aws("lambda"), patient.aws("iam")
    for handler in FUNCTIONS:
        name = patient.deployed.functions.get(handler, "?")
        role = functions.get_function_configuration(FunctionName=name)["Role"]
        asked, lacks = 0, []
        for actions, resources, context in needs(patient, handler, name):
            pages = iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=role,
                ActionNames=actions,
                ResourceArns=resources,
                ContextEntries=context,
            )
            for each in [each for page in pages for each in page["EvaluationResults"]]:
                for where, decision in _judged(each):
                    asked += 1
                    if decision != "allowed":
                        lacks.append(f"{each['EvalActionName']} on {where}{_why(each)}")
        if lacks:
            said = f"{name} may not {'; '.join(lacks[:3])}"
            said += f" and {len(lacks) - 3} more" if len(lacks) > 3 else ""
            yield Finding(BAD, said, f"{AGAIN}; what an organisation forbids it has to allow")
        else:
            yield Finding(OK, f"{name} may do all that it must: {asked} rights")


# Of a statement about several kinds of things, those that an action is not asked about.
NOT_OF = {
    "identitystore:GetUserId": ("group", "membership"),
    "identitystore:DescribeUser": ("group", "membership"),
    "identitystore:GetGroupId": ("user", "membership"),
}
Need = tuple[list[str], list[str], list[dict[str, Any]]]  # actions, resources, context


def needs(patient: Patient, handler: str, function: str) -> Iterator[Need]:
    """What the function's policy allows, statement by statement, as requests would name it."""
    file = _policy_file(patient.stage, handler)
    shipped = json.loads((_project.project() / ".chalice" / file).read_text())
    policy = fitted(shipped, patient.stage, patient.settings)
    for statement in policy["Statement"]:
        resources = {
            named: None
            for resource in _listed(statement["Resource"])
            for named in _named(patient, resource, function)
        }
        context = _context(statement.get("Condition", {}))
        of_kinds: dict[tuple[str, ...], list[str]] = {}
        for action in _listed(statement["Action"]):
            fits = tuple(each for each in resources if _kind(each) not in NOT_OF.get(action, ()))
            of_kinds.setdefault(fits, []).append(action)
        for fits, actions in of_kinds.items():
            yield actions, list(fits), context


def _policy_file(stage: str, handler: str) -> str:
    config = _project.config()
    own = config.get("stages", {}).get(stage, {}).get("lambda_functions", {}).get(handler, {})
    whole = config["lambda_functions"][handler]
    return str(own.get("iam_policy_file", whole["iam_policy_file"]))


def _named(patient: Patient, pattern: str, function: str) -> list[str]:
    """What of the pattern's kind there will be asked for: the glasses' own, where it is theirs."""
    if not pattern.startswith("arn:"):
        return [pattern]
    arn, _, service, region, account, name = pattern.split(":", 5)
    if service == "sso":
        return _of_the_glasses(patient, name.partition("/")[0])
    ours = patient.aws("sqs").meta.region_name
    region, account = region.replace("*", ours), account.replace("*", patient.account)
    if "/aws/lambda/" in name:
        name = f"log-group:/aws/lambda/{function}:log-stream:{ANY}"
    name = name.replace("*", ANY)
    return [":".join((arn, patient.partition, service, region, account, name))]


def _of_the_glasses(patient: Patient, kind: str) -> list[str]:
    glasses = patient.settings.glasses.values()
    if kind == "instance":
        return [patient.instance[0]]
    if kind == "account":
        return [f"arn:{patient.partition}:sso:::account/{glass.account_id}" for glass in glasses]
    found = [patient.permission_set(glass.permission_set) for glass in glasses]
    return [each.arn for each in found if each]


def _context(conditions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What a request has about it that meets the conditions."""
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": [each.replace("*", ANY) for each in _listed(values)],
            "ContextKeyType": "stringList" if operator.startswith(SET) else "string",
        }
        for operator, bounds in conditions.items()
        if operator != "Null"
        for key, values in bounds.items()
    ]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _kind(arn: str) -> str:
    return arn.split(":", 5)[-1].partition("/")[0]


def _judged(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Each resource with its decision: AWS has them beside one another, or within one answer."""
    within = found.get("ResourceSpecificResults") or []
    alone = [(found.get("EvalResourceName", "*"), found["EvalDecision"])]
    return [(each["EvalResourceName"], each["EvalResourceDecision"]) for each in within] or alone


def _why(found: dict[str, Any]) -> str:
    if found.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        return " (the organisation forbids it)"
    bounds = found.get("PermissionsBoundaryDecisionDetail", {})
    if bounds.get("AllowedByPermissionsBoundary") is False:
        return " (the role's permissions boundary does not allow it)"
    return ""
