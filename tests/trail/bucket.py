"""A bucket of CloudTrail's in memory, with the labelled records where CloudTrail would put them."""

import gzip
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.trail_bucket import TrailBucket
from chalicelib.domain.ports import TrailPage
from chalicelib.trail.event import moment
from tests.trail.records import MANAGEMENT, Record

URL = "s3://trail/o-abc"
ROOT = "o-abc/AWSLogs/o-abc1234567"
DELIVERED = timedelta(minutes=5)


def place(record: Record) -> str:
    """The key of the object that CloudTrail would deliver the record in."""
    at = (moment(record.get("eventTime")) or datetime(2026, 11, 22, 16, tzinfo=UTC)) + DELIVERED
    account = record.get("recipientAccountId", "111122223333")
    region = record.get("awsRegion", "us-east-1")
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%M}Z_abc.json.gz"
    return f"{ROOT}/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"


def packed(records: list[Record]) -> bytes:
    return gzip.compress(json.dumps({"Records": records}, separators=(",", ":")).encode())


class Bucket:
    """S3 with one bucket; lists so many at a time, as S3 does a thousand."""

    def __init__(self, records: Iterable[Record] = (), most: int = 3) -> None:
        placed = sorted(records, key=place)
        self.objects = {key: packed(list(each)) for key, each in groupby(placed, place)}
        self.most = most
        self.reads = self.lists = 0
        self.failing: list[str] = []  # codes of the next reads

    def list_objects_v2(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str,  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        assert Bucket == "trail"
        self.lists += 1
        after = ContinuationToken or StartAfter
        names = set()
        for key in self.objects:
            rest = key.removeprefix(Prefix)
            if key.startswith(Prefix):
                names.add(
                    Prefix + rest.partition("/")[0] + "/" if "/" in rest and Delimiter else key
                )
        found = sorted(name for name in names if name > after)
        page, more = found[: self.most], len(found) > self.most
        answer: dict[str, Any] = {"IsTruncated": more}
        if more:
            answer["NextContinuationToken"] = page[-1]
        folders = [name for name in page if name.endswith("/")]
        answer["CommonPrefixes"] = [{"Prefix": name} for name in folders]
        written = datetime(2026, 11, 22, 17, tzinfo=UTC)
        answer["Contents"] = [
            {"Key": name, "LastModified": written} for name in page if name not in folders
        ]
        return answer

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "trail"
        if self.failing:
            code = self.failing.pop(0)
            if code:
                raise ClientError({"Error": {"Code": code}}, "GetObject")
        self.reads += 1
        return {"Body": io.BytesIO(self.objects[Key]), "ContentLength": len(self.objects[Key])}


class Heard(TrailBucket):
    """The adapter, that remembers what came through it."""

    def __init__(self, client: Any, **how: Any) -> None:
        super().__init__(client, URL, lambda: MANAGEMENT, **how)
        self.records: list[Record] = []

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        page = super().page(query_id, rows, token)
        self.records += page.records if page else []
        return page
