"""Uses every access while it is open, and has CloudTrail tell of it; other people work meanwhile.

What is open is read from Identity Center's own truth, never from the app's rows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import cloudtrail_records as records
from simulator.assignments import Access
from simulator.company import (
    IDENTITY_STORE_ID,
    OWNER,
    PEOPLE,
    PERMISSION_SETS,
    PRODUCTION,
    STAGING,
)
from simulator.faults import Faults
from simulator.identity_center import IdentityCenter

_LOOK_SECONDS = 0.2
_EVERY = 5.0  # after the first visit, one more call in the account so often


@dataclass
class VisitorFaults(Faults):
    """Whether anybody uses access, and how late CloudTrail tells."""

    on: bool = True
    delivery_delay: float = 0.5  # seconds from an event to the log group (AWS: about 5 minutes)


class Visitor:
    """Writes through `put(stream, [(epoch seconds, record)])`, in a thread of its own."""

    def __init__(
        self,
        center: IdentityCenter,
        put: Callable[[list[tuple[float, records.Record]]], None],
    ) -> None:
        self.center, self._put = center, put
        self.faults = VisitorFaults()
        self._next: dict[tuple[Access, float], float] = {}
        self._waiting: list[tuple[float, records.Record]] = []

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="visitor").start()

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            try:
                self.look(time.time())
            except Exception as error:  # the next look tries again
                print(f"visitor: {error!r}", flush=True)

    def look(self, now: float) -> None:
        """Do what is due: visits of what is open, then the deliveries."""
        if self.faults.on:
            for access, since in self.center.open_now().items():
                self._visit(access, since, now)
        ripe = [each for each in self._waiting if each[0] + self.faults.delivery_delay <= now]
        if ripe:
            self._put(sorted(ripe, key=lambda each: each[0]))
            self._waiting = [each for each in self._waiting if each not in ripe]

    def _visit(self, access: Access, since: float, now: float) -> None:
        key = (access, since)
        if now < self._next.get(key, 0) or access.principal_type != "USER":
            return
        actor = actor_for(access.principal_id)
        here = (access.account_id, _set_name(access.permission_set_arn))
        suffix = self.center.roles.suffix(*access[:2])
        first = key not in self._next
        self._next[key] = now + _EVERY
        if first:
            self._see(records.portal_visit(actor, now, *here), now)
            self._see(records.account_visit(actor, now, *here, suffix), now)
            self._see(_others(actor, now, *here), now)
        else:
            event = records.account(
                actor, now, *here, "GetLogEvents", "logs.amazonaws.com", suffix=suffix
            )
            self._see([event], now)

    def _see(self, seen: list[records.Record], now: float) -> None:
        self._waiting += [(now, record) for record in seen]


def _others(actor: records.Actor, now: float, account_id: str, set_name: str) -> list[Any]:
    """Who else is at work: somebody whose name begins the same, and somebody elsewhere."""
    namesake = actor_named("bobby" if actor.user_name == "bob" else f"{actor.user_name}son")
    carol = actor_named("carol")
    elsewhere = STAGING if account_id == PRODUCTION else PRODUCTION
    return [
        *records.portal_visit(namesake, now, account_id, set_name),
        records.account(namesake, now, account_id, set_name, "DeleteBucket", "s3.amazonaws.com",
                        read_only=False),
        records.account(carol, now, account_id, "ReadOnly", "ListUsers", "iam.amazonaws.com"),
        records.account(carol, now, elsewhere, set_name, "StopInstances", "ec2.amazonaws.com",
                        read_only=False),
    ]  # fmt: skip


def actor_for(user_id: str) -> records.Actor:
    for person in PEOPLE:
        if person.user.user_id == user_id:
            return records.Actor(person.user.user_name, user_id, IDENTITY_STORE_ID, OWNER)
    return records.Actor(user_id, user_id, IDENTITY_STORE_ID, OWNER)


def actor_named(name: str) -> records.Actor:
    for person in PEOPLE:
        if person.user.user_name == name:
            return actor_for(person.user.user_id)
    other = f"9067f0a1-ffff-4000-8000-{sum(name.encode()):012x}"
    return records.Actor(name, other, IDENTITY_STORE_ID, OWNER)


def _set_name(arn: str) -> str:
    return next((each.name for each in PERMISSION_SETS if each.arn == arn), "Unknown")
