"""What is the matter, by AWS's own name; what has none is no reason to fail on top."""

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.transport.errors import code_of, said


@pytest.mark.parametrize(
    ("answer", "operation", "code", "words"),
    [
        ({"Error": {"Code": "Throttling"}}, "StartQuery", "Throttling", "Throttling"),
        ({"Error": {"Code": "AccessDenied"}}, "AssumeRole", "AccessDenied",
         "AccessDenied for AssumeRole"),
        ({"Error": {}}, "StartQuery", "", "an error"),
        ({}, "StartQuery", "", "an error"),
    ],
)  # fmt: skip
def test_an_error_of_aws_has_its_name(
    answer: dict[str, dict[str, str]], operation: str, code: str, words: str
) -> None:
    error = ClientError(answer, operation)
    assert (code_of(error), said(error)) == (code, words)


def test_what_is_no_answer_of_aws_is_named_for_what_it_is() -> None:
    assert said(ReadTimeoutError(endpoint_url="https://aws")) == "ReadTimeoutError"
