"""What people typed, and what their shells lacked: a sentence with the cure, never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from chalicelib.deploy import aws_errors
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from simulator import company
from tools import _project, logs
from tools.__main__ import TRACEBACK, main
from tools._project import ROOT
from tools._words import Printable, as_json
from tools.checks import every as _checks

COMMANDS = [
    ("log",),
    ("log", "bg-1"),
    ("log", "--scan"),
    ("log", "--open"),
    ("log", "--person", "a@example.com"),
    ("log", "--person", "U0BOB"),
    ("doctor",),
    ("doctor", "--only", "trail"),
    ("standing",),
    ("standing", "accept", "prod", "a@example.com"),
    ("alert", "demo"),
    ("secrets",),
    ("logs",),
    ("logs", "--stack", "break-glass"),
    ("slack-manifest", "--stack", "break-glass"),
]
SECRETS = "8f742231b10e8888abcd99yyyzzz85a5\nxoxb-1234567890-x\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings, deployed, in a shell that nobody has signed in from."""
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "glasses.toml").write_text(company.glasses_toml())
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    (tmp_path / ".chalice" / "config.json").write_text((ROOT / ".chalice/config.json").read_text())
    (tmp_path / ".chalice" / "deployed" / "dev.json").write_text(
        '{"resources": [{"resource_type": "lambda_function", "name": "sweep", '
        '"lambda_arn": "arn:aws:lambda:us-east-1:111122223333:function:break-glass-dev-sweep"}]}'
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("BREAK_GLASS_PROJECT", str(tmp_path))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """What a command has put out by the end of the test, and nothing of a program in it."""
    found: list[str] = []
    yield found
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert 'File "' not in out + err


def typed(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as left:
        return int(left.code or 0)


# Without credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_credentials_every_command_says_so_once_and_names_the_cure(
    project: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115 - closed with the test
    assert typed(*command) == 1
    out, err = capsys.readouterr()
    assert (out + err).count("Unable to locate credentials") == 1
    assert "aws sso login" in out + err
    assert "Traceback" not in out + err
    assert len((out + err).splitlines()) <= 5
    sys.stdin.close()


def test_the_doctor_has_one_finding_for_one_cause(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("doctor") == 1
    out, err = capsys.readouterr()
    assert out.count("BAD") == 1
    assert "NOT READY: 1 of 2 findings" in err


def test_without_a_region_the_doctor_has_one_finding_too(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert typed("doctor") == 1
    out, _ = capsys.readouterr()
    assert out.count("BAD") == 1
    assert "You must specify a region" in out
    assert "AWS_DEFAULT_REGION" in out


def test_chalice_deploy_without_credentials_says_so_in_a_sentence(tmp_path: Path) -> None:
    for name in ("app.py", "requirements.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / ".chalice").symlink_to(ROOT / ".chalice")
    (tmp_path / "chalicelib").mkdir()
    for path in (ROOT / "chalicelib").iterdir():
        if path.name != "glasses.toml":
            (tmp_path / "chalicelib" / path.name).symlink_to(path)
    (tmp_path / "chalicelib" / "glasses.toml").write_text(company.glasses_toml())
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())",
         "deploy", "--stage", "trial"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", "HOME": str(tmp_path),
             "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "no function was deployed: AWS cannot be asked: Unable to locate credentials" in (
        done.stderr
    )
    assert "aws sso login" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# What was typed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("log --state open", "GRANTING"),
        ("log --account 123", company.PRODUCTION),
        ("log --account 11112222333x", company.PRODUCTION),
        ("log --person bob", "U012ABC"),
        ("log --person U0!", "e-mail address"),
        ("log --limit -1", "0 for all"),
        ("log --limit x", "0 for all"),
        ("log --limit 1.5", "0 for all"),
        ("log --since 1h --until 2h", "nothing is between"),
        ("log --since 2026-11-22 --until 2026-11-21", "nothing is between"),
        ("log --since yesterday", "2026-11-22"),
        ("log --since 9999999999999w", "2026-11-22"),
        ("log --since 0001-01-01T00:00+14:00", "2026-11-22"),
        ("log --glass nope", "audit, prod, staging"),
        ("doctor --only xyz", "Identity Center"),
        ("logs --minutes -1", "minutes"),
        ("logs --minutes nan", "minutes"),
        ("logs --minutes 1e300", "minutes"),
        ("logs --function nope", "sweep"),
        ("logs --level LOUD", "WARNING"),
        ("nonsense", "standing"),
    ],
)
def test_what_makes_no_sense_names_what_would_and_ends_with_two(
    project: Path, command: str, names: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert typed(*command.split()) == 2
    out, err = capsys.readouterr()
    assert names in err
    assert out == ""
    assert "Traceback" not in err


def test_every_state_is_named_to_who_mistypes_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("log", "--state", "open") == 2
    err = capsys.readouterr().err
    assert all(state in err for state in State)
    assert "--open" in err


def test_every_check_is_named_to_who_mistypes_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("doctor", "--only", "xyz") == 2
    err = capsys.readouterr().err
    assert all(title in err for title, _ in _checks.CHECKS)


def test_the_version_is_the_changelogs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("--version") == 0
    (newest, *_) = re.findall(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert capsys.readouterr().out.startswith(f"Break Glass {newest.lower()}")
    monkeypatch.setenv("PATH", "")  # no git: a copy of the files says it too
    assert typed("--version") == 0
    assert capsys.readouterr().out == f"Break Glass {newest.lower()}\n"


def test_the_latest_release_is_the_packages_version() -> None:
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package["version"] == released[0]


def test_who_gives_up_while_a_command_loads_sees_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tools.__main__.importlib.import_module", interrupted)
    assert typed("log") == 130
    assert capsys.readouterr().err == ""


def test_either_name_of_the_region_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert typed("--version") == 0
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-3"


def test_lines_of_one_millisecond_stay_in_the_order_that_they_were_written_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = _project.Deployed("dev", "", "", {"sweep": "break-glass-dev-sweep"})
    monkeypatch.setattr(_project, "deployed", lambda stage, stack: there)
    monkeypatch.setattr(_project, "client", lambda service: None)
    monkeypatch.setattr(logs, "_events", lambda *asked: [(5, "zwei"), (5, "eins"), (1, "null")])
    assert typed("logs", "--stage", "dev") == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [
        "null", "zwei", "eins",
    ]  # fmt: skip


# What went wrong ----------------------------------------------------------------------------------


def refused(code: str, message: str = "") -> ClientError:
    said = {"Error": {"Code": code, "Message": message}}
    return ClientError(said, "ListInstances")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "says", "cure"),
    [
        (NoCredentialsError(), "Unable to locate credentials", "aws sso login"),
        (NoRegionError(), "must specify a region", "AWS_DEFAULT_REGION"),
        (EndpointConnectionError(endpoint_url="https://x"), "does not answer", "network"),
        (refused("ExpiredToken"), "does not take these credentials", "aws sso login"),
        (refused("AccessDeniedException"), "may not ListInstances", "have it allowed"),
        (refused("ResourceNotFoundException"), "ResourceNotFound", "chalice deploy"),
        (refused("InternalServerException", "oops"), "InternalServerException: oops", "Try again"),
    ],
)
def test_each_trouble_with_aws_has_its_own_cure(error: Exception, says: str, cure: str) -> None:
    assert isinstance(error, aws_errors.BotoCoreError | ClientError)
    assert says in aws_errors.sentence(error)
    assert cure in aws_errors.sentence(error)


def test_what_was_translated_on_its_way_is_told_by_its_cause() -> None:
    translated = Unavailable("Identity Center: NoCredentialsError")
    translated.__cause__ = NoCredentialsError()
    assert isinstance(aws_errors.cause(translated), NoCredentialsError)
    assert aws_errors.cause(ValueError("x")) is None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Unavailable("IAM Identity Center: 503"), "IAM Identity Center: 503. Try again"),
        (refused("Throttling"), "ListInstances was answered Throttling"),
        (PermissionError(13, "Permission denied", "x.json"), "PermissionError"),
        (KeyError("x"), "a mistake of Break Glass itself: KeyError"),
    ],
)
def test_whatever_goes_wrong_in_a_command_is_a_sentence(
    project: Path, error: Exception, says: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fails(args: object) -> int:
        raise error

    monkeypatch.setattr("tools.standing.run", fails)
    assert typed("standing") == 1
    out, err = capsys.readouterr()
    assert says in err
    assert "Traceback" not in out + err
    monkeypatch.setenv(TRACEBACK, "1")
    assert typed("standing") == 1
    assert "Traceback" in capsys.readouterr().err


# What is printed ----------------------------------------------------------------------------------

EVIL = "a\u202eb\x1b[2J\x9bc\u2066d\ud800e\x07"
STEERS = {"\u202e", "\x1b", "\x9b", "\u2066", "\ud800", "\x07"}


@pytest.mark.parametrize("as_logged", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        as_json({"level": "ERROR", "message": EVIL, "session": EVIL, "error": EVIL}),
        '{"level": "ERROR", "message": "' + EVIL.replace("\x1b", "").replace("\x07", "") + '"}',
        f"[ERROR] {EVIL}\n forged",
        EVIL,
    ],
)
def test_a_log_line_steers_no_terminal(line: str, as_logged: bool) -> None:
    class Args:
        json, level = as_logged, "INFO"

    said = logs._line(line, Args())  # type: ignore[arg-type]
    said.encode()
    assert not STEERS & set(said)
    assert "\n" not in said


def test_whatever_a_command_prints_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print(EVIL, "ok", file=Printable(sys.stdout))  # type: ignore[type-var]
    out = capsys.readouterr().out
    assert not STEERS & set(out)
    assert out.endswith(" ok\n")
