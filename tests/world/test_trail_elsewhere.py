"""An organisation like most: the trail is another account's, in another Region or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from simulator import company
from simulator.trail_places import BUCKET, ELSEWHERE, GROUP
from simulator.world import World
from tests.world.scene import GLASSES, Scene

pytestmark = pytest.mark.world


@pytest.fixture(params=[ELSEWHERE, BUCKET])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", list(GLASSES))
        with World.start(trail=request.param) as world:
            yield Scene(world)
            assert [each for each in world.control("permissions") if not each["allowed"]] == []


def test_the_journey_is_reported_from_where_the_trail_is(scene: Scene) -> None:
    functions, worker = scene.aws("lambda"), scene.world.function_name("worker")
    loops = functions.get_function_recursion_config(FunctionName=worker)
    assert loops["RecursiveLoop"] == "Allow"  # by the deployment
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
    assert "sts:AssumeRole" in used


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
