"""Everything around one Reconciler, in memory; and the worker's side of what it asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.glass import Glass
from chalicelib.domain.ports import Mail
from chalicelib.domain.session import Access, Noted, PermissionSet, Person, Session
from chalicelib.words import mails
from chalicelib.workflow.answers import Turn
from chalicelib.workflow.reconcile import Reconciler
from tests.fakes.books import MemoryBooks
from tests.fakes.outside import World
from tests.support.stories import NOON, SET, active, glass

ACCOUNT = "111122223333"
STEVE = Access(ACCOUNT, SET, "steve-id")
ALICE = active().access
ADMIN = PermissionSet(SET, "BreakGlassAdmin", timedelta(hours=1))
NOTED = Noted(access=STEVE, found_at=NOON, glass="prod")


@dataclass
class Office:
    """Everything around one Reconciler, in memory."""

    glasses: Mapping[str, Glass] = field(default_factory=lambda: {"prod": glass()})
    revokes: bool = False
    books: MemoryBooks = field(default_factory=MemoryBooks)
    assigned: set[Access] = field(default_factory=set)
    sets: dict[str, PermissionSet] = field(default_factory=lambda: {"BreakGlassAdmin": ADMIN})
    deleted: set[str] = field(default_factory=set)
    posts: list[tuple[str, str]] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    time: datetime = NOON
    meanwhile: Any = None  # happens while it waits to look again
    slack: Exception | None = None
    ses: Exception | None = None
    center: dict[str, Exception] = field(default_factory=dict)  # by account
    queue: Exception | None = None

    def run(self) -> None:
        Reconciler(
            glasses=self.glasses,
            revokes=self.revokes,
            books=self.books,
            assignments=self,
            people=self,
            chat=self,  # type: ignore[arg-type]
            post=self,
            letters=mails,
            clock=self,
            log=lambda level, what, /, **facts: self.lines.append((level, what)),
            wakeups=Queue(self),
            region="eu-west-1",
            stage="prod",
        ).run()

    def asked_back(self) -> list[Access]:
        """What it has asked the worker's side to take back."""
        asked = self.books.asks.values()
        return [each.access for each in asked if isinstance(each, Session) and each.found]

    def decide(self) -> World:
        """The worker's side looks at all that was asked."""
        world = World(books=self.books, assignments=self.assigned, takes_back=True, time=self.time)
        for row_id in list(self.books.asks):
            world.runner().advance(row_id, Turn("queue", lambda: timedelta(seconds=30)))
        return world

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        if account_id in self.center:
            raise self.center[account_id]
        return frozenset(
            each.principal_id
            for each in self.assigned
            if (each.account_id, each.permission_set_arn) == (account_id, permission_set_arn)
        )

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        return self.sets.get(name_or_arn)

    def user(self, principal_id: str) -> Person | None:
        if principal_id in self.deleted:
            return None
        name = principal_id.removesuffix("-id")
        return Person(principal_id, name, name.title(), f"{name}@example.com")

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> str:
        if self.slack:
            raise self.slack
        self.posts.append((channel, message["text"]))
        return "1.0"

    def send(self, mail: Mail) -> None:
        if self.ses:
            raise self.ses
        self.mails.append(mail)

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration
        if self.meanwhile:
            self.meanwhile()


@dataclass
class Queue:
    office: Office

    def send(
        self, session_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        if self.office.queue:
            raise self.office.queue
        self.office.woken.append(session_id)


def keep(office: Office, session: Session, *, lock: bool = True, lease: bool = True) -> Session:
    """Puts a session's rows there as they stand while it is live."""
    office.books.sessions[session.id] = session
    if lock:
        office.books.locks[session.access.key] = session.id
    if lease:
        office.books.leases[session.id] = 1
    return session
