"""What the indexes list, whoever has written rows to hide others behind.

Who may only ask writes what it likes into the rows that it may write, so also that they are another
kind of row. It cannot write `live_access`: the index of live sessions has none but sessions.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice

from chalicelib.adapters.dynamodb.errors import translated
from chalicelib.adapters.dynamodb.model import SPOILED, Row
from chalicelib.domain import ask, rows
from chalicelib.domain.errors import Stale
from chalicelib.domain.session import SESSION_ID

BEGINS = {rows.DUE_SESSIONS: "bg-", "door": "door/", "lease": "lease/", "assignment": "assignment/"}
IDS = ["id"]  # all that is asked of an index: so no row that an operator has spoiled is read there
MOST_READ = 10_000  # in a minute, of what may be junk
PAGE = 500


def alive() -> Sequence[str]:
    """The whole index, which holds live sessions alone, however long the log is."""
    with translated():
        found = Row.by_access.scan(attributes_to_get=IDS)
        return [row.id for row in found if SESSION_ID.fullmatch(row.id)]


def sessions_due(now: datetime, limit: int) -> Iterable[str]:
    """The live ones first; the others are read when whoever asks has seen to those."""
    live = _live_due(now)
    others = (each for each in _later(now, limit) if each not in live)
    return islice(chain(live, others), limit)


def _live_due(now: datetime) -> Sequence[str]:
    ids = alive()
    try:
        with translated():
            found = list(Row.batch_get(ids, attributes_to_get=["id", "look_at"])) if ids else []
    except SPOILED:
        return ids
    due = [(row.look_at, row.id) for row in found if row.look_at and row.look_at <= now]
    return [row_id for _, row_id in sorted(due)]


def _later(now: datetime, limit: int) -> Iterator[str]:
    yield from due(rows.DUE_SESSIONS, "bg-", now, limit)


def due(partition: str, prefix: str, now: datetime, limit: int) -> Sequence[str]:
    """What does not begin so is nothing of its kind, whatever it says of itself."""
    with translated():
        found = Row.due.query(
            partition,
            Row.look_at <= now,
            limit=MOST_READ,
            page_size=PAGE,
            scan_index_forward=True,
            attributes_to_get=IDS,
        )
        return list(islice((row.id for row in found if row.id.startswith(prefix)), limit))


def listed(kind: str) -> Sequence[str]:
    with translated():
        found = Row.due.query(kind, attributes_to_get=IDS)
        return [row.id for row in found if row.id.startswith(BEGINS[kind])]


def unfinished() -> Sequence[str]:
    """Every live session, and the others as far as they are read."""
    with translated():
        found = Row.due.query(rows.DUE_SESSIONS, limit=MOST_READ, attributes_to_get=IDS)
        ids = dict.fromkeys([*alive(), *(row.id for row in found)])
    return [row_id for row_id in ids if SESSION_ID.fullmatch(row_id)]


def put_away(now: datetime, most: int) -> int:
    """Deletes asks' rows that are listed among other kinds: no route of ours writes one, and nobody
    looks at them there. How many; besides the sessions' it sees to one more list each minute."""
    others = [each for each in BEGINS if each != rows.DUE_SESSIONS]
    found: list[tuple[str, str]] = []
    for kind in (rows.DUE_SESSIONS, others[now.minute % len(others)]):
        strays = Row.id.startswith(ask.OPEN)
        with translated():
            read = Row.due.query(kind, filter_condition=strays, limit=most, attributes_to_get=IDS)
            found += [(kind, row.id) for row in read]
    gone = 0
    for kind, row_id in found[:most]:
        with suppress(Stale), translated():  # else it is an ask by now, or away
            Row(row_id).delete(condition=Row.open == kind)
            gone += 1
    return gone
