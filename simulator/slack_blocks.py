"""The limits of Block Kit that Slack refuses a message for."""

from __future__ import annotations

from typing import Any

_BLOCKS = 50
_TEXT = {"section": 3000, "header": 150}
_CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_MESSAGE = 40_000  # characters of a message's own text
_TYPES = {"section", "header", "actions", "context", "divider", "input", "image", "rich_text"}


def mistakes_in(body: dict[str, Any]) -> list[str]:
    """What Slack would name in response_metadata.messages; empty where all is well."""
    found = []
    if len(body.get("text") or "") > _MESSAGE:
        found.append(f"text longer than {_MESSAGE}")
    bars = body.get("attachments") or []
    for blocks in (body.get("blocks") or [], *(bar.get("blocks") or [] for bar in bars)):
        if not isinstance(blocks, list):
            return ["blocks is not a list"]
        found += [f"more than {_BLOCKS} blocks"] if len(blocks) > _BLOCKS else []
        ids = [block["block_id"] for block in blocks if block.get("block_id")]
        found += ["block_id is not unique"] if len(set(ids)) < len(ids) else []
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
    if kind == "context":
        found += _in_context(block.get("elements") or [])
    if kind == "input":
        found += _too_long(block.get("label"), 2_000, "a label", "plain_text")
        found += [] if block.get("element") else ["an input block takes an element"]
        found += _in_select(block.get("element") or {})
    if len(block.get("block_id") or "") > 255:
        found.append("a block_id is longer than 255")
    return found


def _too_long(text: Any, most: int, what: str, kind: str = "") -> list[str]:
    """Of a text object: whether it is there, and how long it is."""
    said = (text or {}).get("text") or ""
    if not 0 < len(said) <= most:
        return [f"{what} is 1 to {most} characters"]
    return [f"{what} takes {kind}"] if kind and text.get("type") != kind else []


def _in_select(element: dict[str, Any]) -> list[str]:
    if element.get("type") != "static_select":
        return []
    options = element.get("options") or []
    found = [] if 0 < len(options) <= 100 else ["a select takes 1 to 100 options"]
    for each in options:
        found += _too_long(each.get("text"), 75, "an option's text", "plain_text")
        found += [] if 0 < len(each.get("value") or "") <= 150 else ["an option's value"]
    first = element.get("initial_option")
    return [*found, *(["initial_option is no option"] if first not in (None, *options) else [])]


def _in_context(elements: list[dict[str, Any]]) -> list[str]:
    found = [] if 0 < len(elements) <= 10 else ["a context block takes 1 to 10 elements"]
    for each in elements:
        if each.get("type") != "image" and not 0 < len(each.get("text") or "") <= _TEXT["section"]:
            found.append(f"a text of a context block is 1 to {_TEXT['section']} characters")
    return found


def _in_actions(elements: list[dict[str, Any]]) -> list[str]:
    found = [] if 0 < len(elements) <= 25 else ["an actions block takes 1 to 25 elements"]
    ids = [each.get("action_id") for each in elements]
    if len(set(ids)) != len(ids):
        found.append("action_id is not unique")
    for each in elements:
        if each.get("type") == "button":
            found += _too_long(each.get("text"), 75, "a button's text", "plain_text")
            if len(each.get("url") or "") > 3000:
                found.append("a button's url is longer than 3000")
            for name, most in _CONFIRM.items() if each.get("confirm") else ():
                found += _too_long(each["confirm"].get(name), most, f"a confirm's {name}")
            if len(each.get("value") or "") > 2000:
                found.append("a button's value is longer than 2000")
            if len(each.get("action_id") or "") > 255:
                found.append("an action_id is longer than 255")
    return found
