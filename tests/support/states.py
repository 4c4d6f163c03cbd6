"""The states as the machine's table has them: a new one is met by every test that asks here."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from chalicelib.domain.machine import LIVE, ROWS, Event, State
from chalicelib.domain.session import Session
from tests.support.stories import NOON, active, granting, requested, revoking, settling


def reachable(start: State) -> set[State]:
    """The state and all that it may still lead to."""
    seen, ahead = set(), {start}
    while ahead:
        state = ahead.pop()
        seen.add(state)
        ahead |= set(ROWS[state].leads.values()) - seen
    return seen


MAY_COME = frozenset(state for state in State if State.ACTIVE in reachable(state)) - {State.ACTIVE}
CAME = frozenset(reachable(State.ACTIVE))  # access was there, or is
OVER = CAME - LIVE  # … and has been taken back


def in_every_state() -> dict[State, Session]:
    """A session in each state, by the shortest way there: the times of the state are set."""
    known = (requested(), granting(), active(), revoking(), settling())
    found = {each.state: each for each in known}
    ahead = [*found.values()]
    for session in ahead:  # it grows
        for event, state in ROWS[session.state].leads.items():
            if state not in found:
                found[state] = _entered(session, event, state)
                ahead.append(found[state])
    return {state: found[state] for state in ROWS if state in found}


def _entered(session: Session, event: Event, state: State) -> Session:
    now = max(filter(None, (NOON, session.gone_at, session.report_at, session.conclude_at)))
    row, plain = ROWS[state], {each.name for each in fields(Session)}
    later = now + timedelta(minutes=15)
    times: dict[str, Any] = {
        name: later
        for name in {row.until, row.overdue_since} & plain
        if getattr(session, name) is None
    }
    if "expected" in row.asks:
        times["review"] = timedelta(days=5)
    if "bypass" in row.asks:
        times["may_bypass"] = "yes"
    if not row.leads:
        times |= {"concluded_at" if session.gone_at else "denied_at": now, "look_at": None}
    return session.entered(event, now, "queue", **times)
