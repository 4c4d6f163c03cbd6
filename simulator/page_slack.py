"""What a person does in the page's Slack, as a request to the app's route, signed by Slack."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulator import company
from simulator.conversation import Place
from simulator.modals import APP_ID
from simulator.press import sign
from simulator.slack import dm_of

if TYPE_CHECKING:
    from simulator.world import Reply, World

Json = dict[str, Any]

SLACK_WAITS = 3000  # milliseconds
NO_CONNECTION = "We had some trouble connecting. Try again?"  # Slack's own words


class Client:
    """The Slack of all people: what they press, submit and close, and the modals they have open."""

    def __init__(self, world: World) -> None:
        self.places: dict[str, Place] = {}  # where a response_url's messages are shown
        self._world = world

    def views(self) -> list[Json]:
        """Each person's modal, as {"to": person, "view": …}."""
        return self._slack("views")["views"]

    def press(self, who: str, message: Json, action_id: str, value: Any, values: Json) -> Json:
        """A button of a message."""
        block, element = _button(message, action_id, value)
        path = f"/response/{company.TEAM}/{who}/{secrets.token_hex(8)}"
        self.places[path] = Place(message["channel"], message["thread_ts"], message["ts"])
        where, name = dm_of(message["channel"]), "directmessage"
        name = company.CHANNELS.get(where, name)
        payload = {
            **_interaction("block_actions", who),
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": where,
                "is_ephemeral": message["to"] is not None,
            },
            "channel": {"id": where, "name": name},
            "trigger_id": self._trigger(who),
            "response_url": self._world.facts["slack_api"] + path,
            "state": {"values": values},
            "actions": [_action(block, element)],
        }
        if message["to"] is None:  # of an ephemeral message Slack sends only where it is
            payload["message"] = {name: message[name] for name in ("ts", "text", "blocks")}
        return _took(self._send(payload))

    def press_in_view(
        self, who: str, view_id: str, action_id: str, value: Any, values: Json
    ) -> Json:
        """A button of a modal: Slack gives no response_url with it."""
        view = self._view(who, view_id)
        block, element = _button(view, action_id, value)
        payload = {
            **_interaction("block_actions", who),
            "container": {"type": "view", "view_id": view_id},
            "trigger_id": self._trigger(who, view_id),
            "view": view | {"state": {"values": values}},
            "actions": [_action(block, element)],
        }
        return _took(self._send(payload))

    def submit(self, who: str, view_id: str, values: Json) -> Json:
        """A modal's form. What the app answers is done; `trouble` and `errors` say what is not."""
        payload = {
            **_interaction("view_submission", who),
            "trigger_id": self._trigger(who, view_id),
            "view": self._view(who, view_id) | {"state": {"values": values}},
            "response_urls": [],
        }
        reply = self._send(payload)
        answer = _understood(reply)
        done = {"ok": False} if answer is None else self._slack(
            "answer", view_id=view_id, answer=answer
        )  # fmt: skip
        if not done["ok"]:
            return {**_took(reply), "trouble": NO_CONNECTION}
        return {**_took(reply), "errors": done.get("errors", {})}

    def close(self, who: str, view_id: str, whole: bool) -> Json:
        """Close a modal; the app hears of it where it asked to."""
        self._view(who, view_id)
        closed = self._slack("close", view_id=view_id, whole=whole).get("closed", [])
        for view in closed:
            if view["notify_on_close"]:
                event = {**_interaction("view_closed", who), "view": view, "is_cleared": whole}
                self._send(event)
        return {"closed": len(closed)}

    def _view(self, who: str, view_id: str) -> Json:
        for each in self.views():
            if each["to"] == who and each["view"]["id"] == view_id:
                return each["view"]
        raise ValueError("that modal is not open any more")

    def _trigger(self, who: str, view_id: str = "") -> str:
        return self._slack("press", user=who, view_id=view_id)["trigger_id"]

    def _slack(self, what: str, **ask: Any) -> Json:
        address = f"{self._world.facts['slack_api']}/client/{what}"
        with urllib.request.urlopen(address, json.dumps(ask).encode(), timeout=5) as answer:
            return json.load(answer)

    def _send(self, payload: Json) -> Reply:
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self._world.post(body, sign(body, self._world.facts["signing_secret"]))


def _interaction(kind: str, who: str) -> Json:
    """What every interaction says: of which kind it is, and whose."""
    name = company.person(who).user.user_name
    return {
        "type": kind,
        "api_app_id": APP_ID,
        "team": {"id": company.TEAM, "domain": "example"},
        "user": {"id": who, "username": name, "name": name, "team_id": company.TEAM},
    }


def _action(block_id: str, element: Json) -> Json:
    return {**element, "block_id": block_id, "action_ts": f"{time.time():.6f}"}


def _button(shown: Json, action_id: str, value: Any) -> tuple[str, Json]:
    """The button of a message or a view, or a field in which Enter is a press; its block's id."""
    bars = [block for bar in shown.get("attachments") or [] for block in bar.get("blocks") or []]
    for number, block in enumerate([*(shown["blocks"] or []), *bars]):
        field = block.get("element", {})
        if block.get("dispatch_action") and field.get("action_id") == action_id:
            said = {"type": field["type"], "action_id": action_id, "value": value}
            return block.get("block_id", f"b{number}"), said
        for element in [*block.get("elements", []), block.get("accessory", {})]:
            if (element.get("action_id"), element.get("value")) == (action_id, value):
                return block.get("block_id", f"b{number}"), element
    raise ValueError("there is no such button any more")


def _understood(reply: Reply) -> Json | None:
    """What Slack reads in the answer to a view_submission; None where it reads nothing.

    Slack takes an empty body, or JSON, within three seconds; else it says NO_CONNECTION.
    """
    if reply.status != 200 or reply.milliseconds > SLACK_WAITS:
        return None
    try:
        answer = json.loads(reply.text or "{}")
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _took(reply: Reply) -> Json:
    return {"status": reply.status, "milliseconds": round(reply.milliseconds)}
