"""Account assignments as IAM Identity Center keeps them: the `sso-admin` half of the stand-in.

What is faithful to AWS, because access depends on it:
- writes are asynchronous: IN_PROGRESS, then SUCCEEDED or FAILED with a FailureReason;
- an assignment is one thing however often it is created, and a delete takes a standing one too;
- a second write for an (account, permission set, principal) that has not settled is a Conflict;
- the status lists carry only Status, RequestId and CreatedDate;
- a listing may lag behind the truth (when told to);
- the role behind the assignments comes with the first and goes with the last: see `provisioning`.

What is kinder than AWS: a permission set's session may be as short as a test wants (AWS allows one
hour at the least), so that the tail of issued credentials is short too.

`history` is the truth, with times: what stood from when to when, and which request did it.
"""

# ruff: noqa: N802 -- the operations have AWS's own names

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from simulator.assignments import (
    Accepted,
    Access,
    IdentityCenterFaults,
    PermissionSet,
    Write,
    account_of,
    row_of,
)
from simulator.faults import next_outcome
from simulator.provisioning import May, Roles, anyone_may, lacking
from simulator.wire import Problem, page


class IdentityCenter:
    """Answers sso-admin operations; one method each, named as AWS names them."""

    def __init__(
        self,
        instance_arn: str,
        identity_store_id: str,
        owner_account_id: str,
        accounts: set[str],
        permission_sets: list[PermissionSet],
        principals: set[str],
        clock: Callable[[], float] = time.time,
        key_arn: str = "",
    ) -> None:
        self.instance_arn = instance_arn
        self.identity_store_id = identity_store_id
        self.owner_account_id = owner_account_id
        self.accounts = accounts
        self.permission_sets = {each.arn: each for each in permission_sets}
        self.principals = principals
        self.faults = IdentityCenterFaults()
        self.clock = clock
        self.key_arn = key_arn  # the customer managed key; empty: AWS's own
        self.may: May = anyone_may  # whether a caller has an IAM right
        self.roles = Roles()
        self._standing: dict[Access, float] = {}
        self._writes: dict[str, Write] = {}
        self._history: list[dict[str, Any]] = []
        self._calls: deque[float] = deque()
        self._lock = threading.RLock()

    # The outside's view of the truth

    def assign(self, access: Access, why: str = "the world") -> None:
        """Put an assignment there at once, as an administrator's standing one."""
        with self._lock:
            self._settle()
            if access not in self._standing:
                self._appear(access, self.clock(), why, None)

    def unassign(self, access: Access, why: str = "the world") -> None:
        with self._lock:
            self._settle()
            if access in self._standing:
                self._disappear(access, self.clock(), why, None)

    def open_now(self) -> dict[Access, float]:
        """Every assignment that truly stands, and since when (epoch seconds)."""
        with self._lock:
            self._settle()
            return dict(self._standing)

    def history(self) -> list[dict[str, Any]]:
        """Everything that was asked and became true, oldest first."""
        with self._lock:
            self._settle()
            return sorted((dict(each) for each in self._history), key=lambda each: each["at"])

    # Operations

    def answer(self, operation: str, ask: dict[str, Any], caller: str = "") -> dict[str, Any]:
        """Do one operation as the faults allow; raises Problem or Accepted."""
        with self._lock:
            self._settle()
            self._throttle()
            outcome = self._outcome(operation)
            if outcome and outcome.endswith("Exception"):
                raise Problem(outcome, f"{operation} was told to answer {outcome}.")
            act = getattr(self, operation, None) if operation[:1].isupper() else None
            if act is None:
                raise Problem("UnknownOperationException", f"{operation} is not simulated.")
            if operation in ("CreateAccountAssignment", "DeleteAccountAssignment"):
                return act(ask, caller, outcome)
            result = act(ask)
        if outcome in ("LOST", "HANG"):
            raise Accepted(outcome)
        return result

    def disturb(self, operation: str) -> None:
        """Apply the planned faults to a call that is answered elsewhere (the identity store)."""
        with self._lock:
            outcome = self._outcome(operation)
        if outcome and outcome.endswith("Exception"):
            raise Problem(outcome, f"{operation} was told to answer {outcome}.")
        if outcome in ("LOST", "HANG"):
            raise Accepted(outcome)

    def CreateAccountAssignment(
        self, ask: dict[str, Any], caller: str = "", outcome: str | None = None
    ) -> dict[str, Any]:
        access = self._access(ask)
        outstanding = [each for each in self._in_progress() if each.kind == "create"]
        if len(outstanding) >= self.faults.outstanding_creates:
            raise Problem("ThrottlingException", "Too many outstanding account assignments.")
        failure = None
        if access.principal_id not in self.principals:
            failure = "Received a 404 status error: Principal not found."
        elif access.account_id not in self.accounts:
            failure = f"Received a 404 status error: Account {access.account_id} not found."
        failure = failure or self._lacking("create", access, caller)
        write = self._accept("create", access, caller, outcome, failure)
        return {"AccountAssignmentCreationStatus": write.detail()}

    def DeleteAccountAssignment(
        self, ask: dict[str, Any], caller: str = "", outcome: str | None = None
    ) -> dict[str, Any]:
        access = self._access(ask)
        failure = None
        if access not in self._standing and not self._unsettled(access):
            failure = "Received a 404 status error: Assignment not found."
            if self.faults.delete_of_absent == "raise":
                raise Problem("ResourceNotFoundException", "Account assignment not found.")
        failure = failure or self._lacking("delete", access, caller)
        write = self._accept("delete", access, caller, outcome, failure)
        return {"AccountAssignmentDeletionStatus": write.detail()}

    def DescribeAccountAssignmentCreationStatus(self, ask: dict[str, Any]) -> dict[str, Any]:
        write = self._write(ask, "AccountAssignmentCreationRequestId", "create")
        return {"AccountAssignmentCreationStatus": write.detail()}

    def DescribeAccountAssignmentDeletionStatus(self, ask: dict[str, Any]) -> dict[str, Any]:
        write = self._write(ask, "AccountAssignmentDeletionRequestId", "delete")
        return {"AccountAssignmentDeletionStatus": write.detail()}

    def ListAccountAssignmentCreationStatus(self, ask: dict[str, Any]) -> dict[str, Any]:
        rows = self._summaries(ask, "create")
        return self._page(rows, ask, "AccountAssignmentsCreationStatus")

    def ListAccountAssignmentDeletionStatus(self, ask: dict[str, Any]) -> dict[str, Any]:
        rows = self._summaries(ask, "delete")
        return self._page(rows, ask, "AccountAssignmentsDeletionStatus")

    def ListAccountAssignments(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        wanted = (account_of(ask["AccountId"]), self._permission_set(ask["PermissionSetArn"]).arn)
        rows = [row_of(each) for each in self._visible() if each[:2] == wanted]
        return self._page(rows, ask, "AccountAssignments")

    def ListAccountAssignmentsForPrincipal(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        account = (ask.get("Filter") or {}).get("AccountId")
        rows = [
            row_of(each)
            for each in self._visible()
            if each.principal_id == ask["PrincipalId"]
            and each.principal_type == ask["PrincipalType"]
            and account in (None, each.account_id)
        ]
        return self._page(rows, ask, "AccountAssignments")

    def ListInstances(self, ask: dict[str, Any]) -> dict[str, Any]:
        return {"Instances": [self._instance()]}

    def DescribeInstance(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        own = {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": self.key_arn}
        key = own if self.key_arn else {"KeyType": "AWS_OWNED_KMS_KEY"}
        return {
            **self._instance(),
            "EncryptionConfigurationDetails": key | {"EncryptionStatus": "ENABLED"},
            "PermissionSetsEnabled": True,
        }

    def ListPermissionSets(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        return self._page(list(self.permission_sets), ask, "PermissionSets")

    def DescribePermissionSet(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        found = self._permission_set(ask["PermissionSetArn"])
        return {
            "PermissionSet": {
                "Name": found.name,
                "PermissionSetArn": found.arn,
                "SessionDuration": found.session_duration,
                "CreatedDate": 1735689600.0,
            }
        }

    def ListPermissionSetsProvisionedToAccount(self, ask: dict[str, Any]) -> dict[str, Any]:
        """A set that is prepared for an account counts as provisioned, assigned or not."""
        self._check(ask)
        account_of(ask["AccountId"])
        return self._page(list(self.permission_sets), ask, "PermissionSets")

    def ListAccountsForProvisionedPermissionSet(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        found = {each.account_id for each in self._standing if each[1] == ask["PermissionSetArn"]}
        return self._page(sorted(found), ask, "AccountIds")

    def ListCustomerManagedPolicyReferencesInPermissionSet(
        self, ask: dict[str, Any]
    ) -> dict[str, Any]:
        self._check(ask)
        named = self._permission_set(ask["PermissionSetArn"]).policies
        rows = [{"Name": name, "Path": "/"} for name in named]
        return self._page(rows, ask, "CustomerManagedPolicyReferences")

    def GetPermissionsBoundaryForPermissionSet(self, ask: dict[str, Any]) -> dict[str, Any]:
        raise Problem("ResourceNotFoundException", "No permissions boundary is attached.")

    def ListTagsForResource(self, ask: dict[str, Any]) -> dict[str, Any]:
        self._check(ask)
        return {"Tags": []}

    # How writes settle

    def _accept(
        self, kind: str, access: Access, caller: str, outcome: str | None, failure: str | None
    ) -> Write:
        if self._unsettled(access):
            raise Problem(
                "ConflictException", "There is a conflicting operation in process for this target."
            )
        if outcome and outcome.startswith("FAILED"):
            failure = outcome.partition(":")[2].strip() or "Received a 500 status error."
        now = self.clock()
        seconds = self.faults.create_seconds if kind == "create" else self.faults.delete_seconds
        write = Write(kind, access, now, now + seconds, caller, failure)
        self._writes[write.request_id] = write
        self._record(f"{kind} asked", access, now, caller, write.request_id)
        if outcome in ("LOST", "HANG"):
            raise Accepted(outcome)
        return write

    def _lacking(self, kind: str, access: Access, caller: str) -> str | None:
        if access.account_id != self.owner_account_id:
            return None
        return lacking(self.may, kind, caller, access.account_id)

    def _settle(self) -> None:
        now = self.clock()
        due = [each for each in self._in_progress() if each.settles_at <= now]
        for write in sorted(due, key=lambda each: each.settles_at):
            by, request_id, at = write.caller, write.request_id, write.settles_at
            if write.failure:
                write.status = "FAILED"
                self._record(f"{write.kind} failed", write.access, at, by, request_id)
                continue
            write.status = "SUCCEEDED"
            if write.kind == "create" and write.access not in self._standing:
                self._appear(write.access, at, by, request_id)
            elif write.kind == "delete" and write.access in self._standing:
                self._disappear(write.access, at, by, request_id)
            else:
                self._record(f"{write.kind} changed nothing", write.access, at, by, request_id)

    def _appear(self, access: Access, at: float, by: str, request_id: str | None) -> None:
        self._standing[access] = at
        self.roles.needed(access)
        self._record("appeared", access, at, by, request_id)

    def _disappear(self, access: Access, at: float, by: str, request_id: str | None) -> None:
        del self._standing[access]
        self.roles.left(access, self._standing)
        self._record("disappeared", access, at, by, request_id)

    def _record(
        self, event: str, access: Access, at: float, by: str, request_id: str | None
    ) -> None:
        entry = {"at": at, "event": event, **access._asdict(), "by": by, "request_id": request_id}
        self._history.append(entry)

    def _in_progress(self) -> list[Write]:
        return [each for each in self._writes.values() if each.status == "IN_PROGRESS"]

    def _unsettled(self, access: Access) -> bool:
        return any(each.access == access for each in self._in_progress())

    def _visible(self) -> list[Access]:
        """The assignments as listings show them: the truth of `listing_lag` seconds ago."""
        if not self.faults.listing_lag:
            return sorted(self._standing)
        shown: set[Access] = set()
        until = self.clock() - self.faults.listing_lag
        for each in sorted(self._history, key=lambda entry: entry["at"]):
            if each["at"] > until or each["event"] not in ("appeared", "disappeared"):
                continue
            access = Access(*(each[name] for name in Access._fields))
            (shown.add if each["event"] == "appeared" else shown.discard)(access)
        return sorted(shown)

    # Faults

    def _throttle(self) -> None:
        limit, now = self.faults.calls_per_second, self.clock()
        while self._calls and self._calls[0] <= now - 1:
            self._calls.popleft()
        if limit is not None and len(self._calls) >= limit:
            raise Problem("ThrottlingException", "Rate exceeded")
        self._calls.append(now)

    def _outcome(self, operation: str) -> str | None:
        planned = next_outcome(self.faults.outcomes, operation, "*")
        if planned:
            return None if planned == "OK" else planned
        rate = self.faults.rates.get(operation) or self.faults.rates.get("*")
        if rate and random.random() < rate["rate"]:
            return rate["outcome"]
        return None

    # Reading what is asked

    def _access(self, ask: dict[str, Any]) -> Access:
        self._check(ask)
        if ask.get("TargetType") != "AWS_ACCOUNT" or ask.get("PrincipalType") not in _PRINCIPALS:
            raise Problem("ValidationException", "TargetType or PrincipalType is not valid.")
        account = account_of(ask["TargetId"])
        permission_set = self._permission_set(ask["PermissionSetArn"])
        return Access(account, permission_set.arn, ask["PrincipalType"], ask["PrincipalId"])

    def _check(self, ask: dict[str, Any]) -> None:
        if ask.get("InstanceArn") != self.instance_arn:
            raise Problem("ResourceNotFoundException", "Instance not found.")

    def _permission_set(self, arn: str) -> PermissionSet:
        if arn not in self.permission_sets:
            raise Problem("ResourceNotFoundException", f"PermissionSet {arn} not found.")
        return self.permission_sets[arn]

    def _write(self, ask: dict[str, Any], name: str, kind: str) -> Write:
        self._check(ask)
        write = self._writes.get(ask[name])
        if write is None or write.kind != kind:
            raise Problem("ResourceNotFoundException", "The request id is not known.")
        return write

    def _summaries(self, ask: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        self._check(ask)
        status = (ask.get("Filter") or {}).get("Status")
        found = [
            each
            for each in self._writes.values()
            if each.kind == kind and status in (None, each.status)
        ]
        newest_first = sorted(found, key=lambda each: each.asked_at, reverse=True)
        return [each.summary() for each in newest_first]

    def _page(self, rows: list[Any], ask: dict[str, Any], name: str) -> dict[str, Any]:
        return page(rows, ask, name, self.faults.page_size)

    def _instance(self) -> dict[str, Any]:
        return {
            "InstanceArn": self.instance_arn,
            "IdentityStoreId": self.identity_store_id,
            "OwnerAccountId": self.owner_account_id,
            "CreatedDate": 1735689600.0,
            "Status": "ACTIVE",
        }


_PRINCIPALS = ("USER", "GROUP")
