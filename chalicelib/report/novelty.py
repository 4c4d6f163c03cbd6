"""What a session's final report has that its first one had not.

Of the first report the session keeps a digest: a fingerprint of its events, whatever their order;
of few events a code each; and when the trail took in the last of them. So whether an event is new
is told of each by itself, and that the old ones have the first report's fingerprint proves it.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from typing import Self

from chalicelib.domain.session import Session
from chalicelib.trail.event import Event, Json, as_json

CODED = 400  # events at most that a digest has codes of
CODE = 6  # signs of one
WIDTH = 128  # bits of a fingerprint


class Fingerprint:
    """The same for the same events in whatever order they come: the sum of what each comes to."""

    def __init__(self, total: int = 0) -> None:
        self.total = total

    def add(self, number: int) -> None:
        self.total = (self.total + number) % (1 << WIDTH)

    def __str__(self) -> str:
        return f"{self.total:0{WIDTH // 4}x}"


class Novelty:
    """Marks what is new as it comes, and makes the digest of all."""

    def __init__(self, session: Session, final: bool) -> None:
        self.known = bool(final and session.report_digest)
        self.since = session.reported_at or session.asked_at
        head, _, rest = session.report_digest.partition(":")
        codes, _, last = rest.partition("@")
        self.before = head.partition("-")[0]
        self.seen = {codes[at : at + CODE] for at in range(0, len(codes), CODE)}
        self.last = datetime.fromtimestamp(int(last) / 1000, UTC) if last.isdecimal() else None
        self.all, self.old = Fingerprint(), Fingerprint()
        self.codes: list[str] | None = []
        self.newest: datetime | None = None

    def is_new(self, event: Event, record: Json) -> bool:
        """Counts the event in; whether the first report had not got it, where there was one."""
        number = _number(event, record)
        self.all.add(number)
        code = _code(number) if self.codes is not None or self.known else ""
        if self.codes is not None:
            self.codes.append(code)
            if len(self.codes) > CODED:
                self.codes = None
        if event.ingested and (self.newest is None or event.ingested > self.newest):
            self.newest = event.ingested
        if not self.known:
            return False
        old = self._is_old(event, code)
        if old:
            self.old.add(number)
        return not old

    def _is_old(self, event: Event, code: str) -> bool:
        if self.seen:
            return code in self.seen
        if event.ingested and self.last:
            return event.ingested <= self.last
        return (event.ingested or event.time or self.since) <= self.since

    @property
    def exact(self) -> bool:
        """Whether what is new is certain: exactly the first report's events were found again."""
        return not self.known or str(self.old) == self.before

    def digest(self, flags: Iterable[str]) -> str:
        """The same for the same events; `flags` say what they may not be all of."""
        head = "-".join([str(self.all), *flags])
        last = f"@{ceil(self.newest.timestamp() * 1000)}" if self.newest else ""
        return f"{head}:{''.join(sorted(self.codes or ()))}{last}"

    def to_json(self) -> Json:
        return {
            "all": self.all.total,
            "old": self.old.total,
            "codes": self.codes,
            "newest": self.newest.timestamp() if self.newest else None,
        }

    @classmethod
    def from_json(cls, value: Json, session: Session, final: bool) -> Self:
        novelty = cls(session, final)
        novelty.all, novelty.old = Fingerprint(value["all"]), Fingerprint(value["old"])
        novelty.codes = value["codes"]
        at = value["newest"]
        novelty.newest = datetime.fromtimestamp(at, UTC) if at is not None else None
        return novelty


def same(digest: str, other: str) -> bool:
    """Whether two digests are of the same events; when they reached the trail does not matter."""
    return digest.partition("@")[0] == other.partition("@")[0]


def _code(number: int) -> str:
    return f"{number:0{WIDTH // 4}x}"[:CODE]


def _number(event: Event, record: Json) -> int:
    name = event.id.encode("utf-8", "replace") if event.id else as_json(record)
    return int.from_bytes(hashlib.sha256(name).digest()[: WIDTH // 8])
