"""How long access lasts: as chosen at the press, extended as far as the glass allows."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.session import Session
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, asked, pressed
from tests.support.presses import block_actions, legacy, picked
from tests.support.stories import HOUR, NOON, SET, active, glass

THREE = glass(duration=HOUR / 2, others=(HOUR, 4 * HOUR), extend=HOUR, extend_to=5 * HOUR)


@pytest.fixture
def world() -> World:
    return World(glasses={"prod": THREE})


def opened(world: World, sent: bytes) -> Session:
    """The session that the press becomes, once access is there."""
    world.front().answer({}, sent)
    (row_id,) = world.books.asks
    world.look(row_id.removeprefix("ask/"))
    (session,) = world.books.sessions.values()
    return world.until(session, "ACTIVE")


def choosing(value: Any) -> bytes:
    return block_actions(state={"values": picked(value)})


@pytest.mark.parametrize(
    ("sent", "lasts"),
    [(choosing("30m"), 0.5), (choosing("1h"), 1), (choosing("4h"), 4), (choosing(None), 0.5),
     (block_actions(), 0.5), (legacy(), 0.5),
     (legacy(value=SET, callback="deployment_111122223333_abc"), 0.5)],
)  # fmt: skip
def test_access_lasts_as_long_as_was_chosen_and_as_the_first_where_nobody_chose(
    world: World, sent: bytes, lasts: float
) -> None:
    row = opened(world, sent)
    assert row.allowed_at is not None
    assert (row.duration, row.deadline) == (lasts * HOUR, row.allowed_at + lasts * HOUR)
    assert not any("You chose" in text for _, text in world.told)


@pytest.mark.parametrize(
    ("chosen", "said"), [("12h", "12 h"), ("2h", "2 h"), ("all <b>night</b>", "all &lt;b&gt;night")]
)
def test_who_chose_what_the_glass_does_not_have_gets_the_first_and_is_told_so(
    world: World, chosen: str, said: str
) -> None:
    """At three in the morning nobody is sent back to an old message for a number."""
    row = opened(world, choosing(chosen))
    assert (row.duration, row.chosen) == (HOUR / 2, chosen)
    (card,) = [text for _, text in world.told if "You are in" in text]
    assert f"You chose {said}" in card
    assert "which this glass does not have: you got 30 min" in card


def test_what_the_glass_has_at_the_decision_counts_and_no_deployment_changes_it_later(
    world: World,
) -> None:
    world.front().answer({}, choosing("4h"))
    world.glasses = {"prod": glass(duration=HOUR / 2, others=(HOUR,))}
    (row_id,) = world.books.asks
    session = world.look(row_id.removeprefix("ask/"))
    world.glasses = {"prod": glass(duration=2 * HOUR, others=(4 * HOUR,))}
    assert world.until(session, "ACTIVE").duration == HOUR / 2


def test_who_waits_for_the_lock_keeps_what_they_chose(world: World) -> None:
    earlier = world.keep(active(id=f"bg-{9:024x}", deadline=NOON, ended_at=NOON))
    waits = world.look(pressed(world, chosen="4h"))
    assert (waits.state, waits.chosen) == ("REQUESTED", "4h")
    world.books.locks.pop(earlier.access.key)
    del world.books.sessions[earlier.id]
    assert world.until(waits, "ACTIVE").duration == 4 * HOUR


def test_a_glass_that_wants_a_reason_asks_how_long_as_well_where_only_the_worker_knows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.glasses = {"prod": glass(reason="required", others=(4 * HOUR,))}
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(world, "respond", lambda _, message: said.append(message))
    world.front().answer({}, legacy(value=SET, callback="deployment_111122223333_abc"))
    (row_id,) = world.books.asks
    world.look(row_id.removeprefix("ask/"))
    assert [b["element"]["type"] for b in said[0]["blocks"] if b["type"] == "input"] == [
        "plain_text_input",
        "static_select",
    ]


# ---- Extend -------------------------------------------------------------------------------------


def extend(world: World, session: Session, who: str = "U0ALICE") -> Any:
    world.time += SECOND
    return world.ask(asked(session, "extend", who, world.time))


def test_it_is_extended_again_and_again_and_the_last_time_by_what_is_left(world: World) -> None:
    session = world.keep(active(extend_to=timedelta(hours=1, minutes=42), card_ts="1.0"))
    outcomes = [extend(world, session).outcome for _ in range(3)]
    row = world.row(session.id)
    assert outcomes == ["extended", "extended", "not extended"]
    assert row.deadline == NOON + timedelta(hours=1, minutes=42)
    assert (row.extended, row.extended_by) == (2, "alice@example.com")
    assert world.books.leases[session.id] == row.deadline.timestamp()
    last = [text for _, text in world.told if "was not extended" in text]
    assert "It lasts 1 h 42 min in all, which is as long as this glass allows" in last[-1]


def test_who_presses_before_the_last_extension_was_written_adds_nothing_to_it(
    world: World,
) -> None:
    """Twice in a hurry, or two people at once: what they saw was the end before."""
    session = world.keep(active(extend_to=5 * HOUR))
    asks = [asked(session, "extend", who, NOON + n * SECOND) for n, who in
            enumerate(("U0ALICE", "U0ALICE", "U0BOB"))]  # fmt: skip
    world.time = NOON + MINUTE
    outcomes = [world.ask(each).outcome for each in asks]
    assert outcomes == ["extended", "not extended", "not extended"]
    assert world.row(session.id).deadline == NOON + 1.5 * HOUR
    (said,) = [text for to, text in world.told if to == "U0BOB"]
    assert "It was extended by alice@example.com before your press was seen to" in said
    assert extend(world, session).outcome == "extended"


def test_a_session_of_the_version_before_is_extended_once(world: World) -> None:
    session = world.keep(active())
    assert [extend(world, session).outcome for _ in range(2)] == ["extended", "not extended"]
    assert any("that works only once" in text for _, text in world.told)


def test_a_deployment_moves_no_end_of_a_session_in_flight(world: World) -> None:
    session = world.keep(active(extend_to=1.5 * HOUR))
    world.glasses = {"prod": glass(extend=4 * HOUR, extend_to=24 * HOUR)}
    assert [extend(world, session).outcome for _ in range(2)] == ["extended", "not extended"]
    assert world.row(session.id).deadline == NOON + 1.5 * HOUR
