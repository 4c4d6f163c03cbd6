"""What is counted: every step of every session, and how things stand."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.presses import item
from chalicelib.domain.ask import Ask
from chalicelib.domain.machine import Event, State
from chalicelib.domain.session import Session
from chalicelib.operations import metrics
from chalicelib.triggers.records import wake
from tests.support import stories

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


END = Ask(
    id="end-0123456789abcdef01234567",
    session_id=stories.active().id,
    asked_at=stories.NOON,
    slack_user="U0BOB",
)


def record(asked: Session | Ask) -> dict[str, Any]:
    """As DynamoDB tells of a new ask, as the route has written it."""
    row = item(asked)
    return {"eventName": "INSERT", "dynamodb": {"Keys": {"id": row["id"]}, "NewImage": row}}


def test_a_press_is_counted_where_its_ask_is_new() -> None:
    told = record(stories.requested())
    assert metrics.pressed(told) == stories.requested().id
    assert metrics.pressed(told | {"eventName": "REMOVE"}) == "", "it was decided"


@pytest.mark.parametrize(
    "row_id",
    [
        END.id,
        f"ask/{END.id}",
        f"asked/{END.id}",
        "ask/found-0123456789abcdef01234567",
        "ask/bg-1",
        stories.requested().id,
        f"lease/{stories.requested().id}",
    ],
)
def test_what_is_no_press_is_not_counted(row_id: str) -> None:
    told = {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": row_id}}}}
    assert metrics.pressed(told) == ""
    assert metrics.pressed(record(END)) == ""


def test_a_glass_that_nobody_configured_is_no_dimension() -> None:
    """Each value of a dimension is a metric that costs, and a press may name anything."""
    assert metrics.glass(record(stories.requested())) == "prod"
    assert metrics.glass(record(stories.requested(glass="made-up", account_id=""))) == ""


def test_a_grant_is_counted_with_the_time_that_it_took() -> None:
    counted = {"Grants": 1, "TimeToAccessSeconds": 2.0}
    assert metrics.happened(stories.active(), State.ACTIVE) == counted
    assert metrics.happened(stories.active(extended=1), State.ACTIVE) == {}


def test_a_refusal_is_counted() -> None:
    assert metrics.happened(stories.requested(), State.DENIED) == {"Refusals": 1}


def test_a_revoke_is_counted_with_its_lag() -> None:
    assert metrics.happened(stories.settling(), State.SETTLING) == {"RevocationLagSeconds": 3.0}


def test_a_report_is_counted_once() -> None:
    reporting = stories.settling().entered(Event.SETTLED, stories.NOON)
    tailing = reporting.entered(Event.REPORTED, stories.NOON, reported_at=stories.NOON)
    later = {"concluded_at": stories.NOON + MINUTE}
    final = tailing.entered(Event.TAIL_OVER, stories.NOON).entered(
        Event.CONCLUDED, stories.NOON, **later
    )
    only = reporting.entered(
        Event.CONCLUDED, stories.NOON, reported_at=stories.NOON, concluded_at=stories.NOON
    )
    assert metrics.happened(tailing, State.TAILING) == {"Reports": 1}
    assert metrics.happened(final, State.CLOSED) == {}
    assert metrics.happened(only, State.CLOSED) == {"Reports": 1}
    assert metrics.happened(reporting, State.REPORTING) == {}


def test_how_things_stand() -> None:
    now = stories.NOON + timedelta(hours=1, minutes=2, seconds=1)
    sessions = [stories.active(), stories.revoking(), stories.settling()]
    assert metrics.standing(sessions, now) == {
        "OpenSessions": 2,
        "OverdueSessions": 2,
        "LateReports": 0,
        "OverdueReviews": 0,
    }
    assert metrics.standing(sessions, now - 2 * MINUTE)["OverdueSessions"] == 0


def test_a_session_that_was_ended_early_is_overdue_from_then_on() -> None:
    early = stories.revoking(ended_at=stories.NOON + 5 * MINUTE)
    assert metrics.standing([early], stories.NOON + 8 * MINUTE)["OverdueSessions"] == 1


def test_a_report_is_late_after_ten_minutes() -> None:
    reporting = stories.settling().entered(Event.SETTLED, stories.NOON)
    assert reporting.report_at is not None
    assert metrics.standing([reporting], reporting.report_at + 9 * MINUTE)["LateReports"] == 0
    assert metrics.standing([reporting], reporting.report_at + 11 * MINUTE)["LateReports"] == 1


def test_what_is_reviewed_after_its_report_is_counted_once_as_a_report() -> None:
    noon = stories.NOON
    reporting = stories.settling().entered(Event.SETTLED, noon)
    only = {"reported_at": noon, "concluded_at": noon, "review_until": noon + HOUR}
    reviewing = reporting.entered(Event.REVIEW_OWED, noon, **only)
    assert metrics.happened(reviewing, State.REVIEWING) == {"Reports": 1}
    assert metrics.happened(reviewing.entered(Event.REVIEWED, noon), State.CLOSED) == {}
    second = reviewing.with_(concluded_at=noon + MINUTE)
    assert metrics.happened(second, State.REVIEWING) == {}


def test_a_review_is_overdue_when_its_time_is_up() -> None:
    due = stories.NOON + HOUR
    waits = stories.settling(state=State.REVIEWING, review_until=due)
    assert metrics.standing([waits], due)["OverdueReviews"] == 0
    late = metrics.standing([waits, waits], due + MINUTE)
    assert (late["OverdueReviews"], late["LateReports"], late["OverdueSessions"]) == (2, 0, 0)


def test_nobody_is_woken_by_a_session_that_leaves_the_log() -> None:
    image = {"Keys": {"id": {"S": stories.settling().id}}, "OldImage": {"kind": {"S": "session"}}}
    assert wake({"eventName": "REMOVE", "dynamodb": image}) is None
