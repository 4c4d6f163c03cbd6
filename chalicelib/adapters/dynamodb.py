"""Keeps sessions, doors and leases in one DynamoDB table: the state of the machine and its log."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

from pynamodb.attributes import (
    Attribute,
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, STREAM_NEW_AND_OLD_IMAGE, STRING
from pynamodb.exceptions import (
    DoesNotExist,
    PynamoDBException,
    TableDoesNotExist,
    TransactWriteError,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.instance import ROW as INSTANCE
from chalicelib.domain.machine import LIVE, State
from chalicelib.domain.ports import DoorTaken, Stale, Unavailable, Unreadable, Unwritable
from chalicelib.domain.session import SESSION_ID, Access, Lock, Noted, Session, from_iso, iso

CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 0.5, 1.0, 1  # seconds; the route has three in all
BEGINS = {rows.OPEN: "bg-", "door": "door/", "lease": "lease/", "assignment": "assignment/"}
IDS = ["id"]  # all that is asked of an index, so that no row that a hand has spoiled is read there
SPOILED = (ValueError, TypeError, KeyError, OverflowError)  # of a time or a number that is none
EPOCH = datetime.fromtimestamp(0, UTC)
YEARS, LONGEST = range(1970, 9000), timedelta(days=36_500)  # what can still be reckoned with
LOST_RACES = {"ConditionalCheckFailedException", "TransactionConflictException"}

T = TypeVar("T")


class TimeAttribute(Attribute[datetime]):
    """A moment as ISO 8601 text, in UTC and whole milliseconds: it sorts, and people read it."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return iso(value)

    def deserialize(self, value: str) -> datetime:
        moment = from_iso(value)  # one that a hand wrote without its zone is UTC's, as all are
        if moment.year not in YEARS:
            raise ValueError("a year with which nothing can be reckoned")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class SecondsAttribute(NumberAttribute):
    """A length of time as a number of seconds."""

    def serialize(self, value: Any) -> str:
        return str(value.total_seconds())

    def deserialize(self, value: str) -> Any:
        length = timedelta(seconds=float(value))
        if abs(length) > LONGEST:
            raise ValueError("longer than anything")
        return length


ATTRIBUTES: dict[Any, Callable[[], Attribute[Any]]] = {
    str: partial(UnicodeAttribute, null=True),
    int: partial(NumberAttribute, null=True),
    float: partial(NumberAttribute, null=True),
    datetime: partial(TimeAttribute, null=True),
    timedelta: partial(SecondsAttribute, null=True),
    tuple: partial(ListAttribute, of=UnicodeAttribute, null=True),
}


def attributes() -> dict[str, Attribute[Any]]:
    """An attribute for each field that a row has of a session, an ask or a noted assignment.

    A field of a type that no row can have has none: an access, which is in the row's id, and
    whether a noted assignment is standing, which is in its kind.
    """
    found: dict[str, Attribute[Any]] = {}
    for value in (Session, Ask, Noted):
        for field in fields(value):
            kind: Any = field.type
            if isinstance(kind, UnionType):  # … | None
                kind = kind.__args__[0]
            kind = get_origin(kind) or (str if issubclass(kind, str) else kind)
            if field.name != "id" and kind in ATTRIBUTES:
                found.setdefault(field.name, ATTRIBUTES[kind]())
    return found


class DueIndex(GlobalSecondaryIndex["Row"]):
    """What is to be looked at, the longest due first. Sparse: only rows with a next look."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    look_at = TimeAttribute(range_key=True)


class PersonIndex(GlobalSecondaryIndex["Row"]):
    """Everything that a person did, in order: by e-mail, else by Slack user."""

    class Meta:
        index_name = "by-person"
        projection = AllProjection()

    person = UnicodeAttribute(hash_key=True)
    asked_at = TimeAttribute(range_key=True)


class AccountIndex(GlobalSecondaryIndex["Row"]):
    """Everything that was done on an account, in order."""

    class Meta:
        index_name = "by-account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    asked_at = TimeAttribute(range_key=True)


class AccessIndex(GlobalSecondaryIndex["Row"]):
    """The live sessions of an access. Sparse: only sessions that hold, or held, a door."""

    class Meta:
        index_name = "by-access"
        projection = KeysOnlyProjection()

    live_access = UnicodeAttribute(hash_key=True)


class Row(Model):
    """A session, an ask, a door, a lease or a noted assignment, as its id says.

    The ids of all but sessions begin with what they are: ask/…, asked/…, door/…, lease/…,
    assignment/…. What is decided goes by the id alone, for who may only ask writes what it likes
    into the rows that it may write.
    """

    class Meta:
        table_name = os.environ.get("BREAK_GLASS_TABLE", "break-glass")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        billing_mode = PAY_PER_REQUEST_BILLING_MODE
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE
        connect_timeout_seconds = CONNECT_TIMEOUT
        read_timeout_seconds = READ_TIMEOUT
        max_retry_attempts = RETRIES

    due = DueIndex()
    by_person = PersonIndex()
    by_account = AccountIndex()
    by_access = AccessIndex()

    id = UnicodeAttribute(hash_key=True)
    ttl = TTLAttribute(null=True)  # never on a session that is open

    # What no value has: what kind of row it is, the indexes' own, and what was discovered once
    # (kind “kept”), for functions that begin cold. `open` is the kind of doors, leases and noted
    # assignments, so that the index lists them too.
    kind = UnicodeAttribute(null=True)
    open = UnicodeAttribute(null=True)
    live_access = UnicodeAttribute(null=True)
    instance_arn = UnicodeAttribute(null=True)
    identity_store_id = UnicodeAttribute(null=True)
    free_at = TimeAttribute(null=True)  # of a lock: its session is over, and it is free from then

    # The fields of Session, Ask and Noted, by their types: written down there and nowhere else.
    vars().update(attributes())

    if TYPE_CHECKING:  # those that conditions name; and of a row, all of them
        version: NumberAttribute
        session_id: UnicodeAttribute
        permission_set_arn: UnicodeAttribute
        principal_id: UnicodeAttribute
        standing: UnicodeAttribute
        busy_token: UnicodeAttribute
        look_at: TimeAttribute

        def __getattr__(self, name: str) -> Any: ...


class Table:
    """The table; see ports.Store for what each call promises."""

    def __init__(self, keep: timedelta = rows.FOR_EVER) -> None:
        self._keep = keep
        self._connection = Row._get_connection().connection  # one client, for it is slow to make

    @property
    def session(self) -> Any:
        """The botocore session that this is all done with, to make other clients of."""
        return self._connection.session

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        if not session_id or "/" in session_id:
            return None, False  # another kind of row, whatever it says of itself
        try:
            with translated():
                with TransactGet(connection=self._connection) as transaction:
                    row = transaction.get(Row, session_id)
                    lease = transaction.get(Row, lease_id(session_id))
                return _found(row.get, _session), _found(lease.get, lambda _: True) or False
        except SPOILED as error:
            raise Unreadable(f"{session_id} is no session: {type(error).__name__}") from error

    def remains(self, session_id: str) -> Session | None:
        row, lease = self._raw(session_id), self._raw(lease_id(session_id))
        access = _access("door", f"door/{row.get('live_access')}") or _access_of(row)
        doors = [door_id(access)] if access else [row_id for row_id, _ in self.all_doors()]
        found = ((row_id, self._raw(row_id)) for row_id in doors)
        mine = (each for each in found if each[1].get("session_id") == session_id)
        door, says = next(mine, ("", {}))
        try:
            live = State(row.get("state", "")) in LIVE
        except ValueError:
            live = bool(lease or door)
        if not live:
            return None
        access = access or _access("door", door)
        at = lease.get("look_at") or lease.get("ttl") or says.get("look_at")
        ends = [each for each in (row.get("deadline") or at, row.get("ended_at")) if each]
        known: dict[str, Any] = {"glass": "", "asked_at": min(ends, default=EPOCH)}
        known |= {field.name: row[field.name] for field in fields(Session) if field.name in row}
        known |= asdict(access) if access else {}
        known |= {"id": session_id, "version": 0, "state": State.ACTIVE, "ended_at": None}
        return Session(**known | {"deadline": min(ends, default=None)})

    def _raw(self, row_id: str) -> dict[str, Any]:
        """Each attribute of the row that says what it should; none where there is no row."""
        with translated():
            found = self._connection.get_item(Row.Meta.table_name, row_id, consistent_read=True)
        said = found.get("Item", {})
        values: dict[str, Any] = {}
        for name, attribute in Row.get_attributes().items():
            with suppress(*SPOILED):
                value = attribute.deserialize(attribute.get_value(said[name]))
                values[name] = tuple(value) if isinstance(value, list) else value
        return values

    def asked(self, row_id: str) -> Session | Ask | None:
        if ask.is_decided(row_id):
            row = self._one(row_id)
            return _decided(row_id, row) if row else None
        kind = ask.kind_of(row_id) if ask.is_open(row_id) else None
        if kind is None:
            raise Unreadable(f"{row_id[:80]} is no ask")
        try:
            with translated(), TransactGet(connection=self._connection) as transaction:
                asked = transaction.get(Row, row_id)
                over = transaction.get(Row, _comes_of(row_id))
            found = _found(asked.get, lambda row: ask.read(row_id, row.attribute_values))
            known = _found(over.get, lambda _: True)
        except SPOILED as error:
            raise Unreadable(f"{row_id} says nothing: {type(error).__name__}") from error
        if found is not None and known:  # written again, after it had been decided
            self.drop_ask(row_id)
            return None
        return found

    def _one(self, row_id: str, names: Sequence[str] | None = None) -> Row | None:
        with translated():
            try:
                return Row.get(row_id, consistent_read=True, attributes_to_get=names)
            except DoesNotExist:
                return None
            except SPOILED as error:
                raise Unreadable(f"{row_id} says nothing: {type(error).__name__}") from error

    def write(self, session: Session) -> None:
        if session.version:
            with translated():
                _row(session, self._keep).save(condition=Row.version == session.version)
            return
        with translated(), TransactWrite(connection=self._connection) as transaction:
            self._put(transaction, session)

    def _put(self, transaction: TransactWrite, session: Session) -> None:
        """The session's row; of a new one in place of the ask that it begins as."""
        row = _row(session, self._keep)
        if session.version:
            transaction.save(row, condition=Row.version == session.version)
            return
        transaction.save(row, condition=Row.id.does_not_exist())
        transaction.delete(Row(_ask_of(session)), condition=Row.id.exists())

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        actions: list[Action] = [Row.version.add(1)]
        for name, value in changes.items():
            attribute = getattr(Row, name)
            gone = value in (None, "")
            actions.append(attribute.remove() if gone else attribute.set(_bounded(value)))
        with translated():
            Row(session_id).update(actions=actions, condition=Row.busy_token == token)

    def allow(self, session: Session) -> None:
        self._take_door(session)

    def take_over(self, session: Session) -> None:
        noted = Row(assignment_id(session.access))
        not_standing = Row.kind.does_not_exist() | (Row.kind != "standing")
        self._take_door(session, unless=(noted, not_standing))

    def _take_door(self, session: Session, unless: tuple[Row, Condition] | None = None) -> None:
        try:
            with translated(), TransactWrite(connection=self._connection) as transaction:
                transaction.save(_door(session), condition=Row.id.does_not_exist())
                transaction.save(_lease(session))
                self._put(transaction, session)
                if unless is not None:
                    row, condition = unless
                    transaction.condition_check(Row, row.id, condition=condition)
        except Stale as stale:
            checks, deletes = int(unless is not None), int(not session.version)
            if _lost(stale) == {checks + deletes}:  # as PynamoDB sends them: the door is first put
                raise DoorTaken(session.access.key) from stale
            raise

    def decide(self, decided: Ask, session: Session | None = None) -> None:
        row = Row(**_timed(rows.of_decided(decided, self._keep)))
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.delete(Row(f"{ask.OPEN}{decided.id}"), condition=Row.id.exists())
            transaction.save(row, condition=Row.id.does_not_exist())
            if session is not None:
                self._put(transaction, session)
                if decided.outcome == Outcome.EXTENDED:
                    transaction.save(_lease(session), condition=Row.id.exists())

    def answered(self, decided: Ask) -> None:
        row = Row(**_timed(rows.of_decided(decided, self._keep)))
        with translated():
            row.save(condition=Row.version == decided.version)

    def drop_ask(self, row_id: str) -> None:
        if row_id.startswith(ask.OPEN):  # what has been decided stays in the log
            with translated():
                Row(row_id).delete()

    def release(self, session: Session) -> None:
        stays = session.revoke_late_until
        try:
            self._release(session, stays, with_door=True)
        except Stale as stale:
            the_door = 1 if stays else 0  # as PynamoDB sends them: the deletes, then the puts
            if the_door not in _lost(stale):
                raise
            self._release(session, stays, with_door=False)  # deleted, and another's by now

    def _release(self, session: Session, stays: datetime | None, with_door: bool) -> None:
        ours = Row.id.does_not_exist() | (Row.session_id == session.id)
        with translated(), TransactWrite(connection=self._connection) as transaction:
            if with_door and stays:
                transaction.save(_door(session, stays), condition=ours)
            elif with_door:
                transaction.delete(Row(door_id(session.access)), condition=ours)
            transaction.delete(Row(lease_id(session.id)))
            transaction.save(_row(session, self._keep), condition=Row.version == session.version)

    def lock(self, access: Access) -> Lock | None:
        """A door that does not say whose it is has the holder "": nobody, so it can be freed."""
        try:
            row = self._one(door_id(access), ["id", "session_id", "free_at"])
        except Unreadable:
            row = self._one(door_id(access), ["id", "free_at"])
        return Lock(row.session_id or "", row.free_at) if row else None

    def free(self, access: Access, lock: Lock) -> None:
        free_at = (
            Row.free_at.does_not_exist() if lock.free_at is None else (Row.free_at == lock.free_at)
        )
        held = Row.session_id == lock.holder
        if not lock.holder:
            held = held | ~Row.session_id.is_type()
        with translated():
            try:
                Row(door_id(access)).delete(condition=held & free_at)
            except PynamoDBException as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise

    def living(self, access: Access) -> Sequence[str]:
        with translated():
            found = Row.by_access.query(access.key, attributes_to_get=IDS)
            return [row.id for row in found if SESSION_ID.fullmatch(row.id)]

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        return self._due(rows.OPEN, "bg-", now, limit)

    def asks_due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of the asks' rows to look at: undecided ones, and those not told yet."""
        return self._due(rows.ASKS, "ask", now, limit)

    def _due(self, partition: str, prefix: str, now: datetime, limit: int) -> Sequence[str]:
        """What does not begin so is nothing of its kind, whatever it says of itself."""
        with translated():
            found = Row.due.query(
                partition,
                Row.look_at <= now,
                filter_condition=Row.id.startswith(prefix),
                limit=limit,
                scan_index_forward=True,
                attributes_to_get=IDS,
            )
            return [row.id for row in found]

    def unfinished(self) -> Sequence[tuple[Session, bool]]:
        """The sessions that have something to do or to wait for, and whether their leases stand.

        From an index and without consistency, so perhaps late. Of a row that cannot be read there
        is what remains of it, without a lease, so that it is looked at, counted and made known.
        """
        ids = [row_id for row_id in self._listed(rows.OPEN) if SESSION_ID.fullmatch(row_id)]
        with translated():
            try:
                found = {row.id: row for row in Row.batch_get([*ids, *map(lease_id, ids)])}
                here = [found[session_id] for session_id in ids if session_id in found]
                return [(_session(row), lease_id(row.id) in found) for row in here]
            except SPOILED:
                pass
        sessions = []
        for session_id in ids:
            try:
                session, leased = self.read(session_id)
            except Unreadable:
                session, leased = self.remains(session_id), False
            sessions += [(session, leased)] if session else []
        return sessions

    # ---- instance.Kept

    def instance(self) -> tuple[tuple[str, str], datetime] | None:
        try:
            row = self._one(INSTANCE)
        except Unreadable:  # whoever discovers it writes it anew
            return None
        if row is None or not (row.instance_arn and row.identity_store_id and row.found_at):
            return None
        return (str(row.instance_arn), str(row.identity_store_id)), row.found_at

    def keep_instance(self, found: tuple[str, str], now: datetime) -> None:
        arn, store_id = found
        row = Row(INSTANCE, kind="kept", instance_arn=arn, identity_store_id=store_id, found_at=now)
        with translated():
            row.save()

    # ---- ports.Books

    def all_doors(self) -> Sequence[tuple[str, Access | None]]:
        return [(row_id, _access("door", row_id)) for row_id in self._listed("door")]

    def all_leases(self) -> Sequence[str]:
        return [row_id.removeprefix("lease/") for row_id in self._listed("lease")]

    def notes(self) -> Sequence[Access]:
        found = (_access("assignment", row_id) for row_id in self._listed("assignment"))
        return [access for access in found if access is not None]

    def _listed(self, kind: str) -> Sequence[str]:
        with translated():
            found = Row.due.query(kind, attributes_to_get=IDS)
            return [row.id for row in found if row.id.startswith(BEGINS[kind])]

    def alive(self) -> Sequence[str]:
        """The whole index, which holds live sessions alone, however long the log is."""
        with translated():
            found = Row.by_access.scan(attributes_to_get=IDS)
            return [row.id for row in found if SESSION_ID.fullmatch(row.id)]

    def hang(self, session: Session) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.condition_check(Row, session.id, condition=Row.version == session.version)
            transaction.save(_door(session), condition=Row.id.does_not_exist())

    def drop(self, session_id: str) -> None:
        with translated():
            Row(lease_id(session_id)).delete()

    def noted(self, access: Access) -> Noted | None:
        row = self._one(assignment_id(access))
        try:
            return _noted(row, access) if row else None
        except SPOILED as error:
            raise Unreadable(f"{assignment_id(access)} says nothing") from error

    def note(self, noted: Noted) -> None:
        new = noted.version == 0
        expected = Row.id.does_not_exist() if new else Row.version == noted.version
        with translated():
            _note(noted).save(condition=expected)

    def stood(self, access: Access) -> str | None:
        saw_it = (
            (Row.standing == "yes")
            & (Row.principal_id == access.principal_id)
            & (Row.permission_set_arn == access.permission_set_arn)
        )
        with translated():
            newest_first = Row.by_account.query(
                access.account_id,
                filter_condition=saw_it,
                scan_index_forward=False,
                attributes_to_get=IDS,
            )
            ids = (str(row.id) for row in newest_first)
            return next((row_id for row_id in ids if SESSION_ID.fullmatch(row_id)), None)

    def ask_back(self, access: Access, glass: str, now: datetime) -> str:
        row = Row(**rows.of_found(ask.found(access, glass, now)))
        with translated():
            row.save()
        return str(row.id)


def door_id(access: Access) -> str:
    return f"door/{access.key}"


def assignment_id(access: Access) -> str:
    return f"assignment/{access.key}"


def _access_of(row: dict[str, Any]) -> Access | None:
    names = [field.name for field in fields(Access)]
    return Access(*(row[name] for name in names)) if row.keys() >= set(names) else None


def _access(kind: str, row_id: str) -> Access | None:
    """What a door or a noted assignment is about, as its row's id says; None where it does not."""
    prefix, _, key = row_id.partition("/")
    account_id, _, rest = key.partition("/")
    permission_set_arn, _, principal_id = rest.rpartition("/")
    if prefix != kind or not (account_id and permission_set_arn and principal_id):
        return None
    return Access(account_id, permission_set_arn, principal_id)


def lease_id(session_id: str) -> str:
    return f"lease/{session_id}"


def _lease(session: Session) -> Row:
    """TTL takes whole seconds; rounded up, so that it never comes before the deadline."""
    assert session.deadline is not None
    return Row(
        lease_id(session.id),
        kind="lease",
        session_id=session.id,
        open="lease",
        look_at=session.deadline,
        ttl=datetime.fromtimestamp(ceil(session.deadline.timestamp()), UTC),
    )


def _door(session: Session, free_at: datetime | None = None) -> Row:
    return Row(
        door_id(session.access),
        kind="door",
        session_id=session.id,
        open="door",
        look_at=session.deadline,
        free_at=free_at,
    )


def _comes_of(row_id: str) -> str:
    """The id of the row that is there once the ask with that row has been decided."""
    if ask.kind_of(row_id) in (Kind.BREAK, Kind.FOUND):
        return "bg-" + row_id.rpartition("-")[2]
    return ask.DECIDED + row_id.removeprefix(ask.OPEN)


def _ask_of(session: Session) -> str:
    """The id of the row that the session begins as."""
    if session.found:
        return f"{ask.OPEN}{Kind.FOUND}{session.id.removeprefix('bg')}"
    return ask.OPEN + session.id


def _decided(row_id: str, row: Row) -> Ask:
    values = _values(row, Ask) | {"id": row_id.removeprefix(ask.DECIDED)}
    try:
        return Ask(outcome=Outcome(values.pop("outcome", "")), **values)
    except SPOILED as error:
        raise Unreadable(f"{row_id} says nothing: {type(error).__name__}") from error


def _note(noted: Noted) -> Row:
    """Listed while the assignment is there: what is gone waits unlisted for its return."""
    access = noted.access
    kept: dict[str, Any] = {
        field.name: _bounded(getattr(noted, field.name)) or None
        for field in fields(noted)
        if field.name not in ("access", "standing", "owed", "version")
    }
    return Row(
        assignment_id(access),
        **kept,
        kind="standing" if noted.standing else "found",
        version=noted.version + 1,
        account_id=access.account_id,
        permission_set_arn=access.permission_set_arn,
        principal_id=access.principal_id,
        owed=list(noted.owed) or None,
        open=None if noted.gone_at else "assignment",
        look_at=None if noted.gone_at else noted.found_at,
    )


def _noted(row: Row, access: Access) -> Noted:
    return Noted(
        access=access,
        found_at=row.found_at,
        glass=row.glass or "",
        email=row.email or "",
        name=row.name or "",
        account_name=row.account_name or "",
        permission_set=row.permission_set or "",
        standing=row.kind == "standing",
        accepted_by=row.accepted_by or "",
        session_id=row.session_id or "",
        gone_at=row.gone_at,
        owed=tuple(str(each) for each in row.owed or ()),
        version=int(row.version or 0),
    )


def _bounded(value: Any) -> Any:
    return rows.short(value) if isinstance(value, str) else value


def _row(session: Session, keep: timedelta = rows.FOR_EVER) -> Row:
    return Row(**_timed(rows.values(session, keep)))


def _timed(kept: dict[str, Any]) -> dict[str, Any]:
    return kept | {"ttl": datetime.fromtimestamp(kept["ttl"], UTC)} if "ttl" in kept else kept


def _values(row: Row, kind: type[Session] | type[Ask]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = getattr(row, field.name)
        if value is not None:
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return values


def _session(row: Row) -> Session:
    values = _values(row, Session)
    values |= {"state": State(values.get("state", "")), "glass": values.get("glass", "")}
    return Session(**values)


def _found(get: Callable[[], Row], made: Callable[[Row], T]) -> T | None:
    try:
        return made(get())
    except DoesNotExist:
        return None


@contextmanager
def translated() -> Iterator[None]:
    """DynamoDB's errors in our words: a lost race is Stale, everything else Unavailable."""
    try:
        yield
    except DoesNotExist:
        raise
    except TransactWriteError as error:
        if any(_race(reason) for reason in error.cancellation_reasons):
            raise Stale("written by another meanwhile") from error
        raise _translated(error) from error
    except PynamoDBException as error:
        if error.cause_response_code in LOST_RACES:
            raise Stale("written by another meanwhile") from error
        raise _translated(error) from error


def _race(reason: Any) -> bool:
    return reason is not None and reason.code in {"ConditionalCheckFailed", "TransactionConflict"}


def _lost(stale: Stale) -> set[int]:
    """Which of the transaction's items failed their condition."""
    error = stale.__cause__
    reasons = error.cancellation_reasons if isinstance(error, TransactWriteError) else []
    return {
        number
        for number, reason in enumerate(reasons)
        if reason is not None and reason.code == "ConditionalCheckFailed"
    }


def _translated(error: PynamoDBException) -> Unavailable | Unwritable:
    """A row that is too big for DynamoDB, say, will not be smaller the next time."""
    lasting = error.cause_response_code == "ValidationException" or any(
        reason is not None and reason.code in ("ValidationError", "ItemCollectionSizeLimitExceeded")
        for reason in getattr(error, "cancellation_reasons", ())
    )
    return Unwritable(_said(error)) if lasting else Unavailable(_said(error))


def _said(error: PynamoDBException) -> str:
    if isinstance(error, TableDoesNotExist):
        return "the table does not exist"
    return f"DynamoDB: {error.cause_response_code or type(error.cause).__name__}"
