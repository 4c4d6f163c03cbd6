"""What the commands print: words from outside steer no terminal."""

from __future__ import annotations

import json
from typing import Any, TextIO

from chalicelib.domain.text import lines


class Painted(str):
    """A line in colours of ours; what came from outside was made fit before they came to it."""


def paint(text: str, colour: str = "") -> str:
    """A part of such a line."""
    return f"\x1b[{colour}m{lines(text)}\x1b[0m" if colour else lines(text)


class Printable:
    """A stream through which nothing passes but lines of signs that the eye sees.

    Names, errors and log lines come from outside; here all of them go by, whatever a command does.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text if isinstance(text, Painted) else lines(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def as_json(value: Any, indent: int | None = None) -> str:
    """The value itself, whatever is in it, in signs that stay where they are."""
    said = json.dumps(value, ensure_ascii=True, default=str, indent=indent)
    return said.replace("\x7f", "\\u007f")
