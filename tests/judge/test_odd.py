"""No request however odd breaks the judge, nor what is said of it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.judge.call import DEEPEST, LEAVES, Call, leaves
from chalicelib.judge.judgement import about, judge
from chalicelib.judge.rules import SEVERITIES, standard
from chalicelib.judge.suffices import Used
from tests.judge.calls import verdict, write

CALLS = [
    ("s3", "PutBucketPolicy"), ("ec2", "AuthorizeSecurityGroupIngress"), ("iam", "CreateRole"),
    ("ec2", "ModifyInstanceAttribute"), ("lambda", "AddPermission20150331v2"),
    ("rds", "ModifyDBInstance"), ("s3", "PutBucketAcl"), ("ec2", "RunInstances"),
    ("events", "PutRule"), ("x", "DescribeThings"), ("ssm", "SendCommand"), ("kms", "CreateGrant"),
]  # fmt: skip
WORDS = """Statement Effect Principal AWS Condition StringEquals aws:SourceIp policy items cidrIp
userId add group instanceId name arn state password publiclyAccessible principal enabled logging"""
NAMES = st.sampled_from(WORDS.split()) | st.text(max_size=5)
VALUES = st.sampled_from([
    "*", "Allow", "Deny", "0.0.0.0/0", "::/0", "all", "i-0", "999988887777", '{"Effect":"Allow"}',
    "arn:aws:iam::999988887777:root", "DISABLED", "{", "[", "", "true",
])  # fmt: skip
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=14,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(call=st.sampled_from(CALLS), asked=JSON, answer=JSON, home=st.sampled_from(["", "1"]))
def test_whatever_is_asked_gets_a_judgement(
    call: tuple[str, str], asked: Any, answer: Any, home: str
) -> None:
    record = write(*call, asked, responseElements=answer)
    found = Call(record, home)
    said = judge(found)
    assert said.severity in SEVERITIES
    assert said.reason.rpartition(": ")[2] in {"", *standard().kinds}
    assert (said.weight > 0) is bool(said.reason)
    assert isinstance(about(found, said), str)
    Used().add(record)


@pytest.mark.parametrize("field", ["eventName", "eventSource", "userIdentity", "errorCode"])
@pytest.mark.parametrize("odd", [None, 7, [], {}, "x" * 9_000, "\ud800"])
def test_a_record_whose_fields_are_odd_is_judged(field: str, odd: Any) -> None:
    record = write("iam", "CreateUser", {"userName": "u"}) | {field: odd}
    judge(Call(record))
    Used().add(record)


def test_a_request_without_end_is_looked_at_so_far_and_no_further() -> None:
    deep: Any = {"enabled": False}
    for _ in range(DEEPEST * 3):
        deep = {"logging": deep}
    assert verdict("x", "UpdateThing", deep).reason == "changed"
    assert len(leaves({str(n): "x" for n in range(LEAVES * 2)})) == LEAVES
