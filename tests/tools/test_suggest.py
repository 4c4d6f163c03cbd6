"""`python -m tools suggest`: the least policy, over all sessions of a glass."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.ports import TrailPage
from tests.trail.records import Record, event, session_of, sso_role
from tools import suggest
from tools.__main__ import main

SETTINGS = """
report_from = "a@example.com"
cloudtrail_log_group = "trail"
[glass.abc-prod]
account = "111122223333"
permission_set = "BreakGlass"
may = ["everyone"]
report_to = ["a@example.com"]
"""
SESSION = session_of()
ROW = {
    "id": SESSION.id, "glass": "abc-prod", "account_id": SESSION.account_id,
    "permission_set": SESSION.permission_set, "user_name": SESSION.user_name,
    "principal_id": SESSION.principal_id, "asked_at": "2026-11-22T14:59:57.000Z",
    "grant_asked_at": "2026-11-22T15:00:00.000Z", "granted_at": "2026-11-22T15:00:02.000Z",
    "gone_at": "2026-11-22T16:00:02.000Z", "tail": 3600, "standing": "no",
}  # fmt: skip
RECORDS = [
    event("DescribeInstances", "ec2", sso_role()),
    event("StopInstances", "ec2", sso_role(), readOnly=False),
    event("CreateUser", "iam", sso_role(), readOnly=False, errorCode="AccessDenied"),
    event("ListUsers", "iam", sso_role("carol")),
]


class Trail:
    """Two pages after a look that came too early."""

    log_group = "trail"

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.looks = 0

    def start(
        self, query: str, start: int, end: int, limit: int, accounts: Sequence[str] = ()
    ) -> str:
        assert SESSION.principal_id in query
        return "q"

    def started(self, mark: str) -> list[tuple[str, str]]:
        return []

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        self.looks += 1
        if self.looks == 1:
            return None
        half = len(self.records) // 2
        if token:
            return TrailPage(self.records[half:])
        return TrailPage(self.records[:half], token="more", matched=len(self.records))

    def stop(self, query_id: str) -> None:
        raise Unavailable("it is over")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "glasses.toml").write_text(SETTINGS)
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text("{}")
    monkeypatch.setenv("BREAK_GLASS_PROJECT", str(tmp_path))
    monkeypatch.setattr(suggest.time, "sleep", lambda seconds: None)


def suggested(
    rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, records: list[Record]
) -> int:
    class Rows:
        def __init__(self, table: str) -> None: ...

        def find(self, wanted: Any, accounts: list[str]) -> list[dict[str, Any]]:
            assert accounts == [SESSION.account_id]
            return rows

    monkeypatch.setattr(suggest, "Rows", Rows)
    monkeypatch.setattr(suggest, "_trail", lambda known: Trail(records))
    return main(["suggest", "abc-prod", "--since", "30d"])


def test_the_policy_is_of_what_was_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suggested([ROW], monkeypatch, RECORDS) == 0
    said = capsys.readouterr()
    (statement,) = json.loads(said.out)["Statement"]
    assert statement["Action"] == ["ec2:DescribeInstances", "ec2:StopInstances"]
    assert "1 session of abc-prod: 2 actions of 1 service; data events: not recorded" in said.err


def test_what_the_trail_does_not_have_any_more_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suggested([ROW], monkeypatch, []) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"no call is in the trail (any more) of: {SESSION.id}" in said.err


def test_a_session_that_cannot_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(self: Trail, *asked: Any) -> str:
        raise Unavailable("the trail cannot be searched")

    monkeypatch.setattr(Trail, "start", fails)
    assert suggested([ROW], monkeypatch, RECORDS) == 1
    assert f"NOT READ {SESSION.id}: the trail cannot be searched" in capsys.readouterr().err


def test_a_glass_without_sessions_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = {name: value for name, value in ROW.items() if not name.startswith("grant")}
    assert suggested([denied], monkeypatch, RECORDS) == 1
    assert "no session of that glass had access" in capsys.readouterr().err
    assert main(["suggest", "nowhere"]) == 2


def test_a_row_says_whose_as_the_session_does() -> None:
    assert suggest.whose_of(ROW) == suggest.Ownership.of(SESSION)
