"""Keeps sessions, doors and leases in one DynamoDB table: the state of the machine and its log."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, TypeVar

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

from chalicelib import rows
from chalicelib.machine import State
from chalicelib.ports import DoorTaken, Stale, Unavailable, Unreadable
from chalicelib.session import Access, Noted, Session, from_iso, iso

CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 0.5, 1.0, 1  # seconds; the route has three in all
IDS = ["id"]  # all that is asked of an index, so that no row that a hand has spoiled is read there
SPOILED = (ValueError, TypeError, KeyError)  # PynamoDB's of a time or a number that is none
LOST_RACES = {"ConditionalCheckFailedException", "TransactionConflictException"}

T = TypeVar("T")


class TimeAttribute(Attribute[datetime]):
    """A moment as ISO 8601 text, in UTC and whole milliseconds: it sorts, and people read it."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return iso(value)

    def deserialize(self, value: str) -> datetime:
        return from_iso(value)


class SecondsAttribute(NumberAttribute):
    """A length of time as a number of seconds."""

    def serialize(self, value: Any) -> str:
        return str(value.total_seconds())

    def deserialize(self, value: str) -> Any:
        return timedelta(seconds=float(value))


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
    """A session, a door, a lease or a noted assignment, as `kind` says.

    The ids of all but sessions begin with what they are: door/…, lease/…, assignment/….
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
    kind = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)

    # doors, leases and noted assignments; `open` is their kind, so that the index lists them too
    session_id = UnicodeAttribute(null=True)
    ttl = TTLAttribute(null=True)  # never on a session that is open

    # sessions: the indexes' own
    open = UnicodeAttribute(null=True)
    live_access = UnicodeAttribute(null=True)

    # noted assignments (kind “standing” or “found”): session.Noted says what each is
    found_at = TimeAttribute(null=True)
    accepted_by = UnicodeAttribute(null=True)

    # sessions: session.Session says what each is
    state = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    glass = UnicodeAttribute(null=True)
    person = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    user_name = UnicodeAttribute(null=True)
    principal_id = UnicodeAttribute(null=True)
    account_id = UnicodeAttribute(null=True)
    account_name = UnicodeAttribute(null=True)
    permission_set = UnicodeAttribute(null=True)
    permission_set_arn = UnicodeAttribute(null=True)
    duration = SecondsAttribute(null=True)
    tail = SecondsAttribute(null=True)
    extend = SecondsAttribute(null=True)
    slack_user = UnicodeAttribute(null=True)
    slack_user_name = UnicodeAttribute(null=True)
    slack_team = UnicodeAttribute(null=True)
    slack_channel = UnicodeAttribute(null=True)
    slack_message = UnicodeAttribute(null=True)
    shape = UnicodeAttribute(null=True)
    response_url = UnicodeAttribute(null=True)
    response_uses = NumberAttribute(null=True)
    report_to = ListAttribute(of=UnicodeAttribute, null=True)
    report_after = SecondsAttribute(null=True)
    channel = UnicodeAttribute(null=True)
    card_ts = UnicodeAttribute(null=True)
    owed = ListAttribute(of=UnicodeAttribute, null=True)
    tell_at = TimeAttribute(null=True)
    tell_tries = NumberAttribute(null=True)
    alarms = NumberAttribute(null=True)
    asked_at = TimeAttribute(null=True)
    wait_until = TimeAttribute(null=True)
    deadline = TimeAttribute(null=True)
    report_at = TimeAttribute(null=True)
    conclude_at = TimeAttribute(null=True)
    retry_at = TimeAttribute(null=True)
    look_at = TimeAttribute(null=True)
    wake_at = TimeAttribute(null=True)
    standing = UnicodeAttribute(null=True)
    orphan_at = TimeAttribute(null=True)
    busy_until = TimeAttribute(null=True)
    busy_token = UnicodeAttribute(null=True)
    grant_call = UnicodeAttribute(null=True)
    revoke_call = UnicodeAttribute(null=True)
    tries = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    end_askers = ListAttribute(of=UnicodeAttribute, null=True)
    end_asked_at = TimeAttribute(null=True)
    extend_askers = ListAttribute(of=UnicodeAttribute, null=True)
    extend_asked_at = TimeAttribute(null=True)
    extended = NumberAttribute(null=True)
    allowed_at = TimeAttribute(null=True)
    denied_at = TimeAttribute(null=True)
    grant_asked_at = TimeAttribute(null=True)
    granted_at = TimeAttribute(null=True)
    ended_at = TimeAttribute(null=True)
    ended_how = UnicodeAttribute(null=True)
    ended_by = UnicodeAttribute(null=True)
    ended_look = UnicodeAttribute(null=True)
    revoke_first_asked_at = TimeAttribute(null=True)
    revoke_asked_at = TimeAttribute(null=True)
    revoke_look = UnicodeAttribute(null=True)
    revoke_succeeded_at = TimeAttribute(null=True)
    gone_at = TimeAttribute(null=True)
    gone_look = UnicodeAttribute(null=True)
    lag_asked = NumberAttribute(null=True)
    lag_gone = NumberAttribute(null=True)
    reported_at = TimeAttribute(null=True)
    concluded_at = TimeAttribute(null=True)
    report_final = UnicodeAttribute(null=True)
    steps = ListAttribute(of=UnicodeAttribute, null=True)
    trail_query = UnicodeAttribute(null=True)
    trail_query_at = TimeAttribute(null=True)
    report_events = NumberAttribute(null=True)
    report_digest = UnicodeAttribute(null=True)
    summary = ListAttribute(of=UnicodeAttribute, null=True)


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
        try:
            with translated():
                with TransactGet(connection=self._connection) as transaction:
                    row = transaction.get(Row, session_id)
                    lease = transaction.get(Row, lease_id(session_id))
                return _found(row.get, _session), _found(lease.get, lambda _: True) or False
        except SPOILED as error:
            raise Unreadable(f"{session_id} is no session: {type(error).__name__}") from error

    def write(self, session: Session) -> None:
        with translated():
            _row(session, self._keep).save(condition=Row.version == session.version)

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        actions: list[Action] = [Row.version.add(1)]
        for name, value in changes.items():
            attribute = getattr(Row, name)
            actions.append(attribute.remove() if value in (None, "") else attribute.set(value))
        with translated():
            Row(session_id).update(actions=actions, condition=Row.busy_token == token)

    def allow(self, session: Session) -> None:
        self._take_door(session, Row.version == session.version)

    def _take_door(
        self, session: Session, expected: Condition, unless: tuple[Row, Condition] | None = None
    ) -> None:
        try:
            with translated(), TransactWrite(connection=self._connection) as transaction:
                transaction.save(_row(session, self._keep), condition=expected)
                transaction.save(_door(session), condition=Row.id.does_not_exist())
                transaction.save(_lease(session))
                if unless is not None:
                    row, condition = unless
                    transaction.condition_check(Row, row.id, condition=condition)
        except Stale as stale:
            checks = 0 if unless is None else 1  # PynamoDB puts them before what is written
            if _lost(stale)[checks:] == [False, True, False]:
                raise DoorTaken(session.access.key) from stale
            raise

    def extend(self, session: Session) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.save(_row(session, self._keep), condition=Row.version == session.version)
            transaction.save(_lease(session), condition=Row.id.exists())

    def release(self, session: Session) -> None:
        try:
            self._release(session, with_door=True)
        except Stale as stale:
            if _lost(stale)[:1] != [True]:
                raise
            self._release(session, with_door=False)  # deleted by hand, and another's by now

    def _release(self, session: Session, with_door: bool) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            if with_door:
                transaction.delete(
                    Row(door_id(session.access)),
                    condition=Row.id.does_not_exist() | (Row.session_id == session.id),
                )
            transaction.delete(Row(lease_id(session.id)))
            transaction.save(_row(session, self._keep), condition=Row.version == session.version)

    def holder(self, access: Access) -> str | None:
        with translated():
            try:
                door = Row.get(
                    door_id(access), consistent_read=True, attributes_to_get=["session_id"]
                )
            except DoesNotExist:
                return None
            return str(door.session_id)

    def free(self, access: Access, holder: str) -> None:
        with translated():
            try:
                Row(door_id(access)).delete(condition=Row.session_id == holder)
            except PynamoDBException as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise

    def living(self, access: Access) -> Sequence[str]:
        with translated():
            return [row.id for row in Row.by_access.query(access.key, attributes_to_get=IDS)]

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        with translated():
            found = Row.due.query(
                rows.OPEN,
                Row.look_at <= now,
                limit=limit,
                scan_index_forward=True,
                attributes_to_get=IDS,
            )
            return [row.id for row in found]

    def unfinished(self) -> Sequence[tuple[Session, bool]]:
        """The sessions that have something to do or to wait for, and whether their leases stand.

        From an index and without consistency, so perhaps late. A row that cannot be read is left
        out: each look at it says so.
        """
        ids = self._listed(rows.OPEN)
        with translated():
            try:
                found = {row.id: row for row in Row.batch_get([*ids, *map(lease_id, ids)])}
                here = [found[session_id] for session_id in ids if session_id in found]
                return [(_session(row), lease_id(row.id) in found) for row in here]
            except SPOILED:
                pass
        sessions = []
        for session_id in ids:
            with suppress(Unreadable):
                session, leased = self.read(session_id)
                sessions += [(session, leased)] if session else []
        return sessions

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
            return [row.id for row in Row.due.query(kind, attributes_to_get=IDS)]

    def alive(self) -> Sequence[str]:
        """The whole index, which holds live sessions alone, however long the log is."""
        with translated():
            return [row.id for row in Row.by_access.scan(attributes_to_get=IDS)]

    def hang(self, session: Session) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.condition_check(Row, session.id, condition=Row.version == session.version)
            transaction.save(_door(session), condition=Row.id.does_not_exist())

    def drop(self, session_id: str) -> None:
        with translated():
            Row(lease_id(session_id)).delete()

    def noted(self, access: Access) -> Noted | None:
        with translated():
            try:
                return _noted(Row.get(assignment_id(access), consistent_read=True), access)
            except DoesNotExist:
                return None
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
            return next((str(row.id) for row in newest_first), None)

    def take_over(self, session: Session) -> None:
        noted = Row(assignment_id(session.access))
        not_standing = Row.kind.does_not_exist() | (Row.kind != "standing")
        self._take_door(session, Row.id.does_not_exist(), unless=(noted, not_standing))


def door_id(access: Access) -> str:
    return f"door/{access.key}"


def assignment_id(access: Access) -> str:
    return f"assignment/{access.key}"


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


def _door(session: Session) -> Row:
    return Row(
        door_id(session.access),
        kind="door",
        session_id=session.id,
        open="door",
        look_at=session.deadline,
    )


def _note(noted: Noted) -> Row:
    """Listed while the assignment is there: what is gone waits unlisted for its return."""
    access = noted.access
    kept: dict[str, Any] = {
        field.name: getattr(noted, field.name) or None
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


def _row(session: Session, keep: timedelta = rows.FOR_EVER) -> Row:
    kept = rows.values(session, keep)
    if "ttl" in kept:
        kept["ttl"] = datetime.fromtimestamp(kept["ttl"], UTC)
    return Row(**kept)


def _session(row: Row) -> Session:
    values: dict[str, Any] = {}
    for field in fields(Session):
        value = getattr(row, field.name)
        if value is not None:
            values[field.name] = tuple(value) if isinstance(value, list) else value
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
        raise Unavailable(_said(error)) from error
    except PynamoDBException as error:
        if error.cause_response_code in LOST_RACES:
            raise Stale("written by another meanwhile") from error
        raise Unavailable(_said(error)) from error


def _race(reason: Any) -> bool:
    return reason is not None and reason.code in {"ConditionalCheckFailed", "TransactionConflict"}


def _lost(stale: Stale) -> list[bool]:
    """Which of the transaction's items failed their condition."""
    error = stale.__cause__
    reasons = error.cancellation_reasons if isinstance(error, TransactWriteError) else []
    return [reason is not None and reason.code == "ConditionalCheckFailed" for reason in reasons]


def _said(error: PynamoDBException) -> str:
    if isinstance(error, TableDoesNotExist):
        return "the table does not exist"
    return f"DynamoDB: {error.cause_response_code or type(error.cause).__name__}"
