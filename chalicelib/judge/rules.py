"""The rules as they stand in rules.toml, and what settings add: read, checked, ready to match.

A rule says of which calls it speaks, what they must have asked for, how heavy that is and why.
The file is read when the first event is judged, so that nothing else has to wait for it.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from chalicelib.judge.call import Call, Parameter, parameter
from chalicelib.judge.openness import account_of

FILE = Path(__file__).with_name("rules.toml")

Severity = Literal["critical", "high", "medium", "low", "none"]
SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
STEP = 100  # between two severities; the kinds of one severity lie in between
LITTLE = 1  # what weighs next to nothing, and is a line all the same

KEYS = frozenset({
    "id", "calls", "each", "when", "unless", "reach", "reads", "direct", "little", "severity",
    "reason", "says", "instead_of", "example", "source",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Test:
    """One of these parameters has to have one of these values."""

    names: tuple[Parameter, ...]
    wanted: "Wanted"
    asked: frozenset[str] | None  # the parameters' names, where all are the request's

    @classmethod
    def of(cls, names: str, values: Iterable[Any]) -> Self:
        """The test that rules.toml writes as `names` (joined by |) and the values they may have."""
        found = tuple(map(parameter, names.split("|")))
        plain = all(not where for where, _, _ in found)
        asked = frozenset(last for _, _, last in found) if plain else None
        words = (str(each).lower() if isinstance(each, bool) else str(each) for each in values)
        return cls(found, Wanted(tuple(words)), asked)

    def holds(self, call: Call) -> bool:
        """Whether the call has one of the parameters with one of the values."""
        if self.asked is not None and self.asked.isdisjoint(call.index):
            return False
        return any(
            self.wanted.fits(said, call) for name in self.names for said in call.values(name)
        )


class BadRule(ValueError):
    """A rule that cannot be used: which, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the value of a parameter has to be, one of these."""

    patterns: tuple[str, ...]

    def fits(self, said: str, call: Call) -> bool:
        return any(_fits(pattern, said, call) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, ready to match."""

    id: str
    severity: Severity
    reason: str
    says: str = ""
    calls: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
    each: frozenset[str] = frozenset()  # lists, of which one element has to fit by itself
    when: tuple[Test, ...] = ()
    unless: tuple[Test, ...] = ()
    reach: str = ""
    reads: bool = False
    direct: bool = False
    little: bool = False
    instead_of: frozenset[str] = frozenset()
    example: str = ""
    source: str = ""

    def speaks_of(self, service: str, name: str) -> bool:
        return any(one.fullmatch(service) and two.fullmatch(name) for one, two in self.calls)

    def holds(self, call: Call) -> bool:
        """Whether the call asked for what the rule wants, and for nothing that it excepts."""
        return all(test.holds(call) for test in self.when) and not any(
            test.holds(call) for test in self.unless
        )

    def holds_of_one(self, call: Call) -> bool:
        """The same of one element of the lists that the rule is about, by itself."""
        return any(map(self.holds, call.each(self.each)))


@dataclass(frozen=True, slots=True)
class Book:
    """All rules and kinds together; the same for every event of a report."""

    rules: tuple[Rule, ...]
    kinds: Mapping[str, int]  # reason → how heavy among those of one severity
    mistakes: str = ""  # why rules of one's own are not among them
    _found: dict[tuple[str, str, bool], tuple[Rule, ...]] = field(
        default_factory=dict, compare=False
    )

    def of(self, service: str, name: str, read: bool = False) -> tuple[Rule, ...]:
        """The rules that speak of a call, whatever it asked for; of a read, those of reads."""
        known = self._found.get((service, name, read))
        if known is None:
            if len(self._found) > 20_000:  # names come from outside
                self._found.clear()
            known = tuple(
                rule
                for rule in self.rules
                if (rule.reads or not read) and rule.speaks_of(service, name)
            )
            self._found[service, name, read] = known
        return known

    def weight(self, severity: Severity, reason: str, little: bool = False) -> int:
        """How heavy an event is beside others: by severity first, then by its reason."""
        if severity == "none":
            return 0
        of_kind = LITTLE if little else self.kinds.get(reason, LITTLE + 1)
        return SEVERITIES.index(severity) * STEP + of_kind


@cache
def standard() -> Book:
    """The book as it ships."""
    return read(tomllib.loads(FILE.read_text()))


def book(own: Iterable[Mapping[str, Any]] = ()) -> Book:
    """The book with rules of one's own. One that has an id that is known changes that rule.

    Raises BadRule where one cannot be used.
    """
    added = [dict(each) for each in own]
    if not added:
        return standard()
    document = tomllib.loads(FILE.read_text())
    shipped = {rule["id"]: rule for rule in document["rule"]}
    for rule in added:
        known = shipped.get(str(rule.get("id", "")))
        if rule.get("severity") == "none":
            raise BadRule(f"{rule.get('id')}: a rule may be lowered to low; to hide is not offered")
        if known is not None:
            known.update(rule)
        else:
            document["rule"].append({"example": "", "source": "own"} | rule)
        if str(rule.get("reason", "changed")) not in {k["reason"] for k in document["kind"]}:
            document["kind"].insert(0, {"reason": str(rule["reason"])})
    return read(document)


def mistakes_in(own: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with rules of one's own, each by itself."""
    found = []
    for rule in own:
        try:
            book([rule])
        except BadRule as bad:
            found.append(str(bad))
    return found


def usable(own: Iterable[Mapping[str, Any]]) -> Book:
    """The book with those rules of one's own that can be used, and what is wrong with the others.

    For a report, which has to come whatever stands in the settings.
    """
    good, wrong = [], []
    for rule in own:
        if mistakes := mistakes_in([rule]):
            wrong += mistakes
        else:
            good.append(rule)
    return replace(book(good), mistakes="; ".join(wrong)[:500])


def read(document: Mapping[str, Any]) -> Book:
    """The rules of a document of rules.toml's form. Raises BadRule."""
    reasons = [kind["reason"] for kind in document["kind"]]
    kinds = {reason: LITTLE + len(reasons) - at for at, reason in enumerate(reasons)}
    return Book(tuple(_rule(each) for each in document["rule"]), kinds)


def _rule(said: Mapping[str, Any]) -> Rule:
    name = str(said.get("id", "(a rule without an id)"))
    if unknown := set(said) - KEYS:
        raise BadRule(f"{name}: {', '.join(sorted(unknown))} is nothing that a rule has")
    lacking = {"id", "calls", "severity", "reason"} - set(said)
    if lacking:
        raise BadRule(f"{name}: it lacks {', '.join(sorted(lacking))}")
    if said["severity"] not in SEVERITIES:
        raise BadRule(f"{name}: {said['severity']!r} is none of {', '.join(SEVERITIES[::-1])}")
    if said.get("reach", "") not in ("", "everybody", "accounts", "unclear"):
        raise BadRule(f"{name}: reach is everybody, accounts or unclear")
    try:
        return Rule(
            id=name,
            severity=said["severity"],
            reason=str(said["reason"]),
            says=str(said.get("says", "")),
            calls=tuple(map(_calls, said["calls"])),
            each=frozenset(filter(None, said.get("each", "").lower().split("|"))),
            when=tuple(_tests(said.get("when", {}))),
            unless=tuple(_tests(said.get("unless", {}))),
            reach=said.get("reach", ""),
            reads=bool(said.get("reads", False)),
            direct=bool(said.get("direct", False)),
            little=bool(said.get("little", False)),
            instead_of=frozenset(said.get("instead_of", ())),
            example=str(said.get("example", "")),
            source=str(said.get("source", "")),
        )
    except (TypeError, AttributeError, ValueError) as error:
        raise BadRule(f"{name}: {error}") from None


def _calls(said: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    service, colon, names = said.partition(":")
    if not colon:
        raise ValueError(f"{said!r} is no call; write service:Name")
    return re.compile(glob(service)), re.compile(glob(names))


def _tests(said: Mapping[str, Any]) -> Iterable[Test]:
    for names, value in said.items():
        yield Test.of(names, value if isinstance(value, list) else [value])


@cache
def glob(pattern: str) -> str:
    r"""A pattern as a regular expression: `*` any letters, `|` or, `\*` a star itself."""
    parts = re.split(r"(\\\*|\*|\|)", pattern)
    said = {"\\*": r"\*", "*": ".*", "|": "|"}
    return "(?s:" + "".join(said.get(part, re.escape(part)) for part in parts) + ")"


def _fits(pattern: str, said: str, call: Call) -> bool:
    if pattern == "*":
        return said.strip() not in ("", "[]", "{}")
    if pattern == "{home}":
        return account_of(said) in (call.account, call.home)
    if pattern == "{elsewhere}":
        return account_of(said) not in ("", call.account, call.home)
    if pattern[:2] in ("<=", ">="):
        try:
            number, bound = float(said), float(pattern[2:])
        except ValueError:
            return False
        return number <= bound if pattern[0] == "<" else number >= bound
    if "{" in pattern:
        pattern = re.sub(r"\{(\w+)\}", lambda found: next(call.said(found[1]), "{}"), pattern)
    return bool(_compiled(pattern).fullmatch(said))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(glob(pattern), re.IGNORECASE)
