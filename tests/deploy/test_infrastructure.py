"""The queues that `chalice deploy` finds, and what each function may do."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.deploy import infrastructure, patience
from chalicelib.deploy.infrastructure import ensure_queue
from chalicelib.domain.ask import Kind
from chalicelib.triggers.records import wake

POLICIES = Path(__file__).parents[2] / ".chalice"
FUNCTIONS = ("slack", "stream", "worker", "sweep", "reconcile")


class Sqs:
    """SQS as it is with queues: slow to have them, and slow to forget them."""

    exceptions = boto3.client(
        "sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    ).exceptions

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, str]] = {}
        self.unready: dict[str, int] = {}
        self.deleted = 0
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def get_queue_url(self, QueueName: str) -> dict[str, Any]:  # noqa: N803
        if QueueName not in self.queues:
            raise self.exceptions.QueueDoesNotExist({}, "GetQueueUrl")
        return {"QueueUrl": QueueName}

    def create_queue(self, QueueName: str, Attributes: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        if self.slept < self.deleted:
            raise self.exceptions.QueueDeletedRecently({}, "CreateQueue")
        assert QueueName not in self.queues
        self.queues[QueueName] = dict(Attributes)
        self.unready[QueueName] = 2
        return {"QueueUrl": QueueName}

    def set_queue_attributes(self, QueueUrl: str, Attributes: dict[str, str]) -> None:  # noqa: N803
        self.queues[QueueUrl] |= Attributes

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        if self.unready.get(QueueUrl):
            self.unready[QueueUrl] -= 1
            raise self.exceptions.QueueDoesNotExist({}, "GetQueueAttributes")
        return {"Attributes": {"QueueArn": f"arn:aws:sqs:eu-west-1:111122223333:{QueueUrl}"}}


def test_the_queue_and_its_dead_letters_are_made_and_usable():
    sqs = Sqs()
    assert ensure_queue(sqs, "bg", sqs.sleep) == "bg"
    assert sqs.queues["bg"]["VisibilityTimeout"] == "360"
    assert sqs.queues["bg"]["MessageRetentionPeriod"] == "345600"
    assert json.loads(sqs.queues["bg"]["RedrivePolicy"]) == {
        "deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:bg-dlq",
        "maxReceiveCount": 5,
    }
    assert sqs.queues["bg-dlq"] == {"MessageRetentionPeriod": "1209600"}
    assert not any(sqs.unready.values())


def test_a_second_deployment_keeps_the_queue_and_mends_its_attributes():
    sqs = Sqs()
    ensure_queue(sqs, "bg", sqs.sleep)
    made = json.dumps(sqs.queues)
    sqs.queues["bg"]["VisibilityTimeout"] = "30"
    assert ensure_queue(sqs, "bg", sqs.sleep) == "bg"
    assert json.dumps(sqs.queues) == made


def test_a_queue_deleted_a_moment_ago_is_waited_for():
    sqs = Sqs()
    sqs.deleted = 60
    assert ensure_queue(sqs, "bg", sqs.sleep) == "bg"
    assert sqs.slept >= 60


def test_a_queue_that_never_comes_is_not_waited_for_without_end():
    class Absent(Sqs):
        def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
            raise self.exceptions.QueueDoesNotExist({}, "GetQueueAttributes")

    sqs = Absent()
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        ensure_queue(sqs, "bg", sqs.sleep)
    assert sqs.slept == patience.PATIENCE


def statements(function: str) -> list[dict[str, Any]]:
    policy = json.loads((POLICIES / f"policy-{function}.json").read_text())
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(function: str) -> set[str]:
    return {action for each in statements(function) for action in listed(each["Action"])}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_may_do_anything_unnamed(function: str):
    # These know no resources; AWS's service authorization reference says so.
    of_nothing = {
        "sso:ListInstances",
        "logs:GetQueryResults",
        "logs:DescribeQueries",
        "logs:StopQuery",
        "dynamodb:ListStreams",
    }
    for each in statements(function):
        assert each["Effect"] == "Allow"
        for action in listed(each["Action"]):
            assert "*" not in action
            assert action.split(":")[0] != "iam" or action == "iam:GetSAMLProvider"
            for resource in listed(each["Resource"]):
                assert resource != "*" or action in of_nothing


def test_the_route_writes_asks_and_reads_its_secret_and_nothing_else():
    assert actions("slack") == {
        "dynamodb:PutItem",
        "ssm:GetParameter",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_whoever_looks_may_do_what_a_look_needs():
    sweep = actions("sweep")
    assert {"sso:CreateAccountAssignment", "sso:DeleteAccountAssignment"} < sweep
    assert actions("worker") - sweep == {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    }
    assert actions("stream") - sweep == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    }
    lists = {"dynamodb:BatchGetItem", "dynamodb:Scan"}  # what is live, and how things stand
    assert sweep - lists < actions("worker")
    assert sweep - lists < actions("stream")


def test_each_secret_is_read_by_those_who_need_it():
    def parameters(function: str) -> set[str]:
        return {
            resource.rpartition("/")[2]
            for each in statements(function)
            if each["Action"] == "ssm:GetParameter"
            for resource in listed(each["Resource"])
        }

    assert parameters("slack") == {"signing-secret"}
    for function in ("stream", "worker", "sweep"):
        assert parameters(function) == {"bot-token"}


class Mappings:
    """Lambda, whose new mappings are busy for a moment."""

    exceptions = boto3.client(
        "lambda", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    ).exceptions

    def __init__(self) -> None:
        self.mapping: dict[str, Any] = {"UUID": "u", "State": "Enabled"}
        self.busy = 2
        self.updates = 0

    def list_event_source_mappings(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"EventSourceMappings": [self.mapping] if "stream" in FunctionName else []}

    def update_event_source_mapping(self, **changes: Any) -> None:
        if self.busy:
            self.busy -= 1
            raise self.exceptions.ResourceInUseException({}, "UpdateEventSourceMapping")
        self.mapping |= changes
        self.updates += 1


def test_event_sources_are_put_right_once_they_can_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    client = Mappings()
    first = infrastructure.tune_event_sources(client, "break-glass", "dev", "arn:dlq")
    assert first == ["event source of break-glass-dev-stream"]
    assert client.mapping["BisectBatchOnFunctionError"] is True
    assert client.mapping["MaximumRetryAttempts"] == 5
    assert client.mapping["DestinationConfig"] == {"OnFailure": {"Destination": "arn:dlq"}}
    assert client.mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    again = infrastructure.tune_event_sources(client, "break-glass", "dev", "arn:dlq")
    assert (again, client.updates) == ([], 1), "what is as it should be is left alone"


class Loops:
    """Lambda, as far as recursive loops go."""

    exceptions = Mappings.exceptions

    def __init__(self, code: str = "") -> None:
        self.loops, self.code = "Terminate", code

    def get_function_recursion_config(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        if self.code:
            error = {"Error": {"Code": self.code}}
            raise self.exceptions.ClientError(error, "GetFunctionRecursionConfig")
        assert FunctionName == "break-glass-dev-worker"
        return {"RecursiveLoop": self.loops}

    def put_function_recursion_config(self, FunctionName: str, RecursiveLoop: str) -> None:  # noqa: N803
        self.loops = RecursiveLoop


def test_the_workers_wake_ups_are_no_runaway_loop():
    client = Loops()
    first = infrastructure.allow_loops(client, "break-glass", "dev")
    assert (first, client.loops) == (["wake-ups of break-glass-dev-worker"], "Allow")
    assert infrastructure.allow_loops(client, "break-glass", "dev") == []
    unknown = Loops("UnknownOperationException")
    assert infrastructure.allow_loops(unknown, "break-glass", "dev") == []
    with pytest.raises(client.exceptions.ClientError):
        infrastructure.allow_loops(Loops("AccessDeniedException"), "break-glass", "dev")


def passes(pattern: Any, value: Any) -> bool:
    """Lambda's filter, as far as ours go: every key of an object, and one rule of a list."""
    if isinstance(pattern, dict):
        return all(key in value and passes(each, value[key]) for key, each in pattern.items())
    return any(
        value.startswith(rule["prefix"]) if isinstance(rule, dict) else value == rule
        for rule in pattern
    )


def told(record: dict[str, Any]) -> bool:
    return any(passes(json.loads(each), record) for each in infrastructure.TOLD)


DIGITS = "0123456789abcdef01234567"
ROWS = [
    *(f"ask/{kind}-{DIGITS}" for kind in Kind),
    f"lease/bg-{DIGITS}",
    f"asked/end-{DIGITS}",
    f"bg-{DIGITS}",
    "door/111122223333/x/y",
    "assignment/111122223333/x/y",
    "kept/identity-center",
]


@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("row_id", ROWS)
def test_the_streams_function_is_called_for_new_asks_and_lost_leases_and_nothing_else(
    event: str, row_id: str
):
    record = {"eventName": event, "dynamodb": {"Keys": {"id": {"S": row_id}}}}
    wanted = (event, row_id.partition("/")[0]) in {("INSERT", "ask"), ("REMOVE", "lease")}
    assert told(record) is wanted
    assert (wake(record) is not None) is wanted, "and whoever is called has something to do"


def test_there_are_no_more_filters_than_lambda_takes_and_they_are_set_on_the_stream_alone():
    sources = infrastructure.event_sources("arn:dlq")
    filters = sources["stream"]["FilterCriteria"]["Filters"]
    assert [each["Pattern"] for each in filters] == list(infrastructure.TOLD)
    assert 0 < len(filters) <= 5
    assert "FilterCriteria" not in sources["worker"]


def test_a_message_stays_hidden_for_as_long_as_lambda_asks():
    config = json.loads((POLICIES / "config.json").read_text())
    worker = config["lambda_functions"]["worker"]
    timeout = worker.get("lambda_timeout", config["lambda_timeout"])
    assert int(infrastructure.QUEUE["VisibilityTimeout"]) >= 6 * timeout
