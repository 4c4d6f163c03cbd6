"""Opens and closes account access in IAM Identity Center, and knows the people of its directory."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import (
    ClientError,
)

from chalicelib.adapters.identity_center.calls import (
    NOT_FOUND,
    Memory,
    _instances,
    instance_of,
    outcome_of,
    pages,
    reading,
    renewing,
    request_id_of,
    said,
)
from chalicelib.domain.errors import Gone, Refused
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Access, PermissionSet
from chalicelib.transport.errors import code_of

CREATED_DATE_SKEW: Final = timedelta(seconds=60)  # between our clock and AWS's


class IdentityCenter:
    """Account assignments of one instance.

    `client` acts and must make one attempt only (see `acting_client`); `reads` may retry. Only
    names need `instance_arn`, which may have to be discovered first: a permission set's ARN has it
    in it, so what is open can always be closed. `renew` discovers it anew where AWS does not know
    it, and says whether it is another.
    """

    def __init__(
        self,
        client: Any,
        reads: Any,
        instance_arn: Callable[[], str],
        seconds: Callable[[], float] = time.time,
        renew: Callable[[], bool] = lambda: False,
        owner: Callable[[], str] = lambda: "",
    ) -> None:
        self._acts = client
        self._reads = reads
        self._instance_arn = instance_arn
        self._arns = Memory(seconds)  # of permission sets, by name
        self._renew = renew
        self.owner = owner

    def create(self, access: Access) -> str:
        """Asks for the assignment; the request's id. Refused, or Unknown.

        AWS takes a repeat as well, and starts a second creation: hence the claim around it.
        """
        try:
            answer = self._acts.create_account_assignment(**self._named(access))
            return request_id_of(answer["AccountAssignmentCreationStatus"])
        except Exception as error:
            raise outcome_of(error, missing=Refused(said(error), lasting=True)) from error

    def delete(self, access: Access) -> str:
        """Asks for its deletion; the request's id. Refused, Gone, or Unknown.

        Safe to repeat: what is gone stays gone. No refusal is for good, for whoever mends a
        permission must not have to tell us to go on.
        """
        try:
            answer = self._acts.delete_account_assignment(**self._named(access))
            return request_id_of(answer["AccountAssignmentDeletionStatus"])
        except Exception as error:
            outcome = outcome_of(error, missing=Gone(said(error)))
            if isinstance(outcome, Refused):
                outcome = Refused(str(outcome), crowded=outcome.crowded)
            raise outcome from error

    def creation(self, access: Access, request_id: str) -> CallStatus:
        """What became of a creation; `UNKNOWN` where AWS has no record of it, see `_became`."""
        return self._became("creation", access, request_id)

    def deletion(self, access: Access, request_id: str) -> CallStatus:
        return self._became("deletion", access, request_id)

    def creating(self, access: Access, since: datetime) -> bool:
        """Whether a creation for this access, asked for at or after `since`, is in progress."""
        return self._under_way("creation", access, since)

    def deleting(self, access: Access, since: datetime) -> bool:
        return self._under_way("deletion", access, since)

    def assigned(self, access: Access) -> bool:
        """Whether ListAccountAssignments shows the assignment.

        Where account or permission set no longer exist, there is no assignment either. Only an
        instance that is not ours to see proves nothing.
        """
        return reading(self._assigned)(access)

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        """Ids of the users to whom the permission set is assigned on the account; no groups.

        Nobody, where account or permission set no longer exist.
        """
        return reading(self._assignees)(account_id, permission_set_arn)

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        """The permission set of that name or ARN; None where there is none."""
        return reading(renewing(self._permission_set, self._renew, self._arns))(name_or_arn)

    # ---- below the port

    def _named(self, access: Access) -> dict[str, str]:
        return {
            "InstanceArn": instance_of(access.permission_set_arn),
            "TargetId": access.account_id,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": access.permission_set_arn,
            "PrincipalType": "USER",
            "PrincipalId": access.principal_id,
        }

    def _became(self, kind: str, access: Access, request_id: str) -> CallStatus:
        """One request's status.

        AWS keeps no request for ever, so one that it does not know cannot be waited for. It is in
        progress if the list of those in progress still has it; else UNKNOWN: neither in progress,
        nor failed, nor succeeded. Right after the request it may also be too new to be known, so
        the caller takes UNKNOWN for an answer only when the request is minutes old.
        """

        def ask() -> CallStatus:
            status = self._described(kind, access, request_id)
            if status is not None:
                return CallStatus(status["Status"], status.get("FailureReason", ""))
            if any(each["RequestId"] == request_id for each in self._in_progress(kind, access)):
                return CallStatus("IN_PROGRESS")
            return CallStatus("UNKNOWN", "AWS has no record of the request")

        return reading(ask)()

    def _under_way(self, kind: str, access: Access, since: datetime) -> bool:
        """The lists tell only status, id and time, so each is described to see whose it is."""

        def ours(request_id: str) -> bool:
            status = self._described(kind, access, request_id)
            if status is None:
                return True  # the list has just shown it: whose it is, the next look will tell
            named = self._named(access)
            # What AWS leaves out might be ours.
            fits = all(status.get(key, named[key]) == named[key] for key in WHOSE)
            return fits and status["Status"] == "IN_PROGRESS"

        def ask() -> bool:
            return any(
                ours(each["RequestId"])
                for each in self._in_progress(kind, access)
                if "CreatedDate" not in each or each["CreatedDate"] >= since - CREATED_DATE_SKEW
            )

        return reading(ask)()

    def _in_progress(self, kind: str, access: Access) -> Iterator[dict[str, Any]]:
        for each in pages(
            self._reads,
            f"list_account_assignment_{kind}_status",
            f"AccountAssignments{kind.title()}Status",
            InstanceArn=instance_of(access.permission_set_arn),
            Filter={"Status": "IN_PROGRESS"},
        ):
            if each["Status"] == "IN_PROGRESS":
                yield each

    def _described(self, kind: str, access: Access, request_id: str) -> dict[str, Any] | None:
        describe = getattr(self._reads, f"describe_account_assignment_{kind}_status")
        member = f"AccountAssignment{kind.title()}"
        instance_arn = instance_of(access.permission_set_arn)
        try:
            answer = describe(InstanceArn=instance_arn, **{f"{member}RequestId": request_id})
        except ClientError as error:
            if code_of(error) == NOT_FOUND:
                return None
            raise
        status: dict[str, Any] = answer[f"{member}Status"]
        return status

    def _assigned(self, access: Access) -> bool:
        return access.principal_id in self._assignees(access.account_id, access.permission_set_arn)

    def _assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        try:
            return frozenset(
                each["PrincipalId"]
                for each in pages(
                    self._reads,
                    "list_account_assignments",
                    "AccountAssignments",
                    InstanceArn=instance_of(permission_set_arn),
                    AccountId=account_id,
                    PermissionSetArn=permission_set_arn,
                )
                if each["PrincipalType"] == "USER"
            )
        except ClientError as error:
            if code_of(error) != NOT_FOUND:
                raise
            if instance_of(permission_set_arn) in _instances(self._reads):
                return frozenset()
            raise

    def _permission_set(self, name_or_arn: str) -> PermissionSet | None:
        if name_or_arn.startswith("arn:"):
            return self._described_set(name_or_arn)
        remembered = self._arns.get(name_or_arn)
        if remembered:
            found = self._described_set(remembered)
            if found and found.name == name_or_arn:
                return found
        for arn in pages(
            self._reads, "list_permission_sets", "PermissionSets", InstanceArn=self._instance_arn()
        ):
            found = self._described_set(arn)
            if found:
                self._arns.put(found.name, arn)
            if found and found.name == name_or_arn:
                return found
        return None

    def _described_set(self, arn: str) -> PermissionSet | None:
        try:
            answer = self._reads.describe_permission_set(
                InstanceArn=instance_of(arn), PermissionSetArn=arn
            )
        except ClientError as error:
            if code_of(error) == NOT_FOUND:
                return None
            raise
        described = answer["PermissionSet"]
        lives = described.get("SessionDuration") or "PT1H"  # AWS's own default
        return PermissionSet(
            arn=described["PermissionSetArn"],
            name=described["Name"],
            session_duration=_duration(lives),
        )


WHOSE: Final = ("TargetId", "PermissionSetArn", "PrincipalType", "PrincipalId")


def _duration(text: str) -> timedelta:
    """`PT1H` and the like. What cannot be read is taken for the longest that AWS allows, 12 h,
    because to say that credentials are dead while they live would be worse than the reverse."""
    pattern = r"P(?=.)(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?"
    parts = re.fullmatch(pattern, text, re.ASCII)
    if parts is None:
        return timedelta(hours=12)
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
