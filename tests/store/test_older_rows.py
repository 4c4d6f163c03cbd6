"""Rows as the version before has left them, each at some point of its way: they still go on.

Wishes stood in the session's own row then, a claim kept everybody out until it had run out, and a
press was a session from its first write on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.lasting import extends_by
from chalicelib.domain.machine import FINAL, State
from chalicelib.domain.session import Access, Session
from chalicelib.words import refusals
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.store.contract import ACCESS, Store, bg
from tests.support.states import OVER, reachable
from tests.support.stories import HOUR, NOON, SET

pytestmark = pytest.mark.world
SECOND = timedelta(seconds=1)
AN_HOUR = Decimal("3600.0")
PRESSED = {
    "kind": "session",
    "open": "yes",
    "version": 1,
    "state": "REQUESTED",
    "glass": "prod",
    "asked_at": "2026-11-22T12:00:00.000Z",
    "wait_until": "2026-11-22T12:05:00.000Z",
    "look_at": "2026-11-22T12:00:00.000Z",
    "person": "U0ALICE",
    "slack_user": "U0ALICE",
    "slack_user_name": "alice",
    "slack_channel": "C0DEPLOY",
    "slack_message": "1763800000.000100",
    "shape": "block_actions",
    "response_url": "https://hooks.slack.com/actions/T0/1/abc",
    "response_uses": 1,
    "account_id": "111122223333",
    "account_name": "Production",
    "permission_set": "BreakGlassAdmin",
}
ALLOWED = {
    **PRESSED,
    "version": 2,
    "state": "GRANTING",
    "person": "alice@example.com",
    "email": "alice@example.com",
    "name": "Alice Example",
    "user_name": "alice",
    "principal_id": "alice-id",
    "permission_set_arn": SET,
    "live_access": ACCESS.key,
    "duration": AN_HOUR,
    "tail": AN_HOUR,
    "extend": Decimal("1800.0"),
    "report_to": ["security@example.com"],
    "report_after": Decimal("900.0"),
    "channel": "C0INCIDENT",
    "allowed_at": "2026-11-22T12:00:00.000Z",
    "deadline": "2026-11-22T13:00:00.000Z",
    "steps": ["2026-11-22T12:00:00.000Z GRANTING allowed (queue)"],
}
CLAIMED = {  # for as long as that worker could live, and nothing says until when it may land
    **ALLOWED,
    "version": 3,
    "standing": "no",
    "grant_call": "?",
    "grant_asked_at": "2026-11-22T12:00:00.000Z",
    "busy_until": "2026-11-22T12:01:05.000Z",
    "busy_token": "0123456789abcdef",
    "look_at": "2026-11-22T12:01:05.000Z",
}
ACTIVE = {
    **ALLOWED,
    "version": 6,
    "state": "ACTIVE",
    "standing": "no",
    "grant_asked_at": "2026-11-22T12:00:00.000Z",
    "granted_at": "2026-11-22T12:00:02.000Z",
    "card_ts": "1763800002.000100",
    "wake_at": "2026-11-22T13:00:00.000Z",
    "look_at": "2026-11-22T13:01:00.000Z",
    "steps": [*ALLOWED["steps"], "2026-11-22T12:00:02.000Z ACTIVE granted (queue)"],
}
WISHED = {
    **ACTIVE,
    "version": 16,
    "end_askers": ["U0MALLORY"] * 4,
    "end_asked_at": "2026-11-22T12:10:00.000Z",
    "extend_askers": ["U0MALLORY", "U0BOB"],
    "extend_asked_at": "2026-11-22T12:11:00.000Z",
    "extended": 1,
    "look_at": "2026-11-22T12:11:00.000Z",
}
REVOKING = {
    **ACTIVE,
    "version": 8,
    "state": "REVOKING",
    "ended_at": "2026-11-22T13:00:00.000Z",
    "ended_how": "expired",
    "ended_look": "queue",
    "look_at": "2026-11-22T13:00:05.000Z",
}
ASKED_BACK = {
    "revoke_first_asked_at": "2026-11-22T13:00:00.000Z",
    "revoke_asked_at": "2026-11-22T13:00:00.000Z",
    "revoke_look": "queue",
    "lag_asked": Decimal("0.2"),
}
UNKNOWN_DELETE = {
    **REVOKING,
    **ASKED_BACK,
    "revoke_call": "?",
    "busy_until": "2026-11-22T13:01:05.000Z",
    "busy_token": "0123456789abcdef",
    "look_at": "2026-11-22T13:01:05.000Z",
}
SETTLING = {
    **{name: value for name, value in REVOKING.items() if name != "live_access"},
    **ASKED_BACK,
    "version": 10,
    "state": "SETTLING",
    "revoke_call": "done",
    "revoke_succeeded_at": "2026-11-22T13:00:01.000Z",
    "gone_at": "2026-11-22T13:00:02.000Z",
    "gone_look": "queue",
    "lag_gone": Decimal("2.0"),
    "report_at": "2026-11-22T13:15:02.000Z",
    "look_at": "2026-11-22T13:15:02.000Z",
}
LIVE = {
    "claimed, and the create was heard": (CLAIMED, True),
    "claimed, and it was not": (CLAIMED, False),
    "allowed": (ALLOWED, False),
    "active": (ACTIVE, True),
    "wished": (WISHED, True),
    "revoking": (REVOKING, True),
    "an unknown delete": (UNKNOWN_DELETE, True),
    "an unknown delete that was heard": (UNKNOWN_DELETE, False),
    "a delete under way": ({**REVOKING, **ASKED_BACK, "revoke_call": "delete-1"}, False),
    "a grant that is not known, being ended": ({**REVOKING, "grant_call": "?"}, True),
}


@dataclass
class Stage:
    """The table with an older row, and the outside in memory."""

    store: Store
    world: World

    def goes_on(self, *states: State) -> Session:
        """Whatever is due is looked at, until the session is in one of the states."""
        for _ in range(200):
            row, _ = self.store.books.read(bg(1))
            if row.state in states:
                return row
            assert row.look_at is not None
            self.world.time = max(row.look_at, self.world.time + SECOND)
            assert list(self.store.books.due(self.world.time, 10)) == [bg(1)]
            look = Turn("queue", lambda: timedelta(seconds=40))
            self.world.runner().advance(bg(1), look)
        raise AssertionError(f"still {row.state}")


@pytest.fixture
def stage(dynamodb: Store) -> Iterator[Stage]:
    dynamodb.clear()
    world = World()
    world.books = dynamodb.books
    yield Stage(dynamodb, world)
    dynamodb.clear()


def there(stage: Stage, row: dict[str, Any], *, given: bool) -> None:
    """The rows of a live session as they stood."""
    stage.store.spoil(bg(1), row)
    shared = {"session_id": bg(1), "look_at": row["deadline"]}
    stage.store.spoil(f"door/{ACCESS.key}", {"kind": "door", "open": "door", **shared})
    ttl = int(datetime.fromisoformat(row["deadline"]).timestamp())
    lease = {"kind": "lease", "open": "lease", "ttl": ttl, **shared}
    stage.store.spoil(f"lease/{bg(1)}", lease)
    stage.world.time = datetime.fromisoformat(row["steps"][-1].partition(" ")[0])
    if given:
        stage.world.assignments = {ACCESS}


@pytest.mark.parametrize(("row", "given"), LIVE.values(), ids=LIVE)
def test_access_of_an_older_row_ends_by_its_deadline_and_is_reported(
    stage: Stage, row: dict[str, Any], given: bool
) -> None:
    there(stage, row, given=given)
    read, leased = stage.store.books.read(bg(1))
    assert (read.state, read.version, leased) == (row["state"], row["version"], True)
    assert (read.duration, read.report_to) == (HOUR, ("security@example.com",))
    assert extends_by(read) == (timedelta(0) if read.extended else HOUR / 2), "once, as promised"
    over = stage.goes_on(State.SETTLING)
    assert stage.world.assignments == set()
    assert over.deadline == NOON + HOUR
    assert stage.store.books.all_locks() == stage.store.books.all_leases() == []
    assert stage.world.time <= NOON + HOUR + timedelta(minutes=2)
    closed = stage.goes_on(State.CLOSED)
    assert (closed.owed, closed.look_at, closed.report_final) == ((), None, "second")
    assert [mail.subject for mail in stage.world.mails] == [f"Report {bg(1)}"] * 2
    assert list(stage.store.books.due(stage.world.time + HOUR, 10)) == []


def test_a_claim_of_the_older_kind_keeps_everybody_out_until_it_has_run_out(stage: Stage) -> None:
    """Its worker may still be asking: nothing but its own time says when it has ended."""
    there(stage, CLAIMED, given=False)
    stage.world.time = NOON + 64 * SECOND
    stage.world.runner().advance(bg(1), Turn("sweep", lambda: timedelta(seconds=40)))
    assert stage.world.asked == []
    assert stage.store.books.read(bg(1))[0].grant_call == "?"
    row = stage.goes_on(State.ACTIVE)
    assert row.granted_at >= NOON + 65 * SECOND
    assert stage.world.asked.count("create") == 1
    assert stage.world.assignments == {ACCESS}


def test_a_press_that_is_a_session_already_is_decided(stage: Stage) -> None:
    stage.store.spoil(bg(1), PRESSED)
    row = stage.goes_on(State.ACTIVE)
    assert row.access == Access("111122223333", SET, "alice-id")
    assert stage.world.assignments == {ACCESS}
    assert stage.store.books.lock(ACCESS).holder == bg(1)
    stage.goes_on(State.CLOSED)
    assert stage.world.assignments == set()
    assert stage.store.books.asks_due(stage.world.time + HOUR, 10) == []


def test_a_press_of_the_older_kind_waits_no_longer_than_any(stage: Stage) -> None:
    stage.store.spoil(bg(1), PRESSED)
    stage.world.time = NOON + timedelta(minutes=5)
    row = stage.goes_on(State.DENIED)
    assert row.reason.startswith(refusals.undecided(""))
    assert stage.world.assignments == set()


@pytest.mark.parametrize("state", sorted(OVER - FINAL - {State.REVIEWING}))  # it knew no reviews
def test_a_session_that_was_over_is_still_reported(stage: Stage, state: State) -> None:
    row = {**SETTLING, "state": str(state)}
    if state in reachable(State.TAILING):
        row |= {"reported_at": "2026-11-22T13:16:00.000Z", "report_digest": "d"}
        row |= {"conclude_at": "2026-11-22T14:15:02.000Z", "look_at": "2026-11-22T14:15:02.000Z"}
    stage.store.spoil(bg(1), row)
    stage.world.time = NOON + HOUR + 3 * SECOND
    closed = stage.goes_on(State.CLOSED)
    assert stage.world.mails
    assert closed.look_at is None


def test_what_was_wished_then_is_in_no_newer_row(stage: Stage) -> None:
    """The next write leaves it out: nothing that anybody sent stays in a session's row."""
    there(stage, WISHED, given=True)
    session, _ = stage.store.books.read(bg(1))
    assert session.state is State.ACTIVE
    stage.store.books.write(session)
    from chalicelib.adapters.dynamodb.model import Row

    names = set(Row.get(bg(1)).serialize())
    assert not {"end_askers", "end_asked_at", "extend_askers", "extend_asked_at"} & names
    assert {"deadline", "live_access", "steps"} <= names
