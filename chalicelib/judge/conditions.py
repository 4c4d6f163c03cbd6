"""Whether the conditions of a policy's statement narrow whom it lets in, as IAM evaluates them.

A condition narrows where somebody else's request, with the keys that somebody else can send or
leave out, does not pass it. What cannot be told is said, never guessed.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Any

from chalicelib.judge.call import Json, table

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HALF = 2  # networks that hold one public address in two are the internet


class Narrows(Enum):
    """What a condition does about everybody else."""

    NO = "no"
    UNCLEAR = "cannot be told"
    YES = "yes"


# Keys whose value says which account, organisation or network a request comes from, and what a
# value of them has to hold in letters, not in wildcards, to mean one and not any.
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_ORGANISATION = re.compile(r"o-[a-z0-9]{3,}|r-[a-z0-9]{3,}|ou-[a-z0-9]{3,}", re.IGNORECASE)
_VPC = re.compile(r"vpce?-[0-9a-z]+", re.IGNORECASE)
_USER_ID = re.compile(r"(A[A-Z]{2}A[A-Z0-9]{3,}|\d{12})", re.IGNORECASE)
_NAMED = re.compile(r"[^*?]{2,}")
HOLDS: dict[str, re.Pattern[str]] = {
    "aws:principalaccount": _ACCOUNT,
    "aws:sourceaccount": _ACCOUNT,
    "aws:sourceowner": _ACCOUNT,
    "aws:vpceaccount": _ACCOUNT,
    "kms:calleraccount": _ACCOUNT,
    "s3:dataaccesspointaccount": _ACCOUNT,
    "aws:principalorgid": _ORGANISATION,
    "aws:principalorgpaths": _ORGANISATION,
    "aws:sourceorgid": _ORGANISATION,
    "aws:sourceorgpaths": _ORGANISATION,
    "aws:vpceorgid": _ORGANISATION,
    "aws:vpceorgpaths": _ORGANISATION,
    "aws:sourcevpc": _VPC,
    "aws:sourcevpce": _VPC,
    "aws:sourcevpcarn": _VPC,
    "aws:ec2instancesourcevpc": _VPC,
    "aws:userid": _USER_ID,
    "aws:principalservicename": _NAMED,
    "aws:principalservicenameslist": _NAMED,
}
ARNS = frozenset({"aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"})
ADDRESSES = frozenset({"aws:sourceip"})
WITHIN = frozenset({"aws:vpcsourceip"})

# Keys that say how a request is made or what it is about: whoever asks can meet them.
ANYBODY = re.compile(
    r"aws:(securetransport|currenttime|epochtime|useragent|referer|requestedregion|tagkeys"
    r"|multifactorauth(present|age)|tokenissuetime|principaltype|username|calledvia(first|last)?"
    r"|(principal|request|resource)tag/.*|sourceidentity"
    r"|federatedprovider|assumedroot)"
    r"|s3:(prefix|delimiter|max-keys|x-amz-.*|versionid|authtype|signature.*|tlsversion"
    r"|requestobjecttag.*|existingobjecttag/.*|objectcreationoperation|locationconstraint)"
    r"|lambda:(functionurlauthtype|invokedviafunctionurl)|sns:protocol|sts:rolesessionname"
    r"|sts:sourceidentity|sts:transitivetagkeys|sts:tagkeys|kms:encryptioncontext.*"
    r"|kms:grantoperations|kms:viaservice|secretsmanager:versionstage|secretsmanager:blockpublicpolicy"
    r"|sqs:.*|dynamodb:.*|ecr:resourcetag/.*|elasticfilesystem:(accesspointarn|clientmount)",
    re.IGNORECASE,
)
# These hold of a request that comes from AWS itself: whose wish that is cannot be told.
FROM_AWS = frozenset({"aws:principalisawsservice", "aws:viaawsservice"})

# A variable that compares the caller with the resource narrows; one that compares it with itself,
# or with what it sends, does not.
OWN = re.compile(r"\$\{aws:resource(orgid|orgpaths|account)\}", re.IGNORECASE)
CALLERS = re.compile(r"\$\{(aws:|saml:|s3:|sts:)[^}]*\}", re.IGNORECASE)
RESOURCES = frozenset({"aws:resourceorgid", "aws:resourceorgpaths", "aws:resourceaccount"})


def narrows(statement: Json, federated: bool = False) -> tuple[Narrows, str]:
    """Whether a statement's conditions let in only some, and the key for which it is unclear."""
    tests = list(_tests(statement))
    present = {
        key
        for operator, key, values in tests
        if operator == "null" and [str(v).lower() for v in values] == ["false"]
    }
    unclear = ""
    for operator, key, values in tests:
        match _narrows(operator, key, values, key in present, federated):
            case Narrows.YES:
                return Narrows.YES, ""
            case Narrows.UNCLEAR:
                unclear = unclear or key
            case Narrows.NO:
                pass
    return (Narrows.UNCLEAR, unclear) if unclear else (Narrows.NO, "")


def turns_away(statement: Json) -> bool:
    """Whether a Deny keeps out all but some: "not from our organisation", "not from there"."""
    tests = list(_tests(statement))
    if not tests or len(tests) > 1:
        return False  # several must all hold before it denies: then it lets some of the others in
    operator, key, values = tests[0]
    if "not" not in operator or operator.endswith("ifexists") or operator.startswith("forall"):
        return operator == "null" and [str(v).lower() for v in values] == ["true"] and key in HOLDS
    plain = operator.replace("not", "", 1)
    return _narrows(plain, key, values, True, False) is Narrows.YES


def _tests(statement: Json) -> Iterator[tuple[str, str, list[Any]]]:
    for operator, tests in table(statement.get("Condition")).items():
        for key, value in table(tests).items():
            values = value if isinstance(value, list) else [value]
            yield str(operator).lower().replace(" ", ""), str(key).lower(), values[:200]


def _narrows(operator: str, key: str, values: list[Any], present: bool, federated: bool) -> Narrows:
    whole = operator.startswith("forallvalues:")
    operator = operator.removeprefix("forallvalues:").removeprefix("foranyvalue:")
    lenient = operator.endswith("ifexists") or whole
    operator = operator.removesuffix("ifexists")
    if operator == "null" or "not" in operator:
        return Narrows.NO  # passes for whoever leaves the key out, or has any other value
    if lenient and not present:
        return Narrows.NO
    if operator.startswith(("date", "numeric")):
        return Narrows.NO
    said = [str(value) for value in values]
    if not said:
        return Narrows.YES  # nothing passes
    literal = operator in ("stringequals", "stringequalsignorecase")
    if federated and ":" in key and not key.startswith("aws:"):
        return _of_federation(key, said, literal)
    if key in FROM_AWS:
        true = any(value.lower() == "true" for value in said)
        return Narrows.UNCLEAR if true else Narrows.NO
    if key == "elasticfilesystem:accessedviamounttarget":
        return Narrows.YES  # a mount target stands in a network of one's own
    if key in ADDRESSES:
        return Narrows.NO if internet(said) else Narrows.YES
    if key in WITHIN:
        return Narrows.YES
    if key in RESOURCES:
        caller = all("${aws:principal" in value.lower() for value in said)
        return Narrows.YES if caller else Narrows.NO
    if key in ARNS:
        return _all_of(said, lambda value: _one_arn(value, literal))
    if key in HOLDS:
        return _all_of(said, lambda value: _means_one(value, HOLDS[key], literal))
    if ANYBODY.fullmatch(key):
        return Narrows.NO
    if not literal and all(not value.strip("*?") for value in said):
        return Narrows.NO
    return Narrows.UNCLEAR


def _all_of(values: list[str], one: Any) -> Narrows:
    """Values are alternatives: one that lets everybody in is enough."""
    return Narrows.YES if all(map(one, values)) else Narrows.NO


def _means_one(value: str, holds: re.Pattern[str], literal: bool) -> bool:
    if OWN.search(value):
        return True
    if CALLERS.search(value):
        return False
    if literal or not ("*" in value or "?" in value):
        return True  # one value; a wildcard that is compared as a letter lets nothing pass
    if holds is _USER_ID:
        return bool(_USER_ID.match(value))
    return bool(holds.search(value))


def _one_arn(value: str, literal: bool) -> bool:
    """Whether an ARN's pattern names an account, or a bucket, whose ARN has none."""
    if CALLERS.search(value) and not OWN.search(value):
        return False
    if literal or not ("*" in value or "?" in value):
        return True
    parts = value.split(":", 5)
    if len(parts) < 6:
        return bool(_ACCOUNT.search(value))
    account, resource = parts[4], parts[5]
    if account:
        return bool(_ACCOUNT.fullmatch(account) or OWN.fullmatch(account))
    return parts[2] == "s3" and resource[:1] not in ("*", "?", "")


# The owner in what a provider says of who asks, as GitHub's `repo:OWNER/NAME:…`, without wildcards.
_OWNER = re.compile(
    r"(?:(?:repo|repository|repository_owner|project_path|organization|org|enterprise)[:/])?+"
    r"(?:\{[0-9a-f-]{36}\}|[^*?:/]++(?:[:/]|$))"
)


def _of_federation(key: str, values: list[str], literal: bool) -> Narrows:
    """`sub` says who; `aud` for whom a token was made, which at GitHub whoever asks chooses."""
    provider, _, field = key.rpartition(":")
    chosen = "githubusercontent" in provider or "gitlab" in provider
    if field in ("sub", "oaud", "amr", "repository", "repository_owner", "repository_id"):
        return _all_of(values, lambda value: literal or bool(_OWNER.match(value)))
    if field == "aud":
        return Narrows.NO if chosen else Narrows.YES
    return Narrows.UNCLEAR


# Networks ----------------------------------------------------------------------------------------

_PRIVATE = [
    ipaddress.ip_network(said)
    for said in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")
]  # fmt: skip
_PUBLIC_4 = 2**32 - sum(network.num_addresses for network in _PRIVATE)
_PUBLIC_6 = ipaddress.ip_network("2000::/3")


@lru_cache(maxsize=4096)
def network(said: str) -> Network | None:
    try:
        return ipaddress.ip_network(said.strip(), strict=False)
    except ValueError:
        return None


def internet(said: Iterable[str]) -> bool:
    """Whether networks together hold half the public addresses of either family, or more."""
    said = list(said)
    if "0.0.0.0/0" in said or "::/0" in said or "*" in said:
        return True
    found = [each for each in map(network, said) if each is not None]
    four = [each for each in found if isinstance(each, ipaddress.IPv4Network)]
    six = [each for each in found if isinstance(each, ipaddress.IPv6Network)]
    return _public_4(four) * HALF >= _PUBLIC_4 or _public_6(six) * HALF >= _PUBLIC_6.num_addresses


def _public_4(networks: list[ipaddress.IPv4Network]) -> int:
    held = list(ipaddress.collapse_addresses(networks))
    total = sum(each.num_addresses for each in held)
    for private in _PRIVATE:
        for each in held:
            if each.overlaps(private):
                total -= min(each.num_addresses, private.num_addresses)
    return total


def _public_6(networks: list[ipaddress.IPv6Network]) -> int:
    total = 0
    for each in ipaddress.collapse_addresses(networks):
        if each.overlaps(_PUBLIC_6):
            total += min(each.num_addresses, _PUBLIC_6.num_addresses)
    return total
