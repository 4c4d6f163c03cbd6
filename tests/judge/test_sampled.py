"""Kinds of lines, read by the hundred in real records, that were not right; now they are."""

from typing import Any

import pytest

from tests.judge.calls import named, verdict

LOGS_OFF = {"distributionConfig": {"logging": {"enabled": False}}}
SIGNED_IN = {"responseElements": {"ConsoleLogin": "Success"}, "readOnly": None}


@pytest.mark.parametrize(
    ("service", "name", "asked", "severity", "reason"),
    [
        # Made without logs, nothing is switched off; sent whole, it may have been so before.
        ("cloudfront", "CreateDistribution", LOGS_OFF, "low", "changed"),
        ("cloudfront", "UpdateDistribution", LOGS_OFF, "medium", "watching switched off"),
        ("apigateway", "CreateStage", {"createStageInput": {"tracingEnabled": False}}, "low",
         "changed"),
        ("apigateway", "UpdateStage", {"tracingEnabled": False}, "low", "watching switched off"),
        ("eks", "UpdateClusterConfig", {"logging": {"clusterLogging": {"enabled": False}}},
         "critical", "watching switched off"),
        # Who watches: set up, told less often, a saved question thrown away.
        ("cloudtrail", "CreateTrail", {"name": "t"}, "low", "watching set up"),
        ("config", "PutDeliveryChannel", {"deliveryChannel": {"name": "d"}}, "medium",
         "watching set up"),
        ("macie2", "UpdateMacieSession", {"findingPublishingFrequency": "SIX_HOURS"}, "medium",
         "watching switched off"),
        ("macie2", "UpdateMacieSession", {"status": "PAUSED"}, "critical", "watching switched off"),
        ("securityhub", "DeleteInsight", {"insightArn": "i"}, "high", "watching switched off"),
        # Encryption is no permission.
        ("glue", "PutDataCatalogEncryptionSettings", {"dataCatalogEncryptionSettings": {
            "encryptionAtRest": {"catalogEncryptionMode": "SSE-KMS"}}}, "low", "changed"),
        ("glue", "PutDataCatalogEncryptionSettings", {"dataCatalogEncryptionSettings": {
            "encryptionAtRest": {"catalogEncryptionMode": "DISABLED"}}}, "medium",
         "safeguard removed"),
        # What is taken away weighs less than what is given.
        ("rds", "AddRoleToDBInstance", {"roleArn": "r"}, "high", "permissions changed"),
        ("rds", "RemoveRoleFromDBInstance", {"roleArn": "r"}, "medium", "permissions changed"),
        ("rolesanywhere", "CreateProfile", {"name": "p"}, "critical", "trust or sign-in changed"),
        ("rolesanywhere", "DeleteProfile", {"profileId": "p"}, "high", "trust or sign-in changed"),
        ("sso-directory", "CreateGroup", {"displayName": "g"}, "high", "trust or sign-in changed"),
        ("iam", "UpdateAccountPasswordPolicy", {"minimumPasswordLength": 6}, "high",
         "trust or sign-in changed"),
        # An image's description lets nobody in.
        ("ec2", "ModifyImageAttribute", {"imageId": "i", "attributeType": "description"}, "low",
         "changed"),
        ("ec2", "ModifyImageAttribute", {"imageId": "i", "attributeType": "launchPermission"},
         "medium", "permissions changed"),
        # Machines, networks, money.
        ("ec2", "RunInstances", {"instanceType": "t3.micro"}, "low", "started or stopped"),
        ("ec2", "RunInstances", {"instanceType": "p3.16xlarge"}, "medium",
         "money or limits changed"),
        ("ec2", "CreateVpc", {"cidrBlock": "10.0.0.0/16"}, "low", "network changed"),
        ("elasticfilesystem", "ModifyMountTargetSecurityGroups", {"mountTargetId": "m"}, "medium",
         "network rules changed"),
        ("agreement-marketplace", "AcceptAgreementRequest", {"agreementRequestId": "a"}, "medium",
         "money or limits changed"),
        ("support", "CreateCase", {"serviceCode": "support-api"}, "low", "changed"),
        ("support", "CreateCase", {"serviceCode": "service-limit-increase"}, "medium",
         "money or limits changed"),
    ],
)  # fmt: skip
def test_the_reason_and_its_weight(
    service: str, name: str, asked: Any, severity: str, reason: str
) -> None:
    said = verdict(service, name, asked)
    assert (said.severity, said.reason) == (severity, reason)


@pytest.mark.parametrize(
    ("service", "name"),
    [("iam", "ListGroups"), ("iam", "GetGroupPolicy"), ("securityhub", "DescribeHub")],
)
def test_who_reads_what_guards_the_account_looks_around(service: str, name: str) -> None:
    assert verdict(service, name, {}, readOnly=True).reason == "looked around"


def test_a_sign_in_past_the_portal_is_said() -> None:
    user = {"userIdentity": {"type": "IAMUser", "userName": "eve"}, **SIGNED_IN}
    by_saml = {"additionalEventData": {"MFAUsed": "No", "SamlProviderArn": "arn:aws:iam::1:s/o"}}
    alone = {"additionalEventData": {"MFAUsed": "No"}}
    said = verdict("signin", "ConsoleLogin", None, **user, **alone)
    assert (said.severity, said.reason) == ("medium", "took on another identity")
    said = verdict("signin", "ConsoleLogin", None, **user, **by_saml)
    assert (said.severity, said.reason) == ("low", "signed in or out")


@pytest.mark.parametrize(
    ("service", "name", "asked", "said"),
    [
        ("rds", "RemoveRoleFromDBInstance", {"roleArn": "r", "dBInstanceIdentifier": "db"},
         "r with db"),
        ("s3", "CopyObject", {"bucketName": "b", "key": "k", "x-amz-copy-source": "a/k"},
         "b/k with a/k"),
        ("cloudhsm", "CreateCluster", {"subnetIds": ["s"], "tagList": [{"key": "Owner"}]}, "s"),
        ("elasticloadbalancing", "AddTags", {"resourceArns": ["a"], "tags": [{"key": "WAF"}]}, "a"),
        ("ec2", "ReplaceIamInstanceProfileAssociation", {
            "associationId": "iip", "iamInstanceProfile": {"name": "admin"}}, "iip with admin"),
        ("elasticfilesystem", "ModifyMountTargetSecurityGroups", {
            "mountTargetId": "m", "securityGroups": ["sg-1"]}, "m with sg-1"),
        ("rolesanywhere", "CreateProfile", {"name": "p", "roleArns": ["r"]}, "p with r"),
        ("sso", "CreateAccountAssignment", {"instanceArn": "i", "targetId": "444455556666",
         "permissionSetArn": "ps", "principalId": "g-1"}, "g-1 with ps, 444455556666"),
        ("guardduty", "DisassociateMembers", {"detectorId": "d", "accountIds": ["444455556666"]},
         "d with 444455556666"),
        ("eks", "CreateAccessEntry", {"name": "c", "principalArn": "r"}, "c with r"),
        ("iam", "DeleteVirtualMFADevice", {"serialNumber": "mfa/ana"}, "mfa/ana"),
    ],
)  # fmt: skip
def test_what_it_was_done_to_and_with(service: str, name: str, asked: Any, said: str) -> None:
    assert named(service, name, asked) == said


def test_what_was_made_is_named_though_elsewhere_it_is_but_a_part() -> None:
    made = {"networkInterface": {"networkInterfaceId": "eni-1"}}
    assert named("ec2", "CreateNetworkInterface", {"subnetId": "s"}, responseElements=made) == (
        "eni-1 with s"
    )


def test_a_refusal_names_a_role_that_has_no_arn_in_it() -> None:
    words = "is not authorized to perform: iam:PutRolePolicy on resource: role admin because no"
    assert named("iam", "PutRolePolicy", None, errorCode="AccessDenied", errorMessage=words) == (
        "role admin"
    )
