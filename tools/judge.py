"""Judges CloudTrail records from files as a report would, and prints the lines, the heaviest first.

A file is what CloudTrail writes to S3 ({"Records": [...]}), a list of records, one record, or one
a line; .gz is unpacked, of a folder all files are read. No AWS is called, and nothing is sent. The
rules are those that ship and, where there is a glasses.toml, its own ([[rule]]); --rules FILE has
more to try, in the same form. docs/judging.md says how a rule reads.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.domain.text import clean as plain
from chalicelib.judge import rules
from chalicelib.judge.clients import strange
from chalicelib.judge.judgement import NAMES_NOTHING
from chalicelib.judge.rules import BadRule, Book
from chalicelib.report import evidence
from chalicelib.report.notable import STRANGE_CLIENT, Worth
from chalicelib.report.worthiest import Worthiest
from chalicelib.trail.event import Event, event_of, time_of
from tools import _project
from tools._project import Problem

SUMMARY = "judges CloudTrail records from files by the report's rules; tries rules of your own"


@dataclass
class Read:
    """What could be read of the files, and what could not."""

    records: int = 0
    unreadable: list[str] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file or folder")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="more rules, as TOML")
    parser.add_argument("--account", default="", help="whose account is home: its 12 digits")
    parser.add_argument("--least", default="low", choices=rules.SEVERITIES[:0:-1],
                        help="of a line (low); --each and --csv show all")  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--each", action="store_true", help="a line for each record, in their order")
    form.add_argument("--csv", action="store_true", help="the table that goes with a report")


def run(args: argparse.Namespace) -> int:
    book, read = _book(args.rules, args.stage), Read()
    events = (
        event_of(record, time_of(record), "account", "", args.account, book)
        for record in records(args.files, read)
    )
    if args.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(evidence.COLUMNS)
        writer.writerows(map(evidence.cells, events))
    elif args.each:
        for event in events:
            print(_of_event(event))
    else:
        _print_lines(events, rules.SEVERITIES[rules.SEVERITIES.index(args.least) :])
    said = f"{read.records:,} records read"
    print(said if not read.unreadable else f"{said}; NOT READ:", file=sys.stderr)
    for trouble in read.unreadable:
        print(f"  {trouble}", file=sys.stderr)
    return 1 if read.unreadable or not read.records else 0


def _book(extra: Path | None, asked: str | None) -> Book:
    own: list[Any] = []
    stage = _project.stage_name(asked)
    if _project.glasses(stage).exists():
        own += _project.settings(stage).rules
    try:
        if extra is not None:
            own += tomllib.loads(extra.read_text()).get("rule", [])
        return rules.book(own)
    except (BadRule, OSError, ValueError) as error:
        raise Problem(f"the rules cannot be used: {error}") from None


# What the files hold -----------------------------------------------------------------------------


def records(files: Iterable[Path], read: Read) -> Iterator[dict[str, Any]]:
    """Every record of the files. What cannot be read is noted, with its place."""
    for path in _each(files):
        try:
            content = path.read_bytes()
            content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            text = content.decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            read.unreadable.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            continue
        for place, value in _values(text):
            if not isinstance(value, dict):
                read.unreadable.append(f"{path}{place}: no record")
                continue
            read.records += 1
            yield value


def _each(files: Iterable[Path]) -> Iterator[Path]:
    for path in files:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.is_file())
        else:
            yield path


def _values(text: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(text)
        return
    if isinstance(whole, dict) and isinstance(whole.get("Records"), list):
        whole = whole["Records"]
    for number, value in enumerate(whole if isinstance(whole, list) else [whole], 1):
        yield f", record {number}", value


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield f", line {number}", json.loads(line)
            except (ValueError, RecursionError):
                yield f", line {number}", None


# Lines -------------------------------------------------------------------------------------------


def _print_lines(events: Iterable[Event], shown: Iterable[str]) -> None:
    worthiest = Worthiest()
    for event in events:
        worthiest.add(event, (event.time.timestamp() if event.time else 0, event.id))
    shown = set(shown)
    for worth in sorted(worthiest.lines(), key=lambda each: -each.weight):
        if worth.severity in shown:
            print(_of_worth(worth))


def _of_worth(worth: Worth) -> str:
    times = f" ×{worth.count}" if worth.count > 1 else ""
    on = ", ".join(plain(each) for each in worth.resources)
    if worth.more_resources:
        on += f" and {worth.more_resources} more"
    said = [on or (NAMES_NOTHING if worth.unnamed else ""), worth.note, worth.error]
    said += _by_whom(worth.account, worth.by_service)
    head = f"{worth.severity:8}  {worth.why}: {plain(worth.what)}{times}"
    return _joined(head, said)


def _by_whom(account: str, by_service: str) -> list[str]:
    there = f"in account {account}" if account else ""
    return [there, f"by {by_service} in their name" if by_service else ""]


def _joined(head: str, said: Iterable[str]) -> str:
    return " | ".join([head, *(plain(each) for each in said if each)])


def _of_event(event: Event) -> str:
    time = f"{event.time:%Y-%m-%d %H:%M:%S}" if event.time else "no time"
    reason = event.reason or evidence.plain_reason(event)
    said = [event.resource or (NAMES_NOTHING if event.weight else ""), event.note, event.error]
    said += _by_whom(event.account if event.elsewhere else "", event.by_service)
    said += [f"{STRANGE_CLIENT} {word}" for word in strange(event.agent)]
    head = f"{time}  {event.severity:8}  {reason}: {plain(event.service)}:{plain(event.name)}"
    return _joined(head, said)
