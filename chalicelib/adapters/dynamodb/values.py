"""Sessions, asks, locks, leases and noted assignments as rows, and back."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, TypeVar

from pynamodb.exceptions import (
    DoesNotExist,
)

from chalicelib.adapters.dynamodb.model import SPOILED, Row
from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.errors import Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Noted, Session

T = TypeVar("T")


def lock_id(access: Access) -> str:
    return f"door/{access.key}"


def assignment_id(access: Access) -> str:
    return f"assignment/{access.key}"


def access_named(row: dict[str, Any]) -> Access | None:
    """The access that a row names by its three parts; None where it lacks one."""
    names = [field.name for field in fields(Access)]
    return Access(*(row[name] for name in names)) if row.keys() >= set(names) else None


def access_in(kind: str, row_id: str) -> Access | None:
    """What a lock or a noted assignment is about, as its row's id says; None where it does not."""
    prefix, _, key = row_id.partition("/")
    account_id, _, rest = key.partition("/")
    permission_set_arn, _, principal_id = rest.rpartition("/")
    if prefix != kind or not (account_id and permission_set_arn and principal_id):
        return None
    return Access(account_id, permission_set_arn, principal_id)


def lease_id(session_id: str) -> str:
    return f"lease/{session_id}"


def lease_row(session: Session) -> Row:
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


def lock_row(session: Session, free_at: datetime | None = None) -> Row:
    return Row(
        lock_id(session.access),
        kind="door",
        session_id=session.id,
        open="door",
        look_at=session.deadline,
        free_at=free_at,
    )


def decided_id(row_id: str) -> str:
    """The id of the row that is there once the ask with that row has been decided."""
    if ask.kind_of(row_id) in (Kind.BREAK, Kind.FOUND):
        return "bg-" + row_id.rpartition("-")[2]
    return ask.DECIDED + row_id.removeprefix(ask.OPEN)


def ask_id(session: Session) -> str:
    """The id of the row that the session begins as."""
    if session.found:
        return f"{ask.OPEN}{Kind.FOUND}{session.id.removeprefix('bg')}"
    return ask.OPEN + session.id


def ask_in(row_id: str, row: Row) -> Ask:
    """The ask that a row has, decided or not. Raises Unreadable."""
    values = _values(row, Ask) | {"id": row_id.removeprefix(ask.DECIDED)}
    try:
        return Ask(outcome=Outcome(values.pop("outcome", "")), **values)
    except SPOILED as error:
        raise Unreadable(f"{row_id} says nothing: {type(error).__name__}") from error


def note_row(noted: Noted) -> Row:
    """Listed while the assignment is there: what is gone waits unlisted for its return."""
    access = noted.access
    kept: dict[str, Any] = {
        field.name: bounded(getattr(noted, field.name)) or None
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


def noted_in(row: Row, access: Access) -> Noted:
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


def bounded(value: Any) -> Any:
    return rows.short(value) if isinstance(value, str) else value


def session_row(session: Session, keep: timedelta = rows.FOR_EVER) -> Row:
    return Row(**timed(rows.values(session, keep)))


def timed(kept: dict[str, Any]) -> dict[str, Any]:
    return kept | {"ttl": datetime.fromtimestamp(kept["ttl"], UTC)} if "ttl" in kept else kept


def _values(row: Row, kind: type[Session] | type[Ask]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = getattr(row, field.name)
        if value is not None:
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return values


def session_in(row: Row) -> Session:
    """The session that a row has. Raises one of SPOILED where it has none."""
    values = _values(row, Session)
    values |= {"state": State(values.get("state", "")), "glass": values.get("glass", "")}
    return Session(**values)


def found_in(get: Callable[[], Row], made: Callable[[Row], T]) -> T | None:
    """What is made of the row that `get` reads; None where there is none."""
    try:
        return made(get())
    except DoesNotExist:
        return None
