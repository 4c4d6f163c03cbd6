"""A view as Slack takes it for a modal, and as it gives it back."""

from __future__ import annotations

from typing import Any

from simulator.slack_blocks import mistakes_in

BLOCKS = 100
HEADING = 24  # characters of title, submit and close
_LONGEST = {"callback_id": 255, "external_id": 255, "private_metadata": 3000}
_UNSET: dict[str, Any] = {
    "submit": None,
    "close": None,
    "callback_id": "",
    "external_id": "",
    "private_metadata": "",
    "clear_on_close": False,
    "notify_on_close": False,
}


def mistakes_in_view(view: Any) -> list[str]:
    """What Slack would name in response_metadata.messages; empty where all is well."""
    if not isinstance(view, dict):
        return ["[ERROR] missing required field: view"]
    if view.get("type") != "modal":
        return ["[ERROR] unsupported type [json-pointer:/view/type]"]
    blocks = view.get("blocks")
    if not isinstance(blocks, list):
        return ["[ERROR] missing required field: blocks [json-pointer:/view]"]
    return _in_headings(view) + _in_lengths(view) + _in_blocks(blocks)


def completed(view: dict[str, Any]) -> dict[str, Any]:
    """With all that Slack adds of itself; blocks get an id where they have none."""
    blocks = [
        {**block, "block_id": block.get("block_id") or f"b{number}"}
        for number, block in enumerate(view["blocks"])
    ]
    return {**_UNSET, **view, "blocks": blocks, "state": {"values": {}}}


def _in_headings(view: dict[str, Any]) -> list[str]:
    found = []
    for name in ("title", "submit", "close"):
        at = f"[json-pointer:/view/{name}]"
        heading = view.get(name)
        if heading is None:
            continue
        if _type(heading) != "plain_text":
            found.append(f"[ERROR] must be plain_text {at}")
        elif not 0 < len(heading.get("text") or "") <= HEADING:
            found.append(f"[ERROR] must be 1 to {HEADING} characters {at}")
    if view.get("title") is None:
        found.append("[ERROR] missing required field: title [json-pointer:/view]")
    if view.get("submit") is None and any(_is_input(block) for block in view["blocks"]):
        found.append("[ERROR] a view with input blocks needs submit [json-pointer:/view]")
    return found


def _in_lengths(view: dict[str, Any]) -> list[str]:
    return [
        f"[ERROR] must be at most {most} characters [json-pointer:/view/{name}]"
        for name, most in _LONGEST.items()
        if len(view.get(name) or "") > most
    ]


def _in_blocks(blocks: list[Any]) -> list[str]:
    found = []
    if len(blocks) > BLOCKS:
        found.append(f"[ERROR] no more than {BLOCKS} items allowed [json-pointer:/view/blocks]")
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    if len(set(ids)) != len(ids):
        found.append("[ERROR] block_id is not unique [json-pointer:/view/blocks]")
    for number, block in enumerate(blocks):
        at = f"[json-pointer:/view/blocks/{number}]"
        found += [f"[ERROR] {mistake} {at}" for mistake in _in_block(block)]
    return found


def _in_block(block: Any) -> list[str]:
    if not isinstance(block, dict):
        return ["not an object"]
    found = [mistake.partition(" [")[0] for mistake in mistakes_in({"blocks": [block]})]
    if _is_input(block):
        if _type(block.get("label")) != "plain_text":
            found.append("an input block takes a label of plain_text")
        if not _type(block.get("element")):
            found.append("an input block takes an element")
    return found


def _is_input(block: Any) -> bool:
    return _type(block) == "input"


def _type(thing: Any) -> Any:
    return thing.get("type") if isinstance(thing, dict) else None
