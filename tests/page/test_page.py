"""The page: its parts alone, and the story played in a browser as a person would."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from chalicelib.domain.machine import TRANSITIONS
from chalicelib.words import messages
from simulator import diagram
from simulator.breakage import SWITCHES, Breakage
from simulator.conversation import Place, fold, seeds
from simulator.outside import BOT_TOKEN, SIGNING_SECRET
from simulator.page import Feed
from simulator.press import sign
from simulator.world import Reply, World
from tests.page.browser import PATIENCE, ROOT, Browser, browser, programs, until

LAPTOP, PHONE = (1280, 900), (390, 844)


# Its parts ----------------------------------------------------------------------------------------


def said(ts: str, **facts: Any) -> dict[str, Any]:
    none = dict.fromkeys(("channel", "user", "thread_ts", "response_type", "text", "blocks"))
    return {**none, "ts": ts, "via": "chat.postMessage", "path": "/api", **facts}


def test_the_drawing_has_every_state_edge_and_event_of_the_tables() -> None:
    drawn = ET.fromstring(diagram.svg())
    found = {name: [e.get(name) for e in drawn.iter() if e.get(name)] for name in
             ("data-state", "data-edge", "data-event", "data-at")}  # fmt: skip
    assert sorted(found["data-state"]) == sorted(found["data-at"]) == sorted(TRANSITIONS)
    edges = {f"{a} {b}" for a, moves in TRANSITIONS.items() for b in moves.values()}
    assert sorted(found["data-edge"]) == sorted(edges)
    events = [event for moves in TRANSITIONS.values() for event in moves]
    assert sorted(found["data-event"]) == sorted(events)


def test_what_is_drawn_stays_inside_the_drawing_and_apart() -> None:
    drawn = ET.fromstring(diagram.svg())
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    boxes = [tuple(float(e.attrib[k]) for k in ("x", "y", "width", "height"))
             for e in drawn.iter() if e.tag.endswith("rect")]  # fmt: skip
    for x, y, wide, high in boxes:
        assert x >= 0
        assert x + wide <= width
        assert y >= 0
        assert y + high <= height
    assert len({(x, y) for x, y, *_ in boxes}) == len(boxes)


def test_an_update_stands_where_the_message_stood() -> None:
    shown = fold(
        [],
        [
            said("1.1", channel="C0INCIDENT", text="open"),
            said("1.2", channel="C0INCIDENT", text="report", thread_ts="1.1"),
            said("1.1", channel="C0INCIDENT", text="closed", via="chat.update"),
        ],
        {},
    )
    told = [(each["text"], each["thread_ts"], each.get("edited", False)) for each in shown]
    assert told == [("closed", None, True), ("report", "1.1", False)]


def test_an_answer_is_seen_by_its_person_alone_and_where_they_pressed() -> None:
    path = "/response/T0EXAMPLE/U0ALICE/abc"
    answers = [
        said("1.1", via="response_url", path=path, response_type="ephemeral", text="incoming"),
        said("1.2", via="chat.postEphemeral", user="U0BOB", channel="C0DEPLOY", text="hush"),
        said("1.3", channel="U0BOB", text="direct"),
    ]
    shown = fold([], answers, {path: Place("C0INCIDENT", "1.0")})
    assert [(each["channel"], each["to"], each["thread_ts"]) for each in shown] == [
        ("C0INCIDENT", "U0ALICE", "1.0"),
        ("C0DEPLOY", "U0BOB", None),
        ("U0BOB", None, None),
    ]


def test_a_reply_that_is_told_to_the_channel_stands_in_both() -> None:
    alarm = said("1.2", channel="C0INCIDENT", thread_ts="1.1", body={"reply_broadcast": True})
    report = said("1.3", channel="C0INCIDENT", thread_ts="1.1", body={})
    shown = fold([], [alarm, report], {})
    assert [(each["thread_ts"], each["broadcast"]) for each in shown] == [
        ("1.1", True),
        ("1.1", False),
    ]


def test_the_feed_tells_only_what_changed() -> None:
    feed = Feed()
    feed.put("access", ["shut"])
    feed.put("log", [])
    first = feed.since(0, 0)
    assert first["news"] == {"access": ["shut"], "log": []}
    feed.put("access", ["shut"])
    assert feed.since(first["number"], 0)["news"] == {}
    feed.put("access", ["open"])
    assert feed.since(first["number"], 0)["news"] == {"access": ["open"]}
    assert feed.since(10**15, 0)["news"] == {}, (
        "a browser of an earlier world waits, it crashes not"
    )


def test_the_feed_answers_as_soon_as_there_is_news() -> None:
    """It would hold for an hour, and no test lasts so long."""
    feed = Feed()
    number = feed.since(0, 0)["number"]
    threading.Timer(0.1, lambda: feed.put("access", ["open"])).start()
    assert feed.since(number, 3600)["news"] == {"access": ["open"]}


def test_the_danger_asks_first() -> None:
    buttons = [e for m in seeds(0) for b in m["blocks"] for e in b.get("elements", [])]
    labels = [e["text"]["text"] for e in buttons if e["type"] == "button"]
    assert labels == ["Retry", "Break Glass Staging", "Retry", "Break Glass Prod"]
    for each in buttons:
        if each.get("action_id") == "break_glass":
            assert each["style"] == each["confirm"]["style"] == "danger"


# The story ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    programs()
    with World.start(page=True) as world:
        yield world


@pytest.fixture
def laptop(world: World) -> Iterator[Browser]:
    with browser(world.facts["page"], *LAPTOP) as window:
        yield window
        assert window.complaints() == []


@pytest.fixture
def phone(world: World) -> Iterator[Browser]:
    with browser(world.facts["page"], *PHONE, dark=True, scale=2) as window:
        yield window
        assert window.complaints() == []


def break_glass(window: Browser, button: str) -> None:
    window.click(button, "#messages")
    window.sees("dialog[open]", "everything that you do is reported")
    window.click("Break glass", "dialog")


def seconds_left(window: Browser) -> int:
    found = re.search(r"(\d+):(\d\d)", window.sees("#clock .left", ":"))
    assert found
    return int(found[1]) * 60 + int(found[2])


@pytest.mark.world
def test_two_people_play_the_story_at_once(world: World, laptop: Browser, phone: Browser) -> None:
    """Alice breaks prod on a laptop and lets it run out; Bob breaks staging on a phone, and ends
    it himself. Each sees what is theirs, and both see the locks."""
    laptop.become("Alice Ames")
    phone.become("Bob Baker")
    laptop.sees("#short", "20 to 60 s instead of an hour")
    laptop.sees("[data-glass=prod]", "Nobody is in.")
    laptop.sees("[data-glass=staging]", "Steve Stone stands here for good")

    break_glass(laptop, "Break Glass Prod")
    hush = laptop.sees(".message.ephemeral", messages.INCOMING)
    assert "Only visible to you" in hush
    laptop.sees("#answer", "The app answered in")
    assert "incoming" not in phone.read("#messages"), "an ephemeral message is for one person"

    laptop.sees("#channels", "Break Glass\n1")
    laptop.channel("Break Glass")
    laptop.sees("#messages", "EmergencyAdmin on Production · open until")
    laptop.sees("#messages", "aws sso login --profile break-glass-prod")
    laptop.sees("#state", "Open")
    laptop.sees("[data-glass=prod].open", "Alice Ames has been in since")
    left = seconds_left(laptop)
    assert 10 < left <= 30
    until(lambda: seconds_left(laptop) < left, PATIENCE, lambda: "the countdown counts down")
    assert laptop.shows("[data-state=ACTIVE].here")
    assert laptop.shows("[data-edge='GRANTING ACTIVE'].taken")
    laptop.picture("demo-laptop")

    break_glass(phone, "Break Glass Staging")
    phone.sees(".message.ephemeral", messages.INCOMING)
    phone.channel("Break Glass")
    phone.sees("#messages", "EmergencyOperator on Staging · open until")
    phone.shows("[data-action=say_why]").send_keys("INC-4711\n")
    phone.sees("#messages", "Reason: INC-4711")
    phone.sees("[data-glass=staging].open", "Bob Baker has been in since")
    phone.sees("#now", "Bob · staging")
    phone.picture("demo-phone")
    phone.picture("demo-phone-session", "#session")
    phone.channel("# incidents")
    card = phone.sees("#messages", "@Bob Baker (bob@example.com) broke the glass “staging”")
    assert "@Alice Ames" in card
    phone.click("End now", "#messages")
    phone.sees("dialog[open]", "EmergencyOperator on Staging, of bob@example.com, ends now")
    phone.click("End now", "dialog")
    phone.sees(
        "#messages", "@Bob Baker (bob@example.com) ended it."
    )  # on the card that was pressed
    phone.sees("[data-glass=staging].standing", "Steve Stone stands here for good")
    phone.sees("#messages", "@Bob Baker (bob@example.com) had EmergencyOperator")
    phone.sees("#receipt", "ended by bob@example.com")
    phone.sees("#receipt", "by Bob Baker: ended")

    laptop.sees("[data-glass=prod].closed", "Nobody is in.")
    laptop.sees("#messages", "Your access to “prod” is closed.")
    laptop.channel("# incidents")
    laptop.sees("#messages", "had EmergencyAdmin on Production (111122223333) until")
    laptop.sees("#messages", "(edited)")

    for window, title in (
        (laptop, "Alice Ames on Production: "),
        (phone, "Bob Baker on Staging: "),
    ):
        window.sees("#letters", title)
    laptop.sees("#messages .thread", "calls")
    read_the_report(laptop, world)
    laptop.sees("#state", "Closed")
    receipt = laptop.sees("#receipt", "expired; found by")
    assert "Seen to be gone" in receipt
    laptop.picture("demo-report", "#mail")
    for window in (laptop, phone):
        wide = window.run("return document.documentElement.scrollWidth")
        assert wide <= window.width, "nothing hangs over the side"


def read_the_report(window: Browser, world: World) -> None:
    window.run(
        "[...document.querySelectorAll('#letters button')]"
        ".find(b => b.innerText.includes('Alice Ames on Production')).click()"
    )
    frame = window.shows("#letter iframe")
    assert frame.get_attribute("sandbox") == "allow-same-origin", "no scripts, no forms, no pop-ups"
    window.driver.switch_to.frame(frame)
    window.sees("body", "Alice Ames on Production (111122223333)")
    window.sees("body", "iam:CreateUser")
    window.driver.switch_to.default_content()
    window.click("Text", "#letter")
    window.sees("#letter pre", "alice@example.com")
    (letter,) = [each for each in world.mailbox() if "Alice Ames on Production" in each["subject"]]
    sent = {each["name"]: base64.b64decode(each["base64"]) for each in letter["attachments"]}
    fetched = {}
    for link in window.all("#letter a.attachment"):
        with urllib.request.urlopen(link.get_attribute("href")) as answer:
            assert "attachment" in answer.headers["Content-Disposition"]
            fetched[link.get_attribute("download")] = answer.read()
    assert fetched == sent
    assert max(map(len, sent.values())) > 1000, "the events are among them"
    window.click("HTML", "#letter")
    window.shows("#letter iframe")


@pytest.mark.world
def test_who_may_not_is_told_so_and_no_lock_opens(laptop: Browser) -> None:
    laptop.become("Mallory Moss")
    laptop.click("Break Glass Prod", "#messages")
    laptop.click("Not now", "dialog")
    laptop.click("Retry", "#messages")
    laptop.sees(".message.ephemeral", messages.NOT_OURS)
    assert "Mallory" not in laptop.read("#rows"), "“Not now” presses nothing"
    break_glass(laptop, "Break Glass Prod")
    laptop.sees(".message.ephemeral", "No access to “prod”")
    laptop.sees("#state", "Denied")
    laptop.sees("#rows", "Mallory Moss")
    assert "Mallory" not in laptop.read("#access-list") + laptop.read("#history")


@pytest.mark.world
def test_for_how_long_is_chosen_beside_the_button_and_extended_as_far_as_it_goes(
    world: World, laptop: Browser
) -> None:
    from selenium.webdriver.support.select import Select

    laptop.become("Bob Baker")
    select = Select(laptop.shows("#messages [data-action=how_long]"))
    assert [each.text for each in select.options if each.get_attribute("value")] == ["30 s", "60 s"]
    assert select.first_selected_option.text == "30 s"
    select.select_by_visible_text("60 s")
    laptop.picture("choice", "#messages", keep=False)
    break_glass(laptop, "Break Glass Prod")
    laptop.channel("Break Glass")
    laptop.sees("#messages", "EmergencyAdmin on Production · open until")
    (row,) = [each for each in world.rows() if each.get("chosen") == "60s"]
    assert row["duration"] == 60
    laptop.click("Extend 20 s", "#messages")
    laptop.sees("#messages", "(bob@example.com) extended it.")
    laptop.click("Extend 20 s", "#messages")
    laptop.sees("#messages", "It cannot be extended any more.")
    laptop.sees("#messages", "It was extended 2 times, last by @Bob Baker (bob@example.com).")
    laptop.picture("how-long", "#messages", keep=False)
    laptop.click("End now", "#messages")
    laptop.click("End now", "dialog")
    laptop.sees("#messages", "Your access to “prod” is closed")


@pytest.mark.world
def test_a_press_that_nobody_decides_yet_is_seen_to_be_taken(laptop: Browser) -> None:
    """No session has its row until somebody decides; the ask alone is there."""
    laptop.become("Mallory Moss")
    for switch in ("queue", "sweep"):
        laptop.turn(switch)
        laptop.shows(f"label:has([data-switch={switch}]:checked)")
    break_glass(laptop, "Break Glass Staging")
    laptop.sees(".message.ephemeral", messages.INCOMING)
    laptop.sees("#state", "Asked")
    laptop.sees("#clock", "Denied, if nobody has decided, in")
    assert 0 < seconds_left(laptop) <= 300
    assert laptop.shows("[data-state=REQUESTED].here")
    laptop.sees("#receipt", "pressed")
    laptop.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    laptop.sees("#receipt pre", '"id": "ask/bg-')
    laptop.click("Heal all")
    laptop.sees("#state", "Denied")
    assert "ask/" not in laptop.read("#receipt pre")


@pytest.mark.world
def test_access_ends_whatever_is_broken(phone: Browser) -> None:
    """By keyboard, where a finger would do as well."""
    from selenium.webdriver.common.keys import Keys

    phone.become("Grace Gray")
    phone.type(Keys.ENTER, "Break Glass Staging", "#messages")
    phone.sees("dialog[open]", "Break the glass?")
    phone.type(Keys.ENTER, "Break glass", "dialog")
    phone.sees("[data-glass=staging].open", "Grace Gray has been in since")
    for switch in ("slack", "mail", "queue"):
        phone.turn(switch)
        phone.shows(f"label:has([data-switch={switch}]:checked)")
    phone.click("Kill the worker")
    phone.sees("#killed", "worker was running" if "no" in phone.read("#killed") else "killed at")
    phone.picture("demo-phone-broken", "#access")
    phone.sees("[data-glass=staging].standing", "Steve Stone")
    assert "Grace" not in phone.read("#access-list")
    phone.shows("label:has([data-switch=mail]:checked)")
    phone.click("Heal all")
    phone.sees("#letters", "Grace Gray on Staging")
    phone.sees("#receipt", "expired; found by")


# Modals -------------------------------------------------------------------------------------------


class Route:
    """Stands where our route is: keeps what Slack sends, and answers what it is told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answer: Any = ""

    def post(self, body: bytes, headers: dict[str, str]) -> Reply:
        assert SignatureVerifier(SIGNING_SECRET).is_valid_request(body, headers)
        self.sent.append(json.loads(parse_qs(body.decode())["payload"][0]))
        return Reply(200, json.dumps(self.answer) if self.answer else "", 5.0, "")

    def nth(self, number: int, kind: str) -> dict[str, Any]:
        """The first, second … request of that kind, as soon as it is there."""
        until(
            lambda: len(self._all(kind)) >= number,
            PATIENCE,
            lambda: f"{kind} {number}: {self.sent}",
        )
        return self._all(kind)[number - 1]

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.sent if each["type"] == kind]


@pytest.fixture
def route(world: World, monkeypatch: pytest.MonkeyPatch) -> Route:
    route = Route()
    monkeypatch.setattr(world, "post", route.post)
    return route


def plain(said: str) -> dict[str, str]:
    return {"type": "plain_text", "text": said}


def asks(title: str = "Why the glass?") -> dict[str, Any]:
    reason = {"type": "plain_text_input", "action_id": "text", "multiline": True}
    options = [{"text": plain(each), "value": each.lower()} for each in ("Down", "Slow")]
    extent = {"type": "static_select", "action_id": "pick", "options": options}
    help_ = {"type": "button", "action_id": "help", "value": "1", "text": plain("Ask for help")}
    said = "You get *EmergencyAdmin* until <!date^1795348800^{time}|12:00 UTC>."
    return {
        "type": "modal",
        "title": plain(title),
        "submit": plain("Go on"),
        "close": plain("Not now"),
        "notify_on_close": True,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": said}},
            {"type": "input", "block_id": "why", "label": plain("Reason"), "element": reason},
            {"type": "input", "block_id": "how", "label": plain("How bad?"), "element": extent,
             "hint": plain("As far as you know.")},
            {"type": "actions", "block_id": "more", "elements": [help_]},
        ],
    }  # fmt: skip


def open_modal(world: World, window: Browser, route: Route) -> WebClient:
    """As the app would: with the trigger of a press, within three seconds."""
    slack = WebClient(BOT_TOKEN, base_url=f"{world.facts['slack_api']}/api/")
    route.sent.clear()
    window.click("Retry", "#messages")
    trigger = route.nth(1, "block_actions")["trigger_id"]
    assert slack.views_open(trigger_id=trigger, view=asks())["ok"]
    window.shows("#modal[open]")
    return slack


@pytest.mark.world
def test_a_modal_is_filled_in_and_sent_by_keyboard(
    world: World, laptop: Browser, phone: Browser, route: Route
) -> None:
    from selenium.webdriver.common.keys import Keys

    def types(*keys: str) -> None:
        for key in keys:
            laptop.has_keyboard().send_keys(key)

    laptop.become("Alice Ames")
    phone.become("Bob Baker")
    open_modal(world, laptop, route)
    dialog = laptop.shows("#modal")
    assert (dialog.aria_role, dialog.accessible_name) == ("dialog", "Why the glass?")
    assert "You get EmergencyAdmin until" in laptop.read("#modal")
    assert "12:00" not in laptop.read("#modal"), "a date is in the reader's own zone"
    assert laptop.has_keyboard().accessible_name == "Reason"
    for _ in range(9):
        types(Keys.TAB)
        outside = "return !document.querySelector('#modal').contains(document.activeElement)"
        assert not laptop.run(f"{outside} && document.activeElement !== document.body")
    assert not phone.all("#modal[open]"), "a modal is for who pressed"

    laptop.type(Keys.ENTER, "Go on", "#modal")
    laptop.sees("#modal", "Please complete this required field.")
    assert laptop.has_keyboard().accessible_name == "Reason"
    types("The database is down", Keys.TAB, "Down", Keys.TAB, Keys.TAB, Keys.TAB)
    assert laptop.has_keyboard().text == "Go on"
    route.answer = {"response_action": "errors", "errors": {"why": "Say which database."}}
    types(Keys.ENTER)
    laptop.sees("#modal", "Say which database.")
    assert laptop.has_keyboard().get_attribute("aria-invalid") == "true"
    route.answer = ""
    types(": orders")
    laptop.type(Keys.ENTER, "Go on", "#modal")
    until(lambda: not laptop.all("#modal[open]"), PATIENCE, lambda: "the modal is gone")
    assert laptop.has_keyboard().text == "Retry", "the keyboard is where it was"
    sent = route.nth(2, "view_submission")
    assert sent["user"]["id"] == "U0ALICE"
    assert sent["view"]["title"]["text"] == "Why the glass?"
    assert sent["view"]["state"]["values"] == {
        "why": {"text": {"type": "plain_text_input", "value": "The database is down: orders"}},
        "how": {"pick": {"type": "static_select",
                         "selected_option": {"text": plain("Down"), "value": "down"}}},
    }  # fmt: skip


@pytest.mark.world
def test_a_modal_is_updated_and_closed_and_the_app_hears_of_it(
    world: World, phone: Browser, route: Route
) -> None:
    from selenium.webdriver.common.keys import Keys

    phone.become("Alice Ames")
    slack = open_modal(world, phone, route)
    phone.shows("#modal textarea").send_keys("The database is down")
    phone.click("Ask for help", "#modal")
    pressed = route.nth(2, "block_actions")
    assert pressed["container"] == {"type": "view", "view_id": pressed["view"]["id"]}
    assert pressed["view"]["state"]["values"]["why"]["text"]["value"] == "The database is down"
    slack.views_update(view_id=pressed["view"]["id"], view=asks("Help is on its way"))
    phone.sees("#modal-title", "Help is on its way")
    written = phone.shows("#modal textarea").get_attribute("value")
    assert written == "The database is down", "what was typed stays"
    assert phone.has_keyboard().text == "Ask for help", "and so does the keyboard"

    slack.views_push(trigger_id=pressed["trigger_id"], view=asks("On top"))
    phone.sees("#modal-title", "On top")
    phone.has_keyboard().send_keys(Keys.ESCAPE)
    phone.sees("#modal-title", "Help is on its way")
    closed = route.nth(1, "view_closed")
    assert (closed["view"]["title"]["text"], closed["is_cleared"]) == ("On top", False)
    phone.run("document.querySelector('#modal .cross').click()")
    assert route.nth(2, "view_closed")["is_cleared"]
    assert not phone.all("dialog[open]")


@pytest.mark.world
def test_an_answer_that_slack_does_not_take_leaves_the_modal_open(
    world: World, phone: Browser, route: Route
) -> None:
    phone.become("Alice Ames")
    open_modal(world, phone, route)
    phone.shows("#modal textarea").send_keys("The database is down")
    phone.shows("#modal select").send_keys("Down")
    route.answer = {"ok": True}
    phone.click("Go on", "#modal")
    phone.sees("#modal-trouble", "We had some trouble connecting. Try again?")
    phone.click("Not now", "#modal")
    route.nth(1, "view_closed")


@pytest.mark.world
def test_the_deployed_route_answers_a_modal_though_it_opens_none(world: World) -> None:
    """As it would be of an app that opened modals once, and has people who still have one open."""
    for kind in ("view_submission", "view_closed"):
        payload = {"type": kind, "user": {"id": "U0ALICE"}, "team": {"id": "T0EXAMPLE"},
                   "trigger_id": "1.2.a", "view": asks()}  # fmt: skip
        body = urlencode({"payload": json.dumps(payload)}).encode()
        reply = world.post(body, sign(body, SIGNING_SECRET))
        assert reply.status == 200
        assert "Traceback" not in reply.text


# For everybody ------------------------------------------------------------------------------------


@pytest.fixture
def lived_in(world: World) -> World:
    """A world with a session in its log, and a letter in its mailbox."""
    if not world.mailbox():
        world.press("alice", "staging")
        until(world.mailbox, PATIENCE, lambda: "a letter")
    return world


@pytest.mark.world
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_axe_finds_nothing_serious(
    lived_in: World, size: tuple[int, int], dark: bool, route: Route
) -> None:
    with browser(lived_in.facts["page"], *size, dark=dark) as window:
        window.become("Alice Ames")
        window.sees("#rows", "Alice Ames")
        window.shows("#letter iframe")
        window.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        time.sleep(0.5)  # colours fade in
        assert window.axe() == [], "all that is on the page"
        window.click("Text", "#letter")
        window.channel("# incidents")
        assert window.axe() == [], "the other tabs"
        window.channel("# deployments")
        window.click("Break Glass Prod", "#messages")
        window.shows("dialog[open]")
        assert window.axe() == [], "a confirm dialog"
        window.click("Not now", "dialog")
        open_modal(lived_in, window, route)
        assert window.axe() == [], "a modal"
        window.click("Go on", "#modal")
        window.sees("#modal", "Please complete")
        assert window.axe() == [], "a modal that is not filled in"
        window.click("Not now", "#modal")


@pytest.mark.world
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious_in_a_letter(lived_in: World, dark: bool, tmp_path: Path) -> None:
    """Outside its frame, for scripts run in none of ours; a letter has no landmarks."""
    letter = tmp_path / "letter.html"
    letter.write_text(lived_in.mailbox()[-1]["html"])
    with browser(letter.as_uri(), *PHONE, dark=dark) as window:
        assert "Break Glass" in window.read("body")
        assert window.axe(but=["landmark-one-main", "region"]) == []


def test_every_emoji_that_we_send_is_drawn() -> None:
    sent = "".join(file.read_text() for file in ROOT.glob("chalicelib/**/*.py"))
    drawn = (ROOT / "simulator/page/mrkdwn.js").read_text()
    names = set(re.findall(r"[\"' ]:([a-z_]+):[\"' ]", sent))
    assert {"lock", "fire", "broom"} <= names
    assert [name for name in sorted(names) if f"  {name}: " not in drawn] == []


MRKDWN = {
    "*EmergencyAdmin* on *Production (1)*": "<b>EmergencyAdmin</b> on <b>Production (1)</b>",
    "2*3*4 and a_b_c and `*code*`": "2*3*4 and a_b_c and <code>*code*</code>",
    "_slanted_ ~struck~ *_both_*": "<i>slanted</i> <s>struck</s> <b><i>both</i></b>",
    "<@U0ALICE> in <#C0INCIDENT>": '<span class="mention">@Alice Ames</span> in '
    '<span class="mention">#incidents</span>',
    "<https://example.com/?a=1&amp;b=2|there>": '<a href="https://example.com/?a=1&amp;b=2" '
    'rel="noreferrer" target="_blank">there</a>',
    "&lt;b&gt; &amp;amp; <script>": "&lt;b&gt; &amp;amp; &lt;script&gt;",
    "<javascript:alert(1)|press me>": "&lt;javascript:alert(1)|press me&gt;",
    ":lock: :no_such_thing:": '<span role="img" aria-label="lock">🔒</span> :no_such_thing:',
    "until <!date^1795348800^{time}|12:00 UTC>": 'until <time datetime="2026-11-22T12:00:00.000Z" '
    'title="11/22/2026, 1:00:00 PM">13:00</time>',
}


@pytest.mark.world
def test_mrkdwn_reads_as_in_slack_and_is_never_html(laptop: Browser) -> None:
    laptop.sees("#messages", "Deployment of ABC failed")
    drawn = laptop.driver.execute_async_script(
        """const [sources, done] = arguments;
        import("/mrkdwn.js").then(({ mrkdwn }) => done(sources.map((source) => {
            const box = document.createElement("p");
            box.append(...mrkdwn(source));
            return box.innerHTML;
        })));""",
        list(MRKDWN),
    )
    plain = [each.replace("\u202f", " ") for each in drawn]  # a narrow space before PM
    assert dict(zip(MRKDWN, plain, strict=True)) == MRKDWN


@pytest.mark.world
def test_every_switch_breaks_and_heals(world: World) -> None:
    breakage = Breakage(world)
    assert set(breakage.state()) == {each.name for each in SWITCHES}
    for each in SWITCHES:
        breakage.turn(each.name, True)
    assert all(breakage.state().values())
    assert enabled(world) == {"worker": False, "stream": False, "sweep": False}
    breakage.heal()
    assert not any(breakage.state().values())
    assert enabled(world) == {"worker": True, "stream": True, "sweep": True}


def enabled(world: World) -> dict[str, bool]:
    """What AWS itself says of the three sides from which sessions are looked at."""
    mappings = world.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    found = {m["FunctionArn"].rpartition("-")[2]: m["State"] == "Enabled" for m in mappings}
    rules = world.aws("events").list_rules()["Rules"]
    return found | {"sweep": all(rule["State"] == "ENABLED" for rule in rules)}


@pytest.mark.world
def test_nobody_else_can_use_the_page(world: World) -> None:
    """A page elsewhere that has somebody's browser call here, by address or by a made-up name."""
    page = world.facts["page"]
    for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}):
        request = urllib.request.Request(f"{page}/heal", b"{}", {
            "Content-Type": "application/json", **headers})  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403
        refused.value.close()
    for path in ("/../world.py", "/%2e%2e/world.py", "/nothing.js"):
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(page + path)
        assert missing.value.code == 404
        missing.value.close()
