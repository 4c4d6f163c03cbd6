"""Whatever is asked of a session in whatever state: it is answered, and nothing is lost by it."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import ANSWERED, OF_A_REVIEW, OF_THEIR_OWN, Kind, Outcome
from chalicelib.domain.machine import FINAL, ROWS, START, Event, State
from chalicelib.domain.session import Session
from chalicelib.route import press
from chalicelib.words import cards, review
from tests.fakes.outside import World
from tests.fakes.rows import asked
from tests.support.states import MAY_COME, in_every_state
from tests.support.stories import HOUR, NOON, glass

SECOND = timedelta(seconds=1)
MOMENTS = (NOON + 3 * SECOND, NOON + HOUR, NOON + HOUR + timedelta(minutes=2), NOON + 9 * HOUR)
SAID_OF_IT = {"version", "steps", "look_at", "wake_at"}  # of every write
PORTAL = "https://d-1234567890.awsapps.com/start"
WHO = {"the person": "U0ALICE", "another who may": "U0BOB", "a stranger": "U0MALLORY"}


def in_state(state: State, kind: Kind = Kind.END) -> Session:
    """As it is where that can be asked of it, as far as the state knows it."""
    changes: dict[str, Any] = {"extend": HOUR / 2, "portal": PORTAL, "email": "alice@example.com"}
    if kind is Kind.ACKNOWLEDGE:  # nobody extends what nobody has acknowledged
        changes["acknowledge"] = HOUR
    return in_every_state()[state].with_(**changes, principal_id="alice-id")


def world_at(now: datetime) -> World:
    return World(time=now, glasses={"prod": glass(bypass=("alice@example.com",))})


def buttons(message: cards.Message) -> set[str]:
    """By their action: also of the field that takes a reason."""
    blocks = [
        *message["blocks"],
        *(b for bar in message.get("attachments", []) for b in bar["blocks"]),
    ]
    pressed = {e["action_id"] for b in blocks if b["type"] == "actions" for e in b["elements"]}
    return pressed | {b["element"]["action_id"] for b in blocks if b["type"] == "input"}


def shown(session: Session, now: datetime) -> set[Kind]:
    """What may be asked for by a press on any of its cards; every press must be read as an ask."""
    kinds = set()
    for card in (cards.mine(session, now), cards.channel(session, now), review.report(session)):
        for action in buttons(card) - press.LINKS:
            assert action == cards.WHY or action in press.ON_A_SESSION, action
            kinds.add(press.ON_A_SESSION.get(action, Kind.REASON))
    return kinds


# ---- the cards ----------------------------------------------------------------------------------


@pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now:%H:%M:%S}")
@pytest.mark.parametrize("state", ROWS)
def test_a_card_has_those_buttons_alone_that_the_state_knows(state: State, now: datetime) -> None:
    session = in_state(state)
    there = shown(session, now) - {Kind.REASON}  # which is no move of the session's
    assert there <= set(ROWS[state].asks)
    if session.deadline is not None and now >= session.deadline:
        assert there - OF_A_REVIEW == set(), "from the deadline on nothing else can be asked for"


@pytest.mark.parametrize("state", ROWS)
def test_what_a_state_knows_to_be_asked_has_its_button(state: State) -> None:
    at = NOON + 3 * SECOND
    assert {kind for kind in ANSWERED if kind in shown(in_state(state, kind), at)} >= set(
        ROWS[state].asks
    ), "words/cards.py"


@pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now:%H:%M:%S}")
@pytest.mark.parametrize("state", ROWS)
def test_where_a_card_has_a_field_for_the_reason_the_reason_is_taken(
    state: State, now: datetime
) -> None:
    session = in_state(state)
    there = cards.WHY in buttons(cards.mine(session, now))
    world = World(time=now)
    world.keep(session)
    ask = world.ask(asked(session, "reason", "U0ALICE", now, why="INC-4711"))
    assert ask.outcome == Outcome.NOTED or not there
    assert cards.WHY not in buttons(cards.mine(session.with_(why="INC-4711"), now))


@pytest.mark.parametrize("state", sorted(MAY_COME - {START}))  # nobody has a card before
def test_no_card_says_that_access_never_came_while_it_may_yet_come(state: State) -> None:
    seen = cards.phase(in_state(state), NOON + 3 * SECOND)
    over = (cards.Phase.NEVER, cards.Phase.STAYS, cards.Phase.CLOSED)
    assert seen not in over, "words/cards.py: phase()"


# ---- the asks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO.values(), ids=[*WHO])
@pytest.mark.parametrize("kind", sorted(ANSWERED))
@pytest.mark.parametrize("state", ROWS)
def test_every_ask_in_every_state_is_answered_and_loses_nothing(
    state: State, kind: Kind, who: str
) -> None:
    now = NOON + 3 * SECOND
    world = world_at(now)
    before = world.keep(in_state(state, kind).with_(look_at=None if state in FINAL else now))
    ask = world.ask(asked(before, kind, who, now, why="INC-4711", response_url="https://x.example"))
    after = world.row(before.id)

    assert (ask.outcome in set(Outcome), ask.owed) == (True, ()), "decided, and told"
    assert world.books.asks == {}, "once"
    assert ask.outcome != Outcome.NO_SESSION
    heard = [text for where, text in world.told if where in ("response_url", who)]
    assert heard or ask.outcome in (
        Outcome.NOTED,
        Outcome.ENDED,
        Outcome.EXTENDED,
        Outcome.BYPASSED,
    )

    may = who != WHO["a stranger"] and (kind in OF_THEIR_OWN or who != WHO["the person"])
    may = may and (kind is not Kind.BYPASS or who == WHO["the person"])
    if kind is Kind.REASON:
        taken = who == WHO["the person"] and state is not State.DENIED
        assert (ask.outcome == Outcome.NOTED) is taken
        assert after.why == ("INC-4711" if taken else "")
    else:
        moved = ask.outcome not in (Outcome.REFUSED, Outcome.TOO_LATE, Outcome.NOT_EXTENDED)
        assert moved is (may and kind in ROWS[state].asks)
    if ask.outcome in (Outcome.REFUSED, Outcome.NOT_EXTENDED):
        assert after == before, "who may not changes nothing, not even the version"
    lost = {
        each.name
        for each in fields(Session)
        if each.name not in SAID_OF_IT
        and getattr(before, each.name) not in (None, "", ())
        and getattr(after, each.name) in (None, "", ())
    }
    assert lost <= {"response_url", "look_at", "wake_at", "tell_at"}
    assert after.steps[: len(before.steps)] == before.steps, "its story goes on"


@pytest.mark.parametrize("kind", sorted(ANSWERED))
@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_whatever_was_asked_the_session_comes_to_its_end(state: State, kind: Kind) -> None:
    now = NOON + 3 * SECOND
    world = world_at(now)
    session = world.keep(in_state(state, kind).with_(look_at=now))
    if session.live and session.granted_at:
        world.assignments.add(session.access)
    for who in WHO.values():
        world.ask(asked(session, kind, who, now, why="INC-4711"))
    row = world.until(session, *FINAL, steps=2_000)
    assert (row.state in FINAL, world.assignments, world.books.leases) == (True, set(), {})
    assert world.books.locks == {}


def test_an_event_that_an_ask_brings_is_one_that_its_state_knows() -> None:
    brings = {
        Kind.APPROVE: Event.APPROVED,
        Kind.DECLINE: Event.DECLINED,
        Kind.BYPASS: Event.BYPASSED,
        Kind.ACKNOWLEDGE: Event.ACKNOWLEDGED,
        Kind.EXPECTED: Event.REVIEWED,
        Kind.FOLLOWUP: Event.REVIEWED,
        Kind.END: Event.ENDED,
        Kind.EXTEND: Event.EXTENDED,
    }
    for state, row in ROWS.items():
        assert {kind for kind, event in brings.items() if event in row.leads} <= set(row.asks), (
            state
        )
