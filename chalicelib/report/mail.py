"""A report as a mail: subject, text, HTML, and the evidence that goes along."""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.text import clean as plain
from chalicelib.report import evidence, wording
from chalicelib.report.facts import facts
from chalicelib.report.made import Bar, Line, Report
from chalicelib.trail.event import Ownership
from chalicelib.words import links
from chalicelib.words.rendering import rendered

WORTH_SHOWN = 20
ORIGINS_SHOWN = 10
LINES_SHOWN = 50
LEVELS = {"critical": 3, "high": 3, "medium": 2}
HEIGHT = 64  # pixels of the tallest bar

Attached = tuple[tuple[str, str, bytes], ...]


def to_mail(report: Report) -> tuple[str, str, str, Attached]:
    """Subject, text, HTML, and attachments as (name, type, content)."""
    attachments = _attachments(report)
    view = _view(report, bool(attachments))
    return view["subject"], *rendered("report", view), attachments


def _attachments(report: Report) -> Attached:
    """Events as JSON lines and as CSV, both saying what they do not hold; and what is no record."""
    session_id = report.session.id
    stem = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in session_id)
    attached: list[tuple[str, str, bytes]] = []
    if report.events:
        said = [*report.missing, *wording.cut_notes(report)]
        attached += [
            (f"{stem}-events.jsonl", "application/x-ndjson",
             evidence.json_lines(report.events, said)),
            (f"{stem}-events.csv", "text/csv", evidence.table(report.events, said)),
        ]  # fmt: skip
    if policy := report.used.policy():
        attached.append((f"{stem}-policy.json", "application/json", policy.encode()))
    if report.unread.kept:
        raw = "\n".join(report.unread.kept) + "\n"
        attached.append((f"{stem}-unread.txt", "text/plain", raw.encode("utf-8", "replace")))
    return tuple(attached)


def _view(report: Report, attached: bool) -> dict[str, Any]:
    """What the two templates are filled with: plain, short text, and numbers."""
    session = report.session
    title = "Final report" if report.final else "Report"
    who, where = wording.person(session), wording.account(session)
    worth = [
        {
            "why": line.why,
            "what": plain(line.what, 100),
            "count": line.count,
            "detail": wording.worth_detail(line, report),
            "severity": line.severity,
            "level": LEVELS.get(line.severity, 1),
            "new": line.new,
        }
        for line in report.worth[:WORTH_SHOWN]
    ]
    calls, events = "No call was seen.", "No event was seen."
    return {
        "subject": plain(wording.subject(report), 180),
        "title": title,
        "session_id": plain(session.id),
        "person": plain(who),
        "account": plain(where),
        "line": wording.line_of_facts(report),
        "summary": wording.sentence(report),
        "links": [*links.thread(session), *_event_history(report)],
        "origins": [
            (plain(origin.address, 60), wording.origin_words(origin, report))
            for origin in report.origins[:ORIGINS_SHOWN]
        ],
        "more_origins": max(0, len(report.origins) - ORIGINS_SHOWN),
        "new": report.totals.new,
        "final": report.final,
        "facts": facts(report),
        "worth": worth,
        "more_worth": max(0, len(report.worth) - WORTH_SHOWN),
        "tables": [
            _table_view("In the account", report.account, report, calls),
            _table_view("In the access portal", report.portal, report, events),
        ],
        "picture": _picture_view(report),
        "loud": wording.loud(report),
        "cautions": wording.cautions(report),
        "by_hand": _by_hand(report),
        "attached": attached,
        "count": report.count,
    }


def _event_history(report: Report) -> list[links.Link]:
    """Of the session's time, where it was busiest."""
    ownership = Ownership.of(report.session)
    return links.event_history(report.totals.regions, ownership.start, ownership.end)


def _by_hand(report: Report) -> dict[str, str] | None:
    asked = report.by_hand
    if asked is None:
        return None
    kind = "in" if asked.log_group.startswith("s3://") else "in CloudWatch Logs Insights on"
    return {
        "where": plain(f"{kind} {asked.log_group}", 600),
        "start": wording.clock(asked.start),
        "end": wording.clock(asked.end),
        "query": plain(asked.query, 10_000),
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
                "detail": wording.line_detail(line, report),
                "errors": wording.line_errors(line),
                "new": line.new,
            }
            for line in lines[:LINES_SHOWN]
        ],
        "more": max(0, len(lines) - LINES_SHOWN),
        "more_count": sum(line.count for line in lines[LINES_SHOWN:]),
    }


def _picture_view(report: Report) -> dict[str, Any] | None:
    picture = report.picture
    if picture is None:
        return None
    tallest = max(bar.total for bar in picture.bars)
    step = wording.duration(picture.step)
    scale = HEIGHT / max(tallest, 1)
    end = picture.start + picture.step * len(picture.bars)

    def pixels(count: int) -> int:
        return max(2, round(count * scale)) if count else 0

    return {
        "height": HEIGHT + 8,
        "step": step if step[0].isdigit() else f"a {step}",
        "tallest": tallest,
        "start": wording.clock(picture.start, report),
        "end": wording.clock(end, report),
        "after": any(bar.total for bar in picture.bars[(picture.revoked or 0) + 1 :]),
        "granted": wording.clock(report.session.granted_at, report),
        "revoked": wording.clock(report.session.gone_at, report),
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
