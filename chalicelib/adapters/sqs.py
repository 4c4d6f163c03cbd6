"""Sends wake-ups: messages that say only which session to look at, and come when it is time."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from chalicelib.ports import Rejected, Unavailable

DEAD_LETTERS: Final = "-dlq"
LONGEST: Final = 900  # seconds, SQS's own bound on DelaySeconds
NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


class Call(Protocol):
    def __call__(self, operation: str, asked: Mapping[str, Any], /) -> dict[str, Any]:
        """SQS's answer. Raises Rejected with the error's name, or Unavailable."""


class Queue:
    """The queue of that name; `call` calls SQS."""

    def __init__(self, call: Call, queue_name: str) -> None:
        self._call = call
        self._name = queue_name
        self._urls: dict[str, str] = {}

    def send(self, session_id: str, after: timedelta) -> None:
        """Has the session looked at `after` a while: whole seconds, rounded down, 15 minutes at
        most. Safe to repeat: a look too many does no harm. Raises Unavailable."""
        delay = min(max(int(after.total_seconds()), 0), LONGEST)
        self._send(self._name, json.dumps({"session": session_id}), delay)

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
