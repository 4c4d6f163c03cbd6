"""What the three triggers share: what they need, and what becomes of a look that fails.

A trigger says only which row to look at. The rows decide; so a trigger that is lost, late or
doubled does no harm, and each of the three is enough by itself to end access.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import ExternalError
from chalicelib.domain.ports import Clock, Log
from chalicelib.operations.trace import trace

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.table import Table
    from chalicelib.adapters.sqs import Queue
    from chalicelib.workflow.runner import Runner

Remaining = Callable[[], timedelta]  # how long the invocation may still live, asked anew each time
Failures = dict[str, list[dict[str, str]]]  # what is to come again, as Lambda wants it said
NOW = timedelta(0)
SAYING_TAKES = timedelta(seconds=5)
FAILED = {"FailedLooks": 1}  # a metric with an alarm on it


class Trigger:
    """Looks at what it is told of, or finds due. Its parts may be made when they are first used."""

    def __init__(
        self, runner: "Runner", queue: "Queue", table: "Table", clock: Clock, log: Log
    ) -> None:
        self.runner = runner
        self.queue = queue
        self.table = table
        self.clock = clock
        self.log = log

    def send_again(self, row_id: str, tried: int) -> bool:
        """The same look again in seconds; whether the queue has taken it."""
        try:
            self.queue.send(row_id, timedelta(seconds=2**tried), tried=tried)
        except ExternalError:
            return False
        return True

    def failed_look(self, row_id: str, error: Exception) -> None:
        """Said, and counted by a metric with an alarm on it."""
        self.failed("a look failed", row_id, error, metrics=FAILED)

    def failed(self, what: str, row_id: str, error: Exception, **more: Any) -> None:
        """What can be foreseen (AWS does not answer, a lost race) is no mistake of ours."""
        foreseen = isinstance(error, ExternalError)
        facts: dict[str, Any] = {"session": row_id, "error": type(error).__name__} | more
        if not foreseen:
            facts["trace"] = trace(error)
        self.log("warning" if foreseen else "error", what, **facts)

    def bury(self, record: Mapping[str, Any]) -> bool:
        """Keeps what could not be handled where an operator finds it. Only its keys: no
        contents."""
        kept = {"session": record["session"]} if "session" in record else _keys(record)
        try:
            self.queue.bury(json.dumps(kept, default=str))
        except ExternalError as error:
            self.log("error", "not kept for the operator either", error=str(error))
            return False
        return True


def again(failed: Iterable[str]) -> Failures:
    """The failed ones, as Lambda wants them named."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _keys(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record.get("dynamodb")
    keys = image.get("Keys") if isinstance(image, Mapping) else None
    return {"event": str(record.get("eventID", "")), "keys": keys}
