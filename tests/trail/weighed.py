"""Calls with what a careful reader would say of each; "" where nothing is to be said.

Each is the service, the call, what it asked for, the words expected, and further facts.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.trail.records import Record, event, sso_role

OPENED, PERMISSIONS, SHARED = (
    "opened to the world",
    "permissions changed",
    "shared with another account",
)
WATCHING, NETWORK, GUARD = "watching switched off", "network rules changed", "safeguard removed"
NEW, ENTRY, GONE = "credentials made or changed", "trust or sign-in changed", "destroyed"
HOP, LOOKED = "took on another identity", "looked around"
REFUSED, FAILED = "tried, refused: ", "tried, failed: "

Weighed = tuple[str, Record]


def policy(effect: str = "Allow", principal: Any = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Principal": principal, "Action": "*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement | condition]}


def text_of(*arguments: Any, **condition: Any) -> str:
    return json.dumps(policy(*arguments, **condition), separators=(",", " : "))


def rules(cidr: str) -> dict[str, Any]:
    return {"items": [{"fromPort": 22, "ipRanges": {"items": [{"cidrIp": cidr}]}}]}


def acl(group: str) -> dict[str, Any]:
    grant = {"Grantee": {"URI": f"http://acs.amazonaws.com/groups/{group}"}, "Permission": "READ"}
    return {"AccessControlPolicy": {"AccessControlList": {"Grant": [grant]}}}


ORG = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
PLAIN_HTTP = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
ANY_ORG = {"Condition": {"StringLike": {"aws:PrincipalOrgID": "*"}}}

CHANGES: tuple[tuple[str, str, Any, str], ...] = (
    # Open to all, or not quite.
    ("lambda", "AddPermission20150331v2", {"functionName": "f", "principal": "*"}, OPENED),
    ("lambda", "AddPermission20150331v2", {"principal": "*", "sourceArn": "arn:x"}, PERMISSIONS),
    ("lambda", "AddPermission20150331v2", {"principal": "*", "principalOrgID": "o"}, PERMISSIONS),
    ("lambda", "AddPermission20150331v2", {"principal": "sns.amazonaws.com"}, PERMISSIONS),
    ("lambda", "CreateFunctionUrlConfig", {"functionName": "f", "authType": "NONE"}, OPENED),
    ("lambda", "CreateFunctionUrlConfig", {"functionName": "f", "authType": "AWS_IAM"},
     PERMISSIONS),
    ("ec2", "ModifySnapshotAttribute", {"createVolumePermission": {"add": {"items": [
        {"group": "all"}]}}}, OPENED),
    ("ec2", "ModifySnapshotAttribute", {"createVolumePermission": {"remove": {"items": [
        {"group": "all"}]}}}, PERMISSIONS),
    ("ec2", "ModifyImageAttribute", {"launchPermission": {"add": {"items": [
        {"userId": "444455556666"}]}}}, SHARED),
    ("rds", "ModifyDBSnapshotAttribute", {"valuesToAdd": ["all"]}, OPENED),
    ("rds", "ModifyDBSnapshotAttribute", {"valuesToAdd": ["444455556666"]}, SHARED),
    ("ec2", "AuthorizeSecurityGroupIngress", {"ipPermissions": rules("0.0.0.0/0")}, OPENED),
    ("ec2", "AuthorizeSecurityGroupIngress", {"ipPermissions": rules("10.0.0.0/8")}, NETWORK),
    ("ec2", "AuthorizeSecurityGroupEgress", {"ipPermissions": rules("0.0.0.0/0")}, NETWORK),
    ("ec2", "RevokeSecurityGroupIngress", {"ipPermissions": rules("0.0.0.0/0")}, NETWORK),
    ("ec2", "ModifySecurityGroupRules", {"ModifySecurityGroupRulesRequest": {
        "GroupId": "sg-0", "SecurityGroupRule": {"CidrIpv6": "::/0"}}}, OPENED),
    ("ec2", "CreateNetworkAclEntry", {"ruleAction": "deny", "cidrBlock": "0.0.0.0/0"}, NETWORK),
    ("ec2", "CreateNetworkAclEntry", {"ruleAction": "allow", "cidrBlock": "0.0.0.0/0"}, OPENED),
    ("rds", "AuthorizeDBSecurityGroupIngress", {"cIDRIP": "0.0.0.0/0"}, OPENED),
    ("rds", "CreateDBInstance", {"publiclyAccessible": True}, OPENED),
    ("rds", "CreateDBInstance", {"publiclyAccessible": False}, "changed"),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy()}, OPENED),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy("Deny", **PLAIN_HTTP)}, PERMISSIONS),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy(**ORG)}, PERMISSIONS),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy(**ANY_ORG)}, OPENED),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy("Allow", {"AWS": ["*"]})}, OPENED),
    ("s3", "PutBucketPolicy", {"bucketPolicy": policy("Allow", {"AWS": "444455556666"})},
     SHARED),
    ("s3", "PutBucketPolicy", {"bucketPolicy": {}, "policy": ""}, PERMISSIONS),
    ("s3", "PutBucketPolicy", {"bucketPolicy": '{"Effect": "Allow", ['}, PERMISSIONS),
    ("s3", "PutBucketAcl", {"x-amz-acl": ["public-read"]}, OPENED),
    ("s3", "PutBucketAcl", {"x-amz-acl": ["private"]}, PERMISSIONS),
    ("s3", "PutBucketAcl", acl("global/AllUsers"), OPENED),
    ("s3", "PutBucketAcl", acl("s3/LogDelivery"), PERMISSIONS),
    ("s3", "CreateBucket", {"bucketName": "b", "x-amz-acl": "public-read-write"}, OPENED),
    ("ecr", "SetRepositoryPolicy", {"policyText": text_of()}, OPENED),
    ("kms", "PutKeyPolicy", {"policy": text_of("Allow", {"AWS": "*"})}, OPENED),
    ("sns", "SetTopicAttributes", {"attributeName": "Policy", "attributeValue": text_of()}, OPENED),
    ("sqs", "SetQueueAttributes", {"attributes": {"Policy": text_of(**ORG)}}, PERMISSIONS),
    ("sqs", "AddPermission", {"aWSAccountIds": ["*"], "actions": ["*"]}, OPENED),
    ("iam", "CreateRole", {"assumeRolePolicyDocument": text_of("Allow", {"AWS": "*"})}, OPENED),
    ("eks", "UpdateClusterConfig", {"resourcesVpcConfig": {"publicAccessCidrs": ["0.0.0.0/0"]}},
     OPENED),
    ("ssm", "ModifyDocumentPermission", {"accountIdsToAdd": ["all"]}, OPENED),
    ("codebuild", "UpdateProjectVisibility", {"projectVisibility": "PUBLIC_READ"}, OPENED),
    ("s3", "DeleteBucketPublicAccessBlock", {}, OPENED),
    ("ec2", "DisableImageBlockPublicAccess", {}, OPENED),
    # Who watches.
    ("cloudtrail", "StopEventDataStoreIngestion", {}, WATCHING),
    ("cloudtrail", "PutEventSelectors", {}, WATCHING),
    ("bedrock", "DeleteModelInvocationLoggingConfiguration", {}, WATCHING),
    ("route53resolver", "DisassociateResolverQueryLogConfig", {}, WATCHING),
    ("wafv2", "DeleteLoggingConfiguration", {}, WATCHING),
    ("s3", "PutBucketLogging", {}, WATCHING),
    ("logs", "PutRetentionPolicy", {}, WATCHING),
    ("logs", "DeleteLogGroup", {}, WATCHING),
    ("securityhub", "BatchDisableStandards", {}, WATCHING),
    ("guardduty", "CreateIPSet", {}, WATCHING),
    ("config", "PutConfigurationRecorder", {}, WATCHING),
    ("monitoring", "DisableAlarmActions", {}, WATCHING),
    ("wafv2", "DeleteWebACL", {}, GUARD),
    # Permissions, and ways back in.
    ("iam", "CreateServiceSpecificCredential", {}, NEW),
    ("iam", "ChangePassword", {}, NEW),
    ("iam", "DeactivateMFADevice", {}, ENTRY),
    ("iam", "SetDefaultPolicyVersion", {}, PERMISSIONS),
    ("iam", "GenerateCredentialReport", {}, "changed"),
    ("identitystore", "CreateGroupMembership", {}, ENTRY),
    ("rolesanywhere", "CreateTrustAnchor", {}, ENTRY),
    ("ec2", "ReplaceIamInstanceProfileAssociation", {}, PERMISSIONS),
    ("eks", "AssociateAccessPolicy", {}, PERMISSIONS),
    ("lakeformation", "GrantPermissions", {}, PERMISSIONS),
    ("ecr", "PutLifecyclePolicy", {}, "changed"),
    ("autoscaling", "PutScalingPolicy", {}, "changed"),
    # Into machines, and gone for good.
    ("ec2-instance-connect", "SendSerialConsoleSSHPublicKey", {}, "commands run on machines"),
    ("lambda", "UpdateFunctionCode20150331v2", {}, "code replaced"),
    ("rds", "DeleteGlobalCluster", {}, GONE),
    ("kms", "ScheduleKeyDeletion", {}, GONE),
    ("s3", "PutBucketLifecycle", {}, "changed"),
    ("ec2", "DeleteTags", {}, "changed"),
    ("cloudshell", "CreateSession", {}, "worked in the console's own shell"),
    ("cloudshell", "SendHeartBeat", {}, ""),
    ("sts", "GetFederationToken", {"name": "n"}, HOP),
    ("ec2", "RunInstances", {}, "started or stopped"),
)  # fmt: skip

READS = (
    ("secretsmanager", "BatchGetSecretValue", {"secretIdList": ["a", "b"]}, "secret read"),
    ("ssm", "GetParameters", {"names": ["/a"], "withDecryption": True}, "secret read"),
    ("ssm", "GetParameters", {"names": ["/a"]}, LOOKED),
    ("kms", "Decrypt", {}, "secret read"),
    ("sts", "AssumeRole", {"roleArn": "arn:x"}, HOP),
    ("redshift", "GetClusterCredentials", {}, "secret read"),
    *((service, name, {"name": "x"}, "") for service, names in {
        "iam": "ListUsers GetAccountAuthorizationDetails SimulatePrincipalPolicy",
        "s3": "GetBucketPolicy GetBucketAcl GetBucketPublicAccessBlock SelectObjectContent",
        "cloudtrail": "LookupEvents GetTrailStatus",
        "guardduty": "ListDetectors GetFindings",
        "sso": "ListAccountAssignments DescribePermissionSet",
        "identitystore": "IsMemberInGroups ListUsers",
        "ec2": "DescribeNetworkAcls DescribeSnapshotAttribute",
        "dynamodb": "BatchGetItem Query Scan",
        "logs": "StartQuery FilterLogEvents GetQueryResults",
        "secretsmanager": "ListSecrets GetResourcePolicy ValidateResourcePolicy",
        "kms": "GetKeyPolicy GenerateDataKey",
        "eks": "DescribeAccessEntry",
        "ram": "GetResourceShares",
        "sts": "GetCallerIdentity",
    }.items() for name in names.split()),
)  # fmt: skip


def weighed() -> Iterator[Weighed]:
    """Records with the words that are to be said of them."""
    ana = sso_role(behalf="ana")
    for service, name, asked, words in CHANGES:
        yield words, event(name, service, ana, readOnly=False, requestParameters=asked)
    for service, name, asked, words in READS:
        said = event(name, service, ana, readOnly=True, requestParameters=asked)
        yield words, said
        old = {field: value for field, value in said.items() if field != "readOnly"}
        yield words, old | {"eventID": f"old {said['eventID']}"}
    yield from _failed(ana)
    yield from _by_services(ana)


def _failed(ana: Record) -> Iterator[Weighed]:
    """Refused or failed, by the many ways in which that is said."""
    no = {"errorCode": "Client.UnauthorizedOperation", "errorMessage": "You are not authorized"}
    yield f"{REFUSED}{GONE}", event("TerminateInstances", "ec2", ana, readOnly=False, **no)
    yield "refused", event("ListKeys", "kms", ana, errorCode="VpceAccessDenied",
                           eventType="AwsVpceEvent", eventCategory="NetworkActivity")  # fmt: skip
    yield "refused", event("Publish", "sns", ana, errorCode="AuthorizationErrorException")
    yield f"{FAILED}{OPENED}", event("CreateFunctionUrlConfig", "lambda", ana, readOnly=False,
                                     errorCode="ResourceNotFoundException",
                                     requestParameters={"authType": "NONE"})  # fmt: skip
    for answer in (
        {"errorCode": "AccessDeniedException", "errorMessage": "no"},
        {"error": {"code": "AccessDenied", "message": "no"}},
        {"error": "AccessDenied"},
        {"__type": "AccessDeniedException"},
        {"errorDetail": {"errorMessage": "User is not authorized to perform: glue:StartJobRun"}},
    ):
        yield "refused", event("StartJobRun", "glue", ana, readOnly=False, responseElements=answer)
    for words, answer in (
        (f"{FAILED}{WATCHING}", {"item": {"error": {"code": "NotFound", "message": "gone"}}}),
        (WATCHING, ""),
    ):
        said = {"DeleteFlowLogsResponse": {"unsuccessful": answer, "requestId": "r-1"}}
        yield words, event("DeleteFlowLogs", "ec2", ana, readOnly=False, responseElements=said)
    yield "", event("TerminateInstances", "ec2", ana, readOnly=False,
                    errorCode="Client.DryRunOperation")  # fmt: skip
    yield "sign-in failed", event("ConsoleLogin", "signin", ana, readOnly=False,
                                  responseElements={"ConsoleLogin": "Failure"})  # fmt: skip


def _by_services(ana: Record) -> Iterator[Weighed]:
    """What a service did on the person's behalf, and what only looks like it."""
    internal = {"sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal"}
    yield "", event("Decrypt", "kms", ana | {"invokedBy": "AWS Internal"}, **internal)
    yield "", event("Decrypt", "kms", ana, sourceIPAddress="ssm.amazonaws.com")
    by_hand = "secret read"
    yield by_hand, event("Decrypt", "kms", ana, sessionCredentialFromConsole="true", **internal)
    console = ana | {"invokedBy": "signin.amazonaws.com"}
    yield by_hand, event("Decrypt", "kms", console, sourceIPAddress="signin.amazonaws.com")
