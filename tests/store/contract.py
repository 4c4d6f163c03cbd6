"""One contract, two stores: what their tests share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.machine import Event
from chalicelib.domain.session import Access, Session
from tests.support.stories import HOUR, NOON, active, granting, requested

ACCESS = active().access
OTHER = Access(ACCESS.account_id, ACCESS.permission_set_arn, "somebody-else")
MINUTE = timedelta(minutes=1)
PAST = NOON - HOUR


def bg(number: int) -> str:
    """A session's id."""
    return f"bg-{number:024x}"


@dataclass
class Store:
    """A store, with the route's write and ways to empty and to spoil it."""

    books: Any  # ports.Books, and the sweep's lists
    record: Callable[[Session | Ask], bool]
    clear: Callable[[], None]
    spoil: Callable[[str, dict[str, Any]], None]  # a row that no code of ours has written
    forge: Callable[[str, Session], None]  # a row with that id that says it were that session
    lease: Callable[[str], int | None]  # of a session: its TTL

    def ask(self, asked: Session | Ask) -> Any:
        """As the route writes it; what the worker's side reads of it."""
        assert self.record(asked)
        return self.books.asked(f"ask/{asked.id}")

    def put(self, session: Session) -> Session:
        """The row as it is, as of its first version; the session to go on from."""
        self.ask(requested(id=session.id))
        self.books.write(replace(session, version=0))
        return replace(session, version=1)

    def open(self, **changes: Any) -> Session:
        """A session that was allowed: row, lock and lease."""
        allowed = granting(**changes)
        self.ask(requested(id=allowed.id))
        self.books.allow(allowed)
        return replace(allowed, version=1)

    def write(self, session: Session) -> Session:
        self.books.write(session)
        return replace(session, version=session.version + 1)

    def found(self) -> Session:
        """What reconciliation asks to have taken back, as the session it would be."""
        asked = self.books.asked(self.books.ask_back(ACCESS, "prod", NOON))
        assert isinstance(asked, Session)
        return asked.entered(Event.ALLOWED, NOON, deadline=NOON + asked.duration)


def released(session: Session, **changes: Any) -> Session:
    over = replace(active(id=session.id), version=session.version)
    ended = over.entered(Event.EXPIRED, NOON + HOUR)
    return ended.entered(Event.REVOKED, NOON + HOUR, **changes)


def pressed(session: Session, kind: Kind = Kind.END, number: int = 0, **changes: Any) -> Ask:
    """*End now* or *Extend*, as the route makes it."""
    facts: dict[str, Any] = {
        "id": f"{kind}-{number:024x}",
        "session_id": session.id,
        "asked_at": NOON,
        "slack_user": "U0BOB",
        "slack_user_name": "bob",
        "slack_channel": "C0INCIDENT",
        "shape": "block_actions",
        "response_url": "https://hooks.slack.com/actions/T0/1/bob",
    }
    return Ask(**(facts | changes))


def ended(ask: Ask, **changes: Any) -> Ask:
    facts = {"outcome": Outcome.ENDED, "decided_at": NOON + MINUTE, "owed": ("answer",)}
    return ask.with_(**facts | changes)


def extended(ask: Ask, session: Session) -> tuple[Ask, Session]:
    """What an extension comes to: the ask, and the session's next row."""
    assert session.deadline is not None
    later = session.deadline + timedelta(minutes=30)
    after = session.with_(deadline=later, extended=1, extended_by="bob@example.com")
    moments = {"deadline_before": session.deadline, "deadline_after": later}
    return ended(ask, outcome=Outcome.EXTENDED, owed=(), **moments), after
