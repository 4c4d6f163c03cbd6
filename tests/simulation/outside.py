"""What a worker has outside: Identity Center, the directory, Slack, mail, queue and trail."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.sqs import message
from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown
from chalicelib.domain.machine import State
from chalicelib.domain.oncall import OnCall
from chalicelib.domain.ports import CallStatus, Mail, Posted, Reading, Reported
from chalicelib.domain.session import Access, PermissionSet, Person, Session
from tests.simulation.actors import (
    ACCESSES,
    AWS_FORGETS_AFTER,
    BY_ID,
    LATE,
    NETWORK_MS,
    PEOPLE,
    SECOND,
    ms_of,
)
from tests.simulation.ports import Ports


class Centre(Ports):
    """ports.IdentityCenter."""

    def create(self, access: Access) -> str:
        request_id: str = self.world.call("create", self._ask, "create", access)
        return request_id

    def delete(self, access: Access) -> str:
        request_id: str = self.world.call("delete", self._ask, "delete", access)
        return request_id

    def _ask(self, kind: str, access: Access) -> str:
        world, faults = self.world, self.faults
        worker = world.current
        assert worker is not None
        if faults.out("identity center", world.now):
            if world.random.random() < 0.5:
                raise Refused("no connection")
            raise Unknown("no answer")
        if faults.strikes("denied"):
            raise Refused("AccessDeniedException", lasting=kind == "create")
        if faults.strikes("throttled"):
            raise Refused("ThrottlingException")
        if world.pending and faults.strikes("conflict"):
            raise Refused("ConflictException")
        ends = worker.dies + NETWORK_MS  # what was sent has arrived by then
        if faults.strikes("never sent"):
            raise Unknown("read timeout")
        if faults.strikes("late"):
            arrives = world.random.randrange(world.now, ends)
            world.at(arrives, world.accept_late, kind, access, self.session_id, ends)
            raise Unknown("read timeout")
        if kind == "delete" and access.key not in world.truth:
            raise Gone("ResourceNotFoundException")
        request = world.accept(kind, access, self.session_id, ends, worker.name)
        if faults.strikes("answer lost"):
            raise Unknown("the answer was lost")
        return request.id

    def creation(self, access: Access, request_id: str) -> CallStatus:
        call: CallStatus = self.world.call("creation", self._status, request_id)
        return call

    def deletion(self, access: Access, request_id: str) -> CallStatus:
        call: CallStatus = self.world.call("deletion", self._status, request_id)
        return call

    def _status(self, request_id: str) -> CallStatus:
        self._reading()
        request = self.world.requests[request_id]
        age = self.world.now - request.accepted
        if self.world.now < request.shown or (age > AWS_FORGETS_AFTER and not request.open):
            return CallStatus("UNKNOWN")
        return CallStatus(request.status, request.reason)

    def creating(self, access: Access, since: datetime) -> bool:
        found: bool = self.world.call("creating", self._under_way, "create", access, since)
        return found

    def deleting(self, access: Access, since: datetime) -> bool:
        found: bool = self.world.call("deleting", self._under_way, "delete", access, since)
        return found

    def _under_way(self, kind: str, access: Access, since: datetime) -> bool:
        self._reading()
        now, from_ms = self.world.now, ms_of(since)
        return any(
            r.kind == kind and r.access == access and r.shown <= now and r.accepted >= from_ms
            for r in self.world.pending
        )

    def assigned(self, access: Access) -> bool:
        def look() -> bool:
            self._reading()
            return self.world.lists(access)

        found: bool = self.world.call("assigned", look)
        return found

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        def look() -> frozenset[str]:
            self._reading()
            here = (account_id, permission_set_arn)
            return frozenset(
                access.principal_id
                for access in ACCESSES
                if (access.account_id, access.permission_set_arn) == here
                and self.world.lists(access)
            )

        found: frozenset[str] = self.world.call("assignees", look)
        return found

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        def find() -> PermissionSet:
            self._reading()
            tail = timedelta(milliseconds=self.world.tail)
            return PermissionSet(name_or_arn, "Admin", tail)

        found: PermissionSet | None = self.world.call("permission_set", find)
        return found

    def owner(self) -> str:
        return ""

    def _reading(self) -> None:
        self.down("identity center", "reads fail")


class Directory(Ports):
    """ports.Directory."""

    def person(self, email: str) -> Person | None:
        def find() -> Person | None:
            self.down("directory")
            return PEOPLE.get(email)

        found: Person | None = self.world.call("person", find)
        return found

    def user(self, principal_id: str) -> Person | None:
        def find() -> Person | None:
            self.down("directory")
            return BY_ID.get(principal_id)

        found: Person | None = self.world.call("user", find)
        return found

    def groups_of(self, principal_id: str, groups: Iterator[str]) -> frozenset[str]:
        raise NotImplementedError  # no glass here names a group

    def portal(self) -> str:
        return "https://d-1234567890.awsapps.com/start"


class Chat(Ports):
    """ports.Chat."""

    def _says(self, to: str, message: dict[str, Any]) -> None:
        self.down("slack")
        if self.faults.strikes("slack refuses"):
            self.world.unheard.add(self.session_id)
            raise Refused("no_longer_there")
        self.world.heard[self.session_id].append(f"{to}: {message['text']}")
        if "edited" not in to:  # else it is what was said before, brought up to date
            self.world.tells(self.session_id, to, message["text"])
        self.world.say("slack", f"to {to}: {message['text'][:70]}".replace("\n", " "))

    def email(self, user: str) -> str | None:
        def find() -> str | None:
            self.down("slack")
            person = self.world.slack.get(user)
            return person.email if person else None

        found: str | None = self.world.call("email", find)
        return found

    def respond(self, url: str, message: dict[str, Any]) -> None:
        edits = message.get("replace_original")
        self.world.call("respond", self._says, "person, edited" if edits else "person", message)

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        def take() -> tuple[str, str]:
            self._says("channel" if channel.startswith("C") else "person", message)
            return channel.replace("U", "D", 1), f"ts{self.world.now}"

        return Posted(*self.world.call("post", take))

    def members(self, group: str) -> tuple[str, ...] | None:
        def ask() -> tuple[str, ...] | None:
            self.down("slack")
            found: tuple[str, ...] | None = self.world.on_call.get(group)
            return found

        found: tuple[str, ...] | None = self.world.call("members", ask)
        return found

    def handle(self, group: str) -> str:
        return "oncall"

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None:
        whose = "channel" if channel.startswith("C") else "person"
        self.world.call("update", self._says, f"{whose}, edited", message)


class Lists(Ports):
    """oncall.Lists, as the table keeps them."""

    def read(self, group: str) -> OnCall | None:
        def take() -> OnCall | None:
            self.down("table")
            return self.world.kept_lists.get(group)

        found: OnCall | None = self.world.call("list", take)
        return found

    def keep(self, heard: OnCall) -> None:
        def write() -> None:
            self.down("table")
            self.world.keeps_list(heard)
            if self.faults.strikes("table: answer lost"):
                self._table_failed("table")
                raise Unavailable("no answer")

        self.world.call("keep list", write)


class Post(Ports):
    """ports.Post, and ports.Topics."""

    def publish(self, topic: str, subject: str, text: str) -> None:
        self.send(Mail((), subject, text, text))

    def send(self, mail: Mail) -> None:
        def take() -> None:
            self.down("mail")
            self.world.mails[self.session_id].append(mail.subject)
            subject = LATE.sub("", mail.subject)  # each alarm says how late it is by then
            self.world.tells(self.session_id, "mail", subject)
            self.world.say("mail", mail.subject[:80])
            if self.side == "reconcile":
                self.world.explained.hears(mail.text)

        self.world.call("mail", take)


class WakeUps(Ports):
    """ports.WakeUps."""

    def send(
        self, session_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        def take() -> None:
            if self.faults.strikes("queue down") or self.faults.out("queue", self.world.now):
                self.world.table_failed = True  # a hop cannot be passed on
                raise Unavailable("queue is down")
            body, delay = message(session_id, after, at, tried)
            if "at" in body:
                self.faults.saw("wake-up that travels in hops")
            self.world.enqueue(session_id, body, delay * SECOND)

        self.world.call("wake", take)

    def bury(self, body: str) -> None:
        def take() -> None:
            if self.faults.strikes("queue down") or self.faults.out("queue", self.world.now):
                raise Unavailable("queue is down")
            self.world.say("queue", f"{body!r} is put aside for an operator")

        self.world.call("bury", take)


STOPPED = -1  # a query of the trail


class Reports(Ports):
    """ports.Reports: one mail each, and a second one only for every other session.

    A query of the trail takes some seconds, and now and then for ever: then it is asked anew.
    """

    def go_on(
        self, session: Session, now: datetime, remaining: Any, again: bool = False
    ) -> Reading | Reported:
        token, _, begun = session.trail_query.partition(" ")
        stopped = self.world.queries.get(token) == STOPPED
        if not token or stopped or now.timestamp() - float(begun) > 300:
            token = f"{self.world.call('ask', self._start)} {now.timestamp()}"
            return Reading(token, timedelta(seconds=3))
        if not self.world.call("answer", self._ready, token):
            age = int(now.timestamp() - float(begun))
            return Reading(session.trail_query, timedelta(seconds=max(1, age // 3)))
        first = session.state is State.REPORTING
        mail = Mail(session.report_to, f"report of {session.id}, {session.state}", "", "")
        wanted = first or session.id[-1] in "13579"
        return Reported(mail if wanted else None, ("nothing was done",), 0, "")

    def forget(self, session: Session) -> None:
        """What it has kept is no row of ours."""

    def leave(self, reading: Reading) -> None:
        self.world.queries[reading.progress.partition(" ")[0]] = STOPPED

    def _start(self) -> str:
        self.down("trail")
        token = f"q{len(self.world.queries) + 1}"
        ready = self.world.now + self.world.random.randrange(100, 8_000)
        self.world.queries[token] = 1 << 60 if self.faults.strikes("trail silent") else ready
        return token

    def _ready(self, token: str) -> bool:
        self.down("trail")
        return self.world.now >= self.world.queries[token]
