"""Worth a look: one line for like events, and what is told of a session as a whole."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.judge.rules import Book, Severity, standard

RESOURCES_SHOWN = 3
ADDRESSES_SHOWN = 3
OF_ONE_REASON = 5

ELSEWHERE = "from an address that did not sign in to the portal"
STRANGE_CLIENT = "unusual client"
WHENCE_SEVERITY: Severity = (
    "medium"  # of these two, which are told of a session and not of one event
)


def whence_weight(reason: str, book: Book | None = None) -> int:
    return (book or standard()).weight(WHENCE_SEVERITY, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """One line of *worth a look*: like events, when they were, on what, and why to look."""

    weight: int
    severity: str
    why: str
    what: str  # "service:Name", or the address or client
    count: int
    first: datetime | None
    last: datetime | None
    resources: tuple[str, ...] = ()
    more_resources: int = 0
    unnamed: bool = False  # no record says what it was done to
    note: str = ""
    account: str = ""  # where that is not the session's
    at_least: bool = False  # there were too many to count
    error: str = ""
    via: str = ""
    by_service: str = ""
    new: int = 0  # how many of them an earlier report did not have
