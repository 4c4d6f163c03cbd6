"""Gap: MiniStack keeps a process for each function and calls it for ever.

Lambda's may be gone before the next call (a cold start), die in the middle of one, or stand still
while their host does.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

from ministack.core import lambda_runtime

from simulator.faults import Faults

_invoke = lambda_runtime.Worker.invoke
_timeouts: list[dict[str, Any]] = []


@dataclass
class FunctionFaults(Faults):
    """How Lambda treats the functions' processes."""

    cold: bool = False  # no process outlives its call: every call starts cold


def patch(faults: FunctionFaults) -> None:
    def invoke(worker: lambda_runtime.Worker, *args: Any, **kwargs: Any) -> dict[str, Any]:
        process = worker._proc
        if faults.cold and process is not None and process.poll() is None:
            process.kill()  # nobody else uses it: it is leased to this call
            process.wait()
        began = time.time()
        answer: dict[str, Any] = _invoke(worker, *args, **kwargs)
        if str(answer.get("error", "")).startswith("Task timed out"):
            seen = {"function": worker.func_name, "began": began, "at": time.time()}
            _timeouts.append(seen)
        return answer

    lambda_runtime.Worker.invoke = invoke


def timeouts() -> list[dict[str, Any]]:
    """The calls that took too long, and whose process was killed for it."""
    return list(_timeouts)


def kill(function: str) -> int:
    """SIGKILL the running processes of a function, as when Lambda's host dies."""
    return _send(signal.SIGKILL, function)


def stop(function: str) -> int:
    """They stand still in the middle of whatever they do."""
    return _send(signal.SIGSTOP, function)


def go_on(function: str) -> int:
    return _send(signal.SIGCONT, function)


def _send(number: signal.Signals, function: str) -> int:
    """Safe to repeat. `function`: a name, its last part, or "*"; answers how many there were."""
    sent = 0
    with lambda_runtime._lock:
        workers = [each for pool in lambda_runtime._workers.values() for each in pool]
    for worker in workers:
        name = worker.func_name
        named = function == "*" or name == function or name.endswith(f"-{function}")
        process: Popen[str] | None = worker._proc
        if named and process is not None and process.poll() is None:
            process.send_signal(number)
            sent += 1
    return sent
