"""Gap: MiniStack waits where AWS does not, and looks seldom where AWS is prompt.

- EventBridge looks for due rules every 10 s: `rate(1 minute)` keeps its meaning, checked finely.
- A function stays Pending for half a second after each change, and chalice's waiters poll every 5.
- Event source mappings look for messages that have become visible once a second, and one thread
  serves all sources: a slow stream function would hold up every queue. Here SQS and the streams
  have a thread each.
- An idle worker waits 50 ms for log lines that a quiet handler never writes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc, scheduler

from simulator.aws import streams

SCHEDULE_CHECK_SECONDS = 0.5
EVENT_SOURCE_POLL_SECONDS = 0.05
QUIET_LOG_SECONDS = 0.01

_log = logging.getLogger("simulator.timing")
_drain = lambda_runtime.Worker._drain_stderr_bounded


def patch() -> None:
    eventbridge._SCHEDULER_TICK_INTERVAL = SCHEDULE_CHECK_SECONDS
    scheduler._SCHEDULE_TICK_INTERVAL = SCHEDULE_CHECK_SECONDS
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0
    lambda_svc._poll_loop = _poll_each_source
    lambda_runtime.Worker._drain_stderr_bounded = _drain_soon


def _poll_each_source() -> None:
    """Takes the place of MiniStack's one poll loop; runs in the thread that it had."""
    threading.Thread(target=_poll, args=(streams.poll, "streams"), daemon=True).start()
    _poll(lambda_svc._poll_sqs, "queues")


def _poll(look: Callable[[], bool], name: str) -> None:
    while True:
        try:
            found = look()
        except Exception:
            _log.exception("polling the %s failed", name)
            found = False
        if not found:
            time.sleep(EVENT_SOURCE_POLL_SECONDS)


def _drain_soon(worker: lambda_runtime.Worker) -> str:
    return _drain(worker, first_line_wait=QUIET_LOG_SECONDS)
