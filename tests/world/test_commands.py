"""The commands, from the manifest to the log, against the app as it is really deployed."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.deploy import schema
from simulator import company
from simulator.outside import BOT_TOKEN, SIGNING_SECRET
from simulator.world import STAGE, World
from tests.world.ops import at, tool, world_of_sessions_of
from tools import log, slack_manifest
from tools._rows import Rows, Wanted, moment

pytestmark = pytest.mark.world
PATIENCE = 240  # seconds, for a machine that is busy


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_of_sessions_of(seconds=12) as world:
        yield world


@pytest.fixture(scope="module")
def told(world: World) -> list[dict[str, Any]]:
    """What the log has after four presses, one of them granted."""
    for who, glass in (
        ("carol", "audit"),
        ("mallory", "prod"),
        ("bob", "no-such-glass"),
        ("mallory", "staging"),
    ):
        assert world.press(who, glass).status == 200
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        rows = [
            json.loads(line) for line in tool(world, "log", "--scan", "--json").out.splitlines()
        ]
        if len(rows) == 4 and {row.get("state") for row in rows} == {"DENIED", "CLOSED"}:
            return rows
        time.sleep(1)
    raise AssertionError(f"not over within {PATIENCE} s: {rows}")


def ids(said: str) -> list[str]:
    return [json.loads(line)["id"] for line in said.splitlines()]


# From the manifest to the first alert -------------------------------------------------------------


def test_the_manifest_is_json_with_the_deployed_address_and_nothing_else(world: World) -> None:
    said = tool(world, "slack-manifest")
    manifest = json.loads(said.out)
    assert manifest["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": world.facts["slack_url"],
    }
    assert manifest["oauth_config"]["scopes"]["bot"] == list(slack_manifest.SCOPES)
    for scope, reason in slack_manifest.SCOPES.items():
        assert scope in said.err, "each scope with its reason"
        assert reason in said.err
    assert "Next: " in said.err


def test_secrets_are_kept_encrypted_and_never_shown(world: World) -> None:
    said = tool(world, "secrets", stdin=f"{SIGNING_SECRET}\n{BOT_TOKEN}\n")
    assert said.code == 0, said.err
    assert SIGNING_SECRET not in said.out + said.err
    assert BOT_TOKEN not in said.out + said.err
    assert "the token is break-glass's" in said.out
    for name, value in (("signing-secret", SIGNING_SECRET), ("bot-token", BOT_TOKEN)):
        ask = {"Name": f"/break-glass/{name}", "WithDecryption": True}
        kept = world.aws("ssm").get_parameter(**ask)["Parameter"]
        assert (kept["Type"], kept["Value"]) == ("SecureString", value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("xoxb-1234567890-x\n\n", "neither the Client Secret nor a token"),
        ("\nxoxp-1234567890-x\n", "a person's"),
        ("\nxoxb-wrong-token-0\n", "invalid_auth"),
    ],
)
def test_a_secret_that_is_none_is_not_kept(world: World, given: str, said: str) -> None:
    before = world.aws("ssm").describe_parameters()["Parameters"]
    answer = tool(world, "secrets", stdin=given)
    assert answer.code == 1
    assert said in answer.err
    assert "nothing was written" in answer.err
    assert [p["Version"] for p in world.aws("ssm").describe_parameters()["Parameters"]] == [
        p["Version"] for p in before
    ]


def test_an_empty_line_leaves_a_secret_as_it_is(world: World) -> None:
    said = tool(world, "secrets", stdin="\n\n")
    assert "left /break-glass/signing-secret as it is" in said.out


def test_the_alert_has_both_buttons_and_the_second_carries_the_glasss_name(world: World) -> None:
    said = tool(world, "alert", "demo", "--glass", "staging")
    assert said.code == 0, said.err
    posted = world.messages()[-1]
    assert posted["channel"] == "C0INCIDENT"
    retry, broken = posted["blocks"][1]["elements"]
    assert retry["action_id"] == "retry"
    assert (broken["action_id"], broken["value"]) == ("break_glass", "staging")
    assert broken["text"]["text"] == "Break Glass Staging"
    assert tool(world, "alert", "demo").code == 0
    _, select, buttons = world.messages()[-1]["blocks"]
    assert [each["value"] for each in select["element"]["options"]] == ["12s", "1m"]
    assert buttons["elements"][1]["value"] == "prod"


def test_what_to_do_next_is_said_of_the_stage(world: World) -> None:
    secrets, alert = tool(world, "secrets", stdin="\n\n"), tool(world, "alert", "demo")
    ready = tool(world, "doctor", "--only", "clock")
    assert f"Next: python -m tools doctor --stage {STAGE}\n" in secrets.out
    assert f"python -m tools log --stage {STAGE} --glass prod\n" in alert.out
    assert f"Next: python -m tools alert --stage {STAGE} demo\n" in ready.out


def test_an_alert_for_no_glass_is_refused_with_those_that_there_are(world: World) -> None:
    said = tool(world, "alert", "demo", "--glass", "nope")
    assert (said.code, said.out) == (2, "")
    assert "prod, staging, audit" in said.err


# The log ------------------------------------------------------------------------------------------


def test_the_log_is_found_by_person_account_glass_state_and_time(
    world: World, told: list[dict[str, Any]]
) -> None:
    by = {(row["glass"], row["state"]): row["id"] for row in told}
    granted = by["audit", "CLOSED"]
    denied = [by["staging", "DENIED"], by["prod", "DENIED"]]

    def found(*arguments: str) -> list[str]:
        return ids(tool(world, "log", "--json", *arguments).out)

    assert found("--person", "carol@example.com") == [granted]
    assert found("--person", "CAROL@example.com") == [granted]
    assert found("--person", "mallory@example.com") == denied, "refusals too, the newest first"
    assert found("--person", "U0BOB") == [by["no-such-glass", "DENIED"]]
    assert found("--person", "U0MALLORY") == found("--person", "u0mallory") == denied
    assert found("--person", "U0MALLORY", "--account", company.PRODUCTION) == denied[1:]
    assert found("--account", company.PRODUCTION) == denied[1:]
    assert found("--glass", "audit") == [granted]
    assert found("--state", "denied") == denied
    assert found("--since", "1h") == [denied[0], denied[1], granted]
    assert found("--until", "1h") == []
    assert found("--open") == []
    assert len(found("--scan")) == 4


def test_who_writes_themselves_with_capitals_is_found_in_any_spelling(
    world: World, told: list[dict[str, Any]]
) -> None:
    spelled = {"email": "Carol@Example.com", "real_name": "Carol"}
    world.control("slack", users={"U0CAROL": {"profile": spelled}})
    assert world.press("carol", "staging").status == 200
    end = time.monotonic() + PATIENCE
    while (
        len(found := ids(tool(world, "log", "--json", "--person", "carol@example.com").out)) < 2
        or found[0].startswith("ask/")  # not decided yet
    ):
        assert time.monotonic() < end
        time.sleep(0.5)
    for typed in ("Carol@Example.com", "CAROL@EXAMPLE.COM"):
        assert ids(tool(world, "log", "--json", "--person", typed).out) == found
    world.control("heal", change=True)


def test_an_open_session_is_listed_as_open(world: World, told: list[dict[str, Any]]) -> None:
    assert world.press("grace", "prod").status == 200
    end = time.monotonic() + PATIENCE
    while not (open_now := ids(tool(world, "log", "--open", "--json").out)):
        assert time.monotonic() < end
        time.sleep(0.5)
    said = tool(world, "log", open_now[0], "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(f"[{said.out}]")
    assert row["leased"] is True
    assert "lease        stands" in tool(world, "log", open_now[0]).out


def test_one_session_has_its_whole_story_with_steps_and_receipt(
    world: World, told: list[dict[str, Any]]
) -> None:
    (granted,) = [row for row in told if row["state"] == "CLOSED"]
    story = tool(world, "log", granted["id"]).out
    for step in ("GRANTING allowed", "ACTIVE granted", "SETTLING revoked", "CLOSED concluded"):
        assert step in story
    for moment_of in ("pressed", "granted", "delete asked", "read back as gone", "reported"):
        assert moment_of in story
    assert f"{granted['lag_gone']} s from the end of access" in story
    assert "Carol Cole · carol@example.com" in story


def test_the_log_can_be_taken_to_a_spreadsheet(world: World, told: list[dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO(tool(world, "log", "--csv").out)))
    assert {"carol@example.com", "mallory@example.com"} <= {row["email"] for row in rows}
    assert log._cell('=HYPERLINK("http://evil")').startswith("'="), "no formula from outside"


def test_what_cannot_be_found_is_said(world: World) -> None:
    assert "there is no session bg-nope" in tool(world, "log", "bg-nope").err
    assert "glasses.toml has no “nope”" in tool(world, "log", "--glass", "nope").err


def test_the_log_never_scans_unless_asked(world: World, told: list[dict[str, Any]]) -> None:
    with at(world):
        rows = Rows("break-glass")
        rows.client.scan = None  # whoever scans fails
        assert list(rows.find(Wanted(person="carol@example.com"), ()))
        assert list(rows.find(Wanted(glass="audit"), [company.STAGING]))
        rows.open_now()


def test_the_log_goes_on_page_after_page(world: World) -> None:
    """More than the megabyte that one page of an index holds."""
    table = world.aws("dynamodb")
    for number in range(12):
        row = {
            "id": {"S": f"bg-{number:024}"},
            "kind": {"S": "session"},
            "person": {"S": "paula@example.com"},
            "asked_at": {"S": f"2026-01-01T00:00:{number:02}.000Z"},
            "reason": {"S": "x" * 150_000},
        }
        table.put_item(TableName="break-glass", Item=row)
    found = ids(tool(world, "log", "--person", "paula@example.com", "--json").out)
    assert found == [f"bg-{number:024}" for number in reversed(range(12))]
    cut = tool(world, "log", "--person", "paula@example.com", "--limit", "5")
    assert len(cut.out.splitlines()) == 6
    assert "and more" in cut.err


def test_what_the_functions_said_is_shown_in_order_by_session(
    world: World, told: list[dict[str, Any]]
) -> None:
    (granted,) = [row for row in told if row["state"] == "CLOSED"]
    lines = tool(world, "logs", "--session", granted["id"]).out.splitlines()
    assert "pressed" in lines[0]
    assert all(granted["id"] in line for line in lines)
    stamps = [line[:12] for line in lines]
    assert stamps == sorted(stamps)


def test_every_step_is_a_figure_too(world: World, told: list[dict[str, Any]]) -> None:
    said = [json.loads(line) for line in tool(world, "logs", "--json").out.splitlines()]
    figures: dict[str, float] = {}
    for line in said:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "BreakGlass"
            for each in directive["Metrics"]:
                figures[each["Name"]] = figures.get(each["Name"], 0) + line[each["Name"]]
    assert figures["Presses"] >= 4
    assert figures["Grants"] >= 1
    assert figures["Refusals"] >= 3
    assert figures["TimeToAccessSeconds"] > 0
    assert figures["RevocationLagSeconds"] > 0


def test_a_time_is_read_as_people_write_it() -> None:
    assert moment("2026-11-22") == "2026-11-22T00:00:00.000Z"
    assert moment("2026-11-22T16:04+01:00") == "2026-11-22T15:04:00.000Z"
    assert moment("36h") < moment("1m")
    with pytest.raises(ValueError, match="yesterday"):
        moment("yesterday")


def test_the_tables_indexes_are_those_that_the_log_uses() -> None:
    assert schema.INDEXES["by-person"][:2] == ("person", "asked_at")
    assert schema.INDEXES["by-account"][:2] == ("account_id", "asked_at")
    assert schema.INDEXES["due"][0] == "open"
