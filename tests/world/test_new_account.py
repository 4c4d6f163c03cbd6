"""A new account needs one run, and the route has room in it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from simulator.world import STAGE, World
from tests.world.ops import at
from tools.checks.every import CHECKS
from tools.checks.patient import BAD, NOTE, Patient, findings

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Roles settle after some seconds, ten functions run at once, and somebody else has just
    changed the settings of API Gateway's account."""
    with World.start(deploy=False) as world:
        world.control("account", roles_settle=3.0, concurrency=10)
        gateway = world.aws("apigateway", retries={"total_max_attempts": 1})
        gateway.update_account(patchOperations=[])
        with pytest.raises(ClientError) as refused:
            gateway.update_account(patchOperations=[])
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        world.redeploy()  # once
        yield world


def test_one_run_suffices(world: World) -> None:
    account = world.aws("apigateway").get_account()
    assert account["cloudwatchRoleArn"].endswith(":role/break-glass-api-gateway-logs")
    assert world.press("carol", "audit").status == 200


def test_while_all_workers_are_busy_the_route_answers(world: World) -> None:
    """They stand still in the middle of what they do, and more is to do than they can."""
    queue = world.aws("sqs").get_queue_url(QueueName="break-glass")["QueueUrl"]
    for _ in range(6):
        for _ in range(10):
            body = json.dumps({"session": "bg-0123456789abcdef01234567"})
            world.aws("sqs").send_message(QueueUrl=queue, MessageBody=body)
        time.sleep(0.3)
        world.control("stop-worker", function="worker")
    time.sleep(2)
    answers = [world.press("carol", "audit").status for _ in range(5)]
    world.control("continue-worker", function="worker")
    assert answers == [200] * 5


def test_the_doctor_says_how_many_functions_run_and_how_to_have_more(world: World) -> None:
    client = world.aws("lambda")
    (found,) = client.list_event_source_mappings(FunctionName=world.function_name("worker"))[
        "EventSourceMappings"
    ]
    assert found["ScalingConfig"] == {"MaximumConcurrency": 2}
    with at(world):
        (note,) = findings(Patient(STAGE), dict(CHECKS)["concurrency"])
        assert (note.state, "runs 10 functions at once" in note.said) == (NOTE, True)
        assert "request-service-quota-increase" in note.cure
        world.control("account", concurrency=5)
        (bad, _) = [*findings(Patient(STAGE), dict(CHECKS)["concurrency"]), None]
        assert (bad.state, "no room of its own" in bad.said) == (BAD, True)
        world.control("account", concurrency=10)
        client.update_event_source_mapping(
            UUID=found["UUID"], ScalingConfig={"MaximumConcurrency": 20}
        )
        (bad, note) = findings(Patient(STAGE), dict(CHECKS)["concurrency"])
        assert (bad.state, note.state) == (BAD, NOTE)
        assert "up to 20 workers may leave the route no room" in bad.said
