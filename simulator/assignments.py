"""What Identity Center keeps: assignments, permission sets, writes under way, and its faults."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulator.faults import Faults
from simulator.wire import Problem


class Access(NamedTuple):
    """What an assignment is: this principal, this permission set, this account."""

    account_id: str
    permission_set_arn: str
    principal_type: str
    principal_id: str


@dataclass(frozen=True)
class PermissionSet:
    arn: str
    name: str
    session_duration: str  # ISO 8601, "PT15S"
    policies: tuple[str, ...] = ()  # customer managed ones, by name


@dataclass
class IdentityCenterFaults(Faults):
    """How Identity Center misbehaves.

    `outcomes` plans one outcome a call, by operation (or "*"), used up in order; `rates` plans a
    share of the calls: {"CreateAccountAssignment": {"outcome": "LOST", "rate": 0.3}}. Outcomes:

    - an error code of AWS: the act does not happen;
    - "FAILED" or "FAILED: reason": accepted, and fails later;
    - "LOST": accepted, and the caller reads HTTP 500;
    - "HANG": accepted, and the caller hears nothing for hang_seconds;
    - "OK".
    """

    create_seconds: float = 1.0  # how long a creation stays IN_PROGRESS
    delete_seconds: float = 1.0
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    rates: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls_per_second: float | None = None  # AWS: 20 for all of sso-admin; None: no limit
    outstanding_creates: int = 10
    listing_lag: float = 0.0  # ListAccountAssignments shows what was true so many seconds ago
    delete_of_absent: str = "raise"  # or "FAILED": accepted, and fails later
    down: str = ""  # "503", or "hang"
    slow: float = 0.0  # seconds before every answer
    hang_seconds: float = 30.0
    page_size: int = 100


@dataclass
class Write:
    """One accepted CreateAccountAssignment or DeleteAccountAssignment."""

    kind: str  # "create" | "delete"
    access: Access
    asked_at: float
    settles_at: float
    caller: str
    failure: str | None = None  # why it will fail; None: it will succeed
    status: str = "IN_PROGRESS"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def summary(self) -> dict[str, Any]:
        return {"Status": self.status, "RequestId": self.request_id, "CreatedDate": self.asked_at}

    def detail(self) -> dict[str, Any]:
        reason = {"FailureReason": self.failure} if self.status == "FAILED" else {}
        return {
            **self.summary(),
            "TargetId": self.access.account_id,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": self.access.permission_set_arn,
            "PrincipalType": self.access.principal_type,
            "PrincipalId": self.access.principal_id,
            **reason,
        }


class Accepted(Exception):
    """The act was accepted and the answer is lost on its way: "LOST" or "HANG"."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


def account_of(account_id: str) -> str:
    if not re.fullmatch(r"\d{12}", account_id):
        raise Problem("ValidationException", f"{account_id!r} is not an account id.")
    return account_id


def row_of(access: Access) -> dict[str, str]:
    return {
        "AccountId": access.account_id,
        "PermissionSetArn": access.permission_set_arn,
        "PrincipalType": access.principal_type,
        "PrincipalId": access.principal_id,
    }
