"""Requests as Slack sends them: pressed buttons, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from simulator.company import CHANNELS, TEAM, glass, person


@dataclass(frozen=True)
class SignedRequest:
    body: bytes
    headers: dict[str, str]
    response_url: str


def sign(body: bytes, secret: str, at: float | None = None) -> dict[str, str]:
    """Slack's request signature, version 0."""
    stamp = str(int(time.time() if at is None else at))
    base = b"v0:" + stamp.encode() + b":" + body
    signature = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
    }


def press(
    who: str,
    glass_name: str,
    shape: str,
    slack_api: str,
    secret: str,
    action: str = "break_glass",
    why: str = "",
    chosen: str = "",
) -> SignedRequest:
    """A press by a Slack id or user name; `shape` is a key of SHAPES.

    A name that nobody has is taken as the Slack id of a stranger. `why` and `chosen`: what stands
    in the field and in the select of the message whose button it is.
    """
    try:
        someone = person(who)
        slack_id, name = someone.slack_id, someone.user.user_name
    except KeyError:
        slack_id, name = who, who.lower()
    response_url = f"{slack_api}/response/{TEAM}/{slack_id}/{secrets.token_hex(8)}"
    common = {
        "token": "legacy",
        "team": {"id": TEAM, "domain": "example"},
        "user": {"id": slack_id, "username": name, "name": name, "team_id": TEAM},
        "channel": {"id": "C0DEPLOY", "name": CHANNELS["C0DEPLOY"]},
        "trigger_id": secrets.token_hex(16),
        "response_url": response_url,
    }
    payload = {**common, **SHAPES[shape](glass_name, action)}
    values = {}
    if why:
        values["why"] = {"say_why": {"type": "plain_text_input", "value": why}}
    if chosen:
        option = {"text": {"type": "plain_text", "text": chosen}, "value": chosen}
        select = {"type": "static_select", "selected_option": option}
        values["how_long"] = {"how_long": select}
    if values:
        payload["state"] = {"values": values}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    return SignedRequest(body, sign(body, secret), response_url)


def _block_actions(name: str, action: str) -> dict[str, Any]:
    now = f"{time.time():.6f}"
    button = {"type": "button", "text": {"type": "plain_text", "text": f"Break Glass {name}"}}
    pressed = {"action_id": action, "block_id": "glass", "value": name, **button}
    return {
        "type": "block_actions",
        "api_app_id": "A0BREAKGLASS",
        "container": {"type": "message", "message_ts": now, "channel_id": "C0DEPLOY"},
        "message": {"type": "message", "ts": now, "text": "Deployment of ABC failed"},
        "actions": [{**pressed, "action_ts": now}],
    }


def _legacy(name: str, action: str) -> dict[str, Any]:
    pressed = {"name": action, "type": "button", "value": name}
    return _interactive_message("deployment_abc", pressed)


def _original(name: str, action: str) -> dict[str, Any]:
    """The original project's message: the value is an ARN, the account is in the callback id."""
    which = glass(name)
    pressed = {"name": action, "type": "button", "value": which.permission_set.arn}
    return _interactive_message(f"deployment_{which.account_id}_abc", pressed)


def _interactive_message(callback_id: str, pressed: dict[str, str]) -> dict[str, Any]:
    now = f"{time.time():.6f}"
    retry = {"name": "retry", "text": "Retry", "type": "button", "value": "retry"}
    attachment = {
        "text": "Deployment of ABC failed",
        "callback_id": callback_id,
        "actions": [retry, {**pressed, "text": "Break Glass", "style": "danger"}],
    }
    return {
        "type": "interactive_message",
        "callback_id": callback_id,
        "actions": [pressed],
        "attachment_id": "1",
        "action_ts": now,
        "message_ts": now,
        "is_app_unfurl": False,
        "original_message": {"text": "", "ts": now, "attachments": [attachment]},
    }


SHAPES = {"block_actions": _block_actions, "legacy": _legacy, "original": _original}
