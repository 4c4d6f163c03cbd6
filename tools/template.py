"""The other road, for teams that deploy by CloudFormation: what `chalice package` lacks, to merge.

    python -m tools template --stage prod
    chalice package --stage prod --merge-template .chalice/merge-prod.json out

Chalice's own template has the functions, their roles and the route. This adds table, queues, event
sources as they should be, log groups, limits, alarms and the dashboard, from the same definitions
that `chalice deploy` uses. Choose one road: both make things of the same names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any

from chalicelib import wiring
from chalicelib.config.settings import Settings
from chalicelib.deploy import infrastructure, schema, stages
from chalicelib.deploy.alarms import FUNCTIONS, alarms, dashboard, function_name
from chalicelib.operations.log import namespace
from tools import _project
from tools.checks.patient import APP

SUMMARY = "writes what `chalice package --merge-template` needs for a whole CloudFormation stack"

LOGICAL = {
    "api_handler": "APIHandler",
    "stream": "Stream",
    "worker": "Worker",
    "sweep": "Sweep",
    "reconcile": "Reconcile",
}
# What is kept has a fixed name: after a failed create it would be in the next one's way.
KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("--out", type=Path, help="the file (.chalice/merge-STAGE.json)")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    refuse_another_table(stage, _project.table(stage))
    out = args.out or _project.project() / ".chalice" / f"merge-{stage}.json"
    may_log = api_gateway_may_log()
    made = template(stage, _project.settings(stage), may_log)
    out.write_text(json.dumps(made, indent=2) + "\n")
    print(f"wrote {out}: {len(made['Resources'])} resources to merge")
    print(
        f"Next: chalice package --stage {stage} --merge-template {out} out\n"
        "      aws cloudformation package --template-file out/sam.json "
        "--s3-bucket BUCKET --output-template-file out/stack.json\n"
        "      aws cloudformation deploy --template-file out/stack.json --s3-bucket BUCKET "
        f"--stack-name {APP}-{stage} --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
        f"{'' if may_log else ' --parameter-overrides ApiGatewayMayLog=is-set (or set-it)'}\n"
        "      once it stands, the last one again with --parameter-overrides TableIsProtected=yes\n"
        f"      then python -m tools slack-manifest --stage {stage} --stack {APP}-{stage}"
    )
    return 0


def refuse_another_table(stage: str, table: str) -> None:
    """Raises Problem where the stage is deployed with another one, as `chalice deploy` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    refused: list[str] = []
    with contextlib.suppress(_project.Problem, BotoCoreError, ClientError):
        refused = stages.left_behind(_project.client("lambda"), APP, stage, table)
    if refused:
        raise _project.Problem(*refused)


def api_gateway_may_log() -> str:
    """Whether the account names API Gateway a role for logs; empty where nobody can be asked.

    It goes on naming one that went with a stack whose create failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        role = _project.client("apigateway").get_account().get("cloudwatchRoleArn", "")
        if role:
            _project.client("iam").get_role(RoleName=role.rpartition("/")[2])
    except (_project.Problem, BotoCoreError, ClientError) as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        return "set-it" if code == "NoSuchEntity" else ""
    return "is-set" if role else "set-it"


def template(stage: str, settings: Settings, may_log: str = "") -> dict[str, Any]:
    """What chalice merges into its own template. `may_log`: the default, and none where empty."""
    figures = namespace(settings.table)
    resources: dict[str, Any] = {
        "Table": _table(settings.table),
        "DeadLetters": _queue(f"{settings.queue}-dlq", infrastructure.DEAD_LETTERS),
        "WakeUps": _queue(settings.queue, infrastructure.QUEUE, redrive=True),
        "RestAPI": _route(),
        "AccessLogGroup": _log_group(infrastructure.access_log_group(APP, stage)),
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": f"{APP}-{stage}",
                "DashboardBody": {
                    "Fn::Sub": dashboard(APP, stage, settings.queue, "${AWS::Region}", figures)
                },
            },
        },
    }
    for handler in FUNCTIONS:
        name = function_name(APP, stage, handler)
        resources[f"{LOGICAL[handler]}LogGroup"] = _log_group(f"/aws/lambda/{name}")
        resources[LOGICAL[handler]] = _function(handler, name)
    target, topic = _target(settings.alarm_to, stage)
    resources |= topic
    for alarm in alarms(APP, stage, settings.queue, (), figures):
        logical = "".join(word.title() for word in alarm["AlarmName"].split("-")) + "Alarm"
        actions = {"AlarmActions": [target], "OKActions": [target]} if target else {}
        resources[logical] = {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm | actions}
    return {
        "Parameters": {
            "ApiGatewayMayLog": {
                "Type": "String",
                "AllowedValues": ["is-set", "set-it"],
                **({"Default": may_log} if may_log else {}),
                "Description": "Whether the account names API Gateway a role to write logs with "
                "in this region (once for all APIs), or this stack is to set one.",
            },
            "TableIsProtected": {
                "Type": "String",
                "AllowedValues": ["no", "yes"],
                "Default": "no",
                "Description": "Whether the table is protected from deletion. Say yes once the "
                "stack stands: a create that fails could not take a protected table back.",
            },
            "Workers": {
                "Type": "Number",
                "MinValue": infrastructure.FEWEST,
                "Default": wiring.WORKERS,
                "Description": "Workers side by side. Fewer in an account that may run few "
                "functions at once (2 of 10): the route needs room.",
            },
        },
        "Conditions": {
            "SetLogsRole": {"Fn::Equals": [{"Ref": "ApiGatewayMayLog"}, "set-it"]},
            "ProtectTable": {"Fn::Equals": [{"Ref": "TableIsProtected"}, "yes"]},
        },
        "Resources": resources | _logs_role(),
    }


def _table(name: str) -> dict[str, Any]:
    """CreateTable's arguments say all but these, and StreamEnabled, which goes without saying."""
    properties = schema.definition() | {
        "TableName": name,
        "StreamSpecification": {
            key: value
            for key, value in schema.definition()["StreamSpecification"].items()
            if key != "StreamEnabled"
        },
        "TimeToLiveSpecification": {"AttributeName": schema.TTL_ATTRIBUTE, "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": {"Fn::If": ["ProtectTable", True, False]},
    }
    return {"Type": "AWS::DynamoDB::Table", **KEPT, "Properties": properties}


def _queue(name: str, attributes: dict[str, str], redrive: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = {"QueueName": name}
    properties |= {key: int(value) for key, value in attributes.items()}
    if redrive:
        properties["RedrivePolicy"] = {
            "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
            "maxReceiveCount": infrastructure.MAX_RECEIVES,
        }
    return {"Type": "AWS::SQS::Queue", **KEPT, "Properties": properties}


def _log_group(name: str) -> dict[str, Any]:
    properties = {"LogGroupName": name, "RetentionInDays": infrastructure.LOG_DAYS}
    return {"Type": "AWS::Logs::LogGroup", **KEPT, "Properties": properties}


def _function(handler: str, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"FunctionName": name}
    letters: Any = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    wanted = infrastructure.event_sources(letters).get(handler, {})
    if handler == "stream":
        source = {"Stream": {"Fn::GetAtt": ["Table", "StreamArn"]}, **wanted}
        properties["Events"] = {"StreamDynamodbEventSource": {"Properties": source}}
    if handler == "worker":
        # Merged into chalice's own Fn::Sub, so it has to be one as well.
        source = {
            "Queue": {"Fn::Sub": "${WakeUps.Arn}"},
            "ScalingConfig": {"MaximumConcurrency": {"Ref": "Workers"}},
            **wanted,
        }
        properties["Events"] = {"WorkerSqsEventSource": {"Properties": source}}
        properties["RecursiveLoop"] = "Allow"  # as infrastructure.allow_loops says
    return {"DependsOn": [f"{LOGICAL[handler]}LogGroup"], "Properties": properties}


def _route() -> dict[str, Any]:
    """Its stage cannot log before the account has a role for that, so it names what sets it."""
    return {
        "Properties": {
            "Variables": {
                "LogsBy": {"Fn::If": ["SetLogsRole", {"Ref": "ApiGatewayAccount"}, "the-account"]}
            },
            "MethodSettings": [
                {
                    "ResourcePath": "/*",
                    "HttpMethod": "*",
                    "ThrottlingRateLimit": infrastructure.REQUESTS_PER_SECOND,
                    "ThrottlingBurstLimit": infrastructure.BURST,
                }
            ],
            "AccessLogSetting": {
                "DestinationArn": {"Fn::GetAtt": ["AccessLogGroup", "Arn"]},
                "Format": infrastructure.ACCESS_LOG,
            },
        },
    }


def _target(alarm_to: str, stage: str) -> tuple[Any, dict[str, Any]]:
    """Who is told of alarms, and the topic that this takes."""
    if "@" not in alarm_to:
        return alarm_to, {}
    subscription = {"Protocol": "email", "Endpoint": alarm_to}
    topic = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"TopicName": f"{APP}-{stage}-alarms", "Subscription": [subscription]},
    }
    return {"Ref": "AlarmTopic"}, {"AlarmTopic": topic}


def _logs_role() -> dict[str, Any]:
    managed = infrastructure.PUSH_LOGS.format("${AWS::Partition}")
    return {
        "ApiGatewayLogsRole": {
            "Type": "AWS::IAM::Role",
            **KEPT,  # the account goes on naming it, for all APIs
            "Condition": "SetLogsRole",
            "Properties": {
                "AssumeRolePolicyDocument": infrastructure.TRUST,
                "ManagedPolicyArns": [{"Fn::Sub": managed}],
            },
        },
        "ApiGatewayAccount": {
            "Type": "AWS::ApiGateway::Account",
            **KEPT,
            "Condition": "SetLogsRole",
            "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["ApiGatewayLogsRole", "Arn"]}},
        },
    }
