"""The secrets: rotation works, an outage of SSM is outlived, and nobody can make us hammer it."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.adapters.secrets import Secrets
from chalicelib.domain.errors import Rejected, Unavailable


class Ssm:
    """SSM as adapters.aws_json calls it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {"/bg/signing-secret": "first", "/bg/bot-token": "xoxb-1"}
        self.down: Exception | None = None
        self.asked: list[str] = []

    def call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert operation == "GetParameter"
        assert asked["WithDecryption"] is True
        name = asked["Name"]
        self.asked.append(name)
        if self.down:
            raise self.down
        if name not in self.values:
            raise Rejected("ParameterNotFound")
        return {"Parameter": {"Value": self.values[name]}}


class Stage:
    def __init__(self) -> None:
        self.ssm = Ssm()
        self.seconds = 1e9
        self.secrets = Secrets(self.ssm.call, "/bg", lambda: self.seconds)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_nothing_is_asked_before_it_is_needed(stage: Stage):
    assert stage.ssm.asked == []
    stage.secrets.signing_secret()
    assert stage.ssm.asked == ["/bg/signing-secret"]


def test_an_answer_of_another_shape_is_unavailable_and_not_quoted(stage: Stage):
    stage.secrets._call = lambda *_: {"Parameter": "first"}
    with pytest.raises(Unavailable) as caught:
        stage.secrets.signing_secret()
    assert "first" not in str(caught.value)


def test_a_secret_is_read_once_in_five_minutes(stage: Stage):
    for _ in range(299):
        assert stage.secrets.signing_secret() == "first"
        stage.seconds += 1
    assert len(stage.ssm.asked) == 1
    stage.ssm.values["/bg/signing-secret"] = "second"
    stage.seconds += 1
    assert stage.secrets.signing_secret() == "second"
    assert len(stage.ssm.asked) == 2


def test_a_rotated_secret_is_found_when_a_signature_fails(stage: Stage):
    stage.secrets.signing_secret()
    stage.ssm.values["/bg/signing-secret"] = "second"
    stage.seconds += 60
    assert stage.secrets.signing_secret() == "first"
    assert stage.secrets.signing_secret(refresh=True) == "second"
    assert stage.secrets.signing_secret() == "second"


def test_however_many_signatures_fail_ssm_is_asked_once_a_minute(stage: Stage):
    for _ in range(600):
        stage.secrets.signing_secret()
        stage.secrets.signing_secret(refresh=True)
        stage.seconds += 1
    assert len(stage.ssm.asked) == 10


def test_an_older_secret_serves_while_ssm_is_down(stage: Stage):
    stage.secrets.signing_secret()
    stage.seconds += 3600
    stage.ssm.down = Unavailable("ssm: TimeoutError")
    for _ in range(120):
        assert stage.secrets.signing_secret() == "first"
        stage.seconds += 1
    assert len(stage.ssm.asked) == 3  # an outage is not made worse by us
    stage.ssm.down = None
    stage.ssm.values["/bg/signing-secret"] = "second"
    stage.seconds += 60
    assert stage.secrets.signing_secret() == "second"


def test_with_nothing_to_serve_it_is_unavailable_and_tried_again_in_a_second(stage: Stage):
    stage.ssm.down = Unavailable("ssm: TimeoutError")
    for _ in range(10):
        with pytest.raises(Unavailable):
            stage.secrets.signing_secret()
    assert len(stage.ssm.asked) == 1
    stage.ssm.down = None
    stage.seconds += 1
    assert stage.secrets.signing_secret() == "first"


def test_a_missing_or_empty_secret_is_named(stage: Stage):
    del stage.ssm.values["/bg/bot-token"]
    with pytest.raises(Unavailable, match=r"/bg/bot-token.*see README"):
        stage.secrets.bot_token()
    stage.ssm.values["/bg/signing-secret"] = "\n"
    with pytest.raises(Unavailable, match="/bg/signing-secret is empty"):
        stage.secrets.signing_secret()


def test_a_line_end_that_was_pasted_along_is_dropped(stage: Stage):
    stage.ssm.values["/bg/bot-token"] = "xoxb-1\n"
    assert stage.secrets.bot_token() == "xoxb-1"


def test_a_clock_set_back_keeps_no_old_secret(stage: Stage):
    stage.secrets.signing_secret()
    stage.ssm.values["/bg/signing-secret"] = "second"
    stage.seconds -= 1e6
    assert stage.secrets.signing_secret(refresh=True) == "second"
