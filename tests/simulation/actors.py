"""Who and what a life is about: people, workers, requests, and the time they live in."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.session import Access, Person
from chalicelib.workflow.answers import Rest
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.runner import Runner
from chalicelib.workflow.timing import CLOCK_SKEW, NETWORK_DELAY
from tests.simulation.faults import OUTAGES

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
THINGS = OUTAGES  # that may hang
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
LATE = re.compile(r", [^,]* late$")  # at the end of a mail's subject
SKEW_MS, NETWORK_MS = CLOCK_SKEW // MS, NETWORK_DELAY // MS

LIVES = {  # the functions' time-outs
    "queue": 60 * SECOND,
    "sweep": 55 * SECOND,
    "stream": 60 * SECOND,
    "reconcile": 300 * SECOND,
}
PATIENCE = timedelta(seconds=20)
SWEEP_LEAVES, SWEEP_AT_MOST = timedelta(seconds=10), 500
RECEIVES = 5  # then a message goes to the dead-letter queue
HEALED_REQUEST = 5 * SECOND  # the longest that a request takes once all is well
AWS_FORGETS_AFTER = 10 * MINUTE  # AWS may then know no more of a request
RECONCILED = 3 * HOUR + 30 * MINUTE  # from then on reconciliation has left nothing to be done


def moment(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


def ms_of(time: datetime) -> int:
    return (time - START) // MS


class Wrong(Exception):
    """Something that must always hold did not."""


class Broken(Exception):
    """What nobody foresaw: a mistake in a library, memory that ran out."""


class Stopped(BaseException):
    """Takes a worker off its stack until `until`; not an error, so nothing may catch it."""

    def __init__(self, until: int) -> None:
        self.until = until


class Crashed(BaseException):
    """The worker is no more."""


@dataclass(eq=False)
class Worker:
    """One invocation, and what its calls have brought since the look began."""

    name: str
    side: str
    task: Any  # the message's body, the stream's records
    looks_at: str
    dies: int
    skew: int
    began: int
    runner: Runner
    reconciler: Reconciler
    received: int = 0  # of the message at hand, how often it was tried
    copied: bool = False  # that message, or one that it comes of, was doubled on its way
    log: list[tuple[bool, Any]] = field(default_factory=list)
    at: int = 0  # how much of the log has been given again
    look_began: int = 0
    resumed: bool = False  # it stands before a call and has been stopped there already
    hangs: bool = False  # in the call before which it stands
    dead: bool = False
    alarms: bool = False  # what it says no row has
    failed_at: int = -1  # when it last failed to write, or was stopped for long, or broke


@dataclass(frozen=True)
class Came:
    """What came of a whole look."""

    of: Rest | None


@dataclass(frozen=True)
class Said:
    """One piece of news, as somebody has heard or read it."""

    at: int
    worker: Worker


@dataclass(eq=False)
class Request:
    """An asynchronous request to Identity Center."""

    id: str
    kind: str  # create | delete
    access: Access
    session_id: str
    accepted: int
    shown: int  # from then on Describe and the list know it
    status: str = "IN_PROGRESS"
    reason: str = ""

    @property
    def open(self) -> bool:
        return self.status == "IN_PROGRESS"


@dataclass(eq=False)
class Held:
    """One stretch of truth: a session's access, from its landing to its removal."""

    session_id: str
    access: Access
    since: int
    until: int | None = None


ANN, BOB, CLEO, DAVE = (
    Person(f"p-{name}", name, name.title(), f"{name}@example.com")
    for name in ("ann", "bob", "cleo", "dave")
)
SLACK = {"UANN": ANN, "UBOB": BOB, "UCLEO": CLEO}
PEOPLE = {person.email: person for person in (ANN, BOB, CLEO, DAVE)}
ACCOUNT, ARN = "111122223333", "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
BY_ID = {person.principal_id: person for person in (ANN, BOB, CLEO, DAVE)}
ACCESSES = [Access(ACCOUNT, arn, each) for each in BY_ID for arn in (ARN, ARN + "data")]


def session_id_of(number: int) -> str:
    return f"bg-{number:024x}"


def stream_record(name: str, row_id: str) -> dict[str, Any]:
    """As much of a stream record as decides what is looked at."""
    image: dict[str, Any] = {"Keys": {"id": {"S": row_id}}, "SequenceNumber": "1"}
    if name == "INSERT":
        image["NewImage"] = {"kind": {"S": "ask"}}
    return {"eventName": name, "dynamodb": image}
