"""In the organisations that exist: an own key, the management account, a new role each time."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from chalicelib.domain.machine import State
from simulator import company
from simulator.provisioning import DENIED
from simulator.world import World, WorldError
from tests.support.policies import POLICIES, Policy, actions, allowed, policy
from tests.support.states import reachable
from tests.world.life import Life, quiet
from tests.world.scene import Scene

pytestmark = pytest.mark.world

ROOT_GLASS = company.Glass("root", company.HOME_ACCOUNT, company.ADMIN, 20, ("everyone",))
KEY = {"InstanceKey", "DirectoryKey"}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", [*company.GLASSES, ROOT_GLASS])
        patch.setattr(company, "ACCOUNTS", {**company.ACCOUNTS, company.HOME_ACCOUNT: "Root"})
        with World.start(deploy=False) as world:
            with pytest.raises(WorldError) as refused:
                world.redeploy()
            assert "nothing was deployed:\n  - [glass.root] account: 000000000000" in str(
                refused.value
            )
            # Whoever may not see whose the instance is deploys all the same.
            world.control("identity_center", down="503")
            world.redeploy()
            world.control("heal", change=True)
            yield Scene(world)


@contextmanager
def worker_with(world: World, document: Policy) -> Iterator[None]:
    """The worker's role has that policy for a while."""
    iam, name = world.aws("iam"), world.function_name("worker")
    (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    before = iam.get_role_policy(RoleName=name, PolicyName=inline)["PolicyDocument"]
    put = {"RoleName": name, "PolicyName": inline}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(before))


def without(document: Policy, *sids: str) -> Policy:
    kept = [each for each in document["Statement"] if each["Sid"] not in sids]
    assert len(kept) == len(document["Statement"]) - len(sids)
    return {**document, "Statement": kept}


# An instance with a customer managed key ----------------------------------------------------------


@pytest.mark.parametrize("sid", sorted(KEY))
def test_without_the_right_to_its_key_identity_center_answers_nobody(
    scene: Scene, sid: str
) -> None:
    quiet(scene.world)
    life = Life(scene.world, "worker")
    with worker_with(scene.world, without(policy("worker"), sid)):
        session = life.press("alice", "staging")
        row = life.until(session, lambda row: row.get("last_error"))
        assert "AccessDenied" in row["last_error"]
        assert "kms:Decrypt" in row["last_error"]
    life.until(session, lambda row: row.get("state") == "ACTIVE")
    life.ask("alice", "end_now", session)
    life.until(session, lambda row: row.get("state") not in ("ACTIVE", "REVOKING"))


THROUGH = {
    "InstanceKey": ("sso", "aws:sso:instance-arn", company.INSTANCE_ARN),
    "DirectoryKey": (
        "identitystore",
        "aws:identitystore:identitystore-arn",
        f"arn:aws:identitystore::111122223333:identitystore/{company.IDENTITY_STORE_ID}",
    ),
}


@pytest.mark.parametrize("handler", [each for each in POLICIES if each != "api_handler"])
@pytest.mark.parametrize("sid", sorted(KEY))
def test_the_key_serves_for_identity_center_and_for_nothing_else(handler: str, sid: str) -> None:
    service, context, arn = THROUGH[sid]
    through = {
        "kms:ViaService": f"{service}.eu-west-1.amazonaws.com",
        f"kms:EncryptionContext:{context}": arn,
    }
    only = {**policy(handler), "Statement": [s for s in policy(handler)["Statement"]
                                             if s["Sid"] == sid]}  # fmt: skip
    assert allowed(only, "kms:Decrypt", company.KEY_ARN, through)
    for key, other in (
        ("kms:ViaService", "s3.eu-west-1.amazonaws.com"),
        ("kms:ViaService", None),
        (f"kms:EncryptionContext:{context}", "arn:aws:s3:::bucket"),
        (f"kms:EncryptionContext:{context}", None),
    ):
        keys = {name: value for name, value in {**through, key: other}.items() if value}
        assert not allowed(policy(handler), "kms:Decrypt", company.KEY_ARN, keys), keys
    assert not allowed(policy(handler), "kms:Encrypt", company.KEY_ARN, through)


def test_what_the_key_was_asked_for_is_what_the_policy_allows(scene: Scene) -> None:
    """In the running app: both statements are needed, and the route needs neither."""
    asked = [each for each in scene.world.control("permissions") if each["action"] == "kms:Decrypt"]
    assert {each["role"] for each in asked} == {"break-glass-local-worker"}
    calls = [(each["action"], each["resource"], each["keys"]) for each in asked]
    whole = policy("worker")
    assert all(allowed(whole, *call) for call in calls)
    for sid in KEY:
        assert not all(allowed(without(whole, sid), *call) for call in calls), sid


def test_who_asks_identity_center_nothing_has_no_right_to_the_key() -> None:
    may = {action for each in policy("api_handler")["Statement"] for action in actions(each)}
    assert not any(action.startswith("kms:") for action in may)


# The management account ---------------------------------------------------------------------------


def test_a_glass_on_the_management_account_is_refused_by_name_and_nothing_is_asked(
    scene: Scene,
) -> None:
    quiet(scene.world)
    life = Life(scene.world, "worker")
    asked = len(scene.world.history())
    session = life.press("alice", "root")
    row = life.until(session, lambda row: row.get("state") == "DENIED")
    assert "“root” is on the organisation's management account 000000000000" in row["reason"]
    assert scene.world.history()[asked:] == []


def test_there_identity_center_makes_roles_with_the_rights_of_whoever_asks(scene: Scene) -> None:
    """Accepted, and FAILED later: what the app would run into, did it not refuse."""
    world = scene.world
    iam, sts = world.aws("iam"), world.aws("sts")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = iam.create_role(RoleName="asker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    put = {"RoleName": "asker", "PolicyName": "p"}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(policy("worker")))
    lent = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="asker")["Credentials"]
    center = boto3.client(
        "sso-admin",
        endpoint_url=world.facts["endpoint"],
        region_name=company.REGION,
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    where = {"InstanceArn": company.INSTANCE_ARN, "PermissionSetArn": company.ADMIN.arn}
    ask = where | {"TargetId": company.HOME_ACCOUNT, "TargetType": "AWS_ACCOUNT",
                   "PrincipalType": "USER",
                   "PrincipalId": company.person("bob").user.user_id}  # fmt: skip
    made = center.create_account_assignment(**ask)["AccountAssignmentCreationStatus"]

    def became() -> Any:
        found = center.describe_account_assignment_creation_status(
            InstanceArn=company.INSTANCE_ARN, AccountAssignmentCreationRequestId=made["RequestId"]
        )["AccountAssignmentCreationStatus"]
        return found if found["Status"] != "IN_PROGRESS" else None

    found = scene.until("it is settled", became)
    assert (found["Status"], found["FailureReason"]) == ("FAILED", DENIED)


def test_no_policy_has_half_of_what_the_management_account_takes() -> None:
    """Granted and never revoked would be worse than refused: both halves, or none of either."""
    for handler in POLICIES:
        may = {action for each in policy(handler)["Statement"] for action in actions(each)}
        assert {a for a in may if a.startswith("iam:")} <= {"iam:GetSAMLProvider"}, handler


# The role, which is another each time -------------------------------------------------------------


def test_each_session_meets_a_new_role_and_its_report_follows_it(scene: Scene) -> None:
    world = scene.world
    for mapping in world.aws("lambda").list_event_source_mappings()["EventSourceMappings"]:
        world.aws("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    roles = []
    for _ in range(2):
        pressed = scene.press("carol", "audit")
        pressed.until("ACTIVE")
        pressed.until(*reachable(State.TAILING))
        (mail,) = scene.mails(pressed.id, "Report")
        assert "2 changes" in mail["text"]
        (events,) = [each for each in mail["attachments"] if each["name"].endswith(".jsonl")]
        text = base64.b64decode(events["base64"]).decode()
        roles.append(set(re.findall(r"AWSReservedSSO_EmergencyAudit_[0-9a-f]{16}(?=/)", text)))
    first, second = roles
    assert len(first) == len(second) == 1
    assert first != second
