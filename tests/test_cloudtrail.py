"""The search of the trail, against a log group that behaves as CloudWatch's does."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib import report
from chalicelib.adapters import cloudtrail
from chalicelib.adapters.cloudtrail import CloudTrail
from chalicelib.ports import TrailAnswer, Unavailable
from chalicelib.session import Session
from chalicelib.trail_events import moment
from tests.trail.example import example_records, example_session
from tests.trail.labelled import cases
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

UNTIL = datetime(2026, 11, 22, 17, 20, tzinfo=UTC)


class Logs:
    """CloudWatch Logs with one group: queries run for a while, and give so many rows and no more.

    `like "…"` and `like /…/` are all of the query language that it knows, joined by `or`.
    """

    def __init__(self, messages: Iterable[str], *, most: int = 100_000, polls: int = 0) -> None:
        rows = []
        for message in messages:
            time = moment(re.search(r'"eventTime": ?"([^"]*)"|$', message)[1])  # type: ignore[index]
            rows.append((time or UNTIL - timedelta(minutes=30), message))
        self.rows = sorted(rows)
        self.most, self.polls = most, polls
        self.queries: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.failing: list[Exception] = []
        self.status = "Complete"

    def start_query(self, **asked: Any) -> dict[str, str]:
        if self.failing:
            raise self.failing.pop()
        self.asked.append(asked)
        assert len(asked["queryString"]) <= 10_000
        terms = [
            re.compile(found[1] or re.escape(found[2]))
            for found in re.finditer(r'like (?:/((?:\\.|[^/])*)/|"(.*?)")', asked["queryString"])
        ]
        start, end = asked["startTime"], asked["endTime"]
        found = [
            [
                {"field": "@timestamp", "value": f"{time:%Y-%m-%d %H:%M:%S.000}"},
                {"field": "@ingestionTime", "value": f"{UNTIL:%Y-%m-%d %H:%M:%S.000}"},
                {"field": "@message", "value": message},
                {"field": "@ptr", "value": "p"},
            ]
            for time, message in self.rows
            if start <= time.timestamp() <= end and any(term.search(message) for term in terms)
        ]
        name = f"q-{len(self.asked)}"
        self.queries[name] = {
            "found": found[: min(self.most, asked["limit"])],
            "matched": float(len(found)),
            "polls": self.polls,
        }
        return {"queryId": name}

    def get_query_results(
        self, *, queryId: str, maxItems: int, nextToken: str = "0"  # noqa: N803
    ) -> dict[str, Any]:  # fmt: skip
        if self.failing:
            raise self.failing.pop()
        query = self.queries[queryId]
        if query["polls"] > 0:
            query["polls"] -= 1
            return {"status": "Running", "results": [], "statistics": {"recordsMatched": 1.0}}
        begin = int(nextToken)
        page: dict[str, Any] = {
            "status": self.status,
            "results": query["found"][begin : begin + maxItems],
            "statistics": {"recordsMatched": query["matched"]},
        }
        if begin + maxItems < len(query["found"]):
            page["nextToken"] = str(begin + maxItems)
        return page


def lines(records: Sequence[Record]) -> list[str]:
    return [json.dumps(record) for record in records]


def searched(logs: Logs, session: Session, looks: int = 60) -> tuple[TrailAnswer, list[Record]]:
    """The whole of a search, as a worker goes through it."""
    trail = CloudTrail(logs, "trail")
    token = trail.ask(session, UNTIL)
    for _ in range(looks):
        assert len(token) < 20_000
        answer = trail.answer(token)
        if answer is not None and not answer.rest:
            return answer, list(answer.records)
        token = answer.rest if answer else token
    raise AssertionError("the search has no end")


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


def test_an_answer_that_is_not_all_says_so() -> None:
    trail = CloudTrail(Logs(lines(example_records())), "trail")
    answer = trail.answer(trail.ask(example_session(), UNTIL))
    assert answer is not None
    assert answer.rest
    assert answer.truncated


def test_pages_are_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail, "PAGE", 3)
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
    assert len(logs.asked) <= cloudtrail.QUERIES + 1


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
    assert made.sifted.seen == made.sifted.unjudged == 4
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
    shape = r'fields @timestamp, @ingestionTime, @message \| filter (?:@message like (?:"[\w+=,.@:-]+"|/\[\\/:"\][\w+=,.@:\\-]+"/)(?: or )?)+ \| sort @timestamp asc'  # noqa: E501
    assert re.fullmatch(shape, logs.asked[0]["queryString"], re.ASCII)


def test_the_window_is_the_session_s() -> None:
    logs = Logs([])
    CloudTrail(logs, "arn:aws:logs:eu-west-1:1:log-group:trail:*").ask(session_of(), UNTIL)
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
    logs.failing = [error]
    with pytest.raises(Unavailable):
        trail.ask(session_of(), UNTIL)
    token = trail.ask(session_of(), UNTIL)
    logs.failing = [error]
    with pytest.raises(Unavailable):
        trail.answer(token)


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_a_query_that_came_to_nothing_is_unavailable(status: str) -> None:
    logs = Logs([])
    trail = CloudTrail(logs, "trail")
    token = trail.ask(session_of(), UNTIL)
    logs.status = status
    with pytest.raises(Unavailable, match=status):
        trail.answer(token)


@pytest.mark.parametrize("token", ["", "q-1", "[]", "{}", "null", "[1,2,3,4,5,6,7,8]"])
def test_a_token_of_another_version_is_unavailable(token: str) -> None:
    with pytest.raises(Unavailable):
        CloudTrail(Logs([]), "trail").answer(token)
