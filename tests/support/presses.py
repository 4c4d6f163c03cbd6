"""Presses, as Slack sends them."""

import json
from typing import Any
from urllib.parse import urlencode


def body(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def block_actions(action_id: str = "break_glass", value: str = "prod", **more: Any) -> bytes:
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ALICE", "username": "alice"},
        "team": {"id": "T0"},
        "channel": {"id": "C0"},
        "container": {"channel_id": "C0", "message_ts": "1.2"},
        "message": {"ts": "1.2"},
        "actions": [{"type": "button", "action_id": action_id, "value": value}],
        "response_url": "https://hooks.slack.com/actions/1",
    }
    return body(payload | more)


def said_why(value: str, session_id: str, **more: Any) -> bytes:
    """Enter in a card's field."""
    field = {"type": "plain_text_input", "action_id": "say_why", "value": value}
    return block_actions(**more | {"actions": [field | {"block_id": f"say_why {session_id}"}]})


def typed(value: Any, block_id: str = "why") -> dict[str, Any]:
    """What a message's field holds while a button of it is pressed."""
    return {"state": {"values": {block_id: {"say_why": {"type": "plain_text_input",
                                                        "value": value}}}}}  # fmt: skip


def picked(value: Any, block_id: str = "how_long") -> dict[str, Any]:
    """What a message's select holds, as Slack's `state.values` has it; None: nobody touched it."""
    option = value and {"text": {"type": "plain_text", "text": "so long"}, "value": value}
    select = {"type": "static_select", "selected_option": option}
    return {block_id: {"how_long": select}}


def legacy(
    name: str = "break_glass", value: str = "prod", callback: str = "", **more: Any
) -> bytes:
    payload = {
        "type": "interactive_message",
        "user": {"id": "U0ALICE", "name": "alice"},
        "team": {"id": "T0", "domain": "acme"},
        "channel": {"id": "C0", "name": "deployments"},
        "message_ts": "1.2",
        "callback_id": callback,
        "actions": [{"name": name, "type": "button", "value": value}],
        "original_message": {
            "attachments": [
                {
                    "callback_id": "deployment_999999999999_other",
                    "actions": [
                        {"name": "break_glass", "type": "button", "value": "the-first-button"}
                    ],
                }
            ]
        },
        "response_url": "https://hooks.slack.com/actions/1",
    }
    return body(payload | more)
