"""How long access lasts, by signed clicks: as chosen, never as no glass has it, never further."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.press import press
from tests.support.states import OVER
from tests.world.scene import Press, Scene, at
from tests.world.together import together

pytestmark = pytest.mark.world

MAY = ("alice@example.com", "group:sre")
GLASSES = [
    company.Glass("short", company.PRODUCTION, company.ADMIN, 10, ("everyone",), others=(25, 3600)),
    company.Glass(
        "long",
        company.STAGING,
        company.AUDITOR,
        3600,
        MAY,
        others=(1800,),
        extend="20m",
        extend_to="90m",
    ),
]
MINUTE = timedelta(minutes=1)


def lasted(row: dict[str, Any]) -> float:
    return (at(row["deadline"]) - at(row["allowed_at"])).total_seconds()


@together
def test_access_lasts_as_long_as_was_chosen_and_then_it_is_gone(scene: Scene) -> None:
    chosen = scene.press("alice", "short", chosen="25s")
    row = chosen.until("ACTIVE")
    assert (row["chosen"], lasted(row)) == ("25s", 25)
    row = chosen.closes()
    assert row["ended_how"] == "expired"
    assert row["gone_at"] > row["deadline"]


@together
def test_who_has_no_select_gets_the_first(scene: Scene) -> None:
    shapes = {"bob": "block_actions", "bobby": "legacy", "mallory": "original"}
    for pressed in [scene.press(who, "short", shape) for who, shape in shapes.items()]:
        assert lasted(pressed.until("ACTIVE", *OVER)) == 10


@together
def test_a_forged_choice_is_the_first_and_is_said(scene: Scene) -> None:
    """Who can sign as Slack does can write any choice; the worker goes by the settings alone."""
    forged = scene.press("grace", "short", chosen="12h")
    row = forged.until("ACTIVE")
    assert (row["chosen"], lasted(row)) == ("12h", 10)
    forged.hears("You chose 12 h, which this glass does not have: you got 10 s")
    assert forged.closes()["ended_how"] == "expired"


@together
def test_a_choice_that_is_made_breaks_nothing(scene: Scene) -> None:
    made = press("carol", "short", "block_actions", *scene._slack, action="how_long", chosen="25s")
    reply = scene.world.post(made.body, made.headers, made.response_url)
    assert (reply.status, reply.text) == (200, "")
    pressed = scene.press("carol", "short")
    pressed.closes()  # by then everything that was pressed before has been seen to
    assert scene.row(ask_id(Kind.BREAK, made.body)) is None
    events = [each["event"] for each in scene.history(pressed.glass, pressed.who)]
    assert events.count("create asked") == 1


def extend(scene: Scene, who: str, held: Press) -> str:
    made = press(who, held.id, "block_actions", *scene._slack, action="extend")
    assert scene.world.post(made.body, made.headers, made.response_url).status == 200
    return ask_id(Kind.EXTEND, made.body)


def decided(scene: Scene, asked: str) -> dict[str, Any]:
    found: dict[str, Any] = scene.until("it is decided", lambda: scene.row(f"asked/{asked}"))
    return found


def button(scene: Scene, held: Press) -> str:
    """What *Extend* says on the person's card now; empty where it is not there."""
    ts = str(held.row.get("mine_ts", ""))
    card = [each["blocks"] for each in scene.messages() if each["ts"] == ts][-1]
    elements = [element for block in card for element in block.get("elements", [])]
    return next((e["text"]["text"] for e in elements if e.get("action_id") == "extend"), "")


def test_two_who_extend_at_once_extend_it_once_and_then_as_far_as_is_left(scene: Scene) -> None:
    held = scene.press("alice", "long")
    before = at(held.until("ACTIVE")["deadline"])
    scene.until("the card is there", lambda: held.row.get("mine_ts"))
    assert button(scene, held) == "Extend 20 min"

    scene.switch_stream(False)
    scene.switch_sweep(False)
    with ThreadPoolExecutor(2) as pool:  # nobody looks before both are there
        both = list(pool.map(lambda who: extend(scene, who, held), ("alice", "grace")))
    scene.switch_stream(True)
    scene.switch_sweep(True)
    first, second = sorted(
        (decided(scene, each) for each in both), key=lambda each: each["outcome"]
    )
    assert (first["outcome"], second["outcome"]) == ("extended", "not extended")
    assert "before your press was seen to. Press again to add more." in second["reason"]
    assert at(held.row["deadline"]) == before + 20 * MINUTE

    scene.until("the button says what is left", lambda: button(scene, held) == "Extend 10 min")
    assert decided(scene, extend(scene, "grace", held))["outcome"] == "extended"
    row = held.row
    assert (at(row["deadline"]) - at(row["allowed_at"])) == 90 * MINUTE
    assert scene.row(f"lease/{held.id}")["ttl"] >= at(row["deadline"]).timestamp()
    scene.until("the button is gone", lambda: not button(scene, held))
    last = decided(scene, extend(scene, "alice", held))
    assert (last["outcome"], held.row["deadline"]) == ("not extended", row["deadline"])
    assert "It lasts 1 h 30 min in all" in last["reason"]
    scene.ask("alice", "end_now", held.id)
    held.closes()
