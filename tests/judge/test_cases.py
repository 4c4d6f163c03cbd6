"""Calls that were once judged wrongly, others of their kinds, and the reason to be said."""

import json
from typing import Any

import pytest

from chalicelib.judge.clients import strange
from tests.judge.calls import ELSEWHERE, named, verdict
from tests.trail.records import ACCOUNT

WATCHING, OPENED = "watching switched off", "opened to the world"
SHARED, TRUST = "shared with another account", "trust or sign-in changed"
PERMISSIONS, CREDENTIALS = "permissions changed", "credentials made or changed"
CODE, MACHINES = "code replaced", "commands run on machines"
CARRIED, SECRET, GONE = "data copied out", "secret read", "destroyed"
GUARD, CHANGED = "safeguard removed", "changed"

LOGGING = {"clusterLogging": [{"types": ["audit"], "enabled": False}]}
OTHER_LAYER = f"arn:aws:lambda:eu-west-1:{ELSEWHERE}:layer:x:1"
LET_IN = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ELSEWHERE}:root"},
                    "Action": "sqs:*"}]}
)  # fmt: skip
OWN = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "kms:*"}]}
)  # fmt: skip

CALLS: tuple[tuple[str, str, Any, str], ...] = (
    # Watching, switched off by other verbs.
    ("rds", "StopActivityStream", {"resourceArn": "arn:aws:rds:eu-west-1:1:cluster:o"}, WATCHING),
    ("securityhub", "BatchUpdateFindings", {"workflow": {"status": "SUPPRESSED"}}, WATCHING),
    ("eks", "UpdateClusterConfig", {"name": "c", "logging": LOGGING}, WATCHING),
    ("events", "PutRule", {"name": "alert", "state": "DISABLED"}, WATCHING),
    ("events", "PutRule", {"name": "alert", "state": "ENABLED"}, CHANGED),
    ("guardduty", "UpdateDetector", {"detectorId": "d", "enable": False}, WATCHING),
    ("guardduty", "UpdateDetector", {"detectorId": "d", "enable": True}, CHANGED),
    ("monitoring", "PutMetricAlarm", {"alarmName": "a", "actionsEnabled": False}, WATCHING),
    ("states", "UpdateStateMachine", {"loggingConfiguration": {"level": "OFF"}}, WATCHING),
    ("rds", "ModifyDBInstance", {"cloudwatchLogsExportConfiguration": {
        "disableLogTypes": ["audit"]}}, WATCHING),
    ("redshift", "DisableLogging", {"clusterIdentifier": "c"}, WATCHING),
    ("mq", "UpdateBroker", {"brokerId": "b", "logs": {"audit": False}}, WATCHING),
    ("apigateway", "UpdateStage", {"restApiId": "a", "dataTraceEnabled": "OFF"}, WATCHING),
    ("s3", "PutBucketLogging", {"bucketName": "b", "BucketLoggingStatus": {
        "LoggingEnabled": {"TargetBucket": "l", "TargetPrefix": ""}}}, CHANGED),
    ("cloudtrail", "UpdateTrail", {"name": "t", "isMultiRegionTrail": False}, WATCHING),
    ("cloudtrail", "PutEventSelectors", {"trailName": "t", "eventSelectors": [
        {"readWriteType": "All", "includeManagementEvents": True}]}, CHANGED),
    ("macie2", "UpdateMacieSession", {"status": "PAUSED"}, WATCHING),
    ("route53resolver", "DeleteResolverQueryLogConfig", {"id": "q"}, WATCHING),
    ("inspector2", "Disable", {"accountIds": [ACCOUNT]}, WATCHING),
    ("config", "DeleteConfigRule", {"configRuleName": "r"}, WATCHING),
    # Permissions and credentials, by other verbs.
    ("rds", "ModifyDBInstance", {"dBInstanceIdentifier": "o", "masterUserPassword": "****"},
     CREDENTIALS),
    ("rds", "ModifyDBInstance", {"dBInstanceIdentifier": "o", "allocatedStorage": 40}, CHANGED),
    ("redshift", "ModifyCluster", {"clusterIdentifier": "c", "masterUserPassword": "****"},
     CREDENTIALS),
    ("elasticache", "ModifyReplicationGroup", {"authToken": "****"}, CREDENTIALS),
    ("cognito-identity", "SetIdentityPoolRoles", {"identityPoolId": "p"}, PERMISSIONS),
    ("cognito-idp", "AdminSetUserPassword", {"username": "x"}, CREDENTIALS),
    ("sqs", "SetQueueAttributes", {"queueUrl": "q", "attributes": {"Policy": LET_IN}}, SHARED),
    ("sqs", "SetQueueAttributes", {"queueUrl": "q", "attributes": {"VisibilityTimeout": "30"}},
     CHANGED),
    ("redshift", "AuthorizeSnapshotAccess", {"snapshotIdentifier": "s",
     "accountWithRestoreAccess": ELSEWHERE}, SHARED),
    ("aoss", "UpdateAccessPolicy", {"name": "p"}, PERMISSIONS),
    ("kms", "ImportKeyMaterial", {"keyId": "k"}, CREDENTIALS),
    ("kms", "PutKeyPolicy", {"keyId": "k", "policy": OWN}, PERMISSIONS),
    ("kms", "CreateGrant", {"keyId": "k", "granteePrincipal": f"arn:aws:iam::{ELSEWHERE}:role/r"},
     SHARED),
    ("ram", "AssociateResourceShare", {"principals": [ELSEWHERE]}, SHARED),
    ("ec2", "ModifyImageAttribute", {"imageId": "ami-0", "launchPermission": {
        "add": {"items": [{"userId": ELSEWHERE}]}}}, SHARED),
    ("ec2", "ModifySnapshotAttribute", {"snapshotId": "s", "createVolumePermission": {
        "remove": {"items": [{"userId": ELSEWHERE}]}}}, PERMISSIONS),
    ("rds", "ModifyDBClusterSnapshotAttribute", {"valuesToAdd": [ACCOUNT]}, PERMISSIONS),
    ("transfer", "CreateUser", {"userName": "u", "serverId": "s", "role": "r"}, PERMISSIONS),
    ("iam", "AttachUserPolicy", {"userName": "bob",
     "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, PERMISSIONS),
    ("ec2", "AssociateIamInstanceProfile", {"instanceId": "i-1"}, PERMISSIONS),
    ("cognito-idp", "CreateIdentityProvider", {"providerName": "p"}, TRUST),
    ("rolesanywhere", "CreateTrustAnchor", {"name": "a"}, TRUST),
    # Code.
    ("ec2", "ModifyInstanceAttribute", {"instanceId": "i-1", "userData": "<sensitiveDataRemoved>"},
     CODE),
    ("ec2", "ModifyInstanceAttribute", {"instanceId": "i-1", "attribute": "userData",
     "value": "x"}, CODE),
    ("ec2", "ModifyInstanceAttribute", {"instanceId": "i-1", "instanceType": {"value": "m5.large"}},
     CHANGED),
    ("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": "f",
     "layers": [OTHER_LAYER]}, CODE),
    ("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": "f", "memorySize": 512},
     CHANGED),
    ("ssm", "UpdateDocument", {"name": "d", "content": "x"}, CODE),
    ("ssm", "UpdateDocument", {"name": "SSM-SessionManagerRunShell"}, WATCHING),
    ("apigateway", "UpdateStage", {"patchOperations": [
        {"op": "remove", "path": "/accessLogSettings/destinationArn"}]}, WATCHING),
    ("rds", "ModifyDBParameterGroup", {"parameters": [{"parameterName": "pgaudit.log",
     "parameterValue": "none"}]}, WATCHING),
    ("logs", "PutRetentionPolicy", {"logGroupName": "g", "retentionInDays": 1}, WATCHING),
    ("logs", "PutRetentionPolicy", {"logGroupName": "g", "retentionInDays": 365}, CHANGED),
    ("cloudformation", "CreateStack", {"capabilities": ["CAPABILITY_NAMED_IAM"]}, PERMISSIONS),
    ("cloudformation", "CreateStack", {"stackName": "s"}, CHANGED),
    ("cloudfront", "PublishFunction2020_05_31", {"name": "f"}, CODE),
    # Data carried off.
    ("rds", "StartExportTask", {"exportTaskIdentifier": "e", "s3BucketName": "b"}, CARRIED),
    ("dynamodb", "ExportTableToPointInTime", {"tableArn": "t", "s3Bucket": "b"}, CARRIED),
    ("ec2", "CreateTrafficMirrorSession", {"networkInterfaceId": "eni-1"}, CARRIED),
    ("ec2", "CreateInstanceExportTask", {"instanceId": "i-1"}, CARRIED),
    ("datasync", "CreateTask", {"name": "n"}, CARRIED),
    ("logs", "PutSubscriptionFilter", {"logGroupName": "g", "destinationArn": "a"}, CARRIED),
    ("s3", "PutBucketReplication", {"bucketName": "b"}, CARRIED),
    ("s3", "PutBucketReplication", {"bucketName": "b", "ReplicationConfiguration": {
        "Rule": {"Destination": {"Account": ELSEWHERE, "Bucket": "arn:aws:s3:::x"}}}}, SHARED),
    # Safeguards, and what is gone.
    ("rds", "ModifyDBCluster", {"dBClusterIdentifier": "c", "deletionProtection": False}, GUARD),
    ("rds", "ModifyDBInstance", {"dBInstanceIdentifier": "i", "backupRetentionPeriod": 0}, GUARD),
    ("s3", "PutBucketVersioning", {"VersioningConfiguration": {"Status": "Suspended"}}, GUARD),
    ("s3", "PutBucketVersioning", {"VersioningConfiguration": {"Status": "Enabled"}}, CHANGED),
    ("backup", "DeleteRecoveryPoint", {"recoveryPointArn": "a"}, GONE),
    ("kms", "ScheduleKeyDeletion", {"keyId": "k"}, GONE),
    ("sqs", "PurgeQueue", {"queueUrl": "q"}, GONE),
    # What weighs little.
    ("ec2", "CreateTags", {"resourcesSet": {"items": [{"resourceId": "i-1"}]}}, CHANGED),
    ("iam", "CreateServiceLinkedRole", {"aWSServiceName": "autoscaling.amazonaws.com"}, CHANGED),
    ("iam", "TagRole", {"roleName": "r"}, CHANGED),
    ("ssm", "UpdateInstanceInformation", {"instanceId": "i-1"}, CHANGED),
)  # fmt: skip


@pytest.mark.parametrize(("service", "name", "asked", "reason"), CALLS)
def test_a_call_is_judged_by_what_it_does(service: str, name: str, asked: Any, reason: str) -> None:
    assert verdict(service, name, asked).reason == reason


@pytest.mark.parametrize(
    ("service", "name", "asked", "reason"), [case for case in CALLS if case[3] != CHANGED]
)
def test_an_attempt_is_an_attempt_and_weighs_less(
    service: str, name: str, asked: Any, reason: str
) -> None:
    done = verdict(service, name, asked)
    for code, words in (("AccessDenied", "tried, refused: "), ("Busy", "tried, failed: ")):
        tried = verdict(service, name, asked, errorCode=code)
        assert tried.reason == words + reason
        assert 0 < tried.weight < done.weight


def test_the_heaviest_reason_is_said() -> None:
    def trust(principal: Any) -> Any:
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        return {"roleName": "r", "policyDocument": json.dumps({"Statement": [statement]})}

    world = verdict("iam", "UpdateAssumeRolePolicy", trust({"AWS": "*"}))
    service = verdict("iam", "UpdateAssumeRolePolicy", trust({"Service": "ec2.amazonaws.com"}))
    other = verdict("iam", "UpdateAssumeRolePolicy", trust({"AWS": ELSEWHERE}))
    assert (world.reason, other.reason, service.reason) == (OPENED, TRUST, TRUST)
    assert world.weight >= other.weight > service.weight
    assert ELSEWHERE in other.note


def test_what_harms_little_weighs_less_than_a_change() -> None:
    assert verdict("ec2", "CreateTags", {}).weight < verdict("ec2", "RunInstances", {}).weight


@pytest.mark.parametrize(
    ("service", "name", "reason", "read"),
    [
        ("sts", "AssumeRole", "took on another identity", True),
        ("kms", "Decrypt", SECRET, True),
        ("kms", "CreateGrant", PERMISSIONS, False),
    ],
)
def test_an_agent_is_judged_as_the_person_and_a_service_at_its_own_work_is_not(
    service: str, name: str, reason: str, read: bool
) -> None:
    def by(agent: str) -> str:
        facts = {"readOnly": read, "sourceIPAddress": agent}
        return verdict(service, name, {}, **facts).reason

    assert by("aws-mcp.amazonaws.com") == by("q.amazonaws.com") == reason
    assert by("cloudformation.amazonaws.com") == by("203.0.113.7") == reason
    assert by("secretsmanager.amazonaws.com") in ("", CHANGED)


def test_a_request_that_is_not_in_the_record_is_said() -> None:
    cut = {"omitted": True, "reason": "requestParameters too large"}
    assert "too large for the record" in verdict("iam", "PutRolePolicy", cut).note


def test_strange_clients_are_whole_words() -> None:
    terraform = "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) "
    assert strange(terraform + "aws-sdk-go-v2/1.31.0 ua/2.1 os/linux pacu") == ("pacu",)
    assert strange("curl/8.14.1 md/distrib#kali.2026") == ("curl", "kali")
    assert strange("S3 Browser/11.6.7") == ("s3 browser",)
    for plain in ("kalix-runtime/1.0", "pacubed/2", "aws-cli/2.31.3", "libcurly", terraform, ""):
        assert strange(plain) == ()


WITH_POLICY = "bob with arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.mark.parametrize(
    ("service", "name", "asked", "said"),
    [
        ("ec2", "DeleteVpc", {"vpcId": "vpc-1"}, "vpc-1"),
        ("ec2", "DeleteRouteTable", {"routeTableId": "rtb-1"}, "rtb-1"),
        ("rds", "DeleteDBClusterSnapshot", {"dBClusterSnapshotIdentifier": "backup"}, "backup"),
        ("ssm", "SendCommand", {"documentName": "AWS-RunShellScript", "instanceIds": ["i-1"]},
         "i-1 with AWS-RunShellScript"),
        ("ssm", "StartSession", {"target": "i-1"}, "i-1"),
        ("iam", "AttachUserPolicy", {"userName": "bob",
         "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, WITH_POLICY),
        ("iam", "AddUserToGroup", {"groupName": "Admins", "userName": "bob"}, "bob with Admins"),
        ("ec2", "TerminateInstances", {"instancesSet": {"items": [
            {"instanceId": "i-1"}, {"instanceId": "i-2"}]}}, "i-1, i-2"),
        ("ec2", "DeleteFlowLogs", {"DeleteFlowLogsRequest": {
            "FlowLogId": {"content": "fl-1", "tag": 1}}}, "fl-1"),
        ("ec2", "CreateRoute", {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0",
         "gatewayId": "igw-1"}, "rtb-1 with igw-1"),
        ("es", "DeleteDomain", {"domainName": "logs"}, "logs"),
        ("ec2", "CreateKeyPair", {"keyName": "k"}, "k"),
        ("monitoring", "DeleteAlarms", {"alarmNames": ["a", "b"]}, "a, b"),
        ("s3", "DeleteObject", {"bucketName": "b", "key": "k"}, "b/k"),
        ("ecs", "ExecuteCommand", {"cluster": "c", "task": "t", "container": "x"}, "c with t, x"),
        ("events", "PutRule", {"name": "alert", "state": "DISABLED"}, "alert"),
    ],
)  # fmt: skip
def test_what_it_was_done_to_and_with_is_named(
    service: str, name: str, asked: Any, said: str
) -> None:
    assert named(service, name, asked) == said


def test_what_a_call_made_is_named_by_its_answer() -> None:
    made = {"vpc": {"vpcId": "vpc-9", "cidrBlock": "10.0.0.0/16"}}
    assert named("ec2", "CreateVpc", {"cidrBlock": "10.0.0.0/16"}, responseElements=made) == "vpc-9"
    run = {"instancesSet": {"items": [{"instanceId": "i-9", "imageId": "ami-1"}]}}
    asked = {"instancesSet": {"items": [{"imageId": "ami-1"}]}}
    assert named("ec2", "RunInstances", asked, responseElements=run) == "i-9 with ami-1"


def test_what_was_asked_for_by_a_filter_is_named_by_it() -> None:
    asked = {"filters": [{"key": "tag-key", "values": ["team"]}]}
    assert named("secretsmanager", "BatchGetSecretValue", asked, readOnly=True) == (
        "whatever fits tag-key team"
    )


def test_where_a_request_is_empty_a_refusal_may_name_it() -> None:
    words = "not authorized to perform: iam:CreateGroup on resource: arn:aws:iam::1:group/g because"
    assert named("iam", "CreateGroup", None, errorCode="AccessDenied", errorMessage=words) == (
        "arn:aws:iam::1:group/g"
    )
    assert named("iam", "CreateGroup", None, errorCode="AccessDenied") == ""
