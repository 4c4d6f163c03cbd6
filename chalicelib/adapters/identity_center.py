"""Opens and closes account access in IAM Identity Center, and knows the people of its directory."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from chalicelib.domain.ports import Call, Gone, Refused, Trouble, Unavailable, Unknown
from chalicelib.domain.session import Access, PermissionSet, Person

CONNECT_TIMEOUT: Final = 2.0  # seconds
DOUBLES: Final = 4.0  # seconds in which the pace, slowed down, doubles again
KEPT: Final = 60.0  # seconds that the pace is kept after a refusal
SLOWER: Final = 0.8
TOO_MANY: Final = frozenset({"ThrottlingException", "TooManyRequestsException"})
READ_TIMEOUT: Final = 5.0  # seconds of silence; a claim must outlast it
PATIENCE: Final = 3.0  # the same where nothing is asked for but an answer, which may be asked twice
SKEW: Final = timedelta(seconds=60)  # between our clock and that of AWS's CreatedDate
REMEMBER: Final = 600.0  # seconds that names of permission sets and groups are kept

NOT_NOW: Final = frozenset(
    {
        "ConflictException",  # an earlier write has not settled
        "ThrottlingException",
        "ThrottledException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ServiceQuotaExceededException",
        # Our credentials are at fault, and will be renewed or put right.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    }
)
NEVER: Final = frozenset({"AccessDeniedException", "AccessDenied", "ValidationException"})
NOT_FOUND: Final = "ResourceNotFoundException"
NOT_OURS: Final = frozenset({NOT_FOUND, "AccessDeniedException", "AccessDenied"})

# Nothing has left this machine when these are raised, as long as there is one attempt only.
NOT_SENT: Final = (
    ConnectTimeoutError,
    EndpointConnectionError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")


def acting_client(session: Any, region: str = "") -> Any:
    """A client to create and delete with. `session` is boto3 or one of its sessions.

    Never more than one attempt: a second one, sent behind our back, could land after the claim
    has run out, and would hide that the first may have been accepted.
    """
    return session.client("sso-admin", region_name=region or None, config=_config(1))


def reading_client(session: Any, region: str = "", service: str = "sso-admin") -> Any:
    """A client that only reads, from sso-admin or identitystore, and may therefore try again.

    Not for long: whoever waits here looks at nothing else meanwhile.
    """
    return session.client(service, region_name=region or None, config=_config(2, PATIENCE))


class Pace:
    """Keeps this process to its share of the calls a second that AWS allows for all.

    There is none until AWS refuses a call as one too many: so a session by itself never waits.
    From then on, and until a minute has passed without a refusal, it is `rate` calls a second, and
    less with each further refusal: so of a thousand sessions that end together, few calls are
    refused and have to be made again.
    """

    def __init__(
        self,
        rate: float,
        seconds: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most, self._rate = rate, rate
        self._seconds, self._sleep = seconds, sleep
        self._seen = self._last = self._refused = float("-inf")

    def wait(self, **_: Any) -> None:
        """Before each request, the client's own second tries included."""
        now = self._seconds()
        if self._refused <= now < self._refused + KEPT:  # a clock set back must hold up nobody
            self._rate = min(self._rate * (1 + (now - self._seen) / DOUBLES), self._most)
            due = min(self._last, now) + 1 / self._rate
            if now < due:
                self._sleep(due - now)
                now = due
        self._seen = self._last = now

    def slow_down(self) -> None:
        """AWS has refused a call because there were too many."""
        now = self._seconds()
        if now < self._refused + KEPT:
            self._rate = max(self._rate * SLOWER, self._most / 8)
        else:
            self._rate = self._most
        self._refused = now

    def hold(self, client: Any) -> Any:
        """The client, which from now on keeps the pace."""
        events = client.meta.events
        events.register("before-send.sso-admin", self.wait)
        events.register("response-received.sso-admin", self._heard)
        return client

    def _heard(self, parsed_response: Any = None, **_: Any) -> None:
        if parsed_response and parsed_response.get("Error", {}).get("Code") in TOO_MANY:
            self.slow_down()


def discover(client: Any, instance_arn: str = "") -> tuple[str, str]:
    """The instance's ARN and its identity store's id, by ListInstances.

    `instance_arn` picks one of several. Raises Unavailable where there is none, or no telling
    which.
    """
    instances = _instances(client)
    fitting = [(arn, store) for arn, store in instances.items() if instance_arn in ("", arn)]
    if len(fitting) != 1:
        found = ", ".join(instances) or "none"
        raise Unavailable(
            f"no telling which IAM Identity Center instance is meant (here: {found}); "
            "set identity_center_instance and identity_store"
        )
    return fitting[0]


def instance_of(permission_set_arn: str) -> str:
    """`arn:aws:sso:::instance/ssoins-…`, as the ARN of a permission set of it has it in it."""
    partition, instance = permission_set_arn.split(":")[1:2], permission_set_arn.split("/")[1:2]
    return f"arn:{(partition or ['aws'])[0]}:sso:::instance/{(instance or ['?'])[0]}"


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
    ) -> None:
        self._acts = client
        self._reads = reads
        self._instance_arn = instance_arn
        self._arns = _Memory(seconds)  # of permission sets, by name
        self._renew = renew

    def create(self, access: Access) -> str:
        """Asks for the assignment; the request's id. Refused, or Unknown.

        AWS takes a repeat as well, and starts a second creation: hence the claim around it.
        """
        try:
            answer = self._acts.create_account_assignment(**self._named(access))
            return _request_id(answer["AccountAssignmentCreationStatus"])
        except Exception as error:
            raise _outcome(error, missing=Refused(_said(error), lasting=True)) from error

    def delete(self, access: Access) -> str:
        """Asks for its deletion; the request's id. Refused, Gone, or Unknown.

        Safe to repeat: what is gone stays gone. No refusal is for good, for whoever mends a
        permission must not have to tell us to go on.
        """
        try:
            answer = self._acts.delete_account_assignment(**self._named(access))
            return _request_id(answer["AccountAssignmentDeletionStatus"])
        except Exception as error:
            outcome = _outcome(error, missing=Gone(_said(error)))
            if isinstance(outcome, Refused):
                outcome = Refused(str(outcome), crowded=outcome.crowded)
            raise outcome from error

    def creation(self, access: Access, request_id: str) -> Call:
        """What became of a creation; `UNKNOWN` where AWS has no record of it, see `_became`."""
        return self._became("creation", access, request_id)

    def deletion(self, access: Access, request_id: str) -> Call:
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
        return _reading(self._assigned)(access)

    def assignees(self, account_id: str, permission_set_arn: str) -> frozenset[str]:
        """Ids of the users to whom the permission set is assigned on the account; no groups.

        Nobody, where account or permission set no longer exist.
        """
        return _reading(self._assignees)(account_id, permission_set_arn)

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        """The permission set of that name or ARN; None where there is none."""
        return _reading(_renewing(self._permission_set, self._renew, self._arns))(name_or_arn)

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

    def _became(self, kind: str, access: Access, request_id: str) -> Call:
        """One request's status.

        AWS keeps no request for ever, so one that it does not know cannot be waited for. It is in
        progress if the list of those in progress still has it; else UNKNOWN: neither in progress,
        nor failed, nor succeeded. Right after the request it may also be too new to be known, so
        the caller takes UNKNOWN for an answer only when the request is minutes old.
        """

        def ask() -> Call:
            status = self._described(kind, access, request_id)
            if status is not None:
                return Call(status["Status"], status.get("FailureReason", ""))
            if any(each["RequestId"] == request_id for each in self._in_progress(kind, access)):
                return Call("IN_PROGRESS")
            return Call("UNKNOWN", "AWS has no record of the request")

        return _reading(ask)()

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
                if "CreatedDate" not in each or each["CreatedDate"] >= since - SKEW
            )

        return _reading(ask)()

    def _in_progress(self, kind: str, access: Access) -> Iterator[dict[str, Any]]:
        for each in _pages(
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
            if _code(error) == NOT_FOUND:
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
                for each in _pages(
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
            if _code(error) != NOT_FOUND:
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
        for arn in _pages(
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
            if _code(error) == NOT_FOUND:
                return None
            raise
        described = answer["PermissionSet"]
        lives = described.get("SessionDuration") or "PT1H"  # AWS's own default
        return PermissionSet(
            arn=described["PermissionSetArn"],
            name=described["Name"],
            session_duration=_duration(lives),
        )


class Directory:
    """The people and groups of an identity store."""

    def __init__(
        self,
        client: Any,
        identity_store_id: Callable[[], str],
        seconds: Callable[[], float] = time.time,
        renew: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._store_id = identity_store_id
        self._groups = _Memory(seconds)  # ids, by store and name
        self._renew = renew

    def person(self, email: str) -> Person | None:
        """The user with that e-mail, or else with that user name; None for one who is disabled.

        The person carries the e-mail as asked for: that is the one that `may` is compared with.
        """
        return self._asks(self._person)(email)

    def user(self, principal_id: str) -> Person | None:
        """The user of that id, disabled or not; None for one who was deleted."""
        return self._asks(self._user)(principal_id)

    def groups_of(self, principal_id: str, groups: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that the user is in; a group that does not exist has nobody."""
        return self._asks(self._memberships)(principal_id, tuple(groups))

    def portal(self) -> str:
        """`https://d-….awsapps.com/start`, which each instance has beside what it calls itself."""
        store_id = self._store_id()
        return f"https://{store_id}.awsapps.com/start" if store_id.startswith("d-") else ""

    # ---- below the port

    def _asks(self, ask: Callable[_P, _R]) -> Callable[_P, _R]:
        return _reading(_renewing(ask, self._renew, self._groups))

    def _person(self, email: str) -> Person | None:
        user_id = self._user_id("emails.value", email) or self._user_id("userName", email)
        if user_id is None:
            return None
        try:
            user = self._client.describe_user(IdentityStoreId=self._store_id(), UserId=user_id)
        except ClientError as error:
            if _missing(error):
                return None  # deleted between the two calls
            raise
        if user.get("UserStatus") == "DISABLED":
            return None
        return Person(
            principal_id=user["UserId"],
            user_name=user["UserName"],
            name=_name(user) or user["UserName"],
            email=email,
        )

    def _user(self, principal_id: str) -> Person | None:
        try:
            user = self._client.describe_user(IdentityStoreId=self._store_id(), UserId=principal_id)
        except ClientError as error:
            if _missing(error):
                return None
            raise
        emails = sorted(user.get("Emails") or [], key=lambda each: not each.get("Primary"))
        return Person(
            principal_id=user["UserId"],
            user_name=user["UserName"],
            name=_name(user) or user["UserName"],
            email=emails[0].get("Value", "") if emails else "",
        )

    def _user_id(self, attribute: str, value: str) -> str | None:
        return self._id(self._client.get_user_id, "UserId", attribute, value)

    def _group_id(self, name: str) -> str | None:
        known_as = f"{self._store_id()} {name}"
        found = self._groups.get(known_as)
        if found is None:
            found = self._id(self._client.get_group_id, "GroupId", "displayName", name)
            if found is not None:
                self._groups.put(known_as, found)
        return found

    def _id(
        self, operation: Callable[..., Any], member: str, attribute: str, value: str
    ) -> str | None:
        unique = {"AttributePath": attribute, "AttributeValue": value}
        try:
            answer = operation(
                IdentityStoreId=self._store_id(), AlternateIdentifier={"UniqueAttribute": unique}
            )
        except ClientError as error:
            if _missing(error):
                return None
            raise
        found: str = answer[member]
        return found

    def _memberships(self, principal_id: str, names: tuple[str, ...]) -> frozenset[str]:
        ids = {name: self._group_id(name) for name in names}
        known = sorted({group_id for group_id in ids.values() if group_id is not None})
        member_of: set[str] = set()
        for start in range(0, len(known), 100):  # as many as one call takes
            answer = self._client.is_member_in_groups(
                IdentityStoreId=self._store_id(),
                MemberId={"UserId": principal_id},
                GroupIds=known[start : start + 100],
            )
            member_of |= {
                result["GroupId"] for result in answer["Results"] if result["MembershipExists"]
            }
        return frozenset(name for name, group_id in ids.items() if group_id in member_of)


WHOSE: Final = ("TargetId", "PermissionSetArn", "PrincipalType", "PrincipalId")


def _outcome(error: Exception, missing: Trouble) -> Trouble:
    """What a failed create or delete means. Whatever is not certain is Unknown."""
    text = _said(error)
    if isinstance(error, NOT_SENT):
        return Refused(text)
    if isinstance(error, ParamValidationError):
        return Refused(text, lasting=True)  # botocore itself would not send it
    if not isinstance(error, ClientError):
        return Unknown(text)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = _code(error)
    if not 400 <= status < 500:
        return Unknown(text)  # a server that fails may have accepted first
    if code == NOT_FOUND:
        return missing
    if code in NOT_NOW:
        return Refused(text, crowded=_crowded(error))
    if code in NEVER:
        return Refused(text, lasting=True)
    return Unknown(text)


def _reading(ask: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same question, whose foreign errors are Unavailable.

    KeyError and TypeError are an answer without what AWS promises: a proxy's page, say. To take it
    for an empty listing would be to believe that access is gone.
    """

    @wraps(ask)
    def translated(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return ask(*args, **kwargs)
        except (ClientError, BotoCoreError, ResponseParserError, KeyError, TypeError) as error:
            raise Unavailable(_said(error), crowded=_crowded(error)) from error

    return translated


def _renewing(
    ask: Callable[_P, _R], renew: Callable[[], bool], memory: "_Memory"
) -> Callable[_P, _R]:
    """The same question, asked once more where what we remember may not be so any more: first the
    ids by name, then which instance it is. AWS says of what was replaced that it does not exist, or
    that it is not ours to see."""

    @wraps(ask)
    def again(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        mends = iter((memory.forget, renew))
        while True:
            try:
                return ask(*args, **kwargs)
            except ClientError as error:
                if _code(error) not in NOT_OURS or not any(mend() for mend in mends):
                    raise

    return again


def _instances(client: Any) -> dict[str, str]:
    """The identity store's id of each instance, by the instance's ARN."""

    def ask() -> dict[str, str]:
        pages = _pages(client, "list_instances", "Instances")
        return {each["InstanceArn"]: each["IdentityStoreId"] for each in pages}

    return _reading(ask)()


def _pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _request_id(status: dict[str, Any]) -> str:
    request_id = status["RequestId"]
    if not isinstance(request_id, str) or not request_id:
        raise KeyError("RequestId")
    return request_id


def _crowded(error: Exception) -> bool:
    return isinstance(error, ClientError) and _code(error) in TOO_MANY


def _missing(error: ClientError) -> bool:
    """Whether there is no such user or group, in an identity store that there is."""
    return _code(error) == NOT_FOUND and error.response.get("ResourceType") != "IDENTITY_STORE"


def _code(error: ClientError) -> str:
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


def _said(error: Exception) -> str:
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        said = f"{_code(error)}: {message}" if message.strip(" .") else _code(error)
        return f"IAM Identity Center: {said}"[:500]
    if isinstance(error, (KeyError, TypeError)):
        return "IAM Identity Center: an answer that makes no sense"
    return f"IAM Identity Center: {type(error).__name__}: {error}"[:500]


def _duration(text: str) -> timedelta:
    """`PT1H` and the like. What cannot be read is taken for the longest that AWS allows, 12 h,
    because to say that credentials are dead while they live would be worse than the reverse."""
    pattern = r"P(?=.)(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?"
    parts = re.fullmatch(pattern, text, re.ASCII)
    if parts is None:
        return timedelta(hours=12)
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _name(user: dict[str, Any]) -> str:
    name = user.get("Name") or {}
    parts = (name.get("GivenName"), name.get("FamilyName"))
    whole: str = user.get("DisplayName") or name.get("Formatted") or ""
    return whole or " ".join(part for part in parts if part)


def _config(attempts: int, patience: float = READ_TIMEOUT) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=patience,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )


class _Memory:
    """Remembers texts for ten minutes."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._kept: dict[str, tuple[str, float]] = {}

    def get(self, key: str) -> str | None:
        value, until = self._kept.get(key, ("", 0.0))
        return value if value and self._seconds() < until else None

    def put(self, key: str, value: str) -> None:
        self._kept[key] = (value, self._seconds() + REMEMBER)

    def forget(self) -> bool:
        """Whether there was anything to forget."""
        had = bool(self._kept)
        self._kept.clear()
        return had
