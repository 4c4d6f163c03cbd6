"""Runs a handler as Lambda does in a fresh process, and says what that took.

    python -I -S -B probe.py FOLDER < {"handler": …, "events": […]}

FOLDER is the unpacked package, and all that can be imported besides Python's own library. The first
event is the cold one, from the start of the process; the others are warm. Prints one line of JSON.
"""

import json
import resource
import sys
import time


class Context:
    """Lambda's, as far as our handlers ask it."""

    function_name = "break-glass-probe"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self) -> None:
        self._until = time.monotonic() + 30

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - time.monotonic()) * 1000)


def main() -> None:
    asked = json.load(sys.stdin)
    sys.path.insert(0, sys.argv[1])
    said, sys.stdout = sys.stdout, sys.stderr  # the handlers' log lines
    start, began = cpu(), time.perf_counter()
    import app

    imported = cpu()
    handler = getattr(app, asked["handler"])
    spent, walls, answers = [], [], []
    for event in asked["events"]:
        before, at = cpu(), time.perf_counter()
        answers.append(handler(event, Context()))
        spent.append(cpu() - before)
        walls.append(time.perf_counter() - at)
    found = {
        "start": start,
        "import": imported - start,
        "first": spent[0],
        "cold": start + (imported - start) + spent[0],
        "wall": time.perf_counter() - began - sum(walls[1:]),
        "warm": spent[1:],
        "peak_mb": peak_mb(),
        "modules": len(sys.modules),
        "answers": [each.get("statusCode") if isinstance(each, dict) else None for each in answers],
    }
    print(json.dumps(found), file=said)


def cpu() -> float:
    """Seconds, of this process since its start."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """The most memory that this process had; getrusage also counts what its parent had."""
    try:
        with open("/proc/self/status") as status:
            [line] = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
