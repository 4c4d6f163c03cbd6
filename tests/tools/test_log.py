"""The log as it is printed: nothing is lost on a narrow screen, and nothing runs over its edge."""

import argparse
import contextlib
import os
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.ask import Ask
from chalicelib.domain.session import Session
from tools import log
from tools._project import Misused, Problem
from tools._rows import Wanted
from tools._words import Printable

ROW = {
    "asked_at": "2026-11-22T15:04:05.000Z",
    "what": "break",
    "email": "mallory@example.com",
    "glass": "prod",
    "account_id": "111122223333",
    "permission_set": "EmergencyAdmin",
    "state": "DENIED",
    "reason": "mallory@example.com is not among those who may break “prod”",
    "id": "bg-0123456789abcdef01234567",
}


def printed(
    row: dict[str, Any], columns: int, monkeypatch: Any, capsys: Any, plain: str = "1"
) -> list[str]:
    size = os.terminal_size((columns, 24))
    monkeypatch.setenv("NO_COLOR", plain)
    monkeypatch.setattr(log.sys.stdout, "isatty", lambda: columns > 0, raising=False)
    monkeypatch.setattr(log.shutil, "get_terminal_size", lambda: size)
    log._table([row])
    return capsys.readouterr().out.splitlines()


def test_a_row_that_is_wider_than_the_screen_goes_on_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heads, first, *rest = printed(ROW, 80, monkeypatch, capsys)
    assert heads.split() == ["asked", "at", "what", "email", "glass", "state"]
    assert first == "2026-11-22 15:04:05  break  mallory@example.com  prod   DENIED"
    assert max(map(len, rest)) <= 80
    said = " ".join(line.strip() for line in rest)
    for fact in ("111122223333", "EmergencyAdmin", ROW["reason"], f"id {ROW['id']}"):
        assert fact in said


@pytest.mark.parametrize("columns", [0, 250])
def test_a_row_is_one_line_on_a_wide_screen_and_for_a_program(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heads, row = printed(ROW, columns, monkeypatch, capsys)
    assert heads.endswith("id")
    assert row.endswith(str(ROW["id"]))


@pytest.mark.parametrize("columns", [0, 60, 80, 120])
def test_an_e_mail_of_any_length_is_whole_and_runs_over_no_edge(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    email = f"{'m' * 64}@{'example.' * 22}com"
    lines = printed(ROW | {"email": email}, columns, monkeypatch, capsys)
    assert email in "".join(line.strip() for line in lines).replace("email ", "")
    assert not columns or max(map(len, lines)) <= columns
    assert "DENIED" in lines[1]


@pytest.mark.parametrize(("columns", "plain", "colours"), [(80, "", 1), (80, "1", 0), (0, "", 0)])
def test_a_state_has_a_colour_on_a_screen_that_wants_one(
    columns: int, plain: str, colours: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    said = "\n".join(printed(ROW, columns, monkeypatch, capsys, plain))
    assert said.count("\x1b[35mDENIED\x1b[0m") == colours
    assert said.count("\x1b[") == 2 * colours


def test_colours_reach_the_screen_and_other_peoples_signs_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `python -m tools` prints: nothing from outside steers a terminal."""
    monkeypatch.setenv("NO_COLOR", "")
    evil = Printable(sys.stdout)
    with contextlib.redirect_stdout(evil):  # type: ignore[type-var]
        said = "\n".join(
            printed(ROW | {"email": "a\x1b[2Jb@example.com"}, 120, monkeypatch, capsys, "")
        )
    assert "\x1b[35mDENIED\x1b[0m" in said
    assert "\x1b[2J" not in said
    assert "b@example.com" in said


NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"state": "ACTIVE", "deadline": 90}, "1:30"),
        ({"state": "ACTIVE", "deadline": 3_700}, "1:01:40"),
        ({"state": "ACTIVE", "deadline": -61}, "OVERDUE 1:01"),
        ({"state": "REVOKING", "deadline": 90, "ended_at": -5}, "OVERDUE 0:05"),
        ({"state": "REQUESTED"}, ""),
        ({"state": "REVIEWING", "deadline": -9_000, "review_until": 3_700}, "1:01:40"),
        ({"state": "REVIEWING", "deadline": -9_000, "review_until": -61}, "OVERDUE 1:01"),
    ],
)
def test_an_open_session_says_what_is_left_of_it(row: dict[str, Any], left: str) -> None:
    times = {name: (NOW + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")
             for name, at in row.items() if name != "state"}  # fmt: skip
    assert log._left(row | times, NOW) == left


class Known:
    """The table's rows, as `log` asks for them."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids

    def beginning(self, prefix: str, accounts: Any) -> list[str]:
        return [each for each in self.ids if each.startswith(prefix)]


def test_an_id_may_be_typed_as_far_as_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_accounts", lambda stage, wanted: ["111122223333"])
    one, other = f"bg-0a1b{'0' * 20}", f"bg-0a2b{'0' * 20}"
    rows: Any = Known(one, other)
    assert log._whole_id(rows, "bg-0a1", "dev") == one
    assert log._whole_id(rows, other, "dev") == other
    with pytest.raises(Misused, match=f"begins 2 ids: {one}, {other}"):
        log._whole_id(rows, "bg-0a", "dev")
    with pytest.raises(Problem, match="there is no session bg-0b"):
        log._whole_id(rows, "bg-0b", "dev")
    assert log._whole_id(rows, "bg-nope", "dev") == "bg-nope", "of which there is no session"


def test_what_was_asked_of_a_session_is_told_in_lines_that_a_screen_holds() -> None:
    told = log._told(
        {
            "asked_at": "2026-11-22T15:04:05.000Z",
            "what": "extend",
            "person": "bob@example.com",
            "slack_user": "U0BOB",
            "slack_channel": "C0DEPLOY",
            "outcome": "extended",
            "decided_at": "2026-11-22T15:04:06.000Z",
            "decided_look": "queue",
            "deadline_before": "2026-11-22T16:04:05.000Z",
            "deadline_after": "2026-11-22T16:34:05.000Z",
        }
    )
    assert told == [
        "2026-11-22T15:04:05.000Z extend by bob@example.com (U0BOB) in C0DEPLOY",
        "extended at 2026-11-22T15:04:06.000Z (queue)",
        "deadline 2026-11-22T16:04:05.000Z → 2026-11-22T16:34:05.000Z",
    ]


# ---- the columns --------------------------------------------------------------------------------

OURS = {"what", "until", "left"}  # of no row: the log finds them out
OF_ROWS = {each.name for kind in (Session, Ask) for each in fields(kind)}
# What the log's files leave out: a session's own story (`log ID`, `--json`) has all of it.
INSIDE = {
    "acknowledge", "acknowledged_at", "acknowledged_by_user", "approved_by_user", "may_approve",
    "may_bypass", "alarm_ts", "alarmed", "alarms", "allowed_at", "busy_token", "busy_until",
    "card_said", "card_ts", "channel",
    "conclude_at", "denied_at", "duration", "ended_by_user", "ended_look", "extend", "extend_to",
    "extended", "extended_at", "extended_by", "extended_by_user",
    "gone_look", "grant_asked_at", "grant_call", "grant_late_until", "lag_asked", "last_error",
    "listed_at", "look_at", "mine_channel", "mine_said", "mine_ts", "orphan_at", "owed",
    "permission_set_arn", "person", "portal", "reached", "region", "report_after", "report_at",
    "report_digest", "report_final", "report_to", "response_url", "response_uses", "retry_at",
    "revoke_asked_at", "revoke_call", "revoke_first_asked_at", "revoke_late_until",
    "revoke_look", "revoke_succeeded_at", "shape", "slack_team", "slack_user_name", "standing",
    "steps", "summary", "tail", "tell_at", "tell_error", "tell_to", "tell_token", "tell_tries",
    "trail_query", "trail_query_at", "tries", "user_name", "version", "wait_until", "wake_at",
    "warn_before", "warning_ts", "warned_for",
    "report_ts", "review", "reviewed_by_user",
}  # fmt: skip


def test_every_fact_of_a_row_is_exported_or_left_out_on_purpose() -> None:
    assert set(log.EXPORTED) - OURS == OF_ROWS - INSIDE, "tools/log.py: COLUMNS, EXPORTED"
    assert INSIDE <= OF_ROWS


@pytest.mark.parametrize("columns", [log.COLUMNS, log.NOW, log.OWED, log.EXPORTED, log.FIRST])
def test_a_column_is_of_a_row_or_found_out_and_there_once(columns: tuple[str, ...]) -> None:
    assert set(columns) <= OF_ROWS | OURS
    assert len(set(columns)) == len(columns)


def test_a_table_shows_only_what_the_files_have_and_names_only_what_it_shows() -> None:
    assert set(log.COLUMNS) <= set(log.EXPORTED)
    shown = {*log.COLUMNS, *log.NOW, *log.OWED}
    assert set(log.FIRST) <= shown
    assert log.HEADINGS.keys() <= shown


@pytest.mark.parametrize(
    ("facts", "owed"),
    [
        ({"state": "REVIEWING", "review_until": "2026-11-27T12:00:00.000Z"}, True),
        ({"state": "CLOSED", "review_until": "2026-11-27T12:00:00.000Z"}, True),
        ({"state": "CLOSED", "review_until": "2026-11-27", "reviewed_at": "2026-11-26"}, False),
        ({"state": "CLOSED"}, False),
    ],
)
def test_what_nobody_has_reviewed_is_listed_also_when_nobody_waits_for_it_any_more(
    facts: dict[str, str], owed: bool
) -> None:
    assert Wanted(unreviewed=True).fits(ROW | facts) is owed
    assert Wanted().fits(ROW | facts)


def test_the_list_of_what_is_to_be_reviewed_says_by_whom_and_until_when(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log._project, "table", lambda stage: "break-glass")
    rows = [
        ROW | {"state": "REVIEWING", "review_until": "2026-11-20T12:00:00.000Z",
               "may_review": "bob@example.com"},
        ROW | {"id": "bg-other", "state": "CLOSED"},
    ]  # fmt: skip
    found = SimpleNamespace(find=lambda wanted, *_: filter(wanted.fits, rows))
    monkeypatch.setattr(log, "Rows", lambda table: found)
    parser = argparse.ArgumentParser()
    log.add_arguments(parser)
    typed = ["--unreviewed", "--stage", "dev", "--account", "111122223333"]
    assert log.run(parser.parse_args(typed)) == 0
    said = capsys.readouterr().out
    assert "bg-other" not in said
    assert "REVIEWING" in said
    assert "2026-11-20 12:00:00  OVERDUE" in said
    assert "bob@example.com" in said
