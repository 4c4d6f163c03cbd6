"""The trail in a bucket: the same records are found as in a log group, and others besides."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters import trail_bucket
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.ports import Reading, Reported
from chalicelib.report import reading
from tests.support import reported as report
from tests.trail.bucket import ROOT, Bucket, Heard, place
from tests.trail.labelled import Case, cases
from tests.trail.logs import UNTIL, Logs, Reader, lines
from tests.trail.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    assume_role,
    event,
    key_of,
    session_of,
    sso_role,
    taken_role,
)

OF_DAY = f"{ROOT}/{ACCOUNT}/CloudTrail/us-east-1/2026/11/22/"


def reader_of(bucket: Bucket, session: Any = None, **how: Any) -> Reader:
    trail = Heard(bucket, **how)
    return Reader(Logs([]), session or session_of(), bucket=trail)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
@pytest.mark.parametrize("objects", [200, 2], ids=["whole", "in pieces"])
def test_the_labelled_records_are_told_apart_as_in_a_log_group(
    case: Case, objects: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Precision and recall are those of the log group: the same report comes of both."""
    monkeypatch.setattr(trail_bucket, "OBJECTS", objects)
    records = [each.record for each in case.records]
    whole = Reader(Logs(lines(records)), case.session).report()
    reader = reader_of(Bucket(records), case.session)
    reader.pages = 3
    found = reader.report()
    made = report.build(case.session, records)
    assert found.events == whole.events == made.count
    assert found.mail is not None
    assert whole.mail is not None
    if "eventTime" not in case.name:  # a log group has a time of its own for what came without
        assert (found.mail.subject, found.mail.text) == (whole.mail.subject, whole.mail.text)


def test_a_role_in_another_account_is_followed_where_an_organisation_has_very_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trail_bucket, "ACCOUNTS", 2)
    key, elsewhere = key_of("far"), {"recipientAccountId": OTHER_ACCOUNT}
    there = taken_role("Deploy", "ana", key, OTHER_ACCOUNT, created=3)
    strangers = [event("ListUsers", "iam", sso_role("carol"), recipientAccountId=f"{n:012}")
                 for n in range(1, 30)]  # fmt: skip
    records = [
        assume_role(sso_role(), "Deploy", "ana", key, OTHER_ACCOUNT, 3),
        event("DeleteBucket", "s3", there, 5, readOnly=False, **elsewhere),
        *strangers,
    ]
    bucket = Bucket(records)
    reported = reader_of(bucket).report()
    assert reported.events == 2
    assert bucket.reads < 8
    assert reported.mail is not None
    assert "The organisation has many accounts." in reported.mail.text
    assert "role Deploy" in reported.mail.text


def test_a_record_that_no_log_group_takes_is_found() -> None:
    """CloudWatch Logs takes none above 256 KB."""
    big = event("PutObject", "s3", sso_role(), requestParameters={"data": "x" * 900_000})
    assert reader_of(Bucket([big])).report().events == 1


def test_a_session_over_midnight_and_every_region_is_read() -> None:
    records = [
        event("ListUsers", "iam", sso_role(), minutes, n=minutes, awsRegion=region)
        for minutes in (1, 500, 590)
        for region in ("eu-west-1", "us-east-1", "ap-south-2")
    ]
    session = session_of(tail=timedelta(hours=12))
    reader = reader_of(Bucket(records), session)
    reader.now = UNTIL + timedelta(hours=12)
    assert reader.report().events == 9
    assert len({place(record).split("/")[-2] for record in records}) == 2


def test_what_lies_long_before_is_neither_listed_nor_read() -> None:
    old = [event("ListUsers", "iam", sso_role(), -60 * n, n=n) for n in range(2, 10)]
    bucket = Bucket([*old, event("ListUsers", "iam", sso_role())])
    assert reader_of(bucket).report().events == 1
    assert bucket.reads == 1


def test_an_idle_person_is_told_from_silence() -> None:
    someone = event("ListUsers", "iam", sso_role("carol"))
    said = " ".join(reader_of(Bucket([someone])).report().summary)
    assert "not used" in said
    elsewhere = event("ListUsers", "iam", sso_role("carol"), recipientAccountId=OTHER_ACCOUNT)
    said = " ".join(reader_of(Bucket([elsewhere])).report().summary)
    assert "is the trail delivering?" in said
    assert "not used" not in said


def test_silence_is_looked_for_page_after_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_bucket, "OBJECTS", 1)
    quiet = [event("X", "s3", sso_role("carol"), n, recipientAccountId=OTHER_ACCOUNT)
             | {"recipientAccountId": ACCOUNT, "awsRegion": f"eu-west-{n}", "hidden": 1}
             for n in range(1, 4)]  # fmt: skip
    bucket = Bucket(quiet)
    for name in bucket.objects:  # whose events are all of another time
        old = [each | {"eventTime": "2020-01-01T00:00:00Z"} for each in quiet]
        bucket.objects[name] = gzip.compress(json.dumps({"Records": old}).encode())
    reader = reader_of(bucket)
    reader.pages = 1
    assert "is the trail delivering?" in " ".join(reader.report().summary)


def test_an_object_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket([event("ListUsers", "iam", sso_role())])
    (key,) = bucket.objects
    stem = key.removesuffix(".json.gz")
    bucket.objects |= {
        f"{stem}-1.json.gz": b"no gzip",
        f"{stem}-2.json.gz": gzip.compress(b'{"Records": [{"userIdentity": "/ana"'),
        f"{stem}-3.json.gz": gzip.compress(b'{"Records": null, "x": "/ana"}'),
        f"{stem}-4.json.gz": gzip.compress(b"0" * 3_000),
        f"{stem}-5.json.gz": b"0" * 3_000,
        f"{stem}-6.json.gz": gzip.compress(b'{"Records": []}')[:-3],
        f"{stem}-digest.json": b"of another kind",
    }
    monkeypatch.setattr(trail_bucket, "LARGEST", 2_500)
    bucket.objects[f"{stem}-7.json.gz"] = b""
    bucket.failing = ["", "", "", "", "", "", "NoSuchKey"]
    reported = reader_of(bucket).report()
    said = " ".join(reported.summary)
    assert reported.events == 1
    assert "7 records of the trail could not be read" in said
    assert reported.mail is not None
    (raw,) = [each.content for each in reported.mail.attachments if "unread" in each.name]
    assert f"s3://trail/{stem}-1.json.gz".encode() in raw


def test_what_was_read_before_the_bucket_did_not_answer_is_kept() -> None:
    records = [event("ListUsers", "iam", sso_role(), n, n=n) for n in range(9)]
    bucket = Bucket(records)
    bucket.failing = ["SlowDown", "", "", "SlowDown", "", ""]
    reader = reader_of(bucket)
    while True:
        try:
            found = reader.piece()
        except Unavailable:
            continue
        if isinstance(found, Reported):
            break
        reader.write(found)
    assert found.events == 9
    assert bucket.reads == 9


@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException"])
def test_a_bucket_that_cannot_be_read_is_said_with_where_to_look_by_hand(code: str) -> None:
    bucket = Bucket([event("ListUsers", "iam", sso_role())])
    bucket.failing = [code] * 1_000
    reader = reader_of(bucket)
    found = reader.piece()
    assert isinstance(found, Reading)
    reader.write(found)
    with pytest.raises(Unavailable, match=code):
        reader.piece()
    reader.now = UNTIL + timedelta(hours=4)
    reported = reader.report()
    assert reported.mail is not None
    text = reported.mail.text
    assert code in text
    assert "What was done is not known to this report." in text
    assert "To look by hand, in s3://trail/o-abc, from 2026-11-22" in text
    assert f"/AWSLogs/[o-…/]{ACCOUNT}/CloudTrail/*/2026/11/22/*.json.gz for " in text


def test_a_page_ends_when_its_time_is_over() -> None:
    records = [event("ListUsers", "iam", sso_role(), n, n=n) for n in range(9)]
    clock = iter(range(0, 10_000, 3))
    bucket = Bucket(records)
    reader = reader_of(bucket, seconds=lambda: float(next(clock)))
    trail = reader.bucket
    query = trail.start(_text(), 0, 1 << 33, 100_000, [ACCOUNT])
    page = trail.page(query, 1_000)
    assert page.token
    assert len(page.records) < 9


def test_a_search_of_a_bucket_costs_no_query_that_could_be_lost() -> None:
    trail = Heard(Bucket())
    query = trail.start(_text(), 5, 9, 10, [])
    assert trail.start(_text(), 5, 9, 10, []) == query
    assert trail.started("break-glass") == []
    trail.stop(query)


def test_a_long_report_from_a_bucket_is_read_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "AGAIN", 0)
    monkeypatch.setattr(trail_bucket, "OBJECTS", 4)
    records = [event(f"Describe{n % 7}", "ec2", sso_role(), n / 20, n=n) for n in range(1_000)]
    bucket = Bucket(records, most=1_000)
    reader = reader_of(bucket)
    reader.pages = 2
    found = reader.report()
    assert found.events == 1_000
    assert len(reader.progress) > 3
    assert bucket.reads == len(bucket.objects)  # no object is read twice
    assert reader.kept.largest < 300_000


def _text() -> str:
    return 'fields @timestamp | filter @message like "ana"'
