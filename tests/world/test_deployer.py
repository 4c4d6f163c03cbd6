"""Whoever deploys may do what it takes, and nothing besides: `docs/deployer-policy.json`.

Under exactly that policy the real `chalice deploy` makes a stage, makes it again over what has
drifted, without its record and with another table, and `chalice delete` removes it. Then each
action, and each resource, is taken away in turn and the same calls are judged again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import packages
from simulator.world import ROOT, World
from tests.support.policies import Policy, actions, allowed, each_less, kind_of, resources

pytestmark = pytest.mark.world

STAGE = "ours"
ROLE = "deploy-break-glass"  # not break-glass-…: it must not be able to change itself
FILE = ROOT / "docs" / "deployer-policy.json"
ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
# A stage without a file of its own has the names without an ending.
OF_THE_FIRST = {
    "Table: arn:aws:dynamodb:*:*:table/break-glass",
    "WhichIdentityCenter: arn:aws:dynamodb:*:*:table/break-glass",
    "Queues: arn:aws:sqs:*:*:break-glass",
    "Queues: arn:aws:sqs:*:*:break-glass-dlq",
}
# AWS asks for a log group with what is in it; the local one without.
AS_AWS_ASKS = {
    "Logs: arn:aws:logs:*:*:log-group:/aws/apigateway/break-glass-STAGE:*",
    "Logs: arn:aws:logs:*:*:log-group:/aws/lambda/break-glass-STAGE:*",
}
# The log role of API Gateway that somebody else's deployment has made, and not named yet.
ANOTHERS = {"RouteLogsRole: iam:GetRole"}

Call = tuple[str, str, dict[str, Any]]  # action, resource, the conditions' keys


def deployer_policy() -> Policy:
    found: Policy = json.loads(FILE.read_text().replace("STAGE", STAGE))
    return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(deploy=False) as world:
        world._stage()
        folder = world.staged / "chalicelib"
        own = (folder / "glasses.toml").rename(folder / f"glasses.{STAGE}.toml")
        own.write_text('alarm_to = "ops@example.com"\n' + own.read_text())
        yield world


@pytest.fixture(scope="module")
def calls(world: World) -> list[Call]:
    """All that the deployer's role was asked for. Nothing of it was refused."""
    iam = world.aws("iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(ANYBODY))
    document = json.dumps(deployer_policy())
    iam.put_role_policy(RoleName=ROLE, PolicyName="deploy", PolicyDocument=document)

    deployed(world)
    drift(world)
    deployed(world)
    shutil.rmtree(world.staged / ".chalice" / "deployed")  # as CI has it
    anew(world)
    deployed(world)
    deployed(world, "delete")
    found = [each for each in world.control("permissions") if each["role"] == ROLE]
    assert [each for each in found if not each["allowed"]] == []
    return [(each["action"], each["resource"], each["keys"]) for each in found]


def deployed(world: World, command: str = "deploy") -> str:
    """The command in the deployer's name, with nothing but its policy."""
    found = world.aws("sts").assume_role(
        RoleArn=f"arn:aws:iam::000000000000:role/{ROLE}", RoleSessionName="ci"
    )["Credentials"]
    packages.reuse(world.staged, world.cache, STAGE)
    done = subprocess.run(
        [sys.executable, "-c", "from chalice.cli import main; main()", command, "--stage", STAGE],
        cwd=world.staged,
        env=world._deploy_environment()
        | {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert command == "delete" or "which Identity Center it is" in done.stdout
    return done.stdout


def drift(world: World) -> None:
    """What an older chalice, or somebody's hand, has left otherwise."""
    functions = world.aws("lambda")
    name = f"break-glass-{STAGE}-worker"
    arn = functions.get_function_configuration(FunctionName=name)["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"aws-chalice": "version=1.0", "by": "hand"})
    functions.put_function_recursion_config(FunctionName=name, RecursiveLoop="Terminate")


def anew(world: World) -> None:
    """Its table was deleted by hand: another one has another stream, and the mapping moves."""
    dynamodb, table = world.aws("dynamodb"), f"break-glass-{STAGE}"
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)


def test_the_policy_is_enough_and_none_of_it_is_spare(calls: list[Call]) -> None:
    whole = deployer_policy()
    assert [call for call in calls if not allowed(whole, *call)] == []
    spare = {said for said, without in each_less(whole)
             if all(allowed(without, *call) for call in calls)}  # fmt: skip
    assert spare == {each.replace("STAGE", STAGE) for each in OF_THE_FIRST | AS_AWS_ASKS | ANOTHERS}


def test_it_touches_no_other_stage_and_not_the_log(calls: list[Call]) -> None:
    whole, where = deployer_policy(), "us-east-1:000000000000"
    lambda_ = {"iam:PassedToService": "lambda.amazonaws.com"}
    for action, resource, keys in (
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{where}:function:break-glass-prod", {}),
        ("lambda:DeleteFunction", f"arn:aws:lambda:{where}:function:break-glass-prod-worker", {}),
        ("dynamodb:UpdateTable", f"arn:aws:dynamodb:{where}:table/break-glass-prod", {}),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{where}:table/break-glass-{STAGE}", {}),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{where}:table/break-glass-{STAGE}", {}),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{where}:table/break-glass-{STAGE}",
         {"dynamodb:LeadingKeys": ["bg-1"]}),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{where}:table/break-glass-{STAGE}", {}),
        ("ssm:GetParameter", f"arn:aws:ssm:{where}:parameter/break-glass-{STAGE}/bot-token", {}),
        ("sso:CreateAccountAssignment", "arn:aws:sso:::account/111122223333", {}),
        ("iam:PutRolePolicy", f"arn:aws:iam::000000000000:role/{ROLE}", {}),
        ("iam:PutRolePolicy", "arn:aws:iam::000000000000:role/break-glass-api-gateway-logs", {}),
        ("iam:PassRole", f"arn:aws:iam::000000000000:role/break-glass-{STAGE}-worker",
         {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:PassRole", "arn:aws:iam::000000000000:role/admin", lambda_),
        ("iam:AttachRolePolicy", "arn:aws:iam::000000000000:role/break-glass-api-gateway-logs",
         {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("lambda:CreateEventSourceMapping", "*",
         {"lambda:FunctionArn": f"arn:aws:lambda:{where}:function:break-glass-prod-worker"}),
    ):  # fmt: skip
        assert not allowed(whole, action, resource, keys), (action, resource, keys)


def test_what_it_lacks_is_one_sentence_and_is_made_good_by_another_run(world: World) -> None:
    iam, whole = world.aws("iam"), deployer_policy()
    without = {**whole, "Statement": [s for s in whole["Statement"] if s["Sid"] != "Queues"]}
    put = {"RoleName": ROLE, "PolicyName": "deploy"}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(without))
    with pytest.raises(AssertionError) as refused:
        deployed(world)
    assert "no function was deployed: " in str(refused.value)
    assert "sqs:" in str(refused.value)
    iam.put_role_policy(**put, PolicyDocument=json.dumps(whole))
    deployed(world)


# What AWS knows no resource for, and no condition either.
UNNAMED = {"lambda:GetAccountSettings", "lambda:ListEventSourceMappings", "sso:ListInstances"}


def test_every_action_exists_and_names_its_resources() -> None:
    from policy_sentry.querying.actions import get_action_data

    for statement in deployer_policy()["Statement"]:
        for action in actions(statement):
            service, _, name = action.partition(":")
            known = get_action_data(service, name)
            assert known, f"{action} does not exist"
            keys = {key for row in known[service] for key in row["condition_keys"]}
            asked = {key for each in statement.get("Condition", {}).values() for key in each}
            assert asked <= keys, f"{action} has {keys}"
            if statement["Resource"] == "*":
                assert asked or action in UNNAMED, f"{action} can name its resources"
            elif service != "apigateway":  # whose resources are the paths of its addresses
                kinds = {kind_of(row["resource_arn_format"]) for row in known[service]}
                assert {kind_of(each) for each in resources(statement)} <= kinds, (action, kinds)


def test_it_fits_into_one_managed_policy() -> None:
    longest = FILE.read_text().replace("STAGE", "x" * 36)
    assert len(json.dumps(json.loads(longest), separators=(",", ":"))) < 6_144
