"""An hour of one person's work in an account, for the report to be read by human eyes."""

from datetime import timedelta
from typing import Any

from chalicelib.domain.session import Session
from tests.trail.records import (
    ABROAD,
    ACCOUNT,
    OTHER_ACCOUNT,
    SET,
    START,
    Record,
    assume_role,
    event,
    key_of,
    portal,
    session_of,
    sso_role,
    taken_role,
)

FIRST_REPORT = START + timedelta(hours=1, minutes=16)


def example_session(**changes: Any) -> Session:
    return session_of("ana", **changes)


def example_records() -> list[Record]:
    ana = sso_role("ana", behalf="ana")
    opened = {"account_id": ACCOUNT, "role_name": SET}
    key, deploy_key = key_of("example"), "AKIA" + "7QJ3EXAMPLE12345"
    deploy = taken_role("Deploy", "ana", key, OTHER_ACCOUNT, created=31)
    records = [
        portal("UserAuthentication", source="signin", minutes=0.6),
        portal("Authenticate", minutes=0.7),
        portal("ListApplications", minutes=0.7),
        portal("Federate", minutes=0.8, serviceEventDetails=opened),
        event("ConsoleLogin", "signin", ana, 0.9, eventType="AwsConsoleSignIn", readOnly=False,
              awsRegion="us-east-1", responseElements={"ConsoleLogin": "Success"}),
        event("GetSecretValue", "secretsmanager", ana, 7.4,
              requestParameters={"secretId": "prod/orders/db"}),
        event("GetSecretValue", "secretsmanager", ana, 7.6,
              requestParameters={"secretId": "prod/payments/api-key"}),
        event("Decrypt", "kms", ana | {"invokedBy": "secretsmanager.amazonaws.com"}, 7.4,
              sourceIPAddress="secretsmanager.amazonaws.com"),
        event("RebootDBInstance", "rds", ana, 12.2, readOnly=False,
              requestParameters={"dBInstanceIdentifier": "orders"}),
        event("UpdateService", "ecs", ana, 15, readOnly=False,
              requestParameters={"cluster": "shop", "service": "checkout", "desiredCount": 4}),
        event("AuthorizeSecurityGroupIngress", "ec2", ana, 19.1, readOnly=False,
              requestParameters={"groupId": "sg-0a1b2c3d4e5f60718", "ipPermissions": {"items": [
                  {"fromPort": 5432, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}),
        event("CreateAccessKey", "iam", ana, 24, readOnly=False, awsRegion="us-east-1",
              requestParameters={"userName": "ci-deploy"},
              responseElements={"accessKey": {"accessKeyId": deploy_key, "userName": "ci-deploy"}}),
        event("StopLogging", "cloudtrail", ana, 26.5, readOnly=False, errorCode="AccessDenied",
              errorMessage="User is not authorized to perform: cloudtrail:StopLogging",
              requestParameters={"name": "organization-trail"}),
        assume_role(ana, "Deploy", "ana", key, OTHER_ACCOUNT, 31),
        event("UpdateStack", "cloudformation", deploy, 33, readOnly=False,
              recipientAccountId=OTHER_ACCOUNT, requestParameters={"stackName": "shop-edge"}),
        event("DeleteTable", "dynamodb", ana, 41, readOnly=False,
              requestParameters={"tableName": "orders-staging"}),
        event("ListBuckets", "s3", {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "userName": "ci-deploy",
            "accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/ci-deploy",
            "accessKeyId": deploy_key}, 52, sourceIPAddress=ABROAD, userAgent="curl/8.14.1"),
        event("ListUsers", "iam", sso_role("anabel"), 20),
        portal("Authenticate", "anabel", minutes=3),
    ]  # fmt: skip
    for number in range(34):
        names = ("DescribeInstances", "DescribeSecurityGroups", "DescribeVolumes")
        records.append(event(names[number % 3], "ec2", ana, 2 + number * 0.47, number=number))
    for number in range(9):
        records.append(
            event("CreateGrant", "kms", ana, 13 + number * 0.5, readOnly=False, number=number,
                  errorCode="AccessDenied", requestParameters={"keyId": "alias/orders"})
        )  # fmt: skip
    for number in range(12):
        records.append(event("DescribeDBInstances", "rds", ana, 10 + number * 1.7, number=number))
    return [
        record | {"@ingestionTime": (START + timedelta(minutes=61)).isoformat()}
        for record in records
    ]


def late_records() -> list[Record]:
    """What reached the trail after the first report: done in the tail of the credentials."""
    ana = sso_role("ana", behalf="ana")
    return [
        event("PutBucketPolicy", "s3", ana, 88, readOnly=False,
              requestParameters={"bucketName": "shop-invoices", "bucketPolicy": {
                  "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}})
        | {"@ingestionTime": (START + timedelta(minutes=93)).isoformat()},
        event("ListBuckets", "s3", ana, 90)
        | {"@ingestionTime": (START + timedelta(minutes=95)).isoformat()},
    ]  # fmt: skip
