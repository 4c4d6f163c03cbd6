"""The table as AWS is told of it: keys, indexes, stream. adapters/dynamodb/model.py has its rows.

One definition, so that `chalice deploy` and a CloudFormation template make the same table.
"""

import time
from typing import Any, Final

from pynamodb.attributes import Attribute

from chalicelib.adapters.dynamodb import model

TTL_ATTRIBUTE: Final = "ttl"  # on leases, and never on a session that is open
PAUSE: Final = 1.0  # seconds
TRIES: Final = 60


def _index(index: Any) -> tuple[str, str | None, str]:
    """Its hash key, its range key, and what it projects."""
    keys = {name: key for name, key in vars(index).items() if isinstance(key, Attribute)}
    hashed = next(name for name, key in keys.items() if key.is_hash_key)
    ranged = next((name for name, key in keys.items() if key.is_range_key), None)
    return hashed, ranged, index.Meta.projection.projection_type


INDEXES: Final = {
    index.Meta.index_name: _index(index)
    for index in (model.DueIndex, model.PersonIndex, model.AccountIndex, model.AccessIndex)
}


def definition() -> dict[str, Any]:
    """What CreateTable takes, and CloudFormation's AWS::DynamoDB::Table too, but the name."""
    indexed = {key for hashed, ranged, _ in INDEXES.values() for key in (hashed, ranged) if key}
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "S"} for key in sorted(indexed | {"id"})
        ],
        "KeySchema": _keys("id"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": _keys(hashed, ranged),
                "Projection": {"ProjectionType": projection},
            }
            for name, (hashed, ranged, projection) in INDEXES.items()
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def ensure(client: Any, name: str) -> str:
    """Sees to it that the table is there and as it should be; the ARN of its stream.

    `client` is boto3's for dynamodb. Safe to repeat: what is as it should be is left alone. Raises
    what boto3 raises.
    """
    table = _described(client, name)
    if table is None:
        client.create_table(TableName=name, **definition())
        table = _active(client, name)
    for index in definition()["GlobalSecondaryIndexes"]:
        have = {known["IndexName"] for known in table.get("GlobalSecondaryIndexes", [])}
        if index["IndexName"] not in have:  # a newer version's; DynamoDB adds one at a time
            attributes = definition()["AttributeDefinitions"]
            _update(
                client,
                name,
                AttributeDefinitions=attributes,
                GlobalSecondaryIndexUpdates=[{"Create": index}],
            )
            table = _active(client, name)
    if not table.get("StreamSpecification", {}).get("StreamEnabled"):
        _update(client, name, StreamSpecification=definition()["StreamSpecification"])
        table = _active(client, name)
    if not table.get("DeletionProtectionEnabled"):
        _update(client, name, DeletionProtectionEnabled=True)
        table = _active(client, name)
    _expire(client, name)
    _back_up(client, name)
    return str(table["LatestStreamArn"])


def _described(client: Any, name: str) -> dict[str, Any] | None:
    try:
        return dict(client.describe_table(TableName=name)["Table"])
    except client.exceptions.ResourceNotFoundException:
        return None


def _update(client: Any, name: str, **changes: Any) -> None:
    client.update_table(TableName=name, **changes)


def _active(client: Any, name: str) -> dict[str, Any]:
    """Waits until the table and all its indexes are ready."""
    while True:
        table = _described(client, name)
        if table is not None and table["TableStatus"] == "ACTIVE":
            indexes = table.get("GlobalSecondaryIndexes", [])
            if all(index.get("IndexStatus", "ACTIVE") == "ACTIVE" for index in indexes):
                return table
        time.sleep(PAUSE)


def _expire(client: Any, name: str) -> None:
    now = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if now.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        wanted = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)


def _back_up(client: Any, name: str) -> None:
    now = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = now.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        wanted = {"PointInTimeRecoveryEnabled": True}
        for left in range(TRIES, 0, -1):
            try:
                client.update_continuous_backups(
                    TableName=name, PointInTimeRecoverySpecification=wanted
                )
                return
            except client.exceptions.ContinuousBackupsUnavailableException:
                if left == 1:  # a new table needs a moment before it can be backed up
                    raise
                time.sleep(PAUSE)


def _keys(hashed: str, ranged: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": hashed, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": ranged, "KeyType": "RANGE"}] if ranged else keys
