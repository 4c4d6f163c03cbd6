"""What is said where no rule speaks, where a call failed, and of the access portal."""

import pytest

from chalicelib.judge.call import Call
from chalicelib.judge.judgement import FAILED, REFUSED, SIGN_IN_FAILED, judge_portal
from tests.judge.calls import verdict, write
from tests.trail.records import ACCOUNT


@pytest.mark.parametrize(
    ("error", "reason"),
    [("", "changed"), ("ThrottlingException", f"{FAILED}changed"), ("AccessDenied", "refused")],
)
def test_a_call_that_no_rule_knows_is_a_change_or_the_attempt(error: str, reason: str) -> None:
    facts = {"errorCode": error} if error else {}
    said = verdict("madeup", "FrobnicateThing", **facts)
    assert (said.severity, said.reason) == ("low", reason)


def test_a_small_change_that_failed_is_a_change_that_failed() -> None:
    said = verdict("iam", "TagUser", {"userName": "u"}, errorCode="LimitExceeded")
    assert said.reason == f"{FAILED}changed"


def test_a_sign_in_that_failed_says_so() -> None:
    said = verdict("signin", "HandOutSomething", errorCode="UnauthorizedException")
    assert said.reason == SIGN_IN_FAILED


def test_an_attempt_weighs_a_step_less_and_says_so() -> None:
    done = verdict("secretsmanager", "GetSecretValue", {"secretId": "s"})
    for error, what in (("AccessDenied", REFUSED), ("ThrottlingException", FAILED)):
        tried = verdict("secretsmanager", "GetSecretValue", {"secretId": "s"}, errorCode=error)
        assert tried.reason == what + done.reason
        assert tried.weight < done.weight


@pytest.mark.parametrize("service", ["sts", "cloudshell", "signin"])
def test_what_leaves_the_account_as_it_was_is_nothing(service: str) -> None:
    assert not verdict(service, "HandOutSomething")


def test_a_rule_may_say_that_it_is_nothing() -> None:
    asked = {"externalId": "x"}
    by_a_service = {"userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}}
    assert not verdict("sts", "AssumeRole", asked, readOnly=True, **by_a_service)


def test_of_the_portal_only_what_failed_is_said() -> None:
    record = write("sso", "Authenticate", readOnly=True)
    assert not judge_portal(Call(record, ACCOUNT))
    failed = judge_portal(Call(record | {"errorCode": "UnauthorizedException"}, ACCOUNT))
    assert (failed.severity, failed.reason) == ("medium", SIGN_IN_FAILED)
    assert failed.weight > 0
