"""The trail in a bucket beside the trail in a log group: what one report asks for, and its cost.

The organisation has three accounts that are busy in seventeen Regions: an object of each every five
minutes. The log group's search is taken to read so much as `prices` says.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.figures import Figure, Report
from bench.prices import SCANNED_GB, TRAIL_GB

if TYPE_CHECKING:
    from tests.trail.labelled import Case

GET, LIST = 0.0004 / 1000, 0.005 / 1000  # S3's, in us-east-1; within a Region reading is free
REGIONS, EVERY, HOURS = 17, 5, 3  # minutes; an hour of access, the hour of credentials, and margins


def measure(report: Report) -> None:
    from chalicelib.report.search import QUERIES
    from tests.trail.bucket import Bucket, Heard
    from tests.trail.labelled import cases
    from tests.trail.logs import Logs, Reader, lines
    from tests.trail.records import ACCOUNT, MANAGEMENT, OTHER_ACCOUNT, event, session_of, sso_role

    others = [
        event("ListUsers", "iam", sso_role("carol"), minute, n=f"{account}{region}{minute}",
              recipientAccountId=account, awsRegion=f"region-{region}")
        for account in (ACCOUNT, OTHER_ACCOUNT, MANAGEMENT)
        for region in range(REGIONS)
        for minute in range(-30, HOURS * 60 - 30, EVERY)
    ]  # fmt: skip
    own = [event("ListUsers", "iam", sso_role(), 5)]
    bucket, logs = Bucket([*others, *own], most=1_000), Logs(lines([*others, *own]))
    read = Reader(Logs([]), session_of(), bucket=Heard(bucket))
    began = time.perf_counter()
    found = read.report()
    took = time.perf_counter() - began
    assert found.events == Reader(logs, session_of()).report().events == 1
    assert len(logs.asked) < QUERIES
    report.section(
        "A report from the trail's bucket",
        f"three accounts in {REGIONS} Regions, an object of each every {EVERY} minutes; "
        "the bucket is in memory, so the network is not in it",
    )
    right = sum(_same(case) for case in cases())
    report.add(
        Figure("bucket: labelled cases that read as from a log group", right, "",
               aim=len(cases()), least=True),
        Figure("bucket: objects read for a report", bucket.reads, ""),
        Figure("bucket: lists asked for a report", bucket.lists, ""),
        Figure("bucket: pieces", len(read.progress), ""),
        Figure("bucket: CPU of it", took, "s"),
        Figure("bucket: cost of a report", bucket.reads * GET + bucket.lists * LIST, "$"),
        Figure("log group: cost of a report", len(logs.asked) * TRAIL_GB * SCANNED_GB, "$"),
    )  # fmt: skip
    minutes = timedelta(milliseconds=40 * (bucket.reads + bucket.lists))
    report.lines(
        f"over a network, at 40 ms each, some {minutes.seconds} s in pieces of half a minute"
    )


def _same(case: Case) -> bool:
    from tests.support import reported
    from tests.trail.bucket import Bucket, Heard
    from tests.trail.logs import Logs, Reader

    records = [each.record for each in case.records]
    reader = Reader(Logs([]), case.session, bucket=Heard(Bucket(records)))
    return bool(reader.report().events == reported.build(case.session, records).count)
