"""What Chalice itself does not make or cannot say: queues, event sources, limits, logs, alarms.

Every function here is safe to repeat, leaves alone what is as it should be, and raises what boto3
raises.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from chalicelib.deploy.alarms import FUNCTIONS, alarms, dashboard, function_name
from chalicelib.deploy.patience import patiently
from chalicelib.domain.ask import OPEN as AN_ASK
from chalicelib.operations.log import NAMESPACE
from chalicelib.transport.errors import code_of

LOG_DAYS: Final = 90
DAY: Final = 24 * 3600
QUEUE: Final = {
    "VisibilityTimeout": "360",  # six times what the worker may take, as Lambda asks
    "MessageRetentionPeriod": str(4 * DAY),
}
# A message that failed five times is kept to be looked at; its session goes on by the sweep.
DEAD_LETTERS: Final = {"MessageRetentionPeriod": str(14 * DAY)}
MAX_RECEIVES: Final = 5


def ensure_queue(sqs: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """The URL of the queue, which is usable from then on, and `NAME-dlq` beside it.

    Safe to repeat: queues that are there are kept with what is in them, and get the attributes
    that they should have. `sqs` is boto3's client. Raises what boto3 raises.
    """
    dead_letters = _ensured(sqs, f"{name}-dlq", DEAD_LETTERS, sleep)
    redrive = {
        "deadLetterTargetArn": _arn(sqs, dead_letters, sleep),
        "maxReceiveCount": MAX_RECEIVES,
    }
    url = _ensured(sqs, name, QUEUE | {"RedrivePolicy": json.dumps(redrive)}, sleep)
    _arn(sqs, url, sleep)
    return url


# Event sources ------------------------------------------------------------------------------------

TOLD: Final = tuple(
    json.dumps(each, separators=(",", ":"))  # short, for a template has a length to keep to
    for each in (
        {"eventName": [name], "dynamodb": {"Keys": {"id": {"S": [{"prefix": prefix}]}}}}
        for name, prefix in (("INSERT", AN_ASK), ("REMOVE", "lease/"))
    )
)


SIDE_BY_SIDE: Final = 4  # batches of one shard; a row's own records stay in order
BESIDE_WORKERS: Final = SIDE_BY_SIDE + 4  # sweep, reconciliation, and two presses at once
FEWEST: Final = 2  # workers, by Lambda's own rule


def concurrency(client: Any) -> int:
    """How many functions the account lets run at once, where none has its own share."""
    return int(client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])


def fewer(most: int, limit: int) -> int:
    """So many workers that the route has room: a new account may run ten functions at once."""
    return max(FEWEST, min(most, limit - BESIDE_WORKERS))


def event_sources(dead_letters_arn: str) -> dict[str, dict[str, Any]]:
    """What chalice cannot say of the functions' event sources, by handler.

    A record that cannot be handled holds up its shard for an hour at the most and is kept as a
    dead letter; a batch says itself which of its records are to come again. Of all that is written
    to the table only what asks for a look comes to the stream's function: see records.wake. Rows
    are handled side by side, so that nobody's press waits while another's access is being ended.
    """
    report = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
    return {
        "stream": report
        | {
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 5,
            "ParallelizationFactor": SIDE_BY_SIDE,
            "MaximumRecordAgeInSeconds": 3600,
            "DestinationConfig": {"OnFailure": {"Destination": dead_letters_arn}},
            "FilterCriteria": {"Filters": [{"Pattern": each} for each in TOLD]},
        },
        "worker": report,
    }


def drift(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of `wanted` is not so in `found`: each key with what it is instead."""
    return {key: found.get(key) for key, value in wanted.items() if found.get(key) != value}


def tune_event_sources(client: Any, app: str, stage: str, dead_letters_arn: str) -> list[str]:
    """Has the event sources as they should be; says what it changed. `client` is Lambda's."""
    changed = []
    for handler, wanted in event_sources(dead_letters_arn).items():
        name = function_name(app, stage, handler)
        for found in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            if drift(found, wanted):
                ask = {"UUID": found["UUID"], **wanted}
                patiently(
                    partial(client.update_event_source_mapping, **ask),
                    (
                        client.exceptions.ResourceInUseException,  # it is still being made
                        client.exceptions.InvalidParameterValueException,  # so is the role
                    ),
                )
                changed.append(f"event source of {name}")
    return changed


def allow_loops(client: Any, app: str, stage: str) -> list[str]:
    """Has the worker's wake-ups go on: a long session's one goes from the queue to the worker and
    back, and Lambda stops what it takes for a runaway loop after 16 turns. `client` is Lambda's."""
    name = function_name(app, stage, "worker")
    try:
        if client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow":
            return []
        client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    except client.exceptions.ClientError as error:
        if code_of(error) not in UNKNOWN_CALL:
            raise
        return []  # a Region without loop detection needs none
    return [f"wake-ups of {name}"]


# The route ----------------------------------------------------------------------------------------

UNKNOWN_CALL: Final = ("UnknownOperationException", "InvalidAction")
ACCESS_LOG: Final = json.dumps(
    {
        "time": "$context.requestTime",
        "request": "$context.requestId",
        "ip": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "milliseconds": "$context.responseLatency",
    }
)
# Slack sends a request for each press. The bound keeps the bill small when strangers knock.
REQUESTS_PER_SECOND, BURST = 50, 100
PUSH_LOGS: Final = "arn:{}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
LOGS_ROLE: Final = "break-glass-api-gateway-logs"
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def guard_route(session: Any, api: str, api_stage: str, log_group_arn: str, name: str) -> list[str]:
    """Name, throttling and access logs of the route; says what it changed. `session` is boto3's.

    API Gateway writes logs only where the account names it a role for that, once for all APIs in
    the region: one that is there is left as it is.
    """
    client = session.client("apigateway")
    named = []
    if client.get_rest_api(restApiId=api)["name"] != name:  # one of before, told from no other
        operations = [{"op": "replace", "path": "/name", "value": name}]
        client.update_rest_api(restApiId=api, patchOperations=operations)
        named = ["name of the route's API"]
    stage = client.get_stage(restApiId=api, stageName=api_stage)
    limits = stage.get("methodSettings", {}).get("*/*", {})
    want = {
        "/*/*/throttling/rateLimit": (limits.get("throttlingRateLimit"), REQUESTS_PER_SECOND),
        "/*/*/throttling/burstLimit": (limits.get("throttlingBurstLimit"), BURST),
        "/accessLogSettings/destinationArn": (
            stage.get("accessLogSettings", {}).get("destinationArn"),
            log_group_arn,
        ),
        "/accessLogSettings/format": (
            stage.get("accessLogSettings", {}).get("format"),
            ACCESS_LOG,
        ),
    }
    patch = [
        {"op": "replace", "path": path, "value": str(wanted)}
        for path, (found, wanted) in want.items()
        if found != wanted
    ]
    if not patch:
        return named
    if not client.get_account().get("cloudwatchRoleArn"):
        _let_api_gateway_log(session, client)
    patiently(
        partial(client.update_stage, restApiId=api, stageName=api_stage, patchOperations=patch),
        client.exceptions.BadRequestException,  # nor is it that the account has one
        patience=30,
    )
    return [*named, "throttling and access log of the route"]


def _let_api_gateway_log(session: Any, client: Any) -> None:
    iam = session.client("iam")
    try:
        role = iam.create_role(RoleName=LOGS_ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=LOGS_ROLE)
    arn = role["Role"]["Arn"]
    iam.attach_role_policy(RoleName=LOGS_ROLE, PolicyArn=PUSH_LOGS.format(arn.split(":")[1]))
    operations = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]
    patiently(
        partial(client.update_account, patchOperations=operations),
        client.exceptions.BadRequestException,  # a new role is not known everywhere at once
    )


# Logs ---------------------------------------------------------------------------------------------


def log_groups(app: str, stage: str) -> list[str]:
    """Of the functions, and of the route. Made before they write, so they need not make them."""
    functions = [f"/aws/lambda/{function_name(app, stage, each)}" for each in FUNCTIONS]
    return [*functions, access_log_group(app, stage)]


def access_log_group(app: str, stage: str) -> str:
    return f"/aws/apigateway/{app}-{stage}"


def ensure_logs(client: Any, app: str, stage: str) -> None:
    """Has all log groups there, and what is in them go after LOG_DAYS. `client` is that of logs."""
    for name in log_groups(app, stage):
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=name)
        client.put_retention_policy(logGroupName=name, retentionInDays=LOG_DAYS)


# Alarms -------------------------------------------------------------------------------------------


def ensure_alarms(
    session: Any, app: str, stage: str, queue: str, alarm_to: str, figures: str = NAMESPACE
) -> list[str]:
    """Makes alarms and dashboard; says what they are. `alarm_to`: a topic's ARN, an e-mail or "".

    An e-mail gets a topic of its own, and has to be confirmed from the mail that AWS sends.
    """
    client = session.client("cloudwatch")
    targets = (_topic(session, app, stage, alarm_to),) if alarm_to else ()
    made = alarms(app, stage, queue, targets, figures)
    for alarm in made:
        client.put_metric_alarm(**alarm)
    body = dashboard(app, stage, queue, client.meta.region_name, figures)
    client.put_dashboard(DashboardName=f"{app}-{stage}", DashboardBody=body)
    return [f"{len(made)} alarms", f"dashboard {app}-{stage}"]


def _topic(session: Any, app: str, stage: str, alarm_to: str) -> str:
    if alarm_to.startswith("arn:"):
        return alarm_to
    client = session.client("sns")
    arn = str(client.create_topic(Name=f"{app}-{stage}-alarms")["TopicArn"])
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    known = {each["Endpoint"] for page in pages for each in page["Subscriptions"]}
    if alarm_to not in known:
        client.subscribe(TopicArn=arn, Protocol="email", Endpoint=alarm_to)
    return arn


# Below --------------------------------------------------------------------------------------------


def _ensured(
    sqs: Any, name: str, attributes: dict[str, str], sleep: Callable[[float], None]
) -> str:
    errors = sqs.exceptions
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    except errors.QueueDoesNotExist:
        create = {"QueueName": name, "Attributes": attributes}
        url = patiently(
            lambda: sqs.create_queue(**create)["QueueUrl"], errors.QueueDeletedRecently, sleep
        )
    return str(url)


def _arn(sqs: Any, url: str, sleep: Callable[[float], None]) -> str:
    """The queue's ARN. A new queue may not answer for a second: so this also waits for it."""

    def ask() -> str:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    return patiently(ask, sqs.exceptions.QueueDoesNotExist, sleep)
