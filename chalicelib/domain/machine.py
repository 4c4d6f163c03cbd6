"""The heart: the states a session passes through, and what moves it from one to the next.

One literal table says all of it, a row for each state. Nothing here knows of AWS, Slack or time.
"""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """A condition that a session is in."""

    REQUESTED = "REQUESTED"
    APPROVING = "APPROVING"
    DENIED = "DENIED"
    GRANTING = "GRANTING"
    ACTIVE = "ACTIVE"
    REVOKING = "REVOKING"
    SETTLING = "SETTLING"
    REPORTING = "REPORTING"
    TAILING = "TAILING"
    CONCLUDING = "CONCLUDING"
    REVIEWING = "REVIEWING"
    CLOSED = "CLOSED"


class Event(StrEnum):
    """A fact that moves a session to another state."""

    ALLOWED = "allowed"
    APPROVAL_WANTED = "approval wanted"
    APPROVED = "approved"
    BYPASSED = "gone in without approval"
    DECLINED = "declined"
    NOT_APPROVED = "not approved in time"
    REFUSED = "refused"
    WAITED_TOO_LONG = "waited too long"
    GRANTED = "granted"
    GRANT_FAILED = "grant failed"
    ACKNOWLEDGED = "acknowledged"
    EXTENDED = "extended"
    EXPIRED = "expired"
    ENDED = "ended"
    LEASE_GONE = "lease gone"
    REVOKED = "revoked"
    SETTLED = "settled"
    REPORTED = "reported"
    TAIL_OVER = "tail over"
    CONCLUDED = "concluded"
    REVIEW_OWED = "review owed"
    REVIEWED = "reviewed"
    NOT_REVIEWED = "never reviewed"


class Duty(StrEnum):
    """What must get done while a session is in a state; every one is safe to repeat."""

    DECIDE = "decide"
    GRANT = "grant"
    REVOKE = "revoke"
    REPORT = "report"
    CONCLUDE = "conclude"


class Row(NamedTuple):
    """All that is said of a state anywhere: in the protocol, in words, on the page, in the log.

    Every state that is not final has a duty, or an event that time alone brings, or both: so
    nothing can be stuck. Times are named by the session's field that has them.
    """

    words: str  # what people call it
    says: str  # what is done in it
    leads: dict[Event, State] = {}  # noqa: RUF012 - a literal that nobody changes
    duty: Duty | None = None
    then: Event | None = None  # what the passing of time alone brings …
    until: str = ""  # … at that time
    waits: str = ""  # what is said before the time that is left until then
    overdue_since: str = ""  # the time from which on people are told that it is not over
    open: bool = False  # a person may have access, and may end it
    locks: bool = False  # the session holds its lock: nobody else has this access
    asks: tuple[str, ...] = ()  # what may be asked for while it lasts
    colour: str = ""  # ANSI's, in the log


_END = {
    Event.EXPIRED: State.REVOKING,
    Event.ENDED: State.REVOKING,
    Event.LEASE_GONE: State.REVOKING,
}
_GREEN, _YELLOW, _RED, _MAGENTA = "32", "33", "31", "35"

ROWS: dict[State, Row] = {
    State.REQUESTED: Row(
        words="Asked",
        says="Finding out who asks, and whether they may.",
        leads={
            Event.ALLOWED: State.GRANTING,
            Event.APPROVAL_WANTED: State.APPROVING,
            Event.REFUSED: State.DENIED,
            Event.WAITED_TOO_LONG: State.DENIED,
        },
        duty=Duty.DECIDE,
        then=Event.WAITED_TOO_LONG,
        until="wait_until",
        waits="Denied, if nobody has decided, in",
        colour=_YELLOW,
    ),
    State.APPROVING: Row(  # nothing is held and nothing given: afterwards all is decided anew
        words="Waiting for approval",
        says="Waiting for another person to approve it.",
        leads={
            Event.APPROVED: State.REQUESTED,
            Event.BYPASSED: State.REQUESTED,
            Event.DECLINED: State.DENIED,
            Event.ENDED: State.DENIED,
            Event.NOT_APPROVED: State.DENIED,
        },
        then=Event.NOT_APPROVED,
        until="approve_until",
        waits="Denied, if nobody approves it, in",
        asks=("approve", "decline", "bypass", "end"),
        colour=_YELLOW,
    ),
    State.GRANTING: Row(
        words="Coming",
        says="Asking Identity Center for access.",
        leads={
            Event.GRANTED: State.ACTIVE,
            Event.GRANT_FAILED: State.REVOKING,  # it may have half-happened: make sure
            **_END,
        },
        duty=Duty.GRANT,
        then=Event.EXPIRED,
        until="deadline",
        waits="Given up, and made sure that nothing stays, in",
        overdue_since="deadline",
        open=True,
        locks=True,
        asks=("end",),
        colour=_GREEN,
    ),
    State.ACTIVE: Row(
        words="Open",
        says="Access is open.",
        leads={Event.ACKNOWLEDGED: State.ACTIVE, Event.EXTENDED: State.ACTIVE, **_END},
        then=Event.EXPIRED,
        until="deadline",
        waits="It closes by itself in",
        overdue_since="deadline",
        open=True,
        locks=True,
        asks=("end", "extend", "acknowledge"),
        colour=_GREEN,
    ),
    State.REVOKING: Row(
        words="Taking back",
        says="Taking access back, and looking until it is gone.",
        leads={Event.REVOKED: State.SETTLING},
        duty=Duty.REVOKE,
        overdue_since="over_since",
        locks=True,
        colour=_RED,
    ),
    State.SETTLING: Row(  # no edge leads back from here on
        words="Waiting for CloudTrail",
        says="Access is closed.",
        leads={Event.SETTLED: State.REPORTING},
        then=Event.SETTLED,
        until="report_at",
        waits="Waiting for CloudTrail to catch up; the report comes in",
        colour=_YELLOW,
    ),
    State.REPORTING: Row(
        words="Writing the report",
        says="Reading CloudTrail and writing the report.",
        leads={
            Event.REPORTED: State.TAILING,  # credentials may have outlived the revoke
            Event.CONCLUDED: State.CLOSED,
            Event.REVIEW_OWED: State.REVIEWING,
        },
        duty=Duty.REPORT,
        overdue_since="report_at",
        colour=_YELLOW,
    ),
    State.TAILING: Row(
        words="Reported",
        says="Reported. Credentials already handed out may still live.",
        leads={Event.TAIL_OVER: State.CONCLUDING},
        then=Event.TAIL_OVER,
        until="conclude_at",
        waits="The last look comes in",
        colour=_YELLOW,
    ),
    State.CONCLUDING: Row(
        words="Looking once more",
        says="Looking once more for what those credentials did.",
        leads={Event.CONCLUDED: State.CLOSED, Event.REVIEW_OWED: State.REVIEWING},
        duty=Duty.CONCLUDE,
        overdue_since="conclude_at",
        colour=_YELLOW,
    ),
    State.REVIEWING: Row(  # nothing of access depends on it, so nobody who leaves holds it up
        words="Waiting for review",
        says="Reported. Waiting for another person to review it.",
        leads={Event.REVIEWED: State.CLOSED, Event.NOT_REVIEWED: State.CLOSED},
        then=Event.NOT_REVIEWED,
        until="never_reviewed_at",
        waits="Closed, though nobody has reviewed it, in",
        overdue_since="review_until",
        asks=("expected", "followup"),
        colour=_YELLOW,
    ),
    State.CLOSED: Row(
        words="Closed",
        says="Closed and reported. Nothing is left to do.",
    ),
    State.DENIED: Row(
        words="Denied",
        says="No access was given.",
        colour=_MAGENTA,
    ),
}

TRANSITIONS = {state: row.leads for state, row in ROWS.items()}
DUTIES = {state: row.duty for state, row in ROWS.items() if row.duty is not None}

START = State.REQUESTED
FINAL = frozenset(state for state, row in ROWS.items() if not row.leads)
OPEN = frozenset(state for state, row in ROWS.items() if row.open)
LIVE = frozenset(state for state, row in ROWS.items() if row.locks)


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
