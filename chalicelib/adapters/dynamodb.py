"""Keeps sessions, doors and leases in one DynamoDB table: the state of the machine and its log."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from pynamodb.connection import Connection
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, STREAM_NEW_AND_OLD_IMAGE, STRING
from pynamodb.exceptions import (
    DoesNotExist,
    PynamoDBException,
    TableDoesNotExist,
    TransactWriteError,
)
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

from chalicelib import rows
from chalicelib.machine import State
from chalicelib.ports import DoorTaken, Stale, Unavailable, Unreadable
from chalicelib.session import Access, Session, from_iso, iso

CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 0.5, 1.0, 1  # seconds; the route has three in all
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
    """A session, a door or a lease, as `kind` says; the id of the last two begins with the kind."""

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

    # doors and leases
    session_id = UnicodeAttribute(null=True)
    ttl = TTLAttribute(null=True)  # never on a session that is open

    # sessions: the indexes' own
    open = UnicodeAttribute(null=True)
    live_access = UnicodeAttribute(null=True)

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
    busy_until = TimeAttribute(null=True)
    busy_token = UnicodeAttribute(null=True)
    grant_call = UnicodeAttribute(null=True)
    revoke_call = UnicodeAttribute(null=True)
    tries = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    end_asked_by = UnicodeAttribute(null=True)
    end_asked_at = TimeAttribute(null=True)
    extend_asked_by = UnicodeAttribute(null=True)
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

    def __init__(self, region: str | None = None) -> None:
        self._connection = Connection(
            region=region or Row.Meta.region,
            connect_timeout_seconds=CONNECT_TIMEOUT,
            read_timeout_seconds=READ_TIMEOUT,
            max_retry_attempts=RETRIES,
        )

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        with translated():
            with TransactGet(connection=self._connection) as transaction:
                row = transaction.get(Row, session_id)
                lease = transaction.get(Row, lease_id(session_id))
            try:
                return _found(row.get, _session), _found(lease.get, lambda _: True) or False
            except (ValueError, TypeError, KeyError) as error:
                raise Unreadable(f"{session_id} is no session: {type(error).__name__}") from error

    def write(self, session: Session) -> None:
        with translated():
            _row(session).save(condition=Row.version == session.version)

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        actions: list[Action] = [Row.version.add(1)]
        for name, value in changes.items():
            attribute = getattr(Row, name)
            actions.append(attribute.remove() if value in (None, "") else attribute.set(value))
        with translated():
            Row(session_id).update(actions=actions, condition=Row.busy_token == token)

    def allow(self, session: Session) -> None:
        door = Row(door_id(session.access), kind="door", session_id=session.id)
        try:
            with translated(), TransactWrite(connection=self._connection) as transaction:
                transaction.save(_row(session), condition=Row.version == session.version)
                transaction.save(door, condition=Row.id.does_not_exist())
                transaction.save(_lease(session))
        except Stale as stale:
            if _lost(stale) == [False, True, False]:
                raise DoorTaken(session.access.key) from stale
            raise

    def extend(self, session: Session) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.save(_row(session), condition=Row.version == session.version)
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
            transaction.save(_row(session), condition=Row.version == session.version)

    def holder(self, access: Access) -> str | None:
        with translated():
            try:
                door = Row.get(door_id(access), consistent_read=True)
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
            return [row.id for row in Row.by_access.query(access.key)]

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        with translated():
            found = Row.due.query(
                rows.OPEN, Row.look_at <= now, limit=limit, scan_index_forward=True
            )
            return [row.id for row in found]


def door_id(access: Access) -> str:
    return f"door/{access.key}"


def lease_id(session_id: str) -> str:
    return f"lease/{session_id}"


def session_of_lease(row_id: str) -> str | None:
    """The session whose lease has this row id; None where it is no lease."""
    kind, _, session_id = row_id.partition("/")
    return session_id if kind == "lease" else None


def _lease(session: Session) -> Row:
    """TTL takes whole seconds; rounded up, so that it never comes before the deadline."""
    assert session.deadline is not None
    return Row(
        lease_id(session.id),
        kind="lease",
        session_id=session.id,
        ttl=datetime.fromtimestamp(ceil(session.deadline.timestamp()), UTC),
    )


def _row(session: Session) -> Row:
    return Row(**rows.values(session))


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
