"""The page: does what people do in Slack, and shows the world as it is, to any browser.

    GET  /                 the page; its files lie in simulator/page/
    GET  /feed?since=N     what has changed since N, as soon as something has
    GET  /mail/N.html      a letter as it arrived (.txt: its text); /mail/N/M its M-th attachment
    POST /press            {"who", "ts" or "view_id", "action_id", "value", "values"}: a signed
                           request to the app's route
    POST /submit           {"who", "view_id", "values"}: a modal's form
    POST /close            {"who", "view_id", "whole"}: close a modal, or all that lie under it too
    POST /switch           {"name", "broken"}: break or mend one thing
    POST /heal, /kill      everything healthy again; the worker's processes killed

The feed is level, not edge: it tells what each section of the page holds now, so that a browser
that missed something, or came late, shows the same as all others.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from chalicelib.domain.machine import ROWS
from simulator import company, diagram, page_log
from simulator.breakage import SWITCHES, Breakage
from simulator.conversation import fold, seeds
from simulator.page_slack import Client
from simulator.web import Answer, Request, Server

if TYPE_CHECKING:
    from simulator.world import World

FILES = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
LOOK_SECONDS = 0.25
HOLD_SECONDS = 20.0  # how long a feed waits for news
MOST = 50  # sessions on the page; the table keeps all
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LETTER_POLICY = POLICY | {
    "Content-Security-Policy": "sandbox allow-same-origin; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; frame-ancestors 'self'",
}


class Page:
    """Serves one world; looks at it only while a browser is there."""

    def __init__(self, world: World) -> None:
        self.feed = Feed()
        self._world = world
        self._breakage = Breakage(world)
        self._slack = Client(world)
        self._seeds = seeds(time.time())
        self._said: list[dict[str, Any]] = []
        self._letters: list[dict[str, Any]] = []
        self._history: list[dict[str, Any]] = []
        self._asked = threading.Event()
        self.feed.put("world", _world())
        self._server = Server(self.handle)
        self.url = self._server.url
        threading.Thread(target=self._watch, daemon=True, name="page").start()

    def handle(self, request: Request) -> Answer:
        try:
            if request.method == "GET":
                return self._get(request)
            if request.method == "POST" and "json" in request.headers.get("content-type", ""):
                return self._post(request.path, json.loads(request.body or b"{}"))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            return Answer({"error": f"{type(error).__name__}: {error}"}, 400)
        return Answer({"error": "no such thing here"}, 404)

    def _get(self, request: Request) -> Answer:
        if request.path == "/feed":
            self._asked.set()
            since = int(dict(parse_qsl(request.query)).get("since", "0"))
            return Answer(self.feed.since(since, HOLD_SECONDS), headers=POLICY)
        if letter := re.fullmatch(r"/mail/(\d+)\.(html|txt)", request.path):
            return _letter(self._letters[int(letter[1])], letter[2])
        if attached := re.fullmatch(r"/mail/(\d+)/(\d+)", request.path):
            return _attachment(self._letters[int(attached[1])]["attachments"][int(attached[2])])
        file = FILES / (request.path.strip("/") or "index.html")
        if file.parent != FILES or not file.is_file():
            return Answer({"error": "no such page"}, 404)
        body = file.read_bytes()
        if file.suffix == ".html":
            body = body.replace(b"<!-- the state machine -->", diagram.svg().encode())
        kind = f"{TYPES[file.suffix]}; charset=utf-8"
        return Answer(body, headers={"Content-Type": kind, **POLICY})

    def _post(self, path: str, ask: dict[str, Any]) -> Answer:
        if path in ("/press", "/submit", "/close"):
            return Answer(self._act(path, company.person(ask["who"]).slack_id, ask))
        if path == "/switch":
            self._breakage.turn(ask["name"], bool(ask["broken"]))
        elif path == "/heal":
            self._breakage.heal()
        elif path == "/kill":
            return Answer({"killed": self._breakage.kill_worker()})
        else:
            return Answer({"error": "no such thing here"}, 404)
        return Answer({})

    def _act(self, path: str, who: str, ask: dict[str, Any]) -> dict[str, Any]:
        """What this person does in Slack."""
        if path == "/submit":
            return self._slack.submit(who, ask["view_id"], ask["values"])
        if path == "/close":
            return self._slack.close(who, ask["view_id"], bool(ask["whole"]))
        button = (ask["action_id"], ask.get("value"), ask.get("values", {}))
        if "view_id" in ask:
            return self._slack.press_in_view(who, ask["view_id"], *button)
        return self._slack.press(who, self._message(who, ask["ts"]), *button)

    def _message(self, who: str, ts: str) -> dict[str, Any]:
        for message in self._conversation():
            if message["ts"] == ts and message["to"] in (None, who):
                return message
        raise ValueError("there is no such message for this person's eyes")

    # Looking

    def _watch(self) -> None:
        while True:
            self._asked.wait()
            try:
                self._look()
                self.feed.put("trouble", "")
            except Exception as error:  # the world may be busy; the next look tells
                self.feed.put("trouble", f"{type(error).__name__}: {error}")
            if not self.feed.wanted():
                self._asked.clear()
            time.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        rows = self._world.rows(None)
        self._said += self._world.messages(len(self._said))
        self._letters += self._world.mailbox(len(self._letters))
        self._history += self._world.history(len(self._history))
        sessions = page_log.sessions(rows)
        self.feed.put("sessions", sessions[:MOST])
        self.feed.put("total", len(sessions))
        self.feed.put("locks", page_log.held(rows))
        self.feed.put("messages", self._conversation()[-200:])
        self.feed.put("views", self._slack.views())
        self.feed.put("letters", [_envelope(n, each) for n, each in enumerate(self._letters)])
        self.feed.put("access", _access(self._history))
        self.feed.put("switches", self._breakage.state())

    def _conversation(self) -> list[dict[str, Any]]:
        return fold(self._seeds, list(self._said), dict(self._slack.places))


class Feed:
    """Named values; each change has a number, and a reader waits for numbers after its own.

    Numbers begin at the time of the start, so that those of an earlier world are behind them all.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._number = int(clock() * 1000)
        self._values: dict[str, tuple[int, Any]] = {}
        self._news = threading.Condition()
        self._readers, self._read_at = 0, 0.0

    def put(self, name: str, value: Any) -> None:
        with self._news:
            if name in self._values and self._values[name][1] == value:
                return
            self._number += 1
            self._values[name] = (self._number, value)
            self._news.notify_all()

    def since(self, number: int, wait: float) -> dict[str, Any]:
        """Everything that changed after `number`, at once or when something does."""
        with self._news:
            self._readers += 1
            try:
                self._news.wait_for(lambda: self._number > number, wait)
            finally:
                self._readers -= 1
                self._read_at = self._clock()
            news = {name: value for name, (at, value) in self._values.items() if at > number}
            return {"number": self._number, "now": self._clock(), "news": news}

    def wanted(self) -> bool:
        """Whether somebody reads, or did a moment ago."""
        with self._news:
            return self._readers > 0 or self._clock() - self._read_at < 5


def _world() -> dict[str, Any]:
    """What does not change."""
    standing = {each.principal_id: each for each in company.STANDING}
    return {
        "channels": company.CHANNELS,
        "states": {
            state: {"words": row.words, "says": row.says, "waits": row.waits, "locks": row.locks}
            for state, row in ROWS.items()
        },
        "report_after": company.REPORT_AFTER,
        "tail": int(company.ADMIN.session_duration[2:-1]),  # PT15S
        "glasses": [
            {
                "name": each.name,
                "account": company.ACCOUNTS[each.account_id],
                "account_id": each.account_id,
                "set": each.permission_set.name,
                "set_arn": each.permission_set.arn,
                "durations": each.durations,
            }
            for each in company.GLASSES
        ],
        "people": [
            {
                "id": each.slack_id,
                "name": each.user.display_name,
                "email": each.user.email,
                "principal_id": each.user.user_id,
                "may": each.may,
                "known": each.in_identity_center,
                "stands": company.ACCOUNTS[standing[each.user.user_id].account_id]
                if each.user.user_id in standing
                else "",
            }
            for each in company.PEOPLE
        ],
        "switches": [
            {"name": each.name, "title": each.title, "says": each.says} for each in SWITCHES
        ],
    }


def _access(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Who has each access, and what is under way, as Identity Center itself tells."""
    inside: dict[tuple[str, str], dict[str, Any]] = {}
    under_way: dict[str, dict[str, Any]] = {}
    for each in history:
        access = (each["account_id"], each["permission_set_arn"])
        who, event = each["principal_id"], each["event"]
        if event.endswith(" asked"):
            under_way[each["request_id"]] = {**_entry(each), "kind": event.partition(" ")[0]}
            continue
        under_way.pop(each["request_id"], None)
        if event == "appeared":
            inside[(*access, who)] = _entry(each)
        elif event == "disappeared":
            inside.pop((*access, who), None)
    return {
        "inside": list(inside.values()),
        "under_way": list(under_way.values()),
        "history": [{**_entry(each), "event": each["event"]} for each in history[-40:]],
    }


def _entry(each: dict[str, Any]) -> dict[str, Any]:
    app = each["request_id"] is not None
    return {
        "at": each["at"],
        "account_id": each["account_id"],
        "set_arn": each["permission_set_arn"],
        "who": each["principal_id"],
        "by": "Break Glass" if app else each["by"],
    }


def _envelope(number: int, letter: dict[str, Any]) -> dict[str, Any]:
    kept = {name: letter[name] for name in ("at", "from", "to", "subject")}
    attached = [
        {"name": each["name"], "size": len(each["base64"]) * 3 // 4}
        for each in letter["attachments"]
    ]
    return {"number": number, **kept, "attachments": attached}


def _letter(letter: dict[str, Any], form: str) -> Answer:
    kind = "text/html" if form == "html" else "text/plain"
    body = letter["html" if form == "html" else "text"].encode()
    return Answer(body, headers={"Content-Type": f"{kind}; charset=utf-8", **LETTER_POLICY})


def _attachment(attached: dict[str, Any]) -> Answer:
    name = re.sub(r"[^\w.-]", "_", attached["name"])
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **LETTER_POLICY}
    content = base64.b64decode(attached["base64"])
    return Answer(content, headers={"Content-Type": "application/octet-stream", **headers})
