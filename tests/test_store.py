"""One contract, two stores: what the runner counts on holds in memory and in DynamoDB alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.machine import Event, State
from chalicelib.ports import DoorTaken, Stale, Unavailable, Unreadable
from chalicelib.session import Access, Noted, Session
from tests.books import MemoryBooks
from tests.stories import HOUR, NOON, active, granting, requested, revoking, settling

ACCESS = active().access
OTHER = Access(ACCESS.account_id, ACCESS.permission_set_arn, "somebody-else")
NAME = "contract"


@dataclass
class Store:
    """A store, with the route's two writes and a way to empty it."""

    books: Any  # ports.Books
    record: Callable[[Session], bool]
    wish: Callable[[str, str, str, datetime], bool]
    clear: Callable[[], None]
    spoil: Callable[[str, dict[str, Any]], None]

    def put(self, session: Session) -> Session:
        """The row as it is, as of its first version; the session to go on from."""
        assert self.record(session)
        return replace(session, version=session.version + 1)

    def open(self, **changes: Any) -> Session:
        """A session that was allowed: row, door and lease."""
        asked = self.put(requested(**changes))
        allowed = replace(granting(**changes), version=asked.version)
        self.books.allow(allowed)
        return replace(allowed, version=allowed.version + 1)

    def write(self, session: Session) -> Session:
        self.books.write(session)
        return replace(session, version=session.version + 1)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Store]:
    """The real adapters over the local AWS's table."""
    import boto3

    from simulator.world import World

    with World.start(deploy=False) as world, pytest.MonkeyPatch.context() as patch:
        environ = {
            "AWS_ENDPOINT_URL": world.facts["endpoint"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
        }
        for name, value in environ.items():
            patch.setenv(name, value)
        from chalicelib import schema, wiring
        from chalicelib.adapters import dynamodb
        from chalicelib.adapters.aws_json import DYNAMODB, AwsJson
        from chalicelib.adapters.presses import Presses

        client = boto3.client("dynamodb")
        schema.ensure(client, NAME)
        client.update_time_to_live(  # leases here are old, and are to stay
            TableName=NAME, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
        )
        patch.setattr(dynamodb.Row.Meta, "table_name", NAME)
        patch.setattr(dynamodb.Row, "_connection", None)
        route = Presses(AwsJson(DYNAMODB, environ, wiring._tls).call, NAME)

        def clear() -> None:
            for item in client.scan(TableName=NAME)["Items"]:
                client.delete_item(TableName=NAME, Key={"id": item["id"]})

        def spoil(row_id: str, values: dict[str, Any]) -> None:
            named = {name: {"S": value} for name, value in values.items()}
            client.put_item(TableName=NAME, Item={"id": {"S": row_id}, **named})

        yield Store(dynamodb.Table(), route.record, route.wish, clear, spoil)


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.world)])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "dynamodb":
        found: Store = request.getfixturevalue("dynamodb")
        found.clear()
        return found
    books = MemoryBooks()

    def spoil(row_id: str, values: dict[str, Any]) -> None:
        if values.get("kind") == "door":
            books.doors[row_id.removeprefix("door/")] = values["session_id"]
        else:
            books.unreadable.add(row_id)

    return Store(books, books.record, books.wish, lambda: None, spoil)


# ---- rows ---------------------------------------------------------------------------------------


def test_what_is_not_there_is_nothing(store: Store) -> None:
    assert store.books.read("bg-none") == (None, False)
    assert store.books.holder(ACCESS) is None
    assert store.books.living(ACCESS) == []
    assert store.books.due(NOON, 10) == []


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
            NOON if "datetime" in kind
            else HOUR if "timedelta" in kind
            else ("one", "two") if "tuple" in kind
            else values[float] if "float" in kind
            else values[int] if "int" in kind
            else values[str]
        )  # fmt: skip
        full = replace(full, **{field.name: value})
    full = replace(full, version=0)
    session = store.put(full)
    assert store.books.read(session.id)[0] == session


def test_a_press_is_recorded_once(store: Store) -> None:
    session = store.put(requested())
    assert store.record(requested(reason="another")) is False
    assert store.books.read(session.id)[0] == session


def test_a_write_needs_the_version_and_raises_it(store: Store) -> None:
    session = store.put(requested())
    newer = store.write(session.with_(reason="first"))
    with pytest.raises(Stale):
        store.books.write(session.with_(reason="second"))
    assert store.books.read(session.id)[0] == newer
    with pytest.raises(Stale):
        store.books.write(requested(id="bg-none"))


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


def test_a_wish_is_noted_on_what_is_open_and_on_nothing_else(store: Store) -> None:
    session = store.open()
    assert store.wish(session.id, "end", "U0BOB", NOON)
    row, _ = store.books.read(session.id)
    assert (row.end_askers, row.end_asked_at, row.look_at) == (("U0BOB",), NOON, NOON)
    assert row.version == session.version + 1
    assert store.wish(session.id, "end", "U0EVE", NOON + timedelta(seconds=1))
    row, _ = store.books.read(session.id)
    assert (row.end_askers, row.end_asked_at) == (("U0BOB", "U0EVE"), NOON + timedelta(seconds=1))
    closed = store.put(settling(id="bg-closed"))
    for row_id in (closed.id, "bg-none", f"lease/{session.id}"):
        assert store.wish(row_id, "extend", "U0BOB", NOON) is False


# ---- session, door and lease in one write -------------------------------------------------------


def test_allowed_is_row_door_and_lease_in_one(store: Store) -> None:
    session = store.open()
    assert store.books.read(session.id) == (session, True)
    assert store.books.holder(ACCESS) == session.id
    assert store.books.living(ACCESS) == [session.id]


def test_a_taken_door_lets_nobody_in_and_leaves_nothing(store: Store) -> None:
    first = store.open()
    second = store.put(requested(id="bg-second"))
    with pytest.raises(DoorTaken):
        store.books.allow(replace(granting(id="bg-second"), version=second.version))
    assert store.books.read("bg-second") == (second, False)
    assert store.books.holder(ACCESS) == first.id


def test_a_stale_row_takes_no_door(store: Store) -> None:
    session = store.put(requested())
    store.write(session)
    with pytest.raises(Stale):
        store.books.allow(replace(granting(), version=session.version))
    assert store.books.holder(ACCESS) is None
    assert store.books.read(session.id)[1] is False


def test_extend_needs_row_and_lease(store: Store) -> None:
    session = store.open()
    later = session.with_(deadline=NOON + 2 * HOUR, extended=1)
    store.books.extend(later)
    assert store.books.read(session.id)[0].extended == 1
    with pytest.raises(Stale):
        store.books.extend(later)
    store.books.drop(session.id)
    with pytest.raises(Stale):
        store.books.extend(replace(later, version=session.version + 1, extended=2))
    assert store.books.read(session.id)[0].extended == 1


def released(session: Session) -> Session:
    over = replace(active(id=session.id), version=session.version)
    ended = over.entered(Event.EXPIRED, NOON + HOUR)
    return ended.entered(Event.REVOKED, NOON + HOUR)


def test_released_is_row_door_and_lease_in_one(store: Store) -> None:
    session = store.open()
    with pytest.raises(Stale):
        store.books.release(released(replace(session, version=session.version - 1)))
    assert store.books.holder(ACCESS) == session.id
    store.books.release(released(session))
    row, leased = store.books.read(session.id)
    assert (row.state, leased) == (State.SETTLING, False)
    assert store.books.holder(ACCESS) is None
    assert store.books.living(ACCESS) == []


def test_another_sessions_door_is_left_to_it(store: Store) -> None:
    """Ours was deleted by hand, and another has taken the place."""
    session = store.open()
    store.books.free(ACCESS, session.id)
    other = store.open(id="bg-other")
    store.books.release(released(session))
    assert store.books.read(session.id)[0].state is State.SETTLING
    assert store.books.holder(ACCESS) == other.id


def test_a_door_is_freed_of_whom_it_is_said_to_hold_only(store: Store) -> None:
    session = store.open()
    store.books.free(ACCESS, "bg-other")
    assert store.books.holder(ACCESS) == session.id
    store.books.free(ACCESS, session.id)
    store.books.free(ACCESS, session.id)
    assert store.books.holder(ACCESS) is None


# ---- indexes ------------------------------------------------------------------------------------


def test_what_is_due_comes_the_longest_due_first(store: Store) -> None:
    for name, minutes in (("bg-2", 2), ("bg-1", 1), ("bg-9", 9)):
        store.put(requested(id=name, look_at=NOON + timedelta(minutes=minutes)))
    store.put(settling(id="bg-closed", state=State.CLOSED, look_at=None))
    now = NOON + timedelta(minutes=5)
    assert list(store.books.due(now, 10)) == ["bg-1", "bg-2"]
    assert list(store.books.due(now, 1)) == ["bg-1"]


@pytest.mark.parametrize(
    "values",
    [
        {"state": "NO SUCH STATE"},
        {"state": "ACTIVE", "asked_at": "yesterday"},
        {"state": "ACTIVE", "asked_at": "2026-11-22T12:00:00.000Z", "deadline": "soon"},
        {"state": "ACTIVE", "asked_at": "2026-11-22T12:00:00.000Z", "tries": "many"},
    ],
)
def test_a_row_that_a_hand_has_spoiled_is_unreadable_and_hides_no_other(
    store: Store, values: dict[str, Any]
) -> None:
    session = store.open(look_at=NOON)
    listed = {"kind": "session", "open": "yes", "look_at": "2020", "live_access": ACCESS.key}
    store.spoil("bg-spoiled", listed | values)
    assert session.id in store.books.due(NOON, 10)
    assert session.id in store.books.living(ACCESS)
    assert session.id in store.books.alive()
    assert [(each.id, leased) for each, leased in store.books.unfinished()] == [(session.id, True)]
    with pytest.raises(Unreadable):
        store.books.read("bg-spoiled")


# ---- reconciliation -----------------------------------------------------------------------------


def test_doors_leases_and_live_sessions_are_listed(store: Store) -> None:
    session = store.open()
    store.put(settling(id="bg-closed"))
    assert list(store.books.all_doors()) == [(f"door/{ACCESS.key}", ACCESS)]
    assert list(store.books.all_leases()) == [session.id]
    assert list(store.books.alive()) == [session.id]
    store.books.release(released(session))
    for listed in (store.books.all_doors, store.books.all_leases, store.books.alive):
        assert list(listed()) == []


def test_a_live_session_that_nobody_would_look_at_is_listed_all_the_same(store: Store) -> None:
    session = store.put(active(look_at=None))
    assert list(store.books.alive()) == [session.id]


def test_a_door_whose_id_says_nothing_is_listed_as_such(store: Store) -> None:
    door = {"kind": "door", "open": "door", "look_at": "2026", "session_id": "bg-1"}
    store.spoil("door/nonsense", door)
    assert list(store.books.all_doors()) == [("door/nonsense", None)]


def test_a_missing_door_is_hung_for_the_row_as_it_was_read(store: Store) -> None:
    session = store.open()
    with pytest.raises(Stale):
        store.books.hang(session)
    store.books.free(ACCESS, session.id)
    with pytest.raises(Stale):
        store.books.hang(replace(session, version=session.version - 1))
    store.books.hang(session)
    assert store.books.holder(ACCESS) == session.id
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
def test_a_note_that_a_hand_has_spoiled_is_unreadable(dynamodb: Store) -> None:
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
        "bg-old": {"standing": "yes"},
        "bg-new": {"standing": "yes", "asked_at": NOON + HOUR},
        "bg-given": {"standing": "no", "asked_at": NOON + 2 * HOUR},
        "bg-theirs": {"standing": "yes", "principal_id": "else", "asked_at": NOON + 3 * HOUR},
    }.items():
        store.put(settling(id=name, **changes))
    assert store.books.stood(ACCESS) == "bg-new"
    assert store.books.stood(OTHER) is None


def found() -> Session:
    return replace(granting(id="bg-found", shape="found"), version=0)


def test_what_was_found_is_taken_over_in_one_write(store: Store) -> None:
    store.books.note(NOTED)  # said before, and not accepted
    store.books.take_over(found())
    session, leased = store.books.read("bg-found")
    assert (session, leased) == (replace(found(), version=1), True)
    assert store.books.holder(ACCESS) == "bg-found"


def test_an_open_door_or_an_acceptance_is_not_taken_over(store: Store) -> None:
    session = store.open()
    with pytest.raises(DoorTaken):
        store.books.take_over(found())
    store.books.release(released(session))
    store.books.note(NOTED.with_(standing=True, accepted_by="ann"))
    with pytest.raises(Stale):
        store.books.take_over(found())
    assert store.books.read("bg-found") == (None, False)
    assert store.books.holder(ACCESS) is None


# ---- trouble ------------------------------------------------------------------------------------


@pytest.mark.world
def test_a_table_that_is_not_there_is_unavailable(
    dynamodb: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.adapters import dynamodb as adapter

    monkeypatch.setattr(adapter.Row.Meta, "table_name", "no-such-table")
    books = adapter.Table()
    for ask in (
        lambda: books.read("bg-1"),
        lambda: books.write(active()),
        lambda: books.allow(granting()),
        lambda: books.due(NOON, 1),
        lambda: books.holder(ACCESS),
        lambda: books.free(ACCESS, "bg-1"),
        lambda: books.outcome("bg-1", "mine", {"tries": 1}),
    ):
        with pytest.raises(Unavailable):
            ask()
