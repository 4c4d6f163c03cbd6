"""What a session asks for, and when it is looked at next."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.machine import FINAL, Duty, Event, State
from chalicelib.domain.schedule import (
    ALARM_AFTER,
    WAKE_UP_LOST_AFTER,
    escalates_at,
    next_look,
    scheduled,
    what_is_due,
)
from chalicelib.domain.session import CallMark, Prior, Session, from_iso, iso
from tests.support.states import in_every_state
from tests.support.stories import HOUR, NOON, active, granting, requested, revoking, settling

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("session", "leased", "after", "asked"),
    [
        (requested(), False, SECOND, Duty.DECIDE),
        (requested(), False, timedelta(minutes=5), Event.WAITED_TOO_LONG),
        (granting(), True, SECOND, Duty.GRANT),
        (granting(), False, SECOND, Event.LEASE_GONE),
        (granting(), True, HOUR, Event.EXPIRED),
        (granting(busy_until=NOON + 9 * SECOND), True, 8 * SECOND, None),
        (granting(busy_until=NOON + 9 * SECOND), True, 9 * SECOND, Duty.GRANT),
        (granting(busy_until=NOON + 2 * HOUR), True, HOUR, Event.EXPIRED),
        (granting(busy_until=NOON + 9 * SECOND), False, SECOND, Event.LEASE_GONE),
        (granting(retry_at=NOON + 9 * SECOND), True, 8 * SECOND, None),
        (active(), True, SECOND, None),
        (active(), True, HOUR - SECOND, None),
        (active(), True, HOUR, Event.EXPIRED),
        (active(), False, SECOND, Event.LEASE_GONE),
        (revoking(), False, HOUR, Duty.REVOKE),
        (revoking(busy_until=NOON + 2 * HOUR), False, HOUR, None),
        (settling(), False, HOUR, None),
        (settling(), False, 2 * HOUR, Event.SETTLED),
    ],
)
def test_the_rows_alone_say_what_to_do(
    session: Session, leased: bool, after: timedelta, asked: Event | Duty | None
) -> None:
    assert what_is_due(session, leased, NOON + after) is asked


def test_the_sweep_looks_where_a_wake_up_has_not_come() -> None:
    extended = active(deadline=NOON + 2 * HOUR, wake_at=NOON + HOUR)  # that message will do
    arranged, send = scheduled(extended, NOON)
    assert (arranged.look_at, send) == (NOON + HOUR + WAKE_UP_LOST_AFTER, False)
    late, send = scheduled(arranged, NOON + HOUR + WAKE_UP_LOST_AFTER)
    assert (late.wake_at, send) == (NOON + 2 * HOUR, True)


def test_the_sweep_looks_at_the_deadline_whatever_became_of_the_wake_up() -> None:
    arranged, _ = scheduled(active(), NOON + HOUR - 2 * SECOND)
    assert arranged.look_at == arranged.wake_at == NOON + HOUR


def test_only_one_wake_up_is_under_way() -> None:
    arranged, _ = scheduled(active(), NOON)
    again, send = scheduled(arranged, NOON + SECOND)
    assert not send
    assert again == arranged


def test_a_wake_up_that_has_come_is_followed_by_the_next() -> None:
    arranged, _ = scheduled(active(deadline=NOON + 2 * HOUR, wake_at=NOON + HOUR), NOON)
    again, send = scheduled(arranged, NOON + HOUR)
    assert (again.wake_at, send) == (NOON + 2 * HOUR, True)


def test_once_access_is_over_a_long_wait_takes_no_look_and_no_message() -> None:
    later = settling(report_at=NOON + 2 * WAKE_UP_LOST_AFTER, wake_at=NOON)
    arranged, send = scheduled(later, NOON)
    assert (arranged.look_at, arranged.wake_at, send) == (
        NOON + 2 * WAKE_UP_LOST_AFTER,
        None,
        False,
    )
    soon, send = scheduled(settling(report_at=NOON + WAKE_UP_LOST_AFTER), NOON)
    assert (soon.look_at, soon.wake_at, send) == (
        NOON + WAKE_UP_LOST_AFTER,
        NOON + WAKE_UP_LOST_AFTER,
        True,
    )


def test_an_earlier_deadline_takes_an_earlier_wake_up() -> None:
    arranged, _ = scheduled(active(), NOON)
    sooner = arranged.with_(deadline=NOON + 10 * SECOND)
    assert scheduled(sooner, NOON + SECOND)[0].wake_at == NOON + 10 * SECOND
    assert scheduled(sooner, NOON + SECOND)[0].look_at == NOON + 10 * SECOND


def test_what_is_to_be_done_now_takes_no_message() -> None:
    arranged, send = scheduled(granting(), NOON)
    assert (arranged.look_at, send) == (NOON, False)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_session_is_never_looked_at_again(state: State) -> None:
    assert next_look(active(state=state), NOON) is None
    arranged, send = scheduled(settling(state=state), NOON)
    assert (arranged.look_at, arranged.wake_at, send) == (None, None, False)
    assert arranged.response_url == ""


def test_a_final_session_that_owes_a_word_is_looked_at_until_it_is_told() -> None:
    denied = requested(state=State.DENIED, owed=("denied",), tell_at=NOON + SECOND)
    assert next_look(denied, NOON) == NOON + SECOND


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_an_open_session_always_has_a_next_look(state: State) -> None:
    session = in_every_state()[state].with_(retry_at=NOON + 9 * SECOND)
    assert scheduled(session, NOON)[0].look_at is not None


def test_an_unfinished_revoke_gets_louder_and_never_stops() -> None:
    late = [escalates_at(revoking(alarms=n)) for n in range(6)]
    minutes = [(at - NOON - HOUR) / timedelta(minutes=1) for at in late if at]
    assert minutes == [2, 5, 15, 30, 45, 60]
    assert len(ALARM_AFTER) == 3


def test_a_report_is_reminded_of_ever_more_seldom() -> None:
    report = settling(state=State.REPORTING)
    assert report.report_at is not None
    late = [escalates_at(report.with_(alarms=n)) for n in range(11)]
    hours = [(at - report.report_at) / timedelta(hours=1) for at in late if at]
    assert hours[3:] == [1, 2, 4, 8, 16, 40, 64, 88]
    assert late[:3] == [report.report_at + each for each in ALARM_AFTER]


def test_alarms_count_from_the_deadline_however_late_somebody_looked() -> None:
    assert escalates_at(revoking(ended_at=NOON + 2 * HOUR)) == NOON + HOUR + ALARM_AFTER[0]


@pytest.mark.parametrize("make", [granting, active])
def test_access_past_its_deadline_is_made_known_though_nobody_could_write_that_it_is_over(
    make: Any,
) -> None:
    assert escalates_at(make()) == NOON + HOUR + ALARM_AFTER[0]
    assert escalates_at(make(alarms=1)) == NOON + HOUR + ALARM_AFTER[1]


@pytest.mark.parametrize("session", [requested(), settling()])
def test_nothing_is_escalated_where_there_is_nothing_to_take_back(session: Session) -> None:
    assert escalates_at(session) is None


def test_moments_are_kept_to_the_millisecond_and_sort_as_text() -> None:
    moments = [NOON, NOON + timedelta(milliseconds=1), NOON + SECOND, NOON + HOUR]
    assert [from_iso(iso(moment)) for moment in moments] == moments
    assert sorted(map(iso, moments)) == list(map(iso, moments))
    assert iso(NOON) == "2026-11-22T12:00:00.000Z"


def test_credentials_may_outlive_the_assignment_and_we_say_until_when() -> None:
    session = settling()
    assert session.gone_at is not None
    assert session.credentials_until == session.gone_at + HOUR


def test_each_move_is_a_line_of_the_story() -> None:
    assert settling().steps == (
        "2026-11-22T12:00:00.000Z GRANTING allowed (queue)",
        "2026-11-22T12:00:02.000Z ACTIVE granted (queue)",
        "2026-11-22T13:00:00.000Z REVOKING expired (queue)",
        "2026-11-22T13:00:03.000Z SETTLING revoked (queue)",
    )


def test_a_time_that_a_hand_wrote_without_its_zone_is_utcs() -> None:
    """Else nothing could be compared with it, and nobody would end that session's access."""
    from chalicelib.adapters.dynamodb.model import TimeAttribute

    read = TimeAttribute().deserialize
    assert read("2026-11-22T12:00:00") == read("2026-11-22T12:00:00.000Z") == NOON
    with pytest.raises(ValueError, match="isoformat"):
        read("noon")


def test_what_a_row_has_of_a_call_is_what_rows_of_every_version_have() -> None:
    """Sessions are open while a new version is deployed: their rows have these very signs."""
    assert [*CallMark] == ["", "?", "refused", "done"]
    assert [*Prior] == ["", "no", "yes", "left"]
