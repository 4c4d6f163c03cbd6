"""Wake-ups: they say only which session, and never come later than asked for."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.sqs import Queue, message
from chalicelib.domain.errors import Rejected, Unavailable

URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/bg"
GONE = "QueueDoesNotExist"


class Stage:
    """SQS as adapters.aws_json calls it: it expects these calls, in this order."""

    def __init__(self) -> None:
        self.expected: list[tuple[str, dict[str, Any], Any]] = []
        self.queue = Queue(self.call, "bg")

    def call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        wanted, parameters, answer = self.expected.pop(0)
        assert operation == wanted
        assert asked == parameters
        if isinstance(answer, Exception):
            raise answer
        return answer

    def finds(self, url: str = URL, fails: Exception | None = None) -> None:
        self.expected.append(("GetQueueUrl", {"QueueName": "bg"}, fails or {"QueueUrl": url}))

    def takes(
        self,
        delay: int,
        url: str = URL,
        fails: Exception | None = None,
        body: str = '{"session": "s1"}',
    ) -> None:
        sent = {"QueueUrl": url, "MessageBody": body, "DelaySeconds": delay}
        self.expected.append(("SendMessage", sent, fails or {"MessageId": "1"}))


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    assert stage.expected == []


@pytest.mark.parametrize(
    ("after", "delay"),
    [(-5, 0), (0, 0), (0.9, 0), (59.999, 59), (900.999, 900)],
)
def test_a_wake_up_is_delayed_by_whole_seconds_rounded_down(stage: Stage, after, delay):
    stage.finds()
    stage.takes(delay)
    stage.queue.send("s1", timedelta(seconds=after))


@pytest.mark.parametrize(
    ("seconds", "body", "delay"),
    [
        (900, '{"session": "s1"}', 900),
        (901, '{"session": "s1", "at": "2026-11-22T15:00:00.000Z"}', 900),
        (1e6, '{"session": "s1", "at": "2026-11-22T15:00:00.000Z"}', 900),
    ],
)
def test_a_wake_up_further_off_than_the_queue_carries_it_says_when(seconds, body, delay):
    at = datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert message("s1", timedelta(seconds=seconds), at) == (body, delay)


def test_a_wake_up_after_a_failed_look_says_how_often_looks_have_failed(stage: Stage):
    stage.finds()
    stage.takes(4, body='{"session": "s1", "tried": 2}')
    stage.queue.send("s1", timedelta(seconds=4), tried=2)


def test_an_ask_is_woken_as_a_session_is(stage: Stage):
    stage.finds()
    stage.takes(0, body='{"session": "ask/end-1"}')
    stage.queue.send("ask/end-1", timedelta(0))


def test_what_is_buried_goes_to_the_dead_letters_as_it_is(stage: Stage):
    stage.expected.append(("GetQueueUrl", {"QueueName": "bg-dlq"}, {"QueueUrl": URL + "-dlq"}))
    stage.takes(0, URL + "-dlq", body="what nobody can read")
    stage.queue.bury("what nobody can read")


def test_the_queue_is_looked_up_once(stage: Stage):
    stage.finds()
    stage.takes(0)
    stage.takes(1)
    stage.queue.send("s1", timedelta(0))
    stage.queue.send("s1", timedelta(seconds=1))


def test_a_queue_made_anew_is_found_again(stage: Stage):
    stage.finds()
    stage.takes(0)
    stage.queue.send("s1", timedelta(0))
    stage.takes(0, fails=Rejected(GONE))
    stage.finds(URL + "2")
    stage.takes(0, URL + "2")
    stage.queue.send("s1", timedelta(0))


def test_a_queue_that_is_gone_is_unavailable_each_time(stage: Stage):
    for _ in range(2):
        stage.finds(fails=Rejected(GONE))
        with pytest.raises(Unavailable):
            stage.queue.send("s1", timedelta(0))


@pytest.mark.parametrize("error", [Rejected("AccessDenied"), Unavailable("sqs: TimeoutError")])
def test_whatever_goes_wrong_is_unavailable(stage: Stage, error: Exception):
    stage.finds()
    stage.takes(0, fails=error)
    with pytest.raises(Unavailable, match=r"AccessDenied|TimeoutError"):
        stage.queue.send("s1", timedelta(0))


def test_an_answer_that_makes_no_sense_is_unavailable(stage: Stage):
    stage.expected.append(("GetQueueUrl", {"QueueName": "bg"}, {}))
    with pytest.raises(Unavailable, match="KeyError"):
        stage.queue.send("s1", timedelta(0))
