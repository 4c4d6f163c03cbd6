"""The trail where it is: by whose credentials, in which Region, and what is said where not."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from botocore.session import Session

from chalicelib import wiring
from chalicelib.adapters.cloudtrail import CloudTrail
from chalicelib.adapters.identity_center.calls import owner
from chalicelib.adapters.trail_bucket import TrailBucket
from chalicelib.domain.errors import Unavailable
from tests.adapters.server import Answering, answering

ROLE = "arn:aws:iam::444455556666:role/break-glass-trail"
GROUP = "arn:aws:logs:eu-central-1:444455556666:log-group:trail:*"
CREDENTIALS = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIATHERE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::4:assumed-role/a/b</Arn>
</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"""
DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"""


@pytest.fixture
def refused() -> list[bool]:
    return []


@pytest.fixture
def aws(refused: list[bool], monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """STS, CloudWatch Logs, Identity Center: as much of them as is asked."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        target = request.headers.get("X-Amz-Target", "")
        text = json.dumps(
            {"queryId": "q", "queries": [{"queryId": "q", "queryString": "x\n# bg 0 1 2"}],
             "Instances": [{"InstanceArn": "a", "OwnerAccountId": "1"},
                           {"InstanceArn": "b", "OwnerAccountId": "2"}]}
        )  # fmt: skip
        if not target:
            text = DENIED if refused else CREDENTIALS
        request.send_response(403 if refused and not target else 200)
        request.end_headers()
        request.wfile.write(text.encode())

    with answering(answer) as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "AKIAHOME",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def asked(server: Answering) -> list[str]:
    """The credential scopes of what was asked: key, Region, service."""
    scopes = [headers["Authorization"].partition("Credential=")[2] for _, headers, _ in server.seen]
    return [" ".join((s.split("/")[0], *s.split("/")[2:4])) for s in scopes]


def test_another_accounts_log_group_is_asked_in_its_region_by_the_role(aws: Answering) -> None:
    trail = wiring.trail_of(GROUP, ROLE, "4711", Session())
    assert trail.start("filter 1", 0, 1, 1) == "q"
    assert trail.started("# bg") == [("q", "x\n# bg 0 1 2")] * 3
    assert trail.started("# other") == []
    assert asked(aws)[:2] == ["AKIAHOME eu-west-1 sts", "ASIATHERE eu-central-1 logs"]
    assert asked(aws).count("AKIAHOME eu-west-1 sts") == 1, "credentials are kept while they live"
    assert b"ExternalId=4711" in aws.seen[0][2]
    assert json.loads(aws.seen[1][2])["logGroupIdentifiers"] == [GROUP.removesuffix(":*")]


def test_a_shared_log_group_is_asked_by_its_arn_with_the_functions_own_role(aws: Answering) -> None:
    wiring.trail_of(GROUP, "", "", Session()).start("filter 1", 0, 1, 1)
    assert asked(aws) == ["AKIAHOME eu-central-1 logs"]


def test_a_log_group_of_ones_own_is_asked_by_its_name(aws: Answering) -> None:
    trail = wiring.trail_of("trail", "", "", Session())
    assert isinstance(trail, CloudTrail)
    trail.start("filter 1", 0, 1, 1)
    assert asked(aws) == ["AKIAHOME eu-west-1 logs"]
    assert json.loads(aws.seen[0][2])["logGroupNames"] == ["trail"]


@pytest.mark.parametrize("trail", [GROUP, "s3://logs"])
def test_a_role_that_cannot_be_assumed_is_said(
    trail: str, aws: Answering, refused: list[bool]
) -> None:
    refused.append(True)
    reads = wiring.trail_of(trail, ROLE, "4711", Session(), "b")
    with pytest.raises(Unavailable, match="AccessDenied for AssumeRole"):
        reads.page(reads.start("filter @message like 'x'", 0, 1, 10), 1)


def test_a_bucket_is_read_for_the_account_that_people_sign_in_to(aws: Answering) -> None:
    trail = wiring.trail_of("s3://logs/x", ROLE, "4711", Session(), "b")
    assert isinstance(trail, TrailBucket)
    assert json.loads(trail.start("", 0, 1, 10, ["3"]))[1] == ["2", "3"]


def test_where_there_are_several_instances_nobody_guesses_whose_it_is(aws: Answering) -> None:
    client: Any = Session().create_client("sso-admin")
    assert [owner(client, arn) for arn in ("a", "b", "c", "")] == ["1", "2", "", ""]


def test_no_query_is_started_a_second_time_for_an_answer_that_did_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may run all the same: so botocore must not repeat what it has sent."""

    def fails(request: BaseHTTPRequestHandler) -> None:
        request.send_response(500)
        request.end_headers()

    with answering(fails) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        trail = wiring.trail_of("trail", "", "", Session())
        with pytest.raises(Unavailable):
            trail.start("filter 1", 0, 1, 1)
        assert len(server.seen) == 1
        with pytest.raises(Unavailable):
            trail.page("q", 1)
        assert len(server.seen) == 3
