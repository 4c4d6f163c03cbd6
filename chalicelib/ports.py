"""The smallest shapes that the middle needs from outside, and the errors they may raise.

An adapter translates every foreign error into one of these, once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.session import Access, Noted, PermissionSet, Person, Session


class Trouble(Exception):
    """An outside thing did not do what was asked. The text is fit for a person to read."""


class Unavailable(Trouble):
    """It did not answer, or asked us to come back. Nothing is known to have happened: try later."""


class Unknown(Trouble):
    """The call's outcome is not known: it may have been accepted. Conclude nothing from it."""


class Refused(Trouble):
    """It was refused and did not happen; `lasting` says whether asking again is pointless."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


class Rejected(Trouble):
    """AWS refused, and says why by a name. `repeated`: an earlier try may have been heard."""

    def __init__(self, code: str, *, repeated: bool = False) -> None:
        super().__init__(f"AWS says {code}")
        self.code, self.repeated = code, repeated


class Gone(Trouble):
    """What was to be deleted is not there."""


class Unreadable(Trouble):
    """A row is not of our making, or was changed by hand into one that says nothing. Show it."""


class Stale(Trouble):
    """The row was written by another since it was read. Drop everything and look again."""


class DoorTaken(Trouble):
    """Another session holds the door. Look again at who it is."""


@dataclass(frozen=True, slots=True)
class Call:
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
    """The table of sessions, doors and leases. Raises Unavailable where it cannot be reached."""

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        """The session, and whether its lease stands; both as of one moment."""

    def write(self, session: Session) -> None:
        """Replaces the row, raising its version by one; Stale unless `session.version` is its."""

    def outcome(self, session_id: str, token: str, changes: dict[str, Any]) -> None:
        """Writes what a call came to and clears the claim; Stale unless `token` still holds it."""

    def allow(self, session: Session) -> None:
        """In one transaction: the row (as `write`), the door, the lease. Stale or DoorTaken."""

    def extend(self, session: Session) -> None:
        """In one transaction: the row (as `write`) and the standing lease's time. Stale."""

    def release(self, session: Session) -> None:
        """In one transaction: the row (as `write`), door (if ours) and lease deleted. Stale."""

    def holder(self, access: Access) -> str | None:
        """The id of the session that holds the door."""

    def free(self, access: Access, holder: str) -> None:
        """Deletes a door whose holder is no live session; nothing where it is another's by now."""

    def living(self, access: Access) -> Sequence[str]:
        """Ids of sessions that hold, or are taking, this access; from an index, so perhaps late."""

    def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of the sessions to look at, the longest due first; from an index."""


class Books(Store, Protocol):
    """What reconciliation needs of the table besides. Lists are from indexes, so perhaps late."""

    def all_doors(self) -> Sequence[tuple[str, Access | None]]:
        """Each door's row id and what it is the door of; None where the id says nothing."""

    def all_leases(self) -> Sequence[str]:
        """The session's id of each lease."""

    def alive(self) -> Sequence[str]:
        """Ids of the sessions that hold a door, or should; of those without a next look too."""

    def hang(self, session: Session) -> None:
        """Puts the missing door of a live session; Stale where row or door changed meanwhile."""

    def drop(self, session_id: str) -> None:
        """Deletes a lease."""

    def noted(self, access: Access) -> Noted | None: ...

    def notes(self) -> Sequence[Access]:
        """What is noted of the assignments that were there when last looked."""

    def note(self, noted: Noted) -> None:
        """Writes it, raising its version by one; Stale unless `noted.version` is the row's."""

    def stood(self, access: Access) -> str | None:
        """A session that saw the assignment standing before it began. Costs a long query."""

    def take_over(self, session: Session) -> None:
        """In one transaction: a new session, its door, its lease; not where the assignment has
        been accepted as standing by now. Stale or DoorTaken."""


class IdentityCenter(Protocol):
    """Account assignments. Reads raise Unavailable; create and delete say how they failed."""

    def create(self, access: Access) -> str:
        """Asks for the assignment; its request id. Refused, or Unknown."""

    def delete(self, access: Access) -> str:
        """Asks for its deletion; its request id. Refused, Gone, or Unknown."""

    def creation(self, request_id: str) -> Call: ...

    def deletion(self, request_id: str) -> Call: ...

    def creating(self, access: Access, since: datetime) -> bool:
        """Whether a creation for this access, asked for at or after `since`, is in progress."""

    def deleting(self, access: Access, since: datetime) -> bool: ...

    def assigned(self, access: Access) -> bool:
        """Whether the listing shows the assignment."""

    def permission_set(self, name_or_arn: str) -> PermissionSet | None: ...


class Assignments(Protocol):
    """Who is assigned. Raises Unavailable."""

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        """Ids of the users to whom the permission set is assigned on the account."""

    def permission_set(self, name_or_arn: str) -> PermissionSet | None: ...


class People(Protocol):
    """The directory by id. Raises Unavailable."""

    def user(self, principal_id: str) -> Person | None:
        """Who that is, disabled or not; None for one who was deleted."""


class Directory(Protocol):
    """The people of the Identity Center directory. Raises Unavailable."""

    def person(self, email: str) -> Person | None: ...

    def groups_of(self, principal_id: str, groups: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that the user is in."""


class Chat(Protocol):
    """Slack. Raises Unavailable where another try may help and Refused where none will."""

    def email(self, user: str) -> str | None:
        """The user's e-mail; None where there is no such person."""

    def respond(self, url: str, message: dict[str, Any]) -> None: ...

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> str:
        """Posts as the bot; the message's ts. `channel` may be a user's id."""

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None: ...


class Trail(Protocol):
    """The organisation's CloudTrail in CloudWatch Logs. Raises Unavailable."""

    def ask(self, session: Session, until: datetime) -> str:
        """Starts the search for the session's events up to `until`; a token for `answer`."""

    def answer(self, token: str) -> "TrailAnswer | None":
        """What was found; None while the search runs."""


@dataclass(frozen=True, slots=True)
class TrailAnswer:
    """CloudTrail records as they came, coarsely filtered; `truncated`: there were more."""

    records: Iterable[dict[str, Any]]
    truncated: bool = False
    silent: bool = False  # nothing at all from the account in that time, from anyone
    rest: str = ""  # not all yet: a search for the rest is under way, to be answered by this token


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


class Post(Protocol):
    """SES. Raises Unavailable, or Refused where it will not take the mail."""

    def send(self, mail: Mail) -> None: ...


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, ready to go: the mail (None where a second one would add nothing)."""

    mail: Mail | None
    summary: tuple[str, ...]  # the sentence, warnings and the worthiest lines, plain text
    events: int
    digest: str


class Reports(Protocol):
    """Makes the report of a session in REPORTING (the first) or CONCLUDING (the final one)."""

    def make(self, session: Session, answer: TrailAnswer, now: datetime) -> Reported: ...


class Journal(Protocol):
    """The structured log: ids and states only, never a body, token or secret."""

    def __call__(self, level: str, what: str, /, **facts: Any) -> None: ...


class WakeUps(Protocol):
    """The queue of wake-ups. Raises Unavailable."""

    def send(self, session_id: str, after: timedelta, at: datetime | None = None) -> None:
        """Has the session looked at after a while. Further off than the queue carries a message,
        it travels in hops, each of which counts anew from now until `at`."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC, in whole milliseconds."""

    def sleep(self, duration: timedelta) -> None:
        """Waits; only for what is due within a second, or where nobody else may come."""
