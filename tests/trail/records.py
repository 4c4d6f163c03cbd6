"""CloudTrail records by the shapes that services write them in."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.session import Session

Record = dict[str, Any]

ACCOUNT, OTHER_ACCOUNT, MANAGEMENT = "111122223333", "444455556666", "999988887777"
SET = "BreakGlass"
STORE = f"arn:aws:identitystore::{MANAGEMENT}:identitystore/d-906705a1b2"
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/141.0.0.0"
CLI = "aws-cli/2.31.3 md/awscrt#0.27.6 ua/2.1 os/linux lang/python#3.13.7 cfg/retry-mode#standard"
HOME, ABROAD = "203.0.113.7", "198.51.100.23"

START = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
GRANTED = START + timedelta(seconds=2)
GONE = START + timedelta(hours=1, seconds=2)


def user_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def session_of(user_name: str = "ana", **changes: Any) -> Session:
    first = Session(
        id="bg-20261122-7f3a",
        glass="abc-prod",
        asked_at=START - timedelta(seconds=3),
        slack_user="U024BE7LH",
        slack_user_name=user_name,
        email=f"{user_name}@example.com",
        name="Ana Silva",
        user_name=user_name,
        principal_id=user_id(user_name),
        account_id=ACCOUNT,
        account_name="abc-prod",
        permission_set=SET,
        duration=timedelta(hours=1),
        tail=timedelta(hours=1),
        allowed_at=START,
        grant_asked_at=START,
        granted_at=GRANTED,
        deadline=START + timedelta(hours=1),
        ended_at=START + timedelta(hours=1),
        ended_how="expired",
        revoke_first_asked_at=START + timedelta(hours=1, seconds=1),
        gone_at=GONE,
        lag_asked=0.6,
        lag_gone=2.1,
        standing="no",
    )
    return first.with_(**changes)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(
    name: str, source: str, identity: Record | None, minutes: float = 10, **facts: Any
) -> Record:
    """Any record; `facts` add to it or replace."""
    service = source.split(".")[0]
    record: Record = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": at(minutes),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": HOME,
        "userAgent": CLI,
        "requestParameters": None,
        "responseElements": None,
        "requestID": _uuid("request", name, minutes, identity, facts),
        "eventID": _uuid("event", name, minutes, identity, facts),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    return record | facts


def role_name(permission_set: str = SET, account: str = ACCOUNT) -> str:
    return f"AWSReservedSSO_{permission_set}_{_hex(permission_set, account)[:16]}"


def role_id(role: str) -> str:
    return "AROA" + _hex(role)[:17].upper()


def key_of(*parts: Any) -> str:
    return "ASIA" + _hex("key", *parts)[:16].upper()


def on_behalf_of(user: str) -> Record:
    return {"userId": user_id(user), "identityStoreArn": STORE}


def sso_role(
    user: str = "ana",
    permission_set: str = SET,
    account: str = ACCOUNT,
    *,
    behalf: str | None = None,
    role: str = "",
) -> Record:
    """A role session that Identity Center opened; `behalf` is None where records do not say."""
    role = role or role_name(permission_set, account)
    there = f"aws-reserved/sso.amazonaws.com/eu-west-1/{role}"
    identity: Record = {
        "type": "AssumedRole",
        "principalId": f"{role_id(role)}:{user}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{user}",
        "accountId": account,
        "accessKeyId": key_of(user, role, account),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id(role),
                "arn": f"arn:aws:iam::{account}:role/{there}",
                "accountId": account,
                "userName": role,
            },
            "attributes": {"creationDate": at(1), "mfaAuthenticated": "false"},
        },
    }
    if behalf is not None:
        identity["onBehalfOf"] = on_behalf_of(behalf)
    return identity


def taken_role(
    role: str, name: str, key: str, account: str = ACCOUNT, created: float = 12
) -> Record:
    """A role session that AssumeRole opened."""
    return {
        "type": "AssumedRole",
        "principalId": f"{role_id(role)}:{name}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id(role),
                "arn": f"arn:aws:iam::{account}:role/{role}",
                "accountId": account,
                "userName": role,
            },
            "attributes": {"creationDate": at(created), "mfaAuthenticated": "false"},
        },
    }


def assume_role(
    identity: Record, role: str, name: str, key: str, account: str = ACCOUNT, minutes: float = 12,
    **facts: Any,
) -> Record:  # fmt: skip
    """AssumeRole as the caller's account records it."""
    arn = f"arn:aws:iam::{account}:role/{role}"
    answer = {
        "credentials": {"accessKeyId": key, "sessionToken": "IQoJb…", "expiration": "Nov 22, 2026"},
        "assumedRoleUser": {
            "assumedRoleId": f"{role_id(role)}:{name}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        },
    }
    return event(
        "AssumeRole",
        "sts",
        identity,
        minutes,
        requestParameters={"roleArn": arn, "roleSessionName": name},
        responseElements=answer,
        resources=[{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}],
        **facts,
    )


def saml(user: str = "ana", permission_set: str = SET, account: str = ACCOUNT) -> Record:
    """How Identity Center opens a role session: a call by nobody that the account knows yet."""
    role = role_name(permission_set, account)
    arn = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/eu-west-1/{role}"
    identity = {
        "type": "SAMLUser",
        "principalId": f"/nQTosBbaHrvuioiTKQkrbl3/WM=:{user}",
        "userName": user,
        "identityProvider": "/nQTosBbaHrvuioiTKQkrbl3/WM=",
    }
    answer = {
        "credentials": {"accessKeyId": key_of("saml", user, role), "sessionToken": "IQoJb…"},
        "assumedRoleUser": {
            "assumedRoleId": f"{role_id(role)}:{user}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{user}",
        },
        "subject": user,
        "audience": "https://signin.aws.amazon.com/saml",
    }
    return event(
        "AssumeRoleWithSAML",
        "sts",
        identity,
        1,
        requestParameters={"roleArn": arn, "roleSessionName": user, "durationSeconds": 3600},
        responseElements=answer,
        recipientAccountId=account,
        sourceIPAddress="192.0.2.254",
        userAgent="aws-sdk-java/2.46.14 md/internal",
    )


def portal(
    name: str, user: str = "ana", source: str = "sso", minutes: float = 1, **facts: Any
) -> Record:
    """A portal record as they are since July 2025: neither userName nor principalId."""
    identity = {
        "type": "IdentityCenterUser",
        "accountId": MANAGEMENT,
        "onBehalfOf": on_behalf_of(user),
        "credentialId": _hex("credential", user)[:24],
    }
    return event(
        name,
        source,
        identity,
        minutes,
        eventType="AwsServiceEvent",
        recipientAccountId=MANAGEMENT,
        userAgent=BROWSER,
        **facts,
    )


def old_portal(
    name: str, user: str = "ana", source: str = "sso", *, by_id: bool = True, **facts: Any
) -> Record:
    """A portal record as they were before: type Unknown, the user's name and mostly the id."""
    identity = {
        "type": "Unknown",
        "principalId": user_id(user) if by_id else MANAGEMENT,
        "accountId": MANAGEMENT,
        "userName": user,
    }
    return event(
        name,
        source,
        identity,
        1,
        eventVersion="1.08",
        eventType="AwsServiceEvent",
        recipientAccountId=MANAGEMENT,
        userAgent=BROWSER,
        **facts,
    )


def without(record: Record, path: str) -> Record:
    """The record lacking one field, "userIdentity.arn" for one further in."""
    head, _, rest = path.partition(".")
    if not rest:
        return {name: value for name, value in record.items() if name != head}
    inner = record.get(head)
    return record | {head: without(inner, rest)} if isinstance(inner, dict) else record


def paths(record: Record, depth: int = 4) -> list[str]:
    """Every field of a record that can be left out."""
    found = []
    for name, value in record.items():
        found.append(name)
        if isinstance(value, dict) and depth > 1:
            found += [f"{name}.{inner}" for inner in paths(value, depth - 1)]
    return found


def _hex(*parts: Any) -> str:
    said = "|".join(map(str, parts))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _uuid(*parts: Any) -> str:
    return str(uuid.UUID(_hex(*parts)[:32]))
