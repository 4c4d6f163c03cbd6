"""Slack's modals: a press gives a trigger, a trigger opens a view, a person's views lie in a pile.

What the app asks for (open, push, update) is answered as the Web API answers. What the person's
own Slack does with their modals is under /client/, where only the page calls.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.company import TEAM
from simulator.slack_views import completed, mistakes_in_view

APP_ID = "A0BREAKGLASS"
TRIGGER_SECONDS = 3.0
MOST_VIEWS = 3  # in one pile

Json = dict[str, Any]


class Wrong(Exception):
    """What Slack says no to, by the name that it has for it."""

    def __init__(self, error: str, *mistakes: str) -> None:
        super().__init__(error)
        self.answer: Json = {"ok": False, "error": error}
        if mistakes:
            self.answer["response_metadata"] = {"messages": list(mistakes)}


@dataclass
class Trigger:
    """One press, good for one view within three seconds."""

    user: str
    at: float
    view_id: str = ""  # the view in which it was pressed, if it was in one
    spent: bool = False


class Modals:
    """Knows every trigger, and every view that stands open. Any thread may call."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._triggers: dict[str, Trigger] = {}
        self._piles: dict[str, list[Json]] = {}  # by person; the topmost view is the last
        self._lock = threading.Lock()

    # The Web API

    def call(self, method: str, ask: Json) -> Json:
        """views.open, views.push or views.update."""
        acts = {"views.open": self._open, "views.push": self._push, "views.update": self._update}
        return self._answer(lambda: {"view": acts[method](ask)})

    def _open(self, ask: Json) -> Json:
        view = _sound(ask.get("view"))
        user = self._exchange(ask).user
        self._must_be_new(view)
        self._piles[user] = []  # what the app had open there makes way
        return self._lay(user, view)

    def _push(self, ask: Json) -> Json:
        view = _sound(ask.get("view"))
        trigger = self._exchange(ask)
        self._find(trigger.view_id)
        return self._lay(trigger.user, view)

    def _update(self, ask: Json) -> Json:
        view = _sound(ask.get("view"))
        pile, place = self._find(ask.get("view_id"), ask.get("external_id"))
        if ask.get("hash") and ask["hash"] != pile[place]["hash"]:
            raise Wrong("hash_conflict")
        return self._replace(pile, place, view)

    def _exchange(self, ask: Json) -> Trigger:
        """The trigger that is named, used up with this."""
        if not ask.get("trigger_id"):
            raise Wrong("invalid_arguments", "[ERROR] missing required field: trigger_id")
        trigger = self._triggers.get(str(ask["trigger_id"]))
        if trigger is None:
            raise Wrong("invalid_trigger_id")
        if self._clock() - trigger.at > TRIGGER_SECONDS:
            raise Wrong("expired_trigger_id")
        if trigger.spent:
            raise Wrong("exchanged_trigger_id")
        trigger.spent = True
        return trigger

    # The person's own Slack

    def client(self, what: str, ask: Json) -> Json:
        """press {user, view_id?}, close {view_id, whole}, answer {view_id, answer}, or views."""
        acts: dict[str, Callable[[], Json]] = {
            "press": lambda: {"trigger_id": self._pressed(ask["user"], ask.get("view_id", ""))},
            "views": lambda: {"views": self._shown()},
            "close": lambda: {"closed": self._close(ask["view_id"], ask["whole"])},
            "answer": lambda: self._answered(ask["view_id"], ask["answer"]),
        }
        return self._answer(acts.get(what, _unknown))

    def _pressed(self, user: str, view_id: str) -> str:
        """The trigger_id of a press that is made now."""
        now = self._clock()
        trigger_id = f"{int(now * 1000)}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user, now, view_id)
        return trigger_id

    def _shown(self) -> list[Json]:
        """What each person has before them: of their pile, the topmost view."""
        return [{"to": user, "view": pile[-1]} for user, pile in self._piles.items() if pile]

    def _close(self, view_id: str, whole: bool) -> list[Json]:
        """Takes the view away, or the whole pile; answers what was closed, the topmost first."""
        pile, place = self._find(view_id)
        start = 0 if whole or pile[place]["clear_on_close"] else place
        closed = pile[start:]
        del pile[start:]
        return closed[::-1]

    def _answered(self, view_id: str, answer: Json) -> Json:
        """Does what the app answers to a view_submission; without a word, the view closes."""
        pile, place = self._find(view_id)
        match answer.get("response_action"):
            case None if not answer:
                del pile[place:]
            case "clear":
                pile.clear()
            case "update":
                self._replace(pile, place, _sound(answer.get("view")))
            case "push":
                user = next(user for user, each in self._piles.items() if each is pile)
                self._lay(user, _sound(answer.get("view")))
            case "errors":
                return {"errors": _about(pile[place], answer.get("errors"))}
            case _:
                raise Wrong("no_such_response_action")
        return {}

    # Piles

    def _find(self, view_id: Any, external_id: Any = None) -> tuple[list[Json], int]:
        for pile in self._piles.values():
            for place, view in enumerate(pile):
                if view["id"] == view_id or (external_id and view["external_id"] == external_id):
                    return pile, place
        raise Wrong("not_found")

    def _lay(self, user: str, view: Json) -> Json:
        """On top of the person's pile."""
        pile = self._piles[user]
        if len(pile) >= MOST_VIEWS:
            raise Wrong("push_limit_reached")
        self._must_be_new(view)
        view_id = f"V{secrets.token_hex(5).upper()}"
        laid = {
            **view,
            "id": view_id,
            "team_id": TEAM,
            "app_id": APP_ID,
            "root_view_id": pile[0]["id"] if pile else view_id,
            "previous_view_id": pile[-1]["id"] if pile else None,
            "hash": self._hash(),
        }
        pile.append(laid)
        return laid

    def _replace(self, pile: list[Json], place: int, view: Json) -> Json:
        old = pile[place]
        if view["external_id"] != old["external_id"]:
            self._must_be_new(view)
        same = ("id", "team_id", "app_id", "root_view_id", "previous_view_id")
        pile[place] = view | {name: old[name] for name in same} | {"hash": self._hash()}
        return pile[place]

    def _must_be_new(self, view: Json) -> None:
        taken = {each["external_id"] for pile in self._piles.values() for each in pile}
        if view["external_id"] and view["external_id"] in taken:
            raise Wrong("duplicate_external_id")

    def _hash(self) -> str:
        return f"{int(self._clock())}.{secrets.token_hex(4)}"

    def _answer(self, act: Callable[[], Json]) -> Json:
        with self._lock:
            try:
                return {"ok": True, **act()}
            except Wrong as wrong:
                return wrong.answer


def _sound(view: Any) -> Json:
    mistakes = mistakes_in_view(view)
    if mistakes:
        raise Wrong("invalid_arguments", *mistakes)
    return completed(view)


def _about(view: Json, errors: Any) -> Json:
    """Errors by block; Slack takes them for input blocks of this view only."""
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise Wrong("errors_for_no_input_block")
    return errors


def _unknown() -> Json:
    raise Wrong("unknown_method")
