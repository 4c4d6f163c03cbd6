"""Worth a look: like events in one line each, in sums that stay small however many there are.

How heavy an event weighs was said when it was read, by the rules of `judge`.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from chalicelib.judge.clients import strange
from chalicelib.report.notable import (
    ADDRESSES_SHOWN,
    ELSEWHERE,
    OF_ONE_REASON,
    RESOURCES_SHOWN,
    STRANGE_CLIENT,
    WHENCE_SEVERITY,
    Worth,
    whence_weight,
)
from chalicelib.report.shelf import When
from chalicelib.report.tables import Span
from chalicelib.trail.event import Event, Json

GROUPS = 4_000  # of like events
RESOURCES = 1_000  # that one group counts
RESOURCES_IN_ALL = 20_000
ADDRESSES = 2_000
TEXT = 300  # signs of a resource, an agent or an error that are remembered

Like = tuple[int, str, str, str, str, str, str, str, str, str]


@dataclass(slots=True)
class _Group:
    span: Span = field(default_factory=Span)
    resources: dict[str, When] = field(default_factory=dict)  # and when each was first there
    more: bool = False  # there were more than are counted


class Worthiest:
    """The lines of *worth a look*."""

    def __init__(self) -> None:
        self.groups: dict[Like, _Group] = {}
        self.addresses: dict[str, Span] = {}
        self.signed_in: dict[str, None] = {}
        self.strange: dict[str, Span] = {}  # by the word that is strange
        self.resources = 0
        self.rest = 0  # events worth a look beyond what is told apart

    def add(self, event: Event, when: When) -> int:
        """Counts the event in; how heavy it weighs."""
        if event.weight:
            self._group(event, when)
        if event.by_service:
            return event.weight
        for word in _words(event.agent[:2_000]):
            self.strange.setdefault(word, Span()).add(event)
        if not event.address:
            return event.weight
        if event.place == "portal":
            if len(self.signed_in) < ADDRESSES:
                self.signed_in[event.address[:TEXT]] = None
        elif event.address != "AWS Internal":
            self._address(event)
        return event.weight

    def _group(self, event: Event, when: When) -> None:
        like = (event.weight, event.severity, event.reason, event.note[:TEXT], event.source,
                event.name, event.error[:TEXT], event.via, event.by_service,
                event.account if event.elsewhere else "")  # fmt: skip
        group = self.groups.get(like)
        if group is None:
            if len(self.groups) >= GROUPS:
                self.rest += 1
                return
            group = self.groups[like] = _Group()
        group.span.add(event)
        if not event.resource:
            return
        resource = event.resource[:TEXT]
        if resource in group.resources:
            group.resources[resource] = min(when, group.resources[resource])
        elif len(group.resources) <= RESOURCES_SHOWN or (
            len(group.resources) < RESOURCES and self.resources < RESOURCES_IN_ALL
        ):
            group.resources[resource] = when
            self.resources += 1
        else:
            group.more = True

    def _address(self, event: Event) -> None:
        address = event.address[:TEXT]
        known = self.addresses.get(address)
        if known is None:
            if len(self.addresses) >= ADDRESSES:
                return
            known = self.addresses[address] = Span()
        known.add(event)

    def lines(self) -> tuple[Worth, ...]:
        """What is new first, then the heaviest; of equal weight, the earlier first."""
        found = [_line(like, group) for like, group in self.groups.items()]
        elsewhere = {
            address: span
            for address, span in self.addresses.items()
            if self.signed_in and address not in self.signed_in
        }
        busiest = sorted(elsewhere, key=lambda address: (-elsewhere[address].count, address))
        for address in busiest[:ADDRESSES_SHOWN]:
            found.append(_whence(elsewhere[address], ELSEWHERE, address))
        if rest := busiest[ADDRESSES_SHOWN:]:
            spans = [elsewhere[address] for address in rest]
            words = f"{len(rest)} more addresses"
            found.append(_whence(_together(spans), ELSEWHERE, words))
        for word, span in self.strange.items():
            found.append(_whence(span, STRANGE_CLIENT, word))
        found.sort(key=_rank)
        return _spread(found)

    def to_json(self) -> Json:
        return {
            "groups": [
                [like, group.span.to_json(), group.resources, group.more]
                for like, group in self.groups.items()
            ],
            "addresses": {address: span.to_json() for address, span in self.addresses.items()},
            "signed_in": [*self.signed_in],
            "strange": {word: span.to_json() for word, span in self.strange.items()},
            "rest": self.rest,
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        kept = cls()
        for like, span, resources, more in value["groups"]:
            kept.groups[_like(like)] = _Group(
                Span.from_json(span), {name: _when(at) for name, at in resources.items()}, more
            )
        kept.addresses = {name: Span.from_json(span) for name, span in value["addresses"].items()}
        kept.signed_in = dict.fromkeys(value["signed_in"])
        kept.strange = {word: Span.from_json(span) for word, span in value["strange"].items()}
        kept.resources = sum(len(group.resources) for group in kept.groups.values())
        kept.rest = value["rest"]
        return kept


_words = lru_cache(maxsize=1_000)(strange)


def _like(value: list[Any]) -> Like:
    weight, severity, why, note, source, name, error, via, by_service, account = value
    return weight, severity, why, note, source, name, error, via, by_service, account


def _when(value: list[Any]) -> When:
    seconds, name = value
    return seconds, name


def _line(like: Like, group: _Group) -> Worth:
    weight, severity, why, note, source, name, error, via, by_service, account = like
    resources = sorted(group.resources, key=lambda each: group.resources[each])
    return Worth(
        weight=weight,
        severity=severity,
        why=why,
        note=note,
        account=account,
        unnamed=not resources,
        what=f"{source.removesuffix('.amazonaws.com')}:{name}",
        count=group.span.count,
        first=group.span.first,
        last=group.span.last,
        resources=tuple(resources[:RESOURCES_SHOWN]),
        more_resources=max(0, len(resources) - RESOURCES_SHOWN),
        at_least=group.more,
        error=error,
        via=via,
        by_service=by_service,
        new=group.span.new,
    )


def _whence(span: Span, why: str, what: str) -> Worth:
    return Worth(
        weight=whence_weight(why), severity=WHENCE_SEVERITY, why=why, what=what, count=span.count,
        first=span.first, last=span.last, new=span.new,
    )  # fmt: skip


def _together(spans: list[Span]) -> Span:
    return Span(
        count=sum(span.count for span in spans),
        first=min((span.first for span in spans if span.first), default=None),
        last=max((span.last for span in spans if span.last), default=None),
        new=sum(span.new for span in spans),
    )


def _spread(ranked: list[Worth]) -> tuple[Worth, ...]:
    """The same order, but whatever is the sixth line of its reason stands behind all others."""
    seen: Counter[str] = Counter()
    first: list[Worth] = []
    rest: list[Worth] = []
    for worth in ranked:
        seen[worth.why] += 1
        (first if seen[worth.why] <= OF_ONE_REASON else rest).append(worth)
    return (*first, *rest)


def _rank(worth: Worth) -> tuple[object, ...]:
    return not worth.new, -worth.weight, worth.first.timestamp() if worth.first else 0, worth.what
