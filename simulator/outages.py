"""How AWS may fail a function that calls it: any operation of five services, in each way.

    {"calls": {"sso:DeleteAccountAssignment": {"way": "lost"},
               "sqs:*": {"way": "hang", "seconds": 8, "rate": 0.5}}}

A call is named `service:Operation`, or `service:*`; the services are SERVICES. Ways:

- "refused": AccessDeniedException, and nothing happens;
- "throttled": ThrottlingException, and nothing happens;
- "error": HTTP 500, and nothing happens;
- "lost": it happens, and the caller reads HTTP 500;
- "hang": it happens, and the caller hears nothing for `seconds` (30), then HTTP 500;
- "never": nothing happens, and the caller hears nothing while the outage lasts.

Only the app's functions meet them. Whoever asks with the world's own key is answered as ever, so
that a deployment goes through and a judge sees the truth.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from simulator.faults import Faults, UnknownSetting
from simulator.wire import Problem

SERVICES = ("sso", "identitystore", "sqs", "logs", "ses")
WAYS = ("refused", "throttled", "error", "lost", "hang", "never")
HAPPENS = frozenset({"lost", "hang"})  # the act is done, and its answer is not heard
NEVER = 900.0  # seconds; no client waits so long
_HANG = 30.0
_THROTTLED = {"ses": "TooManyRequestsException"}  # what others call ThrottlingException


@dataclass(frozen=True)
class Outage:
    """What one call meets."""

    way: str
    seconds: float = _HANG
    rate: float = 1.0  # the share of the calls that meet it

    def problem(self, service: str, operation: str) -> Problem:
        """What the caller reads."""
        said = f"{service}:{operation} was told to fail: {self.way}."
        if self.way == "refused":
            return Problem("AccessDeniedException", said)
        if self.way == "throttled":
            return Problem(_THROTTLED.get(service, "ThrottlingException"), said)
        return Problem("InternalServerException", said)


@dataclass
class Outages(Faults):
    """The calls that fail now."""

    calls: dict[str, dict[str, Any]] = field(default_factory=dict)

    def change(self, **settings: object) -> None:
        """Raises UnknownSetting where a call or a way does not exist; then nothing is changed."""
        calls = settings.get("calls", {})
        if not isinstance(calls, dict):
            raise UnknownSetting("calls: an object of call → outage")
        for call, ask in calls.items():
            if call.partition(":")[0] not in SERVICES or ":" not in call:
                raise UnknownSetting(f"no such call: {call}; the services are {SERVICES}")
            if Outage(**ask).way not in WAYS:
                raise UnknownSetting(f"no such way: {ask['way']}; there are {WAYS}")
        super().change(**settings)

    def of(self, service: str, operation: str) -> Outage | None:
        """What this call meets, if anything; the operation's own outage before the service's."""
        ask = self.calls.get(f"{service}:{operation}") or self.calls.get(f"{service}:*")
        if ask is None:
            return None
        outage = Outage(**ask)
        return outage if random.random() < outage.rate else None
