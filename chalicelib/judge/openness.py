"""Whom a request lets in: everybody, another account, or nobody new; and where it cannot be told.

A policy is read as IAM reads it. Beside policies there are lists, rules for networks and settings
that do the same, each under the names that the services use.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.judge.call import INSIDE, Call, Json, parameter, parsed, table
from chalicelib.judge.conditions import Narrows, internet, narrows, turns_away

ACCOUNT = re.compile(r"\d{12}")
PARTITION = re.compile(r"^arn:aws[a-z-]*:")
EVERYBODY = ("*", "arn:aws:iam::*:root", "arn:aws:iam::*:user/*", "arn:aws:iam::*:role/*")
PUBLIC_LISTS = ("public-read", "public-read-write", "authenticated-read")
PUBLIC_GROUPS = ("groups/global/allusers", "groups/global/authenticatedusers")

# What the names of parameters have in them by which a list lets somebody in.
LISTS = ("acl", "grant", "uri", "group", "toadd", "principal", "accountid")

# Names that never open anything, or close it.
CLOSES = re.compile(
    r"(Batch)?(Revoke|Delete|Remove|Detach|Disassociate|Terminate|Stop|Tag|Untag|Deny|Close|Cancel"
    r"|Retire|Reject|Deauthorize|Unshare)|.*Descriptions|.*(Egress|Preview)$"
)
# Policies that say what may be called through something of one's own, by whoever may call at all.
OF_CALLERS = frozenset({"CreateVpcEndpoint", "ModifyVpcEndpoint"})
# Where an account's number says whom something is shared with. Below a "remove" it says the other.
SHARED_BY = frozenset({
    "userid", "userids", "accountid", "accountids", "awsaccountid", "awsaccountids", "valuestoadd",
    "accountwithrestoreaccess", "accountidstoadd", "principal", "principals", "account",
    "granteeprincipal", "sharedaccountids", "addallowedprincipals", "targetaccountid",
    "destinationaccount", "destinationaccountid", "consumeraccountid", "recipientaccountid",
    "peerownerid", "accounts", "sourceaccount", "datalakeprincipalidentifier", "granteearn",
    "subscriberidentity", "awsprincipal", "targetid", "id", "destination", "owner",
    "destinationowner", "principalarn", "allowedprincipals", "email", "transferaccountid",
    "associateuserids", "consumeridentifier", "granteeidentifier", "targetaccountids",
})  # fmt: skip
_ONLY_IN = {  # names that say this of some calls alone
    "account": re.compile(r"PutBucketReplication|Authorize.*Access|.*Share.*|.*Permission.*"),
    "accountid": re.compile(
        r"TransferDomain.*|AssociateVPC.*|Create.*Share.*|.*Permission.*|Authorize.*|Share.*"
    ),
    "accountids": re.compile(r".*(Share|Permission|Authoriz).*"),
    "principal": re.compile(
        r"(Add|Put|Grant|Associate|Create|Batch).*(Permission|Grant|Share|Policy|Member).*"
    ),
    "principals": re.compile(r"(Create|Associate)ResourceShare.*|.*Permission.*|.*Entitlement.*"),
    "userid": re.compile(r"Modify.*Attribute"),
    "userids": re.compile(r"Modify.*Attribute|.*DistributionConfiguration"),
    "targetaccountids": re.compile(r".*DistributionConfiguration"),
    "targetid": re.compile(r"Share.*"),
    "id": re.compile(r"PutBucketAcl|PutObjectAcl|ShareDirectory"),
    "destination": re.compile(r"(?!.*)"),
    "owner": re.compile(r"(?!.*)"),
    "email": re.compile(r"(?!.*)"),
    "accounts": re.compile(r".*(Share|Permission|Authoriz|Access).*"),
    "sourceaccount": re.compile(r"(?!.*)"),
    "principalarn": re.compile(r"CreateAccessEntry|AssociateAccessPolicy"),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a request lets in."""

    everybody: str = ""  # how: "by a policy", "to 0.0.0.0/0"
    unclear: str = ""  # why it cannot be told
    accounts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.everybody or self.unclear or self.accounts)


def reach(call: Call) -> Reach:
    """Whom the request lets in that was not let in before, as far as it says."""
    if CLOSES.match(call.plain) or call.plain in OF_CALLERS:
        return Reach()
    names = call.index
    everybody, unclear = "", ""
    accounts: dict[str, None] = {}
    if "effect" in names:
        for one in _trusting(list(_statements(call)), call):
            everybody = everybody or one.everybody
            unclear = unclear or one.unclear
            accounts.update(dict.fromkeys(one.accounts))
    if not everybody:
        everybody = _by_network(call) or _by_list(call) or _by_setting(call)
    if not SHARED_BY.isdisjoint(names):
        accounts.update(dict.fromkeys(_accounts(call)))
    others = [each for each in accounts if each not in ("", call.home, call.account)]
    return Reach(everybody, unclear if not everybody else "", tuple(others))


# Policies ----------------------------------------------------------------------------------------


def _statements(call: Call) -> Iterator[list[Json]]:
    """The statements of each policy in the request."""
    yield list(_in(call.asked))
    for _, said in call.request:
        if said[0] in "{[" and '"Effect"' in said and (found := list(_in(parsed(said)))):
            yield found


def _in(value: Any, depth: int = 8) -> Iterator[Json]:
    if isinstance(value, dict):
        if "Effect" in value or "effect" in value:
            yield {str(name)[:1].upper() + str(name)[1:]: each for name, each in value.items()}
            return
        value = list(value.values())
    if isinstance(value, list) and depth:
        for inner in value:
            yield from _in(inner, depth - 1)


def _trusting(policies: list[list[Json]], call: Call) -> Iterator[Reach]:
    for statements in policies:
        denied = [s for s in statements if s.get("Effect") == "Deny" and _keeps_out(s)]
        for statement in statements:
            if statement.get("Effect") == "Allow":
                yield _of(statement, denied, call)


def _keeps_out(statement: Json) -> bool:
    return _everybody(statement) and turns_away(statement)


def _of(statement: Json, denied: list[Json], call: Call) -> Reach:
    principals = list(_principals(statement))
    federated = [said for kind, said in principals if kind == "federated"]
    accounts = tuple(
        account for kind, said in principals if kind == "aws" and (account := account_of(said))
    )
    if not _everybody(statement):
        canonical = [said for kind, said in principals if kind == "canonicaluser"]
        open_to = [said for said in federated if _public_provider(said)]
        if not open_to:
            whose = f"whose the canonical user {canonical[0][:12]}… is" if canonical else ""
            return Reach(unclear=whose, accounts=accounts)
        match narrows(statement, federated=True):
            case (Narrows.NO, _):
                return Reach(f"to whoever signs in at {open_to[0][:80]}", accounts=accounts)
            case (Narrows.UNCLEAR, key):
                return Reach(unclear=f"whom {key[:60]} lets in", accounts=accounts)
        return Reach(accounts=accounts)
    verdict, key = narrows(statement)
    if verdict is Narrows.YES:
        return Reach(accounts=(*accounts, *_accounts_in_conditions(statement)))
    covering = [each for each in denied if _covers(each, statement)]
    if covering:
        return Reach(unclear="a Deny in the same policy may keep the others out")
    if verdict is Narrows.UNCLEAR:
        return Reach(unclear=f"whom {key[:60]} lets in", accounts=accounts)
    return Reach("by a policy for everybody", accounts=accounts)


def _principals(statement: Json) -> Iterator[tuple[str, str]]:
    principal = statement.get("Principal")
    if isinstance(principal, str | list):
        principal = {"AWS": principal}
    for kind, value in table(principal).items():
        for said in value if isinstance(value, list) else [value]:
            if isinstance(said, str):
                yield str(kind).lower(), said


def _everybody(statement: Json) -> bool:
    if "NotPrincipal" in statement:
        return True
    return any(
        (PARTITION.sub("arn:aws:", said) in EVERYBODY and kind in ("aws", "*"))
        or (kind == "service" and said == "*")
        for kind, said in _principals(statement)
    )


def _public_provider(said: str) -> bool:
    """Whether anybody may have an identity there, as at GitHub, or no provider is named."""
    return said == "*" or said.rpartition("oidc-provider/")[2].split("/")[0] in (
        "token.actions.githubusercontent.com", "cognito-identity.amazonaws.com", "gitlab.com",
        "accounts.google.com", "www.amazon.com", "graph.facebook.com", "app.terraform.io",
        "oidc.circleci.com", "agent.buildkite.com", "api.bitbucket.org",
    )  # fmt: skip


def _covers(deny: Json, allow: Json) -> bool:
    """Whether a Deny speaks of all that an Allow allows."""
    denied, allowed = _words(deny.get("Action")), _words(allow.get("Action"))
    if "*" in denied:
        return True
    return bool(allowed) and all(
        each in denied or f"{each.partition(':')[0]}:*" in denied for each in allowed
    )


def _words(value: Any) -> set[str]:
    return {str(each).lower() for each in (value if isinstance(value, list) else [value])}


def _accounts_in_conditions(statement: Json) -> Iterator[str]:
    for operator, tests in table(statement.get("Condition")).items():
        if "Not" in operator:
            continue
        for key, value in table(tests).items():
            if key.lower() in ("aws:principalaccount", "aws:principalarn", "kms:calleraccount"):
                for said in value if isinstance(value, list) else [value]:
                    yield account_of(str(said))


def account_of(said: str) -> str:
    """The account of a principal; empty where it has none, or is a service's own."""
    if ACCOUNT.fullmatch(said):
        return said
    parts = said.split(":", 5)
    return parts[4] if len(parts) > 5 and ACCOUNT.fullmatch(parts[4]) else ""


# Networks, lists, settings -----------------------------------------------------------------------

_NETWORKS = frozenset({
    "cidrip", "cidripv6", "cidrblock", "ipv6cidrblock", "cidr", "cidrs", "ipv6cidrs", "cidripv4",
    "cidrranges", "publicaccesscidrs", "ipaddress", "addresses",
})  # fmt: skip
_OF_NETWORKS = re.compile(
    r".*(SecurityGroup(Ingress|Rules?(Ingress)?)?|InstancePublicPorts|NetworkAclEntry"
    r"|PublicIp.*|BlockPublicAccess.*|InboundRule.*)$"
)


def _by_network(call: Call) -> str:
    if call.plain.endswith("NetworkAclEntry"):
        said = {way[-1]: value for way, value in call.request if way}
        if said.get("ruleaction", "allow") != "allow" or said.get("egress") == "true":
            return ""
    elif not _OF_NETWORKS.match(call.plain):
        return _to_cluster(call)
    if call.plain == "ModifySecurityGroupRules" and "true" in call.said("isegress"):
        return ""
    networks = [value for way, value in call.request if way and way[-1] in _NETWORKS]
    if internet(networks):
        return "to " + " and ".join(sorted(set(networks))[:4])
    if call.plain.endswith("InstancePublicPorts") and not networks:
        return "to 0.0.0.0/0, as no network is named"
    return ""


def _to_cluster(call: Call) -> str:
    """EKS: an endpoint that is public is open to all unless networks are named."""
    networks = list(call.said("publicaccesscidrs"))
    if networks:
        return "to " + " and ".join(networks[:4]) if internet(networks) else ""
    return "a public endpoint" if "true" in call.said("endpointpublicaccess") else ""


def _by_list(call: Call) -> str:
    if not any(hint in name for name in call.index for hint in LISTS):
        return ""
    for way, said in call.request:
        low = said.lower()
        name = way[-1] if way else ""
        if low in PUBLIC_LISTS and ("acl" in name or "getobject" in name or not way):
            return f"by the list {low}"
        if any(group in low for group in PUBLIC_GROUPS):
            return "by a list for everybody"
        adds = not any(part.startswith("remove") or part.endswith("remove") for part in way)
        if low == "all" and adds and name in (
            "group", "groups", "valuestoadd", "accountidstoadd", "groupnames", "usergroups"
        ) and _permits(way, call):  # fmt: skip
            return "to all accounts"
        if said == "*" and adds and name in (
            "awsaccountids", "awsaccountid", "addallowedprincipals", "allowedprincipals"
        ):  # fmt: skip
            return "to all accounts"
    return _by_permission(call)


def _permits(way: tuple[str, ...], call: Call) -> bool:
    about = {"launchpermission", "createvolumepermission", "loadpermission"}
    return (
        bool(about & set(way))
        or way[-1] not in ("group", "groups")
        or (len(way) < 3 and "true" not in call.said("remove"))
    )


def _by_permission(call: Call) -> str:
    """A statement as Lambda and EventBridge take it: a principal beside what narrows it."""
    if call.asked.get("principal") != "*":
        return ""
    if any(call.asked.get(name) for name in ("organizationId", "condition")):
        return ""
    tests = {
        "ArnLike": {"aws:SourceArn": call.asked.get("sourceArn")},
        "StringEquals": {
            "aws:SourceAccount": call.asked.get("sourceAccount"),
            "aws:PrincipalOrgID": call.asked.get("principalOrgID"),
        },
    }
    given = {
        operator: {key: value for key, value in keys.items() if value}
        for operator, keys in tests.items()
    }
    verdict, _ = narrows({"Condition": given})
    return "" if verdict is Narrows.YES else "to everybody"


# What a setting is called, and the value that opens; for which calls, where it is not always so.
_SETTINGS = (
    ("publiclyAccessible", "true", ""),
    ("answer.publiclyAccessible", "true", "Restore.*|Create.*"),
    ("isPubliclyAccessible", "true", ""),
    ("authType", "NONE", ".*FunctionUrl.*"),
    ("authorizationType", "NONE", "(Create|Update|Put).*(Route|Method|Api)"),
    ("projectVisibility", "PUBLIC_READ", ""),
    ("AllowFromPublic", "true", ""),
    ("allowUnauthenticatedIdentities", "true", ""),
    ("publicAccess.type", "SERVICE_PROVIDED_EIPS", ""),
    ("accessRules.getObject", "public", ""),
    ("getObject", "public", ".*Bucket.*"),
    ("publicAccessEnabled", "true", ""),
    ("visibility", "PUBLIC", "(Create|Update).*(Repository|Package|App|Type|Document).*"),
    ("accessScope", "PUBLIC", ""),
    ("repositoryPolicyText.principal", "*", ""),
)


_SETTING_NAMES = frozenset(parameter(name)[2] for name, _, _ in _SETTINGS)


def _by_setting(call: Call) -> str:
    if _SETTING_NAMES.isdisjoint(call.index) and not call.plain.startswith(("Restore", "Create")):
        return ""
    for name, wanted, calls in _SETTINGS:
        if calls and not re.fullmatch(calls, call.plain):
            continue
        for said in call.said(name):
            if said.lower() == wanted.lower():
                return f"by {name.rpartition('.')[2]} = {said}"
    return ""


def _accounts(call: Call) -> Iterator[str]:
    yield from _canonical(call)
    for way, said in call.request:
        name = way[-1] if way else ""
        if name not in SHARED_BY or INSIDE in way:
            continue
        only = _ONLY_IN.get(name)
        if only and not only.fullmatch(call.plain):
            continue
        if any(part.startswith("remove") or part.endswith("remove") for part in way):
            continue
        if account := account_of(said):
            yield account


def _canonical(call: Call) -> Iterator[str]:
    """Whom a list of S3's names beside the owner: a canonical user, who is another account."""
    if not call.plain.endswith("Acl"):
        return
    owners = {said for way, said in call.request if way[-2:] == ("owner", "id")}
    for way, said in call.request:
        if way[-2:] == ("grantee", "id") and owners and said not in owners:
            yield f"canonical user {said[:12]}…"
