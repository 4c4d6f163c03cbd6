"""Our own signed calls: signed as boto3 signs, where boto3 would go, and never for long."""

import json
import ssl
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.session import get_session

from chalicelib.adapters import aws_json
from chalicelib.adapters.aws_json import DYNAMODB, SQS, SSM, AwsJson, Credentials, endpoint
from chalicelib.domain.errors import Rejected, Unavailable
from tests.adapters.server import Answer, answering, saying, silence

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s+e/cret"}


def service(url: str = "", kind: aws_json.Kind = DYNAMODB, **environ: str) -> AwsJson:
    known = KEYS | {"AWS_REGION": "eu-west-1"} | ({"AWS_ENDPOINT_URL": url} if url else {})
    return AwsJson(kind, known | environ, ssl.create_default_context)


@pytest.mark.parametrize("token", ["", "token/with+signs=="])
@pytest.mark.parametrize("kind", [DYNAMODB, SSM, SQS])
@pytest.mark.parametrize("url", ["https://dynamodb.eu-west-1.amazonaws.com/", "http://[::1]:4566/"])
def test_a_call_is_signed_as_boto3_signs_it(
    kind: aws_json.Kind, token: str, url: str, monkeypatch: pytest.MonkeyPatch
):
    body = json.dumps({"Name": "/break-glass/signing-secret — ü"}).encode()
    ours = aws_json.signed(
        kind, urlsplit(url).netloc, "/", f"{kind.target}.GetItem", body, "eu-west-1",
        Credentials("AKIAEXAMPLE", "s+e/cret", token), 1795694400.0,
    )  # fmt: skip
    known = {"content-type": kind.content_type, "x-amz-target": f"{kind.target}.GetItem"}
    request = AWSRequest("POST", url, known, body)
    signer = SigV4Auth(BotoCredentials("AKIAEXAMPLE", "s+e/cret", token or None),
                       kind.service, "eu-west-1")  # fmt: skip
    noon = datetime(2026, 11, 26, 12)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: noon)
    signer.add_auth(request)
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours["authorization"] == request.headers["Authorization"]


KINDS = [each for each in vars(aws_json).values() if isinstance(each, aws_json.Kind)]


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_region_it_goes_where_boto3_goes(kind: aws_json.Kind, partition: str, fips: bool):
    session, wrong = get_session(), {}
    regions = session.get_available_regions(kind.service, partition)
    for region in regions:
        settings = Config(use_fips_endpoint=fips)
        client = session.create_client(kind.service, region, config=settings)
        ours = endpoint(
            kind.service, {"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": str(fips).lower()}
        )
        if ours != client.meta.endpoint_url:
            wrong[region] = (ours, client.meta.endpoint_url)
    assert len(regions) >= 2
    assert wrong == {}


def test_the_more_particular_address_wins():
    environ = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://a"}
    assert endpoint("ssm", environ) == "http://a"
    environ["AWS_ENDPOINT_URL_DYNAMODB"] = "http://b"
    assert endpoint("ssm", environ) == "http://a"
    assert endpoint("dynamodb", environ) == "http://b"
    environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    assert endpoint("dynamodb", environ) == "https://dynamodb.us-east-1.amazonaws.com"
    environ["AWS_USE_FIPS_ENDPOINT"] = "true"
    assert endpoint("dynamodb", environ) == "https://dynamodb-fips.us-east-1.amazonaws.com"


def test_the_answer_is_what_aws_said():
    with answering(saying(200, b'{"Parameter": {"Value": "s"}}')) as server:
        answer = service(server.url, SSM, AWS_SESSION_TOKEN="t").call("GetParameter", {"Name": "n"})
    assert answer == {"Parameter": {"Value": "s"}}
    [(path, headers, body)] = server.seen
    sent = {name.lower(): value for name, value in headers.items()}
    assert path == "/"
    assert json.loads(body) == {"Name": "n"}
    assert sent["x-amz-target"] == "AmazonSSM.GetParameter"
    assert sent["x-amz-security-token"] == "t"
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")


def test_a_refusal_has_its_name_and_is_not_asked_again():
    refusal = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
    with answering(saying(400, refusal)) as server, pytest.raises(Rejected) as caught:
        service(server.url).call("PutItem", {})
    assert (caught.value.code, caught.value.repeated) == ("ConditionalCheckFailedException", False)
    assert len(server.seen) == 1


def in_turn(*answers: Answer) -> Answer:
    left = list(answers)
    return lambda request: left.pop(0)(request)


def test_what_passes_is_tried_once_more():
    throttled = saying(400, b'{"__type": "x#ThrottlingException"}')
    with answering(in_turn(throttled, saying(200, b"{}"))) as server:
        assert service(server.url).call("PutItem", {}) == {}
    assert len(server.seen) == 2


def test_where_a_first_try_may_have_been_heard_a_refusal_says_so():
    refusal = saying(400, b'{"__type": "ConditionalCheckFailedException"}')
    with (
        answering(in_turn(saying(500), refusal)) as server,
        pytest.raises(Rejected) as caught,
    ):
        service(server.url).call("PutItem", {})
    assert caught.value.repeated


@pytest.mark.parametrize("answer", [saying(503), saying(200, b"<html>"), lambda request: None])
def test_what_does_not_pass_is_unavailable(answer: Any):
    with answering(answer) as server, pytest.raises(Unavailable, match="dynamodb"):
        service(server.url).call("PutItem", {})
    assert len(server.seen) == 2


def test_a_silent_aws_is_given_up():
    with silence() as server, pytest.raises(Unavailable):
        service(server.url).call("PutItem", {})


@pytest.mark.parametrize("kind", [DYNAMODB, SSM])
def test_where_slack_waits_all_tries_together_get_a_second_and_a_half(kind: aws_json.Kind):
    assert aws_json.TRIES * (kind.seconds + aws_json.PAUSE) <= 1.5


def test_nobody_listening_is_unavailable():
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        service("http://127.0.0.1:1").call("PutItem", {})


def test_outside_lambda_boto3_finds_the_credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "found")
    assert aws_json.credentials({"AWS_REGION": "us-east-1"}).access_key == "found"


def test_a_region_must_be_set():
    with pytest.raises(Unavailable, match="AWS_REGION"):
        AwsJson(DYNAMODB, KEYS, ssl.create_default_context).call("PutItem", {})


def test_no_trace_is_passed_on_by_which_lambda_would_take_wake_ups_for_a_loop(
    monkeypatch: pytest.MonkeyPatch,
):
    """A twelve-hour session's wake-up goes round 48 times; Lambda stops a trace after 16."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:abc:17"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    headers = aws_json.signed(
        SQS, "sqs", "/", "AmazonSQS.SendMessage", b"{}", "eu-west-1", Credentials("A", "s", ""), 0.0
    )
    assert "x-amzn-trace-id" not in {name.lower() for name in headers}
    assert "Lineage" not in repr(headers)
    with answering(saying(200, b'{"QueueUrl": "q"}')) as server:
        service(server.url, SQS, _X_AMZN_TRACE_ID=trace).call("GetQueueUrl", {"QueueName": "q"})
        ((_, sent, _),) = server.seen
    assert "x-amzn-trace-id" not in {name.lower() for name in sent}
