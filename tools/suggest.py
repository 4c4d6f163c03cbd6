"""What would have sufficed for a glass: the actions that its sessions used, as a policy.

Reads the trail for each session of the glass, and prints the policy; what it cannot say goes to
stderr. Each session is a query of CloudWatch Logs Insights, which costs by what it scans. What the
log does not keep any more is not in it. Times are UTC: --since 2026-11-01, --since 90d.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from chalicelib.config.settings import Settings
from chalicelib.domain.errors import Lost, Unavailable
from chalicelib.domain.ports import Trail
from chalicelib.domain.session import from_iso
from chalicelib.judge.call import Json
from chalicelib.judge.suffices import Used
from chalicelib.report.search import ROWS, Search
from chalicelib.trail.attribution import Sieve
from chalicelib.trail.event import Event, Ownership
from tools import _project, _rows
from tools._project import Misused
from tools._rows import Row, Rows, Wanted

SUMMARY = "the least policy that would have sufficed for a glass's sessions"
PAGE = 1_000
PATIENCE = 300  # looks at a query, a second each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("glass", help="the glass's name")
    parser.add_argument("--since", type=_time, default="", metavar="TIME", help="90 days")
    parser.add_argument("--until", type=_time, default="", metavar="TIME")


def run(args: argparse.Namespace) -> int:
    stage = _project.stage_name(args.stage)
    known = _project.settings(stage)
    glass = known.glass(args.glass)
    if glass is None:
        raise Misused(f"there is no glass “{args.glass}”; there are {', '.join(known.glasses)}")
    since, until = args.since or _rows.moment("90d"), args.until or _rows.LAST
    _rows.in_order(since, until)
    wanted = Wanted(glass=args.glass, since=since, until=until)
    rows = [row for row in Rows(known.table).find(wanted, [glass.account_id]) if began(row)]
    if not rows:
        print("no session of that glass had access in that time", file=sys.stderr)
        return 1
    trail = _trail(known)
    used, silent, failed = Used(), [], []
    for row in rows:
        try:
            found = used_in(trail, row)
        except (Unavailable, Lost) as trouble:
            failed.append(f"{row['id']}: {trouble}")
            continue
        if not found.actions and not found.unknown:
            silent.append(str(row["id"]))
        used.together(found)
    print(used.policy(), end="")
    _say(args.glass, rows, used, silent, failed)
    return 1 if failed or not used.actions else 0


def _say(glass: str, rows: list[Row], used: Used, silent: list[str], failed: list[str]) -> None:
    number = "1 session" if len(rows) == 1 else f"{len(rows)} sessions"
    said = [f"{number} of {glass}: {used.line()}"]
    if silent:
        said.append(f"no call is in the trail (any more) of: {', '.join(silent)}")
    said += [f"NOT READ {each}" for each in failed]
    print("\n".join(said), file=sys.stderr)


def began(row: Row) -> bool:
    return bool(row.get("granted_at") or row.get("grant_asked_at"))


def used_in(trail: Trail, row: Row, sleep: Callable[[float], None] = time.sleep) -> Used:
    """What one session used, by its own identity: roles that it took on are another's to allow."""
    ownership, used = whose_of(row), Used()

    def tell(event: Event, record: Json) -> None:
        if event.place == "account" and not event.refused:
            used.add(record)

    sieve = Sieve(ownership, tell)
    for record in _records(trail, ownership, sleep):
        sieve.take(record)
    return used


def whose_of(row: Row) -> Ownership:
    """Whose records are the session's; as `Whose.of`, of a row as the table has it."""
    names = ("asked_at", "grant_asked_at", "granted_at", "gone_at", "deadline")
    at = {name: from_iso(row[name]) for name in names if row.get(name)}
    start = at.get("grant_asked_at") or at.get("granted_at") or at["asked_at"]
    gone = at.get("gone_at") or at.get("deadline") or start
    stands = row.get("standing") in ("yes", "left")
    return Ownership(
        account_id=str(row.get("account_id", "")),
        permission_set=str(row.get("permission_set", "")),
        user_name=str(row.get("user_name", "")),
        principal_id=str(row.get("principal_id", "")),
        start=start.replace(microsecond=0),
        end=max(start, gone + timedelta(seconds=float(row.get("tail") or 0))),
        issued_from=None if stands else start.replace(microsecond=0),
        issued_until=None if stands else at.get("gone_at"),
    )


def _records(trail: Trail, ownership: Ownership, sleep: Callable[[float], None]) -> Iterator[Any]:
    search = Search.of(ownership, ownership.end)
    query = trail.start(search.text(0), search.start, search.end, ROWS, [ownership.account_id])
    token, looks = "", 0
    while True:
        page = trail.page(query, PAGE, token)
        if page is None:
            looks += 1
            if looks > PATIENCE:
                trail.stop(query)
                raise Unavailable("the query did not end")
            sleep(1)
            continue
        yield from page.records
        token = page.token
        if not token:
            return


def _trail(known: Settings) -> Trail:
    return _project.trail(known)


def _time(text: str) -> str:
    if not text:
        return ""
    try:
        return _rows.moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 2026-11-22, 2026-11-22T15:04Z or 90d"
        ) from None
