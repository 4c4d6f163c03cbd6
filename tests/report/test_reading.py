"""A report in pieces: the same as in one go, whatever happens between two of them."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.ask import Ask, Outcome
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Attachment, Mail, Reading, Reported
from chalicelib.domain.session import Session
from chalicelib.report import evidence, progress, reading
from chalicelib.words import gaps
from tests.support import reported as report
from tests.support.stories import NOON
from tests.trail.example import FIRST_REPORT, example_records, example_session, late_records
from tests.trail.labelled import Case, cases
from tests.trail.logs import UNTIL, Logs, Reader, lines
from tests.trail.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    Record,
    assume_role,
    event,
    key_of,
    portal,
    session_of,
    sso_role,
    taken_role,
)

DENIED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartQuery")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetQueryResults")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read is written down, and a page is a few records."""
    monkeypatch.setattr(reading, "AGAIN", 0)
    monkeypatch.setattr(reading, "PAGE", 7)
    monkeypatch.setattr(progress, "PART", 3_000)


def in_one_go(session: Session, records: list[Any]) -> Mail:
    final = session.state is State.CONCLUDING
    subject, text, html, attached = report.to_mail(report.build(session, records, final=final))
    attachments = tuple(Attachment(*each) for each in attached)
    return Mail(session.report_to, subject, text, html, attachments)


def wanted(reader: Reader) -> Mail:
    """The same report, of the records that the reader has read."""
    found = {record["eventID"]: record for record in reader.trail.records}
    return in_one_go(reader.session, list(found.values()))


def busy(count: int) -> list[Record]:
    """An hour of much work: reads, changes, refusals, secrets, and a role that is taken on."""
    ana, key = sso_role("ana", behalf="ana"), key_of("busy")
    there = taken_role("Deploy", "ana", key, OTHER_ACCOUNT, created=3)
    records = [portal("Authenticate", minutes=1), assume_role(ana, "Deploy", "ana", key,
                                                              OTHER_ACCOUNT, 3)]  # fmt: skip
    for n in range(count):
        minutes = 3.1 + 50 * n / count
        if n % 50 == 7:
            made = event(f"Put{n % 9}", "s3", ana, minutes, n=n, readOnly=False,
                         requestParameters={"bucketName": f"b-{n % 30}"})  # fmt: skip
        elif n % 50 == 9:
            made = event("StopLogging", "cloudtrail", ana, minutes, n=n, errorCode="AccessDenied",
                         sourceIPAddress=f"198.51.100.{n % 20}")  # fmt: skip
        elif n % 10 == 3:
            made = event("ListUsers", "iam", there, minutes, n=n, recipientAccountId=OTHER_ACCOUNT)
        else:
            made = event(f"Describe{n % 40}", "ec2", ana, minutes, n=n)
        records.append(made)
    return records


# The same ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases()[:5], ids=lambda case: case.name)
@pytest.mark.parametrize("waiting", [1_000_000, 1_500])
def test_every_labelled_record_is_told_apart_in_pieces(
    case: Case, waiting: int, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the records that have to wait are kept, or read a second time."""
    monkeypatch.setattr(progress, "MOST_WAITING", waiting)
    reader = Reader(Logs(lines([each.record for each in case.records])), case.session, pages=2)
    reported = reader.report()
    assert reported.mail == wanted(reader)
    own = {each.record["eventID"] for each in case.records if each.label in ("portal", "account")}
    assert reported.events == len(own)
    assert len(reader.progress) > 1 or len(reader.trail.records) < 21


def test_many_events_in_pieces_are_the_same_as_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a worker that dies in a piece, or writes what it had found too late, changes nothing."""
    monkeypatch.setattr(evidence, "LIMIT", 150_000)
    records = busy(12_000)
    reader = Reader(Logs(lines(records), most=5_000), session_of(), pages=1)
    calls, pieces, failed, late = 0, 0, 0, None
    while True:
        reader.kept.fails_at = pieces % 7  # the table does not answer in the midst of the piece
        try:
            found = reader.piece()
        except Unavailable:
            failed += 1
            found = reader.piece()
        reader.kept.fails_at = 0
        pieces += 1
        if pieces % 2:  # whoever had it died before the progress was written: again
            found = reader.piece()
        if late is not None and pieces % 5 == 0:  # somebody slow does an older piece once more
            held, reader.session = reader.session, late
            reader.piece()
            reader.session = held
        if isinstance(found, Reported):
            break
        late = reader.session
        reader.write(found)
        calls += 1
        assert calls < 200
    assert found.mail == wanted(reader)
    assert found.events == len(records)
    assert f"Of {len(records):,} events the attached" in " ".join(found.summary)
    assert pieces > 10
    assert failed > 3


def test_what_is_kept_is_bounded_and_goes_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LIMIT", 300_000)
    most = []
    for count in (5_000, 15_000):
        reader = Reader(Logs(lines(busy(count))), session_of(), pages=2)
        while isinstance(found := reader.piece(), Reading):
            reader.write(found)
            most.append(len(reader.kept.rows))
        assert 0 < reader.kept.largest < 300_000
        assert reader.kept.rows
        reading.SessionReports(reader.trail, reader.kept).forget(reader.session)
        assert not reader.kept.rows
    assert max(most) < 30


def test_an_ordinary_report_takes_one_query_one_page_and_no_row() -> None:
    handing_out = ("AssumeRole", "CreateAccessKey")
    records = [each for each in example_records() if each["eventName"] not in handing_out]
    logs = Logs(lines(records))
    reader = Reader(logs, session_of())
    assert reader.report().events > 50
    assert (len(logs.asked), logs.pages, reader.kept.written) == (1, 1, 0)
    assert len(reader.progress[0]) < 400


def test_the_final_report_knows_what_is_new_in_pieces_too(small: None) -> None:
    first = Reader(Logs(lines(example_records())), example_session(), pages=1).report()
    told = example_session(
        state=State.CONCLUDING, conclude_at=UNTIL, report_events=first.events,
        report_digest=first.digest, reported_at=FIRST_REPORT,
    )  # fmt: skip
    records = [*example_records(), *late_records()]
    for record in records:
        record.pop("@ingestionTime")
    reader = Reader(Logs(lines(records)), told, pages=1)
    reported = reader.report()
    assert reported.mail is not None
    assert "New since the first report: 2 of" in reported.mail.text
    same = Reader(Logs(lines(example_records())), told, pages=1).report()
    assert same.mail is None
    assert same.events == first.events


# What does not go as it should -------------------------------------------------------------------


def test_an_empty_progress_only_starts_the_search() -> None:
    logs = Logs(lines(example_records()))
    found = Reader(logs, session_of()).piece()
    assert isinstance(found, Reading)
    assert (len(logs.asked), logs.pages) == (1, 0)


def test_a_slow_query_is_waited_for_and_never_asked_twice_while_it_runs() -> None:
    logs = Logs(lines(example_records()), polls=40)
    reader = Reader(logs, session_of(), now=UNTIL)
    reader.report()
    assert reader.now - UNTIL > timedelta(minutes=20)
    assert len({each["queryString"] for each in logs.asked}) == len(logs.asked)
    assert not logs.stopped


def test_a_query_that_runs_for_an_hour_is_stopped_and_asked_again() -> None:
    logs = Logs(lines(example_records()), polls=75)
    reader = Reader(logs, session_of())
    started = reader.piece()
    assert isinstance(started, Reading)
    reader.write(started)
    logs.polls = 0  # of those that are asked from now on
    reported = reader.report()
    assert logs.stopped == ["q-1"]
    assert logs.asked[0] == logs.asked[1]
    assert reported.events == report.build(session_of(), example_records()).count
    assert any("ran for" in trouble for trouble in reader.troubles)


def test_a_trail_that_cannot_be_searched_is_said_after_some_hours() -> None:
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of(report_at=UNTIL, state=State.REPORTING))
    for hours in (0, 1, 3.9):
        reader.now = UNTIL + timedelta(hours=hours)
        logs.failing = [DENIED, DENIED]  # whether one runs already, and to start one
        with pytest.raises(Unavailable):
            reader.piece()
    reader.now = UNTIL + timedelta(hours=4)
    logs.failing = [DENIED, DENIED]
    reported = reader.report()
    assert reported.mail is not None
    said = "\n".join(reported.summary)
    for words in (reported.mail.text, reported.mail.html, said):
        assert "The trail could not be searched" in words
        assert "AccessDeniedException" in words
        assert "What was done is not known to this report" in words
        assert "not used" not in words
    assert "CloudWatch Logs Insights on trail, from 2026-11-22" in reported.mail.text
    assert 'filter @message like /[\\/:"]ana"/ or' in reported.mail.text


def test_a_search_that_does_not_end_is_stopped_after_some_hours_and_said() -> None:
    logs = Logs(lines(example_records()), polls=10_000)
    reader = Reader(logs, session_of())
    reported = reader.report()
    assert timedelta(hours=4) <= reader.now - UNTIL < timedelta(hours=5, minutes=5)
    assert "its search did not end" in " ".join(reported.summary)
    assert logs.stopped == [f"q-{n + 1}" for n in range(len(logs.asked))]
    assert len(logs.asked) <= 5


def test_what_was_read_is_told_where_the_rest_cannot_be_read(small: None) -> None:
    logs = Logs(lines(busy(200)))
    reader = Reader(logs, session_of(), pages=10)
    while True:
        found = reader.piece()
        assert isinstance(found, Reading)
        reader.write(found)
        if "null" in found.progress and logs.pages > 12:
            break
    reader.now = UNTIL + timedelta(hours=5)
    logs.failing = [THROTTLED]
    reported = reader.piece()
    assert isinstance(reported, Reported)
    assert 0 < reported.events < 202
    assert "The trail could not be read to its end" in reported.summary[1]
    assert "and nothing of the others" in reported.summary[1]
    assert reported.mail is not None
    assert b"could not be read to its end" in reported.mail.attachments[0].content
    assert b"could not be read to its end" in reported.mail.attachments[1].content


def test_what_was_read_before_the_trail_did_not_answer_is_kept(small: None) -> None:
    logs = Logs(lines(busy(200)))
    reader = Reader(logs, session_of())
    started = reader.piece()
    assert isinstance(started, Reading)
    reader.write(started)
    for _ in range(3):  # each piece gets some pages, then the trail does not answer
        logs.failing_after = 5
        found = reader.piece()
        assert isinstance(found, Reading)
        assert "ThrottlingException" in found.error
        assert found.wait
        reader.write(found)
    logs.failing_after = 1_000_000
    pages = logs.pages
    reported = reader.report()
    assert reported.mail == wanted(reader)
    assert reported.events == 202
    assert logs.pages - pages < 202 / 7 + 5


@pytest.mark.parametrize("token", ["-", "q-1", "[]", "{}", "null", "7", "[1,2,3,4,5,6]", "\x00"])
def test_a_foreign_progress_is_begun_afresh(token: str) -> None:
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of().with_(trail_query=token))
    reported = reader.report()
    if token != "-":
        assert reported.events == report.build(session_of(), example_records()).count


def test_rows_that_have_gone_or_are_spoilt_have_it_begun_afresh(small: None) -> None:
    records = busy(120)
    for spoil in ("gone", "spoilt", "ids gone"):
        reader = Reader(Logs(lines(records)), session_of(), pages=3)
        for _ in range(4):
            found = reader.piece()
            assert isinstance(found, Reading)
            reader.write(found)
        for name, content in list(reader.kept.rows.items()):
            if spoil == "gone" or (spoil == "ids gone" and "-ids-" in name):
                del reader.kept.rows[name]
            elif spoil == "spoilt":
                reader.kept.rows[name] = content[:-1] + b"x"
        reader.kept.once = False
        assert reader.report().mail == wanted(reader)
        assert any("begun afresh" in trouble for trouble in reader.troubles)


@pytest.mark.parametrize("pieces", range(1, 8))
def test_results_that_have_gone_are_asked_for_again(pieces: int, small: None) -> None:
    records = busy(150)
    logs = Logs(lines(records), most=70)
    reader = Reader(logs, session_of(), pages=2)
    for _ in range(pieces):
        found = reader.piece()
        assert isinstance(found, Reading)
        reader.write(found)
    logs.queries.clear()
    reported = reader.report()
    assert reported.mail == wanted(reader)
    assert reported.events == len(records)


def test_a_failing_query_is_asked_again_more_and_more_seldom() -> None:
    logs = Logs(lines(example_records()))
    logs.status = "Failed"
    reader = Reader(logs, session_of())
    reported = reader.report()
    assert len(logs.asked) < 30
    assert "came to nothing: Failed" in " ".join(reported.summary)


def test_what_is_not_known_to_have_been_heard_of_is_never_called_unused() -> None:
    """The search ended, and time was up before it was known whether the trail hears at all."""
    reader = Reader(Logs([]), session_of())
    found = reader.piece()
    assert isinstance(found, Reading)
    reader.write(found)
    reader.now = UNTIL + timedelta(hours=4)
    reported = reader.report()
    assert "not used" not in reported.summary[0]
    assert "the trail may not show all" in reported.summary[0]


def test_more_roles_than_can_be_followed_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.trail.facts.MOST_FACTS", 10)
    records = [assume_role(sso_role(), "R", f"s{n}", key_of(n), ACCOUNT, n) for n in range(30)]
    said = report.told(report.build(session_of(), records))
    assert "not all could be followed" in " ".join(said)


def test_a_page_of_huge_records_costs_no_more_than_a_page_may(small: None) -> None:
    """A record of 256 KB is what CloudWatch takes at the most: such are told, and not attached."""
    big = {"data": "x" * 250_000}
    records = [event("PutObject", "s3", sso_role(), n, n=n, requestParameters=big, readOnly=False)
               for n in range(40)]  # fmt: skip
    reader = Reader(Logs(lines(records)), session_of(), pages=1)
    reported = reader.report()
    assert reported.events == 40
    assert reported.mail is not None
    assert sum(len(each.content) for each in reported.mail.attachments) < 15_000_000
    assert "the attached file of records holds" in " ".join(reported.summary)


def test_rows_that_cannot_be_put_away_are_left_to_the_tables_ttl(small: None) -> None:
    reader = Reader(Logs(lines(busy(60))), session_of())
    reader.report()
    reader.kept.fails_at = 1
    reading.SessionReports(reader.trail, reader.kept).forget(reader.session)
    assert reader.kept.fails_at == 0, "it has failed, and raised nothing"


def test_a_second_query_that_runs_is_waited_for_and_given_up_in_the_end(small: None) -> None:
    """The roles that were taken on are asked for in a query of their own."""
    logs = Logs(lines(busy(200)))
    reader = Reader(logs, session_of())
    while len(logs.asked) < 2:
        found = reader.piece()
        assert isinstance(found, Reading)
        reader.write(found)
    logs.queries["q-2"]["polls"] = 10_000
    found = reader.piece()
    assert isinstance(found, Reading)
    assert found.wait > timedelta(0)
    reader.write(found)
    reader.now = UNTIL + timedelta(hours=5)
    reported = reader.piece()
    assert isinstance(reported, Reported)
    assert "its search did not end" in " ".join(reported.summary)


def test_a_search_that_cannot_be_stopped_ends_by_itself() -> None:
    logs = Logs(lines(example_records()), polls=10_000)
    reader = Reader(logs, session_of())
    found = reader.piece()
    assert isinstance(found, Reading)
    reader.write(found)
    reader.now = UNTIL + timedelta(hours=5)

    def refuses(**_: Any) -> Any:
        raise THROTTLED

    logs.stop_query = refuses  # type: ignore[method-assign]
    reported = reader.piece()
    assert isinstance(reported, Reported)
    assert "its search did not end" in " ".join(reported.summary)


def test_further_terms_that_could_not_be_asked_for_are_asked_for_again(small: None) -> None:
    logs = Logs(lines(busy(200)))
    reader = Reader(logs, session_of())
    start, refused = logs.start_query, list[Any]()

    def first_refuses(**asked: Any) -> Any:
        if logs.asked and not refused:
            refused.append(asked)
            raise DENIED
        return start(**asked)

    logs.start_query = first_refuses  # type: ignore[method-assign]
    reported = reader.report()
    assert refused
    assert any("AccessDenied" in trouble for trouble in reader.troubles)
    assert reported.mail is not None
    assert reported.mail.text == wanted(reader).text


def test_whether_the_trail_is_heard_of_is_asked_again_where_the_answer_is_lost() -> None:
    logs = Logs([])
    reader = Reader(logs, session_of())
    while len(logs.asked) < 2:
        found = reader.piece()
        assert isinstance(found, Reading)
        reader.write(found)
    logs.queries.clear()
    found = reader.piece()
    assert isinstance(found, Reading)
    assert found.error
    reader.write(found)
    assert "is the trail delivering?" in " ".join(reader.report().summary)


def test_a_spoilt_progress_of_a_report_that_is_given_up_is_told() -> None:
    reader = Reader(Logs(lines(example_records())), session_of(trail_query='{"v": 0}'))
    reader.now = UNTIL + timedelta(hours=5)
    reported = reader.piece()
    assert isinstance(reported, Reported)
    assert "could not be read to its end" in " ".join(reported.summary)


# A report always ends ----------------------------------------------------------------------------


def test_a_query_that_still_runs_when_the_report_is_given_up_has_its_hour(small: None) -> None:
    """It was started late, for the trail did not answer before."""
    logs = Logs(lines(example_records()), polls=45)
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(hours=3, minutes=50))
    reported = reader.report()
    assert reader.now - UNTIL > timedelta(hours=4, minutes=10)
    assert reported.events > 0
    assert not logs.stopped


def test_a_query_whose_answer_was_lost_is_found_and_not_started_twice() -> None:
    """Its worker died before it could write the id; the next one looks before it starts one."""
    logs = Logs(lines(example_records()), polls=3)
    dead = Reader(logs, session_of())
    assert isinstance(dead.piece(), Reading)
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(minutes=3))
    reported = reader.report()
    assert len({each["queryString"] for each in logs.asked}) == len(logs.asked)
    assert reported.events == report.build(session_of(), example_records()).count


def test_a_further_query_whose_answer_was_lost_is_found_too(small: None) -> None:
    logs = Logs(lines(busy(200)))
    reader = Reader(logs, session_of())
    while len(logs.asked) < 2:  # the last one's progress is never written
        found = reader.piece()
        assert isinstance(found, Reading)
        if len(logs.asked) < 2:
            reader.write(found)
    reader.again = True
    reported = reader.report()
    assert [each["queryString"].count("break-glass") for each in logs.asked] == [1, 1]
    assert reported.events == 202


def test_a_query_of_another_report_or_trail_is_not_taken_for_ones_own() -> None:
    logs = Logs(lines(example_records()))
    Reader(logs, session_of().with_(id="bg-other")).piece()
    Reader(logs, session_of(state=State.CONCLUDING, conclude_at=UNTIL)).piece()
    Reader(logs, session_of(), group="before").piece()
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(minutes=3))
    reader.piece()
    assert len(logs.asked) == 4


def test_where_nobody_may_say_what_runs_it_is_asked_once_more() -> None:
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(minutes=3))
    logs.failing = [DENIED]
    assert isinstance(reader.piece(), Reading)
    assert (logs.failing, len(logs.asked)) == ([], 1)


def test_whatever_goes_wrong_a_report_comes_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a mistake of ours, in the midst of the records."""
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of())
    reader.write(_reading(reader.piece()))

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chalicelib.trail.attribution.Sieve.take", fails)
    with pytest.raises(ZeroDivisionError):
        reader.piece()
    reader.now = UNTIL + timedelta(hours=4)
    reported = reader.report()
    assert "a mistake: ZeroDivisionError" in reported.summary[1]
    assert "What was done is not known to this report." in reported.summary[1]
    assert "not used" not in " ".join(reported.summary)


def test_a_search_that_cannot_even_be_begun_for_a_mistake_is_told() -> None:
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(hours=4))
    logs.failing = [ValueError("?"), ValueError("?")]
    assert "a mistake: ValueError" in reader.report().summary[1]


def test_what_may_have_killed_the_workers_is_not_read_again_for_ever() -> None:
    """A worker that dies writes nothing; so time alone says that it cannot go on like that."""
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of())
    reader.write(_reading(reader.piece()))
    reader.session = reader.session.with_(trail_query_at=reader.now)
    pages, reader.now = logs.pages, UNTIL + timedelta(hours=6)
    reported = reader.report()
    assert logs.pages == pages
    assert "could not be read in all that time" in reported.summary[1]
    assert reported.mail is not None
    assert "CloudWatch Logs Insights on trail" in reported.mail.text
    assert reported.mail.subject.endswith("no call was found, but not all was read")


def test_who_was_down_for_half_a_day_still_reads_the_trail() -> None:
    logs = Logs(lines(example_records()))
    reader = Reader(logs, session_of(), now=UNTIL + timedelta(hours=12))
    reader.write(_reading(reader.piece()))
    reader.session = reader.session.with_(trail_query_at=reader.now)
    assert reader.report().events > 0


def asked_in_vain(session: Session, most: int) -> list[Ask]:
    """By somebody who may not, and by somebody who came too late."""
    asked = Ask(id="end-" + "0" * 24, session_id=session.id, asked_at=NOON, slack_user="U0MALLORY")
    refused = asked.with_(person="mallory@example.com", outcome=Outcome.REFUSED)
    late = refused.with_(id="extend-" + "0" * 24, person="bob@example.com", slack_user="U0BOB")
    return [refused, late.with_(outcome=Outcome.TOO_LATE)][:most]


def test_who_asked_something_of_the_session_in_vain_is_in_the_report() -> None:
    mail = Reader(Logs(lines(example_records())), session_of(), in_vain=asked_in_vain).report().mail
    assert mail is not None
    for body in (mail.text, mail.html):
        assert (
            "End now by mallory@example.com (U0MALLORY), 2026-11-22 12:00:00 UTC: refused" in body
        )
        assert "Extend by bob@example.com (U0BOB), 2026-11-22 12:00:00 UTC: too late" in body


def test_a_report_that_cannot_say_who_asked_in_vain_says_that() -> None:
    def down(session: Session, most: int) -> list[Ask]:
        raise Unavailable("DynamoDB: down")

    mail = Reader(Logs(lines(example_records())), session_of(), in_vain=down).report().mail
    assert mail is not None
    assert gaps.WHO_ASKED in mail.text


def test_what_nobody_will_go_on_from_is_stopped() -> None:
    logs = Logs([])
    reader = Reader(logs, session_of())
    reports = reading.SessionReports(reader.trail, reader.kept)
    begun = _reading(reader.piece())
    reports.leave(begun)
    assert logs.stopped == ["q-1"]
    logs.failing = [THROTTLED]
    reports.leave(begun)
    reports.leave(Reading("-why", timedelta(0)))
    reports.leave(Reading("nonsense", timedelta(0)))
    assert logs.stopped == ["q-1"]


def _reading(found: Reading | Reported) -> Reading:
    assert isinstance(found, Reading)
    return found
