"""The search of the trail against the local AWS's log groups and Logs Insights."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ports import Reported
from chalicelib.report import reading
from chalicelib.report.novelty import same
from chalicelib.trail.event import moment
from simulator.world import World
from tests.support import reported as report
from tests.trail.labelled import Case, cases
from tests.trail.logs import Reader
from tests.trail.records import GONE

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def logs() -> Iterator[Any]:
    with World.start(deploy=False) as world:
        yield world.aws("logs")


@pytest.mark.parametrize("case", cases()[:5], ids=lambda case: case.name)
@pytest.mark.parametrize(("again", "page"), [(2_000, 1_000), (0, 5)], ids=["whole", "in pieces"])
def test_the_labelled_records_are_found_in_a_log_group(
    logs: Any, case: Case, again: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"trail-{page}-{case.name.replace(' ', '-').replace(',', '')}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="trail")
    records = [each.record for each in case.records]
    logs.put_log_events(
        logGroupName=group,
        logStreamName="trail",
        logEvents=[
            {"timestamp": _milliseconds(record["eventTime"]), "message": json.dumps(record)}
            for record in sorted(records, key=lambda record: _milliseconds(record["eventTime"]))
        ],
    )
    monkeypatch.setattr(reading, "AGAIN", again)
    monkeypatch.setattr(reading, "PAGE", page)
    until, pages = GONE + timedelta(hours=2), 1_000 if again else 2
    reader = Reader(logs, case.session, now=until, pages=pages, group=group)
    for _ in range(300):
        found = reader.piece()
        if isinstance(found, Reported):
            break
        reader.write(found)
        time.sleep(0.05)
    assert isinstance(found, Reported)
    made = report.build(case.session, records)
    assert same(found.digest, made.digest)
    assert found.events == made.count > 0
    assert not (again and reader.kept.written)


def _milliseconds(time_said: str) -> int:
    found = moment(time_said)
    assert found is not None
    return int(found.timestamp() * 1000)
