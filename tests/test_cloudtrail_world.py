"""The search of the trail against the local AWS's log groups and Logs Insights."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import report
from chalicelib.adapters.cloudtrail import CloudTrail
from chalicelib.trail_events import moment
from simulator.world import World
from tests.trail.labelled import Case, cases
from tests.trail.records import GONE

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def logs() -> Iterator[Any]:
    with World.start(deploy=False) as world:
        yield world.aws("logs")


@pytest.mark.parametrize("case", cases()[:5], ids=lambda case: case.name)
def test_the_labelled_records_are_found_in_a_log_group(logs: Any, case: Case) -> None:
    group = f"trail-{case.name.replace(' ', '-').replace(',', '')}"
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
    trail = CloudTrail(logs, group)
    token = trail.ask(case.session, GONE + timedelta(hours=2))
    for _ in range(100):
        answer = trail.answer(token)
        if answer is not None and not answer.rest:
            break
        token = answer.rest if answer else token
        time.sleep(0.05)
    assert answer is not None
    made = report.build(case.session, answer.records)
    assert made.digest == report.build(case.session, records).digest
    assert made.count
    assert not answer.silent
    assert not answer.truncated


def _milliseconds(time_said: str) -> int:
    found = moment(time_said)
    assert found is not None
    return int(found.timestamp() * 1000)
