"""The picture of a report: how much was done when, counted by the second and shown in bars."""

from datetime import UTC, datetime, timedelta
from typing import Self

from chalicelib.domain.session import Session
from chalicelib.report.made import Bar, Picture
from chalicelib.trail.event import Event, Json

BARS = 72  # at most: what a phone's width can tell apart
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
SECONDS = 250_000  # that are told apart, some three days; a session lives a day at most


class Seconds:
    """What was done in each second: reads, changes, refusals."""

    def __init__(self) -> None:
        self.counts: dict[int, list[int]] = {}

    def add(self, event: Event) -> None:
        """Counts an event in its second; one without a time is in no picture."""
        if event.time is None:
            return
        second = int(event.time.timestamp())
        counts = self.counts.get(second)
        if counts is None:
            if len(self.counts) >= SECONDS:
                return
            counts = self.counts[second] = [0, 0, 0]
        counts[2 if event.refused else 1 if event.change else 0] += 1

    def picture(self, session: Session) -> Picture | None:
        """Bars of a minute where the session is about an hour long, coarser or finer where not."""
        start = session.granted_at or session.grant_asked_at
        if start is None or not self.counts:
            return None
        first, last = (datetime.fromtimestamp(pick(self.counts), UTC) for pick in (min, max))
        start = min(start, first).replace(microsecond=0)
        gone = session.gone_at or session.deadline or start
        seconds = (max(gone, last) - start).total_seconds() + 1
        step = timedelta(seconds=next((s for s in STEPS if seconds / s <= BARS), seconds / BARS))
        bars = [[0, 0, 0] for _ in range(min(BARS, int(seconds / step.total_seconds()) + 1))]
        origin = start.timestamp()
        for second, counts in self.counts.items():
            bar = bars[min(int((second - origin) / step.total_seconds()), len(bars) - 1)]
            for kind, count in enumerate(counts):
                bar[kind] += count

        def bar_of(moment: datetime | None) -> int | None:
            return max(0, min(int((moment - start) / step), len(bars) - 1)) if moment else None

        return Picture(
            start=start,
            step=step,
            bars=tuple(Bar(*counts) for counts in bars),
            granted=bar_of(session.granted_at),
            revoked=bar_of(session.gone_at),
        )

    def to_json(self) -> Json:
        return {str(second): counts for second, counts in self.counts.items()}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        seconds = cls()
        seconds.counts = {int(second): counts for second, counts in value.items()}
        return seconds
