"""Slack's modals, as the app and as the person's own Slack meet them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.modals import MOST_VIEWS, Modals
from simulator.slack import Slack
from simulator.web import Request

Json = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def plain(said: str) -> Json:
    return {"type": "plain_text", "text": said}


def asks(**facts: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "text"}
    why = {"type": "input", "block_id": "why", "label": plain("Why?"), "element": element}
    return {
        "type": "modal",
        "title": plain("Why?"),
        "submit": plain("Go"),
        "blocks": [why],
        **facts,
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def modals(clock: Clock) -> Modals:
    return Modals(clock)


def press(modals: Modals, view_id: str = "", user: str = "U0ALICE") -> str:
    return modals.client("press", {"user": user, "view_id": view_id})["trigger_id"]


def opened(modals: Modals, **facts: Any) -> Json:
    answer = modals.call("views.open", {"trigger_id": press(modals), "view": asks(**facts)})
    assert answer["ok"], answer
    return answer["view"]


def shown(modals: Modals) -> list[str]:
    return [each["view"]["id"] for each in modals.client("views", {})["views"]]


def test_a_press_opens_one_modal_for_whoever_pressed(modals: Modals) -> None:
    trigger = press(modals, user="U0BOB")
    answer = modals.call("views.open", {"trigger_id": trigger, "view": asks()})
    assert answer["view"]["id"] == answer["view"]["root_view_id"]
    assert answer["view"]["state"] == {"values": {}}
    assert modals.client("views", {})["views"] == [{"to": "U0BOB", "view": answer["view"]}]
    again = modals.call("views.open", {"trigger_id": trigger, "view": asks()})
    assert again == {"ok": False, "error": "exchanged_trigger_id"}


def test_a_trigger_lives_three_seconds(modals: Modals, clock: Clock) -> None:
    in_time, late = press(modals), press(modals)
    clock.now += 3
    assert modals.call("views.open", {"trigger_id": in_time, "view": asks()})["ok"]
    clock.now += 0.01
    answer = modals.call("views.open", {"trigger_id": late, "view": asks()})
    assert answer == {"ok": False, "error": "expired_trigger_id"}


def test_a_trigger_of_nobodys_press_opens_nothing(modals: Modals) -> None:
    for trigger, error in (("1.2.abc", "invalid_trigger_id"), (None, "invalid_arguments")):
        answer = modals.call("views.open", {"trigger_id": trigger, "view": asks()})
        assert (answer["ok"], answer["error"]) == (False, error)
    assert shown(modals) == []


LONG = "x" * 25
DIVIDERS = [{"type": "divider"}] * 101
REFUSED = {
    "no view": None,
    "a view of another type": asks(type="home"),
    "no title": asks(title=None),
    "a title of mrkdwn": asks(title={"type": "mrkdwn", "text": "Why?"}),
    "a title of 25 characters": asks(title=plain(LONG)),
    "a submit of 25 characters": asks(submit=plain(LONG)),
    "an empty close": asks(close=plain("")),
    "input without submit": asks(submit=None),
    "101 blocks": asks(blocks=DIVIDERS),
    "no blocks": asks(blocks=None),
    "a block of no type": asks(blocks=[{}]),
    "a block that is none": asks(blocks=["x"]),
    "an input without label": asks(blocks=[{"type": "input", "element": {"type": "x"}}]),
    "an input without element": asks(blocks=[{"type": "input", "label": plain("x")}]),
    "two blocks of one id": asks(blocks=[{"type": "divider", "block_id": "a"}] * 2),
    "too much metadata": asks(private_metadata="x" * 3001),
}


@pytest.mark.parametrize("view", REFUSED.values(), ids=REFUSED)
def test_slack_refuses_a_view_that_is_not_sound(modals: Modals, view: Any) -> None:
    trigger = press(modals)
    answer = modals.call("views.open", {"trigger_id": trigger, "view": view})
    assert (answer["ok"], answer["error"]) == (False, "invalid_arguments")
    assert answer["response_metadata"]["messages"]
    assert modals.call("views.open", {"trigger_id": trigger, "view": asks()})["ok"], "not used up"


def test_a_view_of_a_hundred_blocks_is_fine(modals: Modals) -> None:
    blocks = opened(modals, title=plain("x" * 24), blocks=DIVIDERS[:100])["blocks"]
    assert len({block["block_id"] for block in blocks}) == 100


def test_an_update_stands_in_the_views_place_unless_it_is_outdated(modals: Modals) -> None:
    view = opened(modals, external_id="mine")
    change = {"view_id": view["id"], "view": asks(title=plain("New"), external_id="mine")}
    new = modals.call("views.update", {**change, "hash": view["hash"]})["view"]
    assert (new["id"], new["title"]["text"]) == (view["id"], "New")
    outdated = modals.call("views.update", {**change, "hash": view["hash"]})
    assert outdated == {"ok": False, "error": "hash_conflict"}
    assert modals.call("views.update", {"external_id": "mine", "view": asks()})["ok"]
    gone = modals.call("views.update", {"view_id": "V1", "view": asks()})
    assert gone == {"ok": False, "error": "not_found"}


def test_three_views_lie_on_each_other_at_most(modals: Modals) -> None:
    top = root = opened(modals)
    for _ in range(MOST_VIEWS - 1):
        trigger = press(modals, top["id"])
        pushed = modals.call("views.push", {"trigger_id": trigger, "view": asks()})["view"]
        assert (pushed["previous_view_id"], pushed["root_view_id"]) == (top["id"], root["id"])
        top = pushed
    assert shown(modals) == [top["id"]]
    more = modals.call("views.push", {"trigger_id": press(modals, top["id"]), "view": asks()})
    assert more == {"ok": False, "error": "push_limit_reached"}
    outside = modals.call("views.push", {"trigger_id": press(modals), "view": asks()})
    assert outside == {"ok": False, "error": "not_found"}


def test_a_modal_closes_to_what_lies_under_it_or_altogether(modals: Modals) -> None:
    for whole, left in ((False, 1), (True, 0)):
        root = opened(modals)
        push = {"trigger_id": press(modals, root["id"]), "view": asks()}
        top = modals.call("views.push", push)["view"]
        closed = modals.client("close", {"view_id": top["id"], "whole": whole})["closed"]
        assert [each["id"] for each in closed] == [top["id"], root["id"]][: 2 - left]
        assert shown(modals) == [root["id"]][:left]


ANSWERED = {
    "nothing": ({}, True, "gone"),
    "clear": ({"response_action": "clear"}, True, "gone"),
    "update": ({"response_action": "update", "view": asks(title=plain("New"))}, True, "New"),
    "push": ({"response_action": "push", "view": asks(title=plain("More"))}, True, "More"),
    "errors": ({"response_action": "errors", "errors": {"why": "Too short"}}, True, "Why?"),
    "errors of another block": ({"response_action": "errors", "errors": {"x": "y"}}, False, "Why?"),
    "a broken update": ({"response_action": "update", "view": {}}, False, "Why?"),
    "a message": ({"response_type": "ephemeral", "text": "no"}, False, "Why?"),
}


@pytest.mark.parametrize(("answer", "ok", "then"), ANSWERED.values(), ids=ANSWERED)
def test_what_the_app_answers_to_a_submission_is_done(
    modals: Modals, answer: Json, ok: bool, then: str
) -> None:
    view = opened(modals)
    done = modals.client("answer", {"view_id": view["id"], "answer": answer})
    assert done["ok"] is ok
    titles = [each["view"]["title"]["text"] for each in modals.client("views", {})["views"]]
    assert titles == ([] if then == "gone" else [then])


def test_the_web_api_takes_views_as_slack_sdk_sends_them() -> None:
    slack = Slack("xoxb-1")
    headers = {"authorization": "Bearer xoxb-1", "content-type": "application/json"}

    def post(path: str, body: Json) -> Any:
        return slack.handle(Request("POST", path, "", headers, json.dumps(body).encode())).body

    trigger = post("/client/press", {"user": "U0ALICE"})["trigger_id"]
    assert post("/api/views.open", {"trigger_id": trigger, "view": asks()})["ok"]
    assert post("/api/views.open", {"view": asks()})["error"] == "invalid_arguments"
    assert [each["via"] for each in slack.messages()] == ["views.open"], "what was refused is not"
    slack.faults.change(down="500")
    assert post("/client/views", {})["views"][0]["to"] == "U0ALICE", "a person's own Slack is up"
