"""The structured log: one JSON object a line, ids and states only."""

import json
import sys
from typing import Any


def journal(level: str, what: str, /, **facts: Any) -> None:
    """Writes one line. Facts are ids, states, counts, times and our own error texts."""
    line = {"level": level.upper(), "message": what} | facts
    print(json.dumps(line, default=str, ensure_ascii=False), file=sys.stdout, flush=True)
