"""What everybody reads in Slack: the app's calls, folded into channels as Slack would show them.

Pure. A conversation is a channel's id, or a person's id for what the app tells them directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator import company

APP = {"name": "Break Glass", "app": True}
DEPLOYER = {"name": "Deployer", "app": True}
HOME = "C0DEPLOY"


@dataclass(frozen=True)
class Place:
    """Where a press was made, so that what comes to its response_url is shown there."""

    channel: str = HOME
    thread_ts: str | None = None
    ts: str = ""  # the message's that was pressed


def seeds(now: float) -> list[dict[str, Any]]:
    """The deployer's messages, with the buttons that all of this is about."""
    return [
        _failed(f"{now - 61:.6f}", "ABC", "staging", "Staging"),
        _failed(f"{now - 1:.6f}", "ABC", "prod", "Prod"),
    ]


def fold(
    seeded: list[dict[str, Any]],
    said: list[dict[str, Any]],
    places: Mapping[str, Place],
) -> list[dict[str, Any]]:
    """The messages as they stand now, oldest first.

    said: what GET /messages answers. places: by the path of the response_url. A message with `to`
    is ephemeral: that person alone sees it. A reply with `broadcast` stands in the channel as well.
    """
    shown = {each["ts"]: dict(each) for each in seeded}
    for each in said:
        if each["via"] == "chat.update":
            if each["ts"] in shown:
                shown[each["ts"]] |= {**_content(each), "edited": True}
        elif each.get("replace_original") and places.get(each["path"], Place()).ts in shown:
            shown[places[each["path"]].ts] |= {**_content(each), "edited": True}
        elif not each["via"].startswith("views."):
            shown[each["ts"]] = {**_content(each), **_where(each, places), "from": APP}
    return sorted(shown.values(), key=lambda each: float(each["ts"]))


def _where(each: dict[str, Any], places: Mapping[str, Place]) -> dict[str, Any]:
    where = {
        "ts": each["ts"],
        "channel": each["channel"],
        "thread_ts": each["thread_ts"],
        "broadcast": bool((each.get("body") or {}).get("reply_broadcast")),
        "to": each["user"] if each["via"] == "chat.postEphemeral" else None,
    }
    if each["via"] == "response_url":
        place = places.get(each["path"], Place())
        where |= {"channel": place.channel, "thread_ts": place.thread_ts}
        if each["response_type"] != "in_channel":
            where["to"] = each["path"].split("/")[3]  # /response/TEAM/PERSON/…
    return where


def _content(each: dict[str, Any]) -> dict[str, Any]:
    """Red bars and what stands beside them come after the blocks."""
    bars = each.get("attachments") or []
    return {"text": each["text"] or "", "blocks": each["blocks"], "attachments": bars}


def _failed(ts: str, what: str, glass_name: str, where: str) -> dict[str, Any]:
    glass = company.glass(glass_name)
    account = company.ACCOUNTS[glass.account_id]
    text = f":x: *Deployment of {what} failed* on {account}: the health check did not pass."
    lasts = "as long as you choose" if glass.others else f"{glass.seconds} seconds"
    confirm = {
        "title": {"type": "plain_text", "text": "Break the glass?"},
        "text": {
            "type": "mrkdwn",
            "text": f"You get *{glass.permission_set.name}* on *{account}* for {lasts}. "
            "The team is told, and everything that you do is reported.",
        },
        "confirm": {"type": "plain_text", "text": "Break glass"},
        "deny": {"type": "plain_text", "text": "Not now"},
        "style": "danger",
    }
    retry = {"type": "plain_text", "text": "Retry"}
    label = {"type": "plain_text", "text": f"Break Glass {where}"}
    elements = [
        {"type": "button", "action_id": "retry", "value": what, "text": retry},
        {
            "type": "button",
            "action_id": "break_glass",
            "value": glass_name,
            "style": "danger",
            "text": label,
            "confirm": confirm,
        },
    ]
    options = [
        {"text": {"type": "plain_text", "text": f"{seconds} s"}, "value": f"{seconds}s"}
        for seconds in glass.durations
    ]
    select = {"type": "static_select", "action_id": "how_long", "options": options}
    choice = {
        "type": "input",
        "block_id": f"how_long_{glass_name}",
        "label": {"type": "plain_text", "text": "For how long?"},
        "element": {**select, "initial_option": options[0]},
    }
    detail = f"`{what.lower()}` 2.4.1 → 2.4.2 · account `{glass.account_id}`"
    return {
        "ts": ts,
        "channel": HOME,
        "thread_ts": None,
        "to": None,
        "from": DEPLOYER,
        "text": f"Deployment of {what} failed",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            *([choice] if glass.others else []),
            {"type": "actions", "block_id": f"failed_{glass_name}", "elements": elements},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": detail}]},
        ],
    }
