"""The same wiring that ships, called from here: what a debugger would step through.

Everything outside is the local AWS; the functions deployed in it are switched off, so that it is
this process that takes a press to its report.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import click
import pytest
from chalice.awsclient import TypedAWSClient
from chalice.config import Config
from chalice.deploy.deployer import PolicyGenerator, ResultsRecorder
from chalice.deploy.packager import BaseLambdaDeploymentPackager
from chalice.deploy.planner import PlanStage
from chalice.utils import OSUtils

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.deploy import deployment, infrastructure, recovery, schema
from chalicelib.deploy.patience import patiently
from chalicelib.words import messages
from simulator import company, press
from simulator.outside import SIGNING_SECRET
from simulator.world import STAGE, World
from tests.world.scene import session_id

pytestmark = pytest.mark.world
CACHED = ("settings", "secrets", "presses", "table", "queue", "front", "runner", "reconciler")
CACHED += ("_identity", "_slack", "_trail", "_reports", "_ses", "_tls")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start() as world:
        functions = world.aws("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        events = world.aws("events")
        for rule in events.list_rules()["Rules"]:
            events.disable_rule(Name=rule["Name"])
        yield world


@pytest.fixture
def wired(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """This process as one of the functions: its environment, and glasses that last a moment."""
    toml = (world.staged / "chalicelib" / "glasses.toml").read_text()
    file = tmp_path / "glasses.toml"
    file.write_text(toml.replace('"30s"', '"2s"').replace('"4s"', '"1s"'))
    monkeypatch.setattr(settings, "GLASSES", file)
    monkeypatch.setattr(settings.load, "__defaults__", (file,))
    for name, value in {
        "AWS_ENDPOINT_URL": world.facts["endpoint"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SLACK_API_URL": f"{world.facts['slack_api']}/api/",
    }.items():
        monkeypatch.setenv(name, value)
    for name in CACHED:
        getattr(wiring, name).cache_clear()
    from chalicelib.adapters.dynamodb.model import Row

    monkeypatch.setattr(Row, "_connection", None)
    yield world
    for name in CACHED:
        getattr(wiring, name).cache_clear()


def plenty() -> timedelta:
    return timedelta(seconds=50)


def test_a_press_is_taken_to_its_report_by_the_sweep_alone(
    wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAK_GLASS_QUEUE", "gone")  # what it takes the sweep would leave to it
    made = press.press("alice", "prod", "legacy", wired.facts["slack_api"], SIGNING_SECRET)
    headers = {name.lower(): value for name, value in made.headers.items()}
    answer = wiring.front().answer(headers, made.body)
    assert answer.status == 200
    assert "access incoming" in answer.body["text"]
    end = time.monotonic() + 240
    while not (rows := wired.rows()) or rows[0]["state"] != "CLOSED":
        assert time.monotonic() < end, rows
        wiring.sweep().once(plenty, timedelta(seconds=10), 100, timedelta(seconds=5))
        time.sleep(0.2)
    assert rows[0]["gone_look"] == "sweep"
    used, report = wired.mailbox()
    assert (used["attachments"], bool(report["attachments"])) == ([], True)
    assert "response_url" not in rows[0]


def test_a_press_is_answered_by_one_post_and_written_down_as_an_ask(wired: World) -> None:
    made = press.press("bob", "prod", "block_actions", wired.facts["slack_api"], SIGNING_SECRET)
    headers = {name.lower(): value for name, value in made.headers.items()}
    assert wiring.front().answer(headers, made.body).status == 200
    said = [each["text"] for each in wired.messages() if each["via"] == "response_url"]
    assert messages.INCOMING in said
    (asked,) = wired.rows("ask")
    assert asked["id"] == f"ask/{session_id(made.body)}"
    assert (asked["glass"], asked["slack_user"]) == ("prod", "U0BOB")


def test_reconciliation_runs_over_all_glasses(wired: World) -> None:
    wiring.reconciler().run()
    said = [each["text"] for each in wired.messages() if each["via"] == "chat.postMessage"]
    assert any("steve" in text or "Steve" in text for text in said)


def test_an_instance_that_is_named_is_not_looked_for(wired: World) -> None:
    named = {"identity_center_instance": company.INSTANCE_ARN,
             "identity_store": company.IDENTITY_STORE_ID}  # fmt: skip
    lines = [f'{name} = "{value}"\n' for name, value in named.items()]
    settings.GLASSES.write_text("".join(lines) + settings.GLASSES.read_text())
    gone = {"outcome": "ThrottlingException", "rate": 1.0}
    wired.control("identity_center", rates={"ListInstances": gone})
    try:
        wiring.reconciler().run()
    finally:
        wired.control("heal", change=True)


def test_whoever_is_spoken_with_has_to_prove_who_they_are(wired: World) -> None:
    context = wiring._tls()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.fixture
def _put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a deployment changes in this process, for that deployment alone."""
    changed = {
        PlanStage: ["execute"],
        ResultsRecorder: ["record_results"],
        PolicyGenerator: ["_read_document_from_file"],
        Config: ["environment_variables"],
        BaseLambdaDeploymentPackager: ["_iter_app_filenames"],
        TypedAWSClient: [*recovery.DELETES, "_is_iam_role_related_error"],
    }
    for owner, names in changed.items():
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@dataclass
class RestAPI:
    """As chalice's own of that name."""

    resource_name: str = "rest_api"
    resource_type: str = "rest_api"
    api_gateway_stage: str = "api"
    swagger_doc: Any = field(default_factory=lambda: {"info": {"title": f"break-glass-{STAGE}"}})
    lambda_function: Any = field(
        default_factory=lambda: SimpleNamespace(function_name=f"break-glass-{STAGE}")
    )


def test_the_api_is_known_again_by_the_function_that_it_calls(wired: World) -> None:
    gateway = wired.aws("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    wanted = {
        "name": "rest_api",
        "resource_type": "rest_api",
        "rest_api_id": api["id"],
        "rest_api_url": f"https://{api['id']}.execute-api.us-east-1.amazonaws.com/api/",
    }

    def found(*known: dict[str, Any]) -> Any:
        record = {"resources": list(known)}
        return recovery.recovered(boto3.Session(), [RestAPI()], record)["resources"]

    assert found() == [wanted]
    assert found(wanted | {"rest_api_id": "another-accounts"}) == [wanted]
    assert found(wanted) == [wanted]
    pages = gateway.get_resources(restApiId=api["id"], embed=["methods"])["items"]
    posts = (each.get("resourceMethods", {}).get("POST") for each in pages)
    uri = next(post["methodIntegration"]["uri"] for post in posts if post)
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    post = {"responses": {}, "x-amazon-apigateway-integration": integration}
    spec = {"info": {"title": "break-glass"}, "paths": {"/slack": {"post": post}}}
    twin = gateway.import_rest_api(body=json.dumps(spec).encode())["id"]
    assert found() == [wanted], "what was never deployed has no address"
    gateway.create_deployment(restApiId=twin, stageName="api")
    with pytest.raises(click.ClickException, match="Slack knows one of them"):
        found()
    gateway.delete_rest_api(restApiId=twin)


@pytest.mark.usefixtures("_put_back")
def test_a_deployment_makes_what_it_needs_and_puts_the_rest_right(
    wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.chdir(wired.staged)
    monkeypatch.setattr("chalicelib.deploy.packaging.install", lambda: None)
    command = click.Command("deploy", params=[click.Option(["--stage"])])
    with click.Context(command, info_name="deploy") as context:
        context.params["stage"] = STAGE
        arn = deployment.stream_arn()
        assert deployment.workers(20) == 20
        record = wired.staged / ".chalice" / "deployed" / f"{STAGE}.json"
        known = json.loads(record.read_text())
        PlanStage(SimpleNamespace(), OSUtils()).execute([])  # as chalice does it
        ResultsRecorder(OSUtils()).record_results(known, STAGE, str(wired.staged))
    assert (
        arn
        == wired.aws("dynamodb").describe_table(TableName="break-glass")["Table"]["LatestStreamArn"]
    )
    assert wired.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    group = wired.aws("logs").describe_log_groups(logGroupNamePrefix="/aws/apigateway/")
    assert group["logGroups"][0]["retentionInDays"]


@pytest.mark.usefixtures("_put_back")
def test_a_deployment_that_chalice_gave_up_is_not_finished(
    wired: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    monkeypatch.chdir(wired.staged)
    monkeypatch.setattr("chalicelib.deploy.packaging.install", lambda: None)
    with click.Context(click.Command("deploy"), info_name="deploy") as context:
        context.params["stage"] = STAGE
        deployment.stream_arn()
    assert "Put right" not in capsys.readouterr().out


def test_what_has_drifted_is_put_right(wired: World) -> None:
    functions = wired.aws("lambda")
    name = wired.function_name("stream")
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=9)
    letters = "arn:aws:sqs:us-east-1:000000000000:break-glass-dlq"
    done = infrastructure.tune_event_sources(functions, "break-glass", STAGE, letters)
    assert done == [f"event source of {name}"]
    session = boto3.Session()
    for _ in range(2):  # the second finds the topic and its subscription there
        done = infrastructure.ensure_alarms(
            session, "break-glass", STAGE, "break-glass", "ops@example.com"
        )
    assert "dashboard break-glass-local" in done
    topics = wired.aws("sns").list_subscriptions()["Subscriptions"]
    assert [each["Endpoint"] for each in topics] == ["ops@example.com"]
    topic = "arn:aws:sns:us-east-1:000000000000:oncall"  # one that is there is taken as it is
    infrastructure.ensure_alarms(session, "break-glass", STAGE, "break-glass", topic)
    for alarm in wired.aws("cloudwatch").describe_alarms()["MetricAlarms"]:
        assert alarm["AlarmActions"] == [topic]


def test_a_route_has_its_limits_and_its_log_and_api_gateway_may_write_it(wired: World) -> None:
    gateway = wired.aws("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    stage = {"restApiId": api["id"], "stageName": "api"}
    group = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/apigateway/break-glass-{STAGE}"
    for role in ("", "arn:aws:iam::000000000000:role/ours"):  # none yet; one that is there
        for path, value in {"throttling/rateLimit": "9", "throttling/burstLimit": "9"}.items():
            patch = [{"op": "replace", "path": f"/*/*/{path}", "value": value}]
            gateway.update_stage(**stage, patchOperations=patch)
        patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
        patiently(partial(gateway.update_account, patchOperations=patch))  # one in twenty seconds
        name = f"break-glass-{role[-4:]}"
        guard = partial(infrastructure.guard_route, boto3.Session(), api["id"], "api", group, name)
        assert guard() == ["name of the route's API", "throttling and access log of the route"]
        assert guard() == []
        assert gateway.get_rest_api(restApiId=api["id"])["name"] == name
        found = gateway.get_stage(**stage)
        assert found["accessLogSettings"]["destinationArn"] == group
        limits = found["methodSettings"]["*/*"]
        assert (limits["throttlingRateLimit"], limits["throttlingBurstLimit"]) == (50, 100)
        writes = gateway.get_account()["cloudwatchRoleArn"]
        assert writes == role if role else writes.endswith(f"role/{infrastructure.LOGS_ROLE}")


def test_what_cannot_be_finished_fails_the_command(
    wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = wired.staged / ".chalice" / "deployed" / f"{STAGE}.json"
    monkeypatch.setattr("chalicelib.deploy.infrastructure.ensure_alarms", lambda *a, **k: [][0])
    known = settings.load({})
    with pytest.raises(click.ClickException, match="NOT FINISHED"):
        deployment._finish(
            boto3.Session(), "break-glass", STAGE, known, json.loads(record.read_text())
        )


def test_an_older_table_gets_what_a_newer_version_needs(wired: World) -> None:
    client = wired.aws("dynamodb")
    old = schema.definition()
    del old["StreamSpecification"]
    indexes = old.pop("GlobalSecondaryIndexes")[:1]
    hashed = {key["AttributeName"] for index in indexes for key in index["KeySchema"]} | {"id"}
    old["AttributeDefinitions"] = [
        each for each in old["AttributeDefinitions"] if each["AttributeName"] in hashed
    ]
    client.create_table(TableName="older", GlobalSecondaryIndexes=indexes, **old)
    assert schema.ensure(client, "older")
    table: dict[str, Any] = client.describe_table(TableName="older")["Table"]
    made = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    assert made == set(schema.INDEXES)
    assert table["StreamSpecification"]["StreamEnabled"]
    assert table["DeletionProtectionEnabled"]
    assert schema.ensure(client, "older") == table["LatestStreamArn"]
    assert schema.ensure(client, "brand-new")
