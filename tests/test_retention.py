"""The log is kept for ever, or forgets what is over; an open session is never let go."""

from datetime import datetime, timedelta

import pytest

from chalicelib import rows
from chalicelib.adapters import dynamodb, presses
from chalicelib.machine import FINAL, Event, State
from chalicelib.session import Session
from tests import stories

KEEP = timedelta(days=30)


def in_every_state() -> dict[State, Session]:
    now = stories.NOON
    requested = stories.requested()
    settling = stories.settling()
    reporting = settling.entered(Event.SETTLED, now)
    tailing = reporting.entered(Event.REPORTED, now)
    concluding = tailing.entered(Event.TAIL_OVER, now)
    found = (
        requested,
        requested.entered(Event.REFUSED, now, denied_at=now),
        stories.granting(),
        stories.active(),
        stories.revoking(),
        settling,
        reporting,
        tailing,
        concluding,
        concluding.entered(Event.CONCLUDED, now, concluded_at=now),
    )
    return {session.state: session for session in found}


def test_every_state_is_looked_at() -> None:
    assert set(in_every_state()) == set(State)


@pytest.mark.parametrize(
    "session", in_every_state().values(), ids=lambda session: str(session.state)
)
def test_only_what_is_over_carries_the_tables_ttl(session: Session) -> None:
    assert ("ttl" in rows.values(session, KEEP)) == (session.state in FINAL)


@pytest.mark.parametrize(
    "session", in_every_state().values(), ids=lambda session: str(session.state)
)
def test_the_log_is_kept_for_ever_unless_told_otherwise(session: Session) -> None:
    assert "ttl" not in rows.values(session)


def test_the_days_count_from_the_end() -> None:
    closed = in_every_state()[State.CLOSED]
    kept = datetime.fromtimestamp(rows.values(closed, KEEP)["ttl"], stories.NOON.tzinfo)
    assert kept == stories.NOON + KEEP


def test_both_who_write_rows_write_the_same_time() -> None:
    denied = in_every_state()[State.DENIED]
    row = dynamodb._row(denied, KEEP).serialize()
    assert presses.item(denied, KEEP)["ttl"] == row["ttl"] == {"N": str(int(row["ttl"]["N"]))}
