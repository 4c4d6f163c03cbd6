"""The report: whose events, what it says of them, and that nothing in them can do harm."""

import csv
import io
import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.domain.machine import Event
from chalicelib.judge.rules import usable
from chalicelib.report import evidence
from chalicelib.trail.event import Ownership
from chalicelib.words import messages
from tests.support import reported as report
from tests.support.stories import NOON, active
from tests.trail import outcomes, score
from tests.trail.example import FIRST_REPORT, example_records, example_session, late_records
from tests.trail.labelled import issued
from tests.trail.odd import odd_records
from tests.trail.records import (
    ACCOUNT,
    Record,
    event,
    portal,
    session_of,
    sso_role,
    without,
)
from tests.trail.sieved import sift
from tests.trail.weighed import weighed

Mail = tuple[str, str, str, tuple[tuple[str, str, bytes], ...]]


def mail_of(records: list[Any], **changes: Any) -> Mail:
    return report.to_mail(report.build(session_of(**changes), records))


def in_slack(made: report.Report) -> dict[str, Any]:
    return messages.report(made.session.with_(summary=report.told(made)))


def test_a_time_in_a_name_stays_as_it_was_and_forges_none() -> None:
    """Who names a thing is whoever is reported on."""
    name = "_x_ *y* 2026-11-22 15:04 UTC <!date^0^{time}|00:00 UTC>"
    records = [event("DeleteTrail", "cloudtrail", sso_role(), requestParameters={"name": name},
                     readOnly=False)]  # fmt: skip
    said = in_slack(report.build(session_of(), records))["text"]
    assert "ˍx_ ∗y∗ 2026-11-22 15:04\xa0UTC &lt;!date^0" in said
    assert said.count("<!date^") == 1, "when it was done"


def test_a_report_that_somebody_has_to_review_says_who_may() -> None:
    owes = mail_of([], review=timedelta(days=5), may_review="somebody of the group leads")
    assert "owed, by somebody of the group leads" in owes[1]
    assert "owed, by" not in mail_of([])[1]


# Whose events ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_every_labelled_record_is_told_apart_in_any_order(seed: int) -> None:
    wrong = [each for each in outcomes(seed) if not each.right]
    assert not wrong
    assert score(seed) == (1.0, 1.0)


def test_what_cannot_be_judged_is_counted_and_said() -> None:
    unclear = [each.labelled.record for each in outcomes() if each.labelled.label == "unclear"]
    made = report.build(session_of(), [*unclear, "no record at all", None, 7])
    assert made.count == 0
    assert made.sifted.seen == len(unclear) + 3
    assert "could not be judged" in report.to_mail(made)[1]


def test_a_record_that_comes_twice_counts_once() -> None:
    record = event("ListUsers", "iam", sso_role())
    made = report.build(session_of(), [record, record])
    assert (made.count, made.sifted.repeated) == (1, 1)


def test_records_are_not_altered() -> None:
    records = example_records()
    before = json.dumps(records)
    report.build(example_session(), records)
    assert json.dumps(records) == before


# What it says ------------------------------------------------------------------------------------


def test_the_first_report_reads_well(snapshot: Any) -> None:
    made = report.build(example_session(), example_records())
    _, text, html, _ = report.to_mail(made)
    snapshot("report.txt", text)
    snapshot("report.html", html)
    snapshot("report-slack.json", json.dumps(in_slack(made), indent=1, ensure_ascii=False))


def test_the_final_report_marks_what_is_new(snapshot: Any) -> None:
    first = report.build(example_session(), example_records())
    told = example_session(
        report_events=first.count, report_digest=first.digest, reported_at=FIRST_REPORT
    )
    made = report.build(told, [*late_records(), *example_records()], final=True)
    assert made.adds_something
    assert made.new_is_exact
    assert {each.name for each in made.events if each.new} == {"PutBucketPolicy", "ListBuckets"}
    assert sum(each.new for each in made.events) == 2
    _, text, html, _ = report.to_mail(made)
    snapshot("report-final.txt", text)
    snapshot("report-final.html", html)


def test_a_final_report_with_nothing_new_adds_nothing() -> None:
    first = report.build(example_session(), example_records())
    told = example_session(
        report_events=first.count, report_digest=first.digest, reported_at=FIRST_REPORT
    )
    made = report.build(told, reversed(example_records()), final=True)
    assert not made.adds_something
    assert not any(each.new for each in made.events)


def test_a_record_that_came_late_to_the_trail_is_new_whenever_it_happened() -> None:
    records = [event("ListUsers", "iam", sso_role(), m) | {"@ingestionTime": 0} for m in (5, 9)]
    for record, minutes in zip(records, (61, 200), strict=True):
        record["@ingestionTime"] = (FIRST_REPORT + timedelta(minutes=minutes - 90)).isoformat()
    first = report.build(session_of(), records[:1])
    told = session_of(
        report_events=first.count, report_digest=first.digest, reported_at=FIRST_REPORT
    )
    made = report.build(told, records, final=True)
    assert [each.new for each in made.events] == [False, True]


def test_what_is_new_is_told_by_time_and_said_to_be_where_the_count_does_not_hold() -> None:
    told = session_of(report_events=1, report_digest="0" * 32, reported_at=FIRST_REPORT)
    made = report.build(told, [event("ListUsers", "iam", sso_role())], final=True)
    assert made.adds_something
    assert not made.new_is_exact
    assert "What is marked as new is not certain" in report.to_mail(made)[1]


def test_what_is_new_is_certain_whatever_the_times_say_and_however_many_there_are() -> None:
    """The log may not give its own times, and what comes late may have happened first."""
    for count in (3, 600):
        records = [event("ListUsers", "iam", sso_role(), 9 + n / 60, n=n) for n in range(count)]
        late = event("CreateUser", "iam", sso_role(), 4)
        for record in records if count > 400 else []:
            record["@ingestionTime"] = FIRST_REPORT.isoformat()
        if count > 400:
            late["@ingestionTime"] = (FIRST_REPORT + timedelta(minutes=9)).isoformat()
        first = report.build(session_of(), records)
        told = session_of(
            report_events=first.count, report_digest=first.digest, reported_at=FIRST_REPORT
        )
        made = report.build(told, [*records, late], final=True)
        assert [each.name for each in made.events if each.new] == ["CreateUser"]
        assert made.new_is_exact
        assert len(first.digest) < 2500


def test_reports_of_sessions_that_overlap_say_so() -> None:
    later = [event("DeleteDBCluster", "rds", issued(64, "second"), 65, readOnly=False)]
    earlier = [event("ListUsers", "iam", issued(-40, "before"), 5)]
    own = [event("DescribeInstances", "ec2", issued(10, "first"), 20)]
    first = report.to_mail(report.build(session_of(), own + later, final=True))[1]
    assert "A later session of this person" in first
    assert "DeleteDBCluster" not in first
    second = report.to_mail(report.build(session_of(), own + earlier))[1]
    assert "An earlier session of this person" in second
    assert "session of this person" not in report.to_mail(report.build(session_of(), own))[1]


def test_of_two_sessions_that_both_left_records_each_report_names_the_other() -> None:
    records = [
        event("DescribeInstances", "ec2", issued(10, "first"), 20),
        event("ListUsers", "iam", issued(10, "first"), 80),
        event("DeleteDBCluster", "rds", issued(64, "second"), 85, readOnly=False),
    ]
    hour = timedelta(minutes=62)
    moments = ("asked_at", "allowed_at", "grant_asked_at", "granted_at", "deadline", "ended_at",
               "revoke_first_asked_at", "gone_at")  # fmt: skip
    first = session_of()
    second = session_of(**{name: getattr(first, name) + hour for name in moments})
    of_first = report.to_mail(report.build(first, records, final=True))[1]
    of_second = report.to_mail(report.build(second, records, final=True))[1]
    assert "A later session of this person" in of_first
    assert "An earlier session of this person" in of_second
    assert "DeleteDBCluster" in of_second
    assert "DeleteDBCluster" not in of_first


def test_three_changes_of_permissions_do_not_push_out_the_secret() -> None:
    names = (
        "PutRolePolicy",
        "AttachRolePolicy",
        "PutUserPolicy",
        "AddUserToGroup",
        "PutGroupPolicy",
    )
    records = [event(name, "iam", sso_role(), 5, readOnly=False) for name in names]
    records.append(event("GetSecretValue", "secretsmanager", sso_role(), 9))
    told = report.told(report.build(session_of(), records))
    assert any("secret read" in line for line in told)
    assert sum("permissions changed" in line for line in told) == 4


def test_an_agent_in_their_name_is_said() -> None:
    agent = sso_role() | {"invokedBy": "aws-mcp.amazonaws.com"}
    made = report.build(session_of(), [event("AssumeRole", "sts", agent, 5)])
    assert "by aws-mcp.amazonaws.com in their name" in report.told(made)[1]


def test_rules_of_ones_own_judge_and_a_bad_one_does_not_keep_the_report_back() -> None:
    own = {"id": "users", "calls": ["iam:ListUsers"], "reads": True, "severity": "high",
           "reason": "secret read"}  # fmt: skip
    records = [event("ListUsers", "iam", sso_role(), 5, requestParameters={"name": "x"})]
    book = usable([own, {"id": "worse", "calls": ["iam:*"], "severity": "grave", "reason": "x"}])
    told = report.told(report.build(session_of(), records, book=book))
    assert "Rules of glasses.toml could not be used" in told[1]
    assert "worse: 'grave' is none of" in told[1]
    assert told[2].startswith("secret read: iam:ListUsers (high), x")


def test_what_cloudtrail_cut_or_delivered_late_is_said_first() -> None:
    cut = {"omitted": True, "originalSize": 300_000, "reason": "requestParameters too large"}
    records = [
        event("PutRolePolicy", "iam", sso_role(), 5, readOnly=False, requestParameters=cut),
        event("ListUsers", "iam", sso_role(), 6, addendum={"reason": "DELIVERY_DELAY"}),
    ]
    made = report.build(session_of(), records)
    told, (_, text, _, attachments) = report.told(made), report.to_mail(made)
    assert "1 record came without request or answer" in told[1]
    assert "1 record came late" in told[2]
    assert "!! 1 record came without request" in text
    assert b'"originalSize":300000' in attachments[0][2]


def test_two_strange_clients_are_two_lines_and_show_their_words() -> None:
    agents = (
        "Terraform/1.9.5 aws-sdk-go-v2/1.31 os/linux pacu",
        "curl/8 kali",
        "kalix-runtime/1.0",
    )
    records = [event("ListUsers", "iam", sso_role(), 5 + n, userAgent=agent)
               for n, agent in enumerate(agents)]  # fmt: skip
    worth = report.build(session_of(), records).worth
    assert sorted(each.what for each in worth) == ["curl", "kali", "pacu"]


def test_a_line_that_can_name_nothing_says_so() -> None:
    records = [event("LeaveOrganization", "organizations", sso_role(), 5, readOnly=False)]
    assert "the record does not say on what" in report.told(report.build(session_of(), records))[1]


def test_the_table_has_severity_and_reason_for_every_event() -> None:
    made = report.build(example_session(), example_records())
    rows = list(csv.DictReader(io.StringIO(report.to_mail(made)[3][1][2].decode())))
    assert len(rows) == made.count
    assert all(row["severity"] and row["reason"] for row in rows)


def test_the_same_events_make_the_same_words() -> None:
    forth = report.to_mail(report.build(example_session(), example_records()))
    back = report.to_mail(report.build(example_session(), reversed(example_records())))
    assert forth == back


def test_the_first_line_carries_the_session_and_the_subject_what_matters() -> None:
    subject, text, html, _ = mail_of([])
    for words in (text.splitlines()[0], html):
        assert session_of().id in words
    assert session_of().id not in subject
    assert subject.endswith(": not used")
    assert session_of().id in in_slack(report.build(session_of(), []))["text"]


@pytest.mark.parametrize(
    ("records", "facts", "said"),
    [
        ([], {}, "Access was not used"),
        ([portal("Authenticate")], {}, "Access was not used"),
        ([], {"granted_at": None}, "Access never came"),
        ([], {"standing": "yes"}, "had the same access before"),
        ([], {}, "may live until 2026-11-22 17:00:02 UTC"),
        ([], {"ended_how": "ended", "ended_by": "bo@example.com"}, "ended by bo@example.com"),
        ([event("ListUsers", "iam", sso_role(), 5)], {}, "1 call, 0 changes, 0 refused"),
        ([without(event("ListUsers", "iam", sso_role()), "eventTime")], {}, "without a time"),
    ],
)
def test_it_says_how_things_were(records: list[Record], facts: dict[str, Any], said: str) -> None:
    _, text, html, _ = mail_of(records, **facts)
    assert said in text
    assert said in html


def test_silence_and_truncation_are_said_and_never_called_unused() -> None:
    made = report.build(session_of(), [], silent=True, truncated=True)
    for words in (*report.to_mail(made)[1:3], json.dumps(in_slack(made))):
        assert "is the trail delivering?" in words
        assert "some may be missing" in words
        assert "not used" not in words


def test_changes_and_refusals_come_before_reads() -> None:
    whys = [worth.why for worth in report.build(example_session(), example_records()).worth]
    assert whys[0] == "opened to the world"
    assert whys[1] == "credentials made or changed"
    assert whys.index("secret read") < whys.index("destroyed")
    assert "tried, refused: watching switched off" in whys
    assert "took on another identity" in whys
    assert "from an address that did not sign in to the portal" in whys
    made = report.build(example_session(), example_records())
    assert not any(worth.what == "kms:Decrypt" for worth in made.worth)


def test_every_kind_of_call_is_weighed_as_a_careful_reader_would() -> None:
    expected = list(weighed())
    made = report.build(session_of(), [record for _, record in expected])
    said = {each.id: each.reason for each in made.events}
    wrong = [
        (record["eventSource"], record["eventName"], record["requestParameters"], words, found)
        for words, record in expected
        if (found := said[record["eventID"]]) != words
    ]
    assert not wrong


def test_resources_are_named_however_deep_the_request_has_them() -> None:
    for asked, name in (
        ({"secretIdList": ["a", "b"]}, "a, b"),
        ({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-0"}}, "sg-0"),
        ({"instancesSet": {"items": [{"instanceId": "i-0"}]}}, "i-0"),
        ({"ConfigurationRecorderName": "default"}, "default"),
        ({"bucketName": "b", "key": "k"}, "b/k"),
        ({"names": ["a", 7]}, ""),
    ):
        record = event("X", "x", sso_role(), requestParameters=asked)
        assert report.build(session_of(), [record]).events[0].resource == name


def test_many_calls_of_one_kind_do_not_hide_the_others() -> None:
    names = [f"Put{n}" for n in range(30)]
    records = [event(name, "iam", sso_role(), 5, readOnly=False) for name in names]
    records.append(event("GetSecretValue", "secretsmanager", sso_role(), 9))
    made = report.build(session_of(), records)
    assert [worth.what for worth in made.worth][5] == "secretsmanager:GetSecretValue"
    assert len(made.worth) == 31


def test_many_addresses_and_tools_do_not_crowd_out_the_rest() -> None:
    records = [portal("Authenticate")]
    for n in range(60):
        agent = f"curl/8.{n}"
        address = f"198.51.100.{n % 12}"
        records.append(event("ListUsers", "iam", sso_role(), 5 + n / 10, userAgent=agent,
                             sourceIPAddress=address))  # fmt: skip
    lines = [worth.what for worth in report.build(session_of(), records).worth]
    addresses = [f"198.51.100.{n}" for n in (0, 1, 10)]
    assert sorted(lines) == sorted(["curl", *addresses, "9 more addresses"])


def test_a_dry_run_is_neither_a_change_nor_an_error() -> None:
    record = event("RunInstances", "ec2", sso_role(), readOnly=False)
    made = report.build(session_of(), [record | {"errorCode": "Client.DryRunOperation"}])
    assert "0 changes, 0 refused" in report.told(made)[0]
    assert not made.events[0].failed


# Hostile text ------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "<!channel> <@U024BE7LH> <https://evil.example|click>",
    '=HYPERLINK("https://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "＝1+1",
    "a\u202egnp.exe",
    "a\u2066b\u2069",
    "zero\u200bwidth",
    "\x1b[2J\x07",
    "a\x00b",
    "line\nbreak",
    "\ud800",
    "x" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_no_harm(text: str) -> None:
    record = event(
        "GetSecretValue",
        "secretsmanager",
        sso_role(),
        requestParameters={"secretId": text},
        userAgent=text,
        sourceIPAddress=text,
        awsRegion=text,
        errorCode=text,
        errorMessage=text,
    )
    name = event(text, text, sso_role(), 11, eventID=text, readOnly=False)
    made = report.build(session_of(), [record, name])
    assert made.count == 2
    subject, plain, html, attachments = report.to_mail(made)
    slack = json.dumps(in_slack(made), ensure_ascii=False)
    assert "\n" not in subject
    for words in (subject, plain, html, slack):
        words.encode()
        assert not {"\u202e", "\u2066", "\u200b", "\x1b", "\x00", "\ud800"} & set(words)
        assert "49" not in words or "{{" in words
    assert "<script" not in html
    assert "<img" not in html
    for opening in ("<!", "<@", "<http"):
        assert opening not in slack.replace("<!date^", "")
    assert all(len(block["text"]["text"]) < 3000 for block in in_slack(made)["blocks"])
    assert len(html) < 60_000
    for row in csv.reader(io.StringIO(attachments[1][2].decode())):
        assert not any(cell[:1] and cell[0] in "=+-@\t\r＝" for cell in row)
    assert [json.loads(line)["eventID"] for line in attachments[0][2].splitlines()]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(odd_records())
def test_no_record_however_odd_breaks_a_report(records: list[Any]) -> None:
    made = report.build(session_of(), records)
    sifted = made.sifted
    counted = sifted.repeated + sifted.outside + sifted.others + sifted.unjudged
    assert made.count + counted == sifted.seen == len(records)
    for words in report.to_mail(made)[:3]:
        words.encode()
    json.dumps(in_slack(made)).encode()


def test_a_record_as_deep_as_the_sea_is_counted() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    made = report.build(session_of(), [event("X", "iam", sso_role()) | {"requestParameters": deep}])
    assert made.count == 1
    report.to_mail(made)


# Volume ------------------------------------------------------------------------------------------


def test_too_large_attachments_are_cut_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [event("ListUsers", "iam", sso_role(), n / 60, n=n) for n in range(300)]
    records.append(event("CreateUser", "iam", sso_role(), 50, readOnly=False))
    monkeypatch.setattr(evidence, "LIMIT", 100_000)
    made = report.build(session_of(), records)
    assert made.count == 301
    _, text, html, ((_, _, lines), (_, _, rows), *_) = report.to_mail(made)
    assert len(lines) <= 100_000
    assert b'"CreateUser"' in lines
    assert len(rows) <= 100_000
    kept = lines.count(b"eventID")
    said = f"Of 301 events the attached file of records holds {kept}, changes"
    for words in (text, html, "\n".join(report.told(made)), lines.decode(), rows.decode()):
        assert said in words
    back = report.build(session_of(), reversed(records))
    assert report.to_mail(back) == report.to_mail(made)


def test_a_hundred_thousand_events_fit_into_a_worker() -> None:
    """In a process of its own, which gets no more memory than a worker has."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.trail.volume", "100000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["events"] == 100_000
    assert figures["megabytes"] < 512


def test_role_hops_come_to_an_end_however_many() -> None:
    hops = []
    for number in range(400):
        identity = {
            "type": "AssumedRole",
            "accessKeyId": f"ASIA{number}",
            "principalId": "AROA:x",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/x",
        }
        hops.append(
            event(
                "AssumeRole",
                "sts",
                identity if number else sso_role() | {"accessKeyId": "ASIA0"},
                number / 10,
                responseElements={"credentials": {"accessKeyId": f"ASIA{number + 1}"}},
            )
        )
    sifted = sift(Ownership.of(session_of()), reversed(hops))
    assert len(sifted.events) == 400


def test_who_extended_is_in_the_report_with_when_and_from_which_deadline_to_which() -> None:
    session = active(extend=timedelta(minutes=30)).entered(
        Event.EXTENDED,
        NOON + timedelta(minutes=5),
        "queue, bob@example.com",
        deadline=NOON + timedelta(minutes=90),
        extended=1,
        extended_by="bob@example.com",
    )
    _, text, html, _ = report.to_mail(report.build(session, (), final=False))
    for words in (text, html):
        assert "12:05:00 UTC, by bob@example.com, from 2026-11-22 13:00:00 UTC to" in words
    session = session.entered(
        Event.EXTENDED,
        NOON + timedelta(minutes=9),
        "queue, carol@example.com",
        deadline=NOON + timedelta(minutes=100),
        extended=2,
        extended_by="carol@example.com",
        extend_to=timedelta(minutes=100),
    )
    _, text, html, _ = report.to_mail(report.build(session, (), final=False))
    for words in (text, html):
        assert "2 times, last 2026-11-22 12:09:00 UTC, by carol@example.com, from" in words
        assert "from 2026-11-22 13:00:00 UTC to 2026-11-22 13:40:00 UTC" in words
