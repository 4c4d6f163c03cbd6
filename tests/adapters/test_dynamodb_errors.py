"""What DynamoDB refuses is said in the words that the middle knows."""

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import DoesNotExist, PutError, TableDoesNotExist

from chalicelib.adapters.dynamodb.errors import translated
from chalicelib.domain.errors import Stale, Unavailable, Unwritable


def refused(code: str) -> PutError:
    return PutError("no", cause=ClientError({"Error": {"Code": code}}, "PutItem"))


def test_a_row_that_is_not_there_is_no_trouble() -> None:
    with pytest.raises(DoesNotExist), translated():
        raise DoesNotExist()


def test_a_table_that_is_not_there_is_said() -> None:
    with pytest.raises(Unavailable, match="the table does not exist"), translated():
        raise TableDoesNotExist("break-glass")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ConditionalCheckFailedException", Stale),
        ("TransactionConflictException", Stale),
        ("ValidationException", Unwritable),
        ("ProvisionedThroughputExceededException", Unavailable),
    ],
)
def test_what_is_refused_says_whether_it_helps_to_try_again(
    code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind), translated():
        raise refused(code)
