"""What somebody did with the access they broke glass for, told so that people can act on it.

`build` makes the report from a session and CloudTrail's records; `to_mail` puts it into words, and
`told` is what is said of it in Slack. The same session and records always make the same words, so
a report that is sent twice reads the same twice.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib import evidence
from chalicelib.evidence import plain
from chalicelib.notable import Worth, worth_a_look
from chalicelib.session import Session
from chalicelib.trail_events import Event, Sifted, Whose, sift

TEMPLATES = Path(__file__).parent / "templates"
WORTH_SHOWN = 20
LINES_SHOWN = 50
CODED = 400  # events at most that a digest has codes of
CODE = 6  # signs of one
BARS = 72  # at most: what a phone's width can tell apart
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the two tables: one kind of call."""

    service: str
    name: str
    count: int
    first: datetime | None
    last: datetime | None
    errors: int
    error_names: tuple[str, ...]
    regions: tuple[str, ...]
    via: str
    by_service: int
    changes: int
    new: int


@dataclass(frozen=True, slots=True)
class Bar:
    """What was done in one slice of the session's time."""

    reads: int = 0
    changes: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.reads + self.changes + self.refused


@dataclass(frozen=True, slots=True)
class Picture:
    """The session over time: bars of `step`, and which of them access came and went in."""

    start: datetime
    step: timedelta
    bars: tuple[Bar, ...]
    granted: int | None
    revoked: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report says, before it is put into words."""

    session: Session
    final: bool  # the one after the credentials' end, which says what is new
    truncated: bool
    silent: bool
    sifted: Sifted
    events: tuple[Event, ...]
    worth: tuple[Worth, ...]
    portal: tuple[Line, ...]
    account: tuple[Line, ...]
    picture: Picture | None
    digest: str
    new_is_exact: bool  # False: what is marked as new was told by its time alone

    @property
    def count(self) -> int:
        return len(self.events)

    @property
    def adds_something(self) -> bool:
        """Whether there is anything to tell that the session's first report did not."""
        return not self.final or self.digest != self.session.report_digest

    @property
    def calls(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.place == "account")

    @property
    def summary(self) -> str:
        return _sentence(self)

    @property
    def worthiest(self) -> tuple[str, ...]:
        """The three lines that a reader should see first, as plain text."""
        return tuple(_worth_words(worth, self) for worth in self.worth[:3])

    @property
    def told(self) -> tuple[str, ...]:
        """What is said in Slack, as plain text: the sentence, what may be wrong, the worthiest."""
        return (self.summary, *_loud_cautions(self), *self.worthiest)


def build(
    session: Session,
    records: Iterable[Any],
    *,
    final: bool = False,
    truncated: bool = False,
    silent: bool = False,
) -> Report:
    """The report of `session` from the trail's coarsely filtered `records`, in any order.

    What an earlier report had is told by `session.report_events`, `report_digest` and
    `reported_at`. No record makes this raise; every one of them is counted somewhere.
    """
    sifted = sift(Whose.of(session), records)
    events, exact = sifted.events, True
    if final and session.report_digest:
        events, exact = _marked(events, session)
    silent = silent and not any(event.place == "account" for event in events)
    return Report(
        session=session,
        final=final,
        truncated=truncated,
        silent=silent,
        sifted=replace(sifted, events=()),
        events=events,
        worth=worth_a_look(events),
        portal=_lines(event for event in events if event.place == "portal"),
        account=_lines(event for event in events if event.place == "account"),
        picture=_picture(session, events),
        digest=_digest(events, truncated, silent),
        new_is_exact=exact,
    )


def to_mail(report: Report) -> tuple[str, str, str, tuple[tuple[str, str, bytes], ...]]:
    """Subject, text, HTML, and attachments as (name, type, content)."""
    attachments, notes = _attachments(report)
    view = _view(report, notes)
    return view["subject"], _render("report.txt", view), _render("report.html", view), attachments


# What is new -------------------------------------------------------------------------------------


def _digest(events: Sequence[Event], truncated: bool = False, silent: bool = False) -> str:
    """The same for the same events, whatever their order; and whether they are all there are.

    Of few events each has its own code in it, by which the next report knows it again.
    """
    flags = ("-cut" if truncated else "") + ("-silent" if silent else "")
    codes = "".join(sorted(map(_code, events))) if len(events) <= CODED else ""
    return f"{_fingerprint(events)}{flags}:{codes}"


def _fingerprint(events: Iterable[Event]) -> str:
    names = sorted(event.id or hashlib.sha256(event.record).hexdigest() for event in events)
    return hashlib.sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()[:32]


def _code(event: Event) -> str:
    return _fingerprint([event])[:CODE]


def _marked(events: tuple[Event, ...], session: Session) -> tuple[tuple[Event, ...], bool]:
    """The events with `new` on those that the first report had not, and whether that is certain.

    Of the first report the session keeps the number and the digest of its events, and when it was
    made. Which they were is told by their codes, or else by when the trail took them in; that the
    fingerprint of those is the same proves it.
    """
    head, _, codes = session.report_digest.partition(":")
    known = head.partition("-")[0]
    seen = {codes[at : at + CODE] for at in range(0, len(codes), CODE)}
    coded = {i for i, event in enumerate(events) if _code(event) in seen} if seen else set()
    arrived = sorted(
        range(len(events)),
        key=lambda i: (events[i].ingested or events[i].time or session.asked_at, events[i].id),
    )
    since = session.reported_at or session.asked_at
    by_time = {i for i in arrived if (events[i].ingested or events[i].time or since) <= since}
    for old in (coded, set(arrived[: session.report_events]), by_time):
        if _fingerprint(events[i] for i in old) == known:
            return tuple(replace(e, new=i not in old) for i, e in enumerate(events)), True
    old = coded or by_time
    return tuple(replace(e, new=i not in old) for i, e in enumerate(events)), False


# Tables and picture ------------------------------------------------------------------------------


def _lines(events: Iterable[Event]) -> tuple[Line, ...]:
    groups: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        groups.setdefault((event.source, event.name, event.via), []).append(event)
    lines = [_line(group) for group in groups.values()]
    return tuple(sorted(lines, key=lambda line: (-line.count, line.service, line.name, line.via)))


def _line(group: list[Event]) -> Line:
    times = [event.time for event in group if event.time]
    errors = [event.error for event in group if event.failed]
    return Line(
        service=group[0].service,
        name=group[0].name,
        count=len(group),
        first=min(times, default=None),
        last=max(times, default=None),
        errors=len(errors),
        error_names=tuple(sorted(set(errors))),
        regions=tuple(sorted({event.region for event in group if event.region})),
        via=group[0].via,
        by_service=sum(bool(event.by_service) for event in group),
        changes=sum(event.change for event in group),
        new=sum(event.new for event in group),
    )


def _picture(session: Session, events: Sequence[Event]) -> Picture | None:
    """Bars of a minute where the session is about an hour long, coarser or finer where not."""
    times = [event.time for event in events if event.time]
    start = session.granted_at or session.grant_asked_at
    if start is None or not times:
        return None
    start = min(start, *times).replace(microsecond=0)
    gone = session.gone_at or session.deadline or start
    seconds = (max(gone, *times) - start).total_seconds() + 1
    step = timedelta(seconds=next((s for s in STEPS if seconds / s <= BARS), seconds / BARS))
    counts = [[0, 0, 0] for _ in range(min(BARS, int(seconds / step.total_seconds()) + 1))]
    for event in events:
        if event.time:
            kind = 2 if event.refused else 1 if event.change else 0
            counts[min(int((event.time - start) / step), len(counts) - 1)][kind] += 1

    def bar_of(moment: datetime | None) -> int | None:
        return max(0, min(int((moment - start) / step), len(counts) - 1)) if moment else None

    return Picture(
        start=start,
        step=step,
        bars=tuple(Bar(*count) for count in counts),
        granted=bar_of(session.granted_at),
        revoked=bar_of(session.gone_at),
    )


# Words -------------------------------------------------------------------------------------------


def _sentence(report: Report) -> str:
    calls = report.calls
    portal = report.count - len(calls)
    aside = f" ({_number(portal, 'event')} in the access portal)" if portal else ""
    if not calls and report.session.granted_at is None:
        return f"Access never came{aside}."
    if not calls and (report.silent or report.truncated):
        return f"No call in the account was found, but the trail may not show all{aside}."
    if not calls:
        return f"Access was not used: no call was made in the account{aside}."
    changes = sum(event.change for event in calls)
    refused = sum(event.refused for event in calls)
    failed = sum(event.failed for event in calls) - refused
    addresses = {event.address for event in calls if event.address and not event.by_service}
    parts = [_number(len(calls), "call"), _number(changes, "change"), f"{refused} refused"]
    if failed:
        parts.append(f"{failed} failed")
    if by_service := sum(bool(event.by_service) for event in calls):
        parts.append(f"{by_service} by services on their behalf")
    if hops := sum(bool(event.via) for event in calls):
        parts.append(f"{hops} through roles or keys that were taken on")
    if addresses:
        parts.append(f"from {_number(len(addresses), 'address', 'addresses')}")
    regions = Counter(event.region for event in calls if event.region)
    if busiest := sorted(regions, key=lambda region: (-regions[region], region)):
        parts.append("in " + _listed([plain(region, 30) for region in busiest], 4))
    return ", ".join(parts) + "."


def _loud_cautions(report: Report) -> list[str]:
    """What may make the report untrue: said first."""
    said = []
    if report.silent:
        said.append(
            "We saw no events from anyone in this account in that time: is the trail delivering?"
        )
    if report.truncated:
        said.append("There were more events than the search gives; some may be missing here.")
    return said


def _cautions(report: Report, notes: Sequence[str]) -> list[str]:
    session, sifted = report.session, report.sifted
    said = list(notes)
    if session.stands:
        said.append(
            "This person had the same access before the session, and keeps it: "
            "Break Glass neither gave it nor took it away."
        )
    if session.granted_at is None and report.calls:
        said.append("Access was not seen to come, and yet there are calls: it may have half-come.")
    if sifted.unjudged:
        said.append(
            f"{_number(sifted.unjudged, 'record')} of the trail could not be judged: "
            "too little stands in them to say whose they are."
        )
    if timeless := sum(event.time is None for event in report.events):
        said.append(f"{_number(timeless, 'event')} came without a time.")
    if not report.new_is_exact:
        said.append(
            "What is marked as new is not certain: "
            "not all events of the first report were found again."
        )
    came = session.granted_at is not None or bool(report.calls)
    if came and (until := session.credentials_until) and session.tail:
        if not report.final:
            said.append(
                f"Credentials handed out during the session may live until {_clock(until)}. "
                "A final report follows only if more comes to light."
            )
        else:
            said.append(f"Credentials of the session lived until {_clock(until)} at the latest.")
    if any(line.via for line in report.account):
        said.append(
            "Roles and access keys that were taken on live on by their own rules, and what is "
            "done with them after the credentials' end is not in this report."
        )
    said.append(
        "CloudTrail delivers within minutes as a rule, without a promise. Reading and writing data "
        "(S3 objects, table items, messages) is recorded only where the trail is set to."
    )
    return said


def _facts(report: Report) -> list[tuple[str, str]]:
    session = report.session
    lived = session.tail and session.granted_at
    slack = " ".join(filter(None, (session.slack_user_name, f"({session.slack_user})")))
    facts = [
        ("Who", ", ".join(filter(None, (session.name, session.email)))),
        ("Slack", slack if session.slack_user else ""),
        ("Signs in as", session.user_name),
        ("Account", _account(session)),
        ("Permission set", session.permission_set),
        ("Glass", session.glass),
        ("Reason", session.reason),
        ("Asked", _clock(session.asked_at)),
        ("Granted", _clock(session.granted_at) or "never"),
        ("Deadline", _clock(session.deadline)),
        ("Ended", _ended(session)),
        ("Revoked", _revoked(session)),
        ("Credentials until", _clock(session.credentials_until) if lived else ""),
        ("Session", session.id),
    ]
    return [(label, plain(value)) for label, value in facts if value]


def _ended(session: Session) -> str:
    if session.ended_at is None:
        return ""
    how = session.ended_how or "ended"
    by = f" by {session.ended_by}" if session.ended_by else ""
    return f"{_clock(session.ended_at)}, {how}{by}"


def _revoked(session: Session) -> str:
    if session.stands:
        return "no: the access stood before the session"
    if session.gone_at is None:
        return ""
    lag = "" if session.lag_gone is None else f", {session.lag_gone:.1f} s after its end"
    return f"{_clock(session.gone_at)}{lag}"


def _person(session: Session) -> str:
    return session.name or session.email or session.user_name or session.slack_user


def _account(session: Session) -> str:
    name, number = session.account_name, session.account_id
    return f"{name} ({number})" if name and number else name or number


def _worth_words(worth: Worth, report: Report) -> str:
    """One line of *worth a look* as plain text."""
    times = f" ×{worth.count}" if worth.count > 1 else ""
    about = f", {_worth_detail(worth, report)}" if _worth_detail(worth, report) else ""
    return f"{worth.why}: {plain(worth.what, 100)}{times}{about}"


def _worth_detail(worth: Worth, report: Report) -> str:
    parts = [_span(worth.first, worth.last, report)]
    if worth.resources:
        more = f" and {worth.more_resources} more" if worth.more_resources else ""
        parts.append(", ".join(plain(resource, 120) for resource in worth.resources) + more)
    if worth.error:
        parts.append(plain(worth.error, 80))
    if worth.via:
        parts.append(f"via {plain(worth.via, 160)}")
    if worth.by_service:
        parts.append(f"by {plain(worth.by_service, 60)}")
    return ", ".join(filter(None, parts))


def _line_detail(line: Line, report: Report) -> str:
    parts = [_span(line.first, line.last, report)]
    if line.regions:
        parts.append(_listed([plain(region, 30) for region in line.regions], 4))
    if line.via:
        parts.append(f"via {plain(line.via, 160)}")
    if line.by_service:
        parts.append(f"{line.by_service} by services")
    return ", ".join(filter(None, parts))


def _line_errors(line: Line) -> str:
    if not line.errors:
        return ""
    names = _listed([plain(name, 60) for name in line.error_names], 3)
    return f"{_number(line.errors, 'error')}: {names}"


def _attachments(report: Report) -> tuple[tuple[tuple[str, str, bytes], ...], list[str]]:
    """Every event as JSON lines and as CSV, and what to say where not all of them fit."""
    if not report.events:
        return (), []
    stem = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in report.session.id)
    lines, kept_lines = evidence.json_lines(report.events)
    rows, kept_rows = evidence.table(report.events)
    notes = [
        f"The attached {kind} holds {kept:,} of {report.count:,} events, refusals and changes "
        "first: a mail takes no more."
        for kind, kept in (("records", kept_lines), ("table", kept_rows))
        if kept < report.count
    ]
    return (
        (f"{stem}-events.jsonl", "application/x-ndjson", lines),
        (f"{stem}-events.csv", "text/csv", rows),
    ), notes


# Templates ---------------------------------------------------------------------------------------


def _view(report: Report, notes: Sequence[str]) -> dict[str, Any]:
    """What the two templates are filled with: plain, short text, and numbers."""
    session = report.session
    new = sum(event.new for event in report.events)
    title = "Final report" if report.final else "Report"
    subject = f"[Break Glass] {title} {session.id}: {_person(session)} on {_account(session)}"
    worth = [
        {
            "why": line.why,
            "what": plain(line.what, 100),
            "count": line.count,
            "detail": _worth_detail(line, report),
            "level": 3 if line.weight >= 80 else 2 if line.weight >= 55 else 1,
            "new": line.new,
        }
        for line in report.worth[:WORTH_SHOWN]
    ]
    return {
        "subject": plain(subject, 180),
        "title": title,
        "session_id": plain(session.id),
        "person": plain(_person(session)),
        "account": plain(_account(session)),
        "summary": report.summary,
        "new": new,
        "final": report.final,
        "facts": _facts(report),
        "worth": worth,
        "more_worth": max(0, len(report.worth) - WORTH_SHOWN),
        "tables": [
            _table_view("In the account", report.account, report, "No call was seen."),
            _table_view("In the access portal", report.portal, report, "No event was seen."),
        ],
        "picture": _picture_view(report),
        "loud": _loud_cautions(report),
        "cautions": _cautions(report, notes),
        "attached": bool(report.events),
        "count": report.count,
    }


def _table_view(title: str, lines: Sequence[Line], report: Report, empty: str) -> dict[str, Any]:
    return {
        "title": title,
        "empty": empty,
        "count": sum(line.count for line in lines),
        "rows": [
            {
                "service": plain(line.service, 60),
                "name": plain(line.name, 80),
                "count": line.count,
                "changes": line.changes,
                "detail": _line_detail(line, report),
                "errors": _line_errors(line),
                "new": line.new,
            }
            for line in lines[:LINES_SHOWN]
        ],
        "more": max(0, len(lines) - LINES_SHOWN),
        "more_count": sum(line.count for line in lines[LINES_SHOWN:]),
    }


HEIGHT = 64  # pixels of the tallest bar


def _picture_view(report: Report) -> dict[str, Any] | None:
    picture = report.picture
    if picture is None:
        return None
    tallest = max(bar.total for bar in picture.bars)
    scale = HEIGHT / max(tallest, 1)
    end = picture.start + picture.step * len(picture.bars)

    def pixels(count: int) -> int:
        return max(2, round(count * scale)) if count else 0

    return {
        "height": HEIGHT + 8,
        "step": _duration(picture.step),
        "tallest": tallest,
        "start": _clock(picture.start, report),
        "end": _clock(end, report),
        "after": any(bar.total for bar in picture.bars[(picture.revoked or 0) + 1 :]),
        "granted": _clock(report.session.granted_at, report),
        "revoked": _clock(report.session.gone_at, report),
        "bars": [
            {
                "reads": pixels(bar.reads),
                "changes": pixels(bar.changes),
                "refused": pixels(bar.refused),
                "granted": index == picture.granted,
                "revoked": index == picture.revoked,
                "after": picture.revoked is not None and index > picture.revoked,
            }
            for index, bar in enumerate(picture.bars)
        ],
        "line": "".join(_block(bar.total, tallest) for bar in picture.bars),
        "marks": "".join(_mark(bar) for bar in picture.bars),
        "borders": "".join(
            "R" if index == picture.revoked else "G" if index == picture.granted else " "
            for index in range(len(picture.bars))
        ).rstrip(),
    }


def _block(count: int, tallest: int) -> str:
    return "▁▂▃▄▅▆▇█"[min(7, count * 8 // max(tallest, 1))] if count else "·"


def _mark(bar: Bar) -> str:
    return "x" if bar.refused else "*" if bar.changes else " "


def _render(template: str, view: dict[str, Any]) -> str:
    return str(_environment().get_template(template).render(view))


@cache
def _environment() -> Any:
    # Imported here because no other look at a session needs it, and a cold start has to be short.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


# Small words -------------------------------------------------------------------------------------


def _clock(moment: datetime | None, report: Report | None = None) -> str:
    """`2026-11-22 15:04:05 UTC`, or `15:04:05` within a report whose session lies in one day."""
    if moment is None:
        return ""
    if report is not None and moment.date() == report.session.asked_at.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}" + ("" if report else " UTC")


def _span(first: datetime | None, last: datetime | None, report: Report) -> str:
    if first is None or last is None:
        return "at an unknown time"
    if first == last:
        return _clock(first, report)
    return f"{_clock(first, report)}–{_clock(last, report)}"


def _duration(step: timedelta) -> str:
    seconds = round(step.total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return word if seconds == size else f"{seconds // size} {word}s"
    return "second" if seconds == 1 else f"{seconds} seconds"


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _listed(words: Sequence[str], most: int) -> str:
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
