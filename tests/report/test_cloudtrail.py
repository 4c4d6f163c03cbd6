"""The search of the trail, against a log group that behaves as CloudWatch's does."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.adapters.cloudtrail import CloudTrail
from chalicelib.domain.errors import Lost, Unavailable
from chalicelib.domain.session import Session
from chalicelib.report import reading, search
from chalicelib.report.reading import SessionReports
from tests.support import reported as report
from tests.trail.labelled import cases
from tests.trail.logs import UNTIL, Kept, Logs, Reader, lines
from tests.trail.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    Record,
    assume_role,
    event,
    key_of,
    session_of,
    sso_role,
    taken_role,
)


@dataclass(frozen=True)
class Found:
    said: str

    @property
    def truncated(self) -> bool:
        return "There were more events than the search gives" in self.said

    @property
    def silent(self) -> bool:
        return "is the trail delivering?" in self.said


def searched(logs: Logs, session: Session) -> tuple[Found, list[Record]]:
    """The whole of a search, as a worker goes through it."""
    reader = Reader(logs, session)
    reported = reader.report()
    found = {json.dumps(record): record for record in reader.trail.records}  # read more than once
    return Found(" ".join(reported.summary)), list(found.values())


def ids(records: Iterable[Any]) -> set[str]:
    return {each["eventID"] for each in records}


@pytest.mark.parametrize("polls", [0, 2])
@pytest.mark.parametrize("most", [100_000, 25])
def test_nothing_of_the_session_is_missed(most: int, polls: int) -> None:
    for case in cases()[:5]:
        needed = [each.record for each in case.records if each.label in ("portal", "account")]
        logs = Logs(lines([each.record for each in case.records]), most=most, polls=polls)
        answer, found = searched(logs, case.session)
        inside = report.build(case.session, needed).events
        assert {each.id for each in report.build(case.session, found).events} == {
            each.id for each in inside
        }
        assert not answer.truncated
        assert not answer.silent


def test_credentials_are_followed_into_records_that_do_not_name_the_person() -> None:
    keys = [key_of("deep", n) for n in range(4)]
    records = [assume_role(sso_role(), "R0", "s", keys[0], OTHER_ACCOUNT, 1)]
    for n in range(3):
        here = taken_role(f"R{n}", "s", keys[n], OTHER_ACCOUNT, created=1 + n)
        records.append(assume_role(here, f"R{n + 1}", "s", keys[n + 1], OTHER_ACCOUNT, 2 + n))
    last = taken_role("R3", "s", keys[3], OTHER_ACCOUNT, created=4)
    records.append(event("ListUsers", "iam", last, 6, recipientAccountId=OTHER_ACCOUNT))
    logs = Logs(lines(records))
    _, found = searched(logs, session_of())
    assert ids(found) == ids(records)
    assert len(logs.asked) == 1 + 4  # the person, and a query for each hop


def test_pages_are_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 3)
    records = [event("ListUsers", "iam", sso_role(), n / 60, n=n) for n in range(20)]
    _, found = searched(Logs(lines(records)), session_of())
    assert ids(found) == ids(records)


def test_a_full_query_is_gone_on_with_where_it_stopped() -> None:
    records = [event("ListUsers", "iam", sso_role(), n / 6, n=n) for n in range(100)]
    logs = Logs(lines(records), most=30)
    answer, found = searched(logs, session_of())
    assert ids(found) == ids(records)
    assert not answer.truncated
    assert len(logs.asked) <= 6


def test_more_in_a_second_than_a_query_gives_is_said() -> None:
    records = [event("ListUsers", "iam", sso_role(), 10, n=n) for n in range(50)]
    answer, found = searched(Logs(lines(records), most=20), session_of())
    assert len(ids(found)) == 20
    assert answer.truncated


def test_a_search_has_an_end_however_much_there_is() -> None:
    records = [event("ListUsers", "iam", sso_role(), n / 60, n=n) for n in range(500)]
    logs = Logs(lines(records), most=3)
    answer, found = searched(logs, session_of())
    assert answer.truncated
    assert found
    assert len(logs.asked) <= search.QUERIES + 1


def test_hundreds_of_roles_fit_into_a_query() -> None:
    records = []
    for n in range(400):
        name = f"s-{n}"
        records.append(assume_role(sso_role(), "Deploy", name, key_of(n), minutes=n / 60))
        here = taken_role("Deploy", name, key_of(n), created=n / 60)
        records.append(event("ListUsers", "iam", here, n / 60 + 1))
    _, found = searched(Logs(lines(records)), session_of())
    assert ids(found) == ids(records)


def test_silence_is_told_from_an_idle_person() -> None:
    someone = event("ListUsers", "iam", sso_role("carol"))
    elsewhere = event("ListUsers", "iam", sso_role("carol"), recipientAccountId=OTHER_ACCOUNT)
    granted = event(
        "CreateAccountAssignment",
        "sso",
        sso_role("carol"),
        requestParameters={"targetId": ACCOUNT},
        recipientAccountId=OTHER_ACCOUNT,
    )
    assert not searched(Logs(lines([someone])), session_of())[0].silent
    assert searched(Logs(lines([elsewhere, granted])), session_of())[0].silent
    assert searched(Logs([]), session_of())[0].silent


def test_a_message_that_is_no_record_is_counted() -> None:
    messages = [
        'not json, "ana.silva"',
        '["ana.silva"]',
        '{"a": "ana.silva"',
        '"ana.silva"' + "9" * 5000,
    ]
    answer, found = searched(Logs(messages), session_of("ana.silva"))
    made = report.build(session_of("ana.silva"), found)
    assert made.sifted.seen == made.sifted.unjudged == made.unread.count == 4
    assert "4 records of the trail could not be read" in answer.said
    assert "not used" not in answer.said
    ((name, kind, content),) = report.to_mail(made)[3]
    assert (name, kind) == ("bg-20261122-7f3a-unread.txt", "text/plain")
    assert sorted(content.decode().splitlines()) == sorted(messages)
    assert not answer.truncated


@pytest.mark.parametrize(
    "name",
    [
        '" or @message like "',
        "a/b|limit 1",
        "x\\",
        "'",
        "b",
        "юлия",
        "юлия.petrova",
        "",
        "a\nb",
        "`",
    ],
)
def test_a_hostile_name_cannot_change_the_query(name: str) -> None:
    session = session_of("ana").with_(user_name=name)
    record = event("ListUsers", "iam", sso_role(name, behalf="ana"))
    logs = Logs(lines([record]))
    _, found = searched(logs, session)
    assert ids(found) == ids([record])
    shape = r'fields @timestamp, @ingestionTime, @message \| filter (?:@message like (?:"[\w+=,.@:-]+"|/\[\\/:"\][\w+=,.@:\\-]+"/)(?: or )?)+ \| sort @timestamp asc\n# break-glass [\w-]+ REPORTING [0-9a-f]{8} 0 \d+ \d+'  # noqa: E501
    assert re.fullmatch(shape, logs.asked[0]["queryString"], re.ASCII)


def test_the_window_is_the_session_s() -> None:
    logs = Logs([])
    trail = CloudTrail(logs, "arn:aws:logs:eu-west-1:1:log-group:trail:*")
    SessionReports(trail, Kept()).go_on(session_of(), UNTIL, lambda: timedelta(minutes=1))
    asked = logs.asked[0]
    assert asked["logGroupIdentifiers"] == ["arn:aws:logs:eu-west-1:1:log-group:trail"]
    start = session_of().grant_asked_at
    assert start is not None
    assert start.timestamp() - 600 <= asked["startTime"] <= start.timestamp()
    assert asked["endTime"] >= UNTIL.timestamp()


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "LimitExceededException", "Message": "m"}}, "StartQuery"),
        ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetQueryResults"),
        EndpointConnectionError(endpoint_url="https://logs"),
    ],
)
def test_every_error_is_unavailable(error: Exception) -> None:
    logs = Logs([])
    trail = CloudTrail(logs, "trail")
    query_id = trail.start("filter 1", 0, 1, 1)
    for call in (
        lambda: trail.start("filter 1", 0, 1, 1),
        lambda: trail.page(query_id, 10),
        lambda: trail.stop(query_id),
    ):
        logs.failing = [error]
        with pytest.raises(Unavailable):
            call()


@pytest.mark.parametrize(
    ("said", "last"),
    [("2026-11-22 15:04:05.000", 1795359845), ("1795359845123", 1795359845),
     ("2026-11-22T15:04:05.000Z", 1795359845), ("yesterday", None), ("", None)],
)  # fmt: skip
def test_a_time_is_read_in_whatever_form_the_log_gives_it(said: str, last: int | None) -> None:
    logs = Logs([])
    trail = CloudTrail(logs, "trail")
    query_id = trail.start("filter 1", 0, 1, 1)
    row = [{"field": "@message", "value": "{}"}, {"field": "@timestamp", "value": said}]
    logs.queries[query_id]["found"] = [row]
    page = trail.page(query_id, 10)
    assert page is not None
    assert page.last == last
    assert ("@timestamp" in page.records[0]) is bool(said)


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_a_query_that_came_to_nothing_is_lost(status: str) -> None:
    logs = Logs([])
    trail = CloudTrail(logs, "trail")
    query_id = trail.start("filter 1", 0, 1, 1)
    logs.status = status
    with pytest.raises(Lost, match=status):
        trail.page(query_id, 10)


def test_a_query_that_is_not_known_any_more_is_lost() -> None:
    with pytest.raises(Lost):
        CloudTrail(Logs([]), "trail").page("q-9", 10)
