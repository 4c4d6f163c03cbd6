"""What is counted: every step of every session, and how things stand."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import figures
from chalicelib.adapters.presses import item
from chalicelib.machine import Event
from chalicelib.records import wake
from chalicelib.session import Session
from tests import stories

MINUTE = timedelta(minutes=1)


def record(new: Session | None, old: Session | None = None) -> dict[str, Any]:
    """As DynamoDB tells it."""
    known = new or old
    assert known is not None
    images = {"NewImage": new, "OldImage": old}
    image = {name: item(session) for name, session in images.items() if session is not None}
    kind = "MODIFY" if new and old else "INSERT" if new else "REMOVE"
    return {"eventName": kind, "dynamodb": {"Keys": {"id": {"S": known.id}}, **image}}


def test_a_press_is_counted_once() -> None:
    told = record(stories.requested())
    assert figures.entered(told) == "REQUESTED"
    assert figures.happened(told) == {"Presses": 1}


def test_a_time_that_is_not_known_is_no_figure() -> None:
    told = record(stories.active(granted_at=None), stories.granting())
    assert figures.happened(told) == {"Grants": 1}


def test_what_was_found_without_a_session_is_nobodys_press() -> None:
    assert figures.happened(record(stories.granting(shape="found"))) == {}


def test_a_grant_is_counted_with_the_time_that_it_took() -> None:
    told = record(stories.active(), stories.granting())
    assert figures.entered(told) == "ACTIVE"
    assert figures.happened(told) == {"Grants": 1, "TimeToAccessSeconds": 2.0}


def test_a_refusal_is_counted() -> None:
    refused = stories.requested().entered(Event.REFUSED, stories.NOON)
    assert figures.happened(record(refused, stories.requested())) == {"Refusals": 1}


def test_a_press_that_is_refused_at_once_is_a_press_too() -> None:
    refused = stories.requested().entered(Event.REFUSED, stories.NOON)
    assert figures.happened(record(refused)) == {"Presses": 1, "Refusals": 1}


def test_a_revoke_is_counted_with_its_lag() -> None:
    told = record(stories.settling(), stories.revoking())
    assert figures.happened(told) == {"RevocationLagSeconds": 3.0}


def test_a_report_is_counted_once() -> None:
    reporting = stories.settling().entered(Event.SETTLED, stories.NOON)
    tailing = reporting.entered(Event.REPORTED, stories.NOON, reported_at=stories.NOON)
    concluding = tailing.entered(Event.TAIL_OVER, stories.NOON)
    closed = concluding.entered(Event.CONCLUDED, stories.NOON)
    assert figures.happened(record(tailing, reporting)) == {"Reports": 1}
    assert figures.happened(record(closed, concluding)) == {}


@pytest.mark.parametrize("told", [
    record(stories.active(tries=1), stories.active()),  # no step
    record(None, stories.active()),  # gone from the log
    {"eventName": "INSERT", "dynamodb": {"Keys": {}, "NewImage": {"kind": {"S": "lease"}}}},
])  # fmt: skip
def test_what_is_no_step_is_not_counted(told: dict[str, Any]) -> None:
    assert figures.entered(told) is None


def test_a_glass_that_nobody_configured_is_no_dimension() -> None:
    """Each value of a dimension is a metric that costs, and a press may name anything."""
    assert figures.glass(record(stories.requested())) == "prod"
    assert figures.glass(record(stories.requested(glass="made-up", account_id=""))) == ""


def test_how_things_stand() -> None:
    now = stories.NOON + timedelta(hours=1, minutes=2, seconds=1)
    sessions = [stories.active(), stories.revoking(), stories.settling()]
    assert figures.standing(sessions, now) == {
        "OpenSessions": 2,
        "OverdueSessions": 2,
        "LateReports": 0,
    }
    assert figures.standing(sessions, now - 2 * MINUTE)["OverdueSessions"] == 0


def test_a_session_that_was_ended_early_is_overdue_from_then_on() -> None:
    early = stories.revoking(ended_at=stories.NOON + 5 * MINUTE)
    assert figures.standing([early], stories.NOON + 8 * MINUTE)["OverdueSessions"] == 1


def test_a_report_is_late_after_ten_minutes() -> None:
    reporting = stories.settling().entered(Event.SETTLED, stories.NOON)
    assert reporting.report_at is not None
    assert figures.standing([reporting], reporting.report_at + 9 * MINUTE)["LateReports"] == 0
    assert figures.standing([reporting], reporting.report_at + 11 * MINUTE)["LateReports"] == 1


def test_nobody_is_woken_by_a_session_that_leaves_the_log() -> None:
    closed = stories.settling().entered(Event.SETTLED, stories.NOON)
    assert wake(record(None, closed)) is None
