"""What `chalice deploy` finds of a stage; that it suffices, tests/world/test_deploy_again.py."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from chalice.awsclient import ResourceDoesNotExistError, TypedAWSClient

from chalicelib.deploy import patience, recovery

CLIENT = boto3.client(
    "lambda", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
)
STREAM = "arn:aws:dynamodb:eu-west-1:111122223333:table/break-glass/stream/new"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:break-glass-dev-stream"


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Anything")


@dataclass
class Function:
    function_name: str = "break-glass-dev-stream"


@dataclass
class DynamoDBEventSource:
    """As chalice's own of that name."""

    stream_arn: str = STREAM
    resource_name: str = "stream-dynamodb-event-source"
    resource_type: str = "dynamodb_event"
    lambda_function: Function = field(default_factory=Function)


class Lambda:
    """Its mappings, busy and slow to go."""

    exceptions = CLIENT.exceptions

    def __init__(self, *mappings: dict[str, Any]) -> None:
        self.mappings = [{"FunctionArn": FUNCTION, "State": "Enabled", **m} for m in mappings]
        self.busy, self.lingers, self.deleted = 2, 2, list[str]()

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self) -> Any:
        return [{"EventSourceMappings": [each]} for each in self.mappings]

    def delete_event_source_mapping(self, UUID: str) -> None:  # noqa: N803
        self.busy -= 1
        if self.busy >= 0:
            raise self.exceptions.ResourceInUseException({}, "DeleteEventSourceMapping")
        self.deleted.append(UUID)
        if self.busy < -1:
            raise self.exceptions.ResourceNotFoundException({}, "DeleteEventSourceMapping")

    def get_event_source_mapping(self, UUID: str) -> None:  # noqa: N803
        self.lingers -= 1
        if self.lingers < 0:
            raise self.exceptions.ResourceNotFoundException({}, "GetEventSourceMapping")


def known(aws: Lambda, *resources: dict[str, Any]) -> list[dict[str, Any]]:
    record = {"resources": list(resources), "schema_version": "2.0", "backend": "api"}
    found = recovery.recovered(aws, [DynamoDBEventSource(), Function()], record)
    return list(found["resources"])


def test_the_mapping_of_the_streams_function_is_known_again() -> None:
    other = {"UUID": "v", "EventSourceArn": STREAM, "FunctionArn": f"{FUNCTION}-2"}
    queue = {"UUID": "w", "EventSourceArn": "arn:aws:sqs:eu-west-1:111122223333:break-glass"}
    aws = Lambda({"UUID": "u", "EventSourceArn": STREAM}, other, queue, {"UUID": "kafka"})
    assert known(aws, {"name": "kept", "resource_type": "iam_role"}) == [
        {"name": "kept", "resource_type": "iam_role"},
        {
            "name": "stream-dynamodb-event-source",
            "resource_type": "dynamodb_event",
            "stream_arn": STREAM,
            "event_uuid": "u",
            "lambda_arn": FUNCTION,
        },
    ]
    assert aws.deleted == []


def test_the_mapping_of_a_table_that_was_made_anew_is_deleted_and_forgotten() -> None:
    olds = [{"UUID": uuid, "EventSourceArn": STREAM.replace("new", uuid)} for uuid in "ab"]
    aws = Lambda(*olds)
    assert known(aws, {"name": "stream-dynamodb-event-source", "event_uuid": "a"}) == []
    assert aws.deleted == ["a", "b"]


def test_a_mapping_that_is_being_deleted_is_waited_for() -> None:
    aws = Lambda({"UUID": "u", "EventSourceArn": STREAM, "State": "Deleting"})
    assert known(aws) == []
    assert aws.lingers == -1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": "2.0"}'])
def test_a_record_that_cannot_be_read_is_as_none(text: str, tmp_path: Path) -> None:
    record = tmp_path / "dev.json"
    empty = recovery.read(record)
    assert empty["resources"] == []
    record.write_text(text)
    assert recovery.read(record) == empty


def test_a_record_is_written_where_it_has_changed_and_only_there(tmp_path: Path) -> None:
    record = tmp_path / "deployed" / "dev.json"
    recovery.write(record, recovery.read(record))
    assert not record.exists(), "nothing is there, so nothing is recorded"
    recovery.write(record, {"resources": [{"name": "x"}]})
    assert json.loads(record.read_text()) == {"resources": [{"name": "x"}]}


@pytest.mark.parametrize(
    "error", [ResourceDoesNotExistError("x"), refusal("NoSuchEntity"), refusal("NotFoundException")]
)
def test_what_is_gone_need_not_be_deleted(error: Exception) -> None:
    def delete() -> None:
        raise error

    recovery.unless_gone(delete)()


def test_another_refusal_to_delete_is_not_passed_over() -> None:
    def delete() -> None:
        raise refusal("AccessDenied")

    with pytest.raises(ClientError):
        recovery.unless_gone(delete)()


# Patience -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["TooManyRequestsException", "", "429"])
def test_too_many_requests_are_asked_again_whatever_it_is_called(code: str) -> None:
    slept: list[float] = []

    def act() -> str:
        if len(slept) < 25:  # UpdateAccount: one in twenty seconds
            raise refusal(code, 429)
        return "done"

    assert patience.patiently(act, sleep=slept.append) == "done"


def test_another_error_is_raised_at_once() -> None:
    def act() -> None:
        raise refusal("BadRequestException")

    with pytest.raises(ClientError):
        patience.patiently(act, sleep=pytest.fail)


def test_a_stream_that_a_new_role_may_not_read_yet_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    about = "_is_iam_role_related_error"
    monkeypatch.setattr(TypedAWSClient, about, getattr(TypedAWSClient, about))  # put back
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, "1")
    message = "Cannot access stream s. Please ensure the role can perform the GetRecords Actions"
    error = ClientError({"Error": {"Code": "X", "Message": message}}, "CreateEventSourceMapping")
    client = TypedAWSClient.__new__(TypedAWSClient)
    assert not client._is_iam_role_related_error(error)
    patience.install()
    assert client._is_iam_role_related_error(error)
    assert not client._is_iam_role_related_error(refusal("AccessDenied"))
