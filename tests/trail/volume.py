"""A report of very many events, in the memory that a worker has: its figures, as JSON."""

import json
import resource
import sys
import time
from collections.abc import Iterator

from tests.support import reported as report
from tests.trail.records import Record, event, session_of, sso_role

WORKER = 512 * 1024 * 1024


def records(count: int) -> Iterator[Record]:
    """As they come from the log: each parsed from a text of its own."""
    params = {"filterSet": {"items": [{"name": f"tag:{n}", "value": "y" * 40} for n in range(8)]}}
    one = event("DescribeInstances", "ec2", sso_role(behalf="ana"), requestParameters=params)
    text = json.dumps(one | {"eventID": "#ID", "eventName": "#NAME", "eventTime": "#TIME"})
    for n in range(count):
        moment = f"2026-11-22T15:{n % 60:02}:{n // 60 % 60:02}Z"
        said = text.replace("#ID", f"e-{n:032}").replace("#NAME", f"Describe{n % 500}")
        yield json.loads(said.replace("#TIME", moment))


def main(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (WORKER, WORKER))
    begun = time.perf_counter()
    made = report.build(session_of(), records(count))
    _, text, html, attachments = report.to_mail(made)
    figures = {
        "events": made.count,
        "seconds": round(time.perf_counter() - begun, 1),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "html": len(html),
        "text": len(text),
        "attached": sum(len(content) for _, _, content in attachments),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]))
