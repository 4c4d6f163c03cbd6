"""The evidence that goes with a report: every event as JSON lines, and as a table.

What CloudTrail recorded is other people's text: here it is made fit for paper and for spreadsheets.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache

from chalicelib.domain.session import iso
from chalicelib.domain.text import cell
from chalicelib.trail.event import Event

LIMIT = 7_000_000  # bytes of one attachment; SES takes 40 MB of mail, in base64

COLUMNS = (
    "time", "new", "severity", "reason", "note", "place", "via", "by_service", "service", "event",
    "resource", "region", "account", "address", "client", "read_only", "change", "error", "refused",
    "event_id",
)  # fmt: skip


_word = lru_cache(maxsize=4096)(cell)  # what comes again and again
_time = lru_cache(maxsize=8192)(iso)


def json_lines(events: Iterable[Event], notes: Sequence[str] = ()) -> bytes:
    """The records as CloudTrail gave them, one a line.

    `notes` say what is not in it: each is a line of its own, before all others.
    """
    head = b"".join(json.dumps({"break-glass": note}).encode() + b"\n" for note in notes)
    return head + b"".join(map(_json_line, events))


def table(events: Iterable[Event], notes: Sequence[str] = ()) -> bytes:
    """The events as CSV with a heading; `notes` as in `json_lines`."""
    head = row(COLUMNS) + b"".join(row([cell(note)]) for note in notes)
    return head + b"".join(event.line or line(event) for event in events)


def _json_line(event: Event) -> bytes:
    return event.record + b"\n" if event.record else b""


def dispensable(event: Event) -> int:
    """How soon an event is left out where not all fit: the greater, the sooner."""
    return 0 if event.refused or event.change else 1 if event.place == "portal" else 2


def line(event: Event) -> bytes:
    """The event as a line of the table."""
    return row(cells(event))


def cells(event: Event) -> Iterable[str]:
    """The event as the columns of the table have it."""
    return (
        _time(event.time) if event.time else "",
        _yes(event.new),
        event.severity,
        _word(event.reason or plain_reason(event)),
        _word(event.note),
        event.place,
        _word(event.via),
        _word(event.by_service),
        _word(event.service),
        _word(event.name),
        cell(event.resource),
        _word(event.region),
        _word(event.account),
        _word(event.address),
        _word(event.agent),
        _yes(event.read_only),
        _yes(event.change),
        _word(event.error),
        _yes(event.refused),
        cell(event.id),
    )


def plain_reason(event: Event) -> str:
    """What is said of an event of which no rule says anything."""
    return "sign-in" if event.sign_in else "read" if event.read_only else "no change"


def row(cells: Iterable[str]) -> bytes:
    """One line of CSV, all in quotes: where lists have other signs between, each is one cell still.

    What comes from outside has to have passed `cell`.
    """
    line: str = _CSV.writerow(cells)  # what its `write` gives back
    return line.encode()


class _Line:
    """Gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


_CSV = csv.writer(_Line(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")


def _yes(fact: bool) -> str:
    return "yes" if fact else ""
