"""The stream's side: what happened to a row asks for a look at it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from chalicelib.domain.errors import ExternalError, Unreadable
from chalicelib.operations import metrics
from chalicelib.operations.trace import trace
from chalicelib.triggers.common import NOW, Failures, Remaining, Trigger, again
from chalicelib.triggers.records import Wake, wake
from chalicelib.workflow.answers import Rest, Turn
from chalicelib.workflow.timing import POLL

A_GRANT_TAKES = timedelta(seconds=5)
OTHERS_WAIT = timedelta(seconds=5)  # behind the looks at a batch of the stream, not much longer
Told = tuple[Wake, Mapping[str, Any]]  # what a record asks for, and the record


class FromStream(Trigger):
    """Forwards to the queue what a record asks for; looks at once where access may be open."""

    def follow(
        self, records: Sequence[Mapping[str, Any]], remaining: Remaining, patience: timedelta
    ) -> Failures:
        """The stream's side [LOOKS 2]. Never raises: one bad record would hold up its whole shard.

        What can be neither handled nor kept for an operator is to come again, a few times.

        An ask is forwarded to the queue, so that many are handled side by side; one that ends
        access is looked at here too, where that needs nobody's answer, in case nobody takes what
        the queue holds. Where a lease is gone we look here: that record may be all that is left to
        end access, so no number of asks is looked at before it. What does not end soon is the
        queue's, though: the next records wait for these, and somebody's access must not wait for
        another's to end.
        """
        whole = remaining()

        def others_wait() -> bool:
            return whole - remaining() > OTHERS_WAIT

        gone, forwarded, refused, left = list[Told](), list[Told](), list[Told](), list[Wake]()
        failed: list[str] = []
        for record in records:
            try:
                found = wake(record)
                if found is None:
                    continue
                if found.alone:
                    gone.append((found, record))
                elif refused or not self._forward(found):  # refused once: all are, until below
                    refused.append((found, record))
                else:
                    forwarded.append((found, record))
            except Exception as error:
                facts = {"error": type(error).__name__, "trace": trace(error)}
                self.log("error", "a stream record that cannot be handled", **facts)
                if not self.bury(record):
                    failed.append(_number(record))
        for found, record in gone:
            if others_wait() and self._forward(found):
                left.append(found)
            elif not self._see_to(found, remaining, patience):
                failed.append(_number(record))
        for found, record in refused:
            if self._forward(found):
                forwarded.append((found, record))
            elif not self._look(found, remaining, min(patience, A_GRANT_TAKES)):
                failed.append(_number(record))
        for found, _ in forwarded:
            if found.ends and not others_wait():
                self._end_here(found, remaining)
        for found in left:  # once each, in case nobody takes what the queue holds
            if remaining() > A_GRANT_TAKES:
                self._look(found, remaining, NOW)
        for record in records:
            self._count(record)
        return again(failed)

    def _end_here(self, found: Wake, remaining: Remaining) -> None:
        """The queue has it as well, so what fails here is lost to nobody."""
        turn = Turn("stream", remaining, POLL, asks_nobody=True)
        try:
            self.runner.advance(found.row_id, turn)
        except Exception as error:
            self.failed_look(found.row_id, error)

    def _count(self, record: Mapping[str, Any]) -> None:
        """A session that begins, once in the log; step_log.py sees to what comes then."""
        with suppress(
            KeyError, TypeError, ValueError, AttributeError
        ):  # said already, of that record
            session_id = metrics.pressed(record)
            if session_id:
                glass = metrics.glass(record)
                self.log(
                    "info", "REQUESTED", metrics={"Presses": 1}, session=session_id, glass=glass
                )

    def _forward(self, found: Wake) -> bool:
        """Whether the queue has taken it. Where it has not we look here, until access has come, for
        nobody else may see to it; others wait behind, so not for long."""
        try:
            self.queue.send(found.row_id, NOW)
        except Exception as error:
            if not isinstance(error, ExternalError):
                self.failed("not forwarded", found.row_id, error)
            return False
        return True

    def _see_to(self, found: Wake, remaining: Remaining, patience: timedelta) -> bool:
        """Until access has ended; here for long only where the queue takes nothing."""
        rests: list[Rest | None] = []
        if not self._look(found, remaining, min(patience, A_GRANT_TAKES), rests.append):
            return False
        still = any(
            rest is not None and (rest.urgent or (rest.known is not None and rest.known.live))
            for rest in rests
        )
        more = max(patience - A_GRANT_TAKES, NOW)
        return not still or self._forward(found) or self._look(found, remaining, more)

    def _look(
        self,
        found: Wake,
        remaining: Remaining,
        patience: timedelta,
        rests: Callable[[Rest | None], None] = lambda _: None,
    ) -> bool:
        try:
            rests(self.runner.advance(found.row_id, Turn("stream", remaining, patience)))
        except Exception as error:
            self.failed_look(found.row_id, error)
            gone_wrong = isinstance(error, Unreadable) or not self.send_again(found.row_id, 1)
            return not gone_wrong or self.bury({"session": found.row_id})
        return True


def _number(record: Mapping[str, Any]) -> str:
    """The record's name in its shard; without one Lambda takes all of the batch for failed."""
    image = record.get("dynamodb")
    return str(image.get("SequenceNumber", "")) if isinstance(image, Mapping) else ""
