"""Everybody presses everything: whatever is sent, access ends, and all of it is in the log."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.press import press
from tests.world.ops import tool
from tests.world.scene import Press, Scene

pytestmark = pytest.mark.world

FLOOD = 205  # presses that once made a session's row too big to be written
MAY = ("alice@example.com", "group:sre")
GLASSES = [  # so long that only a press ends them
    company.Glass("flooded", company.PRODUCTION, company.ADMIN, 3600, MAY),
    company.Glass("story", company.PRODUCTION, company.AUDITOR, 3600, MAY, extend="20s"),
    company.Glass("waits", company.STAGING, company.AUDITOR, 8, ("everyone",)),
    company.Glass(
        "asks-why",
        company.STAGING,
        company.OPERATOR,
        8,
        ("alice@example.com",),
        more=('reason = "required"', "tell_refusals = true"),
    ),
]


def log(scene: Scene, *arguments: str) -> list[dict[str, Any]]:
    said = tool(scene.world, "log", "--json", *arguments)
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


def asks(scene: Scene, who: str, action: str, session_id: str) -> str:
    """The id of the ask that the press makes."""
    made = press(who, session_id, "block_actions", *scene._slack, action=action)
    reply = scene.world.post(made.body, made.headers, made.response_url)
    assert reply.status == 200, reply
    return ask_id({"end_now": Kind.END, "extend": Kind.EXTEND}[action], made.body)


def decided(scene: Scene, asked: str) -> dict[str, Any]:
    found: dict[str, Any] = scene.until(f"{asked} is decided", lambda: scene.row(f"asked/{asked}"))
    return found


def ended(scene: Scene, pressed: Press) -> dict[str, Any]:
    row = pressed.has("gone_at")
    scene.until("the assignment is gone", lambda: not pressed.assigned)
    return row


# ---- who may nothing


def test_whoever_may_nothing_cannot_keep_access_open_however_often_they_press(scene: Scene) -> None:
    held = scene.press("alice", "flooded")
    held.until("ACTIVE")
    with ThreadPoolExecutor(4) as pool:
        flood = list(pool.map(lambda _: asks(scene, "mallory", "end_now", held.id), range(FLOOD)))
    endless = press("U" + "X" * 2_000, held.id, "block_actions", *scene._slack, action="end_now")
    assert scene.world.post(endless.body, endless.headers).status == 400
    permitted = asks(scene, "grace", "end_now", held.id)

    row = ended(scene, held)
    assert (row["ended_how"], row["ended_by"]) == ("ended", "grace@example.com")
    assert row["ended_at"] < row["deadline"]
    assert decided(scene, permitted)["outcome"] == "ended"

    outcomes = {decided(scene, each)["outcome"] for each in flood}
    assert outcomes <= {"refused", "too late"}
    assert "refused" in outcomes
    said = json.dumps(held.row, default=str)
    assert "mallory" not in said.lower()
    assert len(said) < 8_000

    listed = log(scene, "--person", "mallory@example.com")
    assert {f"asked/{each}" for each in flood} <= {each["id"] for each in listed}
    assert {(each["what"], each["session_id"]) for each in listed} == {("end now", held.id)}
    assert len(log(scene, "--account", company.PRODUCTION)) >= FLOOD + 2


# ---- the story of a session


def test_a_sessions_story_has_all_that_was_asked_of_it_and_what_came_of_it(scene: Scene) -> None:
    held = scene.press("grace", "story")
    before = held.until("ACTIVE")["deadline"]
    pressed = [
        ("mallory", "extend", "refused"),
        ("alice", "extend", "extended"),
        ("grace", "extend", "not extended"),
        ("U0STRANGER", "end_now", "refused"),
        ("alice", "end_now", "ended"),
        ("grace", "end_now", "too late"),
    ]
    made = []
    for who, action, outcome in pressed:
        asked = asks(scene, who, action, held.id)
        assert decided(scene, asked)["outcome"] == outcome
        made.append(f"asked/{asked}")
    row = ended(scene, held)

    (story,) = log(scene, held.id)
    assert [each["id"] for each in story["asks"]] == made
    assert [each["outcome"] for each in story["asks"]] == [outcome for *_, outcome in pressed]
    for each in story["asks"]:
        assert each["slack_channel"] == "C0DEPLOY"
        assert each["decided_at"]
        assert each["account_id"] == company.PRODUCTION
    extended = story["asks"][1]
    assert extended["person"] == "alice@example.com"
    assert (extended["deadline_before"], extended["deadline_after"]) == (before, row["deadline"])

    told = " ".join(tool(scene.world, "log", held.id).out.split())  # it is folded
    for words in (
        "extend by mallory@example.com (U0MALLORY) in C0DEPLOY refused at",
        "extend by alice@example.com (U0ALICE) in C0DEPLOY extended at",
        f"deadline {before} → {row['deadline']}",
        "end now by U0STRANGER in C0DEPLOY refused at",
        "end now by alice@example.com (U0ALICE) in C0DEPLOY ended at",
        "end now by grace@example.com (U0GRACE) in C0DEPLOY too late at",
    ):
        assert words in told


def test_asks_stand_between_the_sessions_by_person_account_and_time(scene: Scene) -> None:
    """Goes on from the test before."""
    mine = log(scene, "--person", "alice@example.com")
    assert [each["what"] for each in mine[:2]] == ["end now", "extend"]
    assert {each["what"] for each in mine} == {"break", "end now", "extend"}
    times = [each["asked_at"] for each in mine]
    assert times == sorted(times, reverse=True)
    stranger = log(scene, "--person", "U0STRANGER")
    assert [(each["what"], each["outcome"]) for each in stranger] == [("end now", "refused")]
    assert {"refused", "extended", "ended"} <= {
        each.get("outcome")
        for each in log(scene, "--account", company.PRODUCTION, "--glass", "story")
    }
    assert log(scene, "--open") == []
    lines = csv.DictReader(io.StringIO(tool(scene.world, "log", "--csv").out))
    kept = {(each["what"], each["outcome"], each["session_id"]) for each in lines}
    assert ("extend", "extended", mine[1]["session_id"]) in kept
    table = tool(scene.world, "log", "--person", "alice@example.com").out
    assert "on session" in table.splitlines()[0]
    assert mine[1]["session_id"] in table
    assert "asked/" not in table


def test_an_ask_on_no_session_is_found_by_who_asked(scene: Scene) -> None:
    asked = asks(scene, "bob", "end_now", "bg-" + "0" * 24)
    assert decided(scene, asked)["outcome"] == "no such session"
    (row,) = log(scene, "--person", "U0BOB")
    assert (row["id"], row["session_id"]) == (f"asked/{asked}", "bg-" + "0" * 24)


# ---- a glass that wants a reason, and whose channel hears of refusals


def breaks(scene: Scene, who: str, why: str) -> tuple[str, Any]:
    """The session's id, and where whoever presses is answered."""
    made = press(who, "asks-why", "block_actions", *scene._slack, why=why)
    reply = scene.world.post(made.body, made.headers, made.response_url)
    assert reply.status == 200, reply
    return ask_id(Kind.BREAK, made.body), reply


def test_a_glass_that_wants_a_reason_gets_it_before_anything_is_recorded(scene: Scene) -> None:
    asked, reply = breaks(scene, "alice", "")
    scene.hears(reply, "Why do you break the glass “asks-why”?")
    (said,) = [each for each in scene.messages() if reply.response_url.endswith(each["path"])]
    assert [each["type"] for each in said["blocks"]] == ["section", "input", "actions"]
    pressed, _ = breaks(scene, "alice", "INC-4711")
    row = scene.until("it is given", lambda: (scene.row(pressed) or {}).get("gone_at"))
    assert row
    (broken,) = log(scene, "--glass", "asks-why", "--account", company.STAGING)
    assert (broken["id"], broken["why"]) == (pressed, "INC-4711")
    assert scene.row(asked) is None
    card = scene.row(pressed)["card_ts"]  # type: ignore[index]
    channel = [each for each in scene.messages() if each["ts"] == card]
    assert all("Reason: INC-4711" in json.dumps(each["blocks"]) for each in channel)


def test_a_refusal_is_told_to_the_channel_where_the_glass_says_so(scene: Scene) -> None:
    pressed, reply = breaks(scene, "mallory", "for fun")
    said = scene.hears(reply, "No access to “asks-why”")
    assert "mallory@example.com is not among those who may break “asks-why”" in said

    def told() -> list[dict[str, Any]]:
        return [
            each
            for each in scene.messages()
            if each["channel"] == "C0INCIDENT" and "was refused “asks-why”" in each["text"]
        ]

    (once,) = scene.until("the channel hears", told)
    assert "mallory@example.com was refused" in once["text"], "what a phone shows"
    assert "<@U0MALLORY> (mallory@example.com)" in json.dumps(once["blocks"])
    assert scene.row(pressed)["state"] == "DENIED"  # type: ignore[index]


# ---- what nobody has decided yet


def test_what_is_not_decided_yet_is_waiting_and_one_row_ever_after(scene: Scene) -> None:
    scene.switch_queue(False)
    scene.switch_stream(False)
    scene.switch_sweep(False)
    try:
        pressed = scene.press("carol", "waits")
        ends = asks(scene, "carol", "end_now", pressed.id)
        waiting = log(scene, "--person", "U0CAROL")
        assert [(each["id"], each["outcome"]) for each in waiting] == [
            (f"ask/{ends}", "waiting"),
            (f"ask/{pressed.id}", "waiting"),
        ]
        (there,) = log(scene, "--account", company.STAGING, "--glass", "waits")
        assert (there["id"], there["what"]) == (f"ask/{pressed.id}", "break")
        (story,) = log(scene, pressed.id)
        assert [each["id"] for each in story["asks"]] == [f"ask/{ends}"]
        assert "waiting" in tool(scene.world, "log", pressed.id).out
        assert log(scene, "--open") == []
    finally:
        scene.switch_queue(True)
        scene.switch_stream(True)
        scene.switch_sweep(True)
    pressed.has("gone_at")
    known = log(scene, "--person", "carol@example.com")
    assert [each["what"] for each in known].count("break") == 1
