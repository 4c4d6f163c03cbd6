"""The access log: every press, granted, refused or failed, and what became of it.

Without a filter it lists the accounts of glasses.toml. Everything is found by the table's indexes;
a press for a glass that does not exist belongs to no account, so it is found by --person or by
--scan, which reads the whole table. Times are UTC: --since 2026-11-01, --since 36h.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tools import _project, _rows
from tools._project import Problem
from tools._rows import Row, Rows, Wanted

SUMMARY = "the access log: by person, account, glass, state, time; one session's whole story"

COLUMNS = (
    "asked_at", "email", "glass", "account_id", "permission_set", "state", "granted_at",
    "gone_at", "lag_gone", "reason", "id",
)  # fmt: skip
EXPORTED = (
    *COLUMNS[:-1], "slack_user", "slack_channel", "slack_message", "name", "principal_id",
    "account_name", "deadline", "ended_at", "ended_how", "ended_by", "reported_at",
    "concluded_at", "report_events", "id",
)  # fmt: skip
WIDEST = 40
SHOWN = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("session", nargs="?", help="a session's id: its whole story")
    parser.add_argument("--person", default="", help="e-mail, or Slack user id")
    parser.add_argument("--account", default="", help="the account's 12 digits")
    parser.add_argument("--glass", default="", help="the glass's name")
    parser.add_argument("--state", default="", type=str.upper, help="as CLOSED or DENIED")
    parser.add_argument("--since", type=_time, metavar="TIME")
    parser.add_argument("--until", type=_time, metavar="TIME")
    parser.add_argument("--open", action="store_true", help="only whose access may be open now")
    parser.add_argument("--scan", action="store_true", help="reads the whole table")
    parser.add_argument("--limit", type=int, help=f"so many rows, 0: all ({SHOWN}; files: all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line, whole rows")
    form.add_argument("--csv", action="store_true", help="for a spreadsheet")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    rows = Rows(_project.environment(stage).get("BREAK_GLASS_TABLE") or "break-glass")
    if args.session:
        return _story(rows, args.session, args.json)
    wanted = Wanted(
        person=args.person.lower() if "@" in args.person else args.person,
        account=args.account,
        glass=args.glass,
        state=args.state,
        since=args.since or _rows.FIRST,
        until=args.until or _rows.LAST,
    )
    found: Iterable[Row]
    if args.open:
        found = [row for row in rows.open_now() if wanted.fits(row)]
    elif args.scan:
        found = rows.scan(wanted)
    else:
        found = rows.find(wanted, () if args.person or args.account else _accounts(stage, wanted))
    limit = args.limit if args.limit is not None else 0 if args.json or args.csv else SHOWN
    shown = list(itertools.islice(found, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    _print(shown[:limit] if limit else shown, args)
    if more:
        print("… and more: --limit 0 shows all, --since and --until narrow it", file=sys.stderr)
    return 0


def _accounts(stage: str, wanted: Wanted) -> list[str]:
    """The accounts whose index pages can hold what is asked for."""
    known = _project.settings(stage)
    if not wanted.glass:
        return sorted({glass.account_id for glass in known.glasses.values()})
    glass = known.glass(wanted.glass)
    if glass is None:
        raise Problem(f"glasses.toml has no “{wanted.glass}” (any more): add --account, or --scan")
    return [glass.account_id]


def _print(rows: list[Row], args: argparse.Namespace) -> None:
    if args.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=str))
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(EXPORTED)
        writer.writerows([_cell(row.get(name, "")) for name in EXPORTED] for row in rows)
    elif rows:
        _table(rows)
    else:
        print("no session fits")


def _cell(value: Any) -> str:
    """A spreadsheet takes what begins so for a formula; names come from outside."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _table(rows: list[Row]) -> None:
    lines = [[name.replace("_", " ") for name in COLUMNS]]
    lines += [[_short(row, name) for name in COLUMNS] for row in rows]
    used = [n for n in range(len(COLUMNS)) if any(line[n] for line in lines[1:])]
    widths = {n: max(len(line[n]) for line in lines) for n in used}
    for line in lines:
        print("  ".join(line[n].ljust(widths[n]) for n in used).rstrip())


def _short(row: Row, name: str) -> str:
    if name == "email":
        return str(row.get("email") or row.get("person", ""))
    text = str(row.get(name, ""))
    if name in ("asked_at", "granted_at", "gone_at"):
        text = text[:19].replace("T", " ") if name == "asked_at" else text[11:19]
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= WIDEST else f"{printable[: WIDEST - 1]}…"


# One session -------------------------------------------------------------------------------------

STORY = (
    ("who", ("name", "email", "user_name", "principal_id", "slack_user")),
    ("what", ("glass", "account_name", "account_id", "permission_set", "permission_set_arn")),
    ("asked from", ("slack_team", "slack_channel", "slack_message", "shape")),
    ("state", ("state", "reason", "last_error", "tries")),
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
)


def _story(rows: Rows, session_id: str, as_json: bool) -> int:
    row = rows.one(session_id)
    if row is None or row.get("kind") != "session":
        raise Problem(f"there is no session {session_id}")
    leased = rows.one(f"lease/{session_id}") is not None
    if as_json:
        print(json.dumps(row | {"leased": leased}, ensure_ascii=False, default=str))
        return 0
    print(f"session {session_id}")
    for title, names in STORY:
        said = [_printable(row[name]) for name in names if row.get(name)]
        if said:
            print(f"  {title:12} {' · '.join(said)}")
    print(f"  {'lease':12} {'stands' if leased else 'none'}")
    print("\nsteps")
    for step in row.get("steps", []):
        print(f"  {_printable(step)}")
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


def _how(name: str, row: Row) -> str:
    """What belongs to a time: how it ended and by whom, whose look found or did it."""
    said = {
        "ended_at": ("ended_how", "ended_by", "ended_look"),
        "revoke_first_asked_at": ("revoke_look",),
        "gone_at": ("gone_look",),
    }.get(name, ())
    facts = [_printable(row[each]) for each in said if row.get(each)]
    return f"  ({', '.join(facts)})" if facts else ""


def _printable(value: Any) -> str:
    """A name from outside must not move the cursor of whoever reads it."""
    return "".join(c if c.isprintable() else " " for c in str(value))


def _time(text: str) -> str:
    try:
        return _rows.moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 2026-11-22, 2026-11-22T15:04Z or 36h"
        ) from None
