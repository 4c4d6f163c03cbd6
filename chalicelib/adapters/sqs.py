"""Sends wake-ups: messages that say only which session to look at, and come when it is time."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.ports import AwsCall
from chalicelib.domain.session import iso

DEAD_LETTERS: Final = "-dlq"
LONGEST: Final = 900  # seconds, SQS's own bound on DelaySeconds
NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


def message(
    row_id: str, after: timedelta, at: datetime | None = None, tried: int = 0
) -> tuple[str, int]:
    """A wake-up's body, and its delay in seconds; it says `at` where it is to be passed on.

    `tried`: so many looks in a row have failed.
    """
    seconds = max(int(after.total_seconds()), 0)
    body: dict[str, Any] = {"session": row_id}
    if at is not None and seconds > LONGEST:
        body["at"] = iso(at)
    if tried:
        body["tried"] = tried
    return json.dumps(body), min(seconds, LONGEST)


class Queue:
    """The queue of that name; `call` calls SQS."""

    def __init__(self, call: AwsCall, queue_name: str) -> None:
        self._call = call
        self._name = queue_name
        self._urls: dict[str, str] = {}

    def send(
        self, row_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        """Has the row looked at `after` a while, in whole seconds, rounded down. Safe to
        repeat: a look too many does no harm. Raises Unavailable."""
        self._send(self._name, *message(row_id, after, at, tried))

    def bury(self, body: str) -> None:
        """Puts what can never be handled where an operator finds it. Raises Unavailable."""
        self._send(self._name + DEAD_LETTERS, body, 0)

    def _send(self, name: str, body: str, delay: int) -> None:
        try:
            try:
                self._send_to(name, body, delay)
            except Rejected as error:
                if error.code not in NO_QUEUE or name not in self._urls:
                    raise
                del self._urls[name]  # it was deleted; perhaps it was made anew, elsewhere
                self._send_to(name, body, delay)
        except Rejected as error:
            raise Unavailable(f"SQS: {error.code}") from error
        except (KeyError, TypeError) as error:
            raise Unavailable(f"SQS: {type(error).__name__}") from error

    def _send_to(self, name: str, body: str, delay: int) -> None:
        if name not in self._urls:
            self._urls[name] = self._call("GetQueueUrl", {"QueueName": name})["QueueUrl"]
        asked = {"QueueUrl": self._urls[name], "MessageBody": body, "DelaySeconds": delay}
        self._call("SendMessage", asked)
