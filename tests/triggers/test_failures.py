"""Which messages and records come again, and which never do."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.operations.log import JsonLog
from chalicelib.triggers.queue import SOON, FromQueue
from chalicelib.triggers.stream import FromStream
from chalicelib.wiring import SystemClock
from chalicelib.workflow.answers import Turn


class Runner:
    def __init__(self, *failing: str) -> None:
        self.failing, self.seen = failing, list[str]()
        self.tried: list[int] = []

    def advance(self, session_id: str, look: Turn) -> None:
        self.seen.append(session_id)
        self.tried.append(look.tried)
        if session_id in self.failing:
            raise RuntimeError("not foreseen")


class Queue:
    def __init__(self, up: bool = True) -> None:
        self.up, self.buried = up, list[str]()
        self.sent: list[tuple[str, int]] = []

    def send(
        self, row_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        if not self.up:
            raise Unavailable("SQS")
        self.sent.append((row_id, tried))

    def bury(self, body: str) -> None:
        if not self.up:
            raise Unavailable("SQS")
        self.buried.append(body)


@pytest.fixture
def runner() -> Runner:
    return Runner("bg-bad")


def from_queue(runner: Runner, queue: Queue) -> FromQueue:
    return FromQueue(runner, queue, None, SystemClock(), JsonLog())


def from_stream(runner: Runner, queue: Queue) -> FromStream:
    return FromStream(runner, queue, None, SystemClock(), JsonLog())


def minute() -> timedelta:
    return timedelta(minutes=1)


def message(number: str, session: str, tried: int = 0) -> dict[str, Any]:
    return {"messageId": number, "body": json.dumps({"session": session, "tried": tried})}


def gone(number: str, session: str) -> dict[str, Any]:
    keys = {"id": {"S": f"lease/{session}"}}
    return {"eventName": "REMOVE", "dynamodb": {"Keys": keys, "SequenceNumber": number}}


def again(*numbers: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def test_only_the_message_that_failed_comes_again(runner: Runner) -> None:
    kept = Queue(True)
    batch = [message("1", "bg-1"), message("2", "bg-bad", SOON), message("3", "bg-3")]
    assert from_queue(runner, kept).work_through(batch, minute) == again("2")
    assert runner.seen == ["bg-1", "bg-bad", "bg-3"]
    assert runner.tried == [0, SOON, 0], "a look knows how many came to nothing before it"


def test_a_message_that_can_never_be_read_is_buried_and_does_not_come_again(runner: Runner) -> None:
    kept = Queue(True)
    assert (
        from_queue(runner, kept).work_through([{"messageId": "1", "body": "[]"}], minute) == again()
    )
    assert kept.buried == ["[]"]


def test_a_record_whose_look_fails_is_the_queues_and_holds_up_nothing(runner: Runner) -> None:
    kept = Queue(True)
    batch = [gone("1", "bg-bad"), gone("2", "bg-2")]
    assert from_stream(runner, kept).follow(batch, minute, timedelta(0)) == again()
    assert runner.seen == ["bg-bad", "bg-2"]
    assert (kept.sent, kept.buried) == ([("bg-bad", 1)], [])


def test_a_record_that_cannot_even_be_kept_comes_again(runner: Runner) -> None:
    kept = Queue(False)
    batch = [gone("1", "bg-bad"), gone("2", "bg-2"), {"dynamodb": {"SequenceNumber": "3"}}]
    assert from_stream(runner, kept).follow(batch, minute, timedelta(0)) == again("3", "1")


def test_a_failed_look_is_a_figure_with_an_alarm(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Queue(True)
    from_queue(runner, kept).work_through([message("1", "bg-bad")], minute)
    line = json.loads(capsys.readouterr().out)
    assert (line["FailedLooks"], line["session"], line["error"]) == (1, "bg-bad", "RuntimeError")
