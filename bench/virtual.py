"""Threads on a virtual clock: one runs at a time, and waiting takes no time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable


class Virtual:
    """Virtual time, and threads that take turns in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, threading.Semaphore | Callable[[], None]]] = []
        self._order = itertools.count()
        self._idle = threading.Semaphore(0)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), what))

    def spawn(self, work: Callable[[], None]) -> None:
        """Runs `work` as a worker of its own, from now on."""
        turn = threading.Semaphore(0)

        def run() -> None:
            turn.acquire()
            try:
                work()
            finally:
                self._idle.release()

        threading.Thread(target=run, daemon=True).start()
        heapq.heappush(self._heap, (self.now, next(self._order), turn))

    def wait(self, seconds: float) -> None:
        """Called by a worker: others go on meanwhile."""
        turn = threading.Semaphore(0)
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), turn))
        self._idle.release()
        turn.acquire()

    def run(self, until: Callable[[], bool], most: float) -> None:
        while self._heap and not until() and self.now < most:
            self.now, _, what = heapq.heappop(self._heap)
            if isinstance(what, threading.Semaphore):
                what.release()
                self._idle.acquire()
            else:
                what()
