"""The commands find the project, its stage and what is deployed, and say so where they do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import _project
from tools.__main__ import main
from tools._project import Misused, Problem


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
    with pytest.raises(Misused, match="--stage: there are prod, test"):
        _project.stage_name(None)
    assert _project.stage_name("test") == "test"


def glasses(project: Path, *names: str) -> None:
    (project / "chalicelib").mkdir(exist_ok=True)
    for name in names:
        (project / "chalicelib" / name).write_text("")


def test_a_stage_is_one_that_is_deployed_or_has_a_file_of_glasses(project: Path) -> None:
    glasses(project, "glasses.example.toml", "glasses.prod.toml", "glasses.no.stage.toml")
    assert _project.stages() == ["prod"]
    assert _project.stage_name(None) == "prod"
    glasses(project, "glasses.toml")  # nobody's that is deployed, so dev's
    assert _project.stages() == ["dev", "prod"]
    deploy(project, "first")  # and now its own
    assert _project.stages() == ["first", "prod"]


@pytest.mark.parametrize(
    "typed", [["secrets"], ["log", "--open"], ["slack-manifest"], ["doctor"], ["judge", "x"]]
)
def test_with_several_stages_no_command_takes_one_for_another(
    project: Path, capsys: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    """A glasses.toml that lies there is no reason to write to what it names."""
    glasses(project, "glasses.toml", "glasses.prod.toml", "glasses.test.toml")
    deploy(project, "prod")
    deploy(project, "test")
    assert main(typed) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"python -m tools {typed[0]}: say which stage with --stage: there are dev, prod, test\n"
    )


def test_a_hint_names_the_stage_and_its_file(project: Path) -> None:
    hint = "set it in glasses.toml, run `chalice deploy` again, then python -m tools log bg-1"
    assert _project.about("dev", hint) == hint
    glasses(project, "glasses.prod.toml", "glasses.toml")
    of_prod = (
        "set it in glasses.prod.toml, run `chalice deploy --stage prod` again, "
        "then python -m tools log --stage prod bg-1"
    )
    assert _project.about("prod", hint) == of_prod
    assert _project.about("prod", of_prod) == of_prod
    assert "tools log --stage dev bg-1" in _project.about("dev", hint)
    told = _project.about("prod", "python -m tools logs; python -m tools log-x, `chalice package`")
    assert told == "python -m tools logs --stage prod; python -m tools log-x, `chalice package`"


def test_the_manifests_hints_are_the_stages_and_the_apps_own(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(project, "prod")
    deploy(project, "test")
    assert main(["slack-manifest", "--stage", "prod", "--name", "Ours"]) == 0
    said = capsys.readouterr().err
    assert "/invite @Ours)" in said
    assert "python -m tools secrets --stage prod\n" in said
    assert main(["slack-manifest", "--url", "https://x/slack"]) == 0  # needs no stage
    assert "python -m tools secrets\n" in capsys.readouterr().err


def test_what_goes_wrong_is_said_of_the_stage(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(project, "prod")
    deploy(project, "test")
    assert main(["logs", "--stage", "gone"]) == 1
    assert "run `chalice deploy --stage gone`" in capsys.readouterr().err


def test_doctors_findings_are_of_the_stage(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    glasses(project, "glasses.prod.toml")
    assert main(["doctor", "--stage", "prod"]) == 1
    assert "→ edit chalicelib/glasses.prod.toml" in capsys.readouterr().out


# What is typed wrongly ----------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*typed])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_what_is_missing_is_called_as_the_help_calls_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "are required: demo." in refused(capsys, "alert", "--stage", "prod")


def test_a_word_too_many_may_be_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "doctor", "prod")
    assert said.startswith("python -m tools doctor: unrecognized arguments: prod ")
    assert "(a stage is named by --stage prod)" in said
    assert "a stage is" not in refused(capsys, "doctor", "--stage", "prod", "more")
    assert "a stage is" not in refused(capsys, "doctor", "--what")
    assert "a stage is" not in refused(capsys, "docs", "prod")


def test_local_may_stand_before_the_command_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_project, "ROOT", tmp_path)
    for typed in (["--local", "log"], ["log", "--local"], ["log", "--local", "bg-1"]):
        assert main(typed) == 1
        assert "no world is up" in capsys.readouterr().err


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
