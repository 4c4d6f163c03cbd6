"""What is typed after an option of the log: read, or refused with what would make sense."""

from __future__ import annotations

import argparse

from chalicelib.domain import ask
from chalicelib.domain.machine import State
from tools import _rows


def person(text: str) -> str:
    """An e-mail as it was typed, or a Slack user's id."""
    if "@" in text or ask.SLACK_USER.fullmatch(text.upper()):
        return text if "@" in text else text.upper()
    raise argparse.ArgumentTypeError(
        f"{text!r} is nobody: write an e-mail address, or a Slack user's id as U012ABC"
    )


def state(text: str) -> str:
    if text.upper() in list(State):
        return text.upper()
    raise argparse.ArgumentTypeError(
        f"{text!r} is no state: write {', '.join(State)}, or --open for whose access may be open"
    )


def count(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no number of rows: write 1 or more, or 0 for all"
    )


def time(text: str) -> str:
    try:
        return _rows.moment(text)
    except (ValueError, OverflowError):
        how = "write 2026-11-22, 2026-11-22T15:04Z or 36h"
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {how}") from None
