"""What a duty is given, and what it may answer: the runner carries it out.

No duty calls another, and none calls the runner: it answers what is to be written, done or waited
for, and the runner sees to that.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.domain.errors import ExternalError
from chalicelib.domain.machine import Event
from chalicelib.domain.ports import (
    Chat,
    Clock,
    Directory,
    IdentityCenter,
    Letters,
    Log,
    Post,
    Reports,
    Store,
    Topics,
    WakeUps,
)
from chalicelib.domain.schedule import next_look
from chalicelib.domain.session import Session

Side = Literal["queue", "sweep", "stream"]  # from which rows are looked at


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn at a session: from which side, and how long the worker at hand may still live.

    For `patience` in all it waits in place for what is due, while access may be open: the queue's
    side for a first poll, and longer the stream's, which may be alone.
    """

    seen_by: Side
    remaining: Callable[[], timedelta]
    patience: timedelta = timedelta(0)
    quiet: bool = False  # tells nobody anything: others wait to be looked at
    says_first: bool = False  # the duty has had its try in a quiet turn just now, and has it after
    asks_nobody: bool = False  # decides an ask only where that needs no answer from outside
    tried: int = 0  # looks before it that came to nothing


# Does the second after the first, should the block not be through by then.
Aside = Callable[[timedelta, Callable[[], object]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the runner needs from outside."""

    store: Store
    identity_center: IdentityCenter
    directory: Directory
    chat: Chat
    post: Post
    topics: Topics
    letters: Letters
    wakeups: WakeUps
    clock: Clock
    log: Log
    token: Callable[[], str]  # a fresh claim's
    reports: Reports
    aside: Aside = lambda wait, do: nullcontext()


@dataclass(frozen=True, slots=True)
class Rest:
    """When to look again. `exact`: it is a deadline, to be met. `urgent`: access may be open.

    `known`: the row as we have just read or written it. `tells`: something is to be said, here
    where the look was a quiet one, elsewhere where it was there to say it; so it ends.
    """

    until: datetime
    exact: bool = False
    urgent: bool = False
    known: Session | None = None
    tells: bool = False


@dataclass(frozen=True, slots=True)
class Became:
    """A fact. It is kept unsaved until the first write of the duty that it brings, which has both;
    where that duty waits for somebody else, or there is something to say, it is written alone."""

    session: Session
    event: Event
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GoOn:
    """The duty of the session's state is to be done at once, in the same turn.

    `proven`: this very turn has written the intent.
    """

    session: Session
    turn: Turn
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What a call came to that was made under the claim of `claimed`, to go on with at once.

    The next write has it too, and where another has written meanwhile, it is written by the claim's
    token.
    """

    claimed: Session
    changes: Mapping[str, Any]
    go_on: GoOn


@dataclass(frozen=True, slots=True)
class Poll:
    """What the duty waits for is in progress since then; it looks again soon, then less often."""

    session: Session
    since: datetime | None


@dataclass(frozen=True, slots=True)
class TryLater:
    """The duty lacks something: the row keeps what, how often, and it is tried again soon."""

    session: Session
    error: ExternalError
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Announce:
    """Something happened of which people hear; `write`: how it is written, if not as always."""

    session: Session
    write: Callable[[Session], None] | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """What a call came to that was made under the claim of `claimed`; unknown without `changes`.

    Where there is a `turn` with the patience, it goes on after a `wait`: a POLL, if none is named.
    """

    claimed: Session
    error: ExternalError | None = None
    turn: Turn | None = None
    wait: timedelta | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be done outside, under a claim that is written before it with `changes`.

    `late` names the session's field that says until when what is asked for may still land.
    """

    session: Session
    act: "Callable[[Session], Came | Rest | None]"
    late: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


Answer = Rest | Became | GoOn | Poll | TryLater | Announce | Act | None


def became(session: Session, event: Event, **changes: Any) -> Became:
    """That event, with what it changes besides the state."""
    return Became(session, event, changes)


def rest_of(session: Session, now: datetime, known: Session | None = None) -> Rest | None:
    """Until the session next asks for something; None: never again."""
    until = next_look(session, now)
    if until is None:
        return None
    return Rest(until, exact=until == session.times_out_at, urgent=session.live, known=known)
