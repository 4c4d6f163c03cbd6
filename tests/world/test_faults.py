"""Parts of the running system broken on purpose: access still ends, and nothing is lost.

The tests run in the order in which they stand: some begin what a later one sees the end of.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.machine import LIVE, State
from tests.support.states import OVER
from tests.world.scene import Press, Scene, at

pytestmark = pytest.mark.world

MINUTE = 60.0
AGAIN = 270.0  # seconds that a claim may outlive its killed worker, and then some


@pytest.fixture(autouse=True)
def healed(scene: Scene) -> Iterator[None]:
    """Whatever a test breaks, the next one finds healthy."""
    yield
    if not scene.queue_exists():
        scene.world.redeploy()
    scene.switch_queue(True)
    scene.switch_stream(True)
    scene.switch_sweep(True)
    scene.world.control("heal", change=True)


# ---- the worker dies in the middle of each duty -----------------------------------------------


@pytest.fixture(scope="module")
def begun(scene: Scene) -> dict[str, Press]:
    """Sessions whose call to the outside has an outcome that nobody knows.

    Their claims outlive any worker that could still be acting: a minute, in which the other tests
    go on. What became of them is seen at the end.
    """
    control = scene.world.control
    lost = scene.press("mallory", "admin"), scene.press("bobby", "admin")
    for pressed in lost:
        pressed.until("ACTIVE")
    fail_deletes(scene, "LOST")
    for pressed in lost:
        scene.until("the delete is asked", lambda p=pressed: events(scene, p, "delete asked"))
    control("identity_center", rates={})

    control("identity_center", outcomes={"CreateAccountAssignment": ["HANG"]})
    hanging = scene.press("carol", "admin")
    scene.until("the create is asked", lambda: events(scene, hanging, "create asked"))
    assert kill_whoever_looks(scene)

    fail_deletes(scene, "HANG")  # before the press, for their eight seconds are soon over
    killed = scene.press("alice", "admin"), scene.press("bob", "admin")
    away = scene.press("alice", "operator")
    for pressed in (*killed, away):
        scene.until("the delete is asked", lambda p=pressed: events(scene, p, "delete asked"))
    assert kill_whoever_looks(scene)

    control("identity_center", rates={}, down="503")
    during = scene.press("bobby", "s-operator")
    scene.until("the press is recorded", lambda: during.recorded)
    control("slack", down="hang", hang_seconds=5)
    decided = scene.press("grace", "admin")
    scene.until("the press is recorded", lambda: decided.recorded)
    time.sleep(1)  # users.info hangs by now
    kill_whoever_looks(scene)
    control("heal", change=True)
    return {
        "killed while it decided": decided,
        "killed while it granted": hanging,
        "killed while it revoked": killed[0],
        "killed while it revoked another": killed[1],
        "whose answer was lost": lost[0],
        "whose answer was lost too": lost[1],
        "of an access that was being revoked": away,
        "pressed while Identity Center was away": during,
    }


def kill_whoever_looks(scene: Scene) -> int:
    """Of all three sides, for any of them may be the one that is at it."""
    sides = ("worker", "stream", "sweep")
    return sum(scene.world.control("kill-worker", function=side)["killed"] for side in sides)


def fail_deletes(scene: Scene, how: str) -> None:
    """Each delete, for one whose outcome is unknown is asked again at once."""
    rate = {"outcome": how, "rate": 1.0}
    scene.world.control("identity_center", rates={"DeleteAccountAssignment": rate})


def events(scene: Scene, pressed: Press, event: str) -> list[dict[str, Any]]:
    history = scene.history(pressed.glass, pressed.who)
    return [each for each in history if each["event"] == event]


def test_workers_are_killed_and_answers_lost(begun: dict[str, Press]) -> None:
    """What becomes of their sessions is seen below, once their claims have run out."""
    assert begun


# ---- two of three sides are gone ----------------------------------------------------------------


def test_with_sweep_and_stream_gone_the_queue_ends_access(scene: Scene) -> None:
    scene.switch_sweep(False)
    pressed = scene.press("alice", "s-admin")
    pressed.until("ACTIVE")
    scene.switch_stream(False)
    row = pressed.closes()
    assert (row["ended_look"], row["revoke_look"]) == ("queue", "queue")
    assert at(row["ended_at"]) >= at(row["deadline"])


def test_with_queue_and_sweep_gone_the_lease_ends_access(scene: Scene) -> None:
    scene.switch_sweep(False)
    pressed = scene.press("bob", "s-admin")
    pressed.until("ACTIVE")
    scene.switch_queue(False)
    row = pressed.closes()
    assert (row["ended_look"], row["revoke_look"]) == ("stream", "stream")


def test_with_queue_and_stream_gone_the_sweep_begins_and_ends_access(
    scene: Scene, begun: dict[str, Press]
) -> None:
    """Also with a row among what is due that nobody can read: it holds up no other."""
    pressed = scene.press("carol", "operator")
    pressed.until("ACTIVE")
    scene.switch_queue(False)
    scene.switch_stream(False)
    scene.aws("dynamodb").put_item(
        TableName=scene.world.facts["table"],
        Item={
            "id": {"S": "bg-spoiled"},
            "kind": {"S": "session"},
            "state": {"S": "NO SUCH STATE"},
            "open": {"S": "yes"},
            "look_at": {"S": "2020"},
        },
    )
    begun = scene.press("carol", "s-operator")
    row = pressed.closes()
    assert (row["ended_look"], row["revoke_look"]) == ("sweep", "sweep")
    row = begun.until(*set(State) - {State.REQUESTED, State.DENIED})
    assert "(sweep)" in row["steps"][0]
    scene.until(
        "the sweep has tried the spoiled row",
        lambda: [line for line in scene.logs("sweep") if "bg-spoiled" in line],
    )
    scene.switch_queue(True)
    scene.switch_stream(True)
    begun.closes()


def test_with_the_queue_deleted_and_no_sweep_the_stream_does_all_of_it(scene: Scene) -> None:
    scene.switch_sweep(False)
    sqs = scene.aws("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="break-glass")["QueueUrl"])
    pressed, held = scene.press("steve", "operator"), scene.press("grace", "s-audit")
    row = pressed.closes()
    assert "(stream)" in row["steps"][0]
    assert (row["ended_look"], row["gone_look"]) == ("stream", "stream")
    held.until(*LIVE | OVER)
    scene.world.redeploy()  # a deployment makes the queue anew, and leaves sessions alone
    scene.switch_sweep(True)
    row = held.closes()
    assert at(row["gone_at"]) > at(row["deadline"])


# ---- poison -------------------------------------------------------------------------------------


def test_poison_goes_to_the_dead_letters_and_holds_up_nobody(scene: Scene) -> None:
    held = scene.press("bobby", "admin")
    held.until("ACTIVE")
    sqs = scene.aws("sqs")
    queue = sqs.get_queue_url(QueueName="break-glass")["QueueUrl"]
    broken = f'{{"session": "{held.id}"'
    for body in ("not JSON", broken, '{"session": 7}', '{"session": "bg-poison-message"}'):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    spoiled = {"kind": {"S": "session"}, "state": {"S": "?"}, "look_at": {"S": "2020"}}
    table = scene.world.facts["table"]
    lease = {"id": {"S": "lease/bg-poison-record"}}
    for item in ({"id": {"S": "bg-poison-message"}}, {"id": {"S": "bg-poison-record"}}, lease):
        scene.aws("dynamodb").put_item(TableName=table, Item=item | spoiled)
    scene.aws("dynamodb").delete_item(TableName=table, Key=lease)  # which the stream tells
    pressed = scene.press("mallory", "s-admin")
    pressed.until("ACTIVE")

    def buried() -> bool:
        letters = "\n".join(scene.dead_letters())
        poison = ("not JSON", held.id, "bg-poison-message", "bg-poison-record")
        return all(each in letters for each in poison)

    scene.until("the poison is in the dead letters", buried, evidence=scene.dead_letters)
    pressed.closes()
    assert held.closes()["ended_look"] in ("queue", "sweep", "stream")


# ---- the outside fails for a while --------------------------------------------------------------


def test_identity_center_refuses_in_every_way_at_grant_and_at_revoke(scene: Scene) -> None:
    ways = ["ThrottlingException", "FAILED: for a reason", "ConflictException"]
    calls = ("CreateAccountAssignment", "DeleteAccountAssignment")
    scene.world.control("identity_center", outcomes={call: list(ways) for call in calls})
    pressed = [scene.press(who, "s-audit") for who in ("mallory", "steve")]
    for each in pressed:
        each.until("ACTIVE")
    for each in pressed:
        row = each.closes()
        assert row["revoke_asked_at"] >= row["revoke_first_asked_at"]
    left = scene.world.control()["identity_center"]["outcomes"]
    assert not any(left[call] for call in calls)


def test_identity_center_gone_for_a_while_is_said_on_the_row_and_in_the_log(scene: Scene) -> None:
    pressed = scene.press("carol", "s-admin")
    pressed.until("ACTIVE")
    rates = {"outcome": "ThrottlingException", "rate": 1.0}
    scene.world.control("identity_center", rates={"DeleteAccountAssignment": rates})
    row = scene.until(
        "the row says what is the matter",
        lambda: r if (r := pressed.row).get("tries", 0) >= 3 else None,
        evidence=lambda: pressed.row,
    )
    assert row["state"] == "REVOKING"
    assert "ThrottlingException" in row["last_error"]
    assert pressed.assigned
    scene.world.control("heal", change=True)
    assert float(pressed.closes()["lag_gone"]) > 3


def test_slack_mail_and_logs_gone_for_a_while_lose_nothing(scene: Scene) -> None:
    pressed = scene.press("grace", "operator")
    pressed.until("ACTIVE")
    control = scene.world.control
    control("slack", down="500")
    control("mail", down=True)
    control("trail", start_error="LimitExceededException")
    pressed.closes()  # access ends all the same, while they are still gone
    assert control()["slack"]["down"] == "500"
    assert not pressed.assigned
    row = scene.until(
        "the report was tried",
        lambda: r if (r := pressed.row)["state"] == "REPORTING" and r.get("tries") else None,
        evidence=lambda: pressed.row,
    )
    assert "LimitExceeded" in row["last_error"]
    control("trail", start_error="", results_error="InternalServerException")
    time.sleep(2)
    control("trail", results_error="")
    scene.until("SES was asked", lambda: "SES" in pressed.row.get("last_error", ""))
    assert not scene.mails(pressed.id, "Report")
    control("heal", change=True)
    pressed.has("reported_at")
    scene.until("the report", lambda: scene.mails(pressed.id, "Report"))
    told = "Your access to “operator” is closed"  # by the bot, for their own address had failed
    scene.until("grace reads it", lambda: scene.posted("U0GRACE", told))
    scene.until("the card", lambda: scene.posted("C0INCIDENT", "It is closed", "grace@"))


# ---- what became of all of them ----------------------------------------------------------------


def test_what_was_killed_or_lost_in_the_middle_leaves_nothing_open(
    scene: Scene, begun: dict[str, Press]
) -> None:
    for what, pressed in begun.items():
        row = pressed.until(*OVER, seconds=AGAIN)
        assert not pressed.assigned, what
        assert row["gone_at"], what
        appeared = events(scene, pressed, "appeared")
        assert len(events(scene, pressed, "disappeared")) == len(appeared), what


def test_every_session_that_had_access_is_reported(scene: Scene) -> None:
    def unreported() -> list[str]:
        return [
            row["id"]
            for row in scene.world.rows()
            if row.get("granted_at") and not row.get("reported_at") and row.get("shape") != "found"
        ]

    scene.until("all are reported", lambda: not unreported(), AGAIN, unreported)
    mails = [mail["text"] for mail in scene.world.mailbox()]
    for row in scene.world.rows():
        if row.get("granted_at") and row.get("shape") != "found":
            assert any(f"eport of session {row['id']}" in text for text in mails), row["id"]


def test_at_the_end_nothing_is_open_that_was_not_standing(scene: Scene) -> None:
    standing = {"9067f0a1-0006-4000-8000-000000000006"}  # steve's, on staging
    opened = scene.world.control("open")
    assert {each["principal_id"] for each in opened if "principal_id" in each} <= standing | {
        each["principal_id"] for each in scene.world.history() if each["by"] == "an administrator"
    }
    locks = scene.world.rows("door")
    leases = scene.world.rows("lease")
    sessions = {row["id"]: row for row in scene.world.rows()}
    live = {row_id for row_id, row in sessions.items() if row.get("state") in LIVE}
    for lock in locks:  # one stays where a delete whose outcome is unknown may still land
        if lock["session_id"] not in live:
            until = sessions[lock["session_id"]]["revoke_late_until"]
            assert lock["free_at"] == until, json.dumps(locks, default=str)
    assert {row["session_id"] for row in leases} <= live, json.dumps(leases, default=str)
