"""`chalice deploy` goes on from whatever is there: half of it, all of it, or another's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import packages
from simulator.world import STAGE, World

pytestmark = pytest.mark.world

DEAD = 77
DEADLY = (
    "CreateTable",
    "CreateFunction",
    "CreateEventSourceMapping",
    "PutRule",
    "ImportRestApi",
    "CreateDeployment",
    "UpdateAccount",
    "PutMetricAlarm",
)
# Runs chalice, tells each request that changes something, and dies behind one of them as by kill.
MORTAL = """
import os, sys
from botocore.client import BaseClient

at, call, seen = os.environ["DIES_AT"], BaseClient._make_api_call, []

def counted(self, operation, asked):
    answer = call(self, operation, asked)
    if not operation.startswith(("Get", "List", "Describe")):
        seen.append(operation)
        print("STEP", operation, flush=True)
        if at in (operation, str(len(seen))):
            os._exit(77)
    return answer

BaseClient._make_api_call = counted
from chalice.cli import main
sys.exit(main())
"""


@pytest.fixture
def world() -> Iterator[World]:
    with World.start(deploy=False) as world:
        yield world


def deploy(world: World, dies_at: str = "") -> tuple[int, str]:
    """`chalice deploy`, as it ends or dies: its exit code, and what it said."""
    world._stage()
    packages.reuse(world.staged, world.cache, STAGE)
    done = subprocess.run(
        [sys.executable, "-c", MORTAL, "deploy", "--stage", STAGE],
        cwd=world.staged,
        env=world._deploy_environment() | {"DIES_AT": dies_at},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def lose_the_record(world: World) -> None:
    """As a fresh clone or CI has it: `.chalice/deployed` is not there."""
    shutil.rmtree(world.staged / ".chalice" / "deployed", ignore_errors=True)
    shutil.rmtree(world.home / "deployed", ignore_errors=True)


def made(world: World) -> dict[str, Any]:
    """What AWS has of the stage, by what must neither double nor change."""
    mappings = world.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    apis = world.aws("apigateway").get_rest_apis()["items"]
    return {
        "apis": sorted(api["id"] for api in apis),
        "mappings": sorted(
            (each["FunctionArn"].rpartition("-")[2], each["EventSourceArn"], each["UUID"])
            for each in mappings
        ),
    }


def record(world: World) -> dict[str, dict[str, Any]]:
    file = world.staged / ".chalice" / "deployed" / f"{STAGE}.json"
    return {each["name"]: each for each in json.loads(file.read_text())["resources"]}


def is_whole(world: World, said: tuple[int, str]) -> None:
    code, text = said
    assert code == 0, text[-4000:]
    assert "Put right: " in text
    now, known = made(world), record(world)
    assert [known["rest_api"]["rest_api_id"]] == now["apis"]
    assert [(function, uuid) for function, _, uuid in now["mappings"]] == [
        ("stream", known["stream-dynamodb-event-source"]["event_uuid"]),
        ("worker", known["worker-sqs-event-source"]["event_uuid"]),
    ]
    assert len(known) == 15


def test_a_deployment_that_dies_again_and_again_goes_on_each_time(world: World) -> None:
    seen: list[str] = []
    for step in DEADLY:
        code, said = deploy(world, dies_at=step)
        assert code == DEAD, f"{step}: {said[-3000:]}"
        seen += made(world)["apis"]
    is_whole(world, deploy(world))
    assert set(seen) == set(made(world)["apis"]), "the address that was known never changed"


def test_without_its_record_a_deployment_finds_all_that_is_there(world: World) -> None:
    gateway, functions = world.aws("apigateway"), world.aws("lambda")
    other = gateway.create_rest_api(name="break-glass")["id"]  # another stage's has the same name
    code, said = deploy(world)
    assert code == 0, said[-4000:]
    gateway.delete_rest_api(restApiId=other)
    before, known = made(world), record(world)
    lose_the_record(world)
    is_whole(world, deploy(world))
    assert made(world) == before
    assert record(world) == known

    # A table that was made anew has another stream: the mapping moves there.
    dynamodb = world.aws("dynamodb")
    dynamodb.update_table(TableName="break-glass", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="break-glass")
    is_whole(world, deploy(world))
    stream = dynamodb.describe_table(TableName="break-glass")["Table"]["LatestStreamArn"]
    (moved, kept) = made(world)["mappings"]
    assert moved[1] == stream != before["mappings"][0][1]
    assert kept == before["mappings"][1]

    # Functions that were deleted by hand leave their mappings, which are taken on again.
    functions.delete_function(FunctionName=f"break-glass-{STAGE}-worker")
    is_whole(world, deploy(world))
    assert made(world)["mappings"] == [moved, kept]


def test_two_addresses_that_slack_may_know_are_not_chosen_between(world: World) -> None:
    assert deploy(world)[0] == 0
    gateway = world.aws("apigateway")
    api = made(world)["apis"][0]
    twin = gateway.import_rest_api(body=json.dumps(_spec(gateway, api)).encode())["id"]
    gateway.create_deployment(restApiId=twin, stageName="api")
    lose_the_record(world)
    code, said = deploy(world)
    assert code == 1
    assert f"{api}.execute-api" in said
    assert f"{twin}.execute-api" in said
    assert "Slack knows one of them" in said
    gateway.delete_rest_api(restApiId=twin)
    is_whole(world, deploy(world))
    assert made(world)["apis"] == [api]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_wherever_a_deployment_dies_the_next_one_goes_on() -> None:
    with World.start(deploy=False) as world:
        code, said = deploy(world)
        assert code == 0, said[-4000:]
        steps = [line for line in said.splitlines() if line.startswith("STEP ")]
    assert len(steps) > 50
    for number, step in enumerate(steps, 1):
        with World.start(deploy=False) as world:
            assert deploy(world, dies_at=str(number))[0] == DEAD
            known = made(world)
            lose_the_record(world)  # chalice has written none, or it is another's turn
            is_whole(world, deploy(world))
            for api in known["apis"]:
                assert made(world)["apis"] == [api], f"dead behind {step}, number {number}"


def _spec(gateway: Any, api: str) -> dict[str, Any]:
    """An API that calls the same function."""
    pages = gateway.get_resources(restApiId=api, embed=["methods"])["items"]
    uri = next(
        each["resourceMethods"]["POST"]["methodIntegration"]["uri"]
        for each in pages
        if "POST" in each.get("resourceMethods", {})
    )
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    post = {"responses": {}, "x-amazon-apigateway-integration": integration}
    return {"swagger": "2.0", "info": {"title": "break-glass", "version": "1.0"},
            "paths": {"/slack": {"post": post}}}  # fmt: skip
