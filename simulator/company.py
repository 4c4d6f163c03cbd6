"""Who lives in this world: its accounts, permission sets, people, groups and glasses."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

from simulator.assignments import Access, PermissionSet
from simulator.identity_store import Group, User

REGION = "us-east-1"
HOME_ACCOUNT = "000000000000"  # where the app itself is deployed
MANAGEMENT = "999900001111"  # the management account, in a world that has delegated to ours
OWNER = os.environ.get("WORLD_OWNER", HOME_ACCOUNT)  # of Identity Center: the management account
INSTANCE_ID = "ssoins-7223f0a1b2c3d4e5"
INSTANCE_ARN = f"arn:aws:sso:::instance/{INSTANCE_ID}"
KEY_ARN = f"arn:aws:kms:{REGION}:{OWNER}:key/0f1e2d3c-4b5a-4678-9abc-def012345678"
IDENTITY_STORE_ID = "d-9067f0a1b2"
TRAIL = "aws-controltower/CloudTrailLogs"
ARCHIVE_ACCOUNT = "555566667777"  # where the trail is, in a world that has it elsewhere
ARCHIVE_REGION = "eu-west-1"
BUCKET = f"aws-controltower-logs-{ARCHIVE_ACCOUNT}-{ARCHIVE_REGION}"
ORGANISATION = "o-abc1234567"
PRODUCTION, STAGING = "111122223333", "444455556666"
ACCOUNTS = {PRODUCTION: "Production", STAGING: "Staging"}
CHANNELS = {"C0DEPLOY": "deployments", "C0INCIDENT": "incidents"}
TEAM = "T0EXAMPLE"
REPORT_AFTER = 4  # seconds from the end of access to the report; in life about 15 minutes


def _permission_set(number: int, name: str, *policies: str) -> PermissionSet:
    arn = f"arn:aws:sso:::permissionSet/{INSTANCE_ID}/ps-{number:016x}"
    # Shorter than AWS allows (an hour), so that the tail of issued credentials is short here.
    return PermissionSet(arn, name, "PT15S", policies)


ADMIN = _permission_set(0xA1, "EmergencyAdmin")
OPERATOR = _permission_set(0xA2, "EmergencyOperator")
AUDITOR = _permission_set(0xA3, "EmergencyAudit", "AuditTrails")
PERMISSION_SETS = [ADMIN, OPERATOR, AUDITOR]


@dataclass(frozen=True)
class Glass:
    """A glass as glasses.toml configures it, with what it comes to."""

    name: str
    account_id: str
    permission_set: PermissionSet
    seconds: int
    may: tuple[str, ...]
    others: tuple[int, ...] = ()  # seconds, too: what may be chosen in place of the first
    by_name: bool = False  # the permission set is written by its name, not by its ARN
    extend: str = ""
    extend_to: str = ""
    warn_before: str = ""
    tell_to: str = ""
    more: tuple[str, ...] = ()  # whatever else its table says, a line each

    @property
    def durations(self) -> tuple[int, ...]:
        return (self.seconds, *self.others)


GLASSES = [
    Glass(
        "prod",
        PRODUCTION,
        ADMIN,
        30,
        ("alice@example.com", "group:sre"),
        others=(60,),
        extend="20s",
        extend_to="100s",
    ),
    Glass(
        "staging",
        STAGING,
        OPERATOR,
        20,
        ("alice@example.com", "bob@example.com", "group:sre", "steve@example.com"),
    ),
    Glass("audit", STAGING, AUDITOR, 20, ("everyone",), by_name=True),
]


def at_leisure() -> None:
    """Sessions of about a minute, for people to watch; tests and the story use shorter ones."""
    seconds = {"prod": 60, "staging": 45, "audit": 30}
    GLASSES[:] = [replace(each, seconds=seconds[each.name], warn_before="15s") for each in GLASSES]
    longer = {"others": (120, 240), "extend": "60s", "extend_to": "5m"}
    GLASSES[0] = replace(GLASSES[0], **longer)


@dataclass(frozen=True)
class Person:
    slack_id: str
    user: User
    may: tuple[str, ...]
    in_identity_center: bool = True


def _person(
    number: int, name: str, display: str, may: tuple[str, ...], known: bool = True
) -> Person:
    user_id = f"9067f0a1-{number:04x}-4000-8000-{number:012x}"
    user = User(user_id, name, f"{name}@example.com", display)
    return Person(f"U0{name.upper()}", user, may, known)


_EVERY = ("prod", "staging", "audit")
PEOPLE = [
    _person(1, "alice", "Alice Ames", _EVERY),
    _person(2, "bob", "Bob Baker", _EVERY),
    _person(3, "grace", "Grace Gray", _EVERY),  # through the group "sre" alone
    _person(4, "bobby", "Bobby Baker", ("audit",)),  # a name that begins with another's
    _person(5, "mallory", "Mallory Moss", ()),
    _person(6, "steve", "Steve Stone", ("staging", "audit")),  # stands on staging for good
    _person(7, "nora", "Nora North", (), known=False),  # in Slack, not in Identity Center
    _person(8, "carol", "Carol Cole", ("audit",)),
]
_SRE = ("bob", "grace")
USERS = [person.user for person in PEOPLE if person.in_identity_center]
GROUPS = [
    Group(
        "9067f0a1-0100-4000-8000-000000000100",
        "sre",
        tuple(person.user.user_id for person in PEOPLE if person.user.user_name in _SRE),
    ),
    Group("9067f0a1-0101-4000-8000-000000000101", "developers"),
]


def person(name: str) -> Person:
    """By Slack id, user name or e-mail."""
    for each in PEOPLE:
        if name in (each.slack_id, each.user.user_name, each.user.email):
            return each
    raise KeyError(f"nobody here is called {name}")


def glass(name: str) -> Glass:
    return next(each for each in GLASSES if each.name == name)


USER_GROUPS = {"S0ONCALL": "sre-oncall"}  # Slack's, each with what it is called


def on_call_now() -> dict[str, list[str]]:
    """Who is in each user group of Slack at first."""
    return {"S0ONCALL": [person("carol").slack_id]}


STANDING = [Access(STAGING, OPERATOR.arn, "USER", person("steve").user.user_id)]


def glasses_toml() -> str:
    """The app's configuration for this world."""
    head = f'''report_from = "break-glass@example.com"
cloudtrail_log_group = "{TRAIL}"

[defaults]
report_after = "{REPORT_AFTER}s"
report_to = ["security@example.com"]
channel = "C0INCIDENT"
'''
    return head + "".join(_glass_toml(each) for each in GLASSES)


def _glass_toml(each: Glass) -> str:
    permission_set = each.permission_set.name if each.by_name else each.permission_set.arn
    lasts = [f"{seconds}s" for seconds in each.durations]
    lines = [
        f"\n[glass.{each.name}]",
        f'account = "{each.account_id}"',
        f'account_name = "{ACCOUNTS[each.account_id]}"',
        f'permission_set = "{permission_set}"',
        f"duration = {json.dumps(lasts if each.others else lasts[0])}",
        f"may = {_toml_list(each.may)}",
        f"report_to = {_toml_list(('security@example.com', 'oncall@example.com'))}",
        'channel = "C0INCIDENT"',
    ]
    if each.tell_to:
        lines.append(f'tell_to = "{each.tell_to}"')
    if each.warn_before:
        lines.append(f'warn_before = "{each.warn_before}"')
    if each.extend:
        lines.append(f'extend = "{each.extend}"')
    if each.extend_to:
        lines.append(f'extend_to = "{each.extend_to}"')
    return "\n".join((*lines, *each.more)) + "\n"


def _toml_list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
