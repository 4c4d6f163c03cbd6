"""What a call was done to, and with what: by its request, else its answer, else the record."""

import re
from collections.abc import Iterator
from functools import lru_cache

from chalicelib.judge.call import INSIDE, Call, Json, Leaf, table, text

BESIDES = frozenset({"serviceEventDetails", "additionalEventData", "resources"})
FILTERS = frozenset({"filters", "filter", "targets", "criteria"})
MADE_WHOLE = frozenset({"networkinterface"})  # elsewhere a part of what is made
PARTS = frozenset({"name", "arn", "id"})
WHOLES = frozenset({"iaminstanceprofile", "launchtemplate", "resourcerecordset"})
PAIRS: dict[tuple[str, ...], str] = {  # a name that says something else below another
    ("targets", "arn"): "targetarn",
    ("targets", "values"): "targetvalues",
    ("memberid", "userid"): "memberid",
}
SHOWN = 5  # values of one parameter
BESIDE = 3  # further parameters
LONGEST = 300  # letters of one value

# What a call is about, where its name is that of a part or of a tie: a grant is of a key.
WHOSE = {
    "grant": "keyid",
    "destination": "deliverystreamname",
    "emailidentitypolicy": "emailidentity",
    "permission": "eventbusname",
    "standardscontrolassociations": "securitycontrolid",
}

# Parameters that a person would name first, whatever the call; what is earlier is nearer.
FIRST = {name: rank for rank, name in enumerate((
    "secretid", "secretidlist", "username", "groupname", "rolename", "rolearn", "bucketname",
    "functionname", "tablename", "dbinstanceidentifier", "dbclusteridentifier", "trailname",
    "instanceid", "instanceids", "targets", "groupid", "snapshotid", "imageid", "stackname",
    "topicarn", "queueurl", "loggroupname", "loggroupidentifier", "repositoryname", "clustername",
    "cluster", "statemachinearn", "detectorid", "alarmnames", "configurationrecordername",
    "principalid", "permissionsetarn", "keyid", "environmentid", "volumeid", "hostedzoneid",
    "distributionid", "resourcearn", "arn",
    "name", "names", "id", "target", "rule", "registryid",
))}  # fmt: skip

# Names of parameters that say what a call is about.
IDENTITY = re.compile(
    r".+(id|ids|idset|idlist|namelist|arnlist|todelete|arn|arns|name|names|identifier|identifiers|url"
    r"|alias)$"
    r"|(.*bucket|cluster|service|services|topic|queue|rule|rules|user|resource|resources|target"
    r"|principal|principals|repository|domain|layers|task|container|email|identity|identities|arn|arns|id"
    r"|ids|name|names|alias|certificate|apiid|policy|attribute|attributename|targets|endpoint"
    r"|regionname|region|instances|taskdefinition|runtime|location|destination|key|phonenumber"
    r"|emailaddress|identitypool|channel|namespace|project|app|values|valuestoadd|granteeprincipal"
    r"|serviceprincipal|identifier|path|emailidentity|package"
    r"|accountwithrestoreaccess|cidrip|fileset|servicecode|quotacode|x-amz-copy-source|securitygroups|serialnumber)$"
)
NOISE = re.compile(
    r".*token|(?!spotinstance).*requestid|requester.*|callerreference|rolesessionname|versionid"
    r"|.*nextmarker|marker"
    r"|availabilityzone.*|.*engine.*name|licensemodel|devicename|hostname|metricname|displayname"
    r"|ownerid|reservationid|typename|originsequencenumber|externalid|.*classname|contentsha.*"
    r"|rootdevicename|authorname|accesskeyid|hostedrotation.*|clientid|.*publickey.*|.*signature.*"
    r"|.*checksum.*|x-amz-id.*|.*ipamid|codesha.*|creationid|interfaceid|.*dnsname"
    r"|privateip.*|requesterid"
)
PASSED_OVER = re.compile(
    r"filters?|filterset|tags?|tagset|taglist|tagspecification(set|s)?|statement|.*policydocument|.*metadata"
    r"|environment|criteria|.*filterset|blockdevicemapping(s|set)?|monitoring|placement|attributes"
    r"|networkinterface(set)?|associationset|privateipaddressesset|state|statereason|domainjoin.*"
    r"|accesscontrolpolicy|.*configuration|credentials"
)
SUFFIX = re.compile(r"(identifiers?|idset|idlist|ids?|arns?|names?|url|list|set|key)$")
HIDDEN = frozenset({
    "true", "false", "HIDDEN_DUE_TO_SECURITY_REASONS", "<sensitiveDataRemoved>", "****", "vpc",
    "standard",
})  # fmt: skip
ON_RESOURCE = re.compile(  # also "role NAME", as IAM says where no ARN can be told
    r"on resource: (arn:[^\s,;]+|(?:user|role|group|policy|instance profile) [^\s,;]+)"
)  # in the words of a refusal
VERB = re.compile(r"[A-Z][a-z0-9]+")
MAKES = re.compile(
    r"Create|Run|Allocate|Import|Register|Copy|Restore|Purchase|Request|Provision|Generate"
    r"|Issue|Upload|Export"
)
TELLING = re.compile(  # what stands beside the first: named where it says with what
    r".*policyarn|policyname|providername|.*todelete|.*target(id|arn)"
    r"|granteeidentifier|grantid|package|datalakeprincipalidentifier|resourcerecordset.*|repository"
    r"|document(name)?|.*rolearns?|rolename|groupname|.*instanceprofile.*|layers"
    r"|imageid|gatewayid|.*gatewayid|principal|.*principals?|destination.*|target.*|s3bucket.*"
    r"|servicename|.*snapshot(id|identifier|arn)|source.*|keyname|vpcid|subnetid|networkaclid"
    r"|routetableid|.*bucket|stagename|versionid|task|container|taskdefinition|cluster|permissionset.*|valuestoadd"
    r"|accountwithrestoreaccess|username|rule|key|queueurl|topicarn|endpoint|protocol|attribute"
    r"|resource(arn|id)|webaclarn|associationid|allocationid|volumeid|instanceid"
    r"|securitygroups|principal(id|arn)|accountids|x-amz-copy-source|dbinstanceidentifier|dbclusteridentifier|restapiid|apiid|filesystemid"
    r"|functionname|action|servicelinked.*|memberid|groupid|parametername|loggroupname"
)


def named(call: Call) -> str:
    """What the call was done to and with, in words; empty where the record names nothing."""
    asked = _identities(call.request, call.plain)
    known = bool(asked) and _is_about(asked[0][0], _nouns(call.plain))
    if not known and MAKES.match(call.plain) and (made := _made(call)):
        asked = _merged(made, asked)
    if not asked:
        asked = _identities(call.request, call.plain, widely=True)
    if not asked:
        asked = _identities(call.answered, call.plain)
    if not asked:
        return _beside(call)
    (first, values), *rest = asked
    words = [_of(first, values, call)]
    seen = set(values)
    further = []
    for name, others in rest:
        new = [each for each in others if each not in seen]
        if first == "bucketname" and name == "key":
            continue
        if new and TELLING.fullmatch(name) and not any(each in values[0] for each in new):
            seen.update(new)
            further.append(", ".join(new[:SHOWN]))
    if further:
        return f"{words[0]} with {', '.join(further[:BESIDE])}"
    return words[0]


def briefly(call: Call) -> str:
    """The same for a call of which nothing else is said: its first parameter that names something.

    Most calls are such reads, and this is quick.
    """
    best, own, rank = "", "", (9, 9, len(FIRST) + 1)
    nested, nouns = False, _nouns(call.plain)
    for name, value in call.asked.items():
        low = name.lower()
        if isinstance(value, dict):
            nested = nested or not _passed_over(low)
        elif (isinstance(value, str) or (isinstance(value, list) and value)) and _names(low):
            at = _rank(low, 1, nouns)
            if at < rank and (said := _plainly(low, value)):
                best, rank = said, at
        elif not best and isinstance(value, str) and value and _is_noun(low, nouns):
            own = _plainly(low, value)
    if best and (key := text(call.asked.get("key"))) and call.asked.get("bucketName") == best:
        return f"{best}/{key[:LONGEST]}"
    return best or own or (named(call) if nested else _beside(call))


def _plainly(name: str, value: str | list[object]) -> str:
    said = value if isinstance(value, list) else [value]
    if {*map(type, said)} != {str}:
        return ""
    return ", ".join(
        str(each)[:LONGEST] for each in said[:SHOWN] if each and _shows(name, str(each))
    )


def _of(name: str, values: list[str], call: Call) -> str:
    if name == "bucketname" and (key := text(call.asked.get("key"))):
        return f"{values[0]}/{key[:LONGEST]}"
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(values[:SHOWN]) + more


def _identities(
    found: tuple[Leaf, ...], name: str, widely: bool = False
) -> list[tuple[str, list[str]]]:
    """The parameters that name something, each with its values, the nearest first.

    Where that finds nothing, `widely` looks into configurations as well, and for a parameter that
    is called what the call is: the `workGroup` of UpdateWorkGroup.
    """
    groups: dict[str, list[str]] = {}
    depths: dict[str, int] = {}
    odd: set[str] = set()
    nouns = _nouns(name)
    own = next((noun for noun in nouns if noun in MADE_WHOLE), "")
    for way, said in found:
        if not way or INSIDE in way or len(groups) > 60:
            continue
        last = way[-1]
        names = _names(last) or (widely and _is_noun(last, nouns))
        if not names or not _shows(last, said):
            odd.update((last,) if names else ())
            continue
        depth = 1
        if len(way) > 1:
            if _is_set(way, own, widely):
                continue
            depth = _depth(way)
            if last in PARTS and way[-2] in WHOLES:
                last = way[-2] + last  # a profile's name, which is not the machine's
            last = PAIRS.get(way[-2:], last)
        if depth > 5:
            continue
        key = last
        if depths.setdefault(key, depth) < depth:
            continue  # deeper down it names something else
        if depth < depths[key]:
            depths[key] = depth
            groups.pop(key, None)
        values = groups.setdefault(key, [])
        if said not in values:
            values.append(said[:LONGEST])
    for each in odd:
        groups.pop(each, None)  # a list of which only a part can be read
    return sorted(groups.items(), key=lambda item: _rank(item[0], depths[item[0]], nouns))


def _is_set(way: tuple[str, ...], own: str, widely: bool) -> bool:
    """Whether a value is one of those that a call sets, and not what it sets them of."""
    if "destination" in way:
        return False
    return any(
        _passed_over(part) and part != own and not (widely and part.endswith("configuration"))
        for part in way[:-1]
    )


def _depth(way: tuple[str, ...]) -> int:
    """How far down a value stands; a `resource`, with its kind below it, is near."""
    wraps = 1 if way[0].endswith("request") else 0
    return max(1, len(way) - wraps - (2 if "resource" in way[:-1] else 0))


def _made(call: Call) -> list[tuple[str, list[str]]]:
    """What a call that makes something has made: by the id that its answer gives it."""
    nouns = _nouns(call.plain)
    return [
        (name, values)
        for name, values in _identities(call.answered, call.plain)
        if _is_about(name, nouns) or name in ("id", "arn", "identifier")
    ][:1]


def _merged(
    made: list[tuple[str, list[str]]], asked: list[tuple[str, list[str]]]
) -> list[tuple[str, list[str]]]:
    if asked and (asked[0][0] == made[0][0] or any(a in made[0][1][0] for a in asked[0][1])):
        return asked
    return made + asked


def _rank(name: str, depth: int, nouns: tuple[str, ...]) -> tuple[int, int, int]:
    about, first = _nearness(name, nouns)
    return (min(depth, 3) if about >= 0 else 0), about, first


@lru_cache(maxsize=8192)
def _nearness(name: str, nouns: tuple[str, ...]) -> tuple[int, int]:
    """How near a parameter is to what the call is about: below nothing, wherever it stands."""
    if any(WHOSE.get(noun) == name for noun in nouns):
        return -1, 0
    if _is_about(name, nouns) and not name.endswith("todelete"):
        return 0, FIRST.get(name, len(FIRST))
    if name == "rolearn" or name.endswith("todelete"):
        return 3, 0  # not what it is done to: the role by which it works, a list
    return (1, FIRST[name]) if name in FIRST else (2, len(FIRST))


@lru_cache(maxsize=8192)
def _is_noun(name: str, nouns: tuple[str, ...]) -> bool:
    """Whether a parameter is called what the call is about, or what that begins with."""
    return name in nouns or (len(name) > 6 and any(noun.startswith(name) for noun in nouns))


def _is_about(name: str, nouns: tuple[str, ...]) -> bool:
    if any(WHOSE.get(noun) == name for noun in nouns):
        return True
    stem = SUFFIX.sub("", name) or name
    return any(noun.startswith(stem) or stem.startswith(noun) for noun in nouns)


@lru_cache(maxsize=2048)
def _nouns(name: str) -> tuple[str, ...]:
    """`DeleteRouteTable` is about a route table."""
    name = name.removeprefix("Batch").removeprefix("Admin")
    verb = VERB.match(name)
    noun = name[verb.end() :] if verb else name
    for cut in ("From", "To", "With", "For", "By"):
        head, sep, tail = noun.partition(cut)
        if sep and head and tail[:1].isupper():
            return (tail.lower(), head.lower()) if cut in ("To", "From") else (head.lower(),)
    return (noun.lower(),) if noun else ()


@lru_cache(maxsize=8192)
def _names(name: str) -> bool:
    return bool(IDENTITY.fullmatch(name)) and not NOISE.fullmatch(name)


@lru_cache(maxsize=8192)
def _passed_over(name: str) -> bool:
    return bool(PASSED_OVER.fullmatch(name))


def _shows(name: str, said: str) -> bool:
    if said.isdigit():
        return name.endswith(("id", "ids", "identifier", "toadd", "principal", "account"))
    return len(said) < 2_000 and said[0] not in "{[" and said not in HIDDEN


def _beside(call: Call) -> str:
    """Where neither request nor answer name anything: the record's own list, or its details."""
    plainly = not call.error and BESIDES.isdisjoint(call.record)
    if plainly and (not call.asked or (call.read_only and not call.plain.startswith("BatchGet"))):
        return ""
    for details in (call.record.get("serviceEventDetails"), call.record.get("additionalEventData")):
        said = table(details)
        if account := text(said.get("account_id")):
            return " ".join(filter(None, (text(said.get("role_name")), "in", account)))
    if arns := list(_resources(call.record)):
        return ", ".join(arns[:SHOWN])
    details = table(call.record.get("serviceEventDetails"))
    for name, value in details.items():
        if _names(name.lower()) and text(value):
            return text(value)[:LONGEST]
    if not call.read_only or call.plain.startswith("BatchGet"):
        fits = [said for way, said in call.request if FILTERS & set(way) and INSIDE not in way]
        if fits:
            return f"whatever fits {' '.join(fits[:SHOWN])}"[:LONGEST]
    found = ON_RESOURCE.search(text(call.record.get("errorMessage"))[:4_000])
    return found[1][:LONGEST] if found else ""


def _resources(record: Json) -> Iterator[str]:
    resources = record.get("resources")
    if isinstance(resources, list):
        for item in resources[:10]:
            said = table(item)
            if arn := text(said.get("ARN")) or text(said.get("arn")) or text(said.get("ARNPrefix")):
                yield arn[:LONGEST]
