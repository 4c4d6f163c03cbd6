"""Gap: MiniStack's CloudFormation forgets a table's TTL and point-in-time recovery."""

from __future__ import annotations

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

_TABLE = "AWS::DynamoDB::Table"


def patch() -> None:
    handler = provisioners._RESOURCE_HANDLERS[_TABLE]
    create = handler["create"]

    def create_whole(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, props, stack_name)
        name = made[0]
        if "TimeToLiveSpecification" in props:
            spec = props["TimeToLiveSpecification"]
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec})
        if "PointInTimeRecoverySpecification" in props:
            dynamodb._pitr_settings[name] = props["PointInTimeRecoverySpecification"][
                "PointInTimeRecoveryEnabled"
            ]
        return made

    handler["create"] = create_whole
