"""The smallest shapes that the middle needs from outside. An adapter translates every foreign error
into one of errors.py, once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from chalicelib.domain.ask import Ask
from chalicelib.domain.glass import Glass
from chalicelib.domain.oncall import Groups
from chalicelib.domain.session import Access, Lock, Noted, PermissionSet, Person, Session


@dataclass(frozen=True, slots=True)
class CallStatus:
    """What became of an asynchronous request: IN_PROGRESS, SUCCEEDED, FAILED, or UNKNOWN."""

    status: str
    reason: str = ""

    @property
    def in_progress(self) -> bool:
        return self.status == "IN_PROGRESS"

    @property
    def unknown(self) -> bool:
        """AWS describes no such request: it does not yet, or no longer."""
        return self.status == "UNKNOWN"

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"

    @property
    def failed(self) -> bool:
        return self.status == "FAILED"


class Store(Protocol):
    """The table of sessions, asks, locks and leases. Raises Unavailable where it cannot be reached.

    A session of version 0 has no row yet: it is an ask, and every write that makes it one takes the
    ask's row away in the same transaction, and is Stale where that is gone.
    """

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        """The session, and whether its lease stands; both as of one moment. Raises Unreadable."""

    def asked(self, row_id: str) -> Session | Ask | None:
        """The ask with that row: a *break*, or what was found, as the session that it would be.

        None where it has been decided. Only what has the form of an ask is taken from the row;
        Unreadable where that does not make one."""

    def remains(self, session_id: str) -> Session | None:
        """Of a live session whose row is Unreadable, what can still be told: to be made known.

        As far as its row says it, and else its lease and its lock, which say whose it is and until
        when. ACTIVE until its deadline or earlier end. None where it is not live.
        """

    def write(self, session: Session) -> None:
        """Replaces the row, raising its version by one; Stale unless `session.version` is its."""

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        """Writes what a call came to and clears the claim; Stale unless `token` still holds it."""

    def allow(self, session: Session) -> None:
        """In one transaction: the row (as `write`), the lock, the lease. Stale or LockTaken."""

    def take_over(self, session: Session) -> None:
        """As `allow` (Stale or LockTaken), and Stale where it has been accepted as standing."""

    def decide(self, ask: Ask, session: Session | None = None) -> None:
        """In one transaction: the ask is decided, and the session's row (as `write`); Stale.

        Where the session's deadline is not the lease's, the standing lease moves with it.
        """

    def answered(self, ask: Ask) -> None:
        """Replaces a decided ask, raising its version by one; Stale unless `ask.version` is its."""

    def drop_ask(self, row_id: str) -> None:
        """Deletes an undecided ask of which nothing comes."""

    def release(self, session: Session) -> None:
        """In one transaction: the row (as `write`), lock (if ours) and lease deleted. Stale.

        With `session.revoke_late_until` the lock stays shut: not before then, and not while a
        deletion is in progress, may the next one free it.
        """

    def lock(self, access: Access) -> Lock | None:
        """Which session holds the lock. Raises Unreadable where its row says nothing."""

    def free(self, access: Access, lock: Lock) -> None:
        """Deletes a lock whose holder is no live session; nothing where it is not so by now."""

    def living(self, access: Access) -> Sequence[str]:
        """Ids of sessions that hold, take or await this access; from an index, so perhaps late."""

    def unreviewed(self, session: Session, since: datetime) -> str | None:
        """The latest session since then of that glass and person that waits for its review."""

    def due(self, now: datetime, limit: int) -> Iterable[str]:
        """Ids of the sessions to look at, from indexes: the live ones, then, read later, others."""

    def noted(self, access: Access) -> Noted | None:
        """What reconciliation has noted of the assignment. Unreadable where that says nothing."""

    def session_that_saw(self, access: Access) -> str | None:
        """A session that saw the assignment standing before it began. Costs a long query."""


class Books(Store, Protocol):
    """What reconciliation needs of the table besides. Lists are from indexes, so perhaps late."""

    def all_locks(self) -> Sequence[tuple[str, Access | None]]:
        """Each lock's row id and what it is the lock of; None where the id says nothing."""

    def all_leases(self) -> Sequence[str]:
        """The session's id of each lease."""

    def alive(self) -> Sequence[str]:
        """Ids of sessions that hold a lock, or should, or await approval; without a look too."""

    def restore_lock(self, session: Session) -> None:
        """Puts the missing lock of a live session; Stale where row or lock changed meanwhile."""

    def drop(self, session_id: str) -> None:
        """Deletes a lease."""

    def notes(self) -> Sequence[Access]:
        """What is noted of the assignments that were there when last looked."""

    def note(self, noted: Noted) -> None:
        """Writes it, raising its version by one; Stale unless `noted.version` is the row's."""

    def ask_back(self, access: Access, glass: str, now: datetime) -> str:
        """Asks the worker's side to take back what nobody accounts for; the id of the ask's row."""


class IdentityCenter(Protocol):
    """Account assignments. Reads raise Unavailable; create and delete say how they failed."""

    def create(self, access: Access) -> str:
        """Asks for the assignment; its request id. Refused, or Unknown."""

    def delete(self, access: Access) -> str:
        """Asks for its deletion; its request id. Refused, Gone, or Unknown."""

    def creation(self, access: Access, request_id: str) -> CallStatus: ...
    def deletion(self, access: Access, request_id: str) -> CallStatus: ...

    def creating(self, access: Access, since: datetime) -> bool:
        """Whether a creation for this access, asked for at or after `since`, is in progress."""

    def deleting(self, access: Access, since: datetime) -> bool: ...

    def assigned(self, access: Access) -> bool:
        """Whether the listing shows the assignment."""

    def permission_set(self, name_or_arn: str) -> PermissionSet | None: ...

    def owner(self) -> str:
        """The account that owns the instance, the organisation's own; empty where nobody says."""


class Assignments(Protocol):
    """Who is assigned. Raises Unavailable."""

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        """Ids of the users to whom the permission set is assigned on the account."""

    def permission_set(self, name_or_arn: str) -> PermissionSet | None: ...


class People(Protocol):
    """The directory by id. Raises Unavailable."""

    def user(self, principal_id: str) -> Person | None:
        """Who that is, disabled or not; None for one who was deleted."""


class Directory(People, Protocol):
    """The people of the Identity Center directory. Raises Unavailable."""

    def person(self, email: str) -> Person | None:
        """Who has that e-mail. Refused, for good, where two have it."""

    def groups_of(self, principal_id: str, groups: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that the user is in."""

    def portal(self) -> str:
        """The AWS access portal's address; empty where the directory does not say it."""


class Posted(NamedTuple):
    """Where a message is that we have posted."""

    channel: str
    ts: str


class Chat(Groups, Protocol):
    """Slack. Raises Unavailable where another try may help and Refused where none will."""

    def email(self, user: str) -> str | None:
        """The user's e-mail; None where there is no such person."""

    def respond(self, url: str, message: dict[str, Any]) -> None: ...

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        """Posts as the bot. `channel` may be a user's id: that is their direct message."""

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class TrailPage:
    """CloudTrail records as the log has them, with its own "@timestamp" and "@ingestionTime".

    What is no record has its text as "@message". `token` leads to the next page, if there is one;
    `matched` is how many the query found in all, and `last` when the last one here was.
    """

    records: list[dict[str, Any]]
    token: str = ""
    matched: int = 0
    last: int | None = None  # epoch seconds
    narrow: bool = False  # only accounts that were known of were read, for there are very many


class Trail(Protocol):
    """The organisation's CloudTrail, in CloudWatch Logs or in a bucket.

    A query is one of Logs Insights, of those that report.search makes. `log_group` says where the
    trail is: the group's name or ARN, or `s3://BUCKET/PREFIX`. Raises Unavailable, and Lost of a
    query that came to nothing or is not known any more.
    """

    log_group: str

    def start(
        self, query: str, start: int, end: int, limit: int, accounts: Sequence[str] = ()
    ) -> str:
        """Starts a query from `start` to `end`, in epoch seconds; its id. Each one costs.

        `accounts`: whose records are wanted, for whom not to read those of all.
        Never tried twice: what did not answer may run all the same, and `started` finds it."""

    def started(self, mark: str) -> Sequence[tuple[str, str]]:
        """Queries with `mark` in them that run or have ended well: id, and the line with it; none
        where that cannot be told."""

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        """So many rows of what it found at the most; None while it runs."""

    def stop(self, query_id: str) -> None:
        """Stops a query that nobody waits for any more."""


class Pieces(Protocol):
    """What a long report has come to between two pieces of its work. Raises Unavailable.

    A name is written once with one content; what nobody drops is gone after a week.
    """

    def put(self, session_id: str, name: str, content: bytes) -> None: ...

    def get(self, session_id: str, name: str) -> bytes | None: ...

    def drop(self, session_id: str, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to several people, as text and as HTML."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    reached: int = 0  # so many of them, the first ones, have it already


class Letters(Protocol):
    """What is said by mail, as subject, text and HTML; mails.py, which fills templates."""

    def about(self, notification: str, session: Session, now: datetime) -> tuple[str, str, str]: ...

    def found_mail(
        self, glass: Glass, what: Sequence[Noted], region: str = "", stage: str = ""
    ) -> tuple[str, str, str]: ...


class Topics(Protocol):
    """SNS. Raises Unavailable, or Refused where it will not take the message."""

    def publish(self, topic: str, subject: str, text: str) -> None: ...


class Post(Protocol):
    """SES. Raises Unavailable, Partly, or Refused where it will not take the mail."""

    def send(self, mail: Mail) -> None: ...


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, ready to go: the mail (None where a second one would add nothing)."""

    mail: Mail | None
    summary: tuple[str, ...]  # the sentence, warnings and the worthiest lines, plain text
    events: int
    digest: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The trail is still being read: how far, and when going on makes sense.

    `wait` is zero where there is more to do at once. `error` says in words what went wrong and
    is being tried again, for whoever wonders why it takes so long.
    """

    progress: str  # at most 2,000 signs
    wait: timedelta
    error: str = ""


class Reports(Protocol):
    """Makes the report of a session in REPORTING (the first) or CONCLUDING (the final one)."""

    def go_on(
        self,
        session: Session,
        now: datetime,
        remaining: Callable[[], timedelta],
        again: bool = False,
    ) -> Reading | Reported:
        """One bounded piece of the work, from `session.trail_query`, which is the progress.

        Where that is empty it only starts the search, so nobody need hold a claim; for all else
        one has to be held. Safe to repeat from the same progress: nothing counts twice, and the
        report says the same once more. `again`: somebody may have died over this piece; so a query
        that he has started is looked for before one is started anew. Raises Unavailable where trail
        or table do not answer; the progress is to be kept then. Some hours after the report was due
        it comes all the same, whatever does not go, and says what it does not have.
        """

    def leave(self, reading: Reading) -> None:
        """Stops the query of a progress that nobody will go on from. Never raises."""

    def forget(self, session: Session) -> None:
        """Drops what was kept for the report, once it was written down as sent. Never raises."""


class Log(Protocol):
    """The structured log: ids and states only, never a body, token or secret."""

    def __call__(self, level: str, what: str, /, **facts: Any) -> None: ...


class WakeUps(Protocol):
    """The queue of wake-ups. Raises Unavailable."""

    def send(
        self, session_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        """Has the session looked at after a while. Further off than the queue carries a message,
        it travels in hops, counted anew until `at`. `tried`: looks that came to nothing."""


# An AWS service that speaks JSON: the operation's name, what is asked, and the answer. Raises
# Rejected with the error's name, or Unavailable.
AwsCall = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class Clock(Protocol):
    """The time, and the waiting for it."""

    def now(self) -> datetime:
        """Aware, UTC, in whole milliseconds."""

    def sleep(self, duration: timedelta) -> None:
        """Waits; only for what is due within a second, or where nobody else may come."""
