"""The doctor finds whatever is broken, and says the cure; a healthy world is ready."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest

from simulator import company
from simulator.world import ROOT, STAGE, World
from tests.world.ops import at, tool
from tools.checks import every as _checks
from tools.checks.every import CHECKS
from tools.checks.patient import BAD, NOTE, OK, UNMADE, Finding, Patient, findings

pytestmark = pytest.mark.world
Break = Callable[[World], AbstractContextManager[None]]
TRIED: list[tuple[str, str, Break, str]] = []


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start() as world:
        yield world


def breaks(check: str, said: str, state: str = BAD) -> Callable[[Callable[[World], Any]], Break]:
    """A way to break the world, and what the named check must then say."""

    def register(way: Callable[[World], Any]) -> Break:
        TRIED.append((check, said, contextmanager(way), state))
        return TRIED[-1][2]

    return register


def look(world: World, name: str, **changes: Any) -> list[Finding]:
    check = dict(CHECKS)[name]
    with at(world):
        return findings(Patient(STAGE, **changes), check)


def wrong(found: list[Finding], state: str = BAD) -> str:
    return "\n".join(f"{each.said} → {each.cure}" for each in found if each.state == state)


@contextmanager
def toml(world: World, old: str, new: str) -> Iterator[None]:
    file = world.staged / "chalicelib" / "glasses.toml"
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))
    yield
    file.write_text(before)


# The ways in which it breaks ----------------------------------------------------------------------


@breaks("settings", "duration")
def _a_duration_that_is_none(world: World) -> Iterator[None]:
    with toml(world, 'duration = ["30s", "60s"]', 'duration = "half a minute"'):
        yield


@breaks("accounts", "account 999999999999 does not exist")
def _an_account_that_does_not_exist(world: World) -> Iterator[None]:
    with toml(world, f'"{company.PRODUCTION}"', '"999999999999"'):
        yield


@breaks("permission sets", "there is no permission set NoSuchSet")
def _a_permission_set_that_does_not_exist(world: World) -> Iterator[None]:
    with toml(world, '"EmergencyAudit"', '"NoSuchSet"'):
        yield


@breaks("people", "no group nobodies")
def _a_group_that_does_not_exist(world: World) -> Iterator[None]:
    with toml(world, '"group:sre"]\nreport', '"group:nobodies"]\nreport'):
        yield


@breaks("people", "nora@example.com")
def _a_person_who_does_not_exist(world: World) -> Iterator[None]:
    with toml(world, '"steve@example.com"', '"nora@example.com"'):
        yield


@breaks("Identity Center", "is not an instance")
def _an_instance_that_is_not_ours(world: World) -> Iterator[None]:
    other = 'identity_center_instance = "arn:aws:sso:::instance/ssoins-0000000000000000"\n'
    with toml(world, "report_from", f'{other}identity_store = "d-0000000000"\nreport_from'):
        yield


@breaks("Identity Center", "ListInstances", UNMADE)
def _identity_center_that_is_down(world: World) -> Iterator[None]:
    world.control("identity_center", down="503")
    yield
    world.control("heal", change=True)


@breaks("reach", "“staging” cannot be served: its account is the management account")
def _a_glass_on_the_management_account(world: World) -> Iterator[None]:
    with toml(world, f'"{company.STAGING}"', f'"{company.HOME_ACCOUNT}"'):
        yield


@breaks("permission sets", "policy arn:aws:iam::000000000000:policy/AuditTrails")
def _a_policy_that_is_missing_in_its_account(world: World) -> Iterator[None]:
    with toml(world, f'"{company.STAGING}"', f'"{company.HOME_ACCOUNT}"'):
        yield


@breaks("second way", "no second way in", NOTE)
def _no_second_way_in(world: World) -> Iterator[None]:
    yield
    file = world.staged / "chalicelib" / "glasses.toml"
    file.write_text(f'second_way = "an IAM user under seal"\n{file.read_text()}')


@breaks("rights", "break-glass-local-worker may not sqs:ReceiveMessage on arn:aws:sqs:us-east-1")
def _a_role_that_lacks_a_right(world: World) -> Iterator[None]:
    with statement(world, "TakeWakeUps", None):
        yield


@breaks("rights", f"may not sso:DescribePermissionSet on {company.AUDITOR.arn}")
def _a_policy_that_leaves_out_a_glass(world: World) -> Iterator[None]:
    named = [company.INSTANCE_ARN, company.ADMIN.arn, company.OPERATOR.arn]
    narrow = {"Sid": "Sets", "Effect": "Allow", "Action": "sso:DescribePermissionSet"}
    with statement(world, "PermissionSets", narrow | {"Resource": named}):
        yield


@breaks("rights", "may not kms:Decrypt on arn:aws:kms:us-east-1:000000000000:key/x")
def _a_role_that_may_not_use_the_key(world: World) -> Iterator[None]:
    with statement(world, "InstanceKey", None):
        yield


@breaks("rights", "may not dynamodb:GetItem on arn:aws:dynamodb:us-east-1:000000000000:table/other")
def _a_policy_that_names_another_table(world: World) -> Iterator[None]:
    with mock.patch.dict(os.environ, BREAK_GLASS_TABLE="other"):
        yield


@breaks("functions", "MemorySize=128")
def _a_function_with_too_little_memory(world: World) -> Iterator[None]:
    name, functions = world.function_name("sweep"), world.aws("lambda")
    functions.update_function_configuration(FunctionName=name, MemorySize=128)
    yield
    functions.update_function_configuration(FunctionName=name, MemorySize=512)


@breaks("table", "TTL is off")
def _ttl_that_is_off(world: World) -> Iterator[None]:
    def switch(on: bool) -> None:
        world.aws("dynamodb").update_time_to_live(
            TableName="break-glass",
            TimeToLiveSpecification={"Enabled": on, "AttributeName": "ttl"},
        )

    switch(False)
    yield
    switch(True)


@breaks("table", "point-in-time recovery is off")
def _recovery_that_is_off(world: World) -> Iterator[None]:
    def switch(on: bool) -> None:
        world.aws("dynamodb").update_continuous_backups(
            TableName="break-glass",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on},
        )

    switch(False)
    yield
    switch(True)


@breaks("table", "not protected from deletion")
def _a_table_that_may_be_deleted(world: World) -> Iterator[None]:
    update = world.aws("dynamodb").update_table
    update(TableName="break-glass", DeletionProtectionEnabled=False)
    yield
    update(TableName="break-glass", DeletionProtectionEnabled=True)


@breaks("queues", "VisibilityTimeout=5")
def _a_message_that_comes_again_too_soon(world: World) -> Iterator[None]:
    sqs = world.aws("sqs")
    url = sqs.get_queue_url(QueueName="break-glass")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "360"})


@breaks("queues", "1 dead letters")
def _a_dead_letter(world: World) -> Iterator[None]:
    sqs = world.aws("sqs")
    url = sqs.get_queue_url(QueueName="break-glass-dlq")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    yield
    sqs.purge_queue(QueueUrl=url)


@breaks("event sources", "is Disabled")
def _an_event_source_that_is_off(world: World) -> Iterator[None]:
    with mapping(world, "worker", Enabled=False):
        yield
    with mapping(world, "worker", Enabled=True):
        pass


@breaks("event sources", "MaximumRetryAttempts=-1")
def _a_stream_that_retries_for_a_day(world: World) -> Iterator[None]:
    with mapping(world, "stream", MaximumRetryAttempts=-1):
        yield
    with mapping(world, "stream", MaximumRetryAttempts=5):
        pass


@breaks("concurrency", "the route has no room of its own")
def _an_account_that_runs_five_functions_at_once(world: World) -> Iterator[None]:
    world.control("account", concurrency=5)
    yield
    world.control("account", concurrency=0)


@breaks("schedules", "is disabled")
def _a_sweep_that_never_comes(world: World) -> Iterator[None]:
    name = f"{world.function_name('sweep')}-event"
    world.aws("events").disable_rule(Name=name)
    yield
    world.aws("events").enable_rule(Name=name)


@breaks("route", "refuses what is signed")
def _a_signing_secret_that_is_not_slacks(world: World) -> Iterator[None]:
    # The functions keep the old one for a while: so the doctor's own is the wrong one here.
    ssm, name = world.aws("ssm"), "/break-glass/signing-secret"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    world.post(b"{}", {})  # has it in hand
    ssm.put_parameter(Name=name, Value="x" * 32, Type="SecureString", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="SecureString", Overwrite=True)


@breaks("route", "cannot be read: ParameterNotFound")
def _no_signing_secret(world: World) -> Iterator[None]:
    ssm, name = world.aws("ssm"), "/break-glass/signing-secret"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="SecureString", Overwrite=True)


@breaks("route's settings", "throttlingRateLimit=10000")
def _a_route_without_limits(world: World) -> Iterator[None]:
    with stage(world, "/*/*/throttling/rateLimit", "10000", "50"):
        yield


@breaks("logs", "is kept 1 days")
def _a_log_that_forgets(world: World) -> Iterator[None]:
    logs, group = world.aws("logs"), f"/aws/lambda/{world.function_name('sweep')}"
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    yield
    logs.put_retention_policy(logGroupName=group, retentionInDays=90)


@breaks("alarms", "break-glass-local-overdue is gone")
def _an_alarm_that_is_gone(world: World) -> Iterator[None]:
    watch = world.aws("cloudwatch")
    name = "break-glass-local-overdue"
    (alarm,) = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    watch.delete_alarms(AlarmNames=[name])
    yield
    asked = watch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    watch.put_metric_alarm(**{key: value for key, value in alarm.items() if key in asked})


@breaks("alarms", "tells nobody")
def _alarms_that_tell_nobody(world: World) -> Iterator[None]:
    target = 'alarm_to = "arn:aws:sns:us-east-1:000000000000:oncall"\n'
    with toml(world, "report_from", f"{target}report_from"):
        yield


@breaks("alarms", "seen in CloudWatch alone", NOTE)
def _alarms_that_were_not_asked_to_tell(world: World) -> Iterator[None]:
    yield


@breaks("deadlines", "may have EmergencyAdmin")
def _a_session_past_its_deadline(world: World) -> Iterator[None]:
    table, key = world.aws("dynamodb"), {"id": {"S": f"bg-{1:024}"}}
    late = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="milliseconds")
    row = {
        **key,
        "kind": {"S": "session"},
        "open": {"S": "yes"},
        "look_at": {"S": "2999-01-01T00:00:00.000Z"},
        "state": {"S": "REVOKING"},
        "deadline": {"S": late},
        "email": {"S": "alice@example.com"},
        "permission_set": {"S": "EmergencyAdmin"},
    }
    table.put_item(TableName="break-glass", Item=row)
    yield
    table.delete_item(TableName="break-glass", Key=key)


@breaks("trail", "does not exist here")
def _a_trail_that_is_somewhere_else(world: World) -> Iterator[None]:
    with toml(world, company.TRAIL, "no/such/group"):
        yield


@breaks("trail", "no event from 999999999999")
def _an_account_that_the_trail_does_not_hear(world: World) -> Iterator[None]:
    with toml(world, f'"{company.PRODUCTION}"', '"999999999999"'):
        yield


@breaks("mail", "SES does not know")
def _a_sender_that_ses_does_not_know(world: World) -> Iterator[None]:
    world.aws("sesv2").delete_email_identity(EmailIdentity="example.com")
    yield
    world.aws("sesv2").create_email_identity(EmailIdentity="example.com")


@breaks("Slack", "invalid_auth")
def _a_token_that_slack_does_not_take(world: World) -> Iterator[None]:
    ssm, name = world.aws("ssm"), "/break-glass/bot-token"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="xoxb-old", Type="SecureString", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="SecureString", Overwrite=True)


@breaks("on call", "Slack has no user group S0NOBODY")
def _a_user_group_that_slack_does_not_have(world: World) -> Iterator[None]:
    with toml(world, '"group:sre"]\nreport', '"group:sre", "slack:S0NOBODY"]\nreport'):
        yield


@breaks("Slack", "lacks the scope users:read.email")
def _a_scope_that_is_missing(world: World) -> Iterator[None]:
    world.control("slack", scopes="chat:write,users:read")
    yield
    world.control("heal", change=True)


@breaks("Slack", "the scope admin, which nothing here uses", NOTE)
def _a_scope_too_many(world: World) -> Iterator[None]:
    world.control("slack", scopes="chat:write,users:read,users:read.email,admin")
    yield
    world.control("heal", change=True)


@breaks("channels", "the app is not in #incidents")
def _a_channel_that_the_app_is_not_in(world: World) -> Iterator[None]:
    world.control("slack", not_in=["C0INCIDENT"])
    yield
    world.control("heal", change=True)


@breaks("channels", "channel_not_found")
def _a_channel_that_does_not_exist(world: World) -> Iterator[None]:
    with toml(world, '"C0INCIDENT"', '"C0NOWHERE"'):
        yield


# What is promised ---------------------------------------------------------------------------------


def test_a_healthy_world_is_ready(world: World) -> None:
    said = tool(world, "doctor", "--json")
    told = json.loads(said.out)
    assert [each for each in told["findings"] if each["state"] in (BAD, UNMADE)] == []
    assert (said.code, told["ready"], told["unmade"]) == (0, True, 0)
    assert {each["check"] for each in told["findings"]} == {name for name, _ in CHECKS}


@pytest.mark.parametrize(
    ("name", "said", "way", "state"), TRIED, ids=[way.__name__.strip("_") for _, _, way, _ in TRIED]
)
def test_the_doctor_finds(world: World, name: str, said: str, way: Break, state: str) -> None:
    with way(world):
        found = look(world, name)
    assert said in wrong(found, state)
    assert all(each.cure for each in found if each.state != "ok"), "each failure has its cure"
    assert wrong(look(world, name)) == "", "and once it is cured it is well again"


def test_a_check_that_fails_makes_the_exit_code_say_so(world: World) -> None:
    with _an_event_source_that_is_off(world):
        said = tool(world, "doctor", "--only", "event")
    assert said.code == 1
    assert "NOT READY" in said.err
    assert "→ aws lambda update-event-source-mapping --uuid" in said.out


def test_what_could_not_be_looked_at_is_not_called_ready(world: World) -> None:
    with _identity_center_that_is_down(world):
        said = tool(world, "doctor", "--only", "Identity Center")
        told = json.loads(tool(world, "doctor", "--only", "Identity Center", "--json").out)
    assert (said.code, told["ready"], told["unmade"]) == (1, False, 1)
    assert "????" in said.out
    assert said.err == "\nNOT READY: 1 check could not be made.\n"


@contextmanager
def as_the_deployer(world: World) -> Iterator[None]:
    """This process has the rights of whoever deploys, and no others."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    policy = (ROOT / "docs" / "deployer-policy.json").read_text().replace("STAGE", STAGE)
    iam, name = world.aws("iam"), "deploys-it"
    trusting = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="deploy", PolicyDocument=policy)
    sts = world.aws("sts")
    found = sts.assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }
    with at(world), mock.patch.dict(os.environ, credentials), mock.patch("boto3.DEFAULT_SESSION"):
        boto3.setup_default_session()
        yield
    iam.delete_role_policy(RoleName=name, PolicyName="deploy")
    iam.delete_role(RoleName=name)


def test_what_the_deployer_may_not_see_is_not_called_bad(world: World) -> None:
    """Nor is a cure named that cures nothing: all is well, but for who looks."""
    with as_the_deployer(world):
        found = {title: findings(Patient(STAGE), check) for title, check in CHECKS}
    assert {title: wrong(each) for title, each in found.items() if wrong(each)} == {}
    for title in ("permission sets", "people", "route", "deadlines", "trail", "Slack", "channels"):
        assert [each.state for each in found[title]] == [UNMADE], title
    unmade = [each for said in found.values() for each in said if each.state == UNMADE]
    assert {each.cure for each in unmade} == {"look with credentials that may read it"}


def refuse(patient: Patient) -> Iterator[Finding]:
    yield Finding(OK, "so far")
    raise KeyError("Role")


def test_an_answer_that_makes_no_sense_is_a_check_that_could_not_be_made() -> None:
    found = findings(Patient(STAGE), refuse)
    assert [each.state for each in found] == [OK, UNMADE]
    assert "KeyError" in found[1].said


def test_a_clock_that_is_off_is_found(world: World) -> None:
    late = look(world, "clock", now=lambda: datetime.now(UTC) - timedelta(minutes=3))
    assert "s off AWS's" in wrong(late)
    assert wrong(look(world, "clock")) == ""


def test_nothing_deployed_is_said_and_how_to_deploy(world: World, tmp_path: Path) -> None:
    record = world.staged / ".chalice" / "deployed" / f"{STAGE}.json"
    record.rename(tmp_path / "kept.json")
    try:
        assert f"run `chalice deploy --stage {STAGE}`" in wrong(look(world, "functions"))
    finally:
        (tmp_path / "kept.json").rename(record)


class FromAfar:
    """AWS as a delegated administrator account sees it: not the management account."""

    def __init__(self, management: str, provisioned: tuple[str, ...] = ()) -> None:
        self.management, self.provisioned = management, provisioned

    def __call__(self, service: str) -> Any:
        from tools._project import client

        real = client(service)
        if service == "organizations":
            answer = {"Organization": {"MasterAccountId": self.management}}
            real.describe_organization = lambda: answer
        if service == "sso-admin":
            pages, mine = real.get_paginator, "list_accounts_for_provisioned_permission_set"
            real.get_paginator = lambda name: self if name == mine else pages(name)
        return real

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"AccountIds": list(self.provisioned)}]


def test_a_delegated_account_cannot_serve_the_management_account(world: World) -> None:
    found = look(world, "reach", client=FromAfar(company.PRODUCTION))
    assert "“prod” cannot be served" in wrong(found)
    assert "“staging”" not in wrong(found)


def test_a_delegated_account_cannot_serve_sets_of_the_management_account(world: World) -> None:
    found = look(world, "reach", client=FromAfar("222222222222", ("222222222222",)))
    assert wrong(found).count("provisioned in the management account") == 3


def test_a_delegated_account_serves_the_rest(world: World) -> None:
    found = look(world, "reach", client=FromAfar("222222222222"))
    assert wrong(found) == ""
    assert found


class Instead:
    """AWS, but for some answers."""

    def __init__(self, service: str, **answers: Any) -> None:
        self.service, self.answers = service, answers

    def __call__(self, service: str) -> Any:
        from tools._project import client

        real = client(service)
        if service == self.service:
            for name, answer in self.answers.items():
                setattr(real, name, answer)
        return real


def described(**changes: Any) -> Any:
    whole = {"OwnerAccountId": company.HOME_ACCOUNT, "PermissionSetsEnabled": True}
    return Instead("sso-admin", describe_instance=lambda InstanceArn: whole | changes)  # noqa: N803


@pytest.mark.parametrize(
    "changes", [{"PermissionSetsEnabled": False}, {"OwnerAccountId": company.PRODUCTION}]
)
def test_an_account_instance_is_found(world: World, changes: dict[str, Any]) -> None:
    found = wrong(look(world, "Identity Center", client=described(**changes)))
    assert "is the account instance of" in found
    assert "gives no access to accounts" in found


def test_an_instance_without_an_organisation_is_an_account_instance(world: World) -> None:
    from botocore.exceptions import ClientError

    def none() -> Any:
        code = {"Error": {"Code": "AWSOrganizationsNotInUseException"}}
        raise ClientError(code, "DescribeOrganization")

    def denied() -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeOrganization")

    client = Instead("organizations", describe_organization=none)
    assert "is the account instance of" in wrong(look(world, "Identity Center", client=client))
    client = Instead("organizations", describe_organization=denied)
    found = wrong(look(world, "Identity Center", client=client), UNMADE)
    assert "DescribeOrganization was answered AccessDeniedException" in found


def test_the_instances_key_is_known(world: World) -> None:
    key = {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": company.KEY_ARN}
    assert company.KEY_ARN in wrong(look(world, "Identity Center"), OK)
    failed = key | {"EncryptionStatus": "UPDATE_FAILED", "EncryptionStatusReason": "no policy"}
    client = described(EncryptionConfigurationDetails=failed)
    found = wrong(look(world, "Identity Center", client=client))
    assert "could not be encrypted" in found
    assert "no policy" in found
    assert "AWS's own key" in wrong(look(world, "Identity Center", client=described()), OK)


def test_which_glasses_credentials_may_end_sooner_is_said(world: World) -> None:
    """On staging Steve has the operator's set for good; nobody has the others."""
    found = wrong(look(world, "permission sets"), OK)
    assert (
        "“prod”: EmergencyAdmin; credentials live on for up to 15 s after the end at the" in found
    )
    assert (
        "“staging”: EmergencyOperator; credentials live on for up to 15 s after the end, for"
        in found
    )
    assert "1 more have it on 444455556666" in found


def test_policies_that_cannot_be_seen_from_here_are_a_note(world: World) -> None:
    found = wrong(look(world, "permission sets"), NOTE)
    assert "“audit”: whether 444455556666 has AuditTrails cannot be seen from here" in found
    assert "aws iam get-policy --policy-arn arn:aws:iam::444455556666:policy/AuditTrails" in found
    where = {"account_id": company.STAGING, "permission_set_arn": company.AUDITOR.arn}
    where["principal_id"] = company.person("carol").user.user_id
    world.control("assign", **where)
    assert "is provisioned there" in wrong(look(world, "permission sets"), OK)
    world.control("unassign", **where)


def test_a_permissions_boundary_is_one_of_them(world: World) -> None:
    boundary = {"CustomerManagedPolicyReference": {"Name": "Bound", "Path": "/team/"}}
    client = Instead(
        "sso-admin",
        get_permissions_boundary_for_permission_set=lambda **_: {"PermissionsBoundary": boundary},
    )
    found = wrong(look(world, "permission sets", client=client), NOTE)
    assert "policy/team/Bound" in found
    assert "AuditTrails, Bound" in found


def test_a_policy_that_is_there_is_well(world: World) -> None:
    iam, allow = world.aws("iam"), {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    made = iam.create_policy(PolicyName="AuditTrails", PolicyDocument=document)["Policy"]
    with _a_policy_that_is_missing_in_its_account(world):
        assert wrong(look(world, "permission sets")) == ""
    iam.delete_policy(PolicyArn=made["Arn"])


def test_who_forbids_a_right_is_said(world: World) -> None:
    denied = {"EvalActionName": "a:B", "EvalResourceName": "r", "EvalDecision": "implicitDeny"}
    by = [
        {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
        {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
    ]
    some = [{"EvalResourceName": "s", "EvalResourceDecision": "allowed"}]
    some += [{"EvalResourceName": "t", "EvalResourceDecision": "explicitDeny"}]
    pages = [{"EvaluationResults": [*(denied | each for each in by), denied]}]
    pages[0]["EvaluationResults"][2] = denied | {"ResourceSpecificResults": some}
    paginator = mock.Mock(**{"paginate.return_value": pages})
    client = Instead("iam", get_paginator=lambda name: paginator)
    found = wrong(look(world, "rights", client=client))
    assert "a:B on r (the organisation forbids it)" in found
    assert "a:B on r (the role's permissions boundary does not allow it)" in found
    assert "a:B on t" in found
    assert "a:B on s" not in found
    assert "more" in found


def test_two_users_with_one_e_mail_are_found(world: World) -> None:
    mails = ("Alice@example.com", "alice@example.com", "Z@example.com", "z@example.com", "b@x.io")
    users = [{"UserId": mail, "Emails": [{"Value": mail}] * 2} for mail in mails]
    paginator = mock.Mock(**{"paginate.return_value": [{"Users": [*users, {"UserId": "none"}]}]})
    client = Instead("identitystore", get_paginator=lambda name: paginator)
    found = look(world, "people", client=client)
    assert wrong(found).startswith("alice@example.com is the e-mail of two users")
    assert wrong(found, NOTE).startswith("z@example.com is the e-mail of two users")
    assert "b@x.io" not in wrong(found, NOTE)


def test_a_domain_that_is_verified_serves_for_those_below_it(world: World) -> None:
    with toml(world, '"break-glass@example.com"', '"break-glass@alerts.eu.example.com"'):
        assert wrong(look(world, "mail")) == ""


class Sandbox:
    """SES as it is with a new account, and with a recipient that bounced."""

    def get_account(self) -> dict[str, Any]:
        return {"ProductionAccessEnabled": False, "SendingEnabled": True}

    def get_email_identity(self, EmailIdentity: str) -> dict[str, Any]:  # noqa: N803
        return {"VerifiedForSendingStatus": EmailIdentity != "oncall@example.com"
                and EmailIdentity != "example.com"}  # fmt: skip

    def get_suppressed_destination(self, EmailAddress: str) -> dict[str, Any]:  # noqa: N803
        if EmailAddress == "security@example.com":
            return {"SuppressedDestination": {}}
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "NotFoundException"}}, "GetSuppressedDestination")


def test_a_sandbox_and_a_suppressed_recipient_are_found(world: World) -> None:
    found = wrong(look(world, "mail", client=lambda _: Sandbox()))
    assert "sandbox and sends nothing to oncall@example.com" in found
    assert "holds back what goes to security@example.com" in found


def test_no_credentials_are_a_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check = dict(CHECKS)["credentials"]
    with at(world):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        found = findings(Patient(STAGE), check)
    assert "credentials" in wrong(found)


def test_every_check_was_made_to_fail() -> None:
    tried = {check for check, _, _, state in TRIED if state == BAD}
    by_themselves = {"credentials", "clock", "concurrency", "second way"}  # the last is a note
    assert tried | by_themselves == {name for name, _ in _checks.CHECKS}


@contextmanager
def statement(world: World, sid: str, changed: dict[str, Any] | None) -> Iterator[None]:
    """The worker's role without that statement, or with another in its place."""
    iam, name = world.aws("iam"), world.function_name("worker")
    (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    asked = {"RoleName": name, "PolicyName": inline}
    before = iam.get_role_policy(**asked)["PolicyDocument"]
    kept = [each for each in before["Statement"] if each["Sid"] != sid]
    kept += [changed] if changed else []
    iam.put_role_policy(**asked, PolicyDocument=json.dumps({**before, "Statement": kept}))
    yield
    iam.put_role_policy(**asked, PolicyDocument=json.dumps(before))


# Below --------------------------------------------------------------------------------------------


@contextmanager
def mapping(world: World, handler: str, **settings: Any) -> Iterator[None]:
    functions, name = world.aws("lambda"), world.function_name(handler)
    (found,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=found["UUID"], **settings)
    yield


@contextmanager
def stage(world: World, path: str, value: str, before: str) -> Iterator[None]:
    gateway = world.aws("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    where = {"restApiId": api["id"], "stageName": "api"}
    for each in (value, before):
        patch = [{"op": "replace", "path": path, "value": each}]
        gateway.update_stage(**where, patchOperations=patch)
        if each == value:
            yield


def test_with_identity_center_down_standing_says_so_in_a_sentence(world: World) -> None:
    world.control("identity_center", down="503")
    said = tool(world, "standing")
    world.control("heal", change=True)
    assert (said.code, said.out) == (1, "")
    assert len(said.err.splitlines()) == 1
    assert "Try again in a minute" in said.err
