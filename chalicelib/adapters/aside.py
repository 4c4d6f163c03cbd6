"""What is done beside a call that hangs, by a thread of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer


@contextmanager
def aside(wait: timedelta, do: Callable[[], object]) -> Iterator[None]:
    """Does it after that wait, unless the block is through by then; never after the block."""
    timer = Timer(wait.total_seconds(), do)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
