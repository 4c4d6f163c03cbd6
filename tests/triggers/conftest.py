"""What the triggers' tests share: all that they are given, and the log lines that came of it."""

import json
from typing import Any

import pytest

from tests.fakes.looking import Everything


@pytest.fixture
def world() -> Everything:
    return Everything()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read
