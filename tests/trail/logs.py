"""CloudWatch Logs and the table's rows in memory, and a report that is read from them in pieces."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.cloudtrail import CloudTrail
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Reading, Reported, TrailPage
from chalicelib.domain.session import Session
from chalicelib.report.reading import SessionReports
from chalicelib.trail.event import moment
from tests.trail.records import Record

UNTIL = datetime(2026, 11, 22, 17, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Logs:
    """CloudWatch Logs with one group: queries run for a while, and give so many rows and no more.

    `like "…"` and `like /…/` are all of the query language that it knows, joined by `or`.
    """

    def __init__(self, messages: Iterable[str], *, most: int = 100_000, polls: int = 0) -> None:
        rows = []
        for message in messages:
            time = moment(re.search(r'"eventTime": ?"([^"]*)"|$', message)[1])  # type: ignore[index]
            rows.append((time or UNTIL - timedelta(minutes=30), message))
        self.rows = sorted(rows)
        self.most, self.polls = most, polls
        self.queries: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.failing: list[Exception] = []
        self.status = "Complete"
        self.failing_after = 1_000_000  # pages
        self.pages = 0
        self.stopped: list[str] = []

    def start_query(self, **asked: Any) -> dict[str, str]:
        if self.failing:
            raise self.failing.pop()
        self.asked.append(asked)
        assert len(asked["queryString"]) <= 10_000
        terms = [
            re.compile(found[1] or re.escape(found[2]))
            for found in re.finditer(r'like (?:/((?:\\.|[^/])*)/|"(.*?)")', asked["queryString"])
        ]
        start, end = asked["startTime"], asked["endTime"]
        found = [
            [
                {"field": "@timestamp", "value": f"{time:%Y-%m-%d %H:%M:%S.000}"},
                {"field": "@ingestionTime", "value": f"{UNTIL:%Y-%m-%d %H:%M:%S.000}"},
                {"field": "@message", "value": message},
                {"field": "@ptr", "value": "p"},
            ]
            for time, message in self.rows
            if start <= time.timestamp() <= end and any(term.search(message) for term in terms)
        ]
        name = f"q-{len(self.asked)}"
        self.queries[name] = {
            "found": found[: min(self.most, asked["limit"])],
            "matched": float(len(found)),
            "polls": self.polls,
            "text": asked["queryString"],
        }
        return {"queryId": name}

    def get_query_results(
        self, *, queryId: str, maxItems: int, nextToken: str = "0"  # noqa: N803
    ) -> dict[str, Any]:  # fmt: skip
        if self.failing:
            raise self.failing.pop()
        self.failing_after -= 1
        if self.failing_after < 0:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetQueryResults")
        self.pages += 1
        if queryId not in self.queries:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetQueryResults")
        query = self.queries[queryId]
        if query["polls"] > 0:
            query["polls"] -= 1
            return {"status": "Running", "results": [], "statistics": {"recordsMatched": 1.0}}
        begin = int(nextToken)
        page: dict[str, Any] = {
            "status": self.status,
            "results": query["found"][begin : begin + maxItems],
            "statistics": {"recordsMatched": query["matched"]},
        }
        if begin + maxItems < len(query["found"]):
            page["nextToken"] = str(begin + maxItems)
        return page

    def describe_queries(self, *, status: str, maxResults: int) -> dict[str, Any]:  # noqa: N803
        if self.failing:
            raise self.failing.pop()
        return {
            "queries": [
                {"queryId": name, "queryString": query["text"]}
                for name, query in self.queries.items()
                if status == ("Running" if query["polls"] > 0 else self.status)
            ]
        }

    def stop_query(self, *, queryId: str) -> dict[str, bool]:  # noqa: N803
        if self.failing:
            raise self.failing.pop()
        self.stopped.append(queryId)
        return {"success": True}


def lines(records: Sequence[Record]) -> list[str]:
    return [json.dumps(record) for record in records]


@dataclass
class Kept:
    """ports.Pieces in memory; the call raises that `fails_at` counts down to."""

    rows: dict[str, bytes] = field(default_factory=dict)
    written: int = 0
    largest: int = 0
    fails_at: int = 0
    once: bool = True

    def put(self, session_id: str, name: str, content: bytes) -> None:
        self._fail()
        assert not self.once or self.rows.get(name, content) == content, "a name has one content"
        self.rows[name] = content
        self.written += 1
        self.largest = max(self.largest, len(content))

    def get(self, session_id: str, name: str) -> bytes | None:
        self._fail()
        return self.rows.get(name)

    def drop(self, session_id: str, name: str) -> None:
        self._fail()
        self.rows.pop(name, None)

    def _fail(self) -> None:
        self.fails_at -= 1
        if self.fails_at == 0:
            raise Unavailable("the table does not answer")


class Heard(CloudTrail):
    """The adapter, that remembers what came through it."""

    def __init__(self, client: Any, log_group: str = "trail") -> None:
        super().__init__(client, log_group)
        self.records: list[Record] = []

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        page = super().page(query_id, rows, token)
        self.records += page.records if page else []
        return page


class Hourglass:
    """What a worker has left: `pages` more of them, then it is time to stop."""

    def __init__(self, pages: int) -> None:
        self.left = pages + 1

    def __call__(self) -> timedelta:
        self.left -= 1
        return MINUTE if self.left >= 0 else timedelta(seconds=1)


@dataclass
class Reader:
    """Whoever calls for pieces and writes the progress down, as the runner does."""

    logs: Any
    session: Session
    kept: Kept = field(default_factory=Kept)
    now: datetime = UNTIL
    pages: int = 1_000_000
    group: str = "trail"
    again: bool = False
    bucket: Any = None  # the trail instead of the logs
    in_vain: Callable[[Session, int], Iterable[Ask]] = lambda session, most: ()
    progress: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.session.state not in (State.REPORTING, State.CONCLUDING):
            self.session = self.session.with_(state=State.REPORTING, report_at=UNTIL)
        self.trail = self.bucket or Heard(self.logs, self.group)

    def piece(self) -> Reading | Reported:
        """One piece by a worker that knows nothing of the others; nothing is written down."""
        reports = SessionReports(self.trail, self.kept, in_vain=self.in_vain)
        remaining: Callable[[], timedelta] = Hourglass(self.pages)
        return reports.go_on(self.session, self.now, remaining, self.again)

    def write(self, reading: Reading) -> None:
        assert len(reading.progress) <= 2_000
        self.progress.append(reading.progress)
        if reading.error:
            self.troubles.append(reading.error)
        self.session = self.session.with_(trail_query=reading.progress)
        self.now += reading.wait

    def report(self, most: int = 500) -> Reported:
        """Piece after piece, to the end."""
        for _ in range(most):
            match self.piece():
                case Reported() as reported:
                    return reported
                case Reading() as reading:
                    self.write(reading)
        raise AssertionError("the report has no end")
