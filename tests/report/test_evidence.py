"""The table of a report's events: each column has what its heading says, and none is forgotten."""

import csv
import io
from datetime import UTC, datetime
from typing import Any, get_type_hints

from chalicelib.report import evidence
from chalicelib.trail.event import Event

CALLED = {"event": "name", "client": "agent", "event_id": "id"}  # the column → the event's field
COMPUTED = {"service", "change"}  # of `source`, of `read_only`
LEFT_OUT = {  # what the table does not say, each for a reason
    "ingested",  # when CloudTrail had it: for the search alone
    "source",  # said as `service`
    "weight",  # said as `severity`
    "elsewhere",  # said as `account`
    "record",  # it is in the file beside the table
    "line",  # is this very line
}


def event() -> Event:
    """One with another value in every field."""
    types = get_type_hints(Event)
    values: dict[str, Any] = {}
    for number, name in enumerate(Event._fields):
        kind = types[name]
        values[name] = (
            number % 2 == 0 if kind is bool else number if kind is int else
            b"" if kind is bytes else f"{name} {number}"
        )  # fmt: skip
    when = datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)
    return Event(**values | {"time": when, "ingested": when, "place": "account"})


def test_every_column_has_what_its_heading_says() -> None:
    one = event()
    (row,) = csv.DictReader(io.StringIO(evidence.table([one]).decode()))
    assert tuple(row) == evidence.COLUMNS
    for name, said in row.items():
        value = getattr(one, CALLED.get(name, name))
        if isinstance(value, bool):
            value = "yes" if value else ""
        assert said == (str(value) if name != "time" else "2026-11-22T15:04:05.000Z"), name


def test_every_fact_of_an_event_is_a_column_or_left_out_on_purpose() -> None:
    columns = {CALLED.get(name, name) for name in evidence.COLUMNS}
    assert len(columns) == len(evidence.COLUMNS), "twice"
    assert columns - COMPUTED == set(Event._fields) - LEFT_OUT
    assert set(Event._fields) >= LEFT_OUT


def test_no_line_is_longer_or_shorter_than_the_heading() -> None:
    assert len([*evidence.cells(event())]) == len(evidence.COLUMNS)
