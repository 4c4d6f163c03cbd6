"""What ships is what is tested: app.py imports from a copy of it, with an empty environment."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPS = ("app.py", "chalicelib")
PROBE = """
import socket
def refuse(*a, **k): raise SystemExit("app.py asked for the network")
socket.socket.connect = refuse
import app
print(sorted(name for name in app.app.handler_map), app.STREAM_ARN)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ships and nothing else; and no settings."""
    target = tmp_path_factory.mktemp("ships")
    shutil.copy(ROOT / "app.py", target)
    ignore = shutil.ignore_patterns("__pycache__", "glasses.toml")
    shutil.copytree(ROOT / "chalicelib", target / "chalicelib", ignore=ignore)
    return target


def run(copy: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def run_under(command: str, copy: Path) -> subprocess.CompletedProcess[str]:
    """As `chalice COMMAND` imports it."""
    probe = f"import click\nwith click.Context(click.Command({command!r}), info_name={command!r}):"
    code = probe + "\n    " + PROBE.strip().replace("\n", "\n    ")
    return run(copy, code, AWS_CHALICE_CLI_MODE="true")


def test_app_imports_with_an_empty_environment_and_calls_nobody(copy: Path) -> None:
    done = run(copy, PROBE)
    assert done.returncode == 0, done.stderr
    assert "'stream'" in done.stdout
    assert "not-deployed" in done.stdout


@pytest.mark.parametrize("command", ["package", "local", "delete"])
def test_no_other_command_of_chalice_makes_anything(copy: Path, command: str) -> None:
    example = copy / "chalicelib" / "glasses.example.toml"
    glasses = Path(shutil.copy(example, example.with_name("glasses.toml")))
    done = run_under(command, copy)
    glasses.unlink()
    assert done.returncode == 0, done.stderr
    assert "not-deployed" in done.stdout


@pytest.mark.parametrize("command", ["package", "deploy"])
def test_a_deployment_without_settings_names_what_is_missing(copy: Path, command: str) -> None:
    done = run_under(command, copy)
    assert done.returncode != 0
    assert "nothing was deployed" in done.stderr
    assert "glasses.toml" in done.stderr


def test_what_ships_imports_only_what_is_in_requirements() -> None:
    """The local AWS lends its own packages to the functions, and would hide a missing one."""
    shipped = {"chalice", "boto3", "botocore", "pynamodb", "slack_sdk", "jinja2", "markupsafe"}
    ours = {"chalicelib", "app"}
    at_deploy_time_only = {"click"}  # chalice's own, where app.py runs under its command
    for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                known = top in sys.stdlib_module_names or top in shipped | ours
                assert known or top in at_deploy_time_only, f"{path.name} imports {top}"


def test_every_function_has_a_policy_of_its_own() -> None:
    config = json.loads((ROOT / ".chalice/config.json").read_text())
    functions = config["lambda_functions"]
    assert config["autogen_policy"] is False
    policies = [function["iam_policy_file"] for function in functions.values()]
    assert len(set(policies)) == len(policies)
    for policy in policies:
        assert (ROOT / ".chalice" / policy).exists()


# What each function imports until it has begun its work. A heavy import is paid at each cold start,
# and on the route within the three seconds that Slack waits.
LIGHT = "chalicelib.deploy boto3 pynamodb slack_sdk jinja2 simulator tools"
READS = "chalicelib.report chalicelib.judge chalicelib.trail chalicelib.triggers"
NOT_IMPORTED = {
    "api_handler": (
        "app.wiring.front()",
        f"{LIGHT} botocore chalicelib.workflow.runner chalicelib.adapters.dynamodb.table {READS}",
    ),
    "stream": ("app.wiring.stream()", f"{LIGHT} chalicelib.report chalicelib.judge"),
    "worker": ("app.wiring.worker()", f"{LIGHT} chalicelib.report chalicelib.judge"),
    "sweep": ("app.wiring.sweep()", f"{LIGHT} chalicelib.report chalicelib.judge"),
    "reconcile": ("import chalicelib.workflow.reconcile", f"{LIGHT} chalicelib.workflow.runner"),
}


@pytest.mark.parametrize("function", NOT_IMPORTED)
def test_no_function_imports_what_it_does_not_need(copy: Path, function: str) -> None:
    begins, unneeded = NOT_IMPORTED[function]
    done = run(copy, f"import sys, app\n{begins}\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    for name in unneeded.split():
        assert not [each for each in loaded if each == name or each.startswith(f"{name}.")]


def test_all_functions_are_looked_at(copy: Path) -> None:
    config = json.loads((ROOT / ".chalice/config.json").read_text())
    assert config["lambda_functions"].keys() == NOT_IMPORTED.keys()
