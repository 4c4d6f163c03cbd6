"""The queue's side: one message, one row."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from chalicelib.domain.errors import Unreadable
from chalicelib.domain.schedule import EARLY
from chalicelib.domain.session import from_iso
from chalicelib.triggers.common import NOW, Failures, Remaining, Trigger, again
from chalicelib.workflow.answers import Turn
from chalicelib.workflow.timing import POLL

FURTHEST = timedelta(days=31)  # no wake-up of ours is for later
SOON = 4  # times that a look that failed is tried again in seconds, before SQS brings it again


class FromQueue(Trigger):
    """Looks at the rows that the wake-up messages name, when it is time."""

    def work_through(self, messages: Iterable[Mapping[str, Any]], remaining: Remaining) -> Failures:
        """The queue's side. SQS brings again those messages only whose looks have failed."""
        failed = []
        for message in messages:
            try:
                self.work(message["body"], remaining)
            except Exception:  # work() has said what
                failed.append(message["messageId"])
        return again(failed)

    def work(self, body: str, remaining: Remaining) -> None:
        """One message, one row; or a hop on the message's way, for which no row is read [LOOKS 1].

        What can never be read goes to the dead-letter queue at once. What fails comes again in
        seconds, a few times; after that it is raised, so that SQS keeps the message, and brings it
        again.
        """
        try:
            told = json.loads(body)
            row_id = told["session"]
            if not isinstance(row_id, str) or not row_id:
                raise ValueError("no session in it")
            at = from_iso(told["at"]) if "at" in told else None
            tried = min(max(int(told.get("tried", 0)), 0), SOON)
            left = at - self.clock.now() if at else NOW
            left = left if left < FURTHEST else NOW  # or it would be passed on for ever
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            self.log("error", "a message that is no wake-up")
            self.queue.bury(body)
            return
        try:
            if left > EARLY:
                self.queue.send(row_id, left, at)
            else:
                self.runner.advance(row_id, Turn("queue", remaining, POLL, tried=tried))
        except Unreadable as unreadable:
            self.log("error", "a row that cannot be read", session=row_id, error=str(unreadable))
            self.queue.bury(body)
        except Exception as error:
            self.failed_look(row_id, error)
            if tried >= SOON or not self.send_again(row_id, tried + 1):
                raise
