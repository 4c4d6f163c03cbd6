"""AWS's JSON 1.1 protocol: an operation's name, a JSON body, an answer or a named error."""

from __future__ import annotations

import base64
import json
from typing import Any

CONTENT_TYPE = "application/x-amz-json-1.1"
_STATUS = {"InternalServerException": 500, "ServiceUnavailableException": 503}


class Problem(Exception):
    """An error that AWS names: it reaches the caller as botocore's ClientError with this code."""

    def __init__(self, code: str, message: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.facts = code, message, facts or {}


def answer(result: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": CONTENT_TYPE}, json.dumps(result).encode()


def error(problem: Problem) -> tuple[int, dict[str, str], bytes]:
    body = {"__type": problem.code, "Message": problem.message, **problem.facts}
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-ErrorType": problem.code}
    return _STATUS.get(problem.code, 400), headers, json.dumps(body).encode()


def page(rows: list[Any], ask: dict[str, Any], name: str, size: int = 100) -> dict[str, Any]:
    """One page of a listing, and a NextToken while there is more."""
    start = _offset(ask.get("NextToken"))
    end = start + max(1, min(int(ask.get("MaxResults") or size), size))
    more = {"NextToken": _token(end)} if end < len(rows) else {}
    return {name: rows[start:end], **more}


def _token(offset: int) -> str:
    return base64.b64encode(f"from:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("from:"))
    except ValueError as error:
        raise Problem("ValidationException", "The NextToken is not valid.") from error
