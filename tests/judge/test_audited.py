"""Kinds that once stood wrongly in a report: what is said of them now, and of what it is said."""

import json
from typing import Any

import pytest

from chalicelib.judge.call import Call, elements
from chalicelib.judge.naming import briefly
from tests.judge.calls import ELSEWHERE, named, verdict, write
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


# What it was done to, and with what --------------------------------------------------------------

KEY, ROLE = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k", f"arn:aws:iam::{ACCOUNT}:role/r"
STORE = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:eventdatastore/e"
BUS = f"arn:aws:events:eu-west-1:{ELSEWHERE}:event-bus/default"
TABLE = {"table": {"databaseName": "sales", "name": "orders"}}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"

NAMED: tuple[tuple[str, str, Any, str], ...] = (
    # Called what the call is called, or plainly; or it stands within a configuration.
    ("ssm", "GetParametersByPath", {"path": "/pw", "withDecryption": True}, "/pw"),
    ("cloudtrail", "DeleteEventDataStore", {"eventDataStore": STORE}, STORE),
    ("cloudtrail", "StopEventDataStoreIngestion", {"eventDataStore": STORE}, STORE),
    ("athena", "UpdateWorkGroup", {"workGroup": "w", "configurationUpdates": {}}, "w"),
    ("batch", "DeleteJobQueue", {"jobQueue": "q"}, "q"),
    ("batch", "DeleteComputeEnvironment", {"computeEnvironment": "c"}, "c"),
    ("resource-groups", "DeleteGroup", {"Group": "g"}, "g"),
    ("glue", "BatchDeleteConnection", {"connectionNameList": ["c1"]}, "c1"),
    ("ec2", "CancelSpotInstanceRequests", {"spotInstanceRequestIdSet": {"items": [
        {"spotInstanceRequestId": "sir-1"}]}}, "sir-1"),
    ("rbin", "DeleteRule", {"identifier": "r"}, "r"),
    ("organizations", "DisableAWSServiceAccess", {"servicePrincipal": "x.amazonaws.com"},
     "x.amazonaws.com"),
    ("ecr", "PutReplicationConfiguration", {"replicationConfiguration": {"rules": [
        {"destinations": [{"region": "eu-central-1", "registryId": ELSEWHERE}]}]}}, ELSEWHERE),
    ("wafv2", "PutLoggingConfiguration", {"loggingConfiguration": {"resourceArn": "arn:x:acl"}},
     "arn:x:acl"),
    # What a tie or a part belongs to is nearer than it; the role stands beside.
    ("kms", "CreateGrant", {"keyId": KEY, "granteePrincipal": ROLE}, f"{KEY} with {ROLE}"),
    ("kms", "RevokeGrant", {"keyId": "k1", "grantId": "gg"}, "k1 with gg"),
    ("config", "PutConfigurationRecorder", {"configurationRecorder": {
        "name": "default", "roleARN": ROLE}}, f"default with {ROLE}"),
    ("firehose", "UpdateDestination", {"deliveryStreamName": "f", "destinationId": "d-1"},
     "f with d-1"),
    ("ses", "CreateEmailIdentityPolicy", {"emailIdentity": "a.example", "policyName": "own"},
     "a.example with own"),
    ("eks", "CreatePodIdentityAssociation", {"name": "prod", "roleArn": ROLE},
     f"prod with {ROLE}"),
    ("pipes", "UpdatePipe", {"name": "p", "roleArn": ROLE}, f"p with {ROLE}"),
    ("codepipeline", "UpdatePipeline", {"pipeline": {"name": "p", "roleArn": ROLE, "stages": [
        {"name": "Source"}]}}, f"p with {ROLE}"),
    ("lakeformation", "GrantPermissions", {"principal": {"dataLakePrincipalIdentifier": ELSEWHERE},
     "resource": TABLE, "permissions": ["SELECT"]}, f"orders with {ELSEWHERE}"),
    ("events", "PutPermission", {"principal": ELSEWHERE, "eventBusName": "default"},
     f"default with {ELSEWHERE}"),
    ("securityhub", "BatchUpdateStandardsControlAssociations", {
        "standardsControlAssociationUpdates": [{"standardsArn": "arn:x", "securityControlId": "C1",
                                                "associationStatus": "DISABLED"}]}, "C1"),
    # With what.
    ("sso", "AttachManagedPolicyToPermissionSet", {"permissionSetArn": "arn:x:ps",
     "managedPolicyArn": ADMIN}, f"arn:x:ps with {ADMIN}"),
    ("identitystore", "CreateGroupMembership", {"groupId": "g", "memberId": {"userId": "u"}},
     "g with u"),
    ("ssm", "SendCommand", {"documentName": "D", "targets": [
        {"key": "tag:Role", "values": ["web"]}]}, "D with tag:Role, web"),
    ("s3", "PutBucketReplication", {"bucketName": "b", "ReplicationConfiguration": {
        "Rule": {"Destination": {"Bucket": "arn:aws:s3:::evil"}}}}, "b with arn:aws:s3:::evil"),
    ("events", "PutTargets", {"rule": "all", "targets": [{"id": "1", "arn": BUS}]},
     f"all with {BUS}"),
    ("ec2", "CreateTrafficMirrorSession", {"networkInterfaceId": "eni-1",
     "trafficMirrorTargetId": "tmt-1"}, "eni-1 with tmt-1"),
    ("route53resolver", "DisassociateResolverQueryLogConfig", {
        "resolverQueryLogConfigId": "q", "resourceId": "vpc-1"}, "q with vpc-1"),
    ("organizations", "RegisterDelegatedAdministrator", {"accountId": ELSEWHERE,
     "servicePrincipal": "x.amazonaws.com"}, f"{ELSEWHERE} with x.amazonaws.com"),
    ("cognito-idp", "CreateIdentityProvider", {"userPoolId": "p", "providerName": "evil"},
     "p with evil"),
    ("route53", "ChangeResourceRecordSets", {"hostedZoneId": "Z1", "changeBatch": {"changes": [
        {"resourceRecordSet": {"name": "www.a.example."}}]}}, "Z1 with www.a.example."),
    ("glue", "BatchDeleteTable", {"databaseName": "db", "tablesToDelete": ["t1", "t2"]},
     "db with t1, t2"),
    ("codeartifact", "DeletePackageVersions", {"domain": "d", "repository": "r", "package": "pkg"},
     "pkg with r"),
    ("s3", "CreateAccessGrant", {"accessGrantsLocationId": "default", "grantee": {
        "granteeIdentifier": ROLE}}, f"default with {ROLE}"),
    # A setting is not what it is set of.
    ("ecr", "PutImageTagMutability", {"repositoryName": "e", "imageTagMutability": "MUTABLE"}, "e"),
    ("elasticloadbalancing", "SetIpAddressType", {"ipAddressType": "ipv4", "loadBalancerArn": "l"},
     "l"),
)  # fmt: skip


@pytest.mark.parametrize(("service", "name", "asked", "said"), NAMED)
def test_it_names_what_it_was_done_to_and_with(
    service: str, name: str, asked: Any, said: str
) -> None:
    assert named(service, name, asked) == said


def test_what_the_answer_alone_names_is_named() -> None:
    made = {"responseElements": {"identifier": "rule-1"}}
    assert named("rbin", "CreateRule", {"resourceType": "EBS_SNAPSHOT"}, **made) == "rule-1"


def test_a_read_that_names_by_its_own_noun_alone_is_brief_about_it() -> None:
    assert briefly(Call(write("athena", "GetWorkGroup", {"workGroup": "w"}), ACCOUNT)) == "w"
