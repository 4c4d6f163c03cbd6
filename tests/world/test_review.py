"""A review on the local AWS: signed clicks, the command, the real table, roles as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.press import press
from simulator.world import ROOT
from tests.world.scene import Press, Scene

pytestmark = pytest.mark.world

REVIEWED = ('review = "5d"', "block_until_reviewed = true")
GLASSES = [
    company.Glass("reviewed", company.PRODUCTION, company.ADMIN, 8, ("everyone",), more=REVIEWED),
    company.Glass(
        "in-time", company.STAGING, company.OPERATOR, 8, ("everyone",), more=('review = "1s"',)
    ),
]


def say(scene: Scene, who: str, action: str, session_id: str, note: str = "") -> str:
    """What came of the signed click."""
    made = press(who, session_id, "block_actions", *scene._slack, action=action, why=note)
    reply = scene.world.post(made.body, made.headers, made.response_url)
    assert reply.status == 200, reply
    row_id = f"asked/{ask_id(Kind(action), made.body)}"
    found: dict[str, Any] = scene.until(f"{row_id} is decided", lambda: scene.row(row_id))
    return str(found["outcome"])


def used(scene: Scene, who: str, glass: str) -> Press:
    held = scene.press(who, glass)
    held.until("REVIEWING")
    held.has("report_ts")
    assert not held.assigned
    return held


def tool(scene: Scene, *arguments: str, code: int = 0) -> str:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "AWS_ENDPOINT_URL": scene.world.facts["endpoint"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": company.REGION,
        "BREAK_GLASS_PROJECT": str(scene.world.staged),
    }
    command = [sys.executable, "-m", "tools", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_who_owes_a_review_is_kept_out_until_another_has_done_it(scene: Scene) -> None:
    held = used(scene, "alice", "reviewed")
    assert say(scene, "alice", "expected", held.id) == "refused"
    assert held.row["state"] == "REVIEWING"
    again = scene.press("alice", "reviewed")
    again.until("DENIED")
    assert held.id in again.row["reason"]
    assert held.id in tool(scene, "log", "--unreviewed")
    assert say(scene, "bob", "followup", held.id, "Why that bucket?") == "follow up"
    row = held.until("CLOSED")
    assert (row["reviewed_by"], row["reviewed_as"]) == ("bob@example.com", "follow up")
    assert row["review_note"] == "Why that bucket?"
    scene.until(
        "the report says it",
        lambda: [each for each in scene.messages()
                 if each["ts"] == row["report_ts"] and "follow up" in each["text"]],
    )  # fmt: skip
    assert held.id not in tool(scene, "log", "--unreviewed")


def test_what_is_overdue_is_made_known_and_reviewed_by_the_command(scene: Scene) -> None:
    held = used(scene, "bob", "in-time")
    told = scene.until(
        "it is overdue",
        lambda: [each for each in scene.messages() if ":mag: <!here>" in each["text"]],
    )
    assert any(held.id in each["text"] for each in told)
    said = tool(scene, "review", held.id, "--as-expected", "--note", "Only what it says.")
    assert "bob@example.com on “in-time”, as expected" in said
    row = held.until("CLOSED")
    assert row["reviewed_by"].startswith("arn:")
    assert "as expected" in tool(scene, "log", held.id)
    assert "reviewed it: as expected" in tool(scene, "review", held.id, "--follow-up", code=1)
