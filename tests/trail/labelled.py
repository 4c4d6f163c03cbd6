"""The labelled set: for each session, records with what they are and why.

A label is "portal" or "account" for the session's own, "other" for everybody else's, and "unclear"
where a careful reader could not say either: such a record has to be counted, no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.session import Session
from tests.trail.records import (
    ABROAD,
    ACCOUNT,
    BROWSER,
    MANAGEMENT,
    OTHER_ACCOUNT,
    SET,
    Record,
    assume_role,
    at,
    event,
    key_of,
    old_portal,
    on_behalf_of,
    paths,
    portal,
    role_name,
    saml,
    session_of,
    sso_role,
    taken_role,
    user_id,
    without,
)


@dataclass(frozen=True, slots=True)
class Labelled:
    label: str
    why: str
    record: Record
    via: str = ""  # how the credentials were come by


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    session: Session
    records: tuple[Labelled, ...]


def cases() -> list[Case]:
    return [
        Case("people, roles and accounts", session_of(), tuple(_people())),
        Case("the portal", session_of(), tuple(_portal())),
        Case("chained roles", session_of(), tuple(_chains())),
        Case("names that only look alike", session_of("b.b"), tuple(_alike())),
        Case("a name that is an e-mail", session_of("bob@example.com"), tuple(_email())),
        Case("two sessions of one person", session_of(), tuple(_two_sessions())),
        Case("access that stood before", session_of(standing="yes"), tuple(_standing())),
        Case("roles taken on, again and again", session_of(), tuple(_renewed())),
        *_lacking(),
    ]


def issued(minutes: float, key: str, **identity: str) -> Record:
    """The session's own role session, with credentials of that age."""
    ana = sso_role(behalf="ana")
    context = ana["sessionContext"] | {"attributes": {"creationDate": at(minutes)}}
    return ana | {"accessKeyId": key_of(key), "sessionContext": context} | identity


def _two_sessions() -> Iterator[Labelled]:
    """Access is gone after an hour, its credentials live for another; a second session follows."""

    def own(why: str, record: Record) -> Labelled:
        return Labelled("account", why, record)

    def other(why: str, record: Record) -> Labelled:
        return Labelled("other", why, record)

    yield own("issued within", event("DescribeInstances", "ec2", issued(10, "first"), 20))
    yield own(
        "issued within, used after it was gone",
        event("DeleteTable", "dynamodb", issued(10, "first"), 90, readOnly=False),
    )
    yield own("issued in the last minute", event("ListKeys", "kms", issued(59.9, "late"), 61))
    yield own(
        "a key that the session has used, whatever the record says of its age",
        event("ListRoles", "iam", issued(64, "first"), 66),
    )
    yield other(
        "issued to the later session",
        event("DeleteDBCluster", "rds", issued(64, "second"), 65, readOnly=False),
    )
    yield other("the later session's sign-in", saml_at(64))
    yield other(
        "what its credentials were handed",
        event("ListTables", "dynamodb", issued(64, "saml at 64"), 70),
    )
    yield other("issued to an earlier session", event("ListUsers", "iam", issued(-40, "before"), 5))
    unaged = {n: v for n, v in issued(64, "second").items() if n != "sessionContext"}
    console = {n: unaged[n] for n in ("type", "principalId", "arn", "accountId")}
    yield other(
        "the later session's sign-in to the console",
        event(
            "ConsoleLogin",
            "signin",
            console,
            66,
            readOnly=False,
            responseElements={"ConsoleLogin": "Success"},
        ),
    )


def saml_at(minutes: float) -> Record:
    said = saml()
    credentials = {"accessKeyId": key_of(f"saml at {minutes}")}
    answer = said["responseElements"] | {"credentials": credentials}
    when = {"eventTime": at(minutes), "eventID": f"saml-{minutes}", "responseElements": answer}
    return said | when


def _standing() -> Iterator[Labelled]:
    """Whoever had the access before and keeps it has credentials of any age."""
    for minutes, age in ((5, -40), (20, 10), (80, 70)):
        record = event("ListUsers", "iam", issued(age, f"key {age}"), minutes)
        yield Labelled("account", f"issued at {age}", record)


def _renewed() -> Iterator[Labelled]:
    ana = sso_role(behalf="ana")
    first = key_of("deploy")

    def used(minutes: float, key: str, created: float) -> Record:
        identity = taken_role("Deploy", "ana", key_of(key), OTHER_ACCOUNT, created=created)
        return event("ListStacks", "cloudformation", identity, minutes,
                     recipientAccountId=OTHER_ACCOUNT)  # fmt: skip

    via = f"role Deploy in {OTHER_ACCOUNT}"
    before = used(9, "before", 8)
    yield Labelled("other", "the same role session name, before she took it", before)
    yield Labelled(
        "account",
        "taking a role",
        assume_role(ana, "Deploy", "ana", first, OTHER_ACCOUNT, 12, sharedEventID="sh"),
    )
    there = {"type": "AWSAccount", "principalId": ana["principalId"], "accountId": ACCOUNT}
    yield Labelled(
        "other",
        "the same call, as the role's account recorded it",
        event("AssumeRole", "sts", there, 12, sharedEventID="sh", recipientAccountId=OTHER_ACCOUNT),
    )
    yield Labelled("account", "its credentials", used(15, "deploy", 12), via)
    yield Labelled("account", "renewed without a call", used(40, "renewed", 38), via)
    theirs = assume_role(sso_role("carol"), "Deploy", "ana", key_of("carol's"), OTHER_ACCOUNT, 45)
    yield Labelled("other", "somebody takes the role under the same name", theirs)
    yield Labelled("other", "and uses it", used(46, "carol's", 45))
    yield Labelled(
        "other", "renewed after that: whose it is cannot be told", used(55, "whose?", 54)
    )


def _people() -> Iterator[Labelled]:
    ana, plain = sso_role(behalf="ana"), sso_role()

    def own(why: str, record: Record) -> Labelled:
        return Labelled("account", why, record)

    def other(why: str, record: Record) -> Labelled:
        return Labelled("other", why, record)

    yield own("a read", event("DescribeInstances", "ec2", ana))
    yield own("a read by a record without onBehalfOf", event("ListBuckets", "s3", plain))
    yield own("a write", event("PutParameter", "ssm", plain, 11, readOnly=False))
    yield own(
        "a refusal",
        event("CreateUser", "iam", plain, 12, readOnly=False, errorCode="AccessDenied"),
    )
    yield own("the first second", event("GetCallerIdentity", "sts", ana, 0))
    yield own("the tail of the credentials", event("ListUsers", "iam", ana, 119))
    yield own("another Region", event("ListKeys", "kms", ana, 5, awsRegion="ap-southeast-2"))
    yield own("how the role session began", saml())
    yield own(
        "console sign-in, which has no key and no session context",
        event(
            "ConsoleLogin",
            "signin",
            {name: ana[name] for name in ("type", "principalId", "arn", "accountId")},
            1,
            eventType="AwsConsoleSignIn",
            responseElements={"ConsoleLogin": "Success"},
            readOnly=False,
            awsRegion="us-east-1",
        ),
    )
    yield own(
        "a service that calls on the person's behalf",
        event(
            "Decrypt",
            "kms",
            ana | {"invokedBy": "ssm.amazonaws.com"},
            8,
            sourceIPAddress="ssm.amazonaws.com",
            userAgent="ssm.amazonaws.com",
        ),
    )
    yield own(
        "an error in the answer instead of errorCode",
        event("RunJob", "glue", plain, 9, responseElements={"errorCode": "AccessDeniedException"}),
    )
    yield own(
        "an event of nine digits of fraction",
        event("ListStacks", "cloudformation", ana)
        | {"eventTime": "2026-11-22 15:20:00.000000000", "eventID": "n-1"},
    )
    yield own("lacking readOnly", without(event("ListTopics", "sns", plain), "readOnly"))
    yield own(
        "another access key of the same role session",
        event("ListQueues", "sqs", ana | {"accessKeyId": key_of("console")}),
    )

    yield other("the name begins alike", event("ListUsers", "iam", sso_role("anabel")))
    yield other("the name ends alike", event("ListUsers", "iam", sso_role("juliana")))
    yield other("the name in capitals", event("ListRoles", "iam", sso_role("Ana")))
    yield other("another permission set", event("ListUsers", "iam", sso_role(permission_set="Dev")))
    yield other(
        "a set whose name begins alike",
        event("ListUsers", "iam", sso_role(permission_set="BreakGlass_Admin")),
    )
    yield other(
        "a set whose name ends alike",
        event("ListUsers", "iam", sso_role(permission_set="NoBreakGlass")),
    )
    yield other(
        "another account",
        event(
            "ListUsers", "iam", sso_role(account=OTHER_ACCOUNT), recipientAccountId=OTHER_ACCOUNT
        ),
    )
    yield other("before the grant", event("ListUsers", "iam", ana, -1))
    yield other("after the credentials", event("ListUsers", "iam", ana, 121))
    yield other(
        "the same name, another person's id",
        event("ListGroups", "iam", sso_role(behalf="another ana")),
    )
    yield own(
        "a shorter suffix of the role, as in old records",
        event("ListUsers", "iam", sso_role(role="AWSReservedSSO_BreakGlass_8df5ccd37b")),
    )
    yield other(
        "a set whose name looks like a suffix",
        event("ListUsers", "iam", sso_role(permission_set="BreakGlass_8df5ccd37b")),
    )
    yield other(
        "a role of one's own making",
        event("ListUsers", "iam", sso_role(role="AWSReservedSSO_BreakGlass_1234")),
    )
    yield other(
        "an ordinary role under her name",
        event("ListUsers", "iam", taken_role("Deploy", "ana", key_of("ci"))),
    )
    yield other(
        "an IAM user of her name",
        event(
            "ListUsers",
            "iam",
            {
                "type": "IAMUser",
                "principalId": "AIDAJ45Q7YFFAREXAMPLE",
                "accountId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:user/ana",
                "accessKeyId": "AKIAI44QH8DHBEXAMPLE",
                "userName": "ana",
            },
        ),
    )
    yield other(
        "root",
        event(
            "ConsoleLogin",
            "signin",
            {
                "type": "Root",
                "principalId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:root",
                "accountId": ACCOUNT,
                "accessKeyId": "",
            },
        ),
    )
    yield other(
        "a service by itself",
        event("AssumeRole", "sts", {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}),
    )
    endpoint = {"eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity"}
    yield own("a call seen by a VPC endpoint", event("ListKeys", "kms", ana, 9, **endpoint))
    told = {"attributions": [{"insight": [{"value": ana["arn"]}]}]}
    remark = event(
        "RunInstances",
        "ec2",
        None,
        eventType="AwsCloudTrailInsight",
        eventCategory="Insight",
        insightDetails={"insightContext": told},
    )
    yield other("CloudTrail's own remark on many calls", without(remark, "userIdentity"))
    yield other(
        "what a service did by itself",
        event(
            "RotateKey",
            "kms",
            {"accountId": ACCOUNT, "invokedBy": "AWS Internal"},
            eventType="AwsServiceEvent",
        ),
    )
    yield other("somebody's SAML session", saml("anabel"))
    yield other("her SAML session in another account", saml(account=OTHER_ACCOUNT))
    yield other(
        "her own grant, by the app",
        event(
            "CreateAccountAssignment",
            "sso",
            taken_role("break-glass", "worker", key_of("app")),
            0,
            requestParameters={"principalId": user_id("ana"), "targetId": ACCOUNT},
        ),
    )
    yield other(
        "her name in a parameter only",
        event(
            "GetRole",
            "iam",
            sso_role("carol"),
            requestParameters={"roleName": f"{role_name()}/ana"},
        ),
    )
    yield Labelled("unclear", "nobody is named", event("ListUsers", "iam", None))
    yield Labelled(
        "unclear", "nothing but a type", event("ListUsers", "iam", {"type": "AssumedRole"})
    )


def _portal() -> Iterator[Labelled]:
    def own(why: str, record: Record) -> Labelled:
        return Labelled("portal", why, record)

    def other(why: str, record: Record) -> Labelled:
        return Labelled("other", why, record)

    opened = {"account_id": ACCOUNT, "role_name": SET}
    for name in ("Authenticate", "ListApplications", "ListAccounts", "ListAccountRoles"):
        yield own(f"{name} since 2025", portal(name))
        yield own(f"{name} before 2025", old_portal(name))
    yield own("opening the account", portal("Federate", serviceEventDetails=opened))
    yield own(
        "credentials for the command line", portal("GetRoleCredentials", serviceEventDetails=opened)
    )
    yield own(
        "the command line's sign-in",
        portal(
            "CreateToken",
            source="sso",
            readOnly=False,
            requestParameters={"clientId": "c", "grantType": "refresh_token"},
            responseElements={"accessToken": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        ),
    )
    yield own(
        "opening another account, which she may as well",
        portal("Federate", minutes=3, serviceEventDetails={"account_id": OTHER_ACCOUNT}),
    )
    for name in ("CredentialChallenge", "CredentialVerification", "UserAuthentication"):
        yield own(f"{name} since 2025", portal(name, source="signin"))
        yield own(
            f"{name} before 2025, by name alone", old_portal(name, source="signin", by_id=False)
        )
    both = old_portal("CredentialVerification", source="signin", by_id=False, awsRegion="us-east-2")
    both["userIdentity"] = both["userIdentity"] | {"onBehalfOf": on_behalf_of("ana")}
    yield own("of the months between: old shape with onBehalfOf", both)
    older = "90677f325d-ffd9565d-ac85-4753-8dc6-502c67f1c727"
    with_prefix = old_portal("Authenticate", awsRegion="us-west-2")
    with_prefix["userIdentity"] = with_prefix["userIdentity"] | {"principalId": older}
    yield other("a name that was hers, another's id", with_prefix)

    yield other("another's, since 2025", portal("Authenticate", "anabel"))
    yield other("another's, before 2025", old_portal("Authenticate", "anabel"))
    yield other(
        "another's, by name alone",
        old_portal("UserAuthentication", "anabel", "signin", by_id=False),
    )
    yield other(
        "the name in capitals", old_portal("UserAuthentication", "Ana", "signin", by_id=False)
    )
    yield other("before the grant", portal("Authenticate", minutes=-5))
    yield other("long after", portal("Authenticate", minutes=240))
    yield other(
        "her work in an application elsewhere",
        portal("GenerateRecommendations", source="codewhisperer"),
    )
    yield other(
        "an IAM user's sign-in",
        event(
            "ConsoleLogin",
            "signin",
            {
                "type": "IAMUser",
                "principalId": "AIDAJ45Q7YFFAREXAMPLE",
                "accountId": ACCOUNT,
                "userName": "ana",
            },
        ),
    )
    yield other(
        "administration of Identity Center",
        event(
            "DescribePermissionSet",
            "sso",
            sso_role("carol", account=MANAGEMENT),
            recipientAccountId=MANAGEMENT,
        ),
    )
    nobody = old_portal("CredentialChallenge", source="signin", by_id=False)
    nobody |= {"eventID": "nobody"}
    nobody["userIdentity"] = nobody["userIdentity"] | {"userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    yield Labelled("unclear", "a sign-in whose name is hidden", nobody)


def _chains() -> Iterator[Labelled]:
    ana = sso_role(behalf="ana")
    first, second, third = key_of("hop 1"), key_of("hop 2"), key_of("hop 3")
    deploy, audit = (
        taken_role("Deploy", "s-1", first),
        taken_role("Audit", "s-2", second, OTHER_ACCOUNT),
    )

    def via(chain: str, why: str, record: Record) -> Labelled:
        return Labelled("account", why, record, chain)

    def other(why: str, record: Record) -> Labelled:
        return Labelled("other", why, record)

    there = {"recipientAccountId": OTHER_ACCOUNT}
    yield via("", "taking a role", assume_role(ana, "Deploy", "s-1", first, sharedEventID="sh-1"))
    yield other(
        "the same, as the role's account records it: one call",
        event(
            "AssumeRole",
            "sts",
            {"type": "AWSAccount", "principalId": ana["principalId"], "accountId": ACCOUNT},
            12,
            sharedEventID="sh-1",
        ),
    )
    yield via(
        "role Deploy",
        "through one role",
        event("UpdateStack", "cloudformation", deploy, 13, readOnly=False),
    )
    yield via(
        "role Deploy",
        "the next hop, into another account",
        assume_role(deploy, "Audit", "s-2", second, OTHER_ACCOUNT, 14),
    )
    chain = f"role Deploy → role Audit in {OTHER_ACCOUNT}"
    yield via(chain, "through two roles", event("ListBuckets", "s3", audit, 15, **there))
    federated = {
        "type": "FederatedUser",
        "accountId": OTHER_ACCOUNT,
        "accessKeyId": third,
        "principalId": f"{OTHER_ACCOUNT}:visitor",
        "arn": f"arn:aws:sts::{OTHER_ACCOUNT}:federated-user/visitor",
    }
    yield via(
        chain,
        "the third hop",
        event(
            "GetFederationToken",
            "sts",
            audit,
            16,
            **there,
            responseElements={
                "credentials": {"accessKeyId": third},
                "federatedUser": {"arn": federated["arn"]},
            },
        ),
    )
    yield via(
        f"{chain} → federated user visitor",
        "through three hops",
        event("GetObjectAcl", "s3", federated, 17, **there),
    )
    renewed = taken_role("Deploy", "s-1", key_of("renewed by the console"))
    yield via(
        "role Deploy",
        "a key that the console renewed",
        event("ListStacks", "cloudformation", renewed, 18),
    )
    yield via(
        "role Deploy",
        "console sign-in through the role, with no key",
        event(
            "ConsoleLogin",
            "signin",
            {n: deploy[n] for n in ("type", "principalId", "arn", "accountId")},
            13,
            responseElements={"ConsoleLogin": "Success"},
        ),
    )

    switched = taken_role("Switched", "ana", key_of("switched"), OTHER_ACCOUNT, created=20)
    yield via(
        "",
        "switching roles in the console",
        event(
            "SwitchRole",
            "signin",
            {n: switched[n] for n in ("type", "principalId", "arn", "accountId")},
            20,
            **there,
            eventType="AwsConsoleSignIn",
            userAgent=BROWSER,
            responseElements={"SwitchRole": "Success"},
            additionalEventData={"SwitchFrom": ana["arn"]},
        ),
    )
    yield via(
        "role Switched",
        "what was done after switching",
        event("DescribeVpcs", "ec2", switched, 21, **there),
    )

    made = "AKIA" + "EXAMPLE234567890"
    user = {
        "type": "IAMUser",
        "principalId": "AIDA123",
        "accountId": ACCOUNT,
        "userName": "backdoor",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/backdoor",
        "accessKeyId": made,
    }
    yield via(
        "",
        "making an access key",
        event(
            "CreateAccessKey",
            "iam",
            ana,
            25,
            readOnly=False,
            requestParameters={"userName": "backdoor"},
            responseElements={
                "accessKey": {"accessKeyId": made, "userName": "backdoor", "status": "Active"}
            },
        ),
    )
    yield via(
        "new access key of backdoor",
        "using it from abroad",
        event("ListSecrets", "secretsmanager", user, 26, sourceIPAddress=ABROAD),
    )

    theirs = key_of("somebody's")
    yield other(
        "somebody takes the same role",
        assume_role(sso_role("carol"), "Deploy", "s-1", theirs, minutes=30),
    )
    yield other(
        "and uses it under the same session name",
        event("ListBuckets", "s3", taken_role("Deploy", "s-1", theirs, created=30), 31),
    )
    yield other(
        "the same role, another session name",
        event("ListBuckets", "s3", taken_role("Deploy", "s-9", key_of("x")), 13),
    )
    yield other(
        "a role session from before",
        event("ListBuckets", "s3", taken_role("Deploy", "s-1", key_of("y"), created=-40), 13),
    )
    yield other(
        "somebody switches roles",
        event(
            "SwitchRole",
            "signin",
            taken_role("Switched", "carol", ""),
            20,
            **there,
            additionalEventData={"SwitchFrom": sso_role("carol")["arn"]},
        ),
    )
    yield other(
        "a service uses the role for itself",
        event("PutLogEvents", "logs", taken_role("Deploy", "fn", key_of("fn")), 13),
    )
    yield other(
        "another access key of that user",
        event("ListUsers", "iam", user | {"accessKeyId": "AKIAOLDEXAMPLE"}, 26),
    )
    yield other(
        "a refused AssumeRole hands out nothing, and its role stays another's",
        event("ListBuckets", "s3", taken_role("Admin", "s-3", key_of("z")), 41),
    )
    yield via(
        "",
        "a refused AssumeRole",
        event(
            "AssumeRole",
            "sts",
            ana,
            40,
            errorCode="AccessDenied",
            requestParameters={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/Admin"},
        ),
    )


def _alike() -> Iterator[Labelled]:
    yield Labelled("account", "the name itself", event("ListUsers", "iam", sso_role("b.b")))
    for name in ("bxb", "b.bb", "bb.b", "b-b", "B.B", "b.b ", "b.b@example.com"):
        yield Labelled("other", f"{name!r} is not b.b", event("ListUsers", "iam", sso_role(name)))
        yield Labelled(
            "other",
            f"{name!r} in the portal",
            old_portal("UserAuthentication", name, "signin", by_id=False),
        )


def _email() -> Iterator[Labelled]:
    for name in ("bob@example.com", "bob"):
        label = "account" if name == "bob@example.com" else "other"
        yield Labelled(label, name, event("ListUsers", "iam", sso_role(name)))
    yield Labelled(
        "other", "longer", event("ListUsers", "iam", sso_role("bob@example.com.evil.example"))
    )
    yield Labelled(
        "other", "longer in front", event("ListUsers", "iam", sso_role("bobbob@example.com"))
    )
    yield Labelled("portal", "before 2025", old_portal("Authenticate", "bob@example.com"))


# What a record needs for a careful reader to know whose it is; without it, it is unclear.
PORTAL_NEEDS = ("userIdentity", "userIdentity.onBehalfOf", "userIdentity.onBehalfOf.userId")


def _lacking() -> Iterator[Case]:
    """Each kind of record, lacking each of its fields in turn, alone in a trail."""
    kinds = {
        "account": lambda user: event("ListUsers", "iam", sso_role(user)),
        "account by id": lambda user: event("ListUsers", "iam", sso_role(user, behalf=user)),
        "portal": lambda user: portal("Authenticate", user),
        "portal before 2025": lambda user: old_portal("Authenticate", user),
    }
    for kind, made in kinds.items():
        needed = PORTAL_NEEDS if kind == "portal" else ("userIdentity",)
        for user in ("ana", "anabel"):
            for path in paths(made(user)):
                label = kind.partition(" ")[0] if user == "ana" else "other"
                lacking = Labelled(
                    "unclear" if path in needed else label,
                    f"{user}'s record of kind {kind}, lacking {path}",
                    without(made(user), path),
                )
                yield Case(lacking.why, session_of(), (lacking,))
