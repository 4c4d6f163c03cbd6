"""The table's row as PynamoDB has it: attributes, indexes and the ids of each kind of row."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from types import UnionType
from typing import TYPE_CHECKING, Any, get_origin

from pynamodb.attributes import (
    Attribute,
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, STREAM_NEW_AND_OLD_IMAGE, STRING
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.domain.ask import Ask
from chalicelib.domain.session import Noted, Session, from_iso, iso

CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 0.5, 1.0, 1  # seconds; the route has three in all


SPOILED = (ValueError, TypeError, KeyError, OverflowError)  # of a time or a number that is none


YEARS, LONGEST = range(1970, 9000), timedelta(days=36_500)  # what can still be reckoned with


class TimeAttribute(Attribute[datetime]):
    """A moment as ISO 8601 text, in UTC and whole milliseconds: it sorts, and people read it."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return iso(value)

    def deserialize(self, value: str) -> datetime:
        moment = from_iso(value)  # one that an operator wrote without its zone is UTC's, as all are
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
    """The live sessions of an access. Sparse: only those that hold a lock, or wait for approval."""

    class Meta:
        index_name = "by-access"
        projection = KeysOnlyProjection()

    live_access = UnicodeAttribute(hash_key=True)


class Row(Model):
    """A session, an ask, a lock, a lease or a noted assignment, as its id says.

    The ids of all but sessions begin with what they are: ask/…, asked/…, door/…, lease/…,
    assignment/…. What is decided goes by the id alone, for who may only ask writes what it likes
    into the rows that it may write.
    """

    class Meta:
        table_name = ""  # both as the settings say: see Table
        region: str | None = None
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
    # (kind “kept”), for functions that begin cold. `open` is the kind of locks, leases and noted
    # assignments, so that the index lists them too.
    kind = UnicodeAttribute(null=True)
    open = UnicodeAttribute(null=True)
    live_access = UnicodeAttribute(null=True)
    instance_arn = UnicodeAttribute(null=True)
    identity_store_id = UnicodeAttribute(null=True)
    owner_account_id = UnicodeAttribute(null=True)
    free_at = TimeAttribute(null=True)  # of a lock: its session is over, and it is free from then

    # The fields of Session, Ask and Noted, by their types: written down there and nowhere else.
    vars().update(attributes())

    if TYPE_CHECKING:  # those that conditions name; and of a row, all of them
        version: NumberAttribute
        session_id: UnicodeAttribute
        permission_set_arn: UnicodeAttribute
        principal_id: UnicodeAttribute
        standing: UnicodeAttribute
        state: UnicodeAttribute
        glass: UnicodeAttribute
        busy_token: UnicodeAttribute
        look_at: TimeAttribute
        asked_at: TimeAttribute
        outcome: UnicodeAttribute

        def __getattr__(self, name: str) -> Any: ...
