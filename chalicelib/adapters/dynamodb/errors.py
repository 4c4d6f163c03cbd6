"""What DynamoDB refuses, in the words of the ports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pynamodb.exceptions import (
    DoesNotExist,
    PynamoDBException,
    TableDoesNotExist,
    TransactWriteError,
)

from chalicelib.domain.errors import Stale, Unavailable, Unwritable

LOST_RACES = {"ConditionalCheckFailedException", "TransactionConflictException"}


@contextmanager
def translated() -> Iterator[None]:
    """DynamoDB's errors in our words: a lost race is Stale, everything else Unavailable."""
    try:
        yield
    except DoesNotExist:
        raise
    except TransactWriteError as error:
        if any(_race(reason) for reason in error.cancellation_reasons):
            raise Stale("written by another meanwhile") from error
        raise _translated(error) from error
    except PynamoDBException as error:
        if error.cause_response_code in LOST_RACES:
            raise Stale("written by another meanwhile") from error
        raise _translated(error) from error


def _race(reason: Any) -> bool:
    return reason is not None and reason.code in {"ConditionalCheckFailed", "TransactionConflict"}


def lost(stale: Stale) -> set[int]:
    """Which of the transaction's items failed their condition."""
    error = stale.__cause__
    reasons = error.cancellation_reasons if isinstance(error, TransactWriteError) else []
    return {
        number
        for number, reason in enumerate(reasons)
        if reason is not None and reason.code == "ConditionalCheckFailed"
    }


def _translated(error: PynamoDBException) -> Unavailable | Unwritable:
    """A row that is too big for DynamoDB, say, will not be smaller the next time."""
    lasting = error.cause_response_code == "ValidationException" or any(
        reason is not None and reason.code in ("ValidationError", "ItemCollectionSizeLimitExceeded")
        for reason in getattr(error, "cancellation_reasons", ())
    )
    return Unwritable(_said(error)) if lasting else Unavailable(_said(error))


def _said(error: PynamoDBException) -> str:
    if isinstance(error, TableDoesNotExist):
        return "the table does not exist"
    return f"DynamoDB: {error.cause_response_code or type(error.cause).__name__}"
