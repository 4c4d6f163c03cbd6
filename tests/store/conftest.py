"""The two stores: the real adapters over the local AWS's table, and the one in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.domain import rows
from chalicelib.domain.session import Session, iso
from tests.fakes.books import MemoryBooks
from tests.store.contract import Store

NAME = "contract"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Store]:
    """The real adapters over the local AWS's table."""
    import boto3
    from boto3.dynamodb.types import TypeSerializer

    from simulator.world import World

    with World.start(deploy=False) as world, pytest.MonkeyPatch.context() as patch:
        environ = {
            "AWS_ENDPOINT_URL": world.facts["endpoint"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
        }
        for name, value in environ.items():
            patch.setenv(name, value)
        from chalicelib import wiring
        from chalicelib.adapters.aws_json import DYNAMODB, AwsJson
        from chalicelib.adapters.dynamodb import table as dynamodb
        from chalicelib.adapters.presses import Presses
        from chalicelib.deploy import schema

        client = boto3.client("dynamodb")
        schema.ensure(client, NAME)
        client.update_time_to_live(  # leases here are old, and are to stay
            TableName=NAME, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
        )
        patch.setattr(dynamodb.Row.Meta, "host", environ["AWS_ENDPOINT_URL"], raising=False)
        patch.setattr(dynamodb.Row, "_connection", None)
        route = Presses(AwsJson(DYNAMODB, environ, wiring._tls).call, NAME)

        def clear() -> None:
            for item in client.scan(TableName=NAME)["Items"]:
                client.delete_item(TableName=NAME, Key={"id": item["id"]})

        def spoil(row_id: str, values: dict[str, Any]) -> None:
            item = {name: TypeSerializer().serialize(value) for name, value in values.items()}
            client.put_item(TableName=NAME, Item=item | {"id": {"S": row_id}})

        def forge(row_id: str, session: Session) -> None:
            said = rows.values(session).items()
            texts = {name: iso(v) if isinstance(v, datetime) else v for name, v in said}
            spoil(row_id, {name: v for name, v in texts.items() if isinstance(v, (str, int))})

        def lease(session_id: str) -> int | None:
            key = {"id": {"S": f"lease/{session_id}"}}
            item = client.get_item(TableName=NAME, Key=key).get("Item")
            return int(item["ttl"]["N"]) if item else None

        yield Store(dynamodb.Table(NAME, "us-east-1"), route.record, clear, spoil, forge, lease)


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.world)])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "dynamodb":
        found: Store = request.getfixturevalue("dynamodb")
        found.clear()
        return found
    books = MemoryBooks()

    def spoil(row_id: str, values: dict[str, Any]) -> None:
        if values.get("kind") == "door":
            books.locks[row_id.removeprefix("door/")] = values["session_id"]
        else:
            books.unreadable.add(row_id)

    def forge(row_id: str, session: Session) -> None:
        books.asks[row_id] = replace(session, version=1)

    return Store(books, books.record, lambda: None, spoil, forge, books.leases.get)
