"""What fails, and how: each call outside in each way, as settings of the world."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulator import outages

HANGS = 8.0  # seconds of silence; longer than any client of the app waits
SLOW = 1.5  # seconds that a slow Slack takes; less than it may take at most


@dataclass(frozen=True)
class Target:
    """A call outside. While it `holds`, access cannot be taken back, or cannot be seen to be."""

    calls: tuple[str, ...] = ()
    holds: bool = False
    carries: str = ""  # the words that go this way: "slack" or "mail"


TARGETS = {
    "create": Target(("sso:CreateAccountAssignment",)),
    "delete": Target(("sso:DeleteAccountAssignment",), holds=True),
    "reads": Target(
        (
            "sso:ListAccountAssignments",
            "sso:DescribeAccountAssignmentCreationStatus",
            "sso:DescribeAccountAssignmentDeletionStatus",
            "sso:ListAccountAssignmentCreationStatus",
            "sso:ListAccountAssignmentDeletionStatus",
        ),
        holds=True,
    ),
    "discovery": Target(("sso:ListInstances",), holds=True),
    "identity center": Target(("sso:*",), holds=True),
    "directory": Target(("identitystore:*",)),
    "slack": Target(carries="slack"),
    "mail": Target(("ses:SendEmail",), carries="mail"),
    "trail": Target(("logs:StartQuery", "logs:GetQueryResults")),
    "queue": Target(("sqs:SendMessage", "sqs:GetQueueUrl")),
}
HOLDING = tuple(name for name, target in TARGETS.items() if target.holds)
WAYS = outages.WAYS
_SLACK: dict[str, dict[str, Any]] = {
    "refused": {"down": "refused"},
    "throttled": {"rate_limited": 1_000_000},
    "error": {"down": "500"},
    "lost": {"lost": True},
    "hang": {"down": "hang", "hang_seconds": HANGS},
    "never": {"down": "never"},
    "slow": {"slow": SLOW},
}
_HEALTHY_SLACK: dict[str, Any] = {"down": "", "rate_limited": 0, "lost": False, "slow": 0.0}


@dataclass(frozen=True)
class Fault:
    """One target that fails in one way."""

    target: str
    way: str

    @property
    def name(self) -> str:
        return f"{self.target}: {self.way}"


EVERY = [
    Fault(target, way)
    for target in TARGETS
    for way in (*WAYS, *(("slow",) if target == "slack" else ()))
]


def settings(active: Iterable[Fault]) -> dict[str, dict[str, Any]]:
    """What the control address is to be told, by service, while these fail and nothing else."""
    calls: dict[str, dict[str, Any]] = {}
    slack = dict(_HEALTHY_SLACK)
    for fault in active:
        if fault.target == "slack":
            slack |= _SLACK[fault.way]
        for call in TARGETS[fault.target].calls:
            calls[call] = {"way": fault.way, "seconds": HANGS}
    return {"outages": {"calls": calls}, "slack": slack}
