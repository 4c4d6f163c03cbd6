"""Keeps sessions, locks and leases in one DynamoDB table: the state of the machine and its log."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.exceptions import (
    DoesNotExist,
    PynamoDBException,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactGet, TransactWrite

from chalicelib.adapters.dynamodb import lists
from chalicelib.adapters.dynamodb.errors import lost, translated
from chalicelib.adapters.dynamodb.lists import IDS
from chalicelib.adapters.dynamodb.model import SPOILED, Row
from chalicelib.adapters.dynamodb.values import (
    access_in,
    access_named,
    ask_id,
    ask_in,
    assignment_id,
    bounded,
    decided_id,
    found_in,
    lease_id,
    lease_row,
    lock_id,
    lock_row,
    note_row,
    noted_in,
    session_in,
    session_row,
    timed,
)
from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import LockTaken, Stale, Unreadable
from chalicelib.domain.instance import ROW as INSTANCE
from chalicelib.domain.machine import LIVE, State
from chalicelib.domain.session import SESSION_ID, Access, Lock, Noted, Prior, Session

EPOCH = datetime.fromtimestamp(0, UTC)


class Table:
    """The table; see ports.Store for what each call promises. One for a process."""

    def __init__(self, name: str, region: str, keep: timedelta = rows.FOR_EVER) -> None:
        self._keep = keep
        Row.Meta.table_name, Row.Meta.region = name, region or None
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
                with TransactGet(connection=self._connection) as transaction:  # [A1]
                    row = transaction.get(Row, session_id)
                    lease = transaction.get(Row, lease_id(session_id))
                return found_in(row.get, session_in), found_in(lease.get, lambda _: True) or False
        except SPOILED as error:
            raise Unreadable(f"{session_id} is no session: {type(error).__name__}") from error

    def remains(self, session_id: str) -> Session | None:
        row, lease = self._raw(session_id), self._raw(lease_id(session_id))
        access = access_in("door", f"door/{row.get('live_access')}") or access_named(row)
        locks = [lock_id(access)] if access else [row_id for row_id, _ in self.all_locks()]
        found = ((row_id, self._raw(row_id)) for row_id in locks)
        mine = (each for each in found if each[1].get("session_id") == session_id)
        lock, says = next(mine, ("", {}))
        try:
            live = State(row.get("state", "")) in LIVE
        except ValueError:
            live = bool(lease or lock)
        if not live:
            return None
        access = access or access_in("door", lock)
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
            return ask_in(row_id, row) if row else None
        kind = ask.kind_of(row_id) if ask.is_open(row_id) else None
        if kind is None:
            raise Unreadable(f"{row_id[:80]} is no ask")
        try:
            with translated(), TransactGet(connection=self._connection) as transaction:
                asked = transaction.get(Row, row_id)
                over = transaction.get(Row, decided_id(row_id))
            found = found_in(asked.get, lambda row: ask.read(row_id, row.attribute_values))
            known = found_in(over.get, lambda _: True)
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
        if session.version:  # [A2]
            with translated():
                session_row(session, self._keep).save(condition=Row.version == session.version)
            return
        with translated(), TransactWrite(connection=self._connection) as transaction:
            self._put(transaction, session)

    def _put(self, transaction: TransactWrite, session: Session) -> None:
        """The session's row; of a new one in place of the ask that it begins as."""
        row = session_row(session, self._keep)
        if session.version:
            transaction.save(row, condition=Row.version == session.version)
            return
        transaction.save(row, condition=Row.id.does_not_exist())
        transaction.delete(Row(ask_id(session)), condition=Row.id.exists())

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        actions: list[Action] = [Row.version.add(1)]
        for name, value in changes.items():
            attribute = getattr(Row, name)
            gone = value in (None, "")
            actions.append(attribute.remove() if gone else attribute.set(bounded(value)))
        with translated():
            Row(session_id).update(actions=actions, condition=Row.busy_token == token)

    def allow(self, session: Session) -> None:
        self._take_lock(session)

    def take_over(self, session: Session) -> None:
        noted = Row(assignment_id(session.access))
        not_standing = Row.kind.does_not_exist() | (Row.kind != "standing")
        self._take_lock(session, unless=(noted, not_standing))

    def _take_lock(self, session: Session, unless: tuple[Row, Condition] | None = None) -> None:
        try:
            with translated(), TransactWrite(connection=self._connection) as transaction:
                transaction.save(lock_row(session), condition=Row.id.does_not_exist())
                transaction.save(lease_row(session))
                self._put(transaction, session)
                if unless is not None:
                    row, condition = unless
                    transaction.condition_check(Row, row.id, condition=condition)
        except Stale as stale:
            checks, deletes = int(unless is not None), int(not session.version)
            if lost(stale) == {checks + deletes}:  # as PynamoDB sends them: the lock is first put
                raise LockTaken(session.access.key) from stale
            raise

    def decide(self, decided: Ask, session: Session | None = None) -> None:
        row = Row(**timed(rows.of_decided(decided, self._keep)))
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.delete(Row(f"{ask.OPEN}{decided.id}"), condition=Row.id.exists())
            transaction.save(row, condition=Row.id.does_not_exist())
            if session is not None:
                self._put(transaction, session)
                if decided.deadline_after is not None:
                    transaction.save(lease_row(session), condition=Row.id.exists())

    def answered(self, decided: Ask) -> None:
        row = Row(**timed(rows.of_decided(decided, self._keep)))
        with translated():
            row.save(condition=Row.version == decided.version)

    def drop_ask(self, row_id: str) -> None:
        if row_id.startswith(ask.OPEN):  # what has been decided stays in the log
            with translated():
                Row(row_id).delete()

    def release(self, session: Session) -> None:
        stays = session.revoke_late_until
        try:
            self._release(session, stays, with_lock=True)
        except Stale as stale:
            the_lock = 1 if stays else 0  # as PynamoDB sends them: the deletes, then the puts
            if the_lock not in lost(stale):
                raise
            self._release(session, stays, with_lock=False)  # deleted, and another's by now

    def _release(self, session: Session, stays: datetime | None, with_lock: bool) -> None:
        ours = Row.id.does_not_exist() | (Row.session_id == session.id)
        with translated(), TransactWrite(connection=self._connection) as transaction:
            if with_lock and stays:
                transaction.save(lock_row(session, stays), condition=ours)
            elif with_lock:
                transaction.delete(Row(lock_id(session.access)), condition=ours)
            transaction.delete(Row(lease_id(session.id)))
            transaction.save(
                session_row(session, self._keep), condition=Row.version == session.version
            )

    def lock(self, access: Access) -> Lock | None:
        """A lock that does not say whose it is has the holder "": nobody, so it can be freed."""
        try:
            row = self._one(lock_id(access), ["id", "session_id", "free_at"])
        except Unreadable:
            row = self._one(lock_id(access), ["id", "free_at"])
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
                Row(lock_id(access)).delete(condition=held & free_at)
            except PynamoDBException as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise

    def living(self, access: Access) -> Sequence[str]:
        with translated():
            found = Row.by_access.query(access.key, attributes_to_get=IDS)
            return [row.id for row in found if SESSION_ID.fullmatch(row.id)]

    def unreviewed(self, session: Session, since: datetime) -> str | None:
        """By the account's index: an e-mail changes, whoever the directory says that it is not."""
        waits = (
            (Row.state == State.REVIEWING)
            & (Row.principal_id == session.principal_id)
            & (Row.glass == session.glass)
        )
        with translated():
            newest_first = Row.by_account.query(
                session.account_id,
                Row.asked_at >= since,
                filter_condition=waits,
                scan_index_forward=False,
                attributes_to_get=IDS,
            )
            return next((row.id for row in newest_first if SESSION_ID.fullmatch(row.id)), None)

    def due(self, now: datetime, limit: int) -> Iterable[str]:
        return lists.sessions_due(now, limit)

    def asks_due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of the asks' rows to look at: undecided ones, and those not told yet."""
        return lists.due(rows.DUE_ASKS, "ask", now, limit)

    def put_away(self, now: datetime, most: int) -> int:
        """Deletes what only pretends to be listed: see lists.put_away."""
        return lists.put_away(now, most)

    def unfinished(self) -> Sequence[tuple[Session, bool]]:
        """The sessions that have something to do or to wait for, and whether their leases stand.

        From an index and without consistency, so perhaps late. Of a row that cannot be read there
        is what remains of it, without a lease, so that it is looked at, counted and made known.
        """
        ids = lists.unfinished()
        with translated():
            try:
                found = {row.id: row for row in Row.batch_get([*ids, *map(lease_id, ids)])}
                here = [found[session_id] for session_id in ids if session_id in found]
                return [(session_in(row), lease_id(row.id) in found) for row in here]
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

    def instance(self) -> tuple[tuple[str, str, str], datetime] | None:
        try:
            row = self._one(INSTANCE)
        except Unreadable:  # whoever discovers it writes it anew
            return None
        if row is None or not (row.instance_arn and row.identity_store_id and row.found_at):
            return None
        owner = str(row.owner_account_id or "")  # older rows do not have it
        return (str(row.instance_arn), str(row.identity_store_id), owner), row.found_at

    def keep_instance(self, found: tuple[str, str, str], now: datetime) -> None:
        arn, store_id, owner = found
        row = Row(INSTANCE, kind="kept", instance_arn=arn, identity_store_id=store_id, found_at=now)
        row.owner_account_id = owner
        with translated():
            row.save()

    # ---- ports.Books

    def all_locks(self) -> Sequence[tuple[str, Access | None]]:
        return [(row_id, access_in("door", row_id)) for row_id in lists.listed("door")]

    def all_leases(self) -> Sequence[str]:
        return [row_id.removeprefix("lease/") for row_id in lists.listed("lease")]

    def notes(self) -> Sequence[Access]:
        found = (access_in("assignment", row_id) for row_id in lists.listed("assignment"))
        return [access for access in found if access is not None]

    def alive(self) -> Sequence[str]:
        return lists.alive()

    def restore_lock(self, session: Session) -> None:
        with translated(), TransactWrite(connection=self._connection) as transaction:
            transaction.condition_check(Row, session.id, condition=Row.version == session.version)
            transaction.save(lock_row(session), condition=Row.id.does_not_exist())

    def drop(self, session_id: str) -> None:
        with translated():
            Row(lease_id(session_id)).delete()

    def noted(self, access: Access) -> Noted | None:
        row = self._one(assignment_id(access))
        try:
            return noted_in(row, access) if row else None
        except SPOILED as error:
            raise Unreadable(f"{assignment_id(access)} says nothing") from error

    def note(self, noted: Noted) -> None:
        new = noted.version == 0
        expected = Row.id.does_not_exist() if new else Row.version == noted.version
        with translated():
            note_row(noted).save(condition=expected)

    def session_that_saw(self, access: Access) -> str | None:
        saw_it = (
            (Row.standing == Prior.EXPLAINED)
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
