"""What it costs: AWS's list prices in us-east-1, read on 22 November 2026, without free tiers."""

from __future__ import annotations

from bench.figures import Figure, Report
from bench.hour import Hour

LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND = 0.0000166667  # x86
API_REQUEST = 3.50 / 1e6  # REST
WRITE, READ = 0.625 / 1e6, 0.125 / 1e6  # DynamoDB on demand, a unit; transactions take two
SQS_REQUEST = 0.40 / 1e6
LOGS_GB, SCANNED_GB = 0.50, 0.005
SES_MAIL = 0.10 / 1000
STREAM_READ = 0.0  # by Lambda: free
TABLE_GB, RECOVERY_GB = 0.25, 0.20
SECONDS_A_MONTH = 30 * 24 * 3600
POLLS = SECONDS_A_MONTH / 20 * 5  # Lambda's five pollers of an idle queue, 20 s each

SWEEPS, RECONCILES = SECONDS_A_MONTH / 60, SECONDS_A_MONTH / 3600
SWEEP_SECONDS, WORKER_SECONDS, MEMORY_GB = 0.05, 1.2, 0.5
ROW_KB = 3  # of a session's row
TRAIL_GB = 1.0  # that one search of the trail reads
UNITS = {  # of reading and of writing, by operation, for a row of ROW_KB
    "GetItem": (1, 0), "TransactGetItems": (4, 0), "Query": (0.5, 0), "BatchGetItem": (1, 0),
    "PutItem": (0, ROW_KB * 3), "UpdateItem": (0, ROW_KB * 3), "DeleteItem": (0, 1),
    "TransactWriteItems": (0, ROW_KB * 4 + 4),
}  # fmt: skip


def idle() -> float:
    """Dollars of a month in which nobody presses: sweeps, reconciliation, an idle queue."""
    calls = SWEEPS + RECONCILES
    compute = calls * SWEEP_SECONDS * MEMORY_GB * LAMBDA_GB_SECOND
    reads = (SWEEPS * 7 + RECONCILES * 10) * 0.5 * READ
    logs = calls * 0.6e-6 * LOGS_GB
    return calls * LAMBDA_REQUEST + compute + reads + logs + POLLS * SQS_REQUEST


def session(hour: Hour) -> float:
    """Dollars of one session of an hour."""
    total = API_REQUEST + SES_MAIL * 2
    for (service, operation), count in hour.requests.items():
        if service == "DynamoDB":
            read, written = UNITS.get(operation, (1, 1))
            total += count * (read * READ + written * WRITE)
        elif service == "SQS":
            total += count * SQS_REQUEST * 3  # sent, received, deleted
        elif operation == "StartQuery":
            total += count * TRAIL_GB * SCANNED_GB
    runs = sum(hour.invocations.values())
    total += hour.lasted.total_seconds() / 60 * UNITS["BatchGetItem"][0] * READ  # by the sweeps
    return total + runs * (LAMBDA_REQUEST + WORKER_SECONDS * MEMORY_GB * LAMBDA_GB_SECOND)


def report(report: Report, hour: Hour) -> None:
    report.lines(
        f"AWS's list prices; a search of the trail is taken to read {TRAIL_GB:g} GB;",
        "alarms, the dashboard and the trail itself are not in it",
    )
    report.add(
        Figure("cost of an idle month", idle(), "$"),
        Figure("cost of a month with 100 sessions", idle() + 100 * session(hour), "$"),
        Figure("  of it without the searches of the trail",
               idle() + 100 * (session(hour) - hour.requests["CloudWatch Logs", "StartQuery"]
                               * TRAIL_GB * SCANNED_GB), "$"),
    )  # fmt: skip
