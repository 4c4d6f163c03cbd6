"""What a world stands in: its environment, its files, and what it says of itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from simulator import company
from simulator.outside import SIGNING_SECRET, WRITTEN


def facts_of(addresses: dict[str, str]) -> dict[str, Any]:
    return {
        **addresses,
        "slack_url": None,
        "signing_secret": SIGNING_SECRET,
        "cloudtrail_log_group": company.TRAIL,
        "instance_arn": company.INSTANCE_ARN,
        "identity_store_id": company.IDENTITY_STORE_ID,
        "table": "break-glass",
        "page": None,
        "glasses": {
            each.name: {
                "account_id": each.account_id,
                "permission_set_arn": each.permission_set.arn,
                "seconds": each.seconds,
            }
            for each in company.GLASSES
        },
        "people": {
            each.slack_id: {
                "email": each.user.email,
                "principal_id": each.user.user_id if each.in_identity_center else None,
                "may": list(each.may),
            }
            for each in company.PEOPLE
        },
    }


def heartbeat(account_id: str, at: float) -> dict[str, Any]:
    """What an AWS service does in an account by itself."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"},
        "eventTime": when,
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "awsRegion": company.REGION,
        "sourceIPAddress": "lambda.amazonaws.com",
        "userAgent": "lambda.amazonaws.com",
        "eventID": f"00000000-0000-4000-8000-{account_id}",
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "readOnly": True,
        "recipientAccountId": account_id,
    }


def aws_environment() -> dict[str, str]:
    """Credentials that work nowhere else, and none of the developer's own."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": company.REGION,
        "AWS_REGION": company.REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def pip_config() -> str | None:
    """The developer's own pip configuration, which a changed HOME would hide from pip."""
    if "PIP_CONFIG_FILE" in os.environ:
        return os.environ["PIP_CONFIG_FILE"]
    home = Path.home()
    places = (home / ".config/pip/pip.conf", home / ".pip/pip.conf",
              home / "Library/Application Support/pip/pip.conf")  # fmt: skip
    return next((str(place) for place in places if place.exists()), None)


def fetched(url: str, data: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def write_atomically(path: Path, facts: dict[str, Any], home: Path) -> None:
    """The world's file; a copy of it in its home says later whose it is."""
    text = json.dumps(facts, indent=2) + "\n"
    (home / WRITTEN).write_text(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(text)
    os.replace(draft, path)


@contextlib.contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """SIGTERM unwinds the stack as Ctrl-C does, so that everything is put away."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not in the main thread: whoever is there handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
