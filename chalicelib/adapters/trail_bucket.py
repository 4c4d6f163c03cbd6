"""Reads what CloudTrail has delivered to a bucket: for who has no log group, and with the records
that are too large for one.

What to ask, and whose the records are, is the report's to say, in the same query as a log group
gets. Here nobody searches: a query is its own id, and each page of it lists and reads objects
(`[PREFIX/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz`) from where the last one
ended, and gives the records that it asks for.
"""

import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.ports import TrailPage
from chalicelib.report.search import patterns
from chalicelib.trail.attribution import UNREAD
from chalicelib.trail.event import time_of
from chalicelib.transport.errors import said

ACCOUNTS = 20  # where an organisation has no more, all are read; else those that are known of
LATEST = timedelta(minutes=15)  # by how much an object's own time may lie before its events'
SECONDS = 8.0  # for one page
OBJECTS = 200  # read for one page
LARGEST = 100_000_000  # bytes of an object, unpacked: what is larger is said, and not read
GONE = ("NoSuchKey", "404")


def client_for(session: Any, region: str = "") -> Any:
    """An S3 client that waits no longer than a worker can."""
    config = Config(connect_timeout=2, read_timeout=7, retries={"total_max_attempts": 2})
    return session.client("s3", region_name=region or None, config=config)


class Asked(NamedTuple):
    """A query, as its id has it."""

    like: list[str]  # regular expressions
    accounts: list[str]
    start: int
    end: int
    limit: int


class TrailBucket:
    """The organisation's trail in a bucket; see ports.Trail.

    `client` is boto3's "s3" client, `home` says in which account people sign in: that which has
    the Identity Center instance.
    """

    def __init__(
        self,
        client: Any,
        url: str,
        home: Callable[[], str] = lambda: "",
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._home, self._seconds = client, home, seconds
        self.log_group = url.rstrip("/")
        self._bucket, _, prefix = self.log_group.removeprefix("s3://").partition("/")
        self._base = f"{prefix}/AWSLogs/".lstrip("/")
        self._roots: dict[str, list[str]] = {}
        self._rooted = ""  # the query for which they were listed

    def start(
        self, query: str, start: int, end: int, limit: int, accounts: Sequence[str] = ()
    ) -> str:
        known = sorted({*accounts, *((self._home(),) if limit > 1 else ())} - {""})
        asked = Asked(patterns(query), known, start, end, limit)
        return json.dumps(asked, separators=(",", ":"))

    def started(self, mark: str) -> list[tuple[str, str]]:
        return []

    def stop(self, query_id: str) -> None:
        """Nothing runs."""

    def page(self, query_id: str, rows: int, token: str = "") -> TrailPage | None:
        asked = Asked(*json.loads(query_id))
        wanted = [re.compile(each) for each in asked.like]
        until, found, number, at = self._seconds() + SECONDS, list[dict[str, Any]](), 0, token
        try:
            roots = self._roots_of(query_id, asked)
            for key, written in self._objects(roots, asked, token):
                if written is not None:
                    found += list(self._records(key, written, wanted, asked))
                    number += 1
                at = key
                if asked.limit <= len(found):
                    return TrailPage(records=found[: asked.limit])
                if len(found) >= rows or number >= OBJECTS or self._seconds() >= until:
                    return TrailPage(records=found, token=at)
        except (ClientError, BotoCoreError) as error:
            if at != token:  # what was read till then is kept
                return TrailPage(records=found, token=at)
            raise Unavailable(f"the trail's bucket cannot be read: {said(error)}") from error
        return TrailPage(records=found, narrow=len(self._roots) > ACCOUNTS)

    # Which objects -------------------------------------------------------------------------------

    def _objects(
        self, roots: list[str], asked: Asked, after: str
    ) -> Iterator[tuple[str, datetime | None]]:
        """Keys and when they were written, in one order, after a key or the beginning of keys.

        With no time: the beginning of keys whose end has been reached, be it without any.
        """
        first = datetime.fromtimestamp(asked.start, UTC) - LATEST
        days = max(0, (datetime.fromtimestamp(asked.end, UTC).date() - first.date()).days) + 1
        for root in roots:
            if after and root < after and not after.startswith(root):
                continue
            for region in self._below(root):
                for day in range(days):
                    prefix = f"{region}{first + timedelta(days=day):%Y/%m/%d}/"
                    if after == prefix or (prefix < after and not after.startswith(prefix)):
                        continue  # through with it
                    yield from self._keys(prefix, max(after, prefix), first)
                    yield prefix, None

    def _keys(
        self, prefix: str, after: str, first: datetime
    ) -> Iterator[tuple[str, datetime | None]]:
        while True:
            listed = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after
            )
            for each in listed.get("Contents", []):
                after = each["Key"]
                if after.endswith(".json.gz") and _delivered(after, first):
                    yield after, each["LastModified"]
            if not listed.get("IsTruncated"):
                return

    def _roots_of(self, query_id: str, asked: Asked) -> list[str]:
        """Where each account's objects are that are to be read, in the order of keys."""
        if self._rooted != query_id:
            folders = self._below(self._base)
            for organisation in [each for each in folders if "/o-" in each]:
                folders += self._below(organisation)
            self._roots = {}
            for folder in folders:
                name = folder.rstrip("/").rpartition("/")[2]
                if re.fullmatch(r"\d{12}", name):
                    self._roots.setdefault(name, []).append(f"{folder}CloudTrail/")
            self._rooted = query_id
        few = asked.limit > 1 and len(self._roots) <= ACCOUNTS
        chosen = self._roots if few else asked.accounts
        return sorted(root for account in chosen for root in self._roots.get(account, []))

    def _below(self, prefix: str) -> list[str]:
        found, after = list[str](), ""
        while True:
            more = {"ContinuationToken": after} if after else {}
            listed = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/", **more
            )
            found += [each["Prefix"] for each in listed.get("CommonPrefixes", [])]
            after = listed.get("NextContinuationToken", "")
            if not after:
                return sorted(found)

    # What is in them -----------------------------------------------------------------------------

    def _records(
        self, key: str, written: datetime, wanted: list[re.Pattern[str]], asked: Asked
    ) -> Iterator[dict[str, Any]]:
        """The object's records that are asked for; an object that cannot be read is one as well."""
        noted = {"@ingestionTime": int(written.timestamp() * 1000)}
        try:
            text = self._text(key)
            if not any(each.search(text) for each in wanted):
                return
            records = json.loads(text)["Records"]
            for record in records:
                line = json.dumps(record)
                when = time_of(record)
                if when and not asked.start <= when.timestamp() <= asked.end:
                    continue
                if any(each.search(line) for each in wanted):
                    yield {**record, **noted}
        except (ValueError, TypeError, KeyError, RecursionError, zlib.error) as error:
            why = f"s3://{self._bucket}/{key}: {type(error).__name__} {error}"
            yield {UNREAD: why, **noted}

    def _text(self, key: str) -> str:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            if answer.get("ContentLength", 0) > LARGEST:
                raise ValueError("it is too large to be read")
            body = answer["Body"].read()
        except ClientError as error:
            if said(error) in GONE:
                raise ValueError("it is gone") from error
            raise
        unpack = zlib.decompressobj(wbits=31)
        content: bytes = unpack.decompress(body, LARGEST)
        if unpack.unconsumed_tail or not unpack.eof:
            raise ValueError("it is cut, or too large to be read")
        return content.decode("utf-8", "replace")


def _delivered(key: str, first: datetime) -> bool:
    """Whether the time in the object's name is late enough; True where it says none."""
    said = re.search(r"_(\d{8}T\d{4})Z_[^/]*$", key)
    return said is None or said[1] >= f"{first:%Y%m%dT%H%M}"
