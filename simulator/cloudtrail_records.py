"""CloudTrail records as they stand in an organisation's log group since July 2025."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """A person as CloudTrail sees them."""

    user_name: str
    user_id: str
    identity_store_id: str
    management_account: str

    def on_behalf_of(self) -> dict[str, str]:
        arn = f"arn:aws:identitystore::{self.management_account}"
        return {
            "userId": self.user_id,
            "identityStoreArn": f"{arn}:identitystore/{self.identity_store_id}",
        }


def portal(actor: Actor, at: float, name: str, source: str = "sso.amazonaws.com",
           region: str = "us-east-1", **facts: Any) -> Record:  # fmt: skip
    """An access portal event: type IdentityCenterUser, with neither userName nor principalId."""
    identity = {
        "type": "IdentityCenterUser",
        "accountId": actor.management_account,
        "onBehalfOf": actor.on_behalf_of(),
        "credentialId": _short(actor.user_name, str(int(at) // 900)),
    }
    record = _record(at, name, source, actor.management_account, region, identity)
    return record | {"eventType": "AwsServiceEvent", **facts}


def account(actor: Actor, at: float, account_id: str, set_name: str, name: str, source: str,
            region: str = "us-east-1", read_only: bool = True, suffix: str = "",
            **facts: Any) -> Record:  # fmt: skip
    """An event in an account, by the role session of a permission set; `suffix` is the role's."""
    role = role_name(set_name, account_id, suffix)
    role_id = "AROA" + _short(role).upper()
    identity = {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{actor.user_name}",
        "arn": f"arn:aws:sts::{account_id}:assumed-role/{role}/{actor.user_name}",
        "accountId": account_id,
        "accessKeyId": "ASIA" + _short(actor.user_name, role, account_id).upper(),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": f"arn:aws:iam::{account_id}:role/aws-reserved/sso.amazonaws.com/{role}",
                "accountId": account_id,
                "userName": role,
            },
            "attributes": {"creationDate": _iso(at), "mfaAuthenticated": "false"},
        },
        "onBehalfOf": actor.on_behalf_of(),
    }
    record = _record(at, name, source, account_id, region, identity)
    return record | {"readOnly": read_only, "recipientAccountId": account_id, **facts}


def role_name(set_name: str, account_id: str, suffix: str = "") -> str:
    return f"AWSReservedSSO_{set_name}_{suffix or _short(set_name, account_id)}"


def portal_visit(actor: Actor, at: float, account_id: str, set_name: str) -> list[Record]:
    """Signing in, looking at the tiles, opening the account."""
    opened = {"account_id": account_id, "role_name": set_name}
    return [
        portal(actor, at, "CredentialVerification", "signin.amazonaws.com",
               additionalEventData={"CredentialType": "PASSWORD"},
               serviceEventDetails={"CredentialVerification": "Success"}),
        portal(actor, at + 0.1, "Authenticate", responseElements=None),
        portal(actor, at + 0.2, "ListApplications", requestParameters=None),
        portal(actor, at + 0.3, "Federate", serviceEventDetails=opened),
    ]  # fmt: skip


def account_visit(actor: Actor, at: float, account_id: str, set_name: str,
                  suffix: str = "") -> list[Record]:  # fmt: skip
    """A console sign-in, three reads, a write, a refusal and a decryption."""
    here = (account_id, set_name)
    call = partial(account, suffix=suffix)
    secret = f"arn:aws:kms:us-east-1:{account_id}:key/0f1e2d3c-0000-4000-8000-000000000001"
    denied = f"User: {actor.user_name} is not authorized to perform: iam:CreateUser"
    return [
        call(actor, at, *here, "ConsoleLogin", "signin.amazonaws.com", "us-east-2",
             read_only=False, eventType="AwsConsoleSignIn",
             responseElements={"ConsoleLogin": "Success"}),
        call(actor, at + 0.2, *here, "DescribeInstances", "ec2.amazonaws.com"),
        call(actor, at + 0.4, *here, "ListBuckets", "s3.amazonaws.com"),
        call(actor, at + 0.6, *here, "GetParameter", "ssm.amazonaws.com",
             requestParameters={"name": "/shop/flags", "withDecryption": True}),
        call(actor, at + 0.7, *here, "Decrypt", "kms.amazonaws.com",
             resources=[{"ARN": secret, "type": "AWS::KMS::Key"}]),
        call(actor, at + 0.8, *here, "UpdateService", "ecs.amazonaws.com", read_only=False,
             requestParameters={"cluster": "shop", "service": "checkout", "desiredCount": 4}),
        call(actor, at + 1.0, *here, "RebootDBInstance", "rds.amazonaws.com", read_only=False,
             requestParameters={"dBInstanceIdentifier": "orders"}),
        call(actor, at + 1.2, *here, "CreateUser", "iam.amazonaws.com", read_only=False,
             errorCode="AccessDenied", errorMessage=denied),
    ]  # fmt: skip


def _record(at: float, name: str, source: str, account_id: str, region: str,
            identity: dict[str, Any]) -> Record:  # fmt: skip
    return {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": _iso(at),
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "requestParameters": None,
        "responseElements": None,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account_id,
        "eventCategory": "Management",
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
