"""How long access lasts: never as no glass allows, whatever a press says."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.lasting import durations, extends_by, lasts, span_in, warns
from chalicelib.domain.session import Session
from tests.support.stories import HOUR, NOON, active, glass

MINUTE = timedelta(minutes=1)
NOTHING = timedelta(0)
THREE = glass(duration=30 * MINUTE, others=(HOUR, 4 * HOUR))


@pytest.mark.parametrize(
    ("chosen", "given"),
    [("30m", 30), ("1h", 60), ("60m", 60), ("3600s", 60), ("4h", 240), ("", 30), ("5h", 30),
     ("0s", 30), ("4 h", 30), ("4H", 30), ("٤h", 30), ("-4h", 30), ("999999h", 30), ("4h\n", 30),
     ("all night", 30)],
)  # fmt: skip
def test_what_the_glass_does_not_have_is_its_first(chosen: str, given: int) -> None:
    assert lasts(THREE, chosen) == given * MINUTE


@given(st.text())
def test_nothing_lasts_as_no_glass_allows(chosen: str) -> None:
    assert lasts(THREE, chosen) in durations(THREE)
    assert lasts(glass(), chosen) == HOUR


def test_no_glass_is_no_choice() -> None:
    assert durations(None) == ()
    assert durations(glass()) == (HOUR,)


def test_a_span_has_at_least_one_part() -> None:
    assert span_in("1h30m") == 90 * MINUTE
    assert [span_in(each) for each in ("", "h", "1", "30m1h")] == [None] * 4


def test_who_has_access_is_warned_by_how_long_they_chose() -> None:
    assert warns(THREE, 10 * MINUTE) == NOTHING
    assert warns(THREE, 11 * MINUTE) == 5 * MINUTE
    assert warns(glass(warn_before=NOTHING), 4 * HOUR) == NOTHING


def longer(session: Session) -> Session:
    assert session.deadline is not None
    by = extends_by(session)
    return session.with_(deadline=session.deadline + by, extended=session.extended + 1)


def test_the_last_extension_moves_the_end_as_far_as_is_left() -> None:
    session, moved = active(extend_to=timedelta(hours=1, minutes=42)), []
    for _ in range(4):
        moved.append(extends_by(session))
        session = longer(session)
    assert moved == [30 * MINUTE, 12 * MINUTE, NOTHING, NOTHING]
    assert session.deadline == NOON + timedelta(hours=1, minutes=42)


@given(
    st.integers(1, 43_200), st.integers(0, 43_200), st.integers(0, 86_400), st.integers(0, 40)
)  # fmt: skip
def test_however_often_it_is_extended_it_never_lasts_longer_than_it_may(
    lasting: int, by: int, most: int, often: int
) -> None:
    seconds = timedelta(seconds=1)
    session = active(
        deadline=NOON + lasting * seconds, extend=by * seconds, extend_to=most * seconds
    )
    for _ in range(often):
        session = longer(session)
    allowed = max(lasting, most if most else lasting + by)
    assert session.deadline <= NOON + allowed * seconds  # type: ignore[operator]


def test_a_row_that_knows_no_end_of_it_is_extended_once() -> None:
    """So has the version before written them, and so it promised."""
    assert extends_by(active()) == 30 * MINUTE
    assert extends_by(active(extended=1)) == NOTHING
    assert extends_by(active(extend=NOTHING)) == NOTHING


@pytest.mark.parametrize("lost", ["allowed_at", "deadline"])
def test_a_row_that_lost_its_times_is_not_extended(lost: str) -> None:
    assert extends_by(active(**{"extend_to": 4 * HOUR, lost: None})) == NOTHING
