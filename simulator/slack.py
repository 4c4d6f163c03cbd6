"""A pretend Slack: the Web API methods that the app may call, and every response_url.

API methods answer at /api/METHOD and at /METHOD; anything under /response/ takes what an app posts
to a response_url; GET /messages answers everything the app said, oldest first. What a person's own
Slack does with triggers and modals is under /client/ (see modals.py).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from simulator.company import CHANNELS, PEOPLE, TEAM, USER_GROUPS, on_call_now
from simulator.faults import Faults, next_outcome
from simulator.modals import Modals
from simulator.outages import NEVER
from simulator.slack_blocks import mistakes_in
from simulator.web import Answer, Refused, Request

BOT = {"user_id": "U0BREAKGLASS", "bot_id": "B0BREAKGLASS"}
_INTERNAL_ERROR = Answer({"ok": False, "error": "internal_error"}, 500)
GROUPS_SCOPE = "usergroups:read"
SCOPES = f"chat:write,users:read,users:read.email,channels:read,groups:read,{GROUPS_SCOPE}"


@dataclass
class SlackFaults(Faults):
    """How Slack misbehaves; GET /messages and what is under /client/ always work."""

    down: str = ""  # "500", "refused" (the connection is reset), "hang" or "never" (no answer)
    hang_seconds: float = 30.0
    slow: float = 0.0  # seconds before each answer
    lost: bool = False  # what is said is shown, and answered 500
    rate_limited: int = 0  # so many next calls answer 429
    retry_after: int = 1
    errors: dict[str, list[str]] = field(default_factory=dict)  # method ("*"): next error names
    response_url_uses: int = 5
    response_url_seconds: float = 1800.0  # from a URL's first use on
    scopes: str = SCOPES  # of the bot's token, as Slack tells them in a header
    not_in: list[str] = field(default_factory=list)  # ids of channels that the bot is not in
    users: dict[str, dict[str, Any]] = field(default_factory=dict)  # id: what users.info says else
    user_groups: dict[str, list[str]] = field(default_factory=on_call_now)  # id: who is in it
    disabled_groups: list[str] = field(default_factory=list)  # their ids, as if they were not there


class Slack:
    """Answers one HTTP request at a time, from any thread."""

    def __init__(self, bot_token: str) -> None:
        self.bot_token = bot_token
        self.faults = SlackFaults()
        self.modals = Modals()
        self._messages: list[dict[str, Any]] = []
        self._posted: set[tuple[str, str]] = set()  # channel and ts of what the app has posted
        self._uses: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._last_ts = 0.0

    def handle(self, request: Request) -> Answer:
        if request.path == "/messages":
            with self._lock:
                return Answer(list(self._messages))
        if request.path.startswith("/client/"):
            return self._client(request)
        trouble = self._trouble()
        if trouble:
            return trouble
        if request.path.startswith("/response/"):
            answer = self._response_url(request)
        else:
            answer = self._method(request)
        return _INTERNAL_ERROR if self.faults.lost else answer

    def messages(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._messages)

    def _client(self, request: Request) -> Answer:
        ask = json.loads(request.body or b"{}")
        return Answer(self.modals.client(request.path.removeprefix("/client/"), ask))

    def _trouble(self) -> Answer | None:
        time.sleep(self.faults.slow)
        if self.faults.down == "hang":
            time.sleep(self.faults.hang_seconds)
        if self.faults.down == "never":
            self._say_nothing()
            raise Refused
        if self.faults.down == "refused":
            raise Refused
        if self.faults.down:
            return _INTERNAL_ERROR
        with self._lock:
            if self.faults.rate_limited > 0:
                self.faults.rate_limited -= 1
                headers = {"Retry-After": str(self.faults.retry_after)}
                return Answer({"ok": False, "error": "ratelimited"}, 429, headers)
        return None

    def _say_nothing(self) -> None:
        """For as long as it is told to; no client waits to the end."""
        end = time.monotonic() + NEVER
        while self.faults.down == "never" and time.monotonic() < end:
            time.sleep(0.2)

    def _response_url(self, request: Request) -> Answer:
        try:
            body = json.loads(request.body)
        except ValueError:
            return Answer({"ok": False, "error": "invalid_payload"}, 400)
        now = time.time()
        with self._lock:
            uses = self._uses.setdefault(request.path, [])
            spent = len(uses) >= self.faults.response_url_uses
            if spent or (uses and now - uses[0] > self.faults.response_url_seconds):
                return Answer({"ok": False, "error": "used_url"}, 404)
            uses.append(now)
        if mistakes_in(body):
            return Answer({"ok": False, "error": "invalid_blocks"}, 400)
        self._record("response_url", request.path, body)
        return Answer(b"ok", headers={"Content-Type": "text/plain"})

    def _method(self, request: Request) -> Answer:
        name = request.path.removeprefix("/api").strip("/")
        method = _METHODS.get(name)
        if method is None:
            return Answer({"ok": False, "error": "unknown_method", "req_method": name})
        ask = _arguments(request)
        headers = {"x-oauth-scopes": self.faults.scopes}
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if (token or ask.get("token")) != self.bot_token:
            return Answer({"ok": False, "error": "invalid_auth"}, headers=headers)
        planned = next_outcome(self.faults.errors, name, "*")
        if planned:
            return Answer({"ok": False, "error": planned}, headers=headers)
        return Answer(method(self, request.path, name, ask), headers=headers)

    def say(self, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
        """chat.postMessage, chat.postEphemeral and chat.update.

        Whoever posts to a user is answered with the direct message's own channel, and edits there.
        """
        channel = str(ask.get("channel") or "")
        where = dm_of(channel) if via != "chat.update" else channel
        if not where or (where[0] == "D" and person_of(where) is None) or where[0] == "U":
            return _no("channel_not_found")
        if via == "chat.update" and (where, str(ask.get("ts"))) not in self._posted:
            return _no("message_not_found")
        if not ask.get("text") and not ask.get("blocks") and not ask.get("attachments"):
            return _no("no_text")
        mistakes = mistakes_in(ask)
        if mistakes:
            return {**_no("invalid_blocks"), "response_metadata": {"messages": mistakes}}
        said = self._record(via, path, ask | {"channel": person_of(where) or where, "dm": where})
        self._posted.add((where, said["ts"]))
        known = {"ok": True, "channel": where, "ts": said["ts"]}
        if via == "chat.postEphemeral":
            return {"ok": True, "message_ts": said["ts"]}
        return {**known, "message": {"text": said["text"], "ts": said["ts"], **BOT}}

    def show(self, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
        """views.open, views.push and views.update: modals."""
        answer = self.modals.call(via, ask)
        if answer["ok"]:
            self._record(via, path, {**ask, "blocks": answer["view"]["blocks"]})
        return answer

    def publish(self, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
        """views.publish: a person's home tab, which the page does not draw."""
        if not ask.get("user_id"):
            return _no("invalid_arguments")
        view = ask.get("view") or {}
        said = self._record(via, path, {**ask, "blocks": view.get("blocks")})
        return {"ok": True, "view": {"id": f"V{said['ts'].replace('.', '')}", **view}}

    def _record(self, via: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            now = max(time.time(), self._last_ts + 0.000001)  # a ts names one message
            self._last_ts = now
            said = {
                "at": datetime.fromtimestamp(now, UTC).isoformat(),
                "via": via,
                "path": path,
                "channel": body.get("channel"),  # of a direct message the person, whoever edits
                "dm": where if (where := body.get("dm", "")).startswith("D") else "",
                "user": body.get("user") or body.get("user_id"),
                "ts": body["ts"] if via == "chat.update" and body.get("ts") else f"{now:.6f}",
                "thread_ts": body.get("thread_ts"),
                "response_type": body.get("response_type"),
                "replace_original": body.get("replace_original"),
                "text": body.get("text"),
                "blocks": body.get("blocks"),
                "attachments": body.get("attachments"),
                "body": {name: each for name, each in body.items() if name not in ("token", "dm")},
            }
            self._messages.append(said)
            return said


def dm_of(channel: str) -> str:
    """The direct message that the bot has with that user; any other channel as it is."""
    return f"D{channel[1:]}" if channel.startswith(("U", "W")) else channel


def person_of(channel: str) -> str | None:
    """Whose direct message that channel is."""
    return next((each.slack_id for each in PEOPLE if dm_of(each.slack_id) == channel), None)


def _users_info(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    for person in PEOPLE:
        if person.slack_id == ask.get("user"):
            user = _user(person) | slack.faults.users.get(person.slack_id, {})
            if "users:read.email" not in slack.faults.scopes:
                user["profile"] = {k: v for k, v in user["profile"].items() if k != "email"}
            return {"ok": True, "user": user}
    return _no("user_not_found")


def _users_by_email(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    for person in PEOPLE:
        if person.user.email == str(ask.get("email")).lower():
            return {"ok": True, "user": _user(person)}
    return _no("users_not_found")


def _auth_test(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "url": "https://example.slack.com/", "team": "Example", "team_id": TEAM,
            "user": "break-glass", **BOT}  # fmt: skip


def _channel_info(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    name = CHANNELS.get(str(ask.get("channel")))
    if name is None:
        return _no("channel_not_found")
    is_member = ask["channel"] not in slack.faults.not_in
    channel = {"id": ask["channel"], "name": name, "is_channel": True, "is_member": is_member}
    return {"ok": True, "channel": channel}


def _channel_members(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    if str(ask.get("channel")) not in CHANNELS:
        return _no("channel_not_found")
    members = [person.slack_id for person in PEOPLE] + [BOT["user_id"]]
    return {"ok": True, "members": members, "response_metadata": {"next_cursor": ""}}


def _group_members(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    """usergroups.users.list: of a disabled group only to whom asks for those too."""
    if trouble := _no_groups(slack):
        return trouble
    group = str(ask.get("usergroup"))
    hidden = group in slack.faults.disabled_groups and not _true(ask.get("include_disabled"))
    if group not in slack.faults.user_groups or hidden:
        return _no("no_such_subteam")
    return {"ok": True, "users": list(slack.faults.user_groups[group])}


def _user_groups(slack: Slack, path: str, via: str, ask: dict[str, Any]) -> dict[str, Any]:
    if trouble := _no_groups(slack):
        return trouble
    off = slack.faults.disabled_groups
    groups = [
        {"id": group, "team_id": TEAM, "is_usergroup": True, "name": USER_GROUPS.get(group, group),
         "handle": USER_GROUPS.get(group, group.lower()), "date_delete": int(group in off)}
        for group in slack.faults.user_groups
        if group not in off or _true(ask.get("include_disabled"))
    ]  # fmt: skip
    return {"ok": True, "usergroups": groups}


def _no_groups(slack: Slack) -> dict[str, Any] | None:
    if GROUPS_SCOPE in slack.faults.scopes.split(","):
        return None
    return _no("missing_scope") | {"needed": GROUPS_SCOPE, "provided": slack.faults.scopes}


def _true(value: object) -> bool:
    return value in (True, "1", "true", "True")


_METHODS: dict[str, Callable[[Slack, str, str, dict[str, Any]], dict[str, Any]]] = {
    "users.info": _users_info,
    "users.lookupByEmail": _users_by_email,
    "auth.test": _auth_test,
    "conversations.info": _channel_info,
    "conversations.members": _channel_members,
    "chat.postMessage": Slack.say,
    "chat.postEphemeral": Slack.say,
    "chat.update": Slack.say,
    "usergroups.list": _user_groups,
    "usergroups.users.list": _group_members,
    "views.open": Slack.show,
    "views.push": Slack.show,
    "views.update": Slack.show,
    "views.publish": Slack.publish,
}


def _user(person: Any) -> dict[str, Any]:
    return {
        "id": person.slack_id,
        "team_id": TEAM,
        "name": person.user.user_name,
        "real_name": person.user.display_name,
        "deleted": False,
        "is_bot": False,
        "is_email_confirmed": True,
        "tz": "Europe/Berlin",
        "profile": {"email": person.user.email, "real_name": person.user.display_name},
    }


def _arguments(request: Request) -> dict[str, Any]:
    """slack_sdk sends JSON bodies for some methods and forms, with JSON inside, for others."""
    if "json" in request.headers.get("content-type", ""):
        return json.loads(request.body or b"{}")
    ask: dict[str, Any] = dict(parse_qsl(request.query)) | dict(parse_qsl(request.body.decode()))
    for name in ("blocks", "attachments", "view", "metadata"):
        if isinstance(ask.get(name), str):
            ask[name] = json.loads(ask[name])
    return ask


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
