"""Kept in production: deployed again over open sessions, put right, taken down; the log stays."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import company
from simulator.world import STAGE, World
from tests.world.ops import tool, world_of_sessions_of

pytestmark = pytest.mark.world
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
PATIENCE = 240  # seconds, for a machine that is busy


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_of_sessions_of(seconds=20) as world:
        yield world


def chalice(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHALICE, *arguments, "--stage", STAGE],
        cwd=world.staged,
        env=world._deploy_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def row(world: World, email: str) -> dict[str, Any]:
    mine = [each for each in world.rows() if each.get("email") == email]
    return max(mine, key=lambda each: str(each["asked_at"]), default={})


def until(what: str, look: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.5)
    return found


def has_access(world: World, name: str) -> bool:
    return any(
        each["principal_id"] == company.person(name).user.user_id
        and each["permission_set_arn"] != company.OPERATOR.arn
        for each in world.control("open")
    )


def test_a_newer_version_takes_over_sessions_in_flight(world: World) -> None:
    """Open, then deployed over with shorter and other glasses: what was promised stays so."""
    assert world.press("alice", "prod").status == 200
    open_row = until("open", lambda: (r := row(world, "alice@example.com")).get("granted_at") and r)
    before = company.GLASSES
    company.GLASSES = [each for each in before if each.name != "prod"]  # the glass itself is gone
    try:
        world.redeploy()
    finally:
        company.GLASSES = before
    during = row(world, "alice@example.com")
    assert during["deadline"] == open_row["deadline"]
    closed = until(
        "closed", lambda: (r := row(world, "alice@example.com")).get("state") == "CLOSED" and r
    )
    assert not has_access(world, "alice")
    assert closed["gone_at"] >= closed["deadline"] == open_row["deadline"]
    assert closed["report_to"] == open_row["report_to"]
    world.redeploy()


def test_what_drifted_is_put_right_by_the_next_deployment(world: World) -> None:
    functions, watch = world.aws("lambda"), world.aws("cloudwatch")
    name = world.function_name("stream")
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=-1)
    watch.delete_alarms(AlarmNames=["break-glass-local-overdue"])
    group = "/aws/lambda/break-glass-local"  # of the route, which chalice would name otherwise
    world.aws("logs").delete_log_group(logGroupName=group)
    done = chalice(world, "deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Put right: event source of break-glass-local-stream" in done.stdout
    assert f"Next: python -m tools slack-manifest --stage {STAGE}, or" in done.stdout
    told = json.loads(tool(world, "doctor", "--json").out)
    assert [each["said"] for each in told["findings"] if each["state"] == "bad"] == []


def test_a_deployment_that_cannot_be_finished_says_so_and_fails(world: World) -> None:
    break_it(world.staged, "client.put_metric_alarm(**alarm)", 'raise OSError("no alarms today")')
    try:
        done = chalice(world, "deploy")
    finally:
        world._stage()
    assert done.returncode != 0
    assert "the app is deployed, but NOT FINISHED: no alarms today" in done.stderr
    assert "run `chalice deploy --stage local` again" in done.stderr


def test_a_deployment_with_wrong_settings_does_not_begin(world: World) -> None:
    file = world.staged / "chalicelib" / "glasses.toml"
    before = file.read_text()
    file.write_text(before.replace("report_from", "report_form"))
    try:
        done = chalice(world, "deploy")
    finally:
        file.write_text(before)
    assert done.returncode != 0
    assert "nothing was deployed" in done.stderr
    assert "report_form: unknown; did you mean report_from?" in done.stderr


def test_alarms_go_to_an_address_that_has_a_topic_of_its_own(world: World) -> None:
    file = world.staged / "chalicelib" / "glasses.toml"
    file.write_text('alarm_to = "ops@example.com"\nkeep_days = 30\n' + file.read_text())
    done = chalice(world, "deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    (alarm,) = world.aws("cloudwatch").describe_alarms(AlarmNames=["break-glass-local-overdue"])[
        "MetricAlarms"
    ]
    (topic,) = alarm["AlarmActions"]
    assert topic.endswith(":break-glass-local-alarms")
    (mine,) = world.aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (mine["Protocol"], mine["Endpoint"]) == ("email", "ops@example.com")


def test_the_log_forgets_what_is_over_after_the_days_that_were_named(world: World) -> None:
    """Follows the one above, which has it deployed with keep_days."""
    assert world.press("mallory", "prod").status == 200
    denied = until(
        "denied", lambda: (r := row(world, "mallory@example.com")).get("denied_at") and r
    )
    left = int(denied["ttl"]) - time.time()
    assert 29.9 * 86400 < left < 30.1 * 86400
    # TTL takes the row; its stream record wakes nobody, and nothing is left to be looked at.
    world.aws("dynamodb").update_item(
        TableName="break-glass",
        Key={"id": {"S": denied["id"]}},
        UpdateExpression="SET #ttl = :past",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 10)}},
    )
    until("forgotten", lambda: denied["id"] not in {each["id"] for each in world.rows()})
    time.sleep(3)
    errors = tool(world, "logs", "--level", "ERROR", "--session", denied["id"])
    assert "no line" in errors.out


def test_taking_it_down_leaves_the_log_and_the_secrets(world: World) -> None:
    """Runs last. The log is evidence: nothing that deletes the app deletes it."""
    rows = {each["id"] for each in world.rows()}
    assert rows
    done = chalice(world, "delete")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.aws("lambda").list_functions()["Functions"] == []
    assert world.aws("apigateway").get_rest_apis()["items"] == []
    assert {each["id"] for each in world.rows()} == rows
    for name in ("break-glass", "break-glass-dlq"):
        assert world.aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    secrets = {each["Name"] for each in world.aws("ssm").describe_parameters()["Parameters"]}
    assert secrets == {"/break-glass/signing-secret", "/break-glass/bot-token"}
    dynamodb = world.aws("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="protect"):
        dynamodb.delete_table(TableName="break-glass")
    world.redeploy()  # and it comes back, with its log
    assert {each["id"] for each in world.rows()} == rows
    assert world.press("carol", "audit").status == 200
    until("carol is in", lambda: row(world, "carol@example.com").get("granted_at"))


def break_it(staged: Path, code: str, by: str) -> None:
    file = staged / "chalicelib" / "deploy" / "infrastructure.py"
    text = file.read_text()
    assert text.count(code) == 1
    file.write_text(text.replace(code, by))
