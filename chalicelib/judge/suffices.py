"""What would have sufficed: the actions that were used, as a policy of just these.

CloudTrail names calls, IAM names actions; `actions.toml` says where they differ. Only what was
allowed counts: a call that was turned away used nothing. What a role that was taken on did needed
that role's permissions, not the session's.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self

from chalicelib.judge.call import VERSION, Json, leaves, table, text

FILE = Path(__file__).with_name("actions.toml")
MOST = 4_000  # actions that are told apart; AWS has some 20,000, and nobody uses them all
SHOWN = 5
NAME = re.compile(r"[A-Z][A-Za-z0-9]{1,127}")
ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
PASSES = re.compile(r"(Create|Update|Run|Register|Start|Put|Associate|Modify|Replace|Add|Request)")
NOT_PASSED = frozenset({"iam", "sts", "sso", "eks", "kms"})  # they speak of roles, and pass none
SIGN_IN = frozenset({"signin", "sso-oauth"})
VERB = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True, slots=True)
class Names:
    """The tables of actions.toml."""

    same: frozenset[str]
    prefix: Mapping[str, str]
    action: Mapping[str, list[str]]
    method: Mapping[str, str]

    def of(self, source: str, name: str) -> tuple[str, ...] | None:
        """The actions that a call needs; none, or None where that is not known."""
        service = source.removesuffix(".amazonaws.com")
        if service in SIGN_IN:
            return ()
        prefix = self.prefix.get(service, service if service in self.same else "")
        plain = VERSION.sub("", name)
        if not prefix or not NAME.fullmatch(plain):
            return None
        if prefix == "apigateway":
            verb = VERB.match(plain)
            method = self.method.get(verb[0]) if verb else None
            return (f"apigateway:{method}",) if method else None
        call = f"{prefix}:{plain}"
        return tuple(self.action.get(call, (call,)))


@cache
def names() -> Names:
    """How CloudTrail's names of calls and IAM's of actions go together; read once."""
    said = tomllib.loads(FILE.read_text())
    return Names(frozenset(said["same"]), said["prefix"], said["action"], said["method"])


@lru_cache(maxsize=8192)
def _actions(source: str, name: str) -> tuple[str, ...] | None:
    return names().of(source, name)


@dataclass(slots=True)
class Used:
    """The actions that were used, counted as calls come; bounded."""

    actions: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    data: bool = False  # calls on data were recorded, of some service at least
    more: bool = False  # there were more than are told apart

    def add(self, record: Json) -> None:
        """Counts a call of the session's own that was not turned away."""
        if record.get("eventCategory") == "Data" or record.get("managementEvent") is False:
            self.data = True
        source, name = text(record.get("eventSource")), text(record.get("eventName"))
        if text(record.get("eventType")) == "AwsServiceEvent":
            return  # nobody called
        found = _actions(source, name)
        if found is None:
            self._count(self.unknown, f"{source.removesuffix('.amazonaws.com')}:{name}"[:200])
            return
        for action in found:
            self._count(self.actions, action)
        if found and _passes_role(record, found[0]):
            self._count(self.actions, "iam:PassRole")

    def _count(self, known: Counter[str], name: str) -> None:
        if name in known or len(known) < MOST:
            known[name] += 1
        else:
            self.more = True

    def policy(self) -> str:
        """The policy document, ready to be pasted; empty where no action was used."""
        if not self.actions:
            return ""
        statement = {
            "Sid": "UsedUnderBreakGlass",
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": "*",
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2) + "\n"

    def line(self) -> str:
        """The same in a line, with what it does not hold."""
        services = {action.partition(":")[0] for action in self.actions}
        of = "1 service" if len(services) == 1 else f"{len(services):,} services"
        said = [f"{len(self.actions):,} actions of {of}"]
        if len(self.actions) == 1:
            said = [next(iter(self.actions))]
        if self.unknown:
            shown = sorted(self.unknown)[:SHOWN]
            more = len(self.unknown) - len(shown)
            rest = f" and {more:,} more" if more else ""
            said.append(f"not known as actions: {', '.join(shown)}{rest}")
        if self.more:
            said.append("there were more than are counted")
        said.append(
            "data events: as far as they are recorded" if self.data else "data events: not recorded"
        )
        return "; ".join(said)

    def together(self, other: "Used") -> None:
        """Adds what another session used."""
        self.actions.update(other.actions)
        self.unknown.update(other.unknown)
        self.data, self.more = self.data or other.data, self.more or other.more

    def to_json(self) -> Json:
        return {"actions": dict(self.actions), "unknown": dict(self.unknown),
                "data": self.data, "more": self.more}  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Self:
        return cls(Counter(value["actions"]), Counter(value["unknown"]), value["data"],
                   value["more"])  # fmt: skip


@lru_cache(maxsize=8192)
def _may_pass(action: str) -> bool:
    prefix, _, name = action.partition(":")
    return prefix not in NOT_PASSED and bool(PASSES.match(name))


def _passes_role(record: Json, action: str) -> bool:
    """Whether a call hands a role to a service, for which IAM asks iam:PassRole besides."""
    asked = table(record.get("requestParameters"))
    if not asked or not _may_pass(action):
        return False
    return any(
        ("role" in way[-1] and (ROLE.fullmatch(said) or way[-1] == "role"))
        or "iaminstanceprofile" in way
        for way, said in leaves(asked)
        if way
    )
