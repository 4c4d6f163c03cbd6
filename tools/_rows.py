"""Finds sessions and asks in the table: by its indexes, page by page, never by a scan unless asked.

A row is what its id says, whatever else it says of itself: who may only ask writes what they like
into the rows that they may write. So of an ask that is not decided yet only that is taken which has
an ask's form.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind
from chalicelib.domain.machine import LIVE
from chalicelib.domain.rows import DUE_ASKS
from chalicelib.domain.session import FOUND, SESSION_ID
from chalicelib.workflow import policy
from tools._project import Misused, Problem, client

Row = dict[str, Any]
FIRST, LAST = "0000", "9999"  # before and after every ISO time
WAITING = "waiting"  # what has come of an ask that is not decided yet
WHAT = {kind: str(kind) for kind in Kind} | {
    Kind.BREAK: "break",
    Kind.END: "end now",
    Kind.EXPECTED: "as expected",
    Kind.FOLLOWUP: "follow up",
    Kind.FOUND: "take back",
}
NEWEST = 25  # rows of a person that are enough to know their Slack ids by
SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What rows are asked for; an empty value asks for all."""

    person: str = ""
    account: str = ""
    glass: str = ""
    state: str = ""
    since: str = FIRST
    until: str = LAST
    slack_users: frozenset[str] = frozenset()  # the person's, as far as known
    unreviewed: bool = False  # a review is owed, or was, and nobody has done it

    def fits(self, row: Row) -> bool:
        asked_at = str(row.get("asked_at", ""))
        return (
            self._is(row)
            and self.account in ("", row.get("account_id"))
            and self.glass in ("", row.get("glass"))
            and self.state in ("", row.get("state"))
            and self.since <= asked_at <= self.until
            and not (self.unreviewed and (row.get("reviewed_at") or not row.get("review_until")))
        )

    def _is(self, row: Row) -> bool:
        """Whether it is the person's, in whatever spelling the e-mail was typed or kept."""
        ownership = [str(row.get(name, "")) for name in ("person", "email", "slack_user")]
        slack_user = row.get("slack_user", "")
        unknown = row.get("person", slack_user) == slack_user  # nobody has asked for the e-mail
        if unknown and slack_user in self.slack_users:
            return True
        return not self.person or policy.key(self.person) in map(policy.key, ownership)

    @property
    def by_slack_user(self) -> bool:
        return bool(self.person) and "@" not in self.person


class Rows:
    """The table's sessions and asks as plain values, the newest first; each with `what` it is."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.client = client("dynamodb")
        self.capacity = 0.0  # read units so far, as DynamoDB counts them

    def find(
        self,
        wanted: Wanted,
        accounts: Iterable[str],
        account_of: Callable[[str], str] = lambda glass: "",
    ) -> Iterator[Row]:
        """By person where one is asked for, else by the account, else by each of `accounts`.

        A row is kept under its person's e-mail as soon as that is known; so those of a Slack user
        are looked for among the accounts', and those of an e-mail also among the rows of its Slack
        users of whom it was never asked: their glass, or their session, does not exist. What is not
        decided yet is under no account: it is in a list of its own, and `account_of` says where a
        glass is.
        """
        if wanted.by_slack_user:
            wanted = replace(wanted, slack_users=frozenset({wanted.person}))
            ways = [("by-person", "person", wanted.person)]
            ways += [("by-account", "account_id", each) for each in accounts]
        elif wanted.person:
            spelled = sorted({policy.key(wanted.person), wanted.person})
            ways = [("by-person", "person", each) for each in spelled]
            wanted = replace(wanted, slack_users=frozenset(self._slack_users(ways)))
            ways += [("by-person", "person", each) for each in sorted(wanted.slack_users)]
        else:
            places = [wanted.account] if wanted.account else accounts
            ways = [("by-account", "account_id", each) for each in places]
        found = [*(self._indexed(*way, wanted) for way in ways), self.undecided(account_of)]
        return self._merged([filter(wanted.fits, each) for each in found])

    def _merged(self, found: list[Iterator[Row]]) -> Iterator[Row]:
        """Each once, the newest first; a press and the session that it has become are one."""
        seen: set[str] = set()
        for row in heapq.merge(*found, key=_asked_at, reverse=True):
            name = ask.session_of(row["id"]) or row["id"]
            if name not in seen:
                seen.add(name)
                yield row

    def _slack_users(self, ways: list[tuple[str, str, str]]) -> set[str]:
        newest = [itertools.islice(self._indexed(*way, Wanted()), NEWEST) for way in ways]
        known = [row for row in itertools.chain(*newest) if row.get("outcome") != WAITING]
        return {str(row["slack_user"]) for row in known if row.get("slack_user")}

    def undecided(self, account_of: Callable[[str], str] = lambda glass: "") -> Iterator[Row]:
        """Asks that wait, the newest first, each with the account that it is about."""
        sessions: dict[str, Row] = {}
        for row_id in self._due(DUE_ASKS):
            row = self.one(row_id) if ask.is_open(row_id) else None
            if row is None:
                continue
            about = row.get("session_id", "")
            if about and about not in sessions:
                sessions[about] = self.one(about) or {}
            known = sessions.get(about, {})
            account = known.get("account_id") or account_of(row.get("glass", ""))
            yield {"account_id": account, "glass": known.get("glass", "")} | row

    def of_session(self, session_id: str, row: Row) -> list[Row]:
        """Every ask on the session, the oldest first."""
        found: list[Row] = []
        if row.get("account_id"):
            since = Wanted(since=str(row.get("asked_at", FIRST)))
            way = ("by-account", "account_id", str(row["account_id"]))
            indexed = self._indexed(*way, since, session_id=session_id)
            found = [each for each in indexed if ask.is_decided(each["id"])]
        found += [each for each in self.undecided() if each.get("session_id") == session_id]
        return sorted(found, key=_asked_at)

    def open_now(self) -> list[Row]:
        """Every session whose access may be open, from the sparse index of unfinished ones."""
        ids = [row_id for row_id in self._due("yes") if SESSION_ID.fullmatch(row_id)]
        rows = [row for row in (self.one(each) for each in ids) if row]
        mine = [row for row in rows if row.get("state") in LIVE]
        return sorted(mine, key=_asked_at, reverse=True)

    def scan(self, wanted: Wanted) -> list[Row]:
        """The whole table, read from end to end."""
        rows = filter(None, map(told, self._pages("scan", {})))
        return sorted(filter(wanted.fits, rows), key=_asked_at, reverse=True)

    def one(self, row_id: str) -> Row | None:
        """The session or the ask with that id."""
        item = self._get(row_id)
        return told(item) if item else None

    def beginning(self, prefix: str, accounts: Iterable[str]) -> list[str]:
        """The ids of the sessions and asks that begin so, each once; looked for as `find` does."""
        found = (str(row["id"]).rpartition("/")[2] for row in self.find(Wanted(), accounts))
        return list(dict.fromkeys(each for each in found if each.startswith(prefix)))

    def leased(self, session_id: str) -> bool:
        return self._get(f"lease/{session_id}") is not None

    def _get(self, row_id: str) -> Row | None:
        asked = {"TableName": self.table, "Key": {"id": {"S": row_id}}, "ConsistentRead": True}
        item = self._asked("get_item", asked).get("Item")
        return plain(item) if item else None

    def _due(self, partition: str) -> Iterator[str]:
        asked = {
            "IndexName": "due",
            "KeyConditionExpression": "#open = :open",
            "ExpressionAttributeNames": {"#open": "open"},
            "ExpressionAttributeValues": {":open": {"S": partition}},
            "ScanIndexForward": False,
        }
        return (row["id"] for row in self._pages("query", asked))

    def _indexed(
        self, index: str, key: str, value: str, wanted: Wanted, session_id: str = ""
    ) -> Iterator[Row]:
        asked: dict[str, Any] = {
            "IndexName": index,
            "KeyConditionExpression": "#key = :key AND asked_at BETWEEN :since AND :until",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {
                ":key": {"S": value},
                ":since": {"S": wanted.since},
                ":until": {"S": wanted.until},
            },
            "ScanIndexForward": False,
        }
        if session_id:
            asked["FilterExpression"] = "session_id = :session"
            asked["ExpressionAttributeValues"][":session"] = {"S": session_id}
        return filter(None, map(told, self._pages("query", asked)))

    def _pages(self, operation: str, asked: dict[str, Any]) -> Iterator[Row]:
        asked = {**asked, "TableName": self.table, "ReturnConsumedCapacity": "TOTAL"}
        while True:
            page = self._asked(operation, asked)
            self.capacity += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            yield from (plain(item) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _asked(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        from chalicelib.deploy.aws_errors import sentence

        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**asked)
        except ClientError as error:
            said = sentence(error)
            raise Problem(f"the table {self.table} cannot be read. {said}") from error
        except BotoCoreError as error:
            raise Problem(sentence(error)) from error
        return answer


def told(row: Row) -> Row | None:
    """A session or an ask, with `what` was asked for; None of any other row.

    Of an undecided ask that alone which has an ask's form.
    """
    row_id = str(row["id"])
    if SESSION_ID.fullmatch(row_id):
        return row | {"what": WHAT[Kind.FOUND if row.get("shape") == FOUND else Kind.BREAK]}
    kind = ask.kind_of(row_id)
    if kind is None:
        return None
    if ask.is_decided(row_id):
        return row | {"what": WHAT[kind]}
    if not ask.is_open(row_id):
        return None
    formed = {
        name: row[name]
        for name, form in ask.FORMS.items()
        if isinstance(row.get(name), str) and form.fullmatch(row[name])
    }
    asked_at = str(row.get("asked_at", ""))
    return formed | {"id": row_id, "asked_at": asked_at, "what": WHAT[kind], "outcome": WAITING}


def moment(text: str, now: datetime | None = None) -> str:
    """`2026-11-22`, `2026-11-22T15:04Z` or `36h` (so long ago) as rows have it. ValueError."""
    span = re.fullmatch(r"(\d+)([mhdw])", text)
    if span:
        try:
            then = (now or datetime.now(UTC)) - timedelta(**{SPANS[span[2]]: int(span[1])})
        except OverflowError:
            raise ValueError("longer ago than there is time") from None
    else:
        then = datetime.fromisoformat(text)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def over(row: Row) -> str:
    """The moment at which access is to end, or was: the deadline, or an earlier end."""
    times = [row.get("deadline"), row.get("ended_at")]
    return min((str(each) for each in times if each), default="")


def in_order(since: str, until: str) -> None:
    """Raises Misused where nothing can be between the two."""
    if since > until:
        raise Misused(f"--since {since} is after --until {until}: nothing is between")


def plain(item: dict[str, Any]) -> Row:
    """DynamoDB's typed values as Python's own, but for an address that can still be posted to."""
    from boto3.dynamodb.types import TypeDeserializer

    read = TypeDeserializer().deserialize
    return {name: _number(read(value)) for name, value in item.items() if name != "response_url"}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _asked_at(row: Row) -> str:
    return str(row.get("asked_at", ""))
