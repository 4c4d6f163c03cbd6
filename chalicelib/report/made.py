"""A report before it is put into words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.ask import Ask
from chalicelib.domain.session import Session
from chalicelib.judge.suffices import Used
from chalicelib.report.notable import Worth
from chalicelib.report.novelty import same
from chalicelib.report.whence import Origin
from chalicelib.trail.attribution import Sifted
from chalicelib.trail.event import Event


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the two tables: one kind of call."""

    service: str
    name: str
    count: int
    first: datetime | None
    last: datetime | None
    errors: int
    error_names: tuple[str, ...]
    regions: tuple[str, ...]
    via: str
    by_service: int
    changes: int
    new: int


@dataclass(frozen=True, slots=True)
class Bar:
    """What was done in one slice of the session's time."""

    reads: int = 0
    changes: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.reads + self.changes + self.refused


@dataclass(frozen=True, slots=True)
class Picture:
    """The session over time: bars of `step`, and which of them access came and went in."""

    start: datetime
    step: timedelta
    bars: tuple[Bar, ...]
    granted: int | None
    revoked: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The session's events in numbers. All but the first four are of calls in the account."""

    events: int = 0
    portal: int = 0
    new: int = 0
    timeless: int = 0
    changes: int = 0
    refused: int = 0
    failed: int = 0  # refused ones are among them
    by_service: int = 0
    hops: int = 0  # through roles or keys that were taken on
    cut: int = 0  # CloudTrail left out what they asked for, or the answer: it was too large
    late: int = 0  # CloudTrail says that it delivered them late
    addresses: int = 0
    addresses_at_least: bool = False
    regions: tuple[str, ...] = ()  # the busiest first

    @property
    def calls(self) -> int:
        return self.events - self.portal


@dataclass(frozen=True, slots=True)
class Unread:
    """Records that nobody can read, cut or no JSON; `kept` are some, as the log has them."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ByHand:
    """What to ask CloudWatch Logs Insights for what a report does not have, or where to look."""

    log_group: str
    query: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report says, before it is put into words.

    `events` are those that a mail can hold, in the order of their time: all of them, but for very
    many. `missing` says what else the report does not have.
    """

    session: Session
    final: bool  # the one after the credentials' end, which says what is new
    truncated: bool
    silent: bool
    missing: tuple[str, ...]
    by_hand: ByHand | None
    narrow: bool  # of the organisation's accounts only some were read
    sifted: Sifted
    unread: Unread
    totals: Totals
    events: tuple[Event, ...]
    worth: tuple[Worth, ...]
    origins: tuple[Origin, ...]  # where they signed in and worked from
    used: Used  # what would have sufficed
    rules_trouble: str  # why rules of the settings were not used
    portal: tuple[Line, ...]
    account: tuple[Line, ...]
    picture: Picture | None
    digest: str
    new_is_exact: bool  # False: what is marked as new was told by its time alone
    asked: tuple[Ask, ...] = ()  # what was asked of the session in vain, the first of it

    @property
    def count(self) -> int:
        return self.totals.events

    @property
    def adds_something(self) -> bool:
        """Whether there is anything to tell that the session's first report did not."""
        return not self.final or not same(self.digest, self.session.report_digest)

    @property
    def whole(self) -> bool:
        """Whether a "not" or a "nothing" may be said: all was read that there is."""
        return not (self.truncated or self.silent or self.missing or self.unread.count)
