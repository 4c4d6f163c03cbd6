"""What a report counts stays small, says the same in any order, and can be written down."""

import json
import random
from collections import UserDict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.domain.session import Session
from chalicelib.report import evidence, shelf, tables, whence, worthiest
from chalicelib.report import gathered as gathering_module
from chalicelib.report.gathered import Gathered, gathering
from chalicelib.report.made import Report
from chalicelib.trail.attribution import UNREAD, Sieve
from chalicelib.trail.facts import CredentialFacts
from tests.support import reported as report
from tests.trail.example import FIRST_REPORT, example_records, example_session, late_records
from tests.trail.odd import odd_records
from tests.trail.records import Record, assume_role, event, key_of, session_of, sso_role


def halfway(session: Session, records: list[Any], final: bool = False) -> Report:
    """The report, where all that is known was written down and read again after each record."""
    gathered, sieve = gathering(session, final, None)
    for record in records:
        sieve.take(record)
        said = json.loads(json.dumps(gathered.to_json()))
        facts = json.loads(json.dumps(sieve.facts.to_json()))
        gathered = Gathered.from_json(said, session, final)
        fresh = Sieve(sieve.ownership, gathered.take, gathered.cannot_read)
        fresh.facts, fresh.counts, fresh.ids = (
            CredentialFacts.from_json(facts),
            sieve.counts,
            sieve.ids,
        )
        fresh.waiting = sieve.waiting
        sieve = fresh
    sieve.judge_waiting()
    return gathered.report(sieve)


def test_it_can_be_written_down_after_every_record() -> None:
    first = report.build(example_session(), example_records())
    assert halfway(example_session(), example_records()) == first
    told = example_session(
        report_events=first.count, report_digest=first.digest, reported_at=FIRST_REPORT
    )
    records = [*late_records(), *example_records()]
    assert halfway(told, records, final=True) == report.build(told, records, final=True)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(odd_records())
def test_no_record_however_odd_is_lost_on_paper(records: list[Any]) -> None:
    assert halfway(session_of(), records) == report.build(session_of(), records)


def many(count: int) -> list[Record]:
    """Everything different: calls, errors, addresses, regions, resources, agents, roles."""
    records = []
    for n in range(count):
        records.append(
            event(f"Put{n}", f"service{n}", sso_role(), 3 + n / count, n=n, readOnly=n % 3 == 0,
                  awsRegion=f"r-{n}", sourceIPAddress=f"10.{n // 250}.{n % 250}.1",
                  userAgent=f"curl/{n}", requestParameters={"bucketName": f"b-{n}"},
                  errorCode=f"E{n}" if n % 5 == 0 else None)
        )  # fmt: skip
    return records


def test_what_there_is_too_much_of_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LIMIT", 40_000)
    monkeypatch.setattr(tables, "KINDS", 50)
    monkeypatch.setattr(worthiest, "GROUPS", 40)
    monkeypatch.setattr(worthiest, "ADDRESSES", 30)
    monkeypatch.setattr(whence, "ADDRESSES", 30)
    monkeypatch.setattr(gathering_module, "REGIONS", 30)
    sizes = []
    for count in (300, 900):
        gathered, sieve = gathering(session_of(), False, None)
        for record in many(count):
            sieve.take(record)
        sizes.append(len(json.dumps(gathered.to_json())))
        made = gathered.report(sieve)
        assert made.count == count
        said = " ".join(report.told(made))
        assert f"{count} calls" in said
        assert "from more than 30 addresses" in said
        assert f"{count - 50} calls are in the sums alone" in said
        assert "more events are worth a look, and in no line of that list" in said
        assert f"Of {count} events the attached table holds" in said
    assert sizes[1] < sizes[0] * 1.3


def test_many_resources_of_one_kind_are_counted_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worthiest, "RESOURCES", 10)
    records = [
        event("PutObject", "s3", sso_role(), 1 + n, n=n, readOnly=False,
              requestParameters={"bucketName": f"b-{n}"})
        for n in range(30)
    ]  # fmt: skip
    made = report.build(session_of(), records)
    (line,) = made.worth
    assert line.count == 30
    assert line.resources == ("b-0", "b-1", "b-2")
    assert "b-0, b-1, b-2 and at least 7 more" in report.to_mail(made)[1]


@pytest.mark.parametrize("limit", [5_000, 20_000, 200_000])
def test_what_an_attachment_holds_does_not_depend_on_the_order(limit: int) -> None:
    records = many(120)
    kept = []
    for seed in range(4):
        random.Random(seed).shuffle(records)
        gathered, sieve = gathering(session_of(), False, None)
        gathered.shelf = shelf.Shelf(gathered.end, limit + shelf.HEADING)
        for record in records:
            sieve.take(record)
        kept.append(gathered.shelf.events)
        assert len(evidence.table(gathered.shelf.events)) <= limit + shelf.HEADING
        assert len(evidence.json_lines(gathered.shelf.events)) <= limit
    assert all(each == kept[0] for each in kept)
    assert 0 < len(kept[0]) <= 120


def test_facts_say_the_same_in_any_order() -> None:
    records = [assume_role(sso_role(), "R", f"s{n}", key_of(n), minutes=n) for n in range(5)]
    found = []
    for seed in range(3):
        random.Random(seed).shuffle(records)
        _, sieve = gathering(session_of(), False, None)
        for record in records:
            sieve.take(record)
        found.append(set(sieve.settle().followed))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 10  # a key and a role session of each


def sieved(records: list[Any], then: list[Any] = []) -> tuple[Sieve, list[str]]:  # noqa: B006
    """Whoever takes `records`, spilt, and then reads `then` again; the ids of what was told."""
    told: list[str] = []
    ownership = gathering(session_of(), False, None)[1].ownership
    sieve = Sieve(ownership, lambda event, record: told.append(record["eventID"]), most=0)
    for record in records:
        sieve.take(record)
    sieve.begin_again()
    for record in then:
        sieve.again(record)
    return sieve, told


def test_what_is_read_again_is_told_once_and_what_needs_no_second_reading_not_at_all() -> None:
    ana, key = sso_role("ana", behalf="ana"), key_of("ana")
    own = event("ListUsers", "iam", ana, 5, n=1)
    late = event("ListUsers", "iam", ana, 60 * 24 * 9, n=2)
    nobody = event("ListUsers", "iam", {"type": "IAMUser", "accessKeyId": key}, 5, n=3)
    for odd in ("no record", None, 7, {UNREAD: "x"}, own, late):
        sieve, told = sieved([own, nobody], [odd])
        assert told == [own["eventID"]]
        assert sieve.spilt


def test_a_record_of_any_kind_of_mapping_is_a_record() -> None:
    own = event("ListUsers", "iam", sso_role("ana", behalf="ana"), 5)
    assert sieved([UserDict(own)])[1] == [own["eventID"]]


def test_a_call_that_two_accounts_record_is_told_once_whichever_comes_first() -> None:
    ana = sso_role("ana", behalf="ana")
    calls = [event("AssumeRole", "sts", ana, 5, n=n, sharedEventID="s") for n in range(2)]
    for records in (calls, calls[::-1]):
        sieve, told = sieved(records)
        assert (len(told), sieve.counts["repeated"]) == (1, 1)


def test_where_there_are_more_ids_than_can_be_known_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.trail.attribution.MOST_IDS", 1)
    ana = sso_role("ana", behalf="ana")
    calls = [event("ListUsers", "iam", ana, 5, n=n) for n in range(3)]
    assert len(sieved(calls)[1]) == 3
