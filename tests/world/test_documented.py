"""What the documents show as a command is one, and does what they say."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import xform_name

from simulator.world import ROOT, STAGE, World
from tests.world.ops import tool
from tools.__main__ import summaries

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
TOOL = re.compile(r"python -m tools ([a-z][a-z-]*)([^`#|>\n]*)")
MAKE = re.compile(r"`?make ([a-z]+)`?")
PATIENCE = 240.0  # seconds, for a machine that is busy


def tool_lines() -> list[tuple[str, str, str]]:
    return [
        (page.name, name, rest.strip().rstrip(".,;:"))
        for page in PAGES
        for name, rest in TOOL.findall(page.read_text())
    ]


def aws_lines() -> list[tuple[str, str]]:
    return [
        (page.name, line.strip())
        for page in reversed(PAGES)  # what takes it all down is in the first
        for block in SHELL.findall(page.read_text())
        for line in block.splitlines()
        if line.strip().startswith("aws ")
    ]


@pytest.mark.parametrize(("page", "name", "rest"), sorted(set(tool_lines())))
def test_every_command_that_is_shown_exists_with_its_options(
    page: str, name: str, rest: str
) -> None:
    assert name in summaries(), page
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"tools.{name.replace('-', '_')}").add_arguments(parser)
    given = shlex.split(rest)
    known = {option for action in parser._actions for option in action.option_strings}
    assert {each for each in given if each.startswith("--")} <= known


def test_every_word_for_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    words = {word for page in PAGES for word in MAKE.findall(page.read_text())}
    shown = {word for word in words if re.search(rf"^{word}:", makefile, re.MULTILINE)}
    assert {"install", "test", "check", "demo", "story", "privilege"} <= shown


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start() as world:
        for who, glass in (("alice", "prod"), ("mallory", "prod")):
            world.press(who, glass)
        until(lambda: len(world.rows()) == 2)
        yield world


def until(look: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.world
@pytest.mark.parametrize(("page", "line"), aws_lines())
def test_every_aws_line_that_is_shown_works(world: World, page: str, line: str) -> None:
    if '"due"' in line:
        somebody_is_in(world)
    answer = aws(world, line.replace("break-glass-dev", f"break-glass-{STAGE}"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    if "by-account" in line:
        assert {each["glass"]["S"] for each in answer["Items"]} == {"prod"}, "two presses at least"
    if '"due"' in line:
        assert answer["Items"], "somebody is in"


def somebody_is_in(world: World) -> None:
    """For half a minute at least: whoever was in before may be out, on a machine that is busy."""
    world.press("grace", "prod")
    until(lambda: any(row["state"] == "ACTIVE" for row in world.rows()))


@pytest.mark.world
def test_the_table_is_gone_after_the_last_of_them(world: World) -> None:
    assert "ResourceNotFoundException" in tool(world, "log").err


def test_the_documents_show_such_lines() -> None:
    assert len(aws_lines()) >= 10


def aws(world: World, line: str) -> dict[str, Any]:
    """What the AWS CLI makes of the line, without the AWS CLI."""
    _, service, operation, *rest = shlex.split(line)
    client = world.aws(service)
    method = operation.replace("-", "_")
    api = client.meta.method_to_api_mapping[method]
    members = client.meta.service_model.operation_model(api).input_shape.members
    by_option = {xform_name(name, "-"): name for name in members}
    ask: dict[str, Any] = {}
    while rest:
        option = rest.pop(0).removeprefix("--")
        negated = option.removeprefix("no-")
        if option not in by_option and negated in by_option:
            ask[by_option[negated]] = False
            continue
        name = by_option[option]
        kind = members[name].type_name
        values = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        if kind == "boolean":
            ask[name] = True
        elif kind == "list":
            ask[name] = values
        elif kind in ("structure", "map"):
            ask[name] = json.loads(values[0])
        else:
            (ask[name],) = values
    answer: dict[str, Any] = getattr(client, method)(**ask)
    return answer
