"""What the functions logged lately, side by side and in order; each line names its session.

This is what the program said. What people did is the access log: python -m tools log.
"""

from __future__ import annotations

import argparse
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.text import clean
from tools import _project
from tools._project import Misused
from tools._words import as_json

SUMMARY = "what the functions logged lately, in order: by session, level, function"

HEAD = ("level", "message", "session")
LEVELS = ("INFO", "WARNING", "ERROR")
YEAR = 366 * 24 * 60  # minutes
LONGEST = 10_000  # signs of a line
OF_LAMBDA = ("START ", "END ", "REPORT ", "INIT_START ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser, stack=True)
    parser.add_argument("--minutes", type=_minutes, default=15, help="how far back (15)")
    parser.add_argument("--session", default="", help="only this session's lines")
    parser.add_argument("--level", choices=LEVELS, default="INFO", help="this level and above")
    parser.add_argument("--function", default="", help="as sweep; all functions unless set")
    parser.add_argument("--json", action="store_true", help="the lines as they were logged")


def run(args: argparse.Namespace) -> int:
    if args.session and not ask.ID.fullmatch(args.session):
        raise Misused(f"“{args.session}” is no session's id: write it as the log has it, bg-…")
    deployed = _project.deployed(_project.stage_name(args.stage), args.stack)
    logs = _project.client("logs")
    since = datetime.now(UTC) - timedelta(minutes=args.minutes)
    lines: list[tuple[int, str, str]] = []
    functions = {n: f for n, f in deployed.functions.items() if args.function in ("", n)}
    if not functions:
        there = ", ".join(deployed.functions)
        raise Misused(f"there is no function “{args.function}”; there are {there}")
    for name, function in functions.items():
        lines += [(at, name, text) for at, text in _events(logs, function, since, args.session)]
    shown = 0
    for at, name, text in sorted(lines, key=lambda line: line[0]):
        said = _line(text, args)
        if said:
            print(said if args.json else f"{_clock(at)} {name:12} {said}")
            shown += 1
    if not shown and not args.json:
        print(f"no line in the last {args.minutes:g} minutes")
    return 0


def _events(logs: Any, function: str, since: datetime, session: str) -> list[tuple[int, str]]:
    wanted = {
        "logGroupName": f"/aws/lambda/{function}",
        "startTime": int(since.timestamp() * 1000),
    }
    if session:
        wanted["filterPattern"] = f'"{session}"'
    found: list[tuple[int, str]] = []
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**wanted):
            for event in page["events"]:
                found += [(event["timestamp"], line) for line in event["message"].splitlines()]
    except logs.exceptions.ResourceNotFoundException:
        return []  # it has not run yet
    return [(at, line) for at, line in found if session in line]


def _line(text: str, args: argparse.Namespace) -> str:
    try:
        line = json.loads(text[text.index("{") :])
    except ValueError:
        return "" if text.startswith(OF_LAMBDA) or args.json else clean(text.strip(), LONGEST)
    level = str(line.get("level", "INFO"))
    if level in LEVELS and LEVELS.index(level) < LEVELS.index(args.level):
        return ""
    if args.json:
        return as_json(line)
    rest = {k: v for k, v in line.items() if k not in HEAD and k != "_aws"}
    facts = " ".join(f"{k}={v}" for k, v in rest.items())
    said = f"{level:7} {line.get('message', '')} {line.get('session', '')} {facts}"
    return clean(said.rstrip(), LONGEST)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if 0 < minutes <= YEAR:
        return minutes
    raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes, up to {YEAR} (a year)")


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
