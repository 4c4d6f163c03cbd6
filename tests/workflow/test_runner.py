"""advance(), step by step over fakes; the simulation has the interleavings."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from chalicelib.workflow.timing import (
    CALL_TAKES,
)
from tests.fakes.outside import World
from tests.fakes.rows import SECOND, asked, look_at, pressed
from tests.support.stories import (
    HOUR,
    NOON,
    active,
    glass,
    granting,
)

# ---- the whole way ------------------------------------------------------------------------------


def test_a_press_goes_all_the_way_to_the_closed_report(world: World) -> None:
    session = pressed(world)
    row = world.until(session, "ACTIVE")
    assert row.deadline == NOON + HOUR
    assert row.access in world.assignments
    row = world.until(session, "SETTLING")
    assert world.assignments == set()
    assert (row.ended_how, row.lag_asked, row.lag_gone) == ("expired", 0.0, 1.0)
    row = world.until(session, "CLOSED")
    assert ["has BreakGlassAdmin on" in mail.subject for mail in world.mails] == [
        True,
        False,
        False,
    ]
    assert (row.report_final, row.owed) == ("second", ())
    assert world.books.locks == world.books.leases == {}
    assert row.look_at is None


def test_what_is_no_session_is_nobodys_business(world: World) -> None:
    world.books.sessions.clear()
    assert world.runner().advance("bg-none", look_at(world)) is None


def test_a_worker_at_its_end_leaves_what_is_due_to_the_next(world: World) -> None:
    session = pressed(world)
    world.left = CALL_TAKES - SECOND
    row = world.look(session)
    assert row.state is State.GRANTING  # nothing outside was asked
    assert row.look_at is not None
    assert row.look_at <= world.time
    assert "create" not in world.asked


# ---- odds and ends ------------------------------------------------------------------------------


def test_a_queue_that_refuses_is_no_trouble(world: World) -> None:
    world.says["wake"] = [Unavailable("SQS: down")] * 1000
    assert world.until(pressed(world), "CLOSED", steps=2000)


def test_one_wake_up_at_a_time_is_under_way_though_somebody_is_just_being_told(
    world: World,
) -> None:
    until = NOON + 20 * SECOND
    known = {"standing": "no", "grant_call": "create-1", "grant_asked_at": NOON}
    session = world.keep(
        granting(owed=("slow",), tell_at=until, tell_token="another's", wake_at=until, **known)
    )
    world.assignments.add(session.access)
    assert world.look(session).state is State.ACTIVE
    assert (world.told, world.wakes) == ([], [])
    assert world.row(session.id).wake_at == until


def test_nothing_moves_in_a_circle(world: World) -> None:
    session = world.keep(active())
    runner = world.runner()
    runner.step = lambda session_id, look, known: _now(world)  # type: ignore[method-assign]
    with pytest.raises(Unavailable):  # so that the queue brings it again, and the sweep is told
        runner.advance(session.id, look_at(world))
    assert ("error", "a session moves in a circle") in [line[:2] for line in world.lines]


def _now(world: World) -> Any:
    from chalicelib.workflow.answers import Rest

    return Rest(world.time)


def test_a_glass_that_cannot_be_extended_says_so(world: World) -> None:
    world.glasses = {"prod": glass(extend=None)}
    session = world.keep(active(extend=timedelta(0)))
    world.ask(asked(session, "extend", "U0ALICE"))
    assert any("was not extended" in text for _, text in world.told)


def test_news_of_a_version_that_we_do_not_know_is_owed_no_more(world: World) -> None:
    row = world.look(world.keep(active(owed=("news of tomorrow",))))
    assert (row.owed, world.told) == ((), [])
