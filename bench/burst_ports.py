"""What the runner has outside in a burst: each call takes its time, and some are limited."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import Gone, Refused
from chalicelib.domain.ports import CallStatus, Mail, Posted, Reading, Reported
from chalicelib.domain.session import Access, Session
from chalicelib.report.reading import PIECE

if TYPE_CHECKING:
    from bench.burst import World

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DEADLINE = START + timedelta(minutes=10)
SECOND = timedelta(seconds=1)
TABLE, QUEUE, CENTER, SLACK = 0.006, 0.01, 0.06, 0.12  # seconds that a call takes
PIECES = 20  # that a report of a million events takes


class Clock:
    """The virtual time, as the runner asks for it and waits."""

    def __init__(self, world: World) -> None:
        self.now, self._world = world.time, world

    def sleep(self, duration: timedelta) -> None:
        self._world.virtual.wait(duration.total_seconds())


class Store:
    """The rows; every call takes its time first."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._world.rows, name)

        def call(*args: Any) -> Any:
            self._world.virtual.wait(TABLE)
            return act(*args)

        return call


class Ports:
    """Everything else that the runner asks while it takes access back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests = itertools.count()

    def delete(self, access: Access) -> str:
        world = self._world
        world.call("delete")
        if access.key not in world.truth:
            raise Gone("nothing there")
        if len(world.under_way) >= world.limits.outstanding:
            world.found.refused += 1
            raise Refused("IAM Identity Center: ConflictException")
        request = f"r{next(self._requests)}"
        world.under_way[request] = (access, world.virtual.now + world.limits.settles)
        return request

    def deletion(self, access: Access, request_id: str) -> CallStatus:
        self._world.read("describe")
        return CallStatus("IN_PROGRESS" if request_id in self._world.under_way else "SUCCEEDED")

    def assigned(self, access: Access) -> bool:
        self._world.read("list")
        return access.key in self._world.truth

    def deleting(self, access: Access, since: datetime) -> bool:
        self._world.read("list deletions")
        return any(access == each for each, _ in self._world.under_way.values())

    def send(self, *asked: Any, **_: int) -> None:
        if len(asked) == 1:
            return  # a mail
        session_id, after, _ = asked
        world = self._world
        world.virtual.wait(QUEUE)
        world.found.messages[session_id] += 1
        if world.limits.queue:
            delay = min(max(int(after.total_seconds()), 0), 900) + 0.02
            world.virtual.at(world.virtual.now + delay, lambda: world._arrives(session_id))

    def go_on(
        self,
        session: Session,
        now: datetime,
        remaining: Callable[[], timedelta],
        again: bool = False,
    ) -> Reading | Reported:
        """A piece of a long report: half a minute of a worker's time."""
        world = self._world
        if not session.trail_query:
            world.virtual.wait(CENTER)
            return Reading("0", timedelta(seconds=3))
        done = int(session.trail_query) + 1
        if session.id.startswith("r"):
            world.virtual.wait(min(PIECE, remaining()).total_seconds())
            world.found.pieces[session.id] += 1
        if session.id.startswith("r") and done < PIECES:
            return Reading(str(done), timedelta(0))
        return Reported(Mail((), "report", "", ""), ("much was done",), 1_000_000, "")

    def leave(self, reading: Reading) -> None:
        """Nothing runs here."""

    def forget(self, session: Session) -> None:
        return

    def respond(self, url: str, message: dict[str, Any]) -> None:
        self._world.virtual.wait(SLACK)

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        self._world.virtual.wait(SLACK)
        return Posted(channel, "1")

    def about(self, *_: Any) -> tuple[str, str, str]:
        return "subject", "text", "<p>html</p>"

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None:
        self._world.virtual.wait(SLACK)
