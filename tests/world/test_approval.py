"""Another pair of eyes on the local AWS: signed clicks, the real table, roles as they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.press import press
from tests.support.states import OVER
from tests.world.scene import Press, Scene, at

pytestmark = pytest.mark.world

CHANNEL = "C0INCIDENT"
SRE = ("alice@example.com", "group:sre")
GLASSES = [
    company.Glass(
        "approved",
        company.PRODUCTION,
        company.ADMIN,
        8,
        ("everyone",),
        more=('approve = "10m"', 'approvers = ["alice@example.com", "group:sre"]',
              'bypass = ["carol@example.com"]'),
    ),
    company.Glass(
        "in-time", company.PRODUCTION, company.AUDITOR, 8, SRE, more=('approve = "4s"',)
    ),
    company.Glass(
        "known", company.STAGING, company.OPERATOR, 40, SRE, more=('acknowledge = "12s"',)
    ),
]  # fmt: skip


def say(scene: Scene, who: str, action: str, session_id: str, why: str = "") -> str:
    """The id of the ask that the signed click makes."""
    made = press(who, session_id, "block_actions", *scene._slack, action=action, why=why)
    reply = scene.world.post(made.body, made.headers, made.response_url)
    assert reply.status == 200, reply
    return ask_id(Kind(action), made.body)


def outcome(scene: Scene, ask: str) -> str:
    found: dict[str, Any] = scene.until(f"{ask} is decided", lambda: scene.row(f"asked/{ask}"))
    return str(found["outcome"])


def waiting(scene: Scene, who: str) -> Press:
    held = scene.press(who, "approved")
    held.until("APPROVING")
    held.has("card_ts")
    assert not held.assigned
    return held


def channel_card(scene: Scene, held: Press) -> list[str]:
    ts = held.has("card_ts")["card_ts"]
    return [each["text"] for each in scene.messages() if each["ts"] == ts]


def lasts(row: dict[str, Any]) -> float:
    """Seconds from when it was allowed to its deadline."""
    return (at(row["deadline"]) - at(row["allowed_at"])).total_seconds()


def test_nothing_is_given_before_another_approves_and_all_of_it_is_reported(scene: Scene) -> None:
    held = waiting(scene, "alice")
    assert outcome(scene, say(scene, "alice", "approve", held.id)) == "refused"
    assert outcome(scene, say(scene, "mallory", "approve", held.id)) == "refused"
    assert held.row["state"] == "APPROVING"
    assert not held.assigned
    assert outcome(scene, say(scene, "grace", "approve", held.id)) == "approved"
    held.has("granted_at")
    row = held.closes()
    assert (row["approved_by"], row["ended_how"]) == ("grace@example.com", "expired")
    scene.until("the person is rung", lambda: scene.posted("U0ALICE", "approved it"))
    assert any("grace@example.com approved it" in text for text in channel_card(scene, held))
    asked = [t for t in channel_card(scene, held) if "asks for access" in t]
    assert asked, "the one message in the channel, brought up to date"
    mail = scene.until("the report", lambda: scene.mails(held.id, "Approved"))
    assert "grace@example.com" in mail[-1]["text"]


def test_of_two_decisions_at_once_one_counts(scene: Scene) -> None:
    held = waiting(scene, "carol")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(
            lambda each: say(scene, *each, held.id),
            [(who, what) for who in ("alice", "grace") for what in ("approve", "decline")],
        ))  # fmt: skip
    came = [outcome(scene, each) for each in made]
    assert sorted(came)[1:] == ["too late"] * 3 or came.count("too late") == 3
    row = held.until("DENIED", *OVER)
    approved = "approved" in came
    assert bool(row.get("approved_by")) is approved
    assert bool(row.get("declined_by")) is not approved


def test_who_may_goes_in_without_approval_and_everybody_is_told(scene: Scene) -> None:
    held = waiting(scene, "carol")
    assert outcome(scene, say(scene, "carol", "bypass", held.id)) == "refused", "a reason is wanted"
    assert outcome(scene, say(scene, "alice", "bypass", held.id, "INC-1")) == "refused"
    came = outcome(scene, say(scene, "carol", "bypass", held.id, "INC-4711: nobody is awake"))
    assert came == "went in without approval"
    held.has("granted_at")
    row = held.closes()
    assert (row["why"], row.get("approved_by", "")) == ("INC-4711: nobody is awake", "")
    assert any("Without approval" in text for text in channel_card(scene, held))
    scene.until("the mail", lambda: scene.mails(held.id, "gone in without approval"))


def test_what_nobody_approves_in_time_is_denied_and_said(scene: Scene) -> None:
    held = scene.press("alice", "in-time")
    row = held.until("DENIED")
    assert (row["reason"], row.get("granted_at")) == ("Nobody approved it in time.", None)
    late = outcome(scene, say(scene, "grace", "approve", held.id))
    assert late == "too late"
    assert not held.assigned


def test_access_that_nobody_acknowledges_ends_early_and_other_access_lasts(scene: Scene) -> None:
    held = scene.press("alice", "known")
    held.until("ACTIVE")
    assert outcome(scene, say(scene, "alice", "acknowledge", held.id)) == "refused"
    alone = held.closes()
    assert (alone["ended_how"], lasts(alone)) == ("expired", 12)
    known = scene.press("alice", "known")
    known.until("ACTIVE")
    assert outcome(scene, say(scene, "grace", "acknowledge", known.id)) == "acknowledged"
    row = known.closes()
    assert (row["acknowledged_by"], row["ended_how"]) == ("grace@example.com", "expired")
    assert lasts(row) == 40
