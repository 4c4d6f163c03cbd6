"""Access that nobody pressed for, and rows that an operator spoiled, on the running local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.words import refusals
from simulator import company
from simulator.world import ROOT, STAGE
from tests.world.scene import GLASSES, Scene

pytestmark = pytest.mark.world

ADMIN, S_ADMIN = GLASSES[0], GLASSES[3]
ACCEPT = f"standing --stage {STAGE} accept s-admin"


def assign(scene: Scene, who: str, glass: company.Glass) -> company.Person:
    """As an administrator would, by the console."""
    person = company.person(who)
    scene.world.control(
        "assign",
        account_id=glass.account_id,
        permission_set_arn=glass.permission_set.arn,
        principal_id=person.user.user_id,
    )
    return person


def standing(scene: Scene, *arguments: str, code: int = 0) -> str:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "AWS_ENDPOINT_URL": scene.world.facts["endpoint"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": company.REGION,
        "BREAK_GLASS_PROJECT": str(scene.world.staged),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tools", "standing", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def forget_to_look_at(scene: Scene, row_id: str) -> None:
    scene.aws("dynamodb").update_item(
        TableName=scene.world.facts["table"],
        Key={"id": {"S": row_id}},
        UpdateExpression="REMOVE look_at, wake_at ADD version :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def test_what_no_session_explains_is_said_once_and_may_be_accepted_by_name(scene: Scene) -> None:
    bob, carol = assign(scene, "bob", S_ADMIN), assign(scene, "carol", S_ADMIN)
    scene.invoke("reconcile")
    for each in (bob, carol):
        (mail,) = scene.mails("access without a session", ACCEPT, each.user.email)
        assert mail["to"] == ["security@example.com", "oncall@example.com"]
        assert f"--principal-id {each.user.user_id}" in mail["text"]
        assert scene.posted("C0INCIDENT", "without a session", each.user.email)
    scene.invoke("reconcile")
    assert len(scene.mails("access without a session", ACCEPT)) == 1

    assert "bob@example.com may keep EmergencyAdmin" in standing(
        scene, "accept", "s-admin", "bob@example.com", "--by", "ann"
    )
    standing(scene, "accept", "s-operator", "steve", "--by", "ann")
    listed = standing(scene, "list", "s-admin")
    assert "accepted by ann (arn:aws:sts::" in listed or "accepted by ann (arn:aws:iam::" in listed
    assert "not accepted" in listed
    told = {}
    for line in standing(scene, "list", "s-admin", "--json").splitlines():
        told[json.loads(line)["email"]] = json.loads(line)
    accepted, found = told["bob@example.com"], told["carol@example.com"]
    assert accepted["principal_id"] == bob.user.user_id
    assert accepted["account_id"] == company.STAGING
    assert (accepted["standing"], accepted["assigned"], accepted["session"]) == (True, True, "")
    assert accepted["accepted_by"].startswith("ann (arn:aws:")
    assert (found["standing"], found["accepted_by"]) == (False, "")


def test_what_is_to_be_revoked_is_and_live_or_accepted_access_is_not(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goes on from the test before: bob and steve were accepted on staging, carol was not."""
    bob, carol = company.person("bob"), company.person("carol")
    toml: Callable[[], str] = company.glasses_toml
    monkeypatch.setattr(company, "glasses_toml", lambda: f'reconcile = "revoke"\n{toml()}')
    held = scene.press("grace", "long")
    held.until("ACTIVE")
    scene.world.redeploy()
    scene.invoke("reconcile")
    scene.until("carol's is taken back", lambda: not scene.assigned(S_ADMIN, carol))
    (row,) = (
        row
        for row in scene.world.rows()
        if row.get("shape") == "found" and row["email"] == "carol@example.com"
    )
    assert (row["glass"], row["account_id"]) == ("s-admin", company.STAGING)
    pressed = scene.press("carol", "s-admin")  # waits, should it still be on its way out
    pressed.until("ACTIVE")
    scene.invoke("reconcile")
    assert pressed.assigned or pressed.row["state"] != "ACTIVE"
    pressed.closes()
    assert pressed.row["ended_how"] == "expired"

    def closed() -> dict[str, Any] | None:
        found = scene.row(row["id"]) or {}
        return found if found["state"] == "CLOSED" else None

    taken = scene.until("the session of its own is closed", closed)
    assert (taken["ended_by"], taken["reason"]) == ("reconcile", refusals.WITHOUT_A_SESSION)
    assert taken["gone_at"]
    assert scene.mails("taken back, access without a session", "carol@example.com")
    assert scene.posted("C0INCIDENT", "carol@example.com had EmergencyAdmin")

    assert scene.assigned(S_ADMIN, bob)
    assert scene.assigned(company.glass("s-operator"), company.person("steve"))
    assert held.assigned
    scene.ask("grace", "end_now", held.id)
    held.closes()
    events = [each["event"] for each in scene.history(S_ADMIN, bob) if "ed" in each["event"]]
    assert events[-1] == "appeared"


def test_rows_that_disagree_are_mended_and_said(scene: Scene) -> None:
    held = scene.press("alice", "long")
    row = held.until("ACTIVE")
    access = row["live_access"]
    dynamodb, table = scene.aws("dynamodb"), scene.world.facts["table"]
    forget_to_look_at(scene, held.id)
    dynamodb.delete_item(TableName=table, Key={"id": {"S": f"door/{access}"}})
    said = standing(scene, "accept", "long", "alice@example.com", "--by", "ann", code=1)
    assert f"session {held.id} holds it now" in said  # by the index, for the lock is gone
    lonely = f"door/{company.STAGING}/{company.AUDITOR.arn}/{company.person('nora').user.user_id}"
    for row_id, kind in ((lonely, "door"), ("lease/bg-nowhere", "lease")):
        dynamodb.put_item(
            TableName=table,
            Item={
                "id": {"S": row_id},
                "kind": {"S": kind},
                "session_id": {"S": "bg-nowhere"},
                "open": {"S": kind},
                "look_at": {"S": "2026-01-01T00:00:00.000Z"},
            },
        )
    scene.invoke("reconcile")
    assert (scene.row(f"door/{access}") or {})["session_id"] == held.id
    assert scene.row(lonely) is None
    assert scene.row("lease/bg-nowhere") is None
    assert scene.posted("C0INCIDENT", "rows disagreed", held.id, "without a lock")
    held.has("look_at")
    scene.ask("alice", "end_now", held.id)
    held.closes()
    assert scene.row(f"door/{access}") is None
