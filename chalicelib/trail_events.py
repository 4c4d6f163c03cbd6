"""Whose events these are: finds one session's among CloudTrail records, and follows its roles.

Everything in a record is somebody else's text and may be missing, misshapen or hostile: nothing
here raises for it, and a record that cannot be judged is counted as that.
"""

import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, Self

from chalicelib.session import Session, from_iso, iso

# Sign-in, the access portal and its command line. These records live in the account that holds
# Identity Center, so the account in them says nothing about the session's.
PORTAL = frozenset({"sso.amazonaws.com", "sso-oauth.amazonaws.com", "signin.amazonaws.com"})

# An Identity Center user id: a UUID, with the directory's prefix in older directories.
USER_ID = re.compile(r"([0-9a-f]{10}-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

KEPT = 16_000_000  # bytes of plain reads that are kept whole, for the evidence that goes along
SAME_MOMENT = timedelta(seconds=2)  # CloudTrail's times are whole seconds, of two machines
HANDS_OUT = ("Assume", "Get", "Create", "BatchGet", "Switch")
READS = re.compile(
    r"(Batch)?(Get|List|Describe|Head|Lookup|Search|Query|Scan|Select|Filter|Check|Preview|Estimate"
    r"|Validate|Simulate|Detect|View|Read|Discover|Assume|Decrypt|Verify|GenerateDataKey|Download"
    r"|Retrieve|Count|Compare|Is(?=[A-Z])|Has(?=[A-Z])|StartQuery$|StopQuery$|StartLiveTail)"
)
# They hand out credentials or keep a browser's terminal alive; the account stays as it was.
UNCHANGING = frozenset({"sts.amazonaws.com", "cloudshell.amazonaws.com"})
REFUSALS = re.compile(
    r"access_?denied|unauthori[sz]ed|not_?authori[sz]ed|authorization_?error|forbidden|^403$",
    re.IGNORECASE,
)
REFUSAL_WORDS = re.compile(r"not authorized|access denied|explicit deny", re.IGNORECASE)
DRY_RUN = "DryRunOperation"  # EC2 answers so where the call would have gone through

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whose:
    """What tells a session's records from all others: who, through what, where, when."""

    account_id: str
    permission_set: str
    user_name: str
    principal_id: str
    start: datetime
    end: datetime

    @classmethod
    def of(cls, session: Session) -> Self:
        """From the grant to the end of the credentials; CloudTrail's times are whole seconds."""
        start = session.grant_asked_at or session.granted_at or session.asked_at
        end = session.credentials_until or start
        return cls(
            account_id=session.account_id,
            permission_set=session.permission_set,
            user_name=session.user_name,
            principal_id=session.principal_id,
            start=start.replace(microsecond=0),
            end=max(start, end),
        )

    def to_json(self) -> Json:
        return {
            "account": self.account_id,
            "set": self.permission_set,
            "name": self.user_name,
            "id": self.principal_id,
            "start": iso(self.start),
            "end": iso(self.end),
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        return cls(
            value["account"],
            value["set"],
            value["name"],
            value["id"],
            from_iso(value["start"]),
            from_iso(value["end"]),
        )

    def role(self, name: str) -> bool:
        """Whether `name` is the role that Identity Center keeps for the permission set."""
        return bool(self.permission_set and _reserved(self.permission_set).fullmatch(name))


@lru_cache(maxsize=8)
def _reserved(permission_set: str) -> re.Pattern[str]:
    # Sixteen hexadecimal digits as a rule; where the set's name is longer, there is one more "_".
    return re.compile(rf"AWSReservedSSO_{re.escape(permission_set)}_[0-9a-fA-F]{{8,32}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One CloudTrail record of the session, as much of it as a report speaks of.

    All text is as CloudTrail gave it. `record` is the whole of it, as compressed JSON; empty where
    there were more plain reads than anybody could be sent.
    """

    id: str
    time: datetime | None
    ingested: datetime | None
    place: Literal["portal", "account"]
    source: str
    name: str
    region: str
    account: str
    address: str
    agent: str
    read_only: bool
    error: str
    refused: bool
    resource: str
    detail: str
    via: str  # how the credentials were come by, where not straight from the portal
    by_service: str  # the service that called on the person's behalf
    record: bytes = field(default=b"", repr=False)
    new: bool = False  # an earlier report did not have it

    @property
    def service(self) -> str:
        return self.source.removesuffix(".amazonaws.com")

    @property
    def failed(self) -> bool:
        return bool(self.error)

    @property
    def sign_in(self) -> bool:
        return self.source in PORTAL

    @property
    def change(self) -> bool:
        """Whether it changed something: a write in an account that was not turned away."""
        return not (self.read_only or self.error or self.sign_in or self.source in UNCHANGING)

    def to_json(self) -> str:
        """The record as one line of JSON, as CloudTrail gave it; "@ingestionTime" is the log's."""
        return zlib.decompress(self.record).decode() if self.record else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """The session's events, and what became of every other record: nothing goes uncounted."""

    events: tuple[Event, ...]
    seen: int
    repeated: int  # the trail delivered them more than once
    outside: int  # before the grant or after the end of the credentials
    others: int
    unjudged: int  # they name nobody, or not enough
    followed: tuple[str, ...]  # access keys and role sessions that the session was handed


def sift(whose: Whose, records: Iterable[Any]) -> Sifted:
    """The events of one session among `records`, in the order of their time.

    The order in which records come does not matter. Only compressed text is kept of them, so a
    hundred thousand fit into a worker's memory.
    """
    return _Sieve(whose).run(records)


@dataclass(slots=True)
class _Pending:
    """A record that is not the session's by itself, but may be by the credentials it used."""

    key: str
    principal: str
    created: datetime | None
    time: datetime | None
    shared: str
    hands: tuple[str, ...]
    obscure: bool  # too little in it to say that it is another's
    record: bytes
    adopted: bool = False


class _Sieve:
    def __init__(self, whose: Whose) -> None:
        self.whose = whose
        self.events: list[Event] = []
        self.ids: set[str] = set()
        self.seen = self.repeated = self.outside = self.others = self.unjudged = 0
        self.pending: list[_Pending] = []
        self.keys: dict[str, str] = {}  # access key → how it was come by
        self.own: set[str] = set()  # "AROA…:name" of the session's own role
        self.taken: dict[str, dict[datetime, str]] = {}  # the same of roles that it took, and when
        self.taken_by_others: dict[str, dict[int, datetime | None]] = {}
        self.shared: dict[str, str] = {}  # calls that two accounts record
        self.followed: dict[str, None] = {}
        self.kept = 0

    def run(self, records: Iterable[Any]) -> Sifted:
        for record in records:
            self.take(record)
        self.follow()
        self.events.sort(key=lambda e: (e.time or self.whose.end, e.id))
        for pending in self.pending:
            if not pending.adopted:
                self.unjudged += pending.obscure
                self.others += not pending.obscure
        return Sifted(
            events=tuple(self.events),
            seen=self.seen,
            repeated=self.repeated,
            outside=self.outside,
            others=self.others,
            unjudged=self.unjudged,
            followed=tuple(self.followed),
        )

    def take(self, record: Any) -> None:
        self.seen += 1
        if not isinstance(record, Mapping):
            self.unjudged += 1
            return
        record = dict(record)
        event_id = _text(record.get("eventID"))
        if event_id and event_id in self.ids:
            self.repeated += 1
            return
        if event_id:
            self.ids.add(event_id)
        time = _time_of(record)
        if time is not None and not self.whose.start <= time <= self.whose.end:
            self.outside += 1
            return
        match _judge(self.whose, record):
            case "portal":
                self.adopt(record, time, "portal", "")
            case "account":
                self.own_session(record)
                self.adopt(record, time, "account", "")
            case "other":
                self.others += 1
            case verdict:
                self.keep(record, time, obscure=verdict == "obscure")

    def own_session(self, record: Json) -> None:
        if _text(record.get("eventName")) == "SwitchRole":
            return  # its identity is the role that was switched to
        identity = _table(record.get("userIdentity"))
        if key := _text(identity.get("accessKeyId")):
            self.keys.setdefault(key, "")
        principal = _text(identity.get("principalId"))
        if principal.startswith("AROA") and ":" in principal:
            self.own.add(principal)

    def adopt(
        self, record: Json, time: datetime | None, place: Literal["portal", "account"], via: str
    ) -> None:
        event = _event(record, time, place, via)
        if event.change or event.failed or place == "portal" or self.kept < KEPT or not event.id:
            packed, size = _packed(record)
            self.kept += size
            event = replace(event, record=packed)
        self.events.append(event)
        if shared := _text(record.get("sharedEventID")):
            self.shared[shared] = via
        if place == "portal":
            return
        label, principal, keys = _handed_out(self.whose, record)
        chain = " → ".join(part for part in (via, label) if part)
        for key in keys:
            if self.keys.setdefault(key, chain) == chain and chain:
                self.followed[key] = None
        if principal and chain and principal not in self.own:
            self.taken.setdefault(principal, {})[time or self.whose.start] = chain
            self.followed[principal] = None

    def keep(self, record: Json, time: datetime | None, *, obscure: bool) -> None:
        identity = _table(record.get("userIdentity"))
        context = _table(_table(identity.get("sessionContext")).get("attributes"))
        _, principal, keys = _handed_out(self.whose, record)
        self.pending.append(
            _Pending(
                key=_text(identity.get("accessKeyId")),
                principal=_text(identity.get("principalId")),
                created=moment(context.get("creationDate")),
                time=time,
                shared=_text(record.get("sharedEventID")),
                hands=(*keys, principal) if principal else keys,
                obscure=obscure,
                record=_packed(record)[0],
            )
        )

    def follow(self) -> None:
        """Adopts what was done with credentials of the session, until nothing more is found."""
        self.pending.sort(key=lambda pending: pending.time or self.whose.start)
        for index, pending in enumerate(self.pending):
            for handed in pending.hands:
                self.taken_by_others.setdefault(handed, {})[index] = pending.time
        grew = True
        while grew:
            grew = False
            for index, pending in enumerate(self.pending):
                via = None if pending.adopted else self.via(pending)
                if via is None:
                    continue
                pending.adopted = grew = True
                for handed in pending.hands:
                    del self.taken_by_others[handed][index]
                if not via and pending.key:
                    self.keys.setdefault(pending.key, "")
                record = json.loads(zlib.decompress(pending.record))
                pending.record = b""
                self.adopt(record, pending.time, "account", via)

    def via(self, pending: _Pending) -> str | None:
        """How its credentials came from the session; None where they did not."""
        if pending.key in self.keys:
            return self.keys[pending.key]
        if pending.shared in self.shared:
            return self.shared[pending.shared]
        if pending.principal in self.own:
            return ""
        taken = self.taken.get(pending.principal)
        if not taken or self.taken_by_others.get(pending.key):
            return None
        # The console renews its keys, so there a role session is known by when it was taken.
        if pending.created:
            for time, chain in taken.items():
                if abs(pending.created - time) <= SAME_MOMENT:
                    return chain
            return None
        if pending.key or not pending.time:
            return None
        # Neither key nor age, as in a sign-in: whoever took the role last before it.
        before = [time for time in taken if time <= pending.time + SAME_MOMENT]
        others = self.taken_by_others.get(pending.principal, {}).values()
        last = max(before, default=None)
        if last is None or any(time is None or last <= time <= pending.time for time in others):
            return None
        return taken[last]


Verdict = Literal["portal", "account", "other", "elsewise", "obscure"]


def _judge(whose: Whose, record: Json) -> Verdict:
    """Whose a record is by itself.

    "elsewise": not the session's own identity, but perhaps a role that it took on. "obscure": the
    same, and too little is said to call it another's.
    """
    identity = record.get("userIdentity")
    if _text(record.get("eventCategory")) == "Insight":
        return "other"  # a remark of CloudTrail's on many calls, and nobody's
    if not isinstance(identity, dict) or not identity:
        return "obscure"
    kind = _text(identity.get("type"))
    if not kind and not identity.keys() - {"accountId", "invokedBy"} and "invokedBy" in identity:
        return "elsewise"  # a service by itself
    source = _text(record.get("eventSource"))
    user_id = _text(_table(identity.get("onBehalfOf")).get("userId"))
    if user_id and whose.principal_id and user_id != whose.principal_id:
        return "other"
    at_portal = source in PORTAL or not source
    if kind == "IdentityCenterUser" or (at_portal and kind in ("Unknown", "")):
        verdict = _judge_portal(whose, record, identity, bool(user_id and whose.principal_id))
        if verdict != "obscure" or kind:
            return verdict
    if kind == "SAMLUser" or (not kind and _text(record.get("eventName")).endswith("WithSAML")):
        return "account" if _becomes(whose, record) else "elsewise"
    if _text(record.get("eventName")) == "SwitchRole":
        origin = _table(record.get("additionalEventData")).get("SwitchFrom")
        if _ours(whose, {"arn": origin}, user_id="", recipient="") == "account":
            return "account"
    if kind in ("IAMUser", "Root", "AWSService", "AWSAccount", "WebIdentityUser", "FederatedUser"):
        return "elsewise"
    recipient = _text(record.get("recipientAccountId"))
    return _ours(whose, identity, user_id if whose.principal_id else "", recipient)


def _judge_portal(whose: Whose, record: Json, identity: Json, by_id: bool) -> Verdict:
    if by_id:
        here = _text(record.get("eventSource")) in PORTAL | {""} or whose.account_id in (
            _text(record.get("recipientAccountId")),
            _text(identity.get("accountId")),
        )
        return "portal" if here else "other"
    # As records were until July 2025: the user's id as principalId, beside the user's name.
    principal = _text(identity.get("principalId")).rpartition("//")[2]
    if principal and principal == whose.principal_id:
        return "portal"
    if USER_ID.fullmatch(principal):
        return "other"
    name = _text(identity.get("userName"))
    if not name or name == "HIDDEN_DUE_TO_SECURITY_REASONS":
        return "obscure"
    return "portal" if name == whose.user_name else "other"


def _ours(whose: Whose, identity: Json, user_id: str, recipient: str) -> Verdict:
    """Whether an identity is the session's own role session.

    Every field that is there has to agree, and enough have to be there: the role, the account, and
    the user's id or name. The name is compared to the letter; where the id is there, it decides.
    """
    issuer = _table(_table(identity.get("sessionContext")).get("sessionIssuer"))
    arn_account, arn_role, arn_name = _session_arn(_text(identity.get("arn")))
    roles = {_text(issuer.get("userName")), _last(issuer.get("arn")), arn_role} - {""}
    accounts = {
        _text(identity.get("accountId")),
        _text(issuer.get("accountId")),
        _text(issuer.get("arn")).partition("::")[2].partition(":")[0],
        arn_account,
    } - {""}
    names = {arn_name, _text(identity.get("principalId")).partition(":")[2]} - {""}
    if not accounts and recipient:
        accounts = {recipient}
    if not all(whose.role(role) for role in roles) or accounts - {whose.account_id}:
        return "elsewise"
    if not user_id and names - {whose.user_name}:
        return "elsewise"
    if roles and accounts and (user_id or names):
        return "account"
    if _text(identity.get("arn")) and not arn_role:
        return "elsewise"  # a user, or root
    return "obscure"


def _becomes(whose: Whose, record: Json) -> bool:
    """Whether a sign-in by SAML leads into the session's own role."""
    user = _table(_table(record.get("responseElements")).get("assumedRoleUser"))
    if arn := _text(user.get("arn")):
        return _ours(whose, {"arn": arn}, user_id="", recipient="") == "account"
    asked = _table(record.get("requestParameters"))
    role = _text(asked.get("roleArn"))
    return (
        role.startswith("arn:")
        and role.split(":")[4:5] == [whose.account_id]
        and whose.role(_last(role))
        and _text(asked.get("roleSessionName")) == whose.user_name
    )


def _session_arn(arn: str) -> tuple[str, str, str]:
    """Account, role and session name of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME`."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("assumed-role/"):
        return "", "", ""
    _, _, rest = parts[5].partition("/")
    role, _, name = rest.rpartition("/")
    return parts[4], role.rpartition("/")[2], name


def _handed_out(whose: Whose, record: Json) -> tuple[str, str, tuple[str, ...]]:
    """What the call handed out: how to name it, the role session if it is one, the access keys.

    AssumeRole and its kin answer with `responseElements.credentials`; CreateAccessKey with
    `accessKey`; others nest them: any access key in an answer was given to whoever asked.
    """
    name = _text(record.get("eventName"))
    if not name.startswith(HANDS_OUT):
        return "", "", ()
    if name == "SwitchRole":  # its identity is the role that was taken
        identity = _table(record.get("userIdentity"))
        _, role, _ = _session_arn(_text(identity.get("arn")))
        return f"role {role}" if role else "", _text(identity.get("principalId")), ()
    answer = record.get("responseElements")
    if not isinstance(answer, dict):
        return "", "", ()
    keys = tuple(dict.fromkeys(_keys_in(answer)))
    user = _table(answer.get("assumedRoleUser"))
    account, role, _ = _session_arn(_text(user.get("arn")))
    federated = _table(answer.get("federatedUser"))
    principal = _text(user.get("assumedRoleId")) or _text(federated.get("federatedUserId"))
    if role and whose.role(role) and account == whose.account_id:
        return "", "", keys  # the session's own role: nothing to name
    if role:
        there = f" in {account}" if account != whose.account_id else ""
        return f"role {role}{there}", principal, keys
    if not keys:
        return "", principal, ()
    owner = _text(_table(answer.get("accessKey")).get("userName"))
    if visitor := _last(federated.get("arn")):
        return f"federated user {visitor}", principal, keys
    if owner:
        return f"new access key of {owner}", principal, keys
    return f"credentials of {name}", principal, keys


def _keys_in(value: Any, depth: int = 4) -> Iterator[str]:
    if isinstance(value, list):
        for item in value[:50]:
            yield from _keys_in(item, depth)
    if not isinstance(value, dict) or depth == 0:
        return
    for name in ("accessKeyId", "AccessKeyId"):
        if key := _text(value.get(name)):
            yield key
    for item in value.values():
        if isinstance(item, dict | list):
            yield from _keys_in(item, depth - 1)


def _event(
    record: Json, time: datetime | None, place: Literal["portal", "account"], via: str
) -> Event:
    identity = _table(record.get("userIdentity"))
    name = _word(record.get("eventName"))
    error, refused = _error(record)
    dry = _text(record.get("errorCode")).endswith(DRY_RUN)
    return Event(
        id=_text(record.get("eventID")),
        time=time,
        ingested=moment(record.get("@ingestionTime")),
        place=place,
        source=_word(record.get("eventSource")),
        name=name,
        region=_word(record.get("awsRegion")),
        account=_word(record.get("recipientAccountId")) or _word(identity.get("accountId")),
        address=_word(record.get("sourceIPAddress")),
        agent=_word(record.get("userAgent")),
        read_only=_read_only(record, name) or dry,
        error=sys.intern(error),
        refused=refused,
        resource=_resource(record),
        detail="dry" if dry else _detail(record, name),
        via=sys.intern(via),
        by_service=_by_service(record, identity),
    )


def _read_only(record: Json, name: str) -> bool:
    said = record.get("readOnly")
    if isinstance(said, bool):
        return said
    if isinstance(said, str) and said.lower() in ("true", "false"):
        return said.lower() == "true"
    return bool(READS.match(name))  # records from before 2019 do not say


def _error(record: Json) -> tuple[str, bool]:
    """The error, if the call failed, and whether it was a refusal.

    Some services say so in `responseElements`, and sign-in in its own words.
    """
    answer = _table(record.get("responseElements"))
    code, words = _text(record.get("errorCode")), _text(record.get("errorMessage"))
    if not code and not words:
        code, words = _error_in(answer)
    if not code and not words:
        name = _text(record.get("eventName"))
        details = _table(record.get("serviceEventDetails"))
        if "Failure" in (answer.get(name), details.get(name)):
            code = "Failure"
    if code.endswith(DRY_RUN):
        return "", False
    refused = bool(REFUSALS.search(code) or REFUSAL_WORDS.search(words))
    return code or words[:200], refused


def _error_in(answer: Json) -> tuple[str, str]:
    """Code and words of an error that stands in an answer, by the names that services give it."""
    code = words = ""
    for name, value in answer.items():
        match name.lower():
            case "errorcode" | "__type":
                code = code or _text(value)
            case "errormessage":
                words = words or _text(value)
            case "error" | "errordetail" | "errordetails" | "unsuccessful":
                code = code or _text(value)
                for way, said in islice(_leaves(value), LEAVES):
                    if way[-1:] in (("code",), ("errorcode",)):
                        code = code or said
                    elif way[-1:] in (("message",), ("errormessage",)):
                        words = words or said
            case _ if name.endswith("Response") and isinstance(value, dict):
                found = _error_in({n: v for n, v in value.items() if not n.endswith("Response")})
                code, words = code or found[0], words or found[1]
    return code, words


def _by_service(record: Json, identity: Json) -> str:
    """The service that called on the person's behalf; the console's sign-in is the person."""
    by, address = identity.get("invokedBy"), record.get("sourceIPAddress")
    for said in (by, address):
        if _text(said).endswith(".amazonaws.com") and said not in ("signin.amazonaws.com",):
            return _word(said)
    return _word(by) if by == "AWS Internal" else ""


# What a call was about, best first: the parameter that a person would name.
ABOUT = {name: rank for rank, name in enumerate((
    "secretId", "secretIdList", "roleArn", "roleName", "userName", "groupName", "policyArn",
    "bucketName", "functionName", "tableName", "dBInstanceIdentifier", "dBClusterIdentifier",
    "dBSnapshotIdentifier", "keyId", "trailName", "instanceId", "groupId", "snapshotId", "imageId",
    "stackName", "topicArn", "queueUrl", "queueName", "logGroupName", "logGroupIdentifier",
    "repositoryName", "clusterName", "cluster", "stateMachineArn", "detectorId", "alarmNames",
    "configurationRecorderName", "documentName", "parameterName", "policyName", "keyName", "rule",
    "resourceArn", "arn", "name", "names", "id", "target", "environmentId", "volumeId",
    "targetKeyId", "instanceProfileName", "hostedZoneId", "distributionId",
))}  # fmt: skip


def _resource(record: Json) -> str:
    """What the call was about: a parameter where one names it, else the first resource's ARN."""
    asked = _table(record.get("requestParameters"))
    if named := _named(asked):
        return named
    for items in asked.values():  # EC2: {"instancesSet": {"items": [{"instanceId": "i-0"}]}}
        found = _table(items).get("items")
        if isinstance(found, list):
            ids = [_text(v) for i in found[:5] for k, v in _table(i).items() if k.endswith("Id")]
            if any(ids):
                return ", ".join(filter(None, ids))
    for items in asked.values():  # {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-0"}}
        if named := _named(_table(items)):
            return named
    details = _table(record.get("serviceEventDetails"))
    if account := _text(details.get("account_id")):
        return " ".join(filter(None, (_text(details.get("role_name")), "in", account)))
    resources = record.get("resources")
    if isinstance(resources, list):
        for item in resources[:10]:
            if arn := _text(_table(item).get("ARN")) or _text(_table(item).get("arn")):
                return arn
    return ""


def _named(asked: Json) -> str:
    best, rank = "", len(ABOUT)
    for parameter, value in asked.items():
        at = ABOUT.get(parameter[:1].lower() + parameter[1:], rank)
        if at < rank and isinstance(value, str) and value:
            key = _text(asked.get("key")) if parameter == "bucketName" else ""
            best, rank = f"{value}/{key}" if key else value, at
        elif at < rank and isinstance(value, list) and value and {*map(type, value)} == {str}:
            best, rank = ", ".join(value[:5]), at
    return best


def _detail(record: Json, name: str) -> str:
    """A hint for the judgement: "open" to the world, "decrypted"; empty where there is none.

    The third one is "dry", of a call that was only tried out.
    """
    asked = _table(record.get("requestParameters"))
    if asked.get("withDecryption") in (True, "true"):
        return "decrypted"
    if not asked or UNOPENING.match(name):
        return ""
    try:
        text = json.dumps(asked, default=str)
    except (TypeError, ValueError, RecursionError):
        return ""
    hinted = any(hint in text for hint in HINTS) or HINT_OF_ALL.search(text)
    return "open" if hinted and _opens(name, asked) else ""


# Names that never open anything, or close it.
UNOPENING = re.compile(
    rf"{READS.pattern}|Revoke|Delete|Remove|Detach|Disassociate|Terminate|Stop|Tag|Untag"
    r"|.*(Egress|Descriptions)"
)
# What a request that opens something has in it, so that few need be taken apart.
HINTS = (
    "0.0.0.0/0", "::/0", '"all"', '"All"', '"NONE"', "PUBLIC_READ", "public-read",
    "authenticated-read", "groups/global/", "publiclyAccessible", "NotPrincipal",
)  # fmt: skip
HINT_OF_ALL = re.compile(
    r'"([Pp]rincipal|AWS|aWSAccountIds?|awsAccountIds?)\\*" ?: ?[^}\]]{0,2000}?"\*\\*"'
)
ANYWHERE = ("0.0.0.0/0", "::/0")
PUBLIC_LISTS = ("public-read", "public-read-write", "authenticated-read")
PUBLIC_GROUPS = ("groups/global/AllUsers", "groups/global/AuthenticatedUsers")
LEAVES = 2_000  # looked at of one record's texts
LONGEST = 100_000  # of a policy's text

# A statement for everybody that asks for one of these is not for everybody.
NARROWING = re.compile(
    r"aws:(principal(orgid|orgpaths|account|arn)|source(account|arn|owner|vpc|vpce|orgid|orgpaths"
    r"|ip)|userid|vpcsourceip)|kms:calleraccount",
    re.IGNORECASE,
)


def _opens(name: str, asked: Json) -> bool:
    """Whether a call lets everybody in: by a rule, a list, a policy or a setting."""
    network = "SecurityGroup" in name or (
        "NetworkAcl" in name and asked.get("ruleAction") == "allow" and not asked.get("egress")
    )
    if asked.get("principal") == "*" and not asked.keys() & {"sourceArn", "sourceAccount"}:
        return not asked.get("principalOrgID")
    for way, said in islice(_leaves(asked), LEAVES):
        last = way[-1:]
        match said:
            case "0.0.0.0/0" | "::/0" if network or "publicaccesscidrs" in way:
                return True
            case "all" | "All" if "add" in way or "valuestoadd" in way or "accountidstoadd" in way:
                return True
            case "*" if last in (("awsaccountid",), ("awsaccountids",)):
                return True
            case "NONE" if last == ("authtype",) and len(way) == 1 and "Url" in name:
                return True
            case "True" if last == ("publiclyaccessible",):
                return True
            case "PUBLIC_READ" if last == ("projectvisibility",):
                return True
            case _ if said in PUBLIC_LISTS or any(group in said for group in PUBLIC_GROUPS):
                return True
            case _ if '"Allow"' in said and len(said) <= LONGEST:
                if any(map(_for_all, _statements(_parsed(said)))):
                    return True
    return any(map(_for_all, _statements(asked)))


def _leaves(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text and yes in a value, with the names that lead to it, in small letters."""
    if len(way) > 12:
        return
    if isinstance(value, str):
        yield way, value
    elif value is True:
        yield way, "True"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*way, name.lower()))
    elif isinstance(value, list):
        for inner in value:
            if not isinstance(inner, list):
                yield from _leaves(inner, way)


def _statements(value: Any, depth: int = 8) -> Iterator[Json]:
    """The statements of a policy, wherever in the value they stand."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
            return
        value = list(value.values())
    if isinstance(value, list) and depth:
        for inner in value:
            yield from _statements(inner, depth - 1)


def _for_all(statement: Json) -> bool:
    if statement["Effect"] != "Allow":
        return False
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    everybody = principal == "*" or (isinstance(principal, list) and "*" in principal)
    if not everybody and "NotPrincipal" not in statement:
        return False
    for operator, tests in _table(statement.get("Condition")).items():
        if "Not" in operator or operator == "Null":
            continue
        for key, value in _table(tests).items():
            values = value if isinstance(value, list) else [value]
            if NARROWING.fullmatch(key) and not {"*", *ANYWHERE}.intersection(map(str, values)):
                return False
    return True


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def moment(value: Any) -> datetime | None:
    """The time that a record gives, in any of the forms that are seen; None where it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC)
        if not isinstance(value, str):
            return None
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _time_of(record: Json) -> datetime | None:
    return moment(record.get("eventTime")) or moment(record.get("@timestamp"))


def _packed(record: Json) -> tuple[bytes, int]:
    """The record as compressed JSON, and the size of the JSON."""
    try:
        said = json.dumps(record, separators=(",", ":"), default=str)
    except (TypeError, ValueError, RecursionError):
        said = json.dumps({"eventID": _text(record.get("eventID")), "unreadable": True})
    return zlib.compress(said.encode(), 1), len(said)


def _table(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _word(value: Any) -> str:
    """Text that comes again and again: kept once."""
    return sys.intern(value) if type(value) is str else ""


def _last(value: Any) -> str:
    return _text(value).rpartition("/")[2]
