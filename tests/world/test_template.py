"""The other road: `chalice package` and CloudFormation give the same as `chalice deploy`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deploy import schema
from chalicelib.deploy.patience import patiently
from simulator.world import STAGE, World
from tests.world.ops import at, tool, world_of_sessions_of
from tools.template import api_gateway_may_log

pytestmark = pytest.mark.world
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
BUCKET = "deployments"
NOISE = ("TableId", "CreationDateTime", "TableSizeBytes", "ItemCount", "LatestStreamArn",
         "LatestStreamLabel", "TableArn", "ProvisionedThroughput")  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_of_sessions_of(seconds=12, deploy=False) as world:
        yield world


@pytest.fixture(scope="module")
def template(world: World) -> Path:
    """The packaged template, from what ships and the file to merge."""
    world._stage()
    merge = world.home / "merge.json"
    said = tool(world, "template", "--out", str(merge))
    assert said.code == 0, said.err
    out = world.home / "out"
    command = [sys.executable, "-c", CHALICE, "package", "--stage", STAGE]
    done = subprocess.run(
        [*command, "--merge-template", str(merge), str(out)],
        cwd=world.staged,
        env=world._deploy_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "sam.json"


@pytest.fixture(scope="module")
def stack(world: World, template: Path) -> dict[str, str]:
    """The stack's outputs, once it stands."""
    s3, formation = world.aws("s3"), world.aws("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(template.with_name("deployment.zip")), BUCKET, "deployment.zip")
    body = template.read_text().replace("./deployment.zip", f"s3://{BUCKET}/deployment.zip")
    s3.put_object(Bucket=BUCKET, Key="stack.json", Body=body.encode())
    formation.create_stack(
        StackName="break-glass",
        TemplateURL=f"{world.facts['endpoint']}/{BUCKET}/stack.json",
        Parameters=[{"ParameterKey": "TableIsProtected", "ParameterValue": "yes"}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    found = _until(formation, "break-glass", "CREATE_COMPLETE")
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def test_the_template_passes_the_linter(template: Path) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([str(linter), str(template)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_policies_follow_the_partition_of_the_stack(template: Path) -> None:
    text = template.read_text()
    assert "arn:${AWS::Partition}:dynamodb:*:*:table/break-glass" in text
    assert re.findall(r'"arn:aws[\w-]*:[^"]*', text) == []


def test_what_is_asked_of_the_account_is_the_default_and_else_nobody_guesses(
    world: World, template: Path
) -> None:
    asked = json.loads(template.read_text())["Parameters"]["ApiGatewayMayLog"]
    assert asked["Default"] == "set-it", "this account names no role yet"
    made = _template(world, "")["Parameters"]["ApiGatewayMayLog"]
    assert "Default" not in made, "CloudFormation asks before it makes anything"


def test_a_create_that_failed_is_taken_back_whole(world: World, template: Path) -> None:
    """Runs before the stack that stands, which is the next try: of that name, of those things."""
    s3, formation = world.aws("s3"), world.aws("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(template.with_name("deployment.zip")), BUCKET, "deployment.zip")
    body = template.read_text().replace("./deployment.zip", f"s3://{BUCKET}/deployment.zip")
    broken = json.loads(body)
    waits = {"Handle": {"Ref": "Nobody"}, "Timeout": "1", "Count": 1}  # for what never comes
    broken["Resources"]["Nobody"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    broken["Resources"]["Fails"] = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "DependsOn": [name for name in broken["Resources"] if name != "Nobody"],
        "Properties": waits,
    }
    s3.put_object(Bucket=BUCKET, Key="broken.json", Body=json.dumps(broken).encode())
    formation.create_stack(
        StackName="break-glass",
        TemplateURL=f"{world.facts['endpoint']}/{BUCKET}/broken.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _until(formation, "break-glass", "ROLLBACK_COMPLETE")
    formation.delete_stack(StackName="break-glass")
    with pytest.raises(world.aws("dynamodb").exceptions.ResourceNotFoundException):
        world.aws("dynamodb").describe_table(TableName="break-glass")
    queues = world.aws("sqs").list_queues(QueueNamePrefix="break-glass")
    assert queues.get("QueueUrls", []) == []
    groups = world.aws("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/break-glass")
    assert groups["logGroups"] == []
    assert made(world) == []
    # AWS goes on naming API Gateway the role for logs that went with the stack: it is made anew.
    gone = "arn:aws:iam::000000000000:role/gone-with-the-stack"
    patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": gone}]
    patiently(partial(world.aws("apigateway").update_account, patchOperations=patch))
    with at(world):
        assert api_gateway_may_log() == "set-it"


def test_without_what_is_merged_the_template_has_no_table(template: Path) -> None:
    kinds = {each["Type"] for each in json.loads(template.read_text())["Resources"].values()}
    assert {"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::CloudWatch::Alarm"} <= kinds


def test_the_api_has_the_name_that_its_alarm_counts_by(template: Path) -> None:
    made = json.loads(template.read_text())["Resources"]
    title = made["RestAPI"]["Properties"]["DefinitionBody"]["info"]["title"]
    counted = [each["Properties"]["Dimensions"] for each in made.values()
               if each["Properties"].get("Namespace") == "AWS/ApiGateway"]  # fmt: skip
    assert counted == [[{"Name": "ApiName", "Value": title}]]
    assert title == f"break-glass-{STAGE}"


def test_both_roads_make_the_same_table(world: World, stack: dict[str, str]) -> None:
    dynamodb = world.aws("dynamodb")
    by_stack = _described(dynamodb, "break-glass")
    schema.ensure(dynamodb, "break-glass-by-deploy")
    by_deploy = _described(dynamodb, "break-glass-by-deploy")
    assert by_stack == by_deploy | {"TableName": "break-glass"}


def test_the_stack_is_what_the_doctor_wants(world: World, stack: dict[str, str]) -> None:
    told = json.loads(tool(world, "doctor", "--json", "--stack", "break-glass").out)
    assert [each["said"] for each in told["findings"] if each["state"] == "bad"] == []


def test_the_stack_takes_a_press_to_access_and_back(world: World, stack: dict[str, str]) -> None:
    manifest = json.loads(tool(world, "slack-manifest", "--stack", "break-glass").out)
    world.facts["slack_url"] = manifest["settings"]["interactivity"]["request_url"]
    assert world.press("carol", "audit").status == 200
    end = time.monotonic() + 240
    while "CLOSED" not in tool(world, "log", "--person", "carol@example.com").out:
        assert time.monotonic() < end, tool(world, "log", "--scan").out
        time.sleep(1)


def test_the_table_outlives_its_stack(world: World, stack: dict[str, str]) -> None:
    """Runs last: what is kept is kept."""
    world.aws("cloudformation").delete_stack(StackName="break-glass")
    time.sleep(3)
    assert _described(world.aws("dynamodb"), "break-glass")["TableStatus"] == "ACTIVE"


def test_the_merged_file_is_made_for_the_stage_that_is_asked_for(world: World) -> None:
    from tools import _project
    from tools.template import template

    with at(world):
        made = template("prod", _project.settings("prod"))["Resources"]
    assert made["Sweep"]["Properties"]["FunctionName"] == "break-glass-prod-sweep"
    assert "BreakGlassProdOverdueAlarm" in made


def made(world: World) -> list[str]:
    """What else there is of the stage."""
    listed = {
        "lambda": ("list_functions", "Functions", "FunctionName"),
        "events": ("list_rules", "Rules", "Name"),
        "apigateway": ("get_rest_apis", "items", "name"),
        "cloudwatch": ("describe_alarms", "MetricAlarms", "AlarmName"),
        "iam": ("list_roles", "Roles", "RoleName"),
    }
    return [
        each[name]
        for service, (call, among, name) in listed.items()
        for each in getattr(world.aws(service), call)()[among]
        if each[name].startswith("break-glass")
    ]


# Below --------------------------------------------------------------------------------------------


def _until(formation: Any, stack: str, status: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while True:
        (found,) = formation.describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] == status:
            return dict(found)
        failed = formation.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [e.get("ResourceStatusReason") for e in failed if "FAILED" in e["ResourceStatus"]]
        assert not reasons or status.startswith("ROLLBACK"), reasons
        assert time.monotonic() < end, (found["StackStatus"], reasons)
        time.sleep(0.5)


def _template(world: World, may_log: str) -> dict[str, Any]:
    from tools import _project
    from tools.template import template

    with at(world):
        return template(STAGE, _project.settings(STAGE), may_log)


def _described(dynamodb: Any, name: str) -> dict[str, Any]:
    """Without what differs from table to table."""
    table = dynamodb.describe_table(TableName=name)["Table"]
    kept = {key: value for key, value in table.items() if key not in NOISE}
    kept["GlobalSecondaryIndexes"] = sorted(
        (
            {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            for index in table["GlobalSecondaryIndexes"]
        ),
        key=lambda index: str(index["IndexName"]),
    )
    kept["AttributeDefinitions"] = sorted(
        table["AttributeDefinitions"], key=lambda each: str(each["AttributeName"])
    )
    kept["ttl"] = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    return kept | {"recovery": recovery}
