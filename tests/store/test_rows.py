"""Sessions with their locks and leases: what is written in one, what is freed, what is listed."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb import lists
from chalicelib.adapters.dynamodb.model import Row
from chalicelib.domain.errors import LockTaken, Stale, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Lock, Session
from tests.store.contract import ACCESS, MINUTE, PAST, Store, bg, released
from tests.support.stories import HOUR, NOON, active, granting, requested, revoking, settling

# ---- rows ---------------------------------------------------------------------------------------


def test_what_is_not_there_is_nothing(store: Store) -> None:
    assert store.books.read(bg(404)) == (None, False)
    assert store.books.lock(ACCESS) is None
    assert store.books.living(ACCESS) == []
    assert list(store.books.due(NOON, 10)) == []


@pytest.mark.parametrize("make", [requested, granting, active, revoking, settling])
def test_a_session_is_read_as_it_was_written(store: Store, make: Callable[..., Session]) -> None:
    session = store.put(make(look_at=NOON))
    assert store.books.read(session.id) == (session, False)


def test_a_lag_of_nothing_is_one_and_stays(store: Store) -> None:
    """DynamoDB gives 0.0 back as 0; who writes the row again must not lose it."""
    session = store.put(revoking(lag_asked=0.0))
    for _ in range(2):
        session, _ = store.books.read(session.id)
        assert session.lag_asked == 0
        store.write(session)


def test_every_field_is_kept(store: Store) -> None:
    values: dict[type, Any] = {str: "text", int: 3, float: 1.5}
    full = settling()
    for field in fields(Session):
        if getattr(full, field.name) not in (None, "", 0, (), timedelta(0)):
            continue
        kind = str(field.type)
        value = (
            HOUR if "timedelta" in kind
            else NOON if "datetime" in kind
            else ("one", "two") if "tuple" in kind
            else values[float] if "float" in kind
            else values[int] if "int" in kind
            else values[str]
        )  # fmt: skip
        full = replace(full, **{field.name: value})
    full = replace(full, version=0)
    session = store.put(full)
    assert store.books.read(session.id)[0] == session


def test_a_write_needs_the_version_and_raises_it(store: Store) -> None:
    session = store.put(requested())
    newer = store.write(session.with_(reason="first"))
    with pytest.raises(Stale):
        store.books.write(session.with_(reason="second"))
    assert store.books.read(session.id)[0] == newer
    with pytest.raises(Stale):
        store.books.write(requested(id=bg(404)))


def test_an_outcome_needs_the_claim_and_nothing_else(store: Store) -> None:
    session = store.put(active(busy_token="mine", busy_until=NOON, grant_call="?"))
    store.write(session.with_(reason="meanwhile"))
    cleared = {"busy_until": None, "busy_token": "", "grant_call": "r-1", "tries": 2}
    store.books.outcome(session.id, "mine", cleared)
    row, _ = store.books.read(session.id)
    assert (row.grant_call, row.busy_until, row.busy_token) == ("r-1", None, "")
    assert (row.reason, row.tries, row.version) == ("meanwhile", 2, session.version + 2)
    for token in ("mine", "another"):
        with pytest.raises(Stale):
            store.books.outcome(session.id, token, cleared)


# ---- session, lock and lease in one write -------------------------------------------------------


def test_allowed_is_row_lock_and_lease_in_one(store: Store) -> None:
    session = store.open()
    assert store.books.read(session.id) == (session, True)
    assert store.books.lock(ACCESS) == Lock(session.id)
    assert store.books.living(ACCESS) == [session.id]


def test_released_is_row_lock_and_lease_in_one(store: Store) -> None:
    session = store.open()
    with pytest.raises(Stale):
        store.books.release(released(replace(session, version=session.version - 1)))
    assert store.books.lock(ACCESS) == Lock(session.id)
    store.books.release(released(session))
    row, leased = store.books.read(session.id)
    assert (row.state, leased) == (State.SETTLING, False)
    assert store.books.lock(ACCESS) is None
    assert store.books.living(ACCESS) == []


@pytest.mark.parametrize("late", [None, NOON + 2 * HOUR])
def test_another_sessions_lock_is_left_to_it(store: Store, late: datetime | None) -> None:
    """Ours was deleted by hand, and another has taken the place."""
    session = store.open()
    store.books.free(ACCESS, Lock(session.id))
    other = store.open(id=bg(2))
    store.books.release(released(session, revoke_late_until=late))
    row, leased = store.books.read(session.id)
    assert (row.state, leased) == (State.SETTLING, False)
    assert store.books.lock(ACCESS) == Lock(other.id)


LATE = NOON + HOUR + MINUTE


def test_while_a_delete_may_land_the_lock_stays_shut(store: Store) -> None:
    session = store.open()
    with pytest.raises(Stale):
        store.books.release(
            released(replace(session, version=session.version - 1), revoke_late_until=LATE)
        )
    assert store.books.lock(ACCESS) == Lock(session.id)
    assert store.books.read(session.id) == (session, True)
    store.books.release(released(session, revoke_late_until=LATE))
    row, leased = store.books.read(session.id)
    assert (row.state, row.revoke_late_until, leased) == (State.SETTLING, LATE, False)
    assert store.books.lock(ACCESS) == Lock(session.id, LATE)
    assert store.books.living(ACCESS) == store.books.alive() == []
    store.ask(requested(id=bg(2)))
    with pytest.raises(LockTaken):
        store.books.allow(granting(id=bg(2)))


def test_it_stays_shut_too_where_the_lock_was_deleted_meanwhile(store: Store) -> None:
    session = store.open()
    store.books.free(ACCESS, Lock(session.id))
    store.books.release(released(session, revoke_late_until=LATE))
    assert store.books.lock(ACCESS) == Lock(session.id, LATE)


def test_a_lock_is_freed_as_it_was_read_and_no_other(store: Store) -> None:
    session = store.open()
    for another in (Lock(bg(9)), Lock(session.id, LATE), Lock(bg(9), LATE)):
        store.books.free(ACCESS, another)
        assert store.books.lock(ACCESS) == Lock(session.id)
    store.books.release(released(session, revoke_late_until=LATE))
    for another in (Lock(session.id), Lock(session.id, LATE + MINUTE), Lock(bg(9), LATE)):
        store.books.free(ACCESS, another)
        assert store.books.lock(ACCESS) == Lock(session.id, LATE)
    for _ in range(2):
        store.books.free(ACCESS, Lock(session.id, LATE))
        assert store.books.lock(ACCESS) is None
    assert store.open(id=bg(2)).id == store.books.lock(ACCESS).holder


# ---- indexes ------------------------------------------------------------------------------------


def test_what_is_due_comes_the_longest_due_first(store: Store) -> None:
    for name, minutes in ((bg(2), 2), (bg(1), 1), (bg(9), 9)):
        store.put(requested(id=name, look_at=NOON + timedelta(minutes=minutes)))
    store.put(settling(id=bg(3), state=State.CLOSED, look_at=None))
    now = NOON + timedelta(minutes=5)
    assert list(store.books.due(now, 10)) == [bg(1), bg(2)]
    assert list(store.books.due(now, 1)) == [bg(1)]


@pytest.mark.parametrize(
    "values",
    [
        {"state": "NO SUCH STATE"},
        {"state": "ACTIVE", "asked_at": "yesterday"},
        {"state": "ACTIVE", "asked_at": "2026-11-22T12:00:00.000Z", "deadline": "soon"},
        {"state": "ACTIVE", "asked_at": "2026-11-22T12:00:00.000Z", "tries": "many"},
    ],
)
def test_a_row_that_an_operator_has_spoiled_is_unreadable_and_hides_no_other(
    store: Store, values: dict[str, Any]
) -> None:
    session = store.open(look_at=NOON)
    listed = {"kind": "session", "open": "yes", "look_at": "2020", "live_access": ACCESS.key}
    store.spoil(bg(66), listed | values)
    assert session.id in store.books.due(NOON, 10)
    assert session.id in store.books.living(ACCESS)
    assert session.id in store.books.alive()
    assert (session.id, True) in [(each.id, leased) for each, leased in store.books.unfinished()]
    with pytest.raises(Unreadable):
        store.books.read(bg(66))


@pytest.mark.world
def test_a_live_session_that_cannot_say_when_it_is_due_is_looked_at_with_all_others(
    dynamodb: Store,
) -> None:
    dynamodb.clear()
    session = dynamodb.open(look_at=NOON)
    spoiled = {"kind": "session", "look_at": "soon", "open": "yes", "live_access": ACCESS.key}
    dynamodb.spoil(bg(66), spoiled)
    assert {bg(66), session.id} == {*dynamodb.books.due(NOON, 10)}


@pytest.mark.parametrize(
    "row_id",
    [f"ask/{bg(7)}", f"ask/found-{7:024x}", f"ask/end-{7:024x}", f"asked/end-{7:024x}", "ask/",
     "ask/anything", f"ask/x/{bg(7)}"],
)  # fmt: skip
def test_no_row_but_a_sessions_own_is_a_session_whatever_it_says(store: Store, row_id: str) -> None:
    """Who may only ask writes what it likes into the rows that it may write."""
    real = store.open(look_at=NOON)
    store.forge(row_id, active(standing="yes", look_at=PAST, asked_at=PAST, version=6))
    assert store.books.read(row_id) == (None, False)
    for most in (1, 10):
        assert list(store.books.due(NOON, most)) == [real.id]
    assert list(store.books.living(ACCESS)) == [real.id]
    assert list(store.books.alive()) == [real.id]
    assert [each.id for each, _ in store.books.unfinished()] == [real.id]
    assert store.books.session_that_saw(ACCESS) is None


@pytest.mark.world
def test_no_number_of_rows_that_only_pretend_keeps_a_live_session_from_its_turn(
    dynamodb: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may only ask writes thousands of them, each earlier than everything; they are put away a
    number at a time, and neither an ask nor a session is."""
    dynamodb.clear()
    monkeypatch.setattr(lists, "MOST_READ", 1_000)
    live = dynamodb.open(look_at=NOON)
    over = dynamodb.put(settling(id=bg(8), look_at=PAST))
    ask = f"ask/end-{8:024x}"
    dynamodb.spoil(ask, {"kind": "ask", "open": "ask", "look_at": "2020"})
    kinds = ("yes", "door", "lease", "assignment")
    for n in range(2_400):
        pretends = {"kind": "session", "open": kinds[n % 4], "look_at": "0001", "tries": "x"}
        row_id = f"ask/bg-{n:024x}" if n % 3 else f"ask/bg-{n}"
        dynamodb.spoil(row_id, pretends)
    books: Any = dynamodb.books
    assert next(iter(books.due(NOON, 500))) == live.id
    assert live.id in [each.id for each, _ in books.unfinished()]
    assert books.put_away(NOON, 100) == 100
    while any(books.put_away(NOON + timedelta(minutes=n), 500) for n in range(3)):
        pass
    kept = {ask, live.id, over.id, f"lease/{live.id}", f"door/{live.access.key}"}
    assert {row.id for row in Row.scan(attributes_to_get=["id"])} == kept
    assert list(books.due(NOON, 10)) == [live.id, over.id]
    assert books.asks_due(NOON, 10) == [ask]


def test_the_latest_session_that_waits_for_its_review_is_found_by_person_and_glass(
    store: Store,
) -> None:
    for name, changes in {
        bg(1): {},
        bg(2): {"asked_at": NOON + HOUR},
        bg(3): {"asked_at": NOON + 2 * HOUR, "state": State.CLOSED},
        bg(4): {"asked_at": NOON + 3 * HOUR, "principal_id": "else"},
        bg(5): {"asked_at": NOON + 4 * HOUR, "glass": "other"},
    }.items():
        store.put(settling(id=name, **{"state": State.REVIEWING} | changes))
    again = requested(id=bg(6), principal_id=ACCESS.principal_id)
    assert store.books.unreviewed(again, NOON) == bg(2)
    assert store.books.unreviewed(again, NOON + 2 * HOUR) is None
    assert store.books.unreviewed(again.with_(glass="third"), NOON) is None
