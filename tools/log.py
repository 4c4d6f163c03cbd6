"""The access log: everything that was asked for, by whom, and what came of it, refusals too.

A break is one row, from the press to the closed report; so is each End now and each Extend. What is
not decided yet is “waiting”. Without a filter it lists the accounts of glasses.toml. Everything is
found by the table's indexes; a press for a glass or a session that does not exist belongs to no
account, so it is found by --person or by --scan, which reads the whole table. Times are UTC:
--since 2026-11-01, --since 36h.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind, Outcome
from chalicelib.domain.machine import ROWS, State
from chalicelib.domain.text import cell, clean
from chalicelib.report import evidence
from tools import _project, _rows, _typed
from tools._project import Misused, Problem
from tools._rows import WHAT, Row, Rows, Wanted
from tools._words import Painted, as_json, paint

SUMMARY = "the access log: by person, account, glass, state, time; one session's whole story"

COLUMNS = (
    "asked_at", "what", "email", "glass", "account_id", "permission_set", "state", "granted_at",
    "gone_at", "lag_gone", "why", "reason", "id", "session_id",
)  # fmt: skip
NOW = ("asked_at", "what", "email", "glass", "state", "until", "left", "account_id",
       "permission_set", "why", "id")  # fmt: skip
OWED = ("asked_at", "email", "glass", "state", "review_until", "left", "may_review", "account_id",
        "why", "id")  # fmt: skip
COLOURS = {  # by state or outcome: what is open, what is under way, what was refused
    **{state: row.colour for state, row in ROWS.items() if row.colour},
    _rows.WAITING: ROWS[State.REQUESTED].colour,
    Outcome.REFUSED: ROWS[State.DENIED].colour,
}
EXPORTED = (
    *COLUMNS[:-2], "slack_user", "slack_channel", "slack_message", "name", "principal_id",
    "account_name", "chosen", "deadline", "ended_at", "ended_how", "ended_by", "reported_at",
    "approve_until", "approved_at", "approved_by", "declined_by", "bypassed_at", "acknowledged_by",
    "concluded_at", "report_events", "let_in_by", "outcome", "decided_at", "decided_look",
    "deadline_before", "deadline_after", "state_then", "may_review", "review_until", "reviewed_at",
    "reviewed_by", "reviewed_as", "review_note", "session_id", "id",
)  # fmt: skip
LATE = "OVERDUE"
HEADINGS = {
    "why": "reason given",
    "review_until": "review due",
    "may_review": "by",
    "session_id": "on session",
    "lag_gone": "lag (s)",
}
LONGEST, PHRASE = 300, 40  # signs of a cell (an e-mail has 254), and kept together on a line
SHOWN = 100
FIRST = ("state", "left", "asked_at", "what", "until", "email", "glass")  # as far as there is room
NO_BREAK, CANDIDATES = "\N{NO-BREAK SPACE}", 5
PREFIX = re.compile(rf"({'|'.join(Kind)})-[0-9a-f]{{0,23}}")
ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("session", nargs="?", help="a session's id, or how it begins: its story")
    parser.add_argument("--person", type=_typed.person, help="e-mail, or Slack user id")
    parser.add_argument("--account", default="", help="the account's 12 digits")
    parser.add_argument("--glass", default="", help="the glass's name")
    parser.add_argument("--state", type=_typed.state, help="as CLOSED or DENIED")
    parser.add_argument("--since", type=_typed.time, metavar="TIME", help="asked for then or later")
    parser.add_argument(
        "--until", type=_typed.time, metavar="TIME", help="… and not later than this"
    )
    parser.add_argument("--open", action="store_true", help="only whose access may be open now")
    parser.add_argument("--unreviewed", action="store_true", help="only what nobody has reviewed")
    parser.add_argument("--scan", action="store_true", help="reads the whole table")
    parser.add_argument(
        "--limit", type=_typed.count, help=f"so many rows, 0: all ({SHOWN}; files: all)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line, whole rows")
    form.add_argument("--csv", action="store_true", help="for a spreadsheet")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    if args.account and not ACCOUNT.fullmatch(args.account):
        there = ", ".join(_accounts(stage, Wanted()))
        raise Misused(f"--account {args.account} has not 12 digits; glasses.toml names {there}")
    rows = Rows(_project.table(stage))
    if args.session:
        return _story(rows, _whole_id(rows, args.session, stage), args.json)
    wanted = Wanted(
        person=args.person or "",
        account=args.account,
        glass=args.glass,
        state=args.state or "",
        since=args.since or _rows.FIRST,
        until=args.until or _rows.LAST,
        unreviewed=args.unreviewed,
    )
    _rows.in_order(wanted.since, wanted.until)
    found: Iterable[Row]
    if args.open:
        found = [row for row in rows.open_now() if wanted.fits(row)]
    elif args.scan:
        found = rows.scan(wanted)
    else:
        found = rows.find(wanted, _places(stage, wanted), _account_of(stage))
    limit = args.limit if args.limit is not None else 0 if args.json or args.csv else SHOWN
    shown = list(itertools.islice(found, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    _print(shown[:limit] if limit else shown, args)
    if more:
        print("… and more: --limit 0 shows all, --since and --until narrow it", file=sys.stderr)
    return 0


def _whole_id(rows: Rows, typed: str, stage: str) -> str:
    """The id that begins as typed; itself where it is a whole one."""
    typed = typed.lower()
    if ask.ID.fullmatch(typed) or not PREFIX.fullmatch(typed):
        return typed
    found = rows.beginning(typed, _accounts(stage, Wanted()))
    if len(found) > 1:
        several = ", ".join(found[:CANDIDATES]) + (", …" if len(found) > CANDIDATES else "")
        raise Misused(f"“{typed}” begins {len(found)} ids: {several}")
    if not found:
        raise Problem(f"there is no session {typed}…")
    return found[0]


def _places(stage: str, wanted: Wanted) -> list[str]:
    """The accounts whose index pages have to be read for what is asked for."""
    if wanted.account:
        return [wanted.account]
    if wanted.person and not wanted.by_slack_user:
        return []
    return _accounts(stage, wanted)


def _account_of(stage: str) -> Callable[[str], str]:
    """Where a glass is: who presses says its name, and no more."""

    def account_of(name: str) -> str:
        glass = _project.settings(stage).glass(name) if name else None
        return glass.account_id if glass else ""

    return account_of


def _accounts(stage: str, wanted: Wanted) -> list[str]:
    """The accounts whose index pages can hold what is asked for."""
    known = _project.settings(stage)
    if not wanted.glass:
        return sorted({glass.account_id for glass in known.glasses.values()})
    glass = known.glass(wanted.glass)
    if glass is None:
        there = ", ".join(sorted(known.glasses))
        raise Misused(
            f"glasses.toml has no “{wanted.glass}” (any more), but {there}: "
            "for one that it had, add --account, or --scan"
        )
    return [glass.account_id]


def _print(rows: list[Row], args: argparse.Namespace) -> None:
    if args.json:
        for row in rows:
            print(as_json(row))
    elif args.csv:
        _line_of(EXPORTED)
        for row in rows:
            _line_of([_cell(row.get(name, "")) for name in EXPORTED])
    elif rows:
        _table(rows, NOW if args.open else OWED if args.unreviewed else COLUMNS)
    else:
        print("nothing fits")


def _line_of(cells: Iterable[str]) -> None:
    print(evidence.row(cells).decode().removesuffix("\r\n"))


def _cell(value: Any) -> str:
    """As in the evidence of a report: what comes from outside is computed by no spreadsheet."""
    return cell(" ".join(map(str, value)) if isinstance(value, list) else str(value))


def _table(rows: list[Row], columns: tuple[str, ...] = COLUMNS) -> None:
    lines = [[HEADINGS.get(name, name.replace("_", " ")) for name in columns]]
    lines += [[_short(row, name) for name in columns] for row in rows]
    used = [n for n in range(len(columns)) if any(line[n] for line in lines[1:])]
    widths = {n: max(len(line[n]) for line in lines) for n in used}
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    first = _fitting(columns, widths, room) if room else used
    heads, *shown = lines
    print("  ".join(heads[n].ljust(widths[n]) for n in first).rstrip())
    others = [columns[n] for n in used if n not in first]
    for line, row in zip(shown, rows, strict=True):
        cells = [line[n].ljust(widths[n]) for n in first]
        coloured = room and not os.environ.get("NO_COLOR")
        if coloured:
            cells = [_coloured(cell, columns[n]) for cell, n in zip(cells, first, strict=True)]
        sys.stdout.write((Painted if coloured else str)("  ".join(cells).rstrip() + "\n"))
        for each in _rest(row, others, room):
            print(f"  {each}")


def _fitting(columns: tuple[str, ...], widths: dict[int, int], room: int) -> list[int]:
    """The columns that a line has room for: all of them, or the most telling."""
    if sum(widths.values()) + 2 * (len(widths) - 1) <= room:
        return list(widths)
    taken, left = [], room
    for n in (columns.index(name) for name in FIRST if name in columns):
        if widths.get(n, room + 1) <= left:
            taken.append(n)
            left -= widths[n] + 2
    return sorted(taken)


def _rest(row: Row, names: list[str], room: int) -> list[str]:
    """What of a row has no room in its first line, each with its name, in lines of their own."""
    told = [(HEADINGS.get(name, name.replace("_", " ")), _short(row, name)) for name in names]
    said = [f"{head} {text}" for head, text in told if text]
    said = [each if len(each) > PHRASE else each.replace(" ", NO_BREAK) for each in said]
    kept = textwrap.wrap(" · ".join(said), max(room - 2, PHRASE), break_on_hyphens=False)
    return [each.replace(NO_BREAK, " ") for each in kept]


def _coloured(text: str, column: str) -> str:
    """A state in its colour; what is late in red."""
    colour = COLOURS.get(text.strip(), "") if column == "state" else ""
    colour = "31" if column == "left" and text.startswith(LATE) else colour
    return paint(text, colour)


def _left(row: Row, now: datetime) -> str:
    """Until the deadline, or since access was to end; of what is to be reviewed, until it is."""
    if row.get("review_until") and not row.get("reviewed_at"):
        left = datetime.fromisoformat(row["review_until"]) - now
        return f"{LATE} {_span(-left)}" if left < timedelta(0) else _span(left)
    if not row.get("deadline"):
        return ""
    left = datetime.fromisoformat(row["deadline"]) - now
    if left > timedelta(0) and row.get("state") != State.REVOKING:
        return _span(left)
    return f"{LATE} {_span(now - datetime.fromisoformat(_rows.over(row)))}"


def _span(time: timedelta) -> str:
    """`1:02:03`, or `2:03` below an hour."""
    minutes, seconds = divmod(max(0, int(time.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _short(row: Row, name: str) -> str:
    match name:
        case "until":
            return _rows.over(row)[11:19]
        case "left":
            return _left(row, datetime.now(UTC))
        case "email":
            who = row.get("email") or row.get("person") or row.get("slack_user", "")
            return clean(str(who), LONGEST)
        case "state":
            return clean(str(row.get("state") or row.get("outcome", "")), LONGEST)
        case "id":
            return str(row["id"]).rpartition("/")[2]
    text = str(row.get(name, ""))
    if name in ("asked_at", "review_until", "granted_at", "gone_at"):
        text = text[11:19] if name in ("granted_at", "gone_at") else text[:19].replace("T", " ")
    return clean(text, LONGEST)


# One session -------------------------------------------------------------------------------------

STORY = (
    ("who", ("name", "email", "user_name", "principal_id", "slack_user")),
    ("reason", ("why",)),
    ("let in by", ("let_in_by",)),
    ("what", ("glass", "account_name", "account_id", "permission_set", "permission_set_arn")),
    ("chosen", ("chosen",)),
    ("asked from", ("slack_team", "slack_channel", "slack_message", "shape")),
    ("state", ("state", "outcome", "reason", "last_error", "tries")),
)
RECEIPT = (
    ("asked_at", "pressed"),
    ("allowed_at", "allowed"),
    ("denied_at", "denied"),
    ("grant_asked_at", "grant asked"),
    ("granted_at", "granted"),
    ("deadline", "deadline"),
    ("ended_at", "ended"),
    ("revoke_first_asked_at", "delete asked"),
    ("gone_at", "read back as gone"),
    ("reported_at", "reported"),
    ("concluded_at", "concluded"),
    ("review_until", "review due"),
    ("reviewed_at", "reviewed"),
)


def _story(rows: Rows, asked: str, is_json: bool) -> int:
    """The session's, whether its own id was typed or that of an ask to end or extend it."""
    session_id = asked
    if (about := rows.one(f"{ask.DECIDED}{asked}") or rows.one(f"{ask.OPEN}{asked}")) is not None:
        session_id = str(about.get("session_id") or asked)
    row = rows.one(session_id) or rows.one(f"{ask.OPEN}{session_id}")
    if row is None or row["what"] not in (WHAT[Kind.BREAK], WHAT[Kind.FOUND]):
        raise Problem(f"there is no session {session_id}")
    leased = rows.leased(session_id)
    asks = rows.of_session(session_id, row)
    if is_json:
        print(as_json(row | {"leased": leased, "asks": asks}))
        return 0
    print(f"session {session_id}")
    for title, names in STORY:
        said = [_printable(row[name]) for name in names if row.get(name)]
        said = said or ["no reason given"] if title == "reason" else said
        if said:
            print(f"  {title:12} {' · '.join(said)}")
    print(f"  {'lease':12} {'stands' if leased else 'none'}")
    print("\nsteps")
    for step in row.get("steps", []):
        print(f"  {_printable(step)}")
    if asks:
        print("\nasked of it")
        for each in asks:
            first, *others = _told(each)
            print(f"  {first}")
            for line in others:
                print(f"    {line}")
    print("\nreceipt")
    for name, title in RECEIPT:
        if row.get(name):
            print(f"  {title:18} {row[name]}{_how(name, row)}")
    if row.get("lag_gone") is not None:
        print(f"  {'lag':18} {row['lag_gone']} s from the end of access to its being gone")
    if row.get("gone_at") and row.get("tail"):
        until = datetime.fromisoformat(row["gone_at"]) + timedelta(seconds=row["tail"])
        print(f"  {'credentials until':18} {until:%Y-%m-%dT%H:%M:%SZ} at the latest")
    if row.get("summary"):
        print("\nreport")
        for line in row["summary"]:
            print(f"  {_printable(line)}")
    return 0


def _told(row: Row) -> list[str]:
    """One ask: when, what, by whom, from where; then what came of it, and when, and why."""
    person, slack_user = row.get("person", ""), row.get("slack_user", "")
    who = f"{person} ({slack_user})" if person not in ("", slack_user) else slack_user
    where = f" in {row['slack_channel']}" if row.get("slack_channel") else ""
    came = str(row["outcome"])
    if row.get("decided_at"):
        came += f" at {row['decided_at']} ({row.get('decided_look')})"
    deadline = [f"deadline {row['deadline_before']}"] if row.get("deadline_before") else []
    if row.get("deadline_after"):
        deadline = [f"deadline {row.get('deadline_before')} → {row['deadline_after']}"]
    said = [f"{row['asked_at']} {row['what']} by {who}{where}", came, *deadline]
    return [_printable(each) for each in (*said, row.get("why", ""), row.get("reason", "")) if each]


def _how(name: str, row: Row) -> str:
    """What belongs to a time: how it ended and by whom, whose look found or did it."""
    said = {
        "ended_at": ("ended_how", "ended_by", "ended_look"),
        "revoke_first_asked_at": ("revoke_look",),
        "gone_at": ("gone_look",),
        "reviewed_at": ("reviewed_as", "reviewed_by", "review_note"),
    }.get(name, ())
    facts = [_printable(row[each]) for each in said if row.get(each)]
    return f"  ({', '.join(facts)})" if facts else ""


def _printable(value: Any) -> str:
    """A name from outside must not move the cursor of whoever reads it."""
    return clean(str(value), 1_000)
