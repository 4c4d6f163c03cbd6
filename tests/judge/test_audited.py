"""Kinds that once stood wrongly in a report: what is said of them now, and of what it is said."""

import json
from typing import Any

import pytest

from chalicelib.judge.call import elements
from tests.judge.calls import ELSEWHERE, verdict
from tests.trail.records import ACCOUNT

WATCHING, OPENED = "watching switched off", "opened to the world"
SHARED, PERMISSIONS = "shared with another account", "permissions changed"
GONE, GUARD, CHANGED = "destroyed", "safeguard removed", "changed"
NETWORK = "network rules changed"


def attributes(**pairs: str) -> dict[str, Any]:
    return {"attributes": [{"key": key.replace("__", "."), "value": pairs[key]} for key in pairs]}


def parameters(**pairs: str) -> dict[str, Any]:
    return {"parameters": [
        {"parameterName": name.replace("__", "."), "parameterValue": pairs[name]} for name in pairs
    ]}  # fmt: skip


def patch(path: str, value: str) -> dict[str, Any]:
    return {"restApiId": "a", "patchOperations": [{"op": "replace", "path": path, "value": value}]}


def lifecycle(*rules: tuple[str, int]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {
        "Rule": [{"Status": status, "Expiration": {"Days": days}} for status, days in rules]
    }}  # fmt: skip


def advanced(**fields: str) -> dict[str, Any]:
    selected = [{"field": name, "equals": [fields[name]]} for name in fields]
    data = [{"field": "eventCategory", "equals": ["Data"]}]
    return {"advancedEventSelectors": [{"fieldSelectors": selected}, {"fieldSelectors": data}]}


ALL = {"readWriteType": "All", "includeManagementEvents": True}
DATA = {"readWriteType": "WriteOnly", "includeManagementEvents": False}
MODELS = {"textDataDeliveryEnabled": True, "imageDataDeliveryEnabled": True}
BALANCER, SWITCHED = "elasticloadbalancing", "ModifyLoadBalancerAttributes"
INLINE = {"Statement": [{"Effect": "Deny", "Action": "*"}, {"Effect": "Allow", "Action": "s3:*"}]}
OTHERS = {"type": "AssumedRole", "accountId": ACCOUNT}

JUDGED: tuple[tuple[str, str, Any, str, str], ...] = (
    # A key is compared with the value beside it, and not with another's.
    (BALANCER, SWITCHED, attributes(access_logs__s3__enabled="false"), "high", WATCHING),
    (BALANCER, SWITCHED, attributes(access_logs__s3__enabled="true", x="false"), "low", CHANGED),
    (BALANCER, SWITCHED, attributes(deletion_protection__enabled="false"), "medium", GUARD),
    (BALANCER, SWITCHED, {"loadBalancerAttributes": {"accessLog": {"enabled": False}}}, "high",
     WATCHING),
    ("rds", "ModifyDBParameterGroup", parameters(log_statement="none"), "medium", WATCHING),
    ("rds", "ModifyDBParameterGroup", parameters(log_statement="all"), "low", CHANGED),
    ("rds", "ModifyDBParameterGroup", parameters(rds__force_ssl="0"), "medium", WATCHING),
    ("rds", "ModifyDBParameterGroup", parameters(rds__force_ssl="1", x="0"), "low", CHANGED),
    ("rds", "ModifyDBParameterGroup", parameters(innodb_log_file_size="0"), "low", CHANGED),
    ("ecs", "UpdateClusterSettings", {"settings": [
        {"name": "containerInsights", "value": "disabled"}]}, "medium", WATCHING),
    ("iam", "PutRolePolicy", {"policyDocument": json.dumps(INLINE)}, "high", PERMISSIONS),
    ("iam", "PutRolePolicy", {"policyDocument": json.dumps(
        {"Statement": {"Effect": "Allow", "Action": "*"}})}, "critical", PERMISSIONS),
    # One rule is not hidden by another.
    ("s3", "PutBucketLifecycle", lifecycle(("Disabled", 365), ("Enabled", 1)), "high", GONE),
    ("s3", "PutBucketLifecycle", lifecycle(("Enabled", 400), ("Enabled", 30)), "medium", GUARD),
    ("s3", "PutBucketLifecycle", lifecycle(("Disabled", 1), ("Enabled", 400)), "low", CHANGED),
    # A trail that still watches all, whatever else is chosen; or is made stronger.
    ("cloudtrail", "PutEventSelectors", {"eventSelectors": [ALL, DATA]}, "low", CHANGED),
    ("cloudtrail", "PutEventSelectors", {"eventSelectors": [DATA]}, "critical", WATCHING),
    ("cloudtrail", "PutEventSelectors", advanced(eventCategory="Management"), "low", CHANGED),
    ("cloudtrail", "PutEventSelectors", advanced(eventCategory="Management", readOnly="true"),
     "high", WATCHING),
    ("cloudtrail", "UpdateTrail", {"name": "t", "isMultiRegionTrail": True}, "low", CHANGED),
    ("cloudtrail", "UpdateTrail", {"isMultiRegionTrail": True, "s3BucketName": "b"}, "high",
     WATCHING),
    ("cloudtrail", "UpdateEventDataStore", {"terminationProtectionEnabled": True}, "low", CHANGED),
    ("guardduty", "CreateFilter", {"action": "NOOP"}, "low", CHANGED),
    ("guardduty", "UpdateFilter", {"action": "ARCHIVE"}, "high", WATCHING),
    ("bedrock", "PutModelInvocationLoggingConfiguration", {"loggingConfig": MODELS}, "medium",
     "watching set up"),
    ("bedrock", "PutModelInvocationLoggingConfiguration",
     {"loggingConfig": MODELS | {"imageDataDeliveryEnabled": False}}, "critical", WATCHING),
    # What stops to watch, under other names.
    ("apigateway", "UpdateStage", patch("/*/*/logging/loglevel", "OFF"), "high", WATCHING),
    ("apigateway", "UpdateStage", patch("/*/*/logging/loglevel", "INFO"), "low", CHANGED),
    ("rds", "ModifyOptionGroup", {"optionsToRemove": ["MARIADB_AUDIT_PLUGIN"]}, "high", WATCHING),
    ("elasticache", "ModifyReplicationGroup", {"logDeliveryConfigurations": [
        {"logType": "slow-log", "enabled": False}]}, "high", WATCHING),
    ("guardduty", "UpdateOrganizationConfiguration", {"autoEnableOrganizationMembers": "NONE"},
     "critical", WATCHING),
    ("ds", "DeleteLogSubscription", {"directoryId": "d"}, "critical", WATCHING),
    ("network-firewall", "UpdateLoggingConfiguration", {"loggingConfiguration": {
        "logDestinationConfigs": []}}, "critical", WATCHING),
    ("network-firewall", "UpdateLoggingConfiguration", {"loggingConfiguration": {
        "logDestinationConfigs": [{"logType": "FLOW"}]}}, "medium", GUARD),
    # What goes, or can go.
    ("autoscaling", "DeleteAutoScalingGroup", {"forceDelete": True}, "medium", GONE),
    ("autoscaling", "DeletePolicy", {"policyName": "p"}, "low", CHANGED),
    ("cassandra", "DropTable", {"tableName": "t"}, "high", GONE),
    ("cassandra", "DropKeyspace", {"keyspaceName": "k"}, "high", GONE),
    ("cognito-idp", "AdminDeleteUser", {"username": "bob"}, "medium", GONE),
    ("backup", "UpdateRecoveryPointLifecycle", {"lifecycle": {"deleteAfterDays": 1}}, "high",
     GONE),
    ("backup", "UpdateRecoveryPointLifecycle", {"lifecycle": {"deleteAfterDays": 365}}, "low",
     CHANGED),
    ("backup", "PutBackupVaultLockConfiguration", {"minRetentionDays": 30}, "low", CHANGED),
    ("s3", "PutBucketObjectLockConfiguration", {"ObjectLockConfiguration": {
        "ObjectLockEnabled": "Enabled"}}, "medium", GUARD),
    ("s3", "PutBucketObjectLockConfiguration", {"ObjectLockConfiguration": {
        "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}}}, "low", CHANGED),
    ("s3", "PutObjectRetention", {"x-amz-bypass-governance-retention": "true"}, "medium", GUARD),
    ("s3", "PutObjectRetention", {"Retention": {"Mode": "COMPLIANCE"}}, "low", CHANGED),
    ("s3", "PutObjectLegalHold", {"LegalHold": {"Status": "OFF"}}, "medium", GUARD),
    ("s3", "PutObjectLegalHold", {"LegalHold": {"Status": "ON"}}, "low", CHANGED),
    ("s3", "PutBucketCors", {"CORSRule": {"AllowedOrigin": "*"}}, "medium", GUARD),
    ("s3", "PutBucketCors", {"CORSRule": {"AllowedOrigin": "https://a.example"}}, "low", CHANGED),
    ("dlm", "UpdateLifecyclePolicy", {"state": "DISABLED"}, "high", GUARD),
    ("ec2", "UnlockSnapshot", {"snapshotId": "s"}, "medium", GUARD),
    ("kinesis", "DecreaseStreamRetentionPeriod", {"streamName": "s"}, "medium", GUARD),
    # Copies.
    ("backup", "StartCopyJob", {
        "destinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:v"},
     "low", "data copied within the account"),
    ("backup", "StartCopyJob", {
        "destinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ELSEWHERE}:backup-vault:v"},
     "high", "data copied out"),
    # Access.
    ("ssm", "UpdateServiceSetting", {
        "settingId": "/ssm/documents/console/public-sharing-permission", "settingValue": "Enable"},
     "high", OPENED),
    ("s3", "CreateAccessGrant", {"permission": "READ"}, "high", PERMISSIONS),
)  # fmt: skip


@pytest.mark.parametrize(("service", "name", "asked", "severity", "reason"), JUDGED)
def test_it_is_as_heavy_as_it_is(
    service: str, name: str, asked: Any, severity: str, reason: str
) -> None:
    said = verdict(service, name, asked)
    assert (said.severity, said.reason) == (severity, reason)


@pytest.mark.parametrize(
    ("by", "decrypted", "granted"),
    [
        ("prod.kms-caller.lambda.us-east-1.amazonaws.com", "", CHANGED),
        ("ec2-frontend-api.amazonaws.com", "", CHANGED),
        ("cloudformation.amazonaws.com", "secret read", PERMISSIONS),
    ],
)
def test_a_part_of_a_service_is_that_service(by: str, decrypted: str, granted: str) -> None:
    identity = OTHERS | {"invokedBy": by}
    read = verdict("kms", "Decrypt", {"keyId": "k"}, userIdentity=identity, readOnly=True)
    assert read.reason == decrypted
    assert verdict("kms", "CreateGrant", {"keyId": "k"}, userIdentity=identity).reason == granted


def test_elements_are_found_in_whatever_holds_them() -> None:
    inside = {"a": {"items": [{"x": 1}, {"x": 2}]}, "b": json.dumps({"A": {"x": 3}})}
    assert [each["x"] for each in elements(inside, frozenset({"a"}))] == [1, 2, 3]
    assert not list(elements({"a": "text", "b": "[" * 50}, frozenset({"a"})))


# Whom it lets in ---------------------------------------------------------------------------------

GITHUB = "token.actions.githubusercontent.com"
OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


def trusting(sub: str, operator: str = "StringLike") -> dict[str, Any]:
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}
    statement = {"Effect": "Allow", "Principal": provider, "Condition": {
        "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}, operator: {f"{GITHUB}:sub": sub},
    }}  # fmt: skip
    return {"roleName": "r", "policyDocument": json.dumps({"Statement": [statement]})}


@pytest.mark.parametrize(
    ("sub", "severity", "reason"),
    [
        ("repo:*", "critical", OPENED),
        ("repo:*:ref:refs/heads/main", "critical", OPENED),
        ("repo:*/shop:*", "critical", OPENED),
        ("repo:acme*", "critical", OPENED),
        ("*:acme/shop:*", "critical", OPENED),
        ("repo:acme/*", "high", "trust or sign-in changed"),
        ("repo:acme/shop:ref:refs/heads/main", "high", "trust or sign-in changed"),
        ("repository_owner:acme:*", "high", "trust or sign-in changed"),
    ],
)
def test_who_may_come_from_github_is_said_by_the_owner(
    sub: str, severity: str, reason: str
) -> None:
    said = verdict("iam", "UpdateAssumeRolePolicy", trusting(sub))
    assert (said.severity, said.reason) == (severity, reason)


def test_a_wildcard_that_is_compared_as_a_letter_lets_nobody_in() -> None:
    said = verdict("iam", "UpdateAssumeRolePolicy", trusting("repo:*", "ForAnyValue:StringEquals"))
    assert said.reason == "trust or sign-in changed"


PUBLIC = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}]})


@pytest.mark.parametrize(
    ("service", "name", "asked", "severity", "reason"),
    [
        # What takes away, or only tries, opens nothing.
        ("lightsail", "CloseInstancePublicPorts", {"instanceName": "w"}, "medium", NETWORK),
        ("lightsail", "PutInstancePublicPorts", {"portInfos": [{"cidrs": ["203.0.113.0/24"]}]},
         "medium", NETWORK),
        ("lightsail", "PutInstancePublicPorts", {"portInfos": [{"cidrs": ["0.0.0.0/0"]}]},
         "critical", OPENED),
        ("lakeformation", "BatchRevokePermissions", {"entries": [
            {"principal": {"dataLakePrincipalIdentifier": ELSEWHERE}}]}, "high", PERMISSIONS),
        ("access-analyzer", "CreateAccessPreview", {"configurations": {"b": {"s3Bucket": {
            "bucketPolicy": PUBLIC}}}}, "low", CHANGED),
        ("sagemaker", "CreateNotebookInstance", {"directInternetAccess": "Enabled"}, "medium",
         "code replaced"),
        # A patch asks for what its path leads to.
        ("apigateway", "UpdateMethod", patch("/authorizationType", "NONE"), "critical", OPENED),
        ("apigateway", "UpdateMethod", patch("/authorizationType", "AWS_IAM"), "low", CHANGED),
        # Other names under which something is shared.
        ("imagebuilder", "CreateDistributionConfiguration", {"distributions": [{
            "amiDistributionConfiguration": {"launchPermission": {"userIds": [ELSEWHERE]}}}]},
         "critical", SHARED),
        ("imagebuilder", "CreateDistributionConfiguration", {"distributions": [{
            "amiDistributionConfiguration": {"launchPermission": {"userIds": [ACCOUNT]}}}]},
         "low", CHANGED),
        ("s3", "CreateAccessGrant", {"grantee": {
            "granteeIdentifier": f"arn:aws:iam::{ELSEWHERE}:role/r"}}, "critical", SHARED),
    ],
)  # fmt: skip
def test_who_is_let_in_is_told(
    service: str, name: str, asked: Any, severity: str, reason: str
) -> None:
    said = verdict(service, name, asked)
    assert (said.severity, said.reason) == (severity, reason)


@pytest.mark.parametrize(
    ("service", "name", "asked"),
    [
        ("ds", "ShareDirectory", {"directoryId": "d", "shareTarget": {"id": ELSEWHERE}}),
        ("redshift", "AuthorizeDataShare", {"dataShareArn": "a", "consumerIdentifier": ELSEWHERE}),
    ],
)
def test_the_account_that_something_is_shared_with_is_said(
    service: str, name: str, asked: Any
) -> None:
    said = verdict(service, name, asked)
    assert (said.severity, said.reason) == ("critical", SHARED)
    assert said.note == f"with {ELSEWHERE}"


def test_whose_a_canonical_user_is_cannot_be_told() -> None:
    statement = {"Effect": "Allow", "Principal": {"CanonicalUser": OWNER}, "Action": "s3:Get*"}
    said = verdict("s3", "PutBucketPolicy", {"bucketPolicy": {"Statement": [statement]}})
    assert (said.severity, said.reason) == ("high", PERMISSIONS)
    assert said.note == (
        "perhaps shared with another account: it cannot be told whose the canonical user "
        f"{OWNER[:12]}… is"
    )
