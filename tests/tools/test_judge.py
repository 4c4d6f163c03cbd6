"""`python -m tools judge`: anybody's records, judged by the rules as a report does."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from chalicelib.report import evidence
from tests.judge.calls import write
from tests.trail.records import event, sso_role
from tools.__main__ import main

STOPPED = write("cloudtrail", "StopLogging", {"name": "trail"})
READ = event("ListUsers", "iam", sso_role(), eventID="read")
VAULT = """[[rule]]
id = "vault"
calls = ["iam:ListUsers"]
reads = true
severity = "high"
reason = "secret read"
"""


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAK_GLASS_PROJECT", str(tmp_path / "no project"))


def test_every_form_of_a_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "logs" / "2026"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"Records": [STOPPED, READ]}))
    packed = gzip.compress(json.dumps([{**STOPPED, "eventID": "2"}]).encode())
    (folder / "b.json.gz").write_bytes(packed)
    (folder / "c.json").write_text(json.dumps({**STOPPED, "eventID": "3"}))
    (folder / "d.jsonl").write_text(f"{json.dumps(STOPPED)}\n\n{json.dumps(READ)}\n")
    assert main(["judge", str(tmp_path / "logs")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == (
        "critical  watching switched off: cloudtrail:StopLogging ×4 | trail"
    )
    assert "6 records read" in said.err


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(f"{json.dumps(STOPPED)}\n{json.dumps(READ)[:40]}\n")
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b"{}")[:-9])
    (tmp_path / "c.json").write_text("[7]")
    assert main(["judge", str(tmp_path), str(tmp_path / "gone.json")]) == 1
    said = capsys.readouterr()
    assert "watching switched off" in said.out
    assert "1 records read; NOT READ" in said.err
    for place in ("a.json, line 2", "b.json.gz", "c.json, record 1", "gone.json"):
        assert place in said.err


def test_each_record_has_a_line_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([READ, STOPPED]))
    assert main(["judge", "--each", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "none      read: iam:ListUsers" in first
    assert "critical  watching switched off: cloudtrail:StopLogging | trail" in second


def test_a_records_line_says_who_called_where_that_is_not_plain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the lines have of all records together: the client, and who called in their name."""
    from_kali = {**READ, "userAgent": "aws-cli/2.15 Linux/6.6 kali"}
    session = sso_role() | {"invokedBy": "bedrock.amazonaws.com"}
    by_agent = event("ListUsers", "iam", session)
    there = {**READ, "recipientAccountId": "999999999999"}
    (tmp_path / "a.json").write_text(json.dumps([READ, from_kali, by_agent, there]))
    assert main(["judge", "--each", "--account", READ["recipientAccountId"], str(tmp_path)]) == 0
    plain, kali, agent, elsewhere = capsys.readouterr().out.splitlines()
    assert plain.endswith("read: iam:ListUsers")
    assert kali.endswith("read: iam:ListUsers | unusual client kali")
    assert agent.endswith("read: iam:ListUsers | by bedrock.amazonaws.com in their name")
    assert elsewhere.endswith("read: iam:ListUsers | in account 999999999999")


def test_the_table_has_severity_and_reason_for_every_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([READ, STOPPED]))
    assert main(["judge", "--csv", str(tmp_path)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == evidence.COLUMNS
    assert [(row["severity"], row["reason"]) for row in rows] == [
        ("none", "read"), ("critical", "watching switched off"),
    ]  # fmt: skip


def test_rules_of_ones_own_are_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text(json.dumps([READ]))
    (tmp_path / "own.toml").write_text(VAULT)
    command = ["judge", str(tmp_path / "records"), "--rules", str(tmp_path / "own.toml")]
    assert main(command) == 0
    assert "high      secret read: iam:ListUsers" in capsys.readouterr().out
    (tmp_path / "own.toml").write_text(VAULT.replace("high", "grave"))
    assert main(command) == 1
    assert "'grave' is none of" in capsys.readouterr().err


def test_little_can_be_left_out_and_hostile_names_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = write("iam", "CreateUser\x1b[2J", {"userName": "a\u202eb\x00"})
    tagged = write("ec2", "CreateTags", {})
    (tmp_path / "a.json").write_text(json.dumps([odd, tagged]))
    assert main(["judge", "--least", "high", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert not {"\x1b", "\u202e", "\x00"} & set(said)
    assert "CreateTags" not in said
