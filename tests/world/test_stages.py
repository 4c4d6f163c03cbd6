"""Two stages in one account: each has its own, and neither knows of the other.

The real `chalice deploy --stage`, with a second stage beside the first: what it makes is its own,
both go on working, and when one is deleted the other is whole. What cannot work is refused before
anything is made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from chalicelib.deploy.infrastructure import LOGS_ROLE
from simulator import company, packages
from simulator.outside import BOT_TOKEN, SIGNING_SECRET
from simulator.world import STAGE, STAGE_NAME, World
from tests.world.ops import at
from tools.__main__ import main

pytestmark = pytest.mark.world

SECOND = "second"
FIRST_GLASSES = [replace(company.glass("prod"), seconds=8)]
SECOND_GLASSES = [replace(company.glass("staging"), seconds=8)]
PATIENCE = 240


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with mock.patch.object(company, "GLASSES", FIRST_GLASSES), World.start() as world:
        yield world


def chalice(world: World, command: str, stage: str) -> tuple[int, str]:
    """As typed: its exit code, and what it said."""
    if command == "deploy":
        packages.reuse(world.staged, world.cache, stage)
    done = subprocess.run(
        [sys.executable, "-c", "from chalice.cli import main; main()", command, "--stage", stage],
        cwd=world.staged,
        env=world._deploy_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def prepare(world: World, stage: str) -> Path:
    """What a platform engineer does for a stage: its file of glasses, and its two secrets."""
    file = world.staged / "chalicelib" / f"glasses.{stage}.toml"
    with mock.patch.object(company, "GLASSES", SECOND_GLASSES):
        file.write_text(company.glasses_toml())
    for name, value in (("signing-secret", SIGNING_SECRET), ("bot-token", BOT_TOKEN)):
        world.aws("ssm").put_parameter(
            Name=f"/break-glass-{stage}/{name}", Value=value, Type="SecureString"
        )
    config_file = world.staged / ".chalice" / "config.json"
    config = json.loads(config_file.read_text())
    variables = {"SLACK_API_URL": f"{world.facts['slack_api']}/api/"}  # of this local world
    config["stages"][stage] = {"environment_variables": variables}
    config_file.write_text(json.dumps(config))
    return file


def inventory(world: World) -> set[tuple[str, str]]:
    """All that there is in the account, by kind and name."""
    functions, events = world.aws("lambda"), world.aws("events")
    found = {
        "function": [each["FunctionName"] for each in functions.list_functions()["Functions"]],
        "event source": [
            f"{each['FunctionArn']} {each['EventSourceArn']}"
            for each in functions.list_event_source_mappings()["EventSourceMappings"]
        ],
        "role": [each["RoleName"] for each in world.aws("iam").list_roles()["Roles"]],
        "rule": [each["Name"] for each in events.list_rules()["Rules"]],
        "queue": world.aws("sqs").list_queues()["QueueUrls"],
        "table": world.aws("dynamodb").list_tables()["TableNames"],
        "API": [each["id"] for each in world.aws("apigateway").get_rest_apis()["items"]],
        "log group": [
            each["logGroupName"]
            for each in world.aws("logs").describe_log_groups(limit=50)["logGroups"]
        ],
        "alarm": [
            each["AlarmName"] for each in world.aws("cloudwatch").describe_alarms()["MetricAlarms"]
        ],
        "dashboard": [
            each["DashboardName"]
            for each in world.aws("cloudwatch").list_dashboards()["DashboardEntries"]
        ],
    }
    return {(kind, name) for kind, names in found.items() for name in names}


def policies(world: World, stage: str) -> str:
    """All that the stage's roles may do."""
    iam, said = world.aws("iam"), ""
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"].startswith(f"break-glass-{stage}"):
            for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                found = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)
                said += json.dumps(found["PolicyDocument"])
    return said


def of(world: World, stage: str) -> Any:
    """For a while, presses go to that stage and rows are read from its table."""
    record = json.loads((world.staged / ".chalice" / "deployed" / f"{stage}.json").read_text())
    api = next(each for each in record["resources"] if each["resource_type"] == "rest_api")
    base = f"{world.facts['endpoint']}/restapis/{api['rest_api_id']}/{STAGE_NAME}"
    table = "break-glass" if stage == STAGE else f"break-glass-{stage}"
    facts = {"slack_url": f"{base}/_user_request_/slack", "table": table}
    return mock.patch.dict(world.facts, facts)


def lives(world: World, stage: str, glass: str) -> None:
    """A press becomes access, which ends by itself: in that stage, and seen in no other."""
    with of(world, stage):
        before = {row["id"] for row in world.rows()}
        assert world.press("alice", glass).status == 200
        end, row = time.monotonic() + PATIENCE, {}
        while not row.get("gone_at"):
            assert time.monotonic() < end, row
            time.sleep(0.3)
            row = next((each for each in world.rows() if each["id"] not in before), {})
    assert row["granted_at"] < row["gone_at"]


def others_rows(world: World, stage: str, glass: str) -> list[Any]:
    with of(world, stage):
        return [row for row in world.rows() if row["glass"] != glass]


def test_a_second_stage_shares_nothing_and_its_deletion_leaves_the_first_whole(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first, rights = inventory(world), policies(world, STAGE)
    prepare(world, SECOND)
    code, said = chalice(world, "deploy", SECOND)
    assert code == 0, said[-4000:]

    # What it made is its own, by name, and its roles may touch nothing else.
    both = inventory(world)
    made = both - first
    assert first <= both
    assert {kind for kind, _ in made} == {kind for kind, _ in first}
    assert [each for each in made if SECOND not in each[1] and each[0] != "API"] == []
    assert len(made) == len([each for each in first if "break-glass" in each[1]]) + 1 - len(
        [each for each in first if LOGS_ROLE in each[1]]  # of the account, for all its APIs
    )
    assert policies(world, STAGE) == rights
    for theirs in ('table/break-glass"', "table/break-glass/", ':break-glass"', ":break-glass-dlq",
                   "parameter/break-glass/", f"break-glass-{STAGE}", "break-glass-*"):  # fmt: skip
        assert theirs not in policies(world, SECOND)
    for alarm in world.aws("cloudwatch").describe_alarms()["MetricAlarms"]:
        if alarm["AlarmName"].endswith("-route-failures"):
            (counted,) = alarm["Dimensions"]
            names = {each["name"] for each in world.aws("apigateway").get_rest_apis()["items"]}
            assert alarm["AlarmName"] == f"{counted['Value']}-route-failures"
            assert counted["Value"] in names
        if alarm["Namespace"].startswith("BreakGlass"):
            own = "BreakGlass/break-glass-second" if SECOND in alarm["AlarmName"] else "BreakGlass"
            assert alarm["Namespace"] == own

    # Each knows its own glasses and its own rows, and works beside the other.
    lives(world, SECOND, "staging")
    lives(world, STAGE, "prod")
    assert others_rows(world, STAGE, "prod") == others_rows(world, SECOND, "staging") == []
    with of(world, SECOND):
        world.press("alice", "prod")  # a glass of the other stage's
        end = time.monotonic() + PATIENCE
        while not any(row["state"] == "DENIED" for row in world.rows()):
            assert time.monotonic() < end
            time.sleep(0.3)
    said = logged(world, SECOND)
    assert '"Namespace": "BreakGlass/break-glass-second"' in said
    assert '"Namespace": "BreakGlass"' not in said
    with at(world):
        main(["doctor", "--stage", SECOND, "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each for each in found if each["state"] in ("bad", "unmade")] == []

    # Deployed again, each finds its own.
    for stage in (STAGE, SECOND):
        code, said = chalice(world, "deploy", stage)
        assert code == 0, said[-4000:]
        assert inventory(world) == both

    # And one goes.
    code, said = chalice(world, "delete", SECOND)
    assert code == 0, said[-4000:]
    left = inventory(world)
    assert first <= left <= both
    assert {kind for kind, _ in left - first} == {
        "table", "queue", "log group", "alarm", "dashboard"}, "what is kept on purpose"  # fmt: skip
    assert policies(world, STAGE) == rights
    lives(world, STAGE, "prod")

    # It comes again as it was, with its log.
    code, said = chalice(world, "deploy", SECOND)
    assert code == 0, said[-4000:]
    lives(world, SECOND, "staging")
    with of(world, SECOND):
        assert len([row for row in world.rows() if row["glass"] == "staging"]) == 2


def logged(world: World, stage: str) -> str:
    logs, said = world.aws("logs"), ""
    for name in ("sweep", "worker"):
        pages = logs.filter_log_events(logGroupName=f"/aws/lambda/break-glass-{stage}-{name}")
        said += "".join(each["message"] for each in pages["events"])
    return said


def test_what_cannot_work_is_refused_before_anything_is_made(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world.staged / "chalicelib"
    own = folder / f"glasses.{SECOND}.toml"
    if not own.exists():  # where this test runs alone
        prepare(world, SECOND)
        assert chalice(world, "deploy", SECOND)[0] == 0
    before = inventory(world)

    def refused(stage: str) -> str:
        code, said = chalice(world, "deploy", stage)
        assert code == 1
        assert "nothing was deployed" in said
        assert "Traceback" not in said
        assert inventory(world) == before
        return said

    assert "break-glass-prod-worker is a name that the stage prod has" in refused("prod-worker")
    said = refused("sceond")
    assert f"the queue break-glass is the stage {STAGE}'s" in said
    assert f"the table break-glass is the stage {STAGE}'s" in said
    assert "chalicelib/glasses.sceond.toml" in said

    own.rename(kept := world.home / own.name)
    assert "is deployed with the table break-glass-second" in refused(SECOND)
    with at(world):
        assert main(["template", "--stage", SECOND]) == 1
    assert "is deployed with the table break-glass-second" in capsys.readouterr().err
    shutil.copyfile(folder / "glasses.toml", mine := folder / f"glasses.{STAGE}.toml")
    assert "is deployed with the table break-glass, and" in refused(STAGE)
    mine.unlink()
    config_file = world.staged / ".chalice" / "config.json"
    config = config_file.read_text()
    said_so = json.loads(config)
    said_so["stages"][STAGE]["environment_variables"]["BREAK_GLASS_TABLE"] = "another"
    config_file.write_text(json.dumps(said_so))
    assert "is deployed with the table break-glass, and" in refused(STAGE), "nor if one says so"
    config_file.write_text(config)
    usual = folder / "glasses.toml"
    usual.rename(away := world.home / usual.name)
    assert "glasses.toml: is not there" in refused(SECOND)
    away.rename(usual)
    kept.rename(own)
    right = own.read_text()
    with mock.patch.object(company, "GLASSES", FIRST_GLASSES):
        own.write_text(company.glasses_toml())
    said = refused(SECOND)
    assert "and so does [glass.prod] of chalicelib/glasses.toml" in said
    own.write_text(right.replace('"8s"', '"eight"'))
    assert "[glass.staging] duration" in refused(SECOND)
