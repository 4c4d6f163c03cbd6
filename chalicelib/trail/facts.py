"""What records say of whose others are: who was handed which credentials, and when."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.session import from_iso, iso
from chalicelib.trail.event import Json
from chalicelib.trail.signs import Signs

MOST_FACTS = 50_000  # of each kind; beyond that the report says that it did not follow them all

Times = dict[str, dict[datetime, str]]


@dataclass(slots=True)
class CredentialFacts:
    """What records say of whose others are; bounded, and the same in any order."""

    own_keys: dict[str, None] = field(default_factory=dict)
    own: dict[str, None] = field(default_factory=dict)  # "AROA…:name" of the session's own role
    keys: dict[str, str] = field(default_factory=dict)  # access key → how it was come by
    taken: Times = field(default_factory=dict)  # role sessions that it took, when, and how
    shared: dict[str, None] = field(default_factory=dict)  # its calls that two accounts record
    waiting: dict[Signs, None] = field(default_factory=dict)
    cut: bool = False

    def of_own(self, signs: Signs, start: datetime) -> None:
        """Notes a record that is the session's by itself."""
        if signs.shared:
            self._add(self.shared, signs.shared, None)
        if signs.verdict == "portal":
            return
        if not signs.switched:
            if signs.key:
                self._add(self.own_keys, signs.key, None)
            if signs.principal.startswith("AROA") and ":" in signs.principal:
                self._add(self.own, signs.principal, None)
        for key in signs.keys:
            self._add(self.keys, key, signs.label)
        if signs.role_session and signs.label:
            self._add(self.taken, signs.role_session, {})
            if signs.role_session in self.taken:
                self._add(self.taken[signs.role_session], signs.time or start, signs.label)

    def of_another(self, signs: Signs) -> None:
        """Notes a record that is the session's only if its credentials are.

        Of those that hand nothing out one stands for all with the same credentials.
        """
        if not signs.hands and not signs.shared:
            if not signs.key:
                return
            signs = Signs(id="", time=None, verdict="maybe_assumed", key=signs.key,
                          principal=signs.principal, created=signs.created)  # fmt: skip
        self._add(self.waiting, signs._replace(verdict="maybe_assumed", switched=False), None)

    def _add(self, known: dict[Any, Any], name: Any, value: Any) -> None:
        if name in known:
            return
        if len(known) >= MOST_FACTS:
            self.cut = True
            return
        known[name] = value

    def to_json(self) -> Json:
        return {
            "own_keys": [*self.own_keys],
            "own": [*self.own],
            "keys": self.keys,
            "taken": {
                name: [[iso(time), chain] for time, chain in times.items()]
                for name, times in self.taken.items()
            },
            "shared": [*self.shared],
            "waiting": [
                [each.id, _iso(each.time), each.key, each.principal, _iso(each.created),
                 each.shared, each.label, each.role_session, each.keys]
                for each in self.waiting
            ],
            "cut": self.cut,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Json) -> Self:
        return cls(
            own_keys=dict.fromkeys(value["own_keys"]),
            own=dict.fromkeys(value["own"]),
            keys=value["keys"],
            taken={
                name: {from_iso(time): chain for time, chain in times}
                for name, times in value["taken"].items()
            },
            shared=dict.fromkeys(value["shared"]),
            waiting={
                Signs(id=name, time=_moment(time), verdict="maybe_assumed", key=key,
                      principal=principal, created=_moment(created), shared=shared, label=label,
                      role_session=role_session, keys=tuple(keys)): None
                for name, time, key, principal, created, shared, label, role_session, keys
                in value["waiting"]
            },
            cut=value["cut"],
        )  # fmt: skip


def _iso(time: datetime | None) -> str:
    return iso(time) if time else ""


def _moment(text: str) -> datetime | None:
    return from_iso(text) if text else None
