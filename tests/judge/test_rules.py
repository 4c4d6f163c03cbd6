"""The rules as data: whole, in order, each with an example that it judges."""

import json
from itertools import pairwise

import pytest

from chalicelib.judge import rules
from chalicelib.judge.call import Call
from chalicelib.judge.judgement import judge
from chalicelib.judge.rules import SEVERITIES, BadRule, Rule, book, standard
from tests.judge.calls import matching, of_example, verdict, write
from tests.trail.records import ACCOUNT

BOOK = standard()


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_every_rule_matches_its_own_example(rule: Rule) -> None:
    assert rule.id in matching(of_example(rule.example, read_only=rule.reads))


def test_every_rule_says_why_and_how_one_knows() -> None:
    for rule in BOOK.rules:
        assert rule.reason in BOOK.kinds, rule.id
        assert rule.severity in SEVERITIES, rule.id
        assert rule.source, rule.id
    ids = [rule.id for rule in BOOK.rules]
    assert len(ids) == len(set(ids))
    known = {*ids, "*"}
    assert all(rule.instead_of <= known for rule in BOOK.rules)


def test_kinds_of_a_severity_never_outweigh_the_next_one() -> None:
    heaviest, lightest = max(BOOK.kinds.values()), min(BOOK.kinds.values())
    assert heaviest - lightest < rules.STEP
    for lower, higher in pairwise(SEVERITIES[1:]):
        assert BOOK.weight(lower, "watching switched off") < BOOK.weight(higher, "changed")


def test_the_kinds_stand_in_the_order_of_their_weight() -> None:
    kinds = [*BOOK.kinds]
    assert kinds[0] == "watching switched off"
    assert kinds.index("permissions changed") < kinds.index("secret read") < kinds.index("changed")


OWN = {
    "id": "our-vault",
    "calls": ["s3:GetObject"],
    "when": {"bucketName": "vault-*"},
    "reads": True,
    "severity": "critical",
    "reason": "secret read",
}


def test_settings_add_a_rule() -> None:
    read = write("s3", "GetObject", {"bucketName": "vault-1", "key": "k"}, readOnly=True)
    assert not judge(Call(read, ACCOUNT))
    said = judge(Call(read, ACCOUNT), book([OWN]))
    assert (said.severity, said.reason, said.rule) == ("critical", "secret read", "our-vault")


def test_settings_lower_a_rule_and_nothing_is_hidden_by_that() -> None:
    record = write("secretsmanager", "GetSecretValue", {"secretId": "s"}, readOnly=True)
    said = judge(Call(record, ACCOUNT), book([{"id": "secret", "severity": "low"}]))
    assert (said.severity, said.reason) == ("low", "secret read")
    with pytest.raises(BadRule, match="hide"):
        book([{"id": "secret", "severity": "none"}])


def test_a_reason_of_ones_own_is_the_heaviest_of_its_severity() -> None:
    ours = book([OWN | {"reason": "our vault was opened"}])
    assert ours.weight("high", "our vault was opened") > ours.weight("high", "secret read")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**OWN, "severity": "grave"}, "none of critical, high, medium, low"),
        ({**OWN, "sevrity": "high"}, "sevrity is nothing that a rule has"),
        ({k: v for k, v in OWN.items() if k != "calls"}, "it lacks calls"),
        ({**OWN, "calls": ["GetObject"]}, "write service:Name"),
        ({**OWN, "reach": "world"}, "everybody, accounts or unclear"),
        ({**OWN, "calls": 7}, "our-vault"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(rule: dict[str, object], said: str) -> None:
    with pytest.raises(BadRule, match=said):
        book([rule])


def test_a_parameter_is_compared_as_its_pattern_says() -> None:
    days = {"LifecycleConfiguration": {"Rule": {"Status": "Enabled", "Expiration": {"Days": 1}}}}
    assert verdict("s3", "PutBucketLifecycle", days).reason == "destroyed"
    later = json.loads(json.dumps(days).replace("1", "730"))
    assert verdict("s3", "PutBucketLifecycle", later).reason == "changed"
    off = json.loads(json.dumps(days).replace("Enabled", "Disabled"))
    assert verdict("s3", "PutBucketLifecycle", off).reason == "changed"


def test_a_huge_number_of_names_is_not_remembered() -> None:
    known = {("x", f"Name{number}", False): () for number in range(20_050)}
    BOOK._found.update(known)  # asking for each would take seconds
    BOOK.of("x", "Another")
    assert len(BOOK._found) < 20_050
