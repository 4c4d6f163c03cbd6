"""Every ARN follows the deployment's partition, and elsewhere it is refused with a sentence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.deployer import PolicyGenerator
from chalice.utils import OSUtils

from chalicelib.config import settings
from chalicelib.deploy import partitions

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / ".chalice").glob("policy-*.json"))
KNOWN = settings.load({}, (ROOT / "chalicelib" / "glasses.example.toml").read_text())


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_each_policy_names_arns_of_the_partition_alone(
    policy: Path, partition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = "_read_document_from_file"
    monkeypatch.setattr(PolicyGenerator, reads, getattr(PolicyGenerator, reads))  # put back
    partitions.install(partition)
    made = PolicyGenerator(None, OSUtils())._read_document_from_file(str(policy))
    arns = [text for text in texts(made) if text.startswith("arn:")]
    assert {arn.split(":")[1] for arn in arns} == {partition}
    back = json.loads(json.dumps(made).replace(f"arn:{partition}:", "arn:aws:"))
    assert back == json.loads(policy.read_text()), "and nothing else is changed"


def test_cloudformation_puts_in_its_own() -> None:
    made = partitions.fitted({"Resource": ["arn:aws:sqs:*:*:x", "*"]}, "${AWS::Partition}")
    assert made == {"Resource": [{"Fn::Sub": "arn:${AWS::Partition}:sqs:*:*:x"}, "*"]}


@pytest.mark.parametrize("region", ["eu-west-1", "cn-northwest-1", "us-gov-east-1"])
def test_in_these_partitions_it_is_deployed(region: str) -> None:
    assert partitions.mistakes(region, replace(KNOWN, glasses={})) == []


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("us-iso-east-1", "the partition aws-iso:"),
        ("us-isob-east-1", "the partition aws-iso-b:"),
        ("eusc-de-east-1", "the partition aws-eusc:"),
        ("nowhere", "no partition that is known"),
        ("", "no Region: set AWS_DEFAULT_REGION"),
    ],
)
def test_elsewhere_it_is_refused_with_a_sentence(region: str, said: str) -> None:
    (mistake,) = partitions.mistakes(region, KNOWN)
    assert said in mistake


def test_an_arn_of_another_partition_is_a_mistake_with_its_key() -> None:
    topic = "arn:aws:sns:us-east-1:111122223333:break-glass-oncall"
    glass = replace(KNOWN.glasses["prod"], tell_to=topic)
    wrong = replace(KNOWN, alarm_to=topic, glasses={"prod": glass})
    assert partitions.mistakes("cn-north-1", wrong) == [
        f"{key}: {topic} is of another partition; in cn-north-1 it begins with arn:aws-cn:"
        for key in ("alarm_to", "[glass.prod] tell_to")
    ]


def test_no_arn_of_ours_has_its_partition_written_in_code() -> None:
    """Patterns and examples apart: what is asked of AWS is made of what AWS has said."""
    known = {
        "chalicelib/deploy/partitions.py": 1,  # as the policies have it
        "chalicelib/deploy/deployment.py": 1,  # the placeholder, where nothing is deployed
        "chalicelib/judge/openness.py": 4,  # compared with records, brought to this form
    }
    found = {}
    for file in sorted((ROOT / "chalicelib").rglob("*.py")):
        lines = file.read_text().splitlines()
        count = sum(
            line.count("arn:aws:") for line in lines if "“arn:" not in line and "`arn:" not in line
        )
        if count:
            found[str(file.relative_to(ROOT))] = count
    assert found == known
