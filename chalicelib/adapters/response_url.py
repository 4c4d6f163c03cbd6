"""Answers a press by posting to the response_url that came with it, and to nothing else.

Apart from the rest of Slack, so that the route need not import slack_sdk.
"""

import json
import time
from collections.abc import Callable
from http.client import HTTPException
from ssl import SSLContext, create_default_context
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.transport.post import posted

HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
PATHS: Final = ("/actions/", "/commands/", "/app/")  # and none of a workspace's own webhooks
API_HOSTS: Final = frozenset({"slack.com", "slack-gov.com"})
TIMEOUT: Final = 1.0  # seconds in all of the route, whom Slack gives three for everything
SPENT: Final = frozenset({"used_url", "expired_url"})


def respond(
    url: str,
    message: dict[str, Any],
    slack_api_url: str,
    tls: Callable[[], SSLContext] = create_default_context,
    timeout: float = TIMEOUT,
) -> None:
    """Posts the message; `timeout` is in seconds, and for all of it.

    Raises Refused (lasting) where the address is not Slack's, or takes no more posts (five in
    thirty minutes), and Unavailable where another try may help. Redirects are not followed. Not
    safe to repeat blindly: a post whose answer was lost may have been shown.
    """
    parts = _trusted(url, slack_api_url)
    if parts is None:
        raise Refused("the response_url is not Slack's", lasting=True)
    until = time.monotonic() + timeout
    body = json.dumps(message).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        status, answer = posted(
            parts, body, headers, tls, timeout, lambda: max(until - time.monotonic(), 0.05), 2000
        )
    except (OSError, HTTPException, ValueError) as error:
        raise Unavailable(f"response_url: {type(error).__name__}") from error
    _judge(status, answer)


def allowed(url: str, slack_api_url: str) -> bool:
    """Whether we would post there: Slack's hooks over TLS, or where the configured Slack is.

    A signed request is Slack's word, yet nothing in it may send us to an address of its choice.
    """
    return _trusted(url, slack_api_url) is not None


def _trusted(url: str, slack_api_url: str) -> SplitResult | None:
    parts, api = _parts(url), _parts(slack_api_url)
    if parts is None:
        return None
    if parts.scheme == "https" and parts.hostname in HOSTS and parts.port in (None, 443):
        return parts if parts.path.startswith(PATHS) else None
    if api is None or api.hostname in API_HOSTS:
        return None
    return parts if _origin(parts) == _origin(api) else None


def _parts(url: str) -> SplitResult | None:
    """The address's parts; None where it is not plain: readers of odd ones do not agree."""
    if not url.isascii() or any(c <= " " or c in '\\"<>^`{|}\x7f' for c in url):
        return None
    try:
        parts = urlsplit(url)
        odd = parts.username is not None or parts.password is not None or parts.fragment
        if parts.scheme not in ("https", "http") or not parts.hostname or odd or parts.port == 0:
            return None
    except ValueError:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _judge(status: int, answer: bytes) -> None:
    error = _error(answer)
    if status in (404, 410) or error in SPENT:
        raise Refused("the response_url takes no more posts", lasting=True)
    if status == 429 or status == 408 or status >= 500:
        raise Unavailable(f"response_url: {status}")
    if not 200 <= status < 300 or error:
        raise Refused(f"response_url: {status} {error}".strip(), lasting=True)


def _error(answer: bytes) -> str:
    """The error's name; Slack says it in JSON, or as bare text beside a status that is not 200."""
    text = answer.decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
    except ValueError:
        return text if text in SPENT else ""
    if isinstance(said, dict) and said.get("ok") is False:
        return str(said.get("error") or "refused")[:80]
    return ""
