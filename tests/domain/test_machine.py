"""The tables: every state can be reached, none is a trap, and the diagram shows them all."""

from datetime import datetime
from typing import get_type_hints

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.domain.machine import (
    DUTIES,
    FINAL,
    LIVE,
    OPEN,
    ROWS,
    START,
    TRANSITIONS,
    Event,
    Impossible,
    State,
    diagram,
    step,
)
from chalicelib.domain.session import Session
from tests.support.states import in_every_state, reachable


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(State) == reachable(START)


def test_there_is_a_session_in_every_state_for_tests_to_begin_with() -> None:
    assert {state: each.state for state, each in in_every_state().items()} == {
        state: state for state in State
    }


@pytest.mark.parametrize("state", State)
def test_every_state_leads_to_an_end(state: State) -> None:
    assert reachable(state) & FINAL


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_no_state_is_without_a_duty_or_a_deadline(state: State) -> None:
    assert state in DUTIES or ROWS[state].then is not None


@pytest.mark.parametrize("state", State)
def test_every_state_has_words_for_people(state: State) -> None:
    row = ROWS[state]
    assert row.words
    assert row.says.endswith(".")
    assert bool(row.waits) == bool(row.then)  # what is counted down is said, and nothing else


@pytest.mark.parametrize("state", State)
def test_the_times_of_a_state_are_times_of_the_session(state: State) -> None:
    row = ROWS[state]
    assert bool(row.then) == bool(row.until)
    assert row.overdue_since or not row.duty or state is START  # else nobody hears of it
    for name in filter(None, (row.until, row.overdue_since)):
        field = getattr(Session, name)
        hints = get_type_hints(field.fget)["return"] if isinstance(field, property) else None
        assert hints or get_type_hints(Session)[name] == datetime | None


@pytest.mark.parametrize("state", State)
def test_a_state_knows_asks_that_there_are(state: State) -> None:
    assert set(ROWS[state].asks) <= set(Kind)
    assert ("end" in ROWS[state].asks) == (Event.ENDED in TRANSITIONS[state])
    assert ("extend" in ROWS[state].asks) == (Event.EXTENDED in TRANSITIONS[state])


def test_what_is_open_holds_its_lock_and_is_made_known_when_it_is_overdue() -> None:
    assert OPEN < LIVE
    assert all(ROWS[state].overdue_since for state in LIVE)


@pytest.mark.parametrize("state", [state for state in State if ROWS[state].then])
def test_time_moves_a_state_along_an_edge_of_the_table(state: State) -> None:
    assert ROWS[state].then in TRANSITIONS[state]


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("event", [Event.EXPIRED, Event.ENDED, Event.LEASE_GONE])
def test_whatever_is_open_can_be_closed(state: State, event: Event) -> None:
    assert step(state, event) is State.REVOKING


def test_the_only_way_out_of_revoking_is_revoked() -> None:
    assert TRANSITIONS[State.REVOKING] == {Event.REVOKED: State.SETTLING}


def test_no_edge_leads_back_once_access_is_gone() -> None:
    assert not reachable(State.SETTLING) & LIVE


def test_what_was_asked_for_is_never_just_denied() -> None:
    assert State.DENIED not in reachable(State.GRANTING)


def test_an_event_that_a_state_does_not_know_is_a_mistake_in_the_program() -> None:
    with pytest.raises(Impossible, match="CLOSED"):
        step(State.CLOSED, Event.GRANTED)


def test_the_diagram_shows_every_edge() -> None:
    lines = diagram().splitlines()
    for state, moves in TRANSITIONS.items():
        for event, target in moves.items():
            assert any(f"{state} --> {target}:" in line and event in line for line in lines)
