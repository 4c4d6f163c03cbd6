"""What reconciliation reads and writes: locks, leases, notes, and what is taken back."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import LockTaken, Stale, Unreadable
from chalicelib.domain.session import Lock, Noted
from tests.store.contract import ACCESS, OTHER, Store, bg, released
from tests.support.stories import HOUR, NOON, active, settling


def test_locks_leases_and_live_sessions_are_listed(store: Store) -> None:
    session = store.open()
    store.put(settling(id=bg(3)))
    assert list(store.books.all_locks()) == [(f"door/{ACCESS.key}", ACCESS)]
    assert list(store.books.all_leases()) == [session.id]
    assert list(store.books.alive()) == [session.id]
    store.books.release(released(session))
    for listed in (store.books.all_locks, store.books.all_leases, store.books.alive):
        assert list(listed()) == []


def test_a_live_session_that_nobody_would_look_at_is_listed_all_the_same(store: Store) -> None:
    session = store.put(active(look_at=None))
    assert list(store.books.alive()) == [session.id]


def test_a_lock_whose_id_says_nothing_is_listed_as_such(store: Store) -> None:
    lock = {"kind": "door", "open": "door", "look_at": "2026", "session_id": "bg-1"}
    store.spoil("door/nonsense", lock)
    assert list(store.books.all_locks()) == [("door/nonsense", None)]


@pytest.mark.world
@pytest.mark.parametrize("kind", ["door", "lease", "assignment"])
def test_no_other_row_is_a_lock_a_lease_or_a_note_whatever_it_says(
    dynamodb: Store, kind: str
) -> None:
    dynamodb.clear()
    dynamodb.spoil("ask/anything", {"kind": kind, "open": kind, "look_at": "2026"})
    assert dynamodb.books.all_locks() == dynamodb.books.all_leases() == dynamodb.books.notes() == []


def test_a_missing_lock_is_hung_for_the_row_as_it_was_read(store: Store) -> None:
    session = store.open()
    with pytest.raises(Stale):
        store.books.restore_lock(session)
    store.books.free(ACCESS, Lock(session.id))
    with pytest.raises(Stale):
        store.books.restore_lock(replace(session, version=session.version - 1))
    store.books.restore_lock(session)
    assert store.books.lock(ACCESS) == Lock(session.id)
    assert store.books.read(session.id)[0] == session


NOTED = Noted(
    access=ACCESS,
    found_at=NOON,
    glass="prod",
    email="steve@example.com",
    name="Steve",
    account_name="Production",
    permission_set="BreakGlassAdmin",
    owed=("channel", "mail"),
)


def test_a_note_is_read_as_it_was_written(store: Store) -> None:
    assert store.books.noted(ACCESS) is None
    store.books.note(NOTED)
    first = replace(NOTED, version=1)
    assert store.books.noted(ACCESS) == first
    accepted = first.with_(standing=True, accepted_by="ann", session_id="bg-1", owed=())
    store.books.note(accepted)
    assert store.books.noted(ACCESS) == replace(accepted, version=2)
    for stale in (NOTED, first):
        with pytest.raises(Stale):
            store.books.note(stale)


@pytest.mark.world
def test_a_note_that_an_operator_has_spoiled_is_unreadable(dynamodb: Store) -> None:
    dynamodb.spoil(f"assignment/{ACCESS.key}", {"kind": "standing", "found_at": "yesterday"})
    with pytest.raises(Unreadable):
        dynamodb.books.noted(ACCESS)


def test_what_is_gone_is_noted_and_not_listed(store: Store) -> None:
    store.books.note(NOTED)
    store.books.note(replace(NOTED, access=OTHER))
    assert set(store.books.notes()) == {ACCESS, OTHER}
    gone = replace(NOTED, version=1, gone_at=NOON)
    store.books.note(gone)
    assert list(store.books.notes()) == [OTHER]
    assert store.books.noted(ACCESS) == replace(gone, version=2)


def test_a_session_that_saw_it_standing_is_found_by_its_access(store: Store) -> None:
    for name, changes in {
        bg(1): {"standing": "yes"},
        bg(2): {"standing": "yes", "asked_at": NOON + HOUR},
        bg(4): {"standing": "no", "asked_at": NOON + 2 * HOUR},
        bg(5): {"standing": "yes", "principal_id": "else", "asked_at": NOON + 3 * HOUR},
    }.items():
        store.put(settling(id=name, **changes))
    assert store.books.session_that_saw(ACCESS) == bg(2)
    assert store.books.session_that_saw(OTHER) is None


# ---- what was found -----------------------------------------------------------------------------


def test_what_was_found_is_an_ask_for_the_workers_side(store: Store) -> None:
    row_id = store.books.ask_back(ACCESS, "prod", NOON)
    asked = store.books.asked(row_id)
    assert (asked.found, asked.access, asked.glass) == (True, ACCESS, "prod")
    assert (asked.version, asked.asked_at) == (0, NOON)
    assert store.books.read(asked.id) == (None, False)
    assert store.books.lock(ACCESS) is None
    assert list(store.books.asks_due(NOON, 10)) == [row_id]


def test_what_was_found_is_taken_over_in_one_write(store: Store) -> None:
    store.books.note(NOTED)  # said before, and not accepted
    found = store.found()
    store.books.take_over(found)
    assert store.books.read(found.id) == (replace(found, version=1), True)
    assert store.books.lock(ACCESS) == Lock(found.id)
    assert store.books.asks_due(NOON, 10) == []


def test_an_open_lock_or_an_acceptance_is_not_taken_over(store: Store) -> None:
    session = store.open()
    found = store.found()
    with pytest.raises(LockTaken):
        store.books.take_over(found)
    store.books.release(released(session))
    store.books.note(NOTED.with_(standing=True, accepted_by="ann"))
    with pytest.raises(Stale):
        store.books.take_over(found)
    assert store.books.read(found.id) == (None, False)
    assert store.books.lock(ACCESS) is None
    assert len(store.books.asks_due(NOON, 10)) == 1


def test_what_is_no_longer_asked_is_not_taken_over(store: Store) -> None:
    found = store.found()
    store.books.drop_ask(store.books.asks_due(NOON, 1)[0])
    with pytest.raises(Stale):
        store.books.take_over(found)
    assert store.books.read(found.id) == (None, False)
    assert store.books.lock(ACCESS) is None


def test_what_is_taken_over_once_is_not_taken_over_twice(store: Store) -> None:
    """Asked for again with the same row, after it had become a session and was over."""
    found = store.found()
    store.books.take_over(found)
    over = released(replace(found, version=1)).with_(shape="found")
    store.books.release(over)
    row_id = store.books.ask_back(ACCESS, "prod", NOON)
    with pytest.raises(Stale):
        store.books.take_over(found)
    assert store.books.asked(row_id) is None
    assert store.books.asks_due(NOON, 10) == []
