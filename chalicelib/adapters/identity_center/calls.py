"""How Identity Center is asked: clients, their pace and patience, and what an error means."""

import time
from collections.abc import Callable, Iterator
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

from chalicelib.domain.errors import ExternalError, Refused, Unavailable, Unknown
from chalicelib.transport.errors import code_of

CONNECT_TIMEOUT: Final = 2.0  # seconds


DOUBLES: Final = 4.0  # seconds in which the pace, slowed down, doubles again


KEPT: Final = 60.0  # seconds that the pace is kept after a refusal


SLOWER: Final = 0.8


TOO_MANY: Final = frozenset({"ThrottlingException", "TooManyRequestsException"})


READ_TIMEOUT: Final = 5.0  # seconds of silence; a claim must outlast it


PATIENCE: Final = 3.0  # the same where nothing is asked for but an answer, which may be asked twice


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


P = ParamSpec("P")


R = TypeVar("R")


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


class NoInstance(Unavailable):
    """ListInstances answers, and it is none, or there is no telling which."""


def discover(client: Any, instance_arn: str = "") -> tuple[str, str, str]:
    """The instance's ARN, its identity store's id and the account that owns it, by ListInstances.

    `instance_arn` picks one of several. Raises NoInstance where there is none, or no telling
    which, and Unavailable.
    """
    instances = _instances(client)
    fitting = [(arn, *rest) for arn, rest in instances.items() if instance_arn in ("", arn)]
    if len(fitting) != 1:
        found = ", ".join(instances) or "none"
        raise NoInstance(
            f"no telling which IAM Identity Center instance is meant (here: {found}); "
            "set identity_center_instance and identity_store"
        )
    return fitting[0]


def instance_of(permission_set_arn: str) -> str:
    """`arn:aws:sso:::instance/ssoins-…`, as the ARN of a permission set of it has it in it."""
    partition, instance = permission_set_arn.split(":")[1:2], permission_set_arn.split("/")[1:2]
    return f"arn:{(partition or ['aws'])[0]}:sso:::instance/{(instance or ['?'])[0]}"


def outcome_of(error: Exception, missing: ExternalError) -> ExternalError:
    """What a failed create or delete means. Whatever is not certain is Unknown."""
    text = said(error)
    if isinstance(error, NOT_SENT):
        return Refused(text)
    if isinstance(error, ParamValidationError):
        return Refused(text, lasting=True)  # botocore itself would not send it
    if not isinstance(error, ClientError):
        return Unknown(text)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = code_of(error)
    if not 400 <= status < 500:
        return Unknown(text)  # a server that fails may have accepted first
    if code == NOT_FOUND:
        return missing
    if code in NOT_NOW:
        return Refused(text, crowded=_crowded(error))
    if code in NEVER:
        return Refused(text, lasting=True)
    return Unknown(text)


def reading(ask: Callable[P, R]) -> Callable[P, R]:
    """The same question, whose foreign errors are Unavailable.

    KeyError and TypeError are an answer without what AWS promises: a proxy's page, say. To take it
    for an empty listing would be to believe that access is gone.
    """

    @wraps(ask)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return ask(*args, **kwargs)
        except (ClientError, BotoCoreError, ResponseParserError, KeyError, TypeError) as error:
            raise Unavailable(said(error), crowded=_crowded(error)) from error

    return translated


def renewing(ask: Callable[P, R], renew: Callable[[], bool], memory: "Memory") -> Callable[P, R]:
    """The same question, asked once more where what we remember may not be so any more: first the
    ids by name, then which instance it is. AWS says of what was replaced that it does not exist, or
    that it is not ours to see."""

    @wraps(ask)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        mends = iter((memory.forget, renew))
        while True:
            try:
                return ask(*args, **kwargs)
            except ClientError as error:
                if code_of(error) not in NOT_OURS or not any(mend() for mend in mends):
                    raise

    return again


def _instances(client: Any) -> dict[str, tuple[str, str]]:
    """The identity store's id and the owner of each instance, by the instance's ARN."""

    def ask() -> dict[str, tuple[str, str]]:
        found = pages(client, "list_instances", "Instances")
        return {
            each["InstanceArn"]: (each["IdentityStoreId"], each.get("OwnerAccountId", ""))
            for each in found
        }

    return reading(ask)()


def owner(client: Any, instance_arn: str = "") -> str:
    """The account that the instance belongs to, where people's signing in is recorded; empty where
    there is no telling. Raises Unavailable."""

    def ask() -> str:
        found = [
            str(each.get("OwnerAccountId", ""))
            for each in pages(client, "list_instances", "Instances")
            if instance_arn in ("", each["InstanceArn"])
        ]
        return found[0] if len(found) == 1 else ""

    return reading(ask)()


def pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
    """The members of all pages of an operation's answer."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def request_id_of(status: dict[str, Any]) -> str:
    """The request's id. Raises KeyError where the answer has none."""
    request_id = status["RequestId"]
    if not isinstance(request_id, str) or not request_id:
        raise KeyError("RequestId")
    return request_id


def _crowded(error: Exception) -> bool:
    return isinstance(error, ClientError) and code_of(error) in TOO_MANY


def missing(error: ClientError) -> bool:
    """Whether there is no such user or group, in an identity store that there is."""
    return code_of(error) == NOT_FOUND and error.response.get("ResourceType") != "IDENTITY_STORE"


def said(error: Exception) -> str:
    """The error in words, for whoever waits, and for the log."""
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        said = f"{code_of(error)}: {message}" if message.strip(" .") else code_of(error)
        return f"IAM Identity Center answers {said}"[:500]
    if isinstance(error, (KeyError, TypeError)):
        return "IAM Identity Center: an answer that makes no sense"
    return f"IAM Identity Center: {type(error).__name__}: {error}"[:500]


def _config(attempts: int, patience: float = READ_TIMEOUT) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=patience,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )


class Memory:
    """Remembers texts for ten minutes."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._kept: dict[str, tuple[str, float]] = {}

    def get(self, key: str) -> str | None:
        """What was put under the key; None where that is too long ago."""
        value, until = self._kept.get(key, ("", 0.0))
        return value if value and self._seconds() < until else None

    def put(self, key: str, value: str) -> None:
        self._kept[key] = (value, self._seconds() + REMEMBER)

    def forget(self) -> bool:
        """Whether there was anything to forget."""
        had = bool(self._kept)
        self._kept.clear()
        return had
