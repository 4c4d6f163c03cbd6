"""Sends wake-ups: messages that say only which session to look at, and come when it is time."""

import json
from datetime import timedelta
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from chalicelib.ports import Unavailable

DEAD_LETTERS: Final = "-dlq"
LONGEST: Final = 900  # seconds, SQS's own bound on DelaySeconds
NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
CONFIG: Final = Config(
    connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"}
)


class Queue:
    """The queue of that name. `session` is boto3 or one of its sessions."""

    def __init__(self, session: Any, queue_name: str) -> None:
        self._client = session.client("sqs", config=CONFIG)
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
            except ClientError as error:
                if _code(error) not in NO_QUEUE or name not in self._urls:
                    raise
                del self._urls[name]  # it was deleted; perhaps it was made anew, elsewhere
                self._send_to(name, body, delay)
        except ClientError as error:
            raise Unavailable(f"SQS: {_code(error)}") from error
        except (BotoCoreError, ResponseParserError, KeyError, TypeError) as error:
            raise Unavailable(f"SQS: {type(error).__name__}") from error

    def _send_to(self, name: str, body: str, delay: int) -> None:
        if name not in self._urls:
            self._urls[name] = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        self._client.send_message(QueueUrl=self._urls[name], MessageBody=body, DelaySeconds=delay)


def _code(error: ClientError) -> str:
    code: str = error.response.get("Error", {}).get("Code", "")
    return code
