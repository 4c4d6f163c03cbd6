"""Gap: under AUTH=true MiniStack lets some things pass that AWS asks permission for.

- SendEmail of SES v2 is checked on "*"; AWS checks the sender's identity.
- A mail with attachments is a raw one underneath, and permissions are checked underneath: so for
  that AWS is taken to ask for SendRawEmail too.
- StartQuery is checked on "*" where the log group stands in logGroupNames or logGroupIdentifiers;
  AWS checks the log group.
- Lambda itself reads queues and streams with the function's role: AWS refuses the event source
  mapping of a role that may not, MiniStack polls all the same.
- A function writes its log with its role; without the permission there is no log.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import lambda_svc, ses_v2

_READS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": (
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",  # Lambda's developer guide names it among those that it needs
    ),
}
_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")

_resource_arn = iam_actions.extract_resource_arn
_ses_arn = iam_actions._ses_v2_resource_arn
_enforce_mail = app._enforce_ses_v2
_create_mapping = lambda_svc._create_esm
_write_log = lambda_svc._emit_lambda_logs


def patch() -> None:
    iam_actions.extract_resource_arn = _log_group_or_other_arn
    iam_actions._ses_v2_resource_arn = _sender_arn
    if app.AUTH:
        app._enforce_ses_v2 = _mail_allowed
        lambda_svc._create_esm = _create_allowed_mapping
        lambda_svc._emit_lambda_logs = _write_allowed_log


def _sender_arn(method: str, path: str, body: bytes, region: str, account_id: str) -> str:
    if method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
        sender = iam_actions._safe_json_field(body, "FromEmailAddress")
        address = sender.rpartition("<")[2].rstrip(">").strip()
        known = address in ses_v2._identities
        name = address if known else address.rpartition("@")[2]
        return f"arn:aws:ses:{region}:{account_id}:identity/{name}"
    return str(_ses_arn(method, path, body, region, account_id))


def _mail_allowed(
    method: str, path: str, headers: dict, body: bytes, query: dict, request_id: str
) -> Any:
    denied = _enforce_mail(method, path, headers, body, query, request_id)
    if denied or not (method == "POST" and path.rstrip("/").endswith("/outbound-emails")):
        return denied
    if not json.loads(body).get("Content", {}).get("Simple", {}).get("Attachments"):
        return None
    arn = _sender_arn(method, path, body, get_region(), get_account_id())
    ask = {"resource_arn": arn, "named_resource": arn}
    return app._enforce_data_plane("sesv2", "ses:SendRawEmail", headers, query, request_id, **ask)


def _log_group_or_other_arn(service: str, *request: Any) -> str:
    """The groups of one query are checked by the first: the app asks one at a time."""
    arn = str(_resource_arn(service, *request))
    _, _, headers, body, _, region, account_id = request
    if service != "logs" or arn != "*" or "StartQuery" not in headers.get("x-amz-target", ""):
        return arn
    ask = json.loads(body)
    groups = [*ask.get("logGroupIdentifiers", []), *ask.get("logGroupNames", [])]
    if not groups:
        return arn
    if groups[0].startswith("arn:"):
        return str(groups[0])
    return f"arn:aws:logs:{region}:{account_id}:log-group:{groups[0]}"


def _create_allowed_mapping(data: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    source = data.get("EventSourceArn", "")
    name = lambda_svc._resolve_name(data.get("FunctionName", ""))
    function = lambda_svc._functions.get(name)
    if function:
        for action in _READS.get(source.split(":")[2] if source.count(":") > 2 else "", ()):
            if not role_may(function["config"]["Role"], action, source):
                message = (
                    "The provided execution role does not have permissions to call "
                    f"{action.partition(':')[2]} on {action.partition(':')[0].upper()}"
                )
                return error_response_json("InvalidParameterValueException", message, 400)
    return _create_mapping(data)


def _write_allowed_log(function: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    config = function.get("config") or function
    group = f"/aws/lambda/{config.get('FunctionName')}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
    if all(role_may(config.get("Role", ""), action, arn) for action in _LOGS):
        _write_log(function, *args, **kwargs)


def role_may(role_arn: str, action: str, resource: str) -> bool:
    account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    evaluate: Callable[..., Any] = iam_evaluator.evaluate
    asked = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={},
        principal_keys={},
    )
    return evaluate(asked, iam_evaluator._gather_role_policies(role, account)).decision == "Allow"
