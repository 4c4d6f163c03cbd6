"""What to ask of the trail for a session's records, and how far that has got. Pure.

A query is coarse: it asks for whatever names the person, and afterwards for whatever names the
credentials that these records show to have been handed out, round after round. What is the
session's is decided in Python, from the records alone. A query gives so many rows and no more; one
that is full is gone on with from where it stopped.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zlib import crc32

from chalicelib.domain.session import Session
from chalicelib.report.made import ByHand
from chalicelib.trail.event import Ownership

ROWS = 100_000  # what one query gives at most
QUERIES = 40  # of one search; beyond that the report says that there is more
ROUNDS = 6  # of following credentials
TERMS = 120  # in one query, which may be 10,000 characters long
FOLLOWED = 20  # accounts of roles that were taken on
DAYS = 3  # whose folders are named to whoever has to look by hand
HANDED = ("AssumeRole", "SwitchRole")
HANDS = (("responseElements", "assumedRoleUser", "arn"), ("requestParameters", "roleArn"))
EVENT_TIME_SKEW = timedelta(minutes=5)  # a log event's own time may differ from the call's
TELLING = 4  # a part of a name shorter than that is in every second record

MARK = "break-glass"  # of our queries, in a comment: nobody else's is taken for one
ANYONE = -1  # the round of the query for any event at all
SAFE = re.compile(r"[A-Za-z0-9+=,.@:_-]+")
FIELDS = "fields @timestamp, @ingestionTime, @message"


@dataclass(slots=True)
class Query:
    """One query: from when to when (epoch seconds), in which round, and how far it was read."""

    id: str
    start: int
    end: int
    round: int
    asked: int  # epoch seconds
    rows: int = 0
    token: str = ""  # of the next page
    last: int = 0  # epoch seconds of the last row
    read: bool = False

    def to_json(self) -> list[Any]:
        return [self.id, self.start, self.end, self.round, self.asked, self.rows, self.token,
                self.last, self.read]  # fmt: skip


@dataclass(slots=True)
class Search:
    """The queries that were asked and what is left to ask."""

    start: int
    end: int
    terms: list[list[str]]  # of each round
    queries: list[Query] = field(default_factory=list)
    followed: int = 0  # of the queries: what they ask for next has been seen to
    anyone: Query | None = None  # for any event at all from the account, where none was found
    heard: bool = False  # one of the records is of the account itself
    again: bool = False  # all is read a second time, for what had to wait
    cut: bool = False
    tries: int = 0  # that came to nothing
    accounts: list[str] = field(default_factory=list)  # where roles were taken on
    narrow: bool = False  # no others were read than those

    @classmethod
    def of(cls, ownership: Ownership, until: datetime) -> Self:
        """The search for what is the session's by itself; more is asked as more is found."""
        start = seconds(ownership.start - EVENT_TIME_SKEW)
        end = seconds(max(until, ownership.start)) + 1
        return cls(start, end, [terms_of(ownership)])

    @property
    def unread(self) -> Query | None:
        """The query to read next."""
        return next((query for query in self.queries if not query.read), None)

    def full(self, query: Query, matched: int) -> None:
        """Notes that a query has been read to its end."""
        query.read = True
        if self.again or self.queries.index(query) < self.followed:
            return
        self.followed = self.queries.index(query) + 1
        if query.rows and matched > query.rows:
            start = max(query.last or query.start, query.start + 1)
            self.cut = self.cut or query.last <= query.start  # more in one second than it gives
            if start > query.end or len(self.queries) >= QUERIES:
                self.cut = True
            else:
                self.rest = (start, query.end, query.round)

    rest: tuple[int, int, int] | None = None  # what a full query did not give: it is asked next

    def note(self, record: dict[str, Any]) -> None:
        """Notes in which account a role was taken on: what is done in it is recorded there."""
        if record.get("eventName") not in HANDED or len(self.accounts) >= FOLLOWED:
            return
        for part, *names in HANDS:
            found: Any = record.get(part)
            for name in names:
                found = found.get(name) if isinstance(found, dict) else None
            parts = found.split(":") if isinstance(found, str) else []
            account = parts[4] if len(parts) > 5 else ""
            if account.isdecimal() and len(account) == 12 and account not in self.accounts:
                self.accounts.append(account)

    def new_terms(self, followed: tuple[str, ...]) -> list[str]:
        """What has to be asked for that was not yet, in one query; empty where nothing has to."""
        asked = {term for terms in self.terms for term in terms}
        new = [t for each in followed if (t := f'"{each}"') not in asked and safe(each)]
        if len(new) > TERMS:  # by role then, which brings others' events of that role along
            roles = dict.fromkeys(f'{term.partition(":")[0]}"' for term in new if ":" in term)
            new = [role for role in roles if role not in asked]
            self.cut = self.cut or len(new) > TERMS
            new = new[:TERMS]
        if new and (len(self.terms) > ROUNDS or len(self.queries) >= QUERIES):
            self.cut, new = True, []
        return new

    def read_again(self) -> None:
        """Has all be read once more from the beginning."""
        self.again = True
        for query in self.queries:
            query.rows, query.token, query.read = 0, "", False

    def text(self, round_: int) -> str:
        """A round's query, in the language of Logs Insights."""
        likes = " or ".join(f"@message like {term}" for term in self.terms[round_])
        return f"{FIELDS} | filter {likes} | sort @timestamp asc"

    def by_hand(self, trail: str, account: str) -> ByHand:
        """The first query, for whoever has to look by themselves."""
        start, end = (datetime.fromtimestamp(each, UTC) for each in (self.start, self.end))
        if not trail.startswith("s3://"):
            return ByHand(trail, self.text(0), start, end)
        last = min((end.date() - start.date()).days, DAYS)
        days = (f"{start + timedelta(days=day):%Y/%m/%d}" for day in range(last + 1))
        folders = (f"{trail}/AWSLogs/[o-…/]{account}/CloudTrail/*/{day}/*.json.gz" for day in days)
        asks = " | ".join(patterns(self.text(0)))
        return ByHand(trail, " ".join([*folders, f"for {asks}"]), start, end)

    def to_json(self) -> list[Any]:
        anyone = self.anyone.to_json() if self.anyone else None
        queries = [query.to_json() for query in self.queries]
        return [self.start, self.end, self.terms, queries, self.followed, anyone, self.heard,
                self.again, self.cut, self.tries, self.rest, self.accounts,
                self.narrow]  # fmt: skip

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        (start, end, terms, queries, followed, anyone, heard, again, cut, tries, rest, accounts,
         narrow) = value  # fmt: skip
        return cls(
            start, end, terms, [Query(*query) for query in queries], followed,
            Query(*anyone) if anyone else None, heard, again, cut, tries, accounts, narrow,
            tuple(rest) if rest else None,
        )  # fmt: skip


def patterns(query: str) -> list[str]:
    """What such a query asks for, as regular expressions of which a record's text has one: for a
    trail that is not asked by Logs Insights."""
    found = re.finditer(r'@message like (?:/((?:\\.|[^/\\])*)/|"([^"]*)")', query)
    return [each[1] if each[1] is not None else re.escape(each[2]) for each in found]


def mark_of(session: Session, trail: str) -> str:
    """What stands in all queries of that report to that trail, and in no other's."""
    return f"{MARK} {safe(session.id)} {session.state} {crc32(trail.encode()):08x}"


def marked(text: str, mark: str, round_: int, start: int, end: int) -> str:
    """The query with a comment by which it is found again, should whoever starts it die."""
    return f"{text}\n# {mark} {round_} {start} {end}"


def end_of(found: str, text: str, mark: str, round_: int, start: int) -> int | None:
    """Up to when that query goes, which somebody has started; None where it is another one."""
    asked, _, said = found.rpartition(f"\n# {mark} {round_} {start} ")
    return int(said) if asked == text and said.isdecimal() else None


def anyone_in(account_id: str) -> str:
    """Asks for any record at all of the account."""
    here = f'"recipientAccountId": ?"{safe(account_id)}"'
    return f"fields @timestamp | filter @message like /{here}/ | limit 1"


def terms_of(ownership: Ownership) -> list[str]:
    """What the person's records have in them, as Insights' `like` takes it: the id and the name.

    The name ends a text in all of them: an ARN, a principal id, or by itself. Only signs that need
    no escaping go into a query; of a name with others its longest part without them, or if that
    says too little, the role that everybody's session has.
    """
    if SAFE.fullmatch(ownership.user_name):
        name = ownership.user_name.replace(".", "\\.").replace("+", "\\+")
        terms = [f'/[\\/:"]{name}"/']
    else:
        part = max(SAFE.findall(ownership.user_name), key=len, default="")
        role = f"AWSReservedSSO_{safe(ownership.permission_set)}_"
        terms = [f'"{part if len(part) >= TELLING else role}"']
    if safe(ownership.principal_id):
        terms.append(f'"{ownership.principal_id}"')
    return terms


def safe(text: str) -> str:
    return text if SAFE.fullmatch(text) else ""


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())
