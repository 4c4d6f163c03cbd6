"""Whom a request lets in, as IAM would read it."""

import json
from typing import Any

import pytest

from chalicelib.judge.call import Call
from chalicelib.judge.conditions import internet
from chalicelib.judge.openness import Reach, reach
from tests.judge.calls import ELSEWHERE, verdict, write
from tests.trail.records import ACCOUNT

OPENED = "opened to the world"


def bucket(condition: Any = None, *, principal: Any = "*", more: Any = ()) -> Any:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
                 "Resource": "arn:aws:s3:::b/*"}  # fmt: skip
    if condition is not None:
        statement["Condition"] = condition
    return {"bucketName": "b", "bucketPolicy": {"Statement": [statement, *more]}}


def of(condition: Any = None, **facts: Any) -> Reach:
    return reach(Call(write("s3", "PutBucketPolicy", bucket(condition, **facts)), ACCOUNT))


NARROWS_NOTHING: tuple[Any, ...] = (
    None,
    {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}},
    {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abc"}},
    {"StringLike": {"aws:userId": "*:*"}},
    {"StringLike": {"aws:userId": "*:admin"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin"}},
    {"ArnEquals": {"aws:PrincipalArn": "*"}},
    {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
    {"StringLike": {"aws:PrincipalOrgID": ["o-abc123", "*"]}},
    {"StringLike": {"aws:PrincipalAccount": "????????????"}},
    {"StringNotEquals": {"aws:PrincipalOrgID": "o-abc"}},
    {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
    {"Null": {"aws:PrincipalOrgID": "false"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"StringEquals": {"aws:UserAgent": "ours"}},
    {"StringLike": {"aws:Referer": "https://example.com/*"}},
    {"StringEquals": {"aws:PrincipalTag/team": "a"}},
    {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}},
    {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
    {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}},
    {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}},
    {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
    {"StringLike": {"aws:userId": "*"}},
    {"StringLike": {"aws:userId": "*:i-0123"}},
    {"StringLike": {"acme:Team": ["*", "?*"]}},
    {"Bool": {"aws:ViaAWSService": "false"}},
    {"ArnLike": {"aws:PrincipalArn": "${aws:PrincipalArn}"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
    {"StringLike": {"aws:PrincipalArn": "*"}},
)
NARROWS: tuple[Any, ...] = (
    {"StringEquals": {"aws:PrincipalOrgID": "o-abc"}},
    {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abc123/r-ab12/*"}},
    {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abc"},
     "Null": {"aws:PrincipalOrgID": "false"}},
    {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}, "Null": {"aws:SourceVpce": "false"}},
    {"StringEquals": {"AWS:SOURCEVPCE": "vpce-1"}},
    {"StringLike": {"aws:userId": "AROAEXAMPLEID:*"}},
    {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}},
    {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::our-bucket"}},
    {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}},
    {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}},
    {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalOrgID": "o-abc"}},
    {"StringEquals": {"aws:PrincipalOrgID": []}},  # nothing passes
    {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}},
    {"StringLike": {"aws:PrincipalAccount": "${aws:ResourceAccount}*"}},
    {"StringEquals": {"aws:userId": "AROA*"}},  # compared as a letter: nothing passes
    {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::ours-*"}},
    {"StringLike": {"aws:PrincipalArn": f"*{ACCOUNT}*"}},
)  # fmt: skip


@pytest.mark.parametrize("condition", NARROWS_NOTHING)
def test_a_condition_that_narrows_nothing_leaves_it_open(condition: Any) -> None:
    assert of(condition).everybody
    assert verdict("s3", "PutBucketPolicy", bucket(condition)).reason == OPENED


@pytest.mark.parametrize("condition", NARROWS)
def test_a_condition_that_narrows_closes_it(condition: Any) -> None:
    assert not of(condition).everybody
    assert not of(condition).unclear
    assert verdict("s3", "PutBucketPolicy", bucket(condition)).reason == "permissions changed"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"acme:Team": "a"}},
        {"StringEquals": {"sts:ExternalId": "7"}},
        {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    ],
)
def test_what_cannot_be_told_is_said(condition: Any) -> None:
    assert of(condition).unclear
    said = verdict("s3", "PutBucketPolicy", bucket(condition))
    assert said.severity == "high"
    assert "cannot be told" in said.note


def test_everybody_has_more_names_than_one() -> None:
    for principal in ("*", {"AWS": "*"}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", "*"]}):
        assert of(principal=principal).everybody
    statement = {"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "*", "Resource": "*"}
    made = reach(Call(write("s3", "PutBucketPolicy", {"bucketPolicy": {"Statement": statement}})))
    assert made.everybody
    assert not of(principal={"Service": "logging.s3.amazonaws.com"})
    assert not of(principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})


def test_another_account_is_named() -> None:
    assert of(principal={"AWS": f"arn:aws:iam::{ELSEWHERE}:role/r"}).accounts == (ELSEWHERE,)
    assert of({"StringEquals": {"aws:PrincipalAccount": ELSEWHERE}}).accounts == (ELSEWHERE,)


def test_a_deny_that_keeps_the_others_out_is_seen() -> None:
    def deny(**condition: Any) -> Any:
        return {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
                "Condition": condition}  # fmt: skip

    held = deny(StringNotEquals={"aws:PrincipalOrgID": "o-abc"})
    assert of(more=[held]).unclear
    assert not of(more=[held]).everybody
    lenient = deny(StringNotEqualsIfExists={"aws:PrincipalOrgID": "o-abc"})
    assert of(more=[lenient]).everybody
    https = deny(Bool={"aws:SecureTransport": "false"})
    assert of(more=[https]).everybody
    both = deny(StringNotEquals={"aws:PrincipalOrgID": "o-abc"}, Bool={"aws:SecureTransport": "x"})
    assert of(more=[both]).everybody, "it denies whom both are true of, and no others"
    nobody = deny(Null={"aws:PrincipalOrgID": "true"})
    assert not of(more=[nobody]).everybody
    assert of(more=[deny(ForAllValues="x")]).everybody


def federated(condition: Any, provider: str = "token.actions.githubusercontent.com") -> Reach:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"},
        "Condition": condition,
    }
    asked = {"roleName": "r", "policyDocument": json.dumps({"Statement": [statement]})}
    return reach(Call(write("iam", "UpdateAssumeRolePolicy", asked), ACCOUNT))


def test_a_provider_at_which_anybody_may_sign_in_needs_to_say_who() -> None:
    github = "token.actions.githubusercontent.com"
    assert federated({"StringEquals": {f"{github}:aud": "sts.amazonaws.com"}}).everybody
    assert federated({"StringLike": {f"{github}:sub": "*"}}).everybody
    assert not federated({"StringLike": {f"{github}:sub": "repo:acme/shop:*"}})
    assert federated({"StringEquals": {f"{github}:acme": "x"}}).unclear
    assert not federated({"StringEquals": {"x:aud": "y"}}, "oidc.eks.eu-west-1.amazonaws.com/id/1")


@pytest.mark.parametrize(
    ("networks", "all_of_it"),
    [
        (["0.0.0.0/0"], True),
        (["::/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        (["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"], True),
        (["1.0.0.0/8", *(f"{n}.0.0.0/8" for n in range(2, 224) if n not in (10, 127))], True),
        (["::/1", "8000::/1"], True),
        (["2000::/3"], True),
        (["208.236.235.254/0"], True),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], False),
        (["0.0.0.0/8"], False),
        (["fc00::/7"], False),
        (["2001:db8::/32"], False),
        (["203.0.113.7/32", "nonsense", ""], False),
        ([], False),
    ],
)
def test_networks_together_may_be_the_internet(networks: list[str], all_of_it: bool) -> None:
    assert internet(networks) is all_of_it


def group(*rules: Any) -> Any:
    return {"groupId": "sg-1", "ipPermissions": {"items": list(rules)}}


def test_rules_of_a_group_are_read_together_in_both_families() -> None:
    def ranges(*cidrs: str) -> Any:
        return {"ipRanges": {"items": [{"cidrIp": cidr} for cidr in cidrs]}}

    halves = group(ranges("0.0.0.0/1", "128.0.0.0/1"))
    apart = group(ranges("0.0.0.0/1"), ranges("128.0.0.0/1"))
    six = group({"ipv6Ranges": {"items": [{"cidrIpv6": "::/1"}, {"cidrIpv6": "8000::/1"}]}})
    for asked in (halves, apart, six):
        assert verdict("ec2", "AuthorizeSecurityGroupIngress", asked).reason == OPENED
    inside = group(ranges("10.0.0.0/8"))
    assert verdict("ec2", "AuthorizeSecurityGroupIngress", inside).reason == "network rules changed"


@pytest.mark.parametrize(
    ("service", "name", "asked"),
    [
        ("s3", "PutAccountPublicAccessBlock", {"PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True, "BlockPublicPolicy": False}}),
        ("s3", "DeleteBucketPublicAccessBlock", {"bucketName": "b"}),
        ("ec2", "DisableSnapshotBlockPublicAccess", {}),
        ("ec2", "ModifyVpcBlockPublicAccessOptions", {"internetGatewayBlockMode": "off"}),
        ("rds", "RestoreDBInstanceFromDBSnapshot", {"publiclyAccessible": True}),
        ("redshift", "ModifyCluster", {"publiclyAccessible": True}),
        ("eks", "CreateCluster", {"resourcesVpcConfig": {"endpointPublicAccess": True}}),
        ("aoss", "CreateSecurityPolicy", {"policy": '[{"AllowFromPublic":true}]'}),
        ("kafka", "UpdateConnectivity", {"connectivityInfo": {
            "publicAccess": {"type": "SERVICE_PROVIDED_EIPS"}}}),
        ("ec2", "ModifyVpcEndpointServicePermissions", {
            "ModifyVpcEndpointServicePermissionsRequest": {"AddAllowedPrincipals": "*"}}),
        ("events", "PutPermission", {"principal": "*", "action": "events:PutEvents"}),
        ("lambda", "AddLayerVersionPermission20181031", {"principal": "*"}),
        ("cognito-identity", "UpdateIdentityPool", {"allowUnauthenticatedIdentities": True}),
        ("secretsmanager", "PutResourcePolicy", {"secretId": "s", "resourcePolicy":
            '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'}),
    ],
)  # fmt: skip
def test_lists_settings_and_blocks_open_too(service: str, name: str, asked: Any) -> None:
    assert verdict(service, name, asked).reason == OPENED


def test_closing_opens_nothing() -> None:
    whole = {"PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True}}  # fmt: skip
    assert verdict("s3", "PutBucketPublicAccessBlock", whole).reason != OPENED
    removed = {"createVolumePermission": {"remove": {"items": [{"group": "all"}]}}}
    assert verdict("ec2", "ModifySnapshotAttribute", removed).reason != OPENED
    everywhere = group({"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}})
    for name in ("RevokeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        assert verdict("ec2", name, everywhere).reason == "network rules changed"


def test_a_statement_beside_a_principal_is_read_as_a_policy_is() -> None:
    def permission(**narrowing: str) -> str:
        return verdict("lambda", "AddPermission20150331v2", {"principal": "*"} | narrowing).reason

    assert permission() == permission(sourceArn="*") == OPENED
    assert permission(sourceArn="arn:aws:sns:*:*:*") == OPENED
    assert permission(sourceArn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:t") == "permissions changed"
    assert permission(sourceAccount=ACCOUNT) == "permissions changed"


def test_what_an_endpoint_lets_through_is_nobodys_way_in() -> None:
    whole = json.dumps(bucket()["bucketPolicy"])
    for name in ("CreateVpcEndpoint", "ModifyVpcEndpoint"):
        assert verdict("ec2", name, {"policyDocument": whole}).reason != OPENED


def test_a_list_that_names_another_owner_shares() -> None:
    def acl(*ids: str) -> Any:
        grants = [{"Grantee": {"xsi:type": "CanonicalUser", "ID": each}, "Permission": "READ"}
                  for each in ids]  # fmt: skip
        return {"bucketName": "b", "AccessControlPolicy": {
            "Owner": {"ID": "us"}, "AccessControlList": {"Grant": grants}}}  # fmt: skip

    assert verdict("s3", "PutBucketAcl", acl("us")).reason == "permissions changed"
    them = verdict("s3", "PutBucketAcl", acl("us", "them"))
    assert (them.reason, them.note) == ("shared with another account", "with canonical user them…")


def test_no_policy_however_odd_is_a_crash() -> None:
    for odd in (None, 7, [], "x", {"Statement": 7}, {"Statement": [{"Effect": "Allow"}]},
                {"Statement": [{"Effect": "Allow", "Principal": [[]], "Condition": [1]}]},
                {"Statement": [{"Effect": "Allow", "Principal": "*", "Condition": {"a": 1}}]},
                {"Effect": "Allow", "Principal": {"AWS": {"a": "*"}}}):  # fmt: skip
        for asked in ({"bucketPolicy": odd}, {"policy": json.dumps(odd)}):
            verdict("s3", "PutBucketPolicy", asked)
