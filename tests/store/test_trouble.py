"""What DynamoDB refuses, and rows that say nothing: each in the words that the runner knows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain import rows
from chalicelib.domain.ask import Kind
from chalicelib.domain.errors import LockTaken, Unavailable, Unreadable, Unwritable
from chalicelib.domain.session import Access, Lock, iso
from tests.store.contract import ACCESS, MINUTE, OTHER, Store, bg, ended, pressed, released
from tests.support.stories import HOUR, NOON, active, granting, requested

pytestmark = pytest.mark.world
FOUND = ("arn:aws:sso:::instance/ssoins-1", "d-1", "111122223333")
LONG = "x" * 500_000  # more than DynamoDB takes in a row


@pytest.fixture
def store(dynamodb: Store) -> Iterator[Store]:
    dynamodb.clear()
    yield dynamodb
    dynamodb.clear()


CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda books: books.read(bg(1)),
    "asked": lambda books: books.asked(f"ask/{bg(1)}"),
    "decided": lambda books: books.asked(f"asked/end-{1:024x}"),
    "write": lambda books: books.write(active(version=1)),
    "write anew": lambda books: books.write(active()),
    "outcome": lambda books: books.outcome(bg(1), "mine", {"tries": 1}),
    "allow": lambda books: books.allow(granting()),
    "take over": lambda books: books.take_over(granting()),
    "decide": lambda books: books.decide(ended(pressed(active())), active(version=1)),
    "answered": lambda books: books.answered(ended(pressed(active()), version=1)),
    "drop an ask": lambda books: books.drop_ask(f"ask/{bg(1)}"),
    "release": lambda books: books.release(released(active(version=1))),
    "lock": lambda books: books.lock(ACCESS),
    "free": lambda books: books.free(ACCESS, Lock(bg(1))),
    "living": lambda books: books.living(ACCESS),
    "due": lambda books: books.due(NOON, 1),
    "asks due": lambda books: books.asks_due(NOON, 1),
    "unfinished": lambda books: books.unfinished(),
    "remains": lambda books: books.remains(bg(1)),
    "alive": lambda books: books.alive(),
    "stood": lambda books: books.session_that_saw(ACCESS),
    "hang": lambda books: books.restore_lock(active(version=1)),
    "noted": lambda books: books.noted(ACCESS),
    "ask back": lambda books: books.ask_back(ACCESS, "prod", NOON),
    "instance": lambda books: books.instance(),
    "keep the instance": lambda books: books.keep_instance(FOUND, NOON),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_table_that_is_not_there_is_unavailable(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any]
) -> None:
    from chalicelib.adapters.dynamodb import table as adapter

    monkeypatch.setattr(adapter.Row, "_connection", None)
    monkeypatch.setattr(adapter.Row.Meta, "table_name", adapter.Row.Meta.table_name)  # put back
    with pytest.raises(Unavailable):
        call(adapter.Table("no-such-table", "us-east-1"))


# ---- rows that are too big ----------------------------------------------------------------------


def test_a_row_that_dynamodb_does_not_take_is_unwritable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, in part and in a transaction; nobody else takes it for a lost race."""
    session = store.open(busy_token="mine")
    ask = store.ask(pressed(session))
    monkeypatch.setattr(rows, "LONGEST", 10**6)
    long = session.with_(last_error=LONG)
    for write in (
        lambda: store.books.write(long),
        lambda: store.books.outcome(session.id, "mine", {"last_error": LONG}),
        lambda: store.books.release(released(session, last_error=LONG)),
        lambda: store.books.decide(ended(ask), long),
        lambda: store.books.decide(ended(ask, reason=LONG)),
    ):
        with pytest.raises(Unwritable):
            write()
    assert store.books.read(session.id) == (session, True)
    assert store.books.asked(f"ask/{ask.id}") == ask


def test_no_session_is_too_big_whatever_is_in_it(store: Store) -> None:
    session = store.open(busy_token="mine")
    flood = ("\N{WOMAN}" * 3_000,) * 300
    full = session.with_(
        last_error=LONG, reason=LONG, name="\N{WOMAN}" * 100_000, email="\ud800" * 3_000,
        steps=flood, owed=flood, summary=flood, report_to=flood, alarmed=flood,
    )  # fmt: skip
    store.books.write(full)
    row, _ = store.books.read(session.id)
    assert row.last_error == LONG[: rows.LONGEST]
    assert row.name == "\N{WOMAN}" * (rows.LONGEST // 4)
    assert row.email == "?" * rows.LONGEST
    store.books.outcome(session.id, "mine", {"last_error": LONG})
    store.books.decide(ended(store.ask(pressed(session)), reason=LONG, account_name=LONG))


# ---- rows that an operator has spoiled -----------------------------------------------------------


LATER = iso(NOON + HOUR)
WHOLE: dict[str, Any] = {  # a live session's row, as the table has it
    "kind": "session", "state": "ACTIVE", "open": "yes", "look_at": LATER, "version": 3,
    "asked_at": iso(NOON), "deadline": LATER, "live_access": ACCESS.key, "glass": "prod",
    "account_id": ACCESS.account_id, "permission_set_arn": ACCESS.permission_set_arn,
    "principal_id": ACCESS.principal_id, "email": "alice@example.com", "duration": 3600,
    "report_to": ["security@example.com"], "alarms": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "spoilt",
    [
        {"deadline": "soon"},
        {"deadline": 7},
        {"deadline": "9999-12-31T23:59:59.000Z"},
        {"deadline": "0001-01-01T00:00:00.000Z"},
        {"asked_at": "yesterday"},
        {"state": "OPEN"},
        {"state": 7},
        {"duration": "an hour"},
        {"duration": 10**30},
        {"duration": 10**11},
        {"version": "x", "live_access": "x"},
        {"report_to": [7], "alarms": ["x"], "live_access": "x", "principal_id": 7},
    ],
)
def test_of_a_live_row_that_an_operator_has_spoiled_all_else_can_still_be_told(
    store: Store, spoilt: dict[str, Any]
) -> None:
    session = store.open()
    store.spoil(session.id, WHOLE | spoilt)
    with pytest.raises(Unreadable):
        store.books.read(session.id)
    left = store.books.remains(session.id)
    assert (left.id, left.live, left.version) == (session.id, True, 0)
    assert (left.access, left.deadline) == (ACCESS, NOON + HOUR)
    assert left.email == "alice@example.com"
    if "report_to" not in spoilt:
        assert (left.report_to, left.alarms) == (("security@example.com",), 1)
    assert store.books.unfinished() == [(left, False)], "so it is looked at, and counted"


@pytest.mark.parametrize("lease", [True, False])
def test_lease_and_lock_say_whose_it_is_and_until_when_where_the_row_says_nothing(
    store: Store, lease: bool
) -> None:
    session = store.open()
    other = replace(OTHER, principal_id="another")
    store.spoil(f"door/{other.key}", {"kind": "door", "open": "door", "look_at": LATER})
    store.spoil(session.id, {"open": "yes", "look_at": LATER})
    if not lease:  # the TTL has taken it
        store.books.drop(session.id)
    left = store.books.remains(session.id)
    assert (left.access, left.deadline, left.glass) == (ACCESS, session.deadline, "")


def test_what_was_ended_early_is_over_since_then_though_its_row_is_spoiled(store: Store) -> None:
    session = store.open()
    store.spoil(session.id, WHOLE | {"state": "REVOKING", "ended_at": iso(NOON), "tries": "x"})
    assert store.books.remains(session.id).deadline == NOON


def test_where_nothing_says_until_when_it_is_live_all_the_same(store: Store) -> None:
    store.spoil(bg(1), {"state": "ACTIVE", "open": "yes", "look_at": LATER})
    left = store.books.remains(bg(1))
    assert (left.live, left.deadline, left.access) == (True, None, Access("", "", ""))


@pytest.mark.parametrize(
    "spoilt", [{"state": "SETTLING", "report_at": "soon"}, {"state": "REQUESTED", "wait_until": 7}]
)
def test_what_is_not_live_leaves_nothing_though_its_row_is_spoiled(
    store: Store, spoilt: dict[str, Any]
) -> None:
    store.spoil(bg(1), WHOLE | spoilt)
    assert store.books.remains(bg(1)) is None
    assert store.books.remains(bg(2)) is None
    assert store.books.unfinished() == []


def test_a_lock_that_says_nothing_is_unreadable(store: Store) -> None:
    store.spoil(f"door/{ACCESS.key}", {"kind": "door", "session_id": bg(1), "free_at": "soon"})
    with pytest.raises(Unreadable):
        store.books.lock(ACCESS)
    store.ask(requested())
    with pytest.raises(LockTaken):
        store.books.allow(granting())


@pytest.mark.parametrize(
    "said",
    [{}, {"session_id": ""}, {"session_id": 1}, {"session_id": ["x"]}, {"session_id": {}},
     {"session_id": None}, {"look_at": "junk", "version": "x"}],
)  # fmt: skip
def test_a_lock_that_does_not_say_whose_it_is_is_nobodys_and_can_be_freed(
    store: Store, said: dict[str, Any]
) -> None:
    store.spoil(f"door/{ACCESS.key}", {"kind": "door"} | said)
    assert store.books.lock(ACCESS) == Lock("")
    assert store.books.read("") == (None, False)
    store.books.free(ACCESS, Lock(bg(1)))
    assert store.books.lock(ACCESS) == Lock("")
    store.books.free(ACCESS, Lock(""))
    assert store.books.lock(ACCESS) is None


def test_a_lock_that_is_somebodys_is_not_freed_as_nobodys(store: Store) -> None:
    session = store.open()
    store.books.free(ACCESS, Lock(""))
    assert store.books.lock(ACCESS) == Lock(session.id)


def test_every_kind_of_ask_can_be_dropped_however_it_is_spoiled(store: Store) -> None:
    for kind in Kind:
        row_id = f"ask/{kind}-{1:024x}"
        store.spoil(row_id, {"asked_at": "yesterday", "open": "ask", "look_at": "2020"})
        assert list(store.books.asks_due(NOON, 10)) == [row_id]
        with pytest.raises(Unreadable):
            store.books.asked(row_id)
        store.books.drop_ask(row_id)
        assert store.books.asks_due(NOON, 10) == []


# ---- what was discovered ------------------------------------------------------------------------


def test_what_was_discovered_is_kept_and_written_anew(store: Store) -> None:
    assert store.books.instance() is None
    store.books.keep_instance(FOUND, NOON)
    assert store.books.instance() == (FOUND, NOON)
    other = ("arn:aws:sso:::instance/ssoins-2", "d-2", "111122223333")
    store.books.keep_instance(other, NOON + MINUTE)
    assert store.books.instance() == (other, NOON + MINUTE)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"instance_arn": ""},
        {"identity_store_id": None},
        {"found_at": "yesterday"},
        {"found_at": 7},
        {"instance_arn": ["a"]},
    ],
)
def test_what_was_kept_and_spoiled_is_as_good_as_nothing(
    store: Store, spoilt: dict[str, Any]
) -> None:
    good = dict(zip(("instance_arn", "identity_store_id", "owner_account_id"), FOUND, strict=True))
    good["found_at"] = "2026-11-22T12:00:00.000Z"
    store.spoil("kept/identity-center", good)
    assert store.books.instance() == (FOUND, NOON)
    store.spoil("kept/identity-center", good | spoilt)
    assert store.books.instance() is None
    store.books.keep_instance(FOUND, NOON)
    assert store.books.instance() == (FOUND, NOON)
