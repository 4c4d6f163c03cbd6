"""Who is on call breaks the glass, whose shift is over does not; and what an old list means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.oncall import OLD_AFTER
from chalicelib.domain.session import iso
from simulator import company
from tests.world.ops import tool
from tests.world.scene import Scene

pytestmark = pytest.mark.world

ROW = "oncall/S0ONCALL"
MAY = ("slack:S0ONCALL",)
GLASSES = [
    company.Glass("night", company.PRODUCTION, company.ADMIN, 12, MAY),
    company.Glass(
        "strict", company.PRODUCTION, company.OPERATOR, 12, MAY, more=('stale_oncall = "refuse"',)
    ),
    company.Glass("long", company.STAGING, company.ADMIN, 3600, MAY),
]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def healed(scene: Scene) -> Iterator[None]:
    yield
    scene.world.control("heal", change=True)


def aged(scene: Scene, by: timedelta) -> None:
    """The kept list as it would be, had nobody renewed it for so long."""
    scene.aws("dynamodb").update_item(
        TableName=scene.world.facts["table"],
        Key={"id": {"S": ROW}},
        UpdateExpression="SET found_at = :then",
        ExpressionAttributeValues={":then": {"S": iso(datetime.now(UTC) - by)}},
    )


def on_call(scene: Scene, *who: str, **slack: Any) -> dict[str, Any]:
    """Hands the shift over; the kept list, as the next sweep has heard it."""
    ids = [company.person(name).slack_id for name in who]
    scene.world.control("slack", user_groups={"S0ONCALL": ids}, **slack)
    return renewed(scene)


def renewed(scene: Scene) -> dict[str, Any]:
    if scene.row(ROW):
        aged(scene, 3 * MINUTE)
    scene.invoke("sweep")
    return scene.row(ROW) or {}


def refused(scene: Scene, who: str, glass: str) -> str:
    pressed = scene.press(who, glass)
    reason: str = pressed.until("DENIED")["reason"]
    assert not pressed.assigned
    assert pressed.hears("No access", "sre-oncall")
    return reason


def test_whoever_is_on_call_is_let_in_and_whose_shift_is_over_is_not(scene: Scene) -> None:
    kept = on_call(scene, "carol")
    assert (kept["members"], kept["name"], kept["exists"]) == (["U0CAROL"], "sre-oncall", True)
    carol = scene.press("carol", "night")
    row = carol.until("ACTIVE")
    assert carol.assigned
    assert row["let_in_by"].startswith("slack:S0ONCALL as of 20")
    reason = refused(scene, "bob", "night")
    assert "“night”; ask whoever is on call (Slack group sre-oncall, as of " in reason

    kept = on_call(scene, "bob", "grace")
    assert kept["members"] == ["U0BOB", "U0GRACE"]
    assert "sre-oncall, as of " in refused(scene, "carol", "strict")
    bob = scene.press("bob", "strict")
    assert bob.until("ACTIVE")["let_in_by"].startswith("slack:S0ONCALL as of 20")

    carol.closes()
    bob.closes()
    carol.until("CLOSED")
    said = tool(scene.world, "log", carol.id)
    assert f"let in by    {row['let_in_by']}" in said.out
    assert scene.mails(carol.id, "Let in by", row["let_in_by"])


def test_who_is_on_call_may_end_the_session_of_whoever_was(scene: Scene) -> None:
    on_call(scene, "carol")
    carol = scene.press("carol", "long")
    carol.until("ACTIVE")
    on_call(scene, "grace")
    scene.ask("bob", "end_now", carol.id)
    scene.ask("grace", "end_now", carol.id)
    row = carol.closes()
    assert (row["ended_how"], row["ended_by"]) == ("ended", "grace@example.com")


def test_a_list_that_slack_does_not_renew_lets_in_whom_the_glass_says(scene: Scene) -> None:
    """The press asks Slack nothing of it: it may not even."""
    before = on_call(scene, "carol")
    scene.world.control("slack", scopes="chat:write,users:read,users:read.email")
    assert renewed(scene)["members"] == before["members"], "the list is as it was last known"
    warned = [line for line in scene.logs("sweep") if "who is on call was not heard" in line]
    assert any("Slack: missing_scope" in line for line in warned)
    carol = scene.press("carol", "strict")
    carol.until("ACTIVE")
    carol.closes()

    aged(scene, OLD_AFTER + MINUTE)
    assert "too old to go by" in refused(scene, "carol", "strict")
    carol = scene.press("carol", "night")
    carol.until("ACTIVE")
    carol.closes()
    scene.invoke("sweep")
    assert any('"OldOnCallLists": 1.0' in line for line in scene.logs("sweep"))
    said = tool(scene.world, "doctor", "--only", "on call")
    assert said.code == 1
    assert "Slack user group S0ONCALL: Slack: missing_scope" in said.out
    assert "usergroups:read" in said.out
    said = tool(scene.world, "doctor", "--only", "Slack")
    assert "the app lacks the scope usergroups:read: it hears who is on call" in said.out


def test_a_group_that_is_disabled_lets_nobody_in_and_says_so(scene: Scene) -> None:
    kept = on_call(scene, "carol", disabled_groups=["S0ONCALL"])
    assert (kept["members"], kept["exists"]) == ([], False)
    reason = refused(scene, "carol", "night")
    assert "(Slack group sre-oncall, which is disabled or gone)" in reason
    said = tool(scene.world, "doctor", "--only", "on call")
    assert "the Slack user group sre-oncall (S0ONCALL) is disabled: nobody is on call" in said.out


def test_doctor_tries_everybody_on_call_as_a_press_would(scene: Scene) -> None:
    on_call(scene, "carol")
    said = tool(scene.world, "doctor", "--only", "on call")
    assert (said.code, "1 on call by the Slack user group sre-oncall (S0ONCALL)" in said.out) == (
        0,
        True,
    )
    on_call(scene, "carol", "nora")
    said = tool(scene.world, "doctor", "--only", "on call")
    assert said.code == 1
    assert "U0NORA of sre-oncall (S0ONCALL) would be refused: Identity Center has no" in said.out
    scene.switch_sweep(False)
    aged(scene, OLD_AFTER + MINUTE)
    said = tool(scene.world, "doctor", "--only", "on call")
    scene.switch_sweep(True)
    assert "the list that presses go by for sre-oncall (S0ONCALL) is from 20" in said.out
    scene.world.control("slack", user_groups={})
    said = tool(scene.world, "doctor", "--only", "on call")
    assert "Slack has no user group S0ONCALL" in said.out
