"""What was found without a session is taken back, and nothing else."""

from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.workflow.timing import (
    LISTING_LAG,
)
from tests.fakes.outside import World
from tests.fakes.rows import SECOND, asked, look_at
from tests.support.stories import (
    HOUR,
    NOON,
    active,
    granting,
    revoking,
)


def found(world: World, **changes: Any) -> Session:
    session = world.keep(granting(shape="found", response_url="", slack_user="", **changes))
    world.assignments.add(session.access)
    return session


def test_a_listing_that_has_never_shown_the_grant_does_not_show_that_it_is_gone(
    world: World,
) -> None:
    session = world.keep(granting(standing="no", grant_call="create-1", grant_asked_at=NOON))
    world.assignments.add(session.access)
    world.says["assigned"] = [False] * 3  # from before the grant; then what is true
    world.ask(asked(session, "end", "U0ALICE"))
    row = world.until(session, "SETTLING")
    assert world.time >= NOON + LISTING_LAG
    assert row.revoke_succeeded_at == NOON + SECOND
    assert world.asked.count("delete") == 1
    assert row.granted_at == NOON  # it had come: AWS says that it succeeded


@pytest.mark.parametrize(
    "call",
    [{"grant_call": "refused"}, {"grant_call": "create-1", "granted_at": NOON}],
)
def test_what_was_listed_or_never_given_is_gone_when_it_is_not_listed(
    world: World, call: dict[str, Any]
) -> None:
    session = world.keep(revoking(grant_asked_at=NOON, granted_at=None).with_(**call))
    assert world.look(session, patience=1).state is State.SETTLING


def test_what_was_found_is_taken_back_and_nothing_granted(world: World) -> None:
    session = found(world)
    row = world.until(session, "CLOSED")
    assert world.assignments == set()
    assert "create" not in world.asked
    assert (row.ended_by, row.standing) == ("reconcile", "no")
    assert [": taken back" in mail.subject for mail in world.mails] == [True]
    assert any("without a session" in text for where, text in world.told if where == "C0INCIDENT")


def test_what_was_found_and_cannot_be_looked_up_is_taken_back_later(world: World) -> None:
    world.takes_back, access = True, granting().access
    world.assignments.add(access)
    row_id = world.books.ask_back(access, "prod", world.time)
    world.says["permission_set"] = [Unavailable("Identity Center: down")]
    world.runner().advance(row_id, look_at(world))
    assert world.assignments == {access}
    assert world.wakes[-1][0] == row_id
    world.runner().advance(row_id, look_at(world))
    (session,) = world.books.sessions.values()
    assert world.until(session, "CLOSED").ended_by == "reconcile"
    assert world.assignments == set()


def test_what_was_found_and_is_gone_is_let_be(world: World) -> None:
    session = found(world)
    world.assignments.clear()
    row = world.until(session, "CLOSED")
    assert {"create", "delete"}.isdisjoint(world.asked)
    assert (row.standing, world.mails, world.told) == ("", [], [])


def test_what_was_found_is_let_be_where_somebodys_session_lives(world: World) -> None:
    """Its lock was deleted by hand, and reconciliation took the free place."""
    session = found(world)
    other = world.keep(active(id="bg-other"), lock=False)
    world.until(session, "CLOSED")
    assert world.assignments == {other.access}
    assert "delete" not in world.asked


def test_what_was_found_is_let_be_when_its_time_is_up(world: World) -> None:
    session = found(world)
    world.time = NOON + HOUR
    world.until(session, "CLOSED")
    assert world.assignments == {session.access}
