"""Wake-ups: they say only which session, and never come later than asked for."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.adapters.sqs import Queue
from chalicelib.ports import Unavailable

URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/bg"
GONE = "AWS.SimpleQueueService.NonExistentQueue"


class Stage:
    def __init__(self, session: Any) -> None:
        self.queue = Queue(session, "bg")
        self.client = self.queue._client
        self.stub = Stubber(self.client)
        self.stub.activate()

    def finds(self, url: str = URL) -> None:
        self.stub.add_response("get_queue_url", {"QueueUrl": url}, {"QueueName": "bg"})

    def takes(self, delay: int, url: str = URL) -> None:
        expected = {"QueueUrl": url, "MessageBody": '{"session": "s1"}', "DelaySeconds": delay}
        self.stub.add_response("send_message", {"MessageId": "1"}, expected)


@pytest.fixture
def stage(session: Any):
    stage = Stage(session)
    yield stage
    stage.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("after", "delay"),
    [(-5, 0), (0, 0), (0.9, 0), (59.999, 59), (901, 900), (1e6, 900)],
)
def test_a_wake_up_is_delayed_by_whole_seconds_rounded_down(stage: Stage, after, delay):
    stage.finds()
    stage.takes(delay)
    stage.queue.send("s1", timedelta(seconds=after))


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
    stage.stub.add_client_error("send_message", GONE)
    stage.finds(URL + "2")
    stage.takes(0, URL + "2")
    stage.queue.send("s1", timedelta(0))


def test_a_queue_that_is_gone_is_unavailable_each_time(stage: Stage):
    for _ in range(2):
        stage.stub.add_client_error("get_queue_url", GONE)
        with pytest.raises(Unavailable):
            stage.queue.send("s1", timedelta(0))


@pytest.mark.parametrize("code", ["RequestThrottled", "AccessDenied", "InternalError"])
def test_whatever_goes_wrong_is_unavailable(stage: Stage, code: str):
    stage.finds()
    stage.stub.add_client_error("send_message", code, http_status_code=500)
    with pytest.raises(Unavailable, match=code):
        stage.queue.send("s1", timedelta(0))


def test_no_queue_keeps_anybody_waiting(stage: Stage):
    config = stage.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 2)
    assert config.retries["total_max_attempts"] == 2
