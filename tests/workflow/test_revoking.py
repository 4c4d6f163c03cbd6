"""REVOKING: it never gives up, and nothing is called gone that may still land."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Gone, Refused, Stale, Unavailable, Unknown
from chalicelib.domain.machine import State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import CallMark, Lock, Session
from chalicelib.words import refusals
from chalicelib.workflow.timing import (
    CALL_TAKES,
    CLOCK_SKEW,
    NETWORK_DELAY,
)
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, held, pressed
from tests.support.stories import (
    HOUR,
    NOON,
)


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("stale", [False, True])
def test_what_a_call_came_to_is_counted_and_frees_its_claim_though_the_table_fails(
    world: World, failing: int, stale: bool
) -> None:
    """Not even the next step's own failure could be written: the claim stood, without a reason."""
    session = held(world)
    write, number = world.books.write, 0

    def fails(row: Session) -> None:
        nonlocal number
        number += 1
        if 1 < number <= 1 + failing:  # the claim is written, and then nothing
            raise Stale("another") if stale and number == 2 else Unavailable("DynamoDB: down")
        write(row)

    world.books.write = fails  # type: ignore[method-assign]
    world.books.release = fails  # type: ignore[method-assign]
    row = world.look(session, patience=3)
    assert (row.busy_until, row.busy_token) == (None, "")
    del world.books.write, world.books.release
    assert world.until(row, "SETTLING")


def test_no_delete_is_asked_before_the_grant_is_settled(world: World) -> None:
    session = held(world, grant_call="?", grant_asked_at=NOON)
    world.says["creating"] = [True]
    world.look(session)
    assert "delete" not in world.asked
    world.until(session, "SETTLING")
    assert world.asked.count("delete") == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {"delete": [Refused("ConflictException")] * 3},
        {"deletion": [CallStatus("FAILED", "a reason"), CallStatus("FAILED")]},
        {"deletion": [CallStatus("IN_PROGRESS")] * 5},
        {"delete": [Unknown("timeout")], "deleting": [True, True, False]},
        {"assigned": [True, True]},
        {"assigned": [Unavailable("down")] * 3},
        {"creating": []},
    ],
)
def test_a_revoke_never_gives_up(world: World, trouble: dict[str, Any]) -> None:
    session = held(world)
    world.says = {call: list(answers) for call, answers in trouble.items()}
    row = world.until(session, "SETTLING")
    assert world.assignments == set()
    assert row.gone_at is not None
    assert row.revoke_first_asked_at == NOON + HOUR
    assert world.books.locks.keys() == world.books.free_at.keys()


def test_a_delete_whose_outcome_is_unknown_is_asked_again_at_once(world: World) -> None:
    session = held(world)
    world.says["delete"] = [Unknown("503")] * 3
    row = world.look(session, patience=1)
    assert row.state is State.SETTLING
    assert world.time < NOON + HOUR + 5 * SECOND
    assert world.asked.count("delete") == 4


def test_until_an_unknown_delete_can_land_no_more_the_lock_stays(world: World) -> None:
    session = held(world, tail=timedelta(0))
    world.says["delete"] = [Unknown("503")]
    row = world.look(session, patience=1)
    late = NOON + HOUR + world.left + NETWORK_DELAY + CLOCK_SKEW
    assert (row.state, row.revoke_late_until) == (State.SETTLING, late)
    assert world.books.lock(session.access) == Lock(session.id, late)
    again = pressed(world, id="bg-again", asked_at=world.time, wait_until=world.time + HOUR)
    row = world.look(again)
    assert (row.state, row.last_error) == (
        State.REQUESTED,
        refusals.EARLIER_MAY_LAND,
    )
    world.says["deleting"] = [True]  # it has just been accepted
    world.time = late
    assert world.look(again).state is State.REQUESTED
    assert world.until(again, "ACTIVE").granted_at is not None


def test_what_is_there_is_taken_back_though_a_grant_may_still_land(world: World) -> None:
    late = NOON + HOUR + MINUTE
    session = held(
        world, grant_call="?", grant_asked_at=NOON + HOUR, grant_late_until=late, granted_at=None
    )
    row = world.look(session)
    assert world.assignments == set()
    assert row.state is State.REVOKING
    world.assignments.add(session.access)  # and there it lands once more
    world.until(session, "SETTLING")
    assert world.assignments == set()
    assert world.time >= late


def test_access_that_was_there_had_come_though_nobody_wrote_it_down(world: World) -> None:
    session = held(world, granted_at=None, listed_at=None, grant_asked_at=NOON)
    row = world.until(session, "SETTLING")
    assert row.granted_at == NOON
    assert any("is closed" in text for _, text in world.told)
    world.until(row, "CLOSED")
    assert len(world.mails) == 2


def test_a_revoke_of_what_is_gone_is_done(world: World) -> None:
    session = held(world)
    world.says["delete"] = [Gone("nothing there")]
    world.assignments.clear()
    assert world.until(session, "SETTLING").revoke_call == "done"


def test_what_may_still_land_is_deleted_again_only_after_a_pause(world: World) -> None:
    """The list still shows what a delete finds gone: a circle, as fast as AWS answers."""
    late = {
        "grant_call": CallMark.UNKNOWN,
        "grant_late_until": NOON + HOUR + MINUTE,
        "granted_at": None,
    }
    session = held(world, **late)
    world.says |= {"assigned": [True] * 100, "delete": [Gone("nothing there")] * 100}
    world.look(session, patience=5)
    assert world.asked.count("delete") == 1 + 5
    world.time += 2 * MINUTE
    world.says = {}
    world.assignments.clear()
    assert world.until(session, "SETTLING")


def test_a_worker_without_time_leaves_the_delete_to_the_next(world: World) -> None:
    session = held(world)
    world.left = CALL_TAKES - SECOND
    world.look(session)
    assert "delete" not in world.asked
    world.left = MINUTE
    assert world.until(session, "SETTLING")


def test_whoever_may_be_alone_sees_it_through(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [CallStatus("IN_PROGRESS")] * 3
    row = world.look(session, "stream", patience=20)
    assert row.state is State.SETTLING
    assert row.revoke_look == row.gone_look == "stream"


def test_the_queues_side_waits_for_the_first_poll_and_no_longer(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [CallStatus("IN_PROGRESS")] * 3
    row = world.look(session, patience=1)
    assert (row.state, row.busy_until) == (State.REVOKING, None)
    assert world.asked.count("deletion") == 1


def test_the_lock_is_not_free_before_the_read_back(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [CallStatus("IN_PROGRESS")]
    world.look(session)
    assert world.books.locks == {session.access.key: session.id}
