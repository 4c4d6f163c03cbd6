"""REQUESTED: who is let in, who is turned away, and who waits for the lock."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Lock, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow.timing import (
    LONGEST_CLAIM,
)
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, pressed
from tests.support.stories import (
    HOUR,
    NOON,
    active,
    glass,
    granting,
    revoking,
    settling,
)


@pytest.mark.parametrize(
    ("reason", "changes", "says"),
    [
        ("There is no glass called “nonesuch”.", {"glass": "nonesuch"}, {}),
        (
            "No glass is set up for this permission set on account 999999999999.",
            {"glass": "", "account_id": "999999999999", "permission_set_arn": "arn:x"},
            {},
        ),
        (
            "No glass is set up for this permission set on account 111122223333.",
            {"glass": "", "permission_set_arn": "arn:another"},
            {},
        ),
        (messages.NOBODY, {"slack_user": "U0NOBODY"}, {}),
        ("knows no user with the e-mail alice@example.com", {}, {"person": [None]}),
        ("The permission set “BreakGlassAdmin”", {}, {"permission_set": [None]}),
        (refusals.not_among(glass(), "mallory@example.com"), {"slack_user": "U0MALLORY"}, {}),
    ],
)
def test_who_may_not_is_denied_with_the_reason(
    world: World, reason: str, changes: dict[str, Any], says: dict[str, Any]
) -> None:
    world.says = says
    row = world.look(pressed(world, **changes))
    assert row.state is State.DENIED
    assert reason in row.reason
    assert ("response_url", world.told[0][1]) == world.told[0]
    assert row.look_at is None


def test_a_press_by_account_and_set_finds_its_glass(world: World) -> None:
    arn = active().permission_set_arn
    row = world.until(pressed(world, glass="", permission_set_arn=arn), "ACTIVE")
    assert row.glass == "prod"


def test_a_group_member_may(world: World) -> None:
    row = world.until(pressed(world, slack_user="U0BOB"), "ACTIVE")
    assert row.email == "bob@example.com"


def test_a_press_that_cannot_be_decided_in_time_is_denied_and_never_granted_late(
    world: World,
) -> None:
    session = pressed(world)
    world.says["person"] = [Unavailable("down")] * 100
    row = world.until(session, "DENIED")
    assert world.time >= NOON + timedelta(minutes=5)
    assert row.reason.startswith(refusals.undecided(""))
    assert "down" in row.reason
    assert world.assignments == set()


def test_time_that_passed_during_the_look_ups_counts(world: World) -> None:
    def pause() -> None:
        world.time += timedelta(minutes=6)

    world.meanwhile["person"] = pause
    assert world.look(pressed(world)).state is State.DENIED


def test_a_press_on_an_open_lock_is_denied_and_says_until_when(world: World) -> None:
    world.keep(active(id="bg-first", principal_id="alice-id"))
    row = world.look(pressed(world))
    assert row.state is State.DENIED
    assert row.reason.startswith(f"{messages.ALREADY_OPEN}2026-11-22 13:00 UTC.")
    assert world.row("bg-first").state is State.ACTIVE


def test_a_lock_that_is_free_by_the_time_that_one_looks_who_holds_it_is_taken(world: World) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.locks[access.key] = "bg-other"
    free = world.books.lock

    def lock(access: Access) -> Lock | None:
        world.books.locks.pop(access.key, None)
        return free(access)

    world.books.lock = lock  # type: ignore[method-assign]
    assert world.look(session).state is State.GRANTING


@pytest.mark.parametrize(
    "holder",
    [
        revoking(id="bg-first", principal_id="alice-id", busy_until=NOON + MINUTE),
        granting(id="bg-first", principal_id="alice-id", shape="found", busy_until=NOON + MINUTE),
        active(id="bg-first", principal_id="alice-id", deadline=NOON, busy_until=NOON + MINUTE),
    ],
)
def test_a_press_waits_while_the_access_is_being_taken_back(world: World, holder: Session) -> None:
    world.keep(holder)
    row = world.look(pressed(world))
    assert (row.state, row.last_error) == (
        State.REQUESTED,
        refusals.BEING_TAKEN_BACK,
    )
    world.books.sessions["bg-first"] = settling(id="bg-first", principal_id="alice-id")
    assert world.until(row, "ACTIVE").granted_at is not None


def test_a_lock_without_a_live_session_is_freed(world: World) -> None:
    access = active(principal_id="alice-id").access
    world.keep(settling(id="bg-closed", principal_id="alice-id"))
    world.books.locks[access.key] = "bg-closed"
    assert world.look(pressed(world)).state is State.GRANTING


def test_what_is_just_being_deleted_does_not_stand(world: World) -> None:
    session = world.keep(granting())
    world.assignments.add(session.access)
    world.says["deleting"] = [True]
    assert world.look(session).standing == ""
    world.assignments.clear()  # it is gone now
    assert world.until(session, "ACTIVE").standing == "no"


def test_a_lock_whose_session_an_operator_has_deleted_is_freed_when_nothing_can_land(
    world: World,
) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.locks[access.key] = "bg-missing"
    world.assignments.add(access)  # what the deleted session gave
    world.time += MINUTE  # nobody looks before: the claim counts from the first look
    for wait in (timedelta(0), LONGEST_CLAIM - SECOND):
        world.time += wait
        row = world.look(session)
        assert (row.state, row.orphan_at) == (State.REQUESTED, NOON + MINUTE)
        assert "may still" in row.last_error
    world.time += SECOND
    world.says["deleting"] = [True, False]
    assert world.look(session).state is State.REQUESTED
    row = world.until(session, "ACTIVE")
    assert row.standing == "left"
    assert row.stands
    assert (
        world.books.session_that_saw(access) is None
    )  # nobody accounts for it: reconciliation says so
    world.time = NOON + 2 * HOUR
    assert world.until(row, "CLOSED")
    assert access in world.assignments


def test_who_takes_the_lock_first_has_it(world: World) -> None:
    """Another session takes it between our look and our write."""
    first = active(id="bg-first", principal_id="alice-id")
    allow = world.books.allow

    def slower(session: Session) -> None:
        world.keep(first)
        world.books.allow = allow  # type: ignore[method-assign]
        allow(session)

    world.books.allow = slower  # type: ignore[method-assign]
    assert world.look(pressed(world)).state is State.DENIED


def test_a_table_that_refuses_the_intent_is_asked_again(world: World) -> None:
    allow = world.books.allow

    def refuses(session: Session) -> None:
        world.books.allow = allow  # type: ignore[method-assign]
        raise Unavailable("DynamoDB: ProvisionedThroughputExceeded")

    world.books.allow = refuses  # type: ignore[method-assign]
    session = pressed(world)
    assert world.look(session).last_error.startswith("DynamoDB")
    assert world.until(session, "ACTIVE")
