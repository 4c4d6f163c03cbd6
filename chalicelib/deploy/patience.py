"""Asks again where AWS is not ready yet: a new role, a mapping that is being made, a request rate.

For `chalice deploy` alone. In a new account all of it is new at once, and one run has to do.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

PATIENCE: Final = 90  # seconds; a deleted queue's name is free again after 60
TOO_MANY: Final = 429
# Lambda's words for a stream that a new role may not read yet; chalice knows those for queues.
NOT_YET: Final = "Please ensure the role can perform"

T = TypeVar("T")


def patiently(
    act: Callable[[], T],
    passing: type[Exception] | tuple[type[Exception], ...] = (),
    sleep: Callable[[float], None] = time.sleep,
    patience: int = PATIENCE,
) -> T:
    """What `act` answers, once a second until it does; the last error after `patience` tries.

    `passing` goes over by itself, and so does 429, by whatever name or none. Raises the rest at
    once. `act` is repeated, so it has to be safe to repeat.
    """
    for _ in range(patience):
        try:
            return act()
        except passing:
            sleep(1)
        except ClientError as error:
            if not throttled(error):
                raise
            sleep(1)
    return act()


def throttled(error: ClientError) -> bool:
    """Whether AWS asks to come back later: status 429, which API Gateway sends without a code."""
    return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == TOO_MANY)


def install() -> None:
    """Has Chalice's own calls, in this process, wait as long as a new account makes them.

    API Gateway imports an API every few seconds and updates an account every twenty; botocore's
    five tries are over after seven. Of its retry modes the legacy one alone repeats a 429 that has
    no code. Chalice makes its clients when it needs them, so after this.
    """
    os.environ["AWS_RETRY_MODE"] = "legacy"
    os.environ["AWS_MAX_ATTEMPTS"] = "9"  # a minute and more, at random

    from chalice.awsclient import TypedAWSClient

    known = TypedAWSClient._is_iam_role_related_error

    def about_a_role(self: Any, error: ClientError) -> bool:
        return bool(known(self, error)) or NOT_YET in str(error)

    TypedAWSClient._is_iam_role_related_error = about_a_role
