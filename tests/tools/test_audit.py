"""What ships is pinned to the byte, and asked after."""

import json
import re

import pytest

from tools._project import ROOT
from tools.audit import judge

PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==\S+ \\$")


def test_whatever_ships_is_pinned_with_its_hashes() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = [line for line in lines if line and not line.startswith(("#", " "))]
    assert all(PINNED.match(line) for line in names)
    for number, line in enumerate(lines):
        if PINNED.match(line):
            assert lines[number + 1].strip().startswith("--hash=sha256:"), line


def test_what_is_pinned_is_what_is_wanted() -> None:
    wanted = (ROOT / "requirements.in").read_text().split()
    pinned = (ROOT / "requirements.txt").read_text().lower().replace("_", "-")
    assert all(f"{each.lower().replace('_', '-')} \\" in pinned for each in wanted)


def test_a_known_vulnerability_fails(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    assert judge(json.dumps({"dependencies": [found]}), "") == 1
    assert "x 1: CVE-1; fixed in 2" in capsys.readouterr().out


def test_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"name": "x", "version": "1", "vulns": []}
    assert judge(json.dumps({"dependencies": [found]}), "") == 0
    assert "no known vulnerability in 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("out", "err"),
    [
        ("", "ConnectionError: closed"),
        (json.dumps({"dependencies": [{"name": "x", "skip_reason": "not found"}]}), ""),
    ],
)
def test_where_nobody_can_be_asked_it_is_said_so_and_is_no_failure(
    out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(out, err) == 0
    said = capsys.readouterr().out
    assert said.startswith("SKIPPED: ")
    assert "no known" not in said
