"""The limits of Block Kit that Slack refuses a message for."""

from __future__ import annotations

from typing import Any

_BLOCKS = 50
_TEXT = {"section": 3000, "header": 150}
_TYPES = {"section", "header", "actions", "context", "divider", "input", "image", "rich_text"}


def mistakes_in(body: dict[str, Any]) -> list[str]:
    """What Slack would name in response_metadata.messages; empty where all is well."""
    blocks = body.get("blocks") or []
    if not isinstance(blocks, list):
        return ["blocks is not a list"]
    found = [f"more than {_BLOCKS} blocks"] if len(blocks) > _BLOCKS else []
    for number, block in enumerate(blocks):
        found += [f"{problem} [blocks/{number}]" for problem in _in_block(block)]
    return found


def _in_block(block: dict[str, Any]) -> list[str]:
    kind = block.get("type")
    if kind not in _TYPES:
        return [f"unsupported block type: {kind}"]
    found = []
    text = (block.get("text") or {}).get("text")
    if kind in _TEXT:
        if not text and not block.get("fields"):
            found.append("no text")
        if len(text or "") > _TEXT[kind]:
            found.append(f"text longer than {_TEXT[kind]}")
    if kind == "header" and (block.get("text") or {}).get("type") != "plain_text":
        found.append("a header takes plain_text")
    if kind == "actions":
        found += _in_actions(block.get("elements") or [])
    return found


def _in_actions(elements: list[dict[str, Any]]) -> list[str]:
    found = [] if 0 < len(elements) <= 25 else ["an actions block takes 1 to 25 elements"]
    ids = [each.get("action_id") for each in elements]
    if len(set(ids)) != len(ids):
        found.append("action_id is not unique")
    for each in elements:
        if each.get("type") == "button":
            if len((each.get("text") or {}).get("text", "")) > 75:
                found.append("a button's text is longer than 75")
            if len(each.get("value") or "") > 2000:
                found.append("a button's value is longer than 2000")
    return found
