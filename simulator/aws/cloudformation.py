"""Gap: MiniStack's CloudFormation forgets a table's TTL and recovery, and a stage's access log.

And where a number comes from a parameter it leaves the text, with which no queue is polled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1, dynamodb, lambda_svc
from ministack.services.cloudformation import provisioners

Create = Callable[[str, dict[str, Any], str], Any]


def patch() -> None:
    _also("AWS::DynamoDB::Table", _table)
    _also("AWS::ApiGateway::Stage", _stage)
    _also("AWS::Lambda::EventSourceMapping", _mapping)


def _also(kind: str, then: Callable[[Any, dict[str, Any]], None]) -> None:
    handler = provisioners._RESOURCE_HANDLERS[kind]
    create: Create = handler["create"]

    def create_whole(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, props, stack_name)
        then(made[0], props)
        return made

    handler["create"] = create_whole


def _table(name: str, props: dict[str, Any]) -> None:
    if "TimeToLiveSpecification" in props:
        spec = props["TimeToLiveSpecification"]
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec})
    if "PointInTimeRecoverySpecification" in props:
        recovery = props["PointInTimeRecoverySpecification"]
        dynamodb._pitr_settings[name] = recovery["PointInTimeRecoveryEnabled"]


def _mapping(uuid: str, props: dict[str, Any]) -> None:
    scaling = lambda_svc._esms[uuid].get("ScalingConfig")
    if scaling:
        scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])


def _stage(name: str, props: dict[str, Any]) -> None:
    setting = props.get("AccessLogSetting")
    if setting:
        stage = apigateway_v1._stages_v1[props["RestApiId"]][name]
        stage["accessLogSettings"] = {
            "destinationArn": setting["DestinationArn"],
            "format": setting["Format"],
        }
