"""Records and sessions of a kind that is seldom seen are told as what they are, all the same."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.report import evidence
from chalicelib.trail.event import Event, Ownership, moment
from tests.support import reported as report
from tests.trail.records import Record, event, saml, session_of, sso_role
from tests.trail.sieved import sift

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEVER = {"gone_at": None, "ended_at": None, "lag_gone": None}


def sifted(*records: Record) -> tuple[Event, ...]:
    return tuple(sift(Ownership.of(session_of()), records).events)


def told(*records: Record, **changes: Any) -> str:
    return report.to_mail(report.build(session_of(**changes), records))[1]


@pytest.mark.parametrize(
    "said",
    [
        NOON.timestamp(),
        NOON.timestamp() * 1000,
        "2026-11-22T12:00:00Z",
        "2026-11-22 12:00:00",
        " 2026-11-22T13:00:00+01:00 ",
    ],
)
def test_a_time_is_read_however_it_is_written(said: Any) -> None:
    assert moment(said) == NOON


@pytest.mark.parametrize(
    "said", [None, True, [], {}, "", "soon", 1e300, float("nan"), "2026-13-01"]
)
def test_what_is_no_time_is_none(said: Any) -> None:
    assert moment(said) is None


def test_whether_it_was_a_read_may_be_said_in_a_word() -> None:
    reads = [sifted(event("Reboot", "rds", sso_role(), readOnly=w))[0] for w in ("True", "false")]
    assert [each.read_only for each in reads] == [True, False]


def test_what_a_call_was_about_may_stand_beside_it() -> None:
    beside = [{"type": "AWS::KMS::Key"}, {"ARN": "arn:aws:kms:eu-west-1:1:key/x"}]
    (found,) = sifted(event("Sign", "kms", sso_role(), resources=beside))
    assert found.resource == "arn:aws:kms:eu-west-1:1:key/x"
    (found,) = sifted(event("Sign", "kms", sso_role(), resources=[{"type": "AWS::KMS::Key"}]))
    assert found.resource == ""


def test_a_sign_in_that_was_turned_away_is_the_persons_own() -> None:
    refused = saml() | {"responseElements": None, "errorCode": "AccessDenied"}
    assert [each.name for each in sifted(refused)] == ["AssumeRoleWithSAML"]
    assert sifted(saml("bob") | {"responseElements": None}) == ()


def test_access_that_was_not_seen_to_come_is_said_where_there_are_calls() -> None:
    said = told(event("ListUsers", "iam", sso_role()), granted_at=None)
    assert "Access was not seen to come, and yet there are calls" in said


def test_what_has_not_come_to_pass_is_not_told() -> None:
    said = told(event("ListUsers", "iam", sso_role()), **NEVER)
    assert "1 call" in said
    assert "None" not in said


def test_many_regions_are_told_by_the_busiest() -> None:
    regions = [f"eu-west-{number}" for number in range(1, 7)]
    calls = [event("ListUsers", "iam", sso_role(), awsRegion=region) for region in regions]
    assert "eu-west-1, eu-west-2, eu-west-3, eu-west-4 and 2 more" in told(*calls)


def test_a_call_from_nowhere_is_told_without_a_place() -> None:
    said = told(event("ListUsers", "iam", sso_role(), awsRegion="", sourceIPAddress=""))
    assert "1 call, 0 changes, 0 refused." in said


def test_a_read_without_its_record_is_in_the_table_and_not_among_the_records() -> None:
    (full,) = sifted(event("ListUsers", "iam", sso_role()))
    bare = full._replace(record=b"")
    assert evidence.json_lines([bare]) == b""
    assert b"ListUsers" in evidence.table([bare])
