"""Commands against a world: in this process, with the world's addresses in the environment."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from unittest import mock

from simulator import company
from simulator.world import STAGE, World
from tools.__main__ import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@contextmanager
def world_of_sessions_of(seconds: int, deploy: bool = True) -> Iterator[World]:
    """The company's glasses, and sessions as long as a test needs."""
    glasses = [replace(each, seconds=seconds) for each in company.GLASSES]
    with mock.patch.object(company, "GLASSES", glasses), World.start(deploy=deploy) as world:
        yield world


@contextmanager
def at(world: World) -> Iterator[None]:
    """This process speaks with the world, as a shell would that has its addresses."""
    environment = {
        "AWS_ENDPOINT_URL": world.facts["endpoint"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SLACK_API_URL": f"{world.facts['slack_api']}/api/",
        "BREAK_GLASS_PROJECT": str(world.staged),
    }
    with mock.patch.dict(os.environ, environment):
        yield


def tool(world: World, *arguments: str, stdin: str = "") -> Said:
    """One command, as typed after `python -m tools`."""
    out, err, source = io.StringIO(), io.StringIO(), io.StringIO(stdin)
    with (
        at(world),
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch.object(sys, "stdin", source),
    ):
        code = main([arguments[0], "--stage", STAGE, *arguments[1:]])
    return Said(code, out.getvalue(), err.getvalue())
