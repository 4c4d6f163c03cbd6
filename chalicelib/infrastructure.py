"""Sees to it that the queue of wake-ups is there, which Chalice itself does not create."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

DAY: Final = 24 * 3600
QUEUE: Final = {
    "VisibilityTimeout": "360",  # six times what the worker may take, as Lambda asks
    "MessageRetentionPeriod": str(4 * DAY),
}
# A message that failed five times is kept to be looked at; its session goes on by the sweep.
DEAD_LETTERS: Final = {"MessageRetentionPeriod": str(14 * DAY)}
MAX_RECEIVES: Final = 5
PATIENCE: Final = 90  # seconds; a deleted queue's name is free again after 60


def ensure_queue(sqs: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """The URL of the queue, which is usable from then on, and `NAME-dlq` beside it.

    Safe to repeat: queues that are there are kept with what is in them, and get the attributes
    that they should have. `sqs` is boto3's client. Raises what boto3 raises.
    """
    dead_letters = _ensured(sqs, f"{name}-dlq", DEAD_LETTERS, sleep)
    redrive = {
        "deadLetterTargetArn": _arn(sqs, dead_letters, sleep),
        "maxReceiveCount": MAX_RECEIVES,
    }
    url = _ensured(sqs, name, QUEUE | {"RedrivePolicy": json.dumps(redrive)}, sleep)
    _arn(sqs, url, sleep)
    return url


def _ensured(
    sqs: Any, name: str, attributes: dict[str, str], sleep: Callable[[float], None]
) -> str:
    errors = sqs.exceptions
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    except errors.QueueDoesNotExist:
        create = {"QueueName": name, "Attributes": attributes}
        url = _patiently(
            lambda: sqs.create_queue(**create)["QueueUrl"], errors.QueueDeletedRecently, sleep
        )
    return str(url)


def _arn(sqs: Any, url: str, sleep: Callable[[float], None]) -> str:
    """The queue's ARN. A new queue may not answer for a second: so this also waits for it."""

    def ask() -> str:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    return _patiently(ask, sqs.exceptions.QueueDoesNotExist, sleep)


def _patiently(
    act: Callable[[], str], passing: type[Exception], sleep: Callable[[float], None]
) -> str:
    for _ in range(PATIENCE):
        try:
            return act()
        except passing:
            sleep(1)
    return act()
