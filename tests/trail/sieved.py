"""The events of one session, where all records are at hand at once."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from chalicelib.trail.attribution import Sieve, Sifted, whole
from chalicelib.trail.event import Event, Ownership


def sift(ownership: Ownership, records: Iterable[Any]) -> Sifted:
    """The events of one session among `records`, in the order of their time.

    The order in which records come does not matter.
    """
    events: list[Event] = []
    sieve = Sieve(ownership, lambda event, record: events.append(whole(event, record)))
    for record in records:
        sieve.take(record)
    sieve.judge_waiting()
    events.sort(key=lambda event: (event.time or ownership.end, event.id))
    return replace(sieve.sifted, events=tuple(events))
