"""The commands find the project, its stage and what is deployed, and say so where they do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import _project
from tools.__main__ import main
from tools._project import Problem


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREAK_GLASS_PROJECT", str(tmp_path))
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    config = {"stages": {"dev": {"environment_variables": {"BREAK_GLASS_TABLE": "other"}}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path


def deploy(project: Path, stage: str) -> None:
    arn = f"arn:aws:lambda:eu-west-1:111122223333:function:break-glass-{stage}"
    resources = [
        {"name": "api_handler", "resource_type": "lambda_function", "lambda_arn": arn},
        {
            "name": "rest_api",
            "resource_type": "rest_api",
            "rest_api_id": "abc",
            "rest_api_url": "https://abc.execute-api.eu-west-1.amazonaws.com/api/",
        },
    ]
    file = project / ".chalice" / "deployed" / f"{stage}.json"
    file.write_text(json.dumps({"resources": resources}))


def test_the_address_is_the_deployed_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(project, "dev")
    found = _project.deployed("dev")
    assert found.slack_url == "https://abc.execute-api.eu-west-1.amazonaws.com/api/slack"
    assert found.functions == {"api_handler": "break-glass-dev"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    local = "http://localhost:4566/restapis/abc/api/_user_request_/slack"
    assert _project.deployed("dev").slack_url == local


def test_the_only_stage_that_is_deployed_is_meant(project: Path) -> None:
    assert _project.stage_name(None) == "dev"
    deploy(project, "prod")
    assert _project.stage_name(None) == "prod"
    deploy(project, "test")
    assert _project.stage_name(None) == "dev"
    assert _project.stage_name("test") == "test"


def test_nothing_deployed_is_said_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack-manifest"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "run `chalice deploy --stage dev`" in said.err


def test_the_stages_own_variables_are_the_commands_too() -> None:
    assert _project.environment("dev")["BREAK_GLASS_TABLE"] == "other"
    assert "BREAK_GLASS_TABLE" not in _project.environment("prod")


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(Problem, match=r"glasses.toml: is not there"):
        _project.settings("dev")


def test_local_is_the_world_that_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_project, "ROOT", tmp_path)
    assert main(["--local", "log"]) == 1
    assert "no world is up" in capsys.readouterr().err
    facts: dict[str, Any] = {"endpoint": "http://here", "slack_api": "http://slack", "project": "x"}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "world.json").write_text(json.dumps(facts))
    for name in ("AWS_ENDPOINT_URL", "SLACK_API_URL"):
        monkeypatch.setenv(name, "")
    _project.use_local_world()
    import os

    assert os.environ["AWS_ENDPOINT_URL"] == "http://here"
    assert os.environ["SLACK_API_URL"] == "http://slack/api/"


def test_a_session_without_credentials_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert main(["log", "bg-1"]) == 1
    assert "You must specify a region" in capsys.readouterr().err
