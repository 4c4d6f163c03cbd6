"""The log is kept for ever, or forgets what is over; an open session is never let go."""

from datetime import datetime, timedelta

import pytest

from chalicelib.adapters import presses
from chalicelib.adapters.dynamodb import table as dynamodb
from chalicelib.domain import rows
from chalicelib.domain.ask import Ask, Outcome
from chalicelib.domain.machine import FINAL, State
from chalicelib.domain.session import Session
from tests.support import stories
from tests.support.states import in_every_state

KEEP = timedelta(days=30)


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
    assert closed.concluded_at is not None
    assert kept - KEEP - closed.concluded_at < timedelta(seconds=1)


def test_the_row_of_what_is_over_has_the_ttl_that_dynamodb_takes() -> None:
    denied = in_every_state()[State.DENIED]
    row = dynamodb.session_row(denied, KEEP).serialize()
    assert row["ttl"] == {"N": str(int((stories.NOON + KEEP).timestamp()))}


DECIDED = Ask(
    id="end-0123456789abcdef01234567",
    session_id=stories.active().id,
    asked_at=stories.NOON,
    slack_user="U0BOB",
    outcome=Outcome.REFUSED,
    decided_at=stories.NOON + timedelta(seconds=1),
)


def test_a_decided_ask_is_forgotten_as_a_session_is() -> None:
    row = rows.of_decided(DECIDED, KEEP)
    kept = datetime.fromtimestamp(row["ttl"], stories.NOON.tzinfo)
    assert kept == stories.NOON + KEEP + timedelta(seconds=1)
    assert "ttl" not in rows.of_decided(DECIDED)


def test_an_ask_that_nobody_has_decided_is_never_forgotten() -> None:
    """No TTL, whoever writes it: who asked must hear what came of it."""
    undecided = Ask(id=DECIDED.id, session_id="bg-1", asked_at=stories.NOON, slack_user="U0BOB")
    for asked in (stories.requested(), undecided):
        assert "ttl" not in presses.item(asked)
    assert "ttl" not in rows.of_found(stories.granting(shape="found"))
    assert "ttl" not in rows.of_decided(undecided, KEEP), "and without a time it has no TTL"
