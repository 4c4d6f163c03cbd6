"""An organisation like most: the trail is another account's, in another Region or in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from simulator import company
from simulator.trail_places import BUCKET, ELSEWHERE, GROUP, LINKED, ROLE
from simulator.world import STAGE, World
from tests.world.ops import at, tool
from tests.world.scene import GLASSES, Scene
from tools.checks.patient import OK, UNMADE, Patient, findings
from tools.checks.told import trail

pytestmark = pytest.mark.world


def test_a_wrong_external_id_is_said_by_doctor() -> None:
    with World.start(deploy=False, trail=ELSEWHERE) as world:
        world._stage()
        iam, name = world._of_account("iam", company.ARCHIVE_ACCOUNT), ROLE.rpartition("/")[2]
        trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
        us = trust.replace(":role/none", ":root")  # AlsoTrusted
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=us)
        with at(world):
            assert {each.state for each in findings(Patient(STAGE), trail)} == {OK}
        glasses = world.staged / "chalicelib" / "glasses.toml"
        glasses.write_text(glasses.read_text().replace('"4711"', '"4712"'))
        with at(world):
            (found,) = findings(Patient(STAGE), trail)
    assert found.state == UNMADE  # AWS says that it may not, and not why
    assert "could not be tried" in found.said
    assert "parameter ExternalId is “4712”, as trail_external_id has it" in found.cure


@pytest.fixture(params=[ELSEWHERE, LINKED, BUCKET])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", list(GLASSES))
        with World.start(trail=request.param) as world:
            if request.param == LINKED:
                says(world, "is no log group that can be read from here")
                world.control("trail", linked=[company.ARCHIVE_ACCOUNT])
                says(world, "the trail has had events from 111122223333 within a day")
            yield Scene(world)
            assert [each for each in world.control("permissions") if not each["allowed"]] == []


def says(world: World, what: str) -> None:
    """The doctor, as typed."""
    said = tool(world, "doctor", "--only", "trail")
    assert what in said.out, said


def test_the_journey_is_reported_from_where_the_trail_is(scene: Scene) -> None:
    functions, worker = scene.aws("lambda"), scene.world.function_name("worker")
    loops = functions.get_function_recursion_config(FunctionName=worker)
    assert loops["RecursiveLoop"] == "Allow"  # by the deployment
    said = " ".join(tool(scene.world, "doctor", "--only", "Identity Center").out.split())
    assert "from a delegated administrator account" in said
    assert f"arn:aws:kms:us-east-1:{company.MANAGEMENT}:key/" in said
    pressed = scene.press("alice", "admin")
    pressed.closes()
    mail = scene.until("the report", lambda: scene.mails(pressed.id, "Report"))[0]
    text = mail["text"]
    assert ": signed in, " in text  # at the portal, in the account of Identity Center
    assert "secret read: ssm:GetParameter" in text  # in the account
    for doubt in (
        "not all was read",
        "is the trail delivering?",
        "may be missing",
        "many accounts",
    ):
        assert doubt not in mail["subject"] + text
    assert int(pressed.has("reported_at")["report_events"]) > 2
    used = {each["action"] for each in scene.world.control("permissions")}
    assert ("sts:AssumeRole" in used) == (scene.world.trail.name != LINKED)


def test_a_trail_is_found_by_its_arn_in_its_account_and_region_alone() -> None:
    """As AWS has it: neither its name nor its ARN is of any use here, but by a link or a role."""
    with World.start(deploy=False, trail=ELSEWHERE) as world:

        def start(region: str = company.ARCHIVE_REGION, **where: list[str]) -> str:
            logs = world._of_account("logs", "test", region)
            asked = {"startTime": 0, "endTime": 1 << 32, "queryString": "fields @message"}
            return str(logs.start_query(**where, **asked)["queryId"])

        arn = GROUP.removesuffix(":*")
        for where in ({"logGroupNames": [company.TRAIL]}, {"logGroupIdentifiers": [arn]}):
            with pytest.raises(ClientError, match="ResourceNotFound"):
                start(**where)
        world.control("trail", linked=[company.ARCHIVE_ACCOUNT])
        assert start(logGroupIdentifiers=[arn])
        with pytest.raises(ClientError, match="ResourceNotFound"):
            start(region="us-east-1", logGroupIdentifiers=[arn])
        logs = world._of_account("logs", "test", company.ARCHIVE_REGION)
        running = logs.describe_queries(status="Running")["queries"]
        assert [each["queryString"] for each in running] == ["fields @message"]
