"""Finds a session's CloudTrail records with CloudWatch Logs Insights.

The query is coarse: it asks for whatever names the person, and afterwards for whatever names the
credentials that these records show to have been handed out. What is the session's is decided in
Python, from the records alone.

A search takes several queries, one after the other, and nobody waits for them: what is known so
far travels in the token, and the queries' results stay with CloudWatch.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ports import TrailAnswer, Unavailable
from chalicelib.session import Session
from chalicelib.trail_events import Whose, sift

ROWS = 100_000  # what one query gives at most, in pages of up to 10,000
PAGE = 5_000  # rows; a row is some 2 KB, and a worker's memory is small
QUERIES = 40  # of one search; beyond that the report says that there is more
ROUNDS = 6  # of following credentials
TERMS = 120  # in one query, which may be 10,000 characters long
SLACK = timedelta(minutes=5)  # a log event's own time may differ from the call's
TELLING = 4  # a part of a name shorter than that is in every second record

RUNNING = ("Scheduled", "Running")
HANDS_OUT = re.compile(r'redential|"accessKey"|SwitchRole')  # see trail_events
SAFE = re.compile(r"[A-Za-z0-9+=,.@:_-]+")
FIELDS = "fields @timestamp, @ingestionTime, @message"


@dataclass(frozen=True, slots=True)
class _Query:
    """One query: its id, from when to when (epoch seconds), and in which round it was asked."""

    id: str
    start: int
    end: int
    round: int


@dataclass(frozen=True, slots=True)
class _Search:
    """All that has to be remembered between two looks; the token is this, as JSON."""

    whose: Whose
    start: int
    end: int
    queries: tuple[_Query, ...]
    terms: tuple[tuple[str, ...], ...]  # of each round
    anyone: str = ""  # the query for any event at all from the account, where none was found
    read: int = 0  # how many of the queries have been read for what to ask next
    cut: bool = False

    def to_token(self) -> str:
        queries = [[q.id, q.start, q.end, q.round] for q in self.queries]
        return json.dumps(
            [self.whose.to_json(), self.start, self.end, queries, self.terms, self.anyone,
             self.read, self.cut],
            separators=(",", ":"),
        )  # fmt: skip

    @classmethod
    def from_token(cls, token: str) -> Self:
        whose, start, end, queries, terms, anyone, read, cut = json.loads(token)
        return cls(
            Whose.from_json(whose),
            start,
            end,
            tuple(_Query(*query) for query in queries),
            tuple(tuple(each) for each in terms),
            anyone,
            read,
            cut,
        )


class CloudTrail:
    """The trail of the organisation, as it stands in a CloudWatch log group.

    `client` is boto3's "logs" client in the log group's Region; `log_group` its name, or its ARN
    where it belongs to another account that shares it.
    """

    def __init__(self, client: Any, log_group: str) -> None:
        self._client = client
        self._log_group = log_group.removesuffix(":*")
        self._whole: dict[str, dict[str, Any]] = {}  # answers of one page, so as to ask once

    def ask(self, session: Session, until: datetime) -> str:
        """Starts the search; asking twice only costs twice. Raises Unavailable."""
        whose = Whose.of(session)
        start, end = _seconds(whose.start - SLACK), _seconds(max(until, whose.start)) + 1
        terms = _terms_of(whose)
        search = _Search(
            whose=whose,
            start=start,
            end=end,
            queries=(self._start(terms, start, end, 0),),
            terms=(terms,),
        )
        return search.to_token()

    def answer(self, token: str) -> TrailAnswer | None:
        """What was found; None while a query runs.

        Where more has to be asked, the answer has the token to go on with as `rest`: a query was
        full, credentials were handed out, or nothing was found on the account, so that there is the
        question whether the trail hears of it at all. Raises Unavailable, also where the results
        have gone: then ask anew.
        """
        try:
            search = _Search.from_token(token)
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable("the search of the trail cannot be gone on with") from error
        self._whole = {}
        asked = [query.id for query in search.queries[search.read :]]
        for query_id in [search.anyone] if search.anyone else asked:
            page = self._page(query_id, PAGE)
            if page is None:
                return None
            if not page.get("nextToken"):
                self._whole[query_id] = page
        records = self._records(search.queries)
        if search.anyone:
            return TrailAnswer(records, truncated=search.cut, silent=not self._anybody(search))
        further = self._further(search)
        if further.queries != search.queries:
            return TrailAnswer(records, truncated=True, rest=further.to_token())
        if not self._heard_of(search):
            anyone = self._start_anyone(search)
            return TrailAnswer(records, rest=replace(further, anyone=anyone).to_token())
        return TrailAnswer(records, truncated=further.cut)

    def _further(self, search: _Search) -> _Search:
        """The search with the queries that have to follow, started."""
        reached: list[int | None] = []
        followed = sift(search.whose, self._survey(search, reached)).followed
        queries, cut = list(search.queries), search.cut
        for query, last in list(zip(search.queries, reached, strict=True))[search.read :]:
            if last is None:
                continue
            start = max(last, query.start + 1)
            cut = cut or last <= query.start  # more in one second than a query gives
            if start > query.end or len(queries) >= QUERIES:
                cut = True
                continue
            queries.append(self._start(search.terms[query.round], start, query.end, query.round))
        if len(queries) > len(search.queries):
            return replace(search, queries=tuple(queries), read=len(search.queries), cut=cut)
        asked = {term for terms in search.terms for term in terms}
        new = tuple(t for each in followed if (t := f'"{each}"') not in asked and _safe(each))
        if not new:
            return replace(search, cut=cut)
        if len(search.terms) > ROUNDS or len(queries) >= QUERIES:
            return replace(search, cut=True)
        if len(new) > TERMS:  # by role then, which brings others' events of that role along
            roles = dict.fromkeys(f'{term.partition(":")[0]}"' for term in new if ":" in term)
            new, cut = tuple(roles)[:TERMS], cut or len(roles) > TERMS
        queries.append(self._start(new, search.start, search.end, len(search.terms)))
        return replace(
            search,
            queries=tuple(queries),
            read=len(search.queries),
            terms=(*search.terms, new),
            cut=cut,
        )

    def _survey(self, search: _Search, reached: list[int | None]) -> Iterator[dict[str, Any]]:
        """The records by which credentials may have been handed out.

        Adds to `reached`, for each query, the time of the last record that it gave, where it
        matched more.
        """
        for query in search.queries:
            rows = matched = 0
            last = ""
            for page in self._pages(query.id):
                matched = int(page.get("statistics", {}).get("recordsMatched", 0))
                rows += len(page["results"])
                for fields in map(_fields, page["results"]):
                    last = fields.get("@timestamp", last)
                    if HANDS_OUT.search(fields.get("@message", "")):
                        yield _record(fields)
            full = rows and matched > rows
            reached.append((_epoch(last) or query.start) if full else None)

    def _records(self, queries: tuple[_Query, ...]) -> Iterator[dict[str, Any]]:
        """The records, with the log's own times beside CloudTrail's fields; some may come twice."""
        for query in queries:
            for page in self._pages(query.id):
                for row in page["results"]:
                    yield _record(_fields(row))

    def _heard_of(self, search: _Search) -> bool:
        """Whether one of the records is of the account itself."""
        here = re.compile(_of(search.whose.account_id))
        messages = (
            _fields(row).get("@message", "")
            for query in search.queries
            for page in self._pages(query.id)
            for row in page["results"]
        )
        return any(here.search(message) for message in messages)

    def _anybody(self, search: _Search) -> bool:
        return any(page["results"] for page in self._pages(search.anyone))

    # Calls ---------------------------------------------------------------------------------------

    def _start(self, terms: tuple[str, ...], start: int, end: int, number: int) -> _Query:
        likes = " or ".join(f"@message like {term}" for term in terms)
        text = f"{FIELDS} | filter {likes} | sort @timestamp asc"
        return _Query(self._query(text, start, end, ROWS), start, end, number)

    def _start_anyone(self, search: _Search) -> str:
        here = _of(search.whose.account_id)
        text = f"fields @timestamp | filter @message like /{here}/ | limit 1"
        return self._query(text, search.start, search.end, 1)

    def _query(self, text: str, start: int, end: int, limit: int) -> str:
        where = "logGroupIdentifiers" if self._log_group.startswith("arn:") else "logGroupNames"
        try:
            answer = self._client.start_query(
                **{where: [self._log_group]},
                startTime=start,
                endTime=max(end, start),
                queryString=text,
                limit=limit,
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the trail cannot be searched: {_said(error)}") from error
        return str(answer["queryId"])

    def _pages(self, query_id: str) -> Iterator[dict[str, Any]]:
        if query_id in self._whole:
            yield self._whole[query_id]
            return
        token = ""
        while True:
            page = self._page(query_id, PAGE, token)
            if page is None:
                raise Unavailable("the search of the trail has not ended")
            yield page
            following = page.get("nextToken") or ""
            if not following or following == token or not page["results"]:
                return
            token = following

    def _page(self, query_id: str, rows: int, token: str = "") -> dict[str, Any] | None:
        """One page of results; None while the query runs."""
        more = {"nextToken": token} if token else {}
        try:
            page: dict[str, Any] = self._client.get_query_results(
                queryId=query_id, maxItems=rows, **more
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the trail's answer cannot be read: {_said(error)}") from error
        status = page.get("status")
        if status in RUNNING:
            return None
        if status != "Complete":
            raise Unavailable(f"the search of the trail came to nothing: {status}")
        return page


def _terms_of(whose: Whose) -> tuple[str, ...]:
    """What the person's records have in them, as Insights' `like` takes it: the id and the name.

    The name ends a text in all of them: an ARN, a principal id, or by itself. Only signs that need
    no escaping go into a query; of a name with others its longest part without them, or if that
    says too little, the role that everybody's session has.
    """
    if SAFE.fullmatch(whose.user_name):
        name = whose.user_name.replace(".", "\\.").replace("+", "\\+")
        terms = [f'/[\\/:"]{name}"/']
    else:
        part = max(SAFE.findall(whose.user_name), key=len, default="")
        role = f"AWSReservedSSO_{_safe(whose.permission_set)}_"
        terms = [f'"{part if len(part) >= TELLING else role}"']
    if _safe(whose.principal_id):
        terms.append(f'"{whose.principal_id}"')
    return tuple(terms)


def _of(account_id: str) -> str:
    """A pattern of what an account's records have in them."""
    return f'"recipientAccountId": ?"{_safe(account_id)}"'


def _safe(text: str) -> str:
    return text if SAFE.fullmatch(text) else ""


def _fields(row: list[dict[str, str]]) -> dict[str, str]:
    return {each.get("field", ""): each.get("value", "") for each in row}


def _record(fields: dict[str, str]) -> dict[str, Any]:
    """The record in a row. What cannot be read is a record all the same, and is counted."""
    try:
        found = json.loads(fields.get("@message", ""))
    except (ValueError, RecursionError):
        found = {}
    record: dict[str, Any] = found if isinstance(found, dict) else {}
    for name in ("@timestamp", "@ingestionTime"):
        if value := fields.get(name):
            record[name] = int(value) if value.isdecimal() else value
    return record


def _epoch(timestamp: str) -> int | None:
    """`2026-11-22 15:04:05.000`, as Insights writes times, in UTC; or epoch milliseconds."""
    if timestamp.isdecimal():
        return int(timestamp) // 1000
    try:
        return _seconds(datetime.fromisoformat(timestamp.removesuffix("Z") + "+00:00"))
    except ValueError:
        return None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _said(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "an error"))
    return type(error).__name__
