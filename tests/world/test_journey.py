"""The whole journey on the running local AWS: many people, every press, and hostile requests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.domain.machine import State
from chalicelib.words import messages
from simulator import company
from simulator.press import press, sign
from tests.support.states import reachable
from tests.world.scene import Press, Scene, at, seconds, session_id
from tests.world.together import together

pytestmark = pytest.mark.world


@pytest.fixture(scope="module", autouse=True)
def slow_deletes(scene: Scene) -> Iterator[None]:
    """So that there is time to press while a session is being revoked."""
    scene.world.control("identity_center", delete_seconds=3.0)
    yield
    scene.world.control("heal", change=True)


def journey(scene: Scene, who: str, glass: str, shape: str) -> Press:
    """A press, from nothing to the report, held against what AWS, Slack and the mailbox show."""
    assert not scene.assigned(company.glass(glass), company.person(who))
    pressed = scene.press(who, glass, shape)
    assert messages.INCOMING in pressed.hears("incoming")
    row = pressed.until("ACTIVE")
    assert pressed.assigned
    pressed.hears("You are in", pressed.glass.permission_set.name)
    assert at(row["allowed_at"]) >= at(row["asked_at"])
    assert at(row["deadline"]) == at(row["allowed_at"]) + timedelta(seconds=pressed.glass.seconds)

    row = pressed.closes()
    assert row["ended_how"] == "expired"
    appeared, disappeared = (
        next(each["at"] for each in pressed.truth if each["event"] == event)
        for event in ("appeared", "disappeared")
    )
    deadline = at(row["deadline"]).timestamp()
    assert appeared < deadline < disappeared
    assert [each["event"] for each in pressed.truth].count("appeared") == 1
    assert 0 <= float(row["lag_asked"]) <= float(row["lag_gone"])
    pressed.hears("is closed")

    mail = scene.until("the report", lambda: scene.mails(pressed.id, "Report"))[0]
    assert mail["to"] == ["security@example.com", "oncall@example.com"]
    for words in (mail["subject"], mail["text"], mail["html"]):
        assert pressed.who.user.display_name in words or pressed.who.user.email in words
    row = pressed.has("reported_at")
    reads_well(row, pressed)
    scene.until("the card says closed", lambda: scene.posted("C0INCIDENT", "It is closed",
                                                             pressed.who.user.email))  # fmt: skip
    return pressed


def reads_well(row: dict[str, object], pressed: Press) -> None:
    """A human in the console sees who, what, where, when and why."""
    person, glass = pressed.who, pressed.glass
    told = {
        "kind": "session",
        "email": person.user.email,
        "account_id": glass.account_id,
        "permission_set": glass.permission_set.name,
        "glass": glass.name,
        "slack_user": person.slack_id,
        "slack_channel": "C0DEPLOY",
    }
    assert told.items() <= row.items()
    assert row["slack_message"]
    times = [name for name in row if name.endswith("_at")]
    assert {"asked_at", "granted_at", "ended_at", "gone_at", "reported_at"} <= set(times)
    for name in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(row[name])), name
    assert "ttl" not in row
    assert isinstance(row["steps"], list)
    assert re.match(r"\S+Z GRANTING allowed \((queue|stream|sweep)\)", row["steps"][0])


@together
def test_a_block_kit_press_is_carried_from_grant_to_report(scene: Scene) -> None:
    journey(scene, "alice", "admin", "block_actions")


@together
def test_a_legacy_press_is_carried_from_grant_to_report(scene: Scene) -> None:
    pressed = journey(scene, "bob", "admin", "legacy")
    answer = pressed.reply.json
    assert (answer["response_type"], answer["replace_original"]) == ("ephemeral", False)


@together
def test_the_original_projects_press_is_carried_from_grant_to_report(scene: Scene) -> None:
    journey(scene, "grace", "operator", "original")


@together
def test_one_person_may_hold_two_accesses_at_once(scene: Scene) -> None:
    first, second = scene.press("bobby", "admin"), scene.press("bobby", "s-admin")
    for pressed in (first, second):
        pressed.until("ACTIVE")
    for pressed in (first, second):
        pressed.closes()
        assert [each["event"] for each in pressed.truth].count("disappeared") == 1


@together
def test_a_standing_assignment_survives(scene: Scene) -> None:
    pressed = scene.press("steve", "s-operator")
    row = pressed.until("ACTIVE")
    assert row["standing"] == "yes"
    pressed.hears("You had this access before")
    pressed.until(*reachable(State.TAILING))
    assert pressed.assigned
    assert pressed.truth == []  # nobody asked for anything
    pressed.hears("The access you had before stays")


@together
def test_a_second_press_on_an_open_lock_is_denied_and_says_until_when(scene: Scene) -> None:
    first = scene.press("carol", "s-audit")
    deadline = first.until("ACTIVE")["deadline"]
    second = scene.press("carol", "s-audit", "legacy")
    row = second.until("DENIED")
    assert at(deadline).strftime("already open until %Y-%m-%d %H:%M UTC") in row["reason"]
    second.hears("already open until <!date^", at(deadline).strftime("|%H:%M UTC>"))
    assert first.assigned
    assert first.row["deadline"] == deadline
    assert at(first.closes()["gone_at"]) >= at(deadline)


@together
def test_an_impatient_repeat_of_the_same_press_changes_nothing(scene: Scene) -> None:
    before = {row["id"] for row in scene.world.rows() if row.get("glass") == "s-admin"}
    first = scene.press("alice", "s-admin", "legacy")
    for _ in range(3):
        again = scene.world.post(first.body, first.headers)
        assert (again.status, again.json["text"]) == (200, messages.INCOMING)
    row = first.until("ACTIVE")
    again = scene.world.post(first.body, first.headers)
    assert again.status == 200
    assert first.row["deadline"] == row["deadline"]
    first.closes()
    assert [each["event"] for each in first.truth].count("create asked") == 1
    mine = [
        row["id"]
        for row in scene.world.rows()
        if (row.get("slack_user"), row.get("glass")) == ("U0ALICE", "s-admin")
    ]
    assert [row_id for row_id in mine if row_id not in before] == [first.id]


@together
def test_a_third_persons_access_is_untouched(scene: Scene) -> None:
    """Given by an administrator, on the very account and set that another's session comes to."""
    glass, mallory = company.glass("operator"), company.person("mallory")
    scene.world.control(
        "assign",
        account_id=glass.account_id,
        permission_set_arn=glass.permission_set.arn,
        principal_id=mallory.user.user_id,
    )
    other = scene.press("bob", "operator")
    other.until("ACTIVE")
    other.closes()
    assert [each["event"] for each in scene.history(glass, mallory)] == ["appeared"]


@together
def test_a_press_while_the_last_one_is_being_revoked_waits_and_then_is_granted(
    scene: Scene,
) -> None:
    """The stand-in takes seconds for each delete in this module; see the fixture `slow_deletes`."""
    first = scene.press("steve", "admin")
    first.until("ACTIVE")
    first.until("REVOKING")
    second = scene.press("steve", "admin")
    row = second.until("ACTIVE")
    assert at(row["granted_at"]) > at(first.row["gone_at"])
    assert second.assigned
    second.closes()
    events = [e["event"] for e in first.truth if e["event"] in ("appeared", "disappeared")]
    assert events == ["appeared", "disappeared"] * 2


@together
def test_end_now_revokes_at_once_for_whom_the_glass_allows_and_for_nobody_else(
    scene: Scene,
) -> None:
    held = scene.press("grace", "long")
    row = held.until("ACTIVE")
    card = scene.until("the card", lambda: next(
        (m for m in scene.messages() if m["channel"] == "C0INCIDENT" and held.id in str(m["blocks"])
         and m["via"] == "chat.postMessage"), None))  # fmt: skip
    for where in (str(card["blocks"]), json.dumps(scene.messages())):
        assert "end_now" in where

    refused = scene.ask("mallory", "end_now", held.id)
    assert refused.status == 200
    scene.hears(refused, "Nothing was changed", "you may not end the access to “long”")
    assert held.row["state"] == "ACTIVE"
    assert held.assigned

    allowed = scene.ask("alice", "end_now", held.id)
    assert allowed.status == 200
    row = held.closes()
    scene.hears(allowed, "You have ended the access to “long”")
    assert (row["ended_how"], row["ended_by"]) == ("ended", "alice@example.com")
    assert at(row["gone_at"]) < at(row["deadline"])
    held.hears("is closed", "alice@example.com ended it")
    late = scene.ask("alice", "end_now", held.id)
    assert late.status == 200
    scene.hears(late, "There is nothing left to end on “long”", "It has been closed since")


@together
def test_extend_moves_the_end_once_and_the_holder_may_end_it_early(scene: Scene) -> None:
    held = scene.press("alice", "long")
    deadline = at(held.until("ACTIVE")["deadline"])
    scene.ask("alice", "extend", held.id)
    row = held.has("extended")
    assert at(row["deadline"]) == deadline + timedelta(seconds=20)
    held.hears("now lasts until")
    second = scene.ask("alice", "extend", held.id)
    scene.hears(second, "The access to “long” was not extended", "that works only once")
    assert at(held.row["deadline"]) == at(row["deadline"])
    scene.ask("alice", "end_now", held.id)
    row = held.closes()
    assert row["ended_by"] == "alice@example.com"
    assert seconds(deadline - at(row["ended_at"])) > 0


@together
def test_who_may_not_or_is_unknown_is_told_so_and_logged(scene: Scene) -> None:
    refusals = {
        ("mallory", "long"): "not among those who may break “long”",
        ("nora", "admin"): "knows no user with the e-mail nora@example.com",
    }
    for (who, glass), words in refusals.items():
        pressed = scene.press(who, glass)
        row = pressed.until("DENIED")
        assert words in row["reason"]
        assert row["email"] == pressed.who.user.email
        pressed.hears("No access", words)
        assert scene.history(pressed.glass, pressed.who) == []


@together
def test_an_unknown_glass_and_a_stranger_are_told_so_and_logged(scene: Scene) -> None:
    made = press("alice", "nonesuch", "legacy", *scene._slack)
    reply = scene.world.post(made.body, made.headers)
    assert "There is no glass called “nonesuch”" in reply.json["text"]
    row = denied(scene, made.body)
    assert (row["glass"], row["reason"]) == ("nonesuch", "There is no glass called “nonesuch”.")

    made = press("U0STRANGER", "admin", "block_actions", *scene._slack)
    scene.world.post(made.body, made.headers)
    row = denied(scene, made.body)
    assert (row["person"], "email" in row) == ("U0STRANGER", False)


def denied(scene: Scene, body: bytes) -> dict[str, Any]:
    """The row of the session that a press of that body became, once it is denied."""

    def look() -> dict[str, Any] | None:
        row = scene.row(session_id(body)) or {}
        return row if row.get("state") == "DENIED" else None

    return scene.until("it is denied", look)


def form(payload: object) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


@together
def test_hostile_requests_are_refused_and_leave_nothing(scene: Scene) -> None:
    secret = scene.world.facts["signing_secret"]
    glass, carol = company.glass("admin"), company.person("carol")
    before = scene.history(glass, carol)
    good = press("carol", "admin", "block_actions", *scene._slack)
    plain = {"Content-Type": "application/x-www-form-urlencoded"}

    def status(body: bytes, headers: dict[str, str]) -> int:
        return scene.world.post(body, headers).status

    stamp = good.headers["X-Slack-Request-Timestamp"]
    unsigned = [
        plain,
        plain | {"X-Slack-Request-Timestamp": stamp},
        good.headers | {"X-Slack-Signature": "v0=" + "0" * 64},
        good.headers | {"X-Slack-Signature": good.headers["X-Slack-Signature"] + "0"},
        good.headers | {"X-Slack-Signature": "v0=ünsigned".encode().decode("latin-1")},
        good.headers | {"X-Slack-Request-Timestamp": "soon"},
        good.headers | {"X-Slack-Request-Timestamp": str(int(stamp) + 1)},
        sign(good.body, "another secret"),
        sign(good.body, secret, at=time.time() - 301),
        sign(good.body, secret, at=time.time() + 400),
        sign(good.body + b"&more=1", secret),
    ]
    assert [status(good.body, headers) for headers in unsigned] == [403] * len(unsigned)

    malformed = [
        b"nonsense",
        b"payload=%7B",
        b"payload=%5B%5D",
        form({"type": "block_actions"}),
        form({"type": "block_actions", "user": {"id": "U0CAROL"}, "actions": []}),
        form({"type": "block_actions", "actions": [{"action_id": "break_glass", "value": "x"}]}),
        b"payload=" + b"[" * 5000,
    ]
    for body in malformed:
        reply = scene.world.post(body, sign(body, secret))
        assert reply.status == 400, body[:40]
        assert reply.text

    user = {"user": {"id": "U0CAROL", "username": "carol"}, "response_url": good.response_url}
    retry = {"type": "interactive_message", "callback_id": "deployment_abc",
             "actions": [{"name": "retry", "type": "button", "value": "retry"}]}  # fmt: skip
    elsewhere = {"type": "block_actions", "actions": [{"action_id": "x", "value": "admin"}]}
    for payload in (user | retry, user | elsewhere, user | {"type": "view_submission"}):
        body = form(payload)
        assert status(body, sign(body, secret)) == 200

    body = b'{"type": "url_verification", "challenge": "abc"}'
    headers = sign(body, secret) | {"Content-Type": "application/json"}
    assert "abc" in scene.world.post(body, headers).text
    body = b"ssl_check=1&token=x"
    assert status(body, sign(body, secret)) == 200

    assert scene.row(session_id(good.body)) is None
    assert scene.row(f"ask/{session_id(good.body)}") is None
    assert scene.history(glass, carol) == before


def test_no_body_token_or_signature_is_in_any_log(scene: Scene) -> None:
    """After everything that the others of this module did."""
    said = "\n".join(scene.logs())
    assert '"pressed"' in said  # or we would look in the wrong place
    secret = scene.world.facts["signing_secret"]
    for never in (secret, "xoxb-", "v0=", "payload=", "trigger_id", "callback_id",
                  "/response/", "Traceback"):  # fmt: skip
        assert never not in said, never
