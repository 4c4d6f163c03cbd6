"""A session's events, counted as they come: whatever a report says of them, in bounded sums.

However many there are, this stays small: sums by kind, the worthiest, the events that a mail can
hold. It can be written down between two pieces of the work and be gone on with, and says the same
in whatever order events come. What was left out of it, it counts, and the report says so.
"""

from collections import Counter
from typing import Any, Self

from chalicelib.domain.session import Session
from chalicelib.judge.rules import Book
from chalicelib.judge.suffices import Used
from chalicelib.report.made import ByHand, Report, Totals, Unread
from chalicelib.report.novelty import Novelty
from chalicelib.report.pictures import Seconds
from chalicelib.report.shelf import Shelf
from chalicelib.report.tables import Span, Table
from chalicelib.report.whence import Whence
from chalicelib.report.worthiest import Worthiest
from chalicelib.trail.attribution import UNREAD, Sieve
from chalicelib.trail.event import Event, Json, Ownership, time_of
from chalicelib.words import gaps

REGIONS = 200
UNREAD_SIZE = 500_000  # signs of records that nobody can read, kept to be looked at
UNREAD_LONGEST = 20_000  # of one


class Gathered:
    """Takes events one by one; `report` is what they come to."""

    def __init__(self, session: Session, final: bool) -> None:
        self.session, self.final = session, final
        self.end = Ownership.of(session).end
        self.counts: Counter[str] = Counter()
        self.whence = Whence()
        self.regions: Counter[str] = Counter()
        self.portal, self.account = Table(), Table()
        self.worthiest = Worthiest()
        self.seconds = Seconds()
        self.novelty = Novelty(session, final)
        self.used = Used()
        self.shelf = Shelf(self.end)
        self.unread = Span()
        self.unread_kept: list[str] = []

    def take(self, event: Event, record: Json) -> None:
        """Counts an event in. To be called once for each."""
        if self.novelty.is_new(event, record):
            event = event._replace(new=True)
        when = ((event.time or self.end).timestamp(), event.id[:200])
        self._count(event)
        self.whence.add(event)
        (self.portal if event.place == "portal" else self.account).add(event)
        self.seconds.add(event)
        if event.place == "account" and not event.via and not event.refused:
            self.used.add(record)
        self._note(record)
        weight = self.worthiest.add(event, when)
        self.shelf.put(event, record, weight, when)

    def cannot_read(self, record: Json) -> None:
        """Counts a record that is cut or no JSON, and keeps its text where there is room."""
        self.counts["unread"] += 1
        if time := time_of(record):
            first, last = self.unread.first, self.unread.last
            self.unread.first, self.unread.last = min(time, first or time), max(time, last or time)
        message = str(record[UNREAD])[:UNREAD_LONGEST]
        if sum(map(len, self.unread_kept)) + len(message) <= UNREAD_SIZE:
            self.unread_kept.append(message)

    def _note(self, record: Json) -> None:
        """Counts what CloudTrail itself says that it cut, or delivered late."""
        asked, answer = record.get("requestParameters"), record.get("responseElements")
        if _omitted(asked) or _omitted(answer):
            self.counts["cut"] += 1
        addendum = record.get("addendum")
        if isinstance(addendum, dict) and addendum.get("reason") == "DELIVERY_DELAY":
            self.counts["late"] += 1

    def _count(self, event: Event) -> None:
        counts = self.counts
        counts["events"] += 1
        if event.new:
            counts["new"] += 1
        if event.time is None:
            counts["timeless"] += 1
        if event.place == "portal":
            counts["portal"] += 1
            return
        if event.error:
            counts["failed"] += 1
            counts["refused"] += event.refused
        elif event.change:
            counts["changes"] += 1
        if event.by_service:
            counts["by_service"] += 1
        if event.via:
            counts["hops"] += 1
        if event.region and (event.region in self.regions or len(self.regions) < REGIONS):
            self.regions[event.region] += 1

    def report(
        self,
        sieve: Sieve,
        *,
        truncated: bool = False,
        silent: bool = False,
        missing: tuple[str, ...] = (),
        by_hand: ByHand | None = None,
        narrow: bool = False,
    ) -> Report:
        """What it all comes to. `missing` are sentences on what could not be had."""
        silent = silent and not self.account.sums
        flags = (truncated and "cut", silent and "silent", missing and "missing")
        return Report(
            session=self.session,
            final=self.final,
            truncated=truncated,
            silent=silent,
            missing=(*missing, *self._left_out(sieve)),
            by_hand=by_hand,
            narrow=narrow,
            sifted=sieve.sifted,
            unread=Unread(self.counts["unread"], self.unread.first, self.unread.last,
                          tuple(self.unread_kept)),
            totals=self._totals(),
            events=self.shelf.events,
            worth=self.worthiest.lines(),
            origins=self.whence.origins(),
            used=self.used,
            rules_trouble=sieve.book.mistakes if sieve.book else "",
            portal=self.portal.lines(),
            account=self.account.lines(),
            picture=self.seconds.picture(self.session),
            digest=self.novelty.digest(str(flag) for flag in flags if flag),
            new_is_exact=self.novelty.exact,
        )  # fmt: skip

    def _totals(self) -> Totals:
        names = ("events", "portal", "new", "timeless", "changes", "refused", "failed",
                 "by_service", "hops", "cut", "late")  # fmt: skip
        return Totals(
            **{name: self.counts[name] for name in names},
            addresses=sum(bool(each.calls) for each in self.whence.known.values()),
            addresses_at_least=self.whence.more,
            regions=tuple(sorted(self.regions, key=lambda name: (-self.regions[name], name))),
        )

    def _left_out(self, sieve: Sieve) -> list[str]:
        """What there was too much of to be told apart."""
        said = []
        if sieve.facts.cut:
            said.append(gaps.NOT_FOLLOWED)
        if rest := self.portal.rest + self.account.rest:
            said.append(gaps.in_the_sums_alone(rest))
        if rest := self.worthiest.rest:
            said.append(gaps.not_in_the_list(rest))
        return said

    def to_json(self) -> Json:
        return {
            "counts": dict(self.counts),
            "whence": self.whence.to_json(),
            "regions": dict(self.regions),
            "portal": self.portal.to_json(),
            "account": self.account.to_json(),
            "worthiest": self.worthiest.to_json(),
            "seconds": self.seconds.to_json(),
            "novelty": self.novelty.to_json(),
            "used": self.used.to_json(),
            "shelf": self.shelf.to_json(),
            "unread": [self.unread.to_json(), self.unread_kept],
        }

    @classmethod
    def from_json(cls, value: Any, session: Session, final: bool) -> Self:
        gathered = cls(session, final)
        gathered.counts = Counter(value["counts"])
        gathered.whence = Whence.from_json(value["whence"])
        gathered.regions = Counter(value["regions"])
        gathered.portal = Table.from_json(value["portal"])
        gathered.account = Table.from_json(value["account"])
        gathered.worthiest = Worthiest.from_json(value["worthiest"])
        gathered.seconds = Seconds.from_json(value["seconds"])
        gathered.novelty = Novelty.from_json(value["novelty"], session, final)
        gathered.used = Used.from_json(value["used"])
        gathered.shelf = Shelf.from_json(value["shelf"], gathered.end)
        span, gathered.unread_kept = value["unread"]
        gathered.unread = Span.from_json(span)
        return gathered


def _omitted(part: Any) -> bool:
    return type(part) is dict and "omitted" in part and part["omitted"] is True


def gathering(
    session: Session, final: bool, most: int | None, book: Book | None = None
) -> tuple[Gathered, Sieve]:
    """What takes a session's events, and the sieve that tells it of them, judged by `book`."""
    gathered = Gathered(session, final)
    return gathered, Sieve(Ownership.of(session), gathered.take, gathered.cannot_read, most, book)
