"""A session's story in the house with the made-up state; test_half_added.py has it played there."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.ask import Outcome
from chalicelib.domain.machine import Event, State
from chalicelib.domain.session import Session
from chalicelib.words import cards
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.support.presses import block_actions
from tests.support.stories import NOON, glass

MINUTE = timedelta(minutes=1)
PEOPLE = {"U0ALICE": "alice", "U0BOB": "bob", "U0MALLORY": "mallory"}


def press(world: World, who: str, action: str = "break_glass", value: str = "prod") -> str:
    """Through the real route, as Slack sends it; what is decided of it, and what came of that."""
    front = world.front()
    user = {"id": who, "username": PEOPLE[who]}
    answer = front.answer({}, block_actions(action, value, user=user, ts=str(world.time)))
    assert answer.status == 200
    (row_id,) = world.books.asks
    world.runner().advance(row_id, Turn("queue", lambda: world.left))
    decided = world.books.decided.get(row_id.removeprefix("ask/"))
    return decided.outcome if decided else row_id.removeprefix("ask/")


def frozen(world: World) -> Session:
    session = world.row(press(world, "U0ALICE", value="frozen"))
    assert session.state == State.FROZEN, "chalicelib/workflow/decide.py sends nothing there"
    return session


def shown(session: Session, now: datetime) -> set[Any]:
    blocks = cards.channel(session, now)["blocks"]
    return {e["action_id"] for b in blocks if b["type"] == "actions" for e in b["elements"]}


def test_a_session_waits_until_the_freeze_is_lifted_and_goes_on_to_its_end() -> None:
    world = World(glasses={"frozen": glass(name="frozen")})
    session = frozen(world)
    assert (world.assignments, world.books.locks, world.books.leases) == (set(), {}, {})
    assert shown(session, world.time) == {"thaw"}
    world.time += MINUTE
    assert press(world, "U0ALICE", "thaw", session.id) == Outcome.REFUSED, "nobody for themselves"
    assert press(world, "U0MALLORY", "thaw", session.id) == Outcome.REFUSED
    assert press(world, "U0BOB", "end_now", session.id) == Outcome.TOO_LATE, "it has not begun"
    assert world.row(session.id).state == State.FROZEN
    assert press(world, "U0BOB", "thaw", session.id) == Outcome.THAWED
    row = world.until(session, State.ACTIVE)
    assert row.thawed_at is not None
    assert row.thawed_at >= NOON + MINUTE
    assert row.deadline - row.allowed_at == row.duration, "the hour counts from then"
    assert world.assignments == {row.access}
    world.until(session, State.CLOSED)
    assert (world.assignments, world.books.locks, world.books.leases) == (set(), {}, {})
    told = " ".join(text for _, text in world.told)
    assert "is held up by a change freeze" in told
    assert "never came" not in told
    assert len(world.mails) >= 2, "and it is reported"
    events = [step.partition(" (")[0].split(" ", 2)[2] for step in world.row(session.id).steps]
    assert events[:4] == [Event.FROZE, Event.THAWED, Event.ALLOWED, Event.GRANTED]
    assert events[-1] == Event.CONCLUDED


def test_where_nobody_lifts_it_is_denied_in_time_and_the_person_hears_it() -> None:
    world = World(glasses={"frozen": glass(name="frozen")})
    session = frozen(world)
    row = world.until(session, State.DENIED)
    assert row.frozen_until is not None
    assert NOON < row.frozen_until <= world.time <= row.frozen_until + MINUTE
    assert (row.owed, row.look_at, world.assignments) == ((), None, set())
    assert any(row.reason in text for _, text in world.told)
    assert press(world, "U0BOB", "thaw", session.id) == Outcome.TOO_LATE


def test_what_was_allowed_meanwhile_and_is_no_more_is_refused_when_it_is_lifted() -> None:
    world = World(glasses={"frozen": glass(name="frozen")})
    session = frozen(world)
    world.glasses = {"frozen": replace(world.glasses["frozen"], may=("bob@example.com",))}
    assert press(world, "U0BOB", "thaw", session.id) == Outcome.THAWED
    row = world.until(session, State.DENIED)
    assert (world.assignments, world.books.locks) == (set(), {})
    assert str(Event.ALLOWED) not in " ".join(row.steps)
