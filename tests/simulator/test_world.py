"""The local AWS does what the app counts on AWS to do; without the app."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.adapters.mail import Ses
from chalicelib.domain.ports import Mail
from simulator import company
from simulator.world import ROOT, World
from tests.support.policies import policy

pytestmark = pytest.mark.world
TABLE = "trial"
PATIENCE = 240.0  # seconds, for a machine that is busy


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(deploy=False, auth=False) as world:  # its functions have no roles
        world.aws("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "due", "AttributeType": "S"},
                {"AttributeName": "look_at", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            DeletionProtectionEnabled=True,
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "due",
                    "KeySchema": [
                        {"AttributeName": "due", "KeyType": "HASH"},
                        {"AttributeName": "look_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        world.aws("dynamodb").update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
        yield world


@pytest.fixture
def table(world: World) -> Any:
    return world.aws("dynamodb")


def refused(act: Callable[..., Any], **ask: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        act(**ask)
    return caught.value.response


def put(key: str, **values: dict[str, str]) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, **values}}}


def eventually(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("not in time")


def test_the_table_is_protected(table: Any) -> None:
    assert refused(table.delete_table, TableName=TABLE)["Error"]["Code"] == "ValidationException"
    table.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    backups = table.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_transaction_happens_whole_or_not_at_all(table: Any) -> None:
    table.transact_write_items(TransactItems=[put("one", n={"N": "1"}), put("two")])
    ask = [
        {
            "Update": {
                "TableName": TABLE,
                "Key": {"pk": {"S": "one"}},
                "UpdateExpression": "SET n = :two",
                "ConditionExpression": "n = :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}, ":two": {"N": "2"}},
            }
        },
        {
            "Put": {
                "TableName": TABLE,
                "Item": {"pk": {"S": "two"}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        },
    ]
    response = refused(table.transact_write_items, TransactItems=ask)
    assert response["Error"]["Code"] == "TransactionCanceledException"
    reasons = [reason["Code"] for reason in response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    key = {"TableName": TABLE, "Key": {"pk": {"S": "one"}}}
    read = table.transact_get_items(TransactItems=[{"Get": key}])["Responses"]
    assert read[0]["Item"]["n"] == {"N": "1"}


def test_the_sparse_index_answers_in_order(table: Any) -> None:
    for key, look_at in (("late", "3"), ("first", "1"), ("second", "2")):
        item = {"pk": {"S": key}, "due": {"S": "y"}, "look_at": {"S": look_at}}
        table.put_item(TableName=TABLE, Item=item)
    table.put_item(TableName=TABLE, Item={"pk": {"S": "closed"}, "look_at": {"S": "0"}})
    found = table.query(
        TableName=TABLE,
        IndexName="due",
        KeyConditionExpression="due = :y AND look_at <= :now",
        ExpressionAttributeValues={":y": {"S": "y"}, ":now": {"S": "2"}},
    )["Items"]
    assert [item["pk"]["S"] for item in found] == ["first", "second"]


def test_ttl_can_be_stopped(world: World, table: Any) -> None:
    world.control("ttl", period=0)
    table.put_item(TableName=TABLE, Item={"pk": {"S": "old"}, "ttl": {"N": "1"}})
    time.sleep(1.5)
    read = {"TableName": TABLE, "Key": {"pk": {"S": "old"}}}
    assert "Item" in table.get_item(**read)
    world.control("heal", change=True)
    eventually(lambda: "Item" not in table.get_item(**read))


FUNCTION = """
import json, os, boto3
def handler(event, context):
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["pk"]["S"] if "dynamodb" in record else record["body"]
        if key == "poison":
            raise ValueError(key)
        who = (record.get("userIdentity") or {}).get("principalId", "")
        line = {"key": key, "event": record.get("eventName"), "who": who}
        boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(line))
"""


class Told:
    """What the trial function told its queue."""

    def __init__(self, world: World) -> None:
        self.sqs = world.aws("sqs")
        self.url = self.sqs.create_queue(QueueName="out")["QueueUrl"]
        self.lines: list[dict[str, str]] = []

    def __call__(self, **wanted: str) -> bool:
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        for message in got.get("Messages", []):
            self.lines.append(json.loads(message["Body"]))
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return any(wanted.items() <= line.items() for line in self.lines)


@pytest.fixture(scope="module")
def told(world: World) -> Told:
    told = Told(world)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as package:
        package.writestr("trial.py", FUNCTION)
    world.aws("iam").create_role(RoleName="trial", AssumeRolePolicyDocument="{}")
    world.aws("lambda").create_function(
        FunctionName="trial",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=f"arn:aws:iam::{company.HOME_ACCOUNT}:role/trial",
        Handler="trial.handler",
        Code={"ZipFile": zipped.getvalue()},
        Timeout=90,
        Environment={"Variables": {"OUT": told.url}},
    )
    return told


def test_streams_tell_and_let_poison_go(world: World, told: Told, table: Any) -> None:
    dead = told.sqs.create_queue(QueueName="stream-dead")["QueueUrl"]
    dead_arn = _queue_arn(told.sqs, dead)
    world.aws("lambda").create_event_source_mapping(
        FunctionName="trial",
        EventSourceArn=table.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"],
        StartingPosition="LATEST",
        BatchSize=10,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": dead_arn}},
    )
    soon = str(int(time.time()) + 1)
    table.transact_write_items(
        TransactItems=[put("poison"), put("good"), put("lease", ttl={"N": soon})]
    )
    eventually(lambda: told(key="good", event="INSERT"))
    eventually(lambda: told(key="lease", event="REMOVE", who="dynamodb.amazonaws.com"))
    letter = eventually(lambda: told.sqs.receive_message(QueueUrl=dead).get("Messages"))
    assert "RetryAttemptsExhausted" in letter[0]["Body"]


def test_queues_deliver_on_time_and_bury_poison(world: World, told: Told) -> None:
    dead = told.sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _queue_arn(told.sqs, dead), "maxReceiveCount": 2}
    attributes = {"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(redrive)}
    queue = told.sqs.create_queue(QueueName="in", Attributes=attributes)["QueueUrl"]
    functions = world.aws("lambda")
    mapping = functions.create_event_source_mapping(
        FunctionName="trial", EventSourceArn=_queue_arn(told.sqs, queue), BatchSize=1
    )
    told.sqs.send_message(QueueUrl=queue, MessageBody="poison")
    told.sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=2)
    asked = time.monotonic()
    eventually(lambda: told(key="delayed"))
    assert time.monotonic() - asked > 1.9, "not before its time"
    eventually(lambda: told.sqs.receive_message(QueueUrl=dead).get("Messages"))

    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    told.sqs.send_message(QueueUrl=queue, MessageBody="unread")
    time.sleep(1)
    assert not told(key="unread")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    eventually(lambda: told(key="unread"))


def test_a_workers_processes_can_be_killed(world: World, told: Told) -> None:
    event = {"Records": [{"body": "alive"}]}
    world.aws("lambda").invoke(FunctionName="trial", Payload=json.dumps(event))
    assert world.control("kill-worker", function="trial")["killed"] >= 1
    again = world.aws("lambda").invoke(FunctionName="trial", Payload=json.dumps(event))
    assert "FunctionError" not in again


def test_a_deleted_queue_refuses(told: Told) -> None:
    gone = told.sqs.create_queue(QueueName="gone")["QueueUrl"]
    told.sqs.delete_queue(QueueUrl=gone)
    code = refused(told.sqs.send_message, QueueUrl=gone, MessageBody="?")["Error"]["Code"]
    assert code == "AWS.SimpleQueueService.NonExistentQueue"


def test_insights_runs_queries_in_their_own_time(world: World) -> None:
    logs, now = world.aws("logs"), int(time.time())
    logs.create_log_stream(logGroupName=company.TRAIL, logStreamName="trial")
    events = [{"timestamp": now * 1000, "message": f"n={n}"} for n in range(10_000)]
    for start in (0, 5_000):
        part = events[start : start + 5_000]
        for _ in range(3):
            logs.put_log_events(logGroupName=company.TRAIL, logStreamName="trial", logEvents=part)
    ask = {"logGroupName": company.TRAIL, "startTime": now - 5, "endTime": now + 5}
    text = "fields @timestamp, @message | filter @message like /^n=/ | limit 100000"
    query = logs.start_query(**ask, queryString=text)["queryId"]
    assert logs.get_query_results(queryId=query)["status"] == "Running"
    answer = eventually(lambda: _complete(logs.get_query_results(queryId=query)))
    assert {field["field"] for field in answer["results"][0]} == {"@timestamp", "@message", "@ptr"}
    rows = len(answer["results"])
    assert rows == 10_000
    while "nextToken" in answer:
        answer = logs.get_query_results(queryId=query, nextToken=answer["nextToken"])
        rows += len(answer["results"])
    assert rows == 30_000
    malformed = refused(logs.start_query, **ask, queryString="filter what is this")
    assert malformed["Error"]["Code"] == "MalformedQueryException"


def test_identity_center_answers_over_the_wire(world: World) -> None:
    sso = world.aws("sso-admin", retries={"max_attempts": 0})
    alice = company.person("alice").user.user_id
    ask = {
        "InstanceArn": company.INSTANCE_ARN,
        "TargetId": company.PRODUCTION,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": company.ADMIN.arn,
        "PrincipalType": "USER",
        "PrincipalId": alice,
    }
    made = sso.create_account_assignment(**ask)["AccountAssignmentCreationStatus"]
    assert made["Status"] == "IN_PROGRESS"
    conflict = refused(sso.delete_account_assignment, **ask)["Error"]
    assert conflict["Code"] == "ConflictException"
    eventually(lambda: world.control("open")[-1]["principal_id"] == alice)
    world.control("identity_center", outcomes={"DeleteAccountAssignment": ["LOST"]})
    assert (
        refused(sso.delete_account_assignment, **ask)["ResponseMetadata"]["HTTPStatusCode"] == 500
    )
    eventually(lambda: alice not in {each["principal_id"] for each in world.control("open")})
    world.control("identity_center", down="503")
    assert refused(sso.list_instances)["ResponseMetadata"]["HTTPStatusCode"] == 503
    world.control("heal", change=True)
    assert sso.list_instances()["Instances"][0]["InstanceArn"] == company.INSTANCE_ARN


def test_mail_arrives_with_its_attachments_unless_refused(world: World) -> None:
    mail = {
        "FromEmailAddress": "break-glass@example.com",
        "Destination": {"ToAddresses": ["security@example.com"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "s"},
                "Body": {"Text": {"Data": "t"}},
                "Attachments": [{"FileName": "a.csv", "RawContent": b"a"}],
            }
        },
    }
    ses = world.aws("sesv2", retries={"max_attempts": 0})
    world.control("mail", refuse="MessageRejected")
    assert refused(ses.send_email, **mail)["Error"]["Code"] == "MessageRejected"
    world.control("heal", change=True)
    ses.send_email(**mail)
    assert [each["attachments"][0]["base64"] for each in world.mailbox()] == ["YQ=="]


def test_a_mail_reaches_whoever_it_can(world: World) -> None:
    """SES refuses the whole mail for one address, and the app then sends one to each."""
    before = len(world.mailbox())
    to = ("dån@example.com", "security@example.com", "gone@example.com")
    world.control("mail", refuse_to=["gone@example.com"])
    lines: list[dict[str, Any]] = []
    ses = world.aws("sesv2", retries={"max_attempts": 0})
    post = Ses(ses, "break-glass@example.com", lambda *_, **facts: lines.append(facts))
    post.send(Mail(to, "s", "t", "<p>t</p>"))
    world.control("heal", change=True)
    assert [each["to"] for each in world.mailbox(before)] == [["security@example.com"]]
    assert [line["number"] for line in lines] == [1, 3]


def test_roles_are_held_to_their_policies() -> None:
    with World.start(deploy=False) as world:
        iam = world.aws("iam")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        sso = boto3.client(
            "sso-admin",
            endpoint_url=world.facts["endpoint"],
            region_name=company.REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            config=Config(retries={"max_attempts": 0}),
        )
        ask = {
            "InstanceArn": company.INSTANCE_ARN,
            "AccountId": company.PRODUCTION,
            "PermissionSetArn": company.ADMIN.arn,
        }
        arns = ["arn:aws:sso:::instance/*", "arn:aws:sso:::permissionSet/*/*"]
        _allow(iam, "sso:ListAccountAssignments", arns)
        denied = refused(sso.list_account_assignments, **ask)["Error"]
        assert denied["Code"] == "AccessDeniedException"
        assert "arn:aws:sso:::account/" in denied["Message"]
        arns.append("arn:aws:sso:::account/*")
        _allow(iam, "sso:ListAccountAssignments", arns)
        unread = refused(sso.list_account_assignments, **ask)  # the instance's key is its own
        assert "kms:Decrypt" in unread["Error"]["Message"]
        assert unread["Reason"] == "KMS_AccessDeniedException"
        (key_of,) = [s for s in policy("worker")["Statement"] if s["Sid"] == "InstanceKey"]
        _allow(iam, "sso:ListAccountAssignments", arns, key_of)
        assert sso.list_account_assignments(**ask)["AccountAssignments"] == []


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    script = (
        "import time, pathlib; from simulator.world import World\n"
        f"with World.start(pathlib.Path({str(file)!r}), deploy=False) as world:\n"
        "    print(world.home, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        home = Path(parent.stdout.readline().strip())
        assert home.exists()
        assert json.loads(file.read_text())["endpoint"]
        parent.kill()
    eventually(lambda: not home.exists() and not file.exists())


def test_a_world_that_ends_leaves_the_file_of_a_newer_one(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    with World.start(file, deploy=False) as newer:
        kept = file.read_text()
        with World.start(file, deploy=False):
            assert file.read_text() != kept
            file.write_text(kept)  # as a demo that is started later would
        assert json.loads(file.read_text())["endpoint"] == newer.facts["endpoint"]
    assert not file.exists()


def _complete(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer if answer["status"] == "Complete" else None


def _queue_arn(sqs: Any, url: str) -> str:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(attributes["Attributes"]["QueueArn"])


def _allow(iam: Any, action: str, resources: list[str], *more: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resources}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement, *more]})
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
