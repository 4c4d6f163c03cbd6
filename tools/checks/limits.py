"""What the account allows: how many functions may run at once, and what that leaves for a press."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checks.patient import BAD, NOTE, OK, Finding, Patient

ROOM = 5  # for the route and the other functions, beside the workers
AMPLE = 100  # below it, any other function of the account may keep ours from running
CURE = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value 1000"
)


def concurrency(patient: Patient) -> Iterator[Finding]:
    client = patient.aws("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    free = int(limit["UnreservedConcurrentExecutions"])
    name = patient.deployed.functions.get("worker", "?")
    mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    workers = max(
        (each.get("ScalingConfig", {}).get("MaximumConcurrency", free) for each in mappings),
        default=0,
    )
    said = f"{free} functions may run at once in this account, {workers} of them workers"
    if free - workers < ROOM:
        yield Finding(BAD, f"{said}: a press may find no room", CURE)
    elif free < AMPLE:
        yield Finding(NOTE, f"{said}: any other function may take them", CURE)
    else:
        yield Finding(OK, said)
