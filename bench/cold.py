"""Cold starts, one function after the other: each in a fresh process, from the package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from simulator import company
from simulator.press import SignedRequest
from simulator.world import World

PROBE = Path(__file__).with_name("probe.py")
PYTHON = getattr(sys, "_base_executable", sys.executable)  # without the virtual environment


def run(
    folder: Path, handler: str, events: list[dict[str, Any]], environ: dict[str, str]
) -> dict[str, Any]:
    """One fresh process: what bench/probe.py says of it."""
    done = subprocess.run(
        [PYTHON, "-I", "-S", "-B", str(PROBE), str(folder)],
        input=json.dumps({"handler": handler, "events": events}),
        capture_output=True, text=True, env=environ,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{handler} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def imports(
    folder: Path, environ: dict[str, str], most: int = 12, times: int = 7
) -> list[tuple[str, float]]:
    """What each module of the Slack route takes by itself, in milliseconds: the least of a few."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); import app; app.wiring.presses()"
    least: dict[str, float] = {}
    for _ in range(times):
        done = subprocess.run(
            [PYTHON, "-I", "-S", "-B", "-X", "importtime", "-c", program],
            capture_output=True, text=True, env=environ, check=True,
        )  # fmt: skip
        for took, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)", done.stderr):
            least[name] = min(int(took) / 1000, least.get(name, float("inf")))
    return sorted(least.items(), key=lambda each: -each[1])[:most]


def environ_for(world: World) -> dict[str, str]:
    """The variables that Lambda gives a function of this world."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "AWS_ENDPOINT_URL": world.facts["endpoint"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": company.REGION,
        "AWS_DEFAULT_REGION": company.REGION,
        "SLACK_API_URL": f"{world.facts['slack_api']}/api/",
    }


def press_event(signed: SignedRequest) -> dict[str, Any]:
    """A press as API Gateway hands it to Lambda."""
    return {
        "httpMethod": "POST",
        "path": "/slack",
        "resource": "/slack",
        "headers": signed.headers,
        "multiValueHeaders": {name: [value] for name, value in signed.headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "isBase64Encoded": False,
        "body": signed.body.decode(),
        "requestContext": {"resourcePath": "/slack", "httpMethod": "POST", "stage": "api",
                           "path": "/api/slack", "identity": {"sourceIp": "192.0.2.1"}},
    }  # fmt: skip


def stream_event(row: dict[str, Any]) -> dict[str, Any]:
    """The record of a new row; `row` in DynamoDB's own notation."""
    image = {"Keys": {"id": row["id"]}, "NewImage": row, "SequenceNumber": "1"}
    record = {"eventID": uuid.uuid4().hex, "eventName": "INSERT", "eventSource": "aws:dynamodb",
              "eventSourceARN": "arn:aws:dynamodb:::table/break-glass/stream/1",
              "awsRegion": company.REGION, "dynamodb": image}  # fmt: skip
    return {"Records": [record]}


def queue_event(row_id: str) -> dict[str, Any]:
    record = {"messageId": "1", "receiptHandle": "1", "body": json.dumps({"session": row_id}),
              "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:::break-glass",
              "attributes": {}, "messageAttributes": {}}  # fmt: skip
    return {"Records": [record]}


def schedule_event() -> dict[str, Any]:
    return {"version": "0", "id": "1", "account": company.HOME_ACCOUNT, "region": company.REGION,
            "detail": {}, "detail-type": "Scheduled Event", "source": "aws.events",
            "time": "2026-11-22T12:00:00Z", "resources": []}  # fmt: skip
