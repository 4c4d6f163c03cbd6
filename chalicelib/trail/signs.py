"""Whose a CloudTrail record is by itself, and what it says of other records.

Everything in a record is somebody else's text and may be missing, misshapen or hostile: nothing
here raises for it, and a record that cannot be judged is counted as that.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from chalicelib.judge.call import table, text
from chalicelib.trail.event import PORTAL, Json, Ownership, moment, time_of

# An Identity Center user id: a UUID, with the directory's prefix in older directories.
USER_ID = re.compile(r"([0-9a-f]{10}-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

NOTHING: tuple[str, str, tuple[str, ...]] = ("", "", ())
HANDS_OUT = ("Assume", "Get", "Create", "BatchGet", "Switch")
LONGEST = 2_048  # letters of a name that are compared: those of the longest ARN


Verdict = Literal["portal", "account", "other", "earlier", "later", "maybe_assumed", "too_little"]


class Signs(NamedTuple):
    """What of a record says whose it is, and what it says of other records.

    `verdict` is what it is by itself. Whose credentials it used are `key`, `principal` and when
    they were `created`; `shared` is the id of a call that two accounts record. What it handed out
    are `keys` and `role_session`, and `label` names it to a reader.
    """

    id: str
    time: datetime | None
    verdict: Verdict
    key: str = ""
    principal: str = ""
    created: datetime | None = None
    shared: str = ""
    switched: bool = False  # its identity is the role that was switched to
    label: str = ""
    role_session: str = ""
    keys: tuple[str, ...] = ()

    @property
    def hands(self) -> tuple[str, ...]:
        return (*self.keys, self.role_session) if self.role_session else self.keys


def signs_of(ownership: Ownership, record: Json) -> Signs:
    """All that attribution asks of a record. Never raises."""
    identity = table(record.get("userIdentity"))
    context = table(table(identity.get("sessionContext")).get("attributes"))
    name = text(record.get("eventName"))
    handed_out = _handed_out(ownership, record, name) if name.startswith(HANDS_OUT) else NOTHING
    label, role_session, keys = handed_out
    created, time = moment(context.get("creationDate")), time_of(record)
    verdict = _judge(ownership, record)
    if verdict == "account" and (issued := created or _issues(record, time)):
        verdict, created = _of_which(ownership, issued), issued
    return Signs(
        id=text(record.get("eventID")),
        time=time,
        verdict=verdict,
        key=text(identity.get("accessKeyId")),
        principal=text(identity.get("principalId")),
        created=created,
        shared=text(record.get("sharedEventID")),
        switched=name == "SwitchRole",
        label=label,
        role_session=role_session,
        keys=keys,
    )


def _of_which(ownership: Ownership, issued: datetime) -> Verdict:
    """Of sessions of the same person with the same access: the one that the credentials are of.

    Another's are waited for all the same: a key that the session has used is the session's.
    """
    when = ownership.issued(issued)
    return "account" if when == "within" else when


def _issues(record: Json, time: datetime | None) -> datetime | None:
    """When a sign-in issues the credentials that it has none of: now."""
    signs_in = ("AssumeRoleWithSAML", "ConsoleLogin")
    return time if text(record.get("eventName")) in signs_in else None


def _judge(ownership: Ownership, record: Json) -> Verdict:
    """Whose a record is by itself.

    "maybe_assumed": not the session's own identity, but perhaps a role that it took on.
    "too_little": the same, and too little is said to call it another's.
    """
    identity = record.get("userIdentity")
    if text(record.get("eventCategory")) == "Insight":
        return "other"  # a remark of CloudTrail's on many calls, and nobody's
    if not isinstance(identity, dict) or not identity:
        return "too_little"
    kind = text(identity.get("type"))
    if not kind and not identity.keys() - {"accountId", "invokedBy"} and "invokedBy" in identity:
        return "maybe_assumed"  # a service by itself
    source = text(record.get("eventSource"))
    user_id = text(table(identity.get("onBehalfOf")).get("userId"))
    if user_id and ownership.principal_id and user_id != ownership.principal_id:
        return "other"
    at_portal = source in PORTAL or not source
    if kind == "IdentityCenterUser" or (at_portal and kind in ("Unknown", "")):
        verdict = _judge_portal(
            ownership, record, identity, bool(user_id and ownership.principal_id)
        )
        if verdict != "too_little" or kind:
            return verdict
    if kind == "SAMLUser" or (not kind and text(record.get("eventName")).endswith("WithSAML")):
        return "account" if _becomes(ownership, record) else "maybe_assumed"
    if text(record.get("eventName")) == "SwitchRole":
        origin = table(record.get("additionalEventData")).get("SwitchFrom")
        if _ours(ownership, {"arn": origin}, user_id="", recipient="") == "account":
            return "account"
    if kind in ("IAMUser", "Root", "AWSService", "AWSAccount", "WebIdentityUser", "FederatedUser"):
        return "maybe_assumed"
    recipient = text(record.get("recipientAccountId"))
    return _ours(ownership, identity, user_id if ownership.principal_id else "", recipient)


def _judge_portal(ownership: Ownership, record: Json, identity: Json, by_id: bool) -> Verdict:
    if by_id:
        here = text(record.get("eventSource")) in PORTAL | {""} or ownership.account_id in (
            text(record.get("recipientAccountId")),
            text(identity.get("accountId")),
        )
        return "portal" if here else "other"
    # As records were until July 2025: the user's id as principalId, beside the user's name.
    principal = text(identity.get("principalId")).rpartition("//")[2]
    if principal and principal == ownership.principal_id:
        return "portal"
    if USER_ID.fullmatch(principal):
        return "other"
    name = text(identity.get("userName"))
    if not name or name == "HIDDEN_DUE_TO_SECURITY_REASONS":
        return "too_little"
    return "portal" if name == ownership.user_name else "other"


def _ours(ownership: Ownership, identity: Json, user_id: str, recipient: str) -> Verdict:
    """Whether an identity is the session's own role session.

    Every field that is there has to agree, and enough have to be there: the role, the account, and
    the user's id or name. The name is compared to the letter; where the id is there, it decides.
    """
    issuer = table(table(identity.get("sessionContext")).get("sessionIssuer"))
    return _role_session(
        ownership,
        _Named(
            text(identity.get("arn"))[:LONGEST],
            text(identity.get("accountId"))[:LONGEST],
            text(identity.get("principalId"))[:LONGEST],
            text(issuer.get("arn"))[:LONGEST],
            text(issuer.get("accountId"))[:LONGEST],
            text(issuer.get("userName"))[:LONGEST],
        ),
        bool(user_id),
        recipient[:LONGEST],
    )


class _Named(NamedTuple):
    """An identity as far as it names a role session."""

    arn: str
    account: str
    principal: str
    issuer_arn: str
    issuer_account: str
    issuer_name: str


@lru_cache(maxsize=512)  # nearly all records of a session name the same
def _role_session(ownership: Ownership, named: _Named, by_id: bool, recipient: str) -> Verdict:
    arn_account, arn_role, arn_name = _session_arn(named.arn)
    roles = {named.issuer_name, _last(named.issuer_arn), arn_role} - {""}
    accounts = {
        named.account,
        named.issuer_account,
        named.issuer_arn.partition("::")[2].partition(":")[0],
        arn_account,
    } - {""}
    names = {arn_name, named.principal.partition(":")[2]} - {""}
    if not accounts and recipient:
        accounts = {recipient}
    if not all(ownership.role(role) for role in roles) or accounts - {ownership.account_id}:
        return "maybe_assumed"
    if not by_id and names - {ownership.user_name}:
        return "maybe_assumed"
    if roles and accounts and (by_id or names):
        return "account"
    if named.arn and not arn_role:
        return "maybe_assumed"  # a user, or root
    return "too_little"


def _becomes(ownership: Ownership, record: Json) -> bool:
    """Whether a sign-in by SAML leads into the session's own role."""
    user = table(table(record.get("responseElements")).get("assumedRoleUser"))
    if arn := text(user.get("arn")):
        return _ours(ownership, {"arn": arn}, user_id="", recipient="") == "account"
    asked = table(record.get("requestParameters"))
    role = text(asked.get("roleArn"))
    return (
        role.startswith("arn:")
        and role.split(":")[4:5] == [ownership.account_id]
        and ownership.role(_last(role))
        and text(asked.get("roleSessionName")) == ownership.user_name
    )


def _session_arn(arn: str) -> tuple[str, str, str]:
    """Account, role and session name of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME`."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("assumed-role/"):
        return "", "", ""
    _, _, rest = parts[5].partition("/")
    role, _, name = rest.rpartition("/")
    return parts[4], role.rpartition("/")[2], name


def _handed_out(ownership: Ownership, record: Json, name: str) -> tuple[str, str, tuple[str, ...]]:
    """What the call handed out: how to name it, the role session if it is one, the access keys.

    AssumeRole and its kin answer with `responseElements.credentials`; CreateAccessKey with
    `accessKey`; others nest them: any access key in an answer was given to whoever asked.
    """
    if name == "SwitchRole":  # its identity is the role that was taken
        identity = table(record.get("userIdentity"))
        _, role, _ = _session_arn(text(identity.get("arn")))
        return f"role {role}" if role else "", text(identity.get("principalId")), ()
    answer = record.get("responseElements")
    if not isinstance(answer, dict):
        return "", "", ()
    keys = tuple(dict.fromkeys(_keys_in(answer)))
    user = table(answer.get("assumedRoleUser"))
    account, role, _ = _session_arn(text(user.get("arn")))
    federated = table(answer.get("federatedUser"))
    principal = text(user.get("assumedRoleId")) or text(federated.get("federatedUserId"))
    if role and ownership.role(role) and account == ownership.account_id:
        return "", "", keys  # the session's own role: nothing to name
    if role:
        there = f" in {account}" if account != ownership.account_id else ""
        return f"role {role}{there}", principal, keys
    if not keys:
        return "", principal, ()
    owner = text(table(answer.get("accessKey")).get("userName"))
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
        if key := text(value.get(name)):
            yield key
    for item in value.values():
        if isinstance(item, dict | list):
            yield from _keys_in(item, depth - 1)


def _last(value: Any) -> str:
    return text(value).rpartition("/")[2]
