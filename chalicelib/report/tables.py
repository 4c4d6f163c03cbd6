"""The two tables of a report: calls counted by kind, in sums that stay small."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.session import from_iso, iso
from chalicelib.report.made import Line
from chalicelib.trail.event import Event, Json

KINDS = 4_000  # that are told apart; AWS has some ten thousand calls, and nobody makes them all
NAMES = 60  # of one kind's errors or Regions

Kind = tuple[str, str, str]


@dataclass(slots=True)
class Span:
    """How many, the first and the last, and how many an earlier report did not have."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    new: int = 0

    def add(self, event: Event) -> None:
        """Counts an event."""
        self.count += 1
        self.new += event.new
        if time := event.time:
            if self.first is None or time < self.first:
                self.first = time
            if self.last is None or time > self.last:
                self.last = time

    def to_json(self) -> list[Any]:
        first, last = (iso(time) if time else "" for time in (self.first, self.last))
        return [self.count, first, last, self.new]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        count, first, last, new = value
        return cls(count, from_iso(first) if first else None, from_iso(last) if last else None, new)


@dataclass(slots=True)
class _Sum:
    span: Span = field(default_factory=Span)
    errors: int = 0
    by_service: int = 0
    changes: int = 0
    error_names: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        self.span.add(event)
        self.by_service += bool(event.by_service)
        self.changes += event.change
        if event.failed:
            self.errors += 1
            _note(self.error_names, event.error)
        if event.region:
            _note(self.regions, event.region)


class Table:
    """One table: a sum for each kind of call."""

    def __init__(self) -> None:
        self.sums: dict[Kind, _Sum] = {}
        self.rest = 0  # calls of kinds beyond those that are told apart

    def add(self, event: Event) -> None:
        """Counts a call to its kind, or to the rest where there are too many kinds."""
        kind = (event.source, event.name, event.via)
        known = self.sums.get(kind)
        if known is None:
            if len(self.sums) >= KINDS:
                self.rest += 1
                return
            known = self.sums[kind] = _Sum()
        known.add(event)

    def lines(self) -> tuple[Line, ...]:
        """The most frequent first."""
        lines = [_line(kind, known) for kind, known in self.sums.items()]
        return tuple(
            sorted(lines, key=lambda line: (-line.count, line.service, line.name, line.via))
        )

    def to_json(self) -> Json:
        return {
            "rest": self.rest,
            "sums": [
                [kind, known.span.to_json(), known.errors, known.by_service, known.changes,
                 [*known.error_names], [*known.regions]]
                for kind, known in self.sums.items()
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Json) -> Self:
        table = cls()
        table.rest = value["rest"]
        for kind, span, errors, by_service, changes, names, regions in value["sums"]:
            table.sums[tuple(kind)] = _Sum(
                Span.from_json(span), errors, by_service, changes, set(names), set(regions)
            )
        return table


def _line(kind: Kind, known: _Sum) -> Line:
    source, name, via = kind
    return Line(
        service=source.removesuffix(".amazonaws.com"),
        name=name,
        count=known.span.count,
        first=known.span.first,
        last=known.span.last,
        errors=known.errors,
        error_names=_sorted(known.error_names),
        regions=_sorted(known.regions),
        via=via,
        by_service=known.by_service,
        changes=known.changes,
        new=known.span.new,
    )


def _note(names: set[str], name: str) -> None:
    if len(names) < NAMES:
        names.add(name)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
