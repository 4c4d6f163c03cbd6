"""One session of an hour, from the press to the closed report, with every request counted.

The app's own wiring and adapters, against the local AWS; only the clock is ours, and whoever calls
the functions: what SQS, the stream and the schedule would do, at the times at which they would.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import itertools
import os
import re
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bench.counting import Counter, counting
from simulator import company
from simulator.outside import SIGNING_SECRET
from simulator.press import press
from simulator.world import World

SECOND = timedelta(seconds=1)
SEARCH_TAKES = 2.0  # seconds
VISIT_TAKES = 1.5  # until the simulator's visitor has used the access, and CloudTrail tells
SETTLE_TAKES = 0.5  # until a deletion has ended that its worker has not waited for
TRAVELS = 0.05 * SECOND  # a stream record or a message, until its function runs
ONCE = (  # a process
    ("SSM", "GetParameter"),
    ("SQS", "GetQueueUrl"),
    ("Identity Center", "DescribePermissionSet"),
    ("Slack", "auth.test"),
)
LIVES = {"stream": 60 * SECOND, "worker": 60 * SECOND, "sweep": 55 * SECOND}


@dataclass
class Hour:
    """What a session took."""

    requests: Tally[tuple[str, str]] = field(default_factory=Tally)
    invocations: Tally[str] = field(default_factory=Tally)
    sweeps: int = 0  # that had nothing to do with it
    story: list[tuple[timedelta, str, list[str]]] = field(default_factory=list)
    state: str = ""
    lasted: timedelta = timedelta(0)

    def by_service(self) -> dict[str, int]:
        services: Tally[str] = Tally()
        for (service, _), count in self.requests.items():
            services[service] += count
        return dict(services.most_common())


def measure(world: World, glass: str = "prod", who: str = "alice") -> Hour:
    """`world` must have its event sources stopped: see bench.local.still."""
    with (
        counting(world.facts["endpoint"]) as aws,
        counting(world.facts["slack_api"], "Slack") as slack,
        _environment(world, aws, slack),
        contextlib.redirect_stdout(io.StringIO()),  # the journal
    ):
        return _Driver(world, (aws, slack)).play(who, glass)


class _Clock:
    """Time as the driver has it; what a function waits in place passes outside as well."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration
        time.sleep(duration.total_seconds())


class _Driver:
    def __init__(self, world: World, counters: tuple[Counter, ...]) -> None:
        from chalicelib import wiring
        from chalicelib.adapters.sqs import message
        from chalicelib.config import settings

        self.world, self.counters = world, counters
        self.clock = _Clock()
        self.heap: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self.order = itertools.count()
        self.hour = Hour()
        self.wiring = wiring
        for made in vars(wiring).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()
        known = settings.load(os.environ, _glasses())
        self.saved = (wiring.CLOCK, wiring.settings, wiring.queue)
        wiring.CLOCK = self.clock  # type: ignore[assignment]
        wiring.settings = lambda: known  # type: ignore[assignment]
        queue = wiring.queue()
        send = queue.send

        def sent(
            row_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
        ) -> None:
            send(row_id, after, at, tried=tried)
            body, delay = message(row_id, after, at, tried)
            comes = self.clock.time + delay * SECOND + TRAVELS
            self._at(comes, "worker", lambda: self._work(body))

        queue.send = sent  # type: ignore[method-assign]

    def play(self, who: str, glass: str) -> Hour:
        from chalicelib.domain.ask import OPEN, Kind
        from chalicelib.route.press import ask_id

        self._an_hours_credentials()
        self.wiring._identity()[1]._store_id()  # which a deployment has kept
        for counter in self.counters:
            counter.take()  # what it takes to start is not the session's
        self.began = began = self.clock.time
        made = press(who, glass, "block_actions", self.counters[1].url, SIGNING_SECRET)
        session = ask_id(Kind.BREAK, made.body)
        headers = {name.lower(): value for name, value in made.headers.items()}
        self._run("api_handler", lambda: self.wiring.front().answer(headers, made.body))
        self._record("INSERT", OPEN + session)
        sweep = began + 17 * SECOND
        while True:
            row = self._row(session)
            if row.get("state", {}).get("S") == "CLOSED" and not self.heap:
                break
            if row.get("look_at") is None and not self.heap:
                break
            while sweep <= self.clock.time:
                sweep += 60 * SECOND
            due = datetime.fromisoformat(row["look_at"]["S"]) if "look_at" in row else None
            warns = self._warns_at(session, due)
            due = warns or due
            if due is not None:  # the sweeps before have nothing to do with this session
                sweep += max(0, -((sweep - due) // (60 * SECOND))) * 60 * SECOND
            if self.heap and (due is None or self.heap[0][0] <= sweep):
                when, _, name, act = heapq.heappop(self.heap)
            elif due is not None:
                known = self._known(session) if warns else None
                when, name = sweep, "sweep"
                act = partial(self._look, session, "sweep", known)
                sweep += 60 * SECOND
            else:
                break
            self.clock.time = max(self.clock.time, when)
            had = "lease/" + session in self._ids()
            self._run(name, act)
            if had and "lease/" + session not in self._ids():
                self._record("REMOVE", "lease/" + session)
        self.hour.state = self._row(session)["state"]["S"]
        self.hour.lasted = self.clock.time - began
        self.wiring.CLOCK, self.wiring.settings, _ = self.saved  # type: ignore[misc]
        self.wiring.queue.cache_clear()
        return self.hour

    def _an_hours_credentials(self) -> None:
        """AWS's least; the local world's permission sets are briefer than AWS allows."""
        center = self.wiring._identity()[0]
        found = center.permission_set

        def permission_set(name_or_arn: str) -> Any:
            known = found(name_or_arn)
            return known and replace(known, session_duration=timedelta(hours=1))

        center.permission_set = permission_set  # type: ignore[method-assign]

    # What the functions do

    def _work(self, body: str) -> None:
        self.wiring.worker().work(body, self._remaining("worker"))

    def _look(self, session_id: str, side: str, known: Any = None) -> None:
        from chalicelib.workflow.answers import Turn

        self.wiring.runner().advance(session_id, Turn(side, self._remaining(side)), known)

    def _known(self, session_id: str) -> Any:
        """As each sweep reads what is open, in one request for all of it."""
        session, _ = self.wiring.table().read(session_id)
        for counter in self.counters:
            counter.take()
        return session

    def _warns_at(self, session_id: str, due: datetime | None) -> datetime | None:
        """When a sweep warns, where that comes before all else."""
        session = self._known(session_id)
        at = session and session.warns_at
        return at if at and (due is None or at < due) else None

    def _record(self, event: str, row_id: str) -> None:
        """A stream record that the function's filter lets through."""
        image = {"Keys": {"id": {"S": row_id}}}
        kind = {"kind": {"S": "ask"}, "look_at": {"S": ""}}
        image |= {"NewImage": kind} if event == "INSERT" else {"OldImage": {"kind": {"S": "lease"}}}
        record = {"eventName": event, "eventID": "1", "dynamodb": image | {"SequenceNumber": "1"}}
        stream = self.wiring.stream()
        self._at(
            self.clock.time + TRAVELS, "stream",
            lambda: stream.follow([record], self._remaining("stream"), 20 * SECOND) and None,
        )  # fmt: skip

    def _remaining(self, name: str) -> Callable[[], timedelta]:
        until = self.clock.time + LIVES[name]
        return lambda: until - self.clock.time

    # Underneath

    def _at(self, when: datetime, name: str, act: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (when, next(self.order), name, act))

    def _run(self, name: str, act: Callable[[], Any]) -> None:
        act()
        if name == "sweep":
            self.hour.sweeps += 1
        else:
            self.hour.invocations[name] += 1
        asked = [each for counter in self.counters for each in counter.take()]
        self.hour.requests.update(asked)
        takes = {"StartQuery": SEARCH_TAKES, "CreateAccountAssignment": VISIT_TAKES,
                 "DeleteAccountAssignment": SETTLE_TAKES}  # fmt: skip
        for _, what in asked:
            time.sleep(takes.get(what, 0))  # of real time, for search and visit are real
        self.hour.story.append((self.clock.time - self.began, name, [what for _, what in asked]))

    def _row(self, session_id: str) -> dict[str, Any]:
        table = self.world.aws("dynamodb")
        key = {"id": {"S": session_id}}
        return dict(table.get_item(TableName=self.world.facts["table"], Key=key).get("Item", {}))

    def _ids(self) -> set[str]:
        return {row["id"] for row in self.world.rows(None)}


def _glasses() -> str:
    """The local world's, but an hour long and with AWS's fifteen minutes until the report."""
    text = re.sub(r"^duration = .*$", 'duration = "1h"', company.glasses_toml(), flags=re.M)
    return re.sub(r"^report_after = .*$", 'report_after = "15m"', text, flags=re.M)


@contextlib.contextmanager
def _environment(world: World, aws: Counter, slack: Counter) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(
        AWS_ENDPOINT_URL=aws.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=company.REGION,
        AWS_DEFAULT_REGION=company.REGION,
        SLACK_API_URL=f"{slack.url}/api/",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
