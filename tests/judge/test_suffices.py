"""What would have sufficed: CloudTrail's names of calls in IAM's names of actions."""

import json
from typing import Any

import pytest

from chalicelib.judge import suffices
from chalicelib.judge.suffices import Used, names
from tests.judge.calls import write
from tests.support import reported as report
from tests.trail.example import example_records, example_session
from tests.trail.records import event, sso_role


@pytest.mark.parametrize(
    ("source", "call", "actions"),
    [
        ("ec2", "DescribeInstances", ("ec2:DescribeInstances",)),
        ("s3", "ListBuckets", ("s3:ListAllMyBuckets",)),
        ("s3", "ListObjectsV2", ("s3:ListBucket",)),
        ("s3", "PutBucketLifecycle", ("s3:PutLifecycleConfiguration",)),
        ("s3", "CopyObject", ("s3:GetObject", "s3:PutObject")),
        ("monitoring", "DescribeAlarms", ("cloudwatch:DescribeAlarms",)),
        ("lambda", "UpdateFunctionCode20150331v2", ("lambda:UpdateFunctionCode",)),
        ("lambda", "Invoke", ("lambda:InvokeFunction",)),
        ("cloudfront", "UpdateDistribution2020_05_31", ("cloudfront:UpdateDistribution",)),
        ("apigateway", "CreateRestApi", ("apigateway:POST",)),
        ("apigateway", "GetStages", ("apigateway:GET",)),
        ("tagging", "GetResources", ("tag:GetResources",)),
        ("kms", "ReEncrypt", ("kms:ReEncryptFrom", "kms:ReEncryptTo")),
        ("bedrock-runtime", "Converse", ("bedrock:InvokeModel",)),
        ("sts", "GetCallerIdentity", ()),
        ("signin", "ConsoleLogin", ()),
        ("newservice", "DoThings", None),
        ("ec2", "not a name", None),
        ("apigateway", "Frobnicate", None),
    ],
)
def test_a_call_is_known_by_its_action(source: str, call: str, actions: Any) -> None:
    assert names().of(f"{source}.amazonaws.com", call) == actions


def test_every_action_in_the_table_is_one() -> None:
    for actions in names().action.values():
        for action in actions:
            prefix, _, name = action.partition(":")
            assert prefix
            assert suffices.NAME.fullmatch(name)


def test_what_was_used_becomes_a_policy_and_a_line() -> None:
    used = Used()
    for name in ("DescribeInstances", "DescribeInstances", "StopInstances"):
        used.add(event(name, "ec2", sso_role()))
    used.add(event("DoThings", "newservice", sso_role()))
    (statement,) = json.loads(used.policy())["Statement"]
    assert statement["Action"] == ["ec2:DescribeInstances", "ec2:StopInstances"]
    assert used.line() == (
        "2 actions of 1 service; not known as actions: newservice:DoThings; "
        "data events: not recorded"
    )
    used.add(event("GetObject", "s3", sso_role(), eventCategory="Data", managementEvent=False))
    assert used.line().endswith("as far as they are recorded")
    assert "s3:GetObject" in used.policy()


def test_a_role_that_is_handed_to_a_service_needs_pass_role() -> None:
    role = "arn:aws:iam::111122223333:role/r"
    for service, name, asked, passes in (
        ("lambda", "CreateFunction20150331", {"role": role}, True),
        ("ec2", "RunInstances", {"iamInstanceProfile": {"name": "p"}}, True),
        ("ecs", "RegisterTaskDefinition", {"taskRoleArn": role}, True),
        ("ec2", "RunInstances", {"imageId": "ami-0"}, False),
        ("iam", "UpdateRole", {"roleName": "r"}, False),
        ("kms", "CreateGrant", {"granteePrincipal": role}, False),
    ):
        used = Used()
        used.add(write(service, name, asked))
        assert ("iam:PassRole" in used.actions) is passes, name


def test_what_is_kept_between_two_pieces_says_the_same() -> None:
    used = Used()
    used.add(event("DescribeInstances", "ec2", sso_role()))
    used.add(event("DoThings", "newservice", sso_role()))
    again = Used.from_json(json.loads(json.dumps(used.to_json())))
    assert (again.policy(), again.line()) == (used.policy(), used.line())


def test_a_report_says_what_would_have_sufficed_and_attaches_it() -> None:
    made = report.build(example_session(), example_records())
    _, text, html, attachments = report.to_mail(made)
    policy = next(content for name, _, content in attachments if name.endswith("-policy.json"))
    actions = json.loads(policy)["Statement"][0]["Action"]
    assert "secretsmanager:GetSecretValue" in actions
    assert "kms:Decrypt" in actions  # a service did it, by the person's permission
    assert "cloudtrail:StopLogging" not in actions  # it was refused
    assert "cloudformation:UpdateStack" not in actions  # the role that was taken on may
    for words in (text, html):
        assert "data events: not recorded" in words


def test_very_many_actions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suffices, "MOST", 5)
    used = Used()
    for number in range(9):
        used.add(event(f"Describe{number}", "ec2", sso_role()))
    assert len(used.actions) == 5
    assert "more than are counted" in used.line()
