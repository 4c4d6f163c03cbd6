"""The heart: the states a session passes through, and what moves it from one to the next.

Two literal tables say all of it. Nothing here knows of AWS, Slack or the clock.
"""

from enum import StrEnum


class State(StrEnum):
    """A condition that a session is in."""

    REQUESTED = "REQUESTED"
    DENIED = "DENIED"
    GRANTING = "GRANTING"
    ACTIVE = "ACTIVE"
    REVOKING = "REVOKING"
    SETTLING = "SETTLING"
    REPORTING = "REPORTING"
    TAILING = "TAILING"
    CONCLUDING = "CONCLUDING"
    CLOSED = "CLOSED"


class Event(StrEnum):
    """A fact that moves a session to another state."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    WAITED_TOO_LONG = "waited too long"
    GRANTED = "granted"
    GRANT_FAILED = "grant failed"
    EXTENDED = "extended"
    EXPIRED = "expired"
    ENDED = "ended"
    LEASE_GONE = "lease gone"
    REVOKED = "revoked"
    SETTLED = "settled"
    REPORTED = "reported"
    TAIL_OVER = "tail over"
    CONCLUDED = "concluded"


class Duty(StrEnum):
    """What must get done while a session is in a state; every one is safe to repeat."""

    DECIDE = "decide"
    GRANT = "grant"
    REVOKE = "revoke"
    REPORT = "report"
    CONCLUDE = "conclude"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.REQUESTED: {
        Event.ALLOWED: State.GRANTING,
        Event.REFUSED: State.DENIED,
        Event.WAITED_TOO_LONG: State.DENIED,
    },
    State.GRANTING: {
        Event.GRANTED: State.ACTIVE,
        Event.GRANT_FAILED: State.REVOKING,  # it may have half-happened: make sure
        Event.EXPIRED: State.REVOKING,
        Event.ENDED: State.REVOKING,
        Event.LEASE_GONE: State.REVOKING,
    },
    State.ACTIVE: {
        Event.EXTENDED: State.ACTIVE,
        Event.EXPIRED: State.REVOKING,
        Event.ENDED: State.REVOKING,
        Event.LEASE_GONE: State.REVOKING,
    },
    State.REVOKING: {Event.REVOKED: State.SETTLING},
    State.SETTLING: {Event.SETTLED: State.REPORTING},  # no edge leads back from here on
    State.REPORTING: {
        Event.REPORTED: State.TAILING,  # credentials may have outlived the revoke
        Event.CONCLUDED: State.CLOSED,
    },
    State.TAILING: {Event.TAIL_OVER: State.CONCLUDING},
    State.CONCLUDING: {Event.CONCLUDED: State.CLOSED},
    State.CLOSED: {},
    State.DENIED: {},
}

DUTIES: dict[State, Duty] = {
    State.REQUESTED: Duty.DECIDE,
    State.GRANTING: Duty.GRANT,
    State.REVOKING: Duty.REVOKE,
    State.REPORTING: Duty.REPORT,
    State.CONCLUDING: Duty.CONCLUDE,
}

# What the passing of time alone does to a state. Every state that is not final has a duty,
# a line here, or both: so nothing can be stuck.
TIMEOUTS: dict[State, Event] = {
    State.REQUESTED: Event.WAITED_TOO_LONG,
    State.GRANTING: Event.EXPIRED,
    State.ACTIVE: Event.EXPIRED,
    State.SETTLING: Event.SETTLED,
    State.TAILING: Event.TAIL_OVER,
}

START = State.REQUESTED
FINAL = frozenset(state for state, moves in TRANSITIONS.items() if not moves)
OPEN = frozenset({State.GRANTING, State.ACTIVE})  # a person may have access and may end it
LIVE = OPEN | {State.REVOKING}  # the session holds its door


class Impossible(Exception):
    """An event that the state does not know. A mistake in the program: let it be seen."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"nothing leads from {state} on “{event}”")
        self.state, self.event = state, event


def step(state: State, event: Event) -> State:
    """The state after `event`. Raises Impossible where the table has no such edge."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise Impossible(state, event) from None


def diagram() -> str:
    """The tables as a Mermaid state diagram, for the documents and the demo."""
    lines = ["stateDiagram-v2", f"    [*] --> {START}"]
    for state, moves in TRANSITIONS.items():
        targets: dict[State, list[Event]] = {}
        for event, target in moves.items():
            targets.setdefault(target, []).append(event)
        for target, events in targets.items():
            lines.append(f"    {state} --> {target}: {' · '.join(events)}")
        if not moves:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"
