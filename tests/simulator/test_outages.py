"""Calls that fail in each way, and functions that start cold, die and stand still."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from simulator import company
from simulator.slack import Slack
from simulator.web import Refused, Request
from simulator.world import World

ACCESS = {
    "account_id": company.PRODUCTION,
    "permission_set_arn": company.ADMIN.arn,
    "principal_id": company.person("alice").user.user_id,
}
FUNCTION = """
import os, time
def handler(event, context):
    time.sleep(event["seconds"])
    return os.getpid()
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(deploy=False, auth=False) as world:
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as package:
            package.writestr("trial.py", FUNCTION)
        world.aws("iam").create_role(RoleName="trial", AssumeRolePolicyDocument="{}")
        world.aws("lambda").create_function(
            FunctionName="trial",
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=f"arn:aws:iam::{company.HOME_ACCOUNT}:role/trial",
            Handler="trial.handler",
            Code={"ZipFile": zipped.getvalue()},
            Timeout=60,
        )
        yield world


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").control("heal", change=True)


def as_function(world: World, service: str = "sso-admin") -> Any:
    """A client with a key of a function's, that tries once and waits a second."""
    once = Config(retries={"total_max_attempts": 1}, read_timeout=1)
    return boto3.client(
        service, endpoint_url=world.facts["endpoint"], region_name=company.REGION,
        aws_access_key_id=company.HOME_ACCOUNT, aws_secret_access_key="test", config=once,
    )  # fmt: skip


def delete(client: Any) -> None:
    client.delete_account_assignment(
        InstanceArn=company.INSTANCE_ARN, PermissionSetArn=company.ADMIN.arn, PrincipalType="USER",
        PrincipalId=ACCESS["principal_id"], TargetType="AWS_ACCOUNT", TargetId=company.PRODUCTION,
    )  # fmt: skip


def asked(world: World) -> int:
    return sum(each["event"] == "delete asked" for each in world.history())


def problem(act: Callable[[], Any]) -> Any:
    with pytest.raises((ClientError, ReadTimeoutError)) as caught:
        act()
    found = caught.value
    return found.response["Error"]["Code"] if isinstance(found, ClientError) else "silence"


@pytest.mark.world
@pytest.mark.parametrize(
    ("way", "heard", "happens"),
    [
        ("refused", "AccessDeniedException", False),
        ("throttled", "ThrottlingException", False),
        ("error", "InternalServerException", False),
        ("lost", "InternalServerException", True),
        ("hang", "silence", True),
        ("never", "silence", False),
    ],
)
def test_a_delete_fails_in_each_way(world: World, way: str, heard: str, happens: bool) -> None:
    world.control("identity_center", delete_seconds=0.0)
    world.control("assign", **ACCESS)
    before, client = asked(world), as_function(world)
    world.control("outages", calls={"sso:DeleteAccountAssignment": {"way": way}})
    assert problem(lambda: delete(client)) == heard
    assert client.list_instances()["Instances"], "no other call fails"
    assert asked(world) == before + happens
    world.control("unassign", **ACCESS)


@pytest.mark.world
@pytest.mark.parametrize(
    ("call", "service", "ask"),
    [
        ("identitystore:*", "identitystore",
         lambda client: client.list_users(IdentityStoreId=company.IDENTITY_STORE_ID)),
        ("sqs:SendMessage", "sqs",
         lambda client: client.send_message(QueueUrl="http://localhost/0/q", MessageBody="?")),
        ("logs:StartQuery", "logs",
         lambda client: client.start_query(logGroupName=company.TRAIL, startTime=0, endTime=1,
                                           queryString="fields @message")),
        ("ses:SendEmail", "sesv2",
         lambda client: client.send_email(Content={"Simple": {
             "Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}})),
    ],
)  # fmt: skip
def test_every_service_can_fail(
    world: World, call: str, service: str, ask: Callable[[Any], Any]
) -> None:
    world.control("outages", calls={call: {"way": "error"}})
    assert problem(lambda: ask(as_function(world, service))) == "InternalServerException"


@pytest.mark.world
def test_the_world_itself_is_answered_during_an_outage(world: World) -> None:
    world.control("outages", calls={"sso:*": {"way": "never"}})
    assert world.aws("sso-admin").list_instances()["Instances"]


def run(world: World, seconds: float = 0) -> int:
    ask = json.dumps({"seconds": seconds})
    return int(world.aws("lambda").invoke(FunctionName="trial", Payload=ask)["Payload"].read())


@pytest.mark.world
def test_cold_functions_are_new_processes_each_time(world: World) -> None:
    assert run(world) == run(world)
    world.control("functions", cold=True)
    assert len({run(world) for _ in range(3)}) == 3


@pytest.mark.world
@pytest.mark.parametrize("way", ["continue-worker", "heal"])
def test_a_stopped_worker_stands_still_until_it_goes_on(world: World, way: str) -> None:
    run(world)
    assert world.control("stop-worker", function="trial")["stopped"] == 1
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run, world)
        time.sleep(1)
        assert not answer.done()
        world.control(way, function="trial")
        assert answer.result(30)


@pytest.mark.world
def test_a_call_that_takes_too_long_is_seen(world: World) -> None:
    functions = world.aws("lambda")
    functions.update_function_configuration(FunctionName="trial", Timeout=1)
    functions.invoke(FunctionName="trial", Payload=json.dumps({"seconds": 5}))
    functions.update_function_configuration(FunctionName="trial", Timeout=60)
    (seen,) = world.control("timeouts")
    assert seen["function"] == "trial"


# ---- Slack, which is not of AWS -----------------------------------------------------------------


def say(slack: Slack) -> Any:
    headers = {"authorization": "Bearer xoxb-1", "content-type": "application/json"}
    body = b'{"channel": "C1", "text": "hi"}'
    return slack.handle(Request("POST", "/api/chat.postMessage", "", headers, body))


def test_slack_says_what_it_answers_with_an_error() -> None:
    slack = Slack("xoxb-1")
    slack.faults.change(lost=True)
    assert say(slack).status == 500
    assert [each["text"] for each in slack.messages()] == ["hi"]


def test_slack_never_answers_and_never_says_it() -> None:
    slack = Slack("xoxb-1")
    slack.faults.change(down="never")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(say, slack)
        time.sleep(0.5)
        assert not answer.done()
        slack.faults.heal()
        with pytest.raises(Refused):
            answer.result(30)
    assert slack.messages() == []
