"""The evidence that goes with a report: every event as JSON lines, and as a table.

What CloudTrail recorded is other people's text: here it is made fit for paper and for spreadsheets.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from chalicelib.session import iso
from chalicelib.trail_events import Event

LIMIT = 7_000_000  # bytes of one attachment; SES takes 40 MB of mail, in base64
CELL = 2_000

COLUMNS = (
    "time", "new", "place", "via", "by_service", "service", "event", "resource", "region",
    "account", "address", "client", "read_only", "change", "error", "refused", "event_id",
)  # fmt: skip

# A cell that begins with one of these is a formula to a spreadsheet; the wide ones are, too.
FORMULA = "=+-@|%＝＋－＠"


def plain(text: str, limit: int = 200) -> str:
    """The text without what steers terminals, mail and the eye: control and bidirectional signs."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


@lru_cache(maxsize=4096)
def _shown(sign: str) -> str:
    return "\ufffd" if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign


def cell(text: str) -> str:
    """The text as a spreadsheet shows it and never computes it."""
    said = plain(text, CELL)
    return "'" + said if said.lstrip()[:1] in tuple(FORMULA) or text[:1] in ("\t", "\r") else said


def json_lines(events: Sequence[Event], limit: int = LIMIT) -> tuple[bytes, int]:
    """The records as CloudTrail gave them, one a line, and how many of them fit."""
    return _fitting(events, _json_line, limit)


def table(events: Sequence[Event], limit: int = LIMIT) -> tuple[bytes, int]:
    """The events as CSV with a heading, and how many of them fit."""
    head = _row(COLUMNS)
    body, kept = _fitting(events, lambda event: _row(_cells(event)), limit - len(head))
    return head + body, kept


def _fitting(
    events: Sequence[Event], line: Callable[[Event], bytes], limit: int
) -> tuple[bytes, int]:
    """As many lines as fit, in their order; refusals and changes are kept before mere reads."""
    lines: dict[int, bytes] = {}
    size = 0
    for index in sorted(range(len(events)), key=lambda i: _dispensable(events[i])):
        said = line(events[index])
        if not said:
            continue
        if size + len(said) > limit:
            if size > limit * 0.99:
                break
            continue  # one huge record should not keep the others out
        lines[index] = said
        size += len(said)
    return b"".join(lines[index] for index in sorted(lines)), len(lines)


def _json_line(event: Event) -> bytes:
    return event.to_json().encode() + b"\n" if event.record else b""


def _dispensable(event: Event) -> int:
    return 0 if event.refused or event.change else 1 if event.place == "portal" else 2


def _cells(event: Event) -> Iterable[str]:
    return (
        iso(event.time) if event.time else "",
        _yes(event.new),
        event.place,
        cell(event.via),
        cell(event.by_service),
        cell(event.service),
        cell(event.name),
        cell(event.resource),
        cell(event.region),
        cell(event.account),
        cell(event.address),
        cell(event.agent),
        _yes(event.read_only),
        _yes(event.change),
        cell(event.error),
        _yes(event.refused),
        cell(event.id),
    )


def _row(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().encode()


def _yes(fact: bool) -> str:
    return "yes" if fact else ""
