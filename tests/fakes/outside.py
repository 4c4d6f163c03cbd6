"""The outside in memory, for one Runner: answers as it is told, and keeps what it was asked."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.glass import Glass
from chalicelib.domain.ports import CallStatus, Mail, Posted, Reading, Reported
from chalicelib.domain.session import Access, PermissionSet, Person, Session
from chalicelib.route.front import Front
from chalicelib.words import mails
from chalicelib.workflow.answers import Outside, Turn
from chalicelib.workflow.deciding import Glasses
from chalicelib.workflow.runner import Runner
from tests.fakes.books import MemoryBooks
from tests.support.stories import HOUR, NOON, SET, glass

SECOND = timedelta(seconds=1)
Answer = Any  # a value, or an exception to be raised


def given(answer: Answer) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class World:
    """Everything around a Runner. `says` holds planned answers by call, the next one first."""

    books: MemoryBooks = field(default_factory=MemoryBooks)
    glasses: dict[str, Glass] = field(default_factory=lambda: {"prod": glass()})
    emails: dict[str, str] = field(
        default_factory=lambda: {
            "U0ALICE": "alice@example.com",
            "U0BOB": "bob@example.com",
            "U0MALLORY": "mallory@example.com",
        }
    )
    people: dict[str, str] = field(default_factory=dict)  # [people] of glasses.toml
    takes_back: bool = False  # whether reconciliation does
    groups: dict[str, frozenset[str]] = field(default_factory=lambda: {"bob": frozenset({"sre"})})
    assignments: set[Access] = field(default_factory=set)
    says: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)  # of what was told, in a message's place
    mails: list[Mail] = field(default_factory=list)
    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    wakes: list[tuple[str, timedelta, datetime | None]] = field(default_factory=list)
    tried: int = 0  # what the last wake-up said of it
    time: datetime = NOON
    left: timedelta = timedelta(seconds=30)
    again: list[bool] = field(default_factory=list)  # what was said to each piece of a report
    meanwhile: dict[str, Any] = field(default_factory=dict)  # happens during that call
    asides: list[Callable[[], object]] = field(default_factory=list)  # due where the call hangs

    def runner(self) -> Runner:
        outside = Outside(
            store=self.books,
            identity_center=self,
            directory=self,
            chat=self,
            post=Post(self),
            topics=self,
            letters=mails,
            wakeups=WakeUps(self),
            clock=self,
            log=lambda level, what, /, **facts: self.lines.append((level, what, facts)),
            token=lambda: f"token-{len(self.asked)}",
            reports=self,
            aside=self.aside,
        )
        return Runner(outside, Glasses(self.glasses, self.people, self.takes_back))

    def front(self) -> Front:
        """The route of the same world, to which everything is signed."""
        return Front(
            secret=lambda *, refresh: "secret",
            genuine=lambda *_: True,
            table=lambda: self.books,
            glasses=lambda: self.glasses,
            respond=self.respond,
            clock=self,
            log=lambda level, what, /, **facts: self.lines.append((level, what, facts)),
        )

    def look(self, session: Session | str, side: str = "queue", patience: float = 0) -> Session:
        session_id = session if isinstance(session, str) else session.id
        if session_id not in self.books.sessions and f"ask/{session_id}" in self.books.asks:
            session_id = f"ask/{session_id}"
        look = Turn(side, lambda: self.left, timedelta(seconds=patience))
        self.runner().advance(session_id, look)
        return self.row(session_id.removeprefix("ask/"))

    def ask(self, ask: Ask, side: str = "queue", **how: Any) -> Ask:
        """The ask as it is decided in one turn."""
        self.books.record(ask)
        self.runner().advance(f"ask/{ask.id}", Turn(side, lambda: self.left, **how))
        return self.books.decided[ask.id]

    def row(self, session_id: str) -> Session:
        return self.books.sessions[session_id]

    def keep(self, session: Session, *, lock: bool = True, lease: bool = True) -> Session:
        """The session's rows as they stand in its state."""
        self.books.sessions[session.id] = session
        if session.live and lock:
            self.books.locks[session.access.key] = session.id
        if session.live and lease:
            self.books.leases[session.id] = 1
        return session

    def until(self, session: Session, *states: str, steps: int = 200) -> Session:
        """Looks whenever the session asks for it, until it is in one of the states."""
        for _ in range(steps):
            row = self.look(session)
            if row.state in states:
                return row
            assert row.look_at is not None, row
            self.time = max(row.look_at, self.time + timedelta(milliseconds=500))
        raise AssertionError(f"still {row.state} at {self.time}")

    def reply(self, call: str, otherwise: Answer) -> Any:
        self.asked.append(call)
        if call in self.meanwhile:
            self.meanwhile.pop(call)()
        planned = self.says.get(call)
        return given(planned.pop(0) if planned else otherwise)

    @contextmanager
    def aside(self, wait: timedelta, do: Callable[[], object]) -> Iterator[None]:
        self.asides.append(do)
        try:
            yield
        finally:
            self.asides.remove(do)

    # ---- ports.IdentityCenter

    def create(self, access: Access) -> str:
        answer: str = self.reply("create", "create-1")
        self.assignments.add(access)
        return answer

    def delete(self, access: Access) -> str:
        answer: str = self.reply("delete", "delete-1")
        self.assignments.discard(access)
        return answer

    def creation(self, access: Access, request_id: str) -> CallStatus:
        return self.reply("creation", CallStatus("SUCCEEDED"))  # type: ignore[no-any-return]

    def deletion(self, access: Access, request_id: str) -> CallStatus:
        return self.reply("deletion", CallStatus("SUCCEEDED"))  # type: ignore[no-any-return]

    def creating(self, access: Access, since: datetime) -> bool:
        return self.reply("creating", False)  # type: ignore[no-any-return]

    def deleting(self, access: Access, since: datetime) -> bool:
        return self.reply("deleting", False)  # type: ignore[no-any-return]

    def assigned(self, access: Access) -> bool:
        return self.reply("assigned", access in self.assignments)  # type: ignore[no-any-return]

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        return self.reply(  # type: ignore[no-any-return]
            "permission_set", PermissionSet(SET, "BreakGlassAdmin", HOUR)
        )

    def owner(self) -> str:
        return "000000000000"

    # ---- ports.Directory

    def person(self, email: str) -> Person | None:
        name = email.partition("@")[0]
        known = Person(f"{name}-id", name, name.title(), email)
        return self.reply("person", known)  # type: ignore[no-any-return]

    def user(self, principal_id: str) -> Person | None:
        return self.person(f"{principal_id.removesuffix('-id')}@example.com")

    def groups_of(self, principal_id: str, groups: Iterable[str]) -> frozenset[str]:
        return self.groups.get(principal_id.removesuffix("-id"), frozenset()) & set(groups)

    def portal(self) -> str:
        return "https://d-1234567890.awsapps.com/start"

    # ---- ports.Chat

    def email(self, user: str) -> str | None:
        return self.reply("email", self.emails.get(user))  # type: ignore[no-any-return]

    def respond(self, url: str, message: dict[str, Any]) -> None:
        self.reply("respond", None)
        self.told.append(("response_url", message["text"]))
        if message.get("replace_original"):
            self.replaced.append(message["text"])

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        self.reply("post", None)
        self.told.append((channel, message["text"]))
        return Posted(channel.replace("U0", "D0"), "1.5")

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None:
        self.reply("update", None)
        self.told.append((f"{channel} {ts}", message["text"]))

    # ---- ports.Topics

    def publish(self, topic: str, subject: str, text: str) -> None:
        self.reply("publish", None)
        self.told.append((topic, subject))

    # ---- ports.Reports

    def go_on(
        self, session: Session, now: datetime, remaining: Any, again: bool = False
    ) -> Reading | Reported:
        self.again.append(again)
        if not session.trail_query:
            return self.reply("search", Reading("query-1", 3 * SECOND))  # type: ignore[no-any-return]
        mail = Mail(session.report_to, f"Report {session.id}", "text", "<p>html</p>")
        return self.reply(  # type: ignore[no-any-return]
            "make", Reported(mail, ("Nothing was done.",), 0, "digest")
        )

    def forget(self, session: Session) -> None:
        self.asked.append("forget")

    def leave(self, reading: Reading) -> None:
        self.asked.append(f"leave {reading.progress}")

    # ---- ports.Clock

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration


@dataclass
class Post:
    world: World

    def send(self, mail: Mail) -> None:
        self.world.reply("mail", None)
        self.world.mails.append(mail)


@dataclass
class WakeUps:
    world: World

    def send(
        self, session_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        self.world.reply("wake", None)
        self.world.wakes.append((session_id, after, at))
        self.world.tried = tried
