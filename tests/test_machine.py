"""The tables: every state can be reached, none is a trap, and the diagram shows them all."""

import pytest

from chalicelib.domain.machine import (
    DUTIES,
    FINAL,
    LIVE,
    OPEN,
    START,
    TIMEOUTS,
    TRANSITIONS,
    Event,
    Impossible,
    State,
    diagram,
    step,
)


def reachable(start: State) -> set[State]:
    seen, ahead = set(), {start}
    while ahead:
        state = ahead.pop()
        seen.add(state)
        ahead |= set(TRANSITIONS[state].values()) - seen
    return seen


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(State) == reachable(START)


@pytest.mark.parametrize("state", State)
def test_every_state_leads_to_an_end(state: State) -> None:
    assert reachable(state) & FINAL


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_no_state_is_without_a_duty_or_a_deadline(state: State) -> None:
    assert state in DUTIES or state in TIMEOUTS


@pytest.mark.parametrize("state", TIMEOUTS)
def test_time_moves_a_state_along_an_edge_of_the_table(state: State) -> None:
    assert TIMEOUTS[state] in TRANSITIONS[state]


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
