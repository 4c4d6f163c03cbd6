"""A report of very many events: how long each piece of it takes, how many there are, what memory.

The trail is a log group of so many records, a tenth of them done in a role that was taken on, so
that whose they are is known at the end only. Its pages are put together when they are asked for,
and parsed as the SDK parses them. The process gets no more memory than a worker has, and each piece
a worker's minute.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.figures import Figure, Report

WORKER = 1769 * 1024 * 1024
LIFE = 60.0  # seconds
HOURS = 2  # that the events are spread over: an hour of access, an hour of credentials
MOST = 100_000  # rows that a query gives


class Logs:
    """CloudWatch Logs with a log group of `count` records, all of which name the person."""

    def __init__(self, count: int) -> None:
        from tests.trail.records import (
            OTHER_ACCOUNT,
            START,
            assume_role,
            event,
            key_of,
            sso_role,
            taken_role,
        )

        ana, key = sso_role("ana", behalf="ana"), key_of("bench")
        there = taken_role("Deploy", "ana", key, OTHER_ACCOUNT, created=0)
        params = {
            "filterSet": {"items": [{"name": f"tag:{n}", "value": "y" * 40} for n in range(8)]}
        }
        marks = {"eventID": "#ID", "eventName": "#NAME", "eventTime": "#TIME"}
        self.first = json.dumps(assume_role(ana, "Deploy", "ana", key, OTHER_ACCOUNT, 0))
        self.read = json.dumps(event("X", "ec2", ana, requestParameters=params) | marks)
        self.change = json.dumps(
            event("X", "s3", ana, readOnly=False, requestParameters={"bucketName": "#BUCKET"})
            | marks
        )
        self.hop = json.dumps(event("X", "iam", there, recipientAccountId=OTHER_ACCOUNT) | marks)
        self.count, self.start = count, START
        self.queries: dict[str, range] = {}
        self.pages = 0

    def start_query(self, **asked: Any) -> dict[str, str]:
        begin, end = (self._number(asked[name]) for name in ("startTime", "endTime"))
        name = f"{len(self.queries):08}-1111-2222-3333-444444444444"
        by_key = "ASIA" in asked["queryString"]
        first = -(-begin // 10) * 10 if by_key else begin
        self.queries[name] = range(first, min(end + 1, self.count), 10 if by_key else 1)
        return {"queryId": name}

    def _number(self, seconds: int) -> int:
        """The first record at or after that time."""
        into = seconds - self.start.timestamp()
        return max(0, int(-(-into * self.count // (HOURS * 3600))))

    def get_query_results(
        self, *, queryId: str, maxItems: int, nextToken: str = "0"  # noqa: N803
    ) -> dict[str, Any]:  # fmt: skip
        self.pages += 1
        found = self.queries[queryId]
        begin, end = int(nextToken), min(int(nextToken) + maxItems, MOST, len(found))
        page: dict[str, Any] = {
            "status": "Complete",
            "results": [self._row(number) for number in found[begin:end]],
            "statistics": {"recordsMatched": float(len(found))},
        }
        if end < min(MOST, len(found)):
            page["nextToken"] = str(end)
        parsed: dict[str, Any] = json.loads(json.dumps(page))
        return parsed

    def _row(self, number: int) -> list[dict[str, str]]:
        seconds = number * HOURS * 3600 // self.count
        moment = datetime.fromtimestamp(self.start.timestamp() + seconds, UTC)
        return [
            {"field": "@timestamp", "value": f"{moment:%Y-%m-%d %H:%M:%S}.000"},
            {"field": "@ingestionTime", "value": f"{moment:%Y-%m-%d %H:%M:%S}.900"},
            {"field": "@message", "value": self._message(number, moment)},
            {"field": "@ptr", "value": "p" * 120},
        ]

    def _message(self, number: int, moment: datetime) -> str:
        if number == 0:
            return self.first
        text = self.hop if number % 10 == 0 else self.change if number % 50 == 1 else self.read
        text = text.replace("#ID", f"{number:08x}-0000-4000-8000-{number:012x}")
        text = text.replace("#NAME", f"{'Put' if number % 50 == 1 else 'Describe'}{number % 400}")
        text = text.replace("#BUCKET", f"bucket-{number % 700}")
        return text.replace("#TIME", f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def play(count: int) -> dict[str, Any]:
    """Reads it all, piece by piece, as the workers of the queue would."""
    from chalicelib.adapters.cloudtrail import CloudTrail
    from chalicelib.domain.machine import State
    from chalicelib.domain.ports import Reading
    from chalicelib.report.reading import SessionReports
    from tests.trail.logs import Kept
    from tests.trail.records import GONE, session_of

    logs, kept = Logs(count), Kept()
    now = GONE + timedelta(hours=1, minutes=15)
    session = session_of(state=State.CONCLUDING, conclude_at=now)
    took: list[float] = []
    rows, longest = 0, 0
    while True:
        begun = time.perf_counter()
        found = SessionReports(CloudTrail(logs, "trail"), kept).go_on(
            session, now, lambda at=begun: timedelta(seconds=LIFE - (time.perf_counter() - at))
        )  # fmt: skip
        took.append(time.perf_counter() - begun)
        rows = max(rows, len(kept.rows))
        if not isinstance(found, Reading):
            break
        longest = max(longest, len(found.progress))
        session = session.with_(trail_query=found.progress)
        now += timedelta(seconds=took[-1]) + found.wait
    assert found.mail is not None
    return {
        "events": found.events,
        "said": found.summary,
        "seconds": took,
        "pages": logs.pages,
        "queries": len(logs.queries),
        "rows": rows,
        "written": kept.written,
        "largest": kept.largest,
        "progress": longest,
        "attached": sum(len(each.content) for each in found.mail.attachments),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(report: Report, quick: bool) -> None:
    count = 100_000 if quick else 1_000_000
    report.section(
        f"The report of a session with {count:,} events",
        f"a worker's {WORKER >> 20} MB and {LIFE:.0f} s a piece; the trail's answers are made up "
        "in the same process, so the network is not in it",
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.reading", str(count)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    took = found["seconds"]
    report.add(
        Figure("a long report: events told", found["events"], "", aim=count, least=True),
        Figure("a long report: longest piece", max(took), "s", aim=45),
        Figure("a long report: pieces", len(took), ""),
        Figure("a long report: all pieces together", sum(took), "s"),
        Figure("a long report: peak memory", found["megabytes"], "MB", aim=900),
        Figure("a long report: rows of its own at one time", found["rows"], ""),
        Figure("a long report: largest of them", found["largest"] / 1000, "KB", aim=300),
        Figure("a long report: attached", found["attached"] / 1e6, "MB", aim=20),
    )
    report.lines(
        f"{found['queries']} queries, {found['pages']:,} pages, {found['written']} rows written, "
        f"progress of {found['progress']} signs",
        *found["said"],
    )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (WORKER, WORKER))
    print(json.dumps(play(int(sys.argv[1]))))
