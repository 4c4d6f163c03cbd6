"""The events that a mail can hold: those kept of any number that come, whatever their order."""

from datetime import UTC, datetime
from typing import Any, Self

from chalicelib.domain.text import CELL
from chalicelib.report import evidence
from chalicelib.trail.event import Event, Json, as_json

When = tuple[float, str]  # an event's place in the order of time
Rank = tuple[int, float, str, int]  # the smaller, the sooner kept

HEADING = 4_000  # bytes of an attachment for its heading, and for what it does not hold
APART = ("record", "line", "time", "ingested")
PLAIN = tuple(name for name in Event._fields if name not in APART)
OVER = 1.2  # how much of its limit a row takes before it is cut


class _Row:
    """Things of a size, of which the first by their ranks are kept: as many as the limit holds.

    It is put in order and cut now and then, not each time: what is kept is the same.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.sizes: dict[Rank, int] = {}
        self.edge: Rank | None = None  # nothing from here on is kept

    def wants(self, rank: Rank) -> bool:
        return self.edge is None or rank < self.edge

    def put(self, rank: Rank, size: int) -> None:
        self.sizes[rank] = size
        self.size += size

    @property
    def full(self) -> bool:
        """Whether it is time to cut."""
        return self.size > self.limit * OVER

    def cut(self) -> list[Rank]:
        """Takes away what the limit does not hold: the ranks of that."""
        fell: list[Rank] = []
        if self.size > self.limit:
            self.sizes = dict(sorted(self.sizes.items()))
        while self.size > self.limit:
            self.edge, size = self.sizes.popitem()
            self.size -= size
            fell.append(self.edge)
        return fell

    def drop(self, rank: Rank) -> None:
        self.size -= self.sizes.pop(rank, 0)


class Shelf:
    """Keeps the weightiest and earliest events: as many as the table, and as many records as the
    other attachment, can hold.

    What is kept are the first ones by rank, until one does not fit; so it does not depend on the
    order in which they came. A record that is a good part of an attachment by itself is not kept.
    """

    def __init__(self, end: datetime, limit: int = 0) -> None:
        limit = limit or evidence.LIMIT
        self.end = end
        self.rows, self.records = _Row(limit - HEADING), _Row(limit - HEADING)
        self.huge = limit // 8
        self.nameless = 0
        self._kept: dict[Rank, Event] = {}

    def put(self, event: Event, record: Json, weight: int, when: When) -> None:
        """Keeps it where there is room. `when` is its place in the order of time."""
        self.nameless += not event.id
        dispensable = 0 if weight else evidence.dispensable(event)
        rank = (dispensable, *when, 0 if event.id else self.nameless)
        if not self.rows.wants(rank) or rank in self._kept:
            return
        line, content = evidence.line(event), b""
        if len(line) > CELL:
            event = _bounded(event)
        if self.records.wants(rank) and len(content := as_json(record)) >= self.huge:
            content = b""
        self._put(rank, event._replace(record=content, line=line), len(line))

    def _put(self, rank: Rank, event: Event, size: int) -> None:
        self._kept[rank] = event
        if event.record:
            self.records.put(rank, len(event.record) + 1)
        self.rows.put(rank, size)
        if self.records.full or self.rows.full:
            self._clear()

    def _clear(self) -> None:
        """Lets go of what does not fit."""
        for fell in self.records.cut():
            self._kept[fell] = self._kept[fell]._replace(record=b"")
        for fell in self.rows.cut():
            del self._kept[fell]
            self.records.drop(fell)

    @property
    def events(self) -> tuple[Event, ...]:
        """In the order of their time."""
        self._clear()
        return tuple(
            sorted(self._kept.values(), key=lambda event: (event.time or self.end, event.id))
        )

    def to_json(self) -> Json:
        self._clear()
        return {
            "nameless": self.nameless,
            "edges": [self.rows.edge, self.records.edge],
            "events": [
                [rank, self.rows.sizes[rank], [getattr(event, name) for name in PLAIN],
                 [time and time.timestamp() for time in (event.time, event.ingested)],
                 event.to_json()]
                for rank, event in self._kept.items()
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Json, end: datetime) -> Self:
        shelf = cls(end)
        for rank, size, plain, (time, ingested), record in value["events"]:
            known: dict[str, Any] = dict(zip(PLAIN, plain, strict=True))
            event = Event(
                **known, time=_moment(time), ingested=_moment(ingested), record=record.encode()
            )
            shelf._put(tuple(rank), event._replace(line=evidence.line(event)), size)
        shelf.nameless = value["nameless"]
        shelf.rows.edge, shelf.records.edge = (
            tuple(edge) if edge else None for edge in value["edges"]
        )
        return shelf


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _bounded(event: Event) -> Event:
    """The event without more of a text than a cell of the table shows."""
    return Event._make(value[: CELL + 1] if type(value) is str else value for value in event)
