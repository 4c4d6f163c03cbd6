"""How far the reading of the trail has got: a short text in the session's row, and rows besides.

The text says which queries were asked, or names the rows that have all that was counted. Whatever
is found in neither, or was altered, is `Spoilt`: then the search is begun afresh.
"""

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from chalicelib.domain.machine import State
from chalicelib.domain.ports import Pieces
from chalicelib.domain.session import Session
from chalicelib.judge.rules import Book
from chalicelib.report.gathered import Gathered, gathering
from chalicelib.report.search import Query, Search
from chalicelib.trail.attribution import MOST_WAITING, Sieve
from chalicelib.trail.event import Ownership
from chalicelib.trail.facts import CredentialFacts
from chalicelib.words import gaps

VERSION = 2
NO_START = "-"  # the progress of a search that could not be begun, and why
LONGEST = 1_900  # signs of a progress
PART = 290_000  # bytes of a row
TOKEN = 6  # its place in a query's list


class Spoilt(Exception):
    """It cannot be gone on with."""


@dataclass(slots=True)
class Work:
    """All that is known between two pages."""

    search: Search
    gathered: Gathered
    sieve: Sieve
    piece: int = 0
    rows: int = 0  # records read
    ids: list[str] = field(default_factory=list)  # names of the rows with the ids that were seen
    names: list[str] = field(default_factory=list)  # of the rows that all this was read from
    stale: list[str] = field(default_factory=list)  # and of those that nothing leads to any more

    @classmethod
    def of(cls, session: Session, now: datetime, book: Book | None = None) -> Self:
        """The beginning: nothing is read yet."""
        final = session.state is State.CONCLUDING
        gathered, sieve = gathering(session, final, MOST_WAITING, book)
        return cls(Search.of(Ownership.of(session), now), gathered, sieve)

    def forget_ids(self) -> None:
        """The ids that were written are of no use any more."""
        self.names, self.ids = self.names + self.ids, []


@dataclass(frozen=True, slots=True)
class Progress:
    """What stands in the session's row."""

    search: list[Any] | None = None  # of a search that is read from its beginning
    piece: int = 0
    digest: str = ""
    parts: int = 0
    running: list[Any] | None = None  # the query that has to end before there is more to read

    def __str__(self) -> str:
        said = [VERSION, self.search, self.piece, self.digest, self.parts, self.running]
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where no search could be begun. Raises Spoilt."""
        if text.startswith(NO_START):
            return None
        try:
            version, search, piece, digest, parts, running = json.loads(text)
            if version != VERSION:
                raise Spoilt(gaps.OTHER_VERSION)
            if running is not None:
                Query(*running)
            return cls(search, int(piece), str(digest), int(parts), running)
        except (ValueError, TypeError) as error:
            raise Spoilt(gaps.NO_PROGRESS) from error

    @property
    def names(self) -> list[str]:
        return [f"{self.piece}-{self.digest}-{part}" for part in range(self.parts)]


def kept(work: Work) -> Progress | None:
    """The progress of a search that is read again from its beginning; None where it is too long."""
    search = Search.from_json(work.search.to_json())
    for query in search.queries:
        query.rows, query.token, query.read, query.last = 0, "", False, 0
    running = _running(work.search)
    if running and running[0] in {query.id for query in search.queries}:
        running[TOKEN] = ""
    progress = Progress(search=search.to_json(), running=running)
    return progress if len(str(progress)) <= LONGEST else None


def save(pieces: Pieces, session: Session, work: Work) -> Progress:
    """Writes all of it into rows; the progress that names them.

    The rows that the progress at hand names stay until there is a later one than this.
    """
    for name in work.stale:
        pieces.drop(session.id, name)
    sieve, piece = work.sieve, work.piece + 1
    if sieve.fresh:
        ids = zlib.compress(sieve.fresh.tobytes(), 1)
        work.ids += _put(pieces, session, f"{piece}-ids-{_digest(ids)}", ids)
        sieve.fresh = array("Q")
    state = {
        "search": work.search.to_json(),
        "gathered": work.gathered.to_json(),
        "facts": sieve.facts.to_json(),
        "counts": sieve.counts,
        "waiting": [zlib.decompress(each).decode() for each in sieve.waiting],
        "spilt": sieve.spilt,
        "rows": work.rows,
        "ids": work.ids,
        "stale": work.names,
    }
    content = zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 1)
    digest = _digest(content)
    parts = _put(pieces, session, f"{piece}-{digest}", content)
    running = _running(work.search)
    return Progress(piece=piece, digest=digest, parts=len(parts), running=running)


def load(pieces: Pieces, session: Session, progress: Progress, book: Book | None = None) -> Work:
    """Raises Spoilt where a row has gone, or is not what was written."""
    work = Work.of(session, session.asked_at, book)
    try:
        if progress.search is not None:
            work.search = Search.from_json(progress.search)
            return work
        state = _state(pieces, session, progress)
        gathered = Gathered.from_json(state["gathered"], session, work.gathered.final)
        sieve = Sieve(work.sieve.ownership, gathered.take, gathered.cannot_read, MOST_WAITING, book)
        sieve.facts = CredentialFacts.from_json(state["facts"])
        sieve.counts = state["counts"]
        sieve.waiting = [zlib.compress(each.encode(), 1) for each in state["waiting"]]
        sieve.waiting_size = sum(map(len, sieve.waiting))
        sieve.spilt = state["spilt"]
        for content in _contents(pieces, session, state["ids"]):
            seen = array("Q")
            seen.frombytes(zlib.decompress(content))
            sieve.ids.update(seen)
        return Work(
            search=Search.from_json(state["search"]), gathered=gathered, sieve=sieve,
            piece=progress.piece, rows=state["rows"], ids=state["ids"], names=progress.names,
            stale=state["stale"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise Spoilt(f"{gaps.NOT_READABLE}: {type(error).__name__}") from error


def names(pieces: Pieces, session: Session) -> list[str]:
    """Of all rows that the session's progress leads to."""
    try:
        progress = Progress.parse(session.trail_query)
        if progress is None or not progress.parts:
            return []
        state = _state(pieces, session, progress)
        return [*progress.names, *state["stale"], *state["ids"]]
    except (Spoilt, KeyError, TypeError):
        return []


def _running(search: Search) -> list[Any] | None:
    """The query that was asked last, where nobody has seen yet that it has ended."""
    if search.anyone is not None and not search.heard:
        return search.anyone.to_json()
    last = search.queries[-1] if search.queries else None
    return last.to_json() if last and not (last.rows or search.again) else None


def _put(pieces: Pieces, session: Session, name: str, content: bytes) -> list[str]:
    """Writes the content into as many rows as it takes; their names."""
    found = []
    for part, begin in enumerate(range(0, len(content), PART)):
        pieces.put(session.id, f"{name}-{part}", content[begin : begin + PART])
        found.append(f"{name}-{part}")
    return found


def _state(pieces: Pieces, session: Session, progress: Progress) -> dict[str, Any]:
    content = b"".join(_rows(pieces, session, progress.names))
    if _digest(content) != progress.digest:
        raise Spoilt(gaps.ALTERED)
    try:
        state: dict[str, Any] = json.loads(zlib.decompress(content))
    except (ValueError, zlib.error) as error:
        raise Spoilt(gaps.NOT_READABLE) from error
    return state


def _contents(pieces: Pieces, session: Session, ids: list[str]) -> Iterator[bytes]:
    """The ids that were written, piece by piece: the rows of one belong together."""
    for name, rows in groupby(ids, key=lambda each: each.rpartition("-")[0]):
        content = b"".join(_rows(pieces, session, list(rows)))
        if not name.endswith(_digest(content)):
            raise Spoilt(gaps.OTHER_IDS)
        yield content


def _rows(pieces: Pieces, session: Session, wanted: list[str]) -> Iterator[bytes]:
    for name in wanted:
        content = pieces.get(session.id, name)
        if content is None:
            raise Spoilt(gaps.GONE)
        yield content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
