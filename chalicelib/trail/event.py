"""What a session's records are told by, and the event that a report speaks of.

Everything in a record is somebody else's text and may be missing, misshapen or hostile: nothing
here raises for it, and a record that cannot be judged is counted as that.
"""

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

from chalicelib.domain.session import Session
from chalicelib.judge.call import Call, text
from chalicelib.judge.call import Json as Json
from chalicelib.judge.judgement import UNCHANGING, about, judge, judge_portal
from chalicelib.judge.rules import Book

# Sign-in, the access portal and its command line. These records live in the account that holds
# Identity Center, so the account in them says nothing about the session's.
PORTAL = frozenset({"sso.amazonaws.com", "sso-oauth.amazonaws.com", "signin.amazonaws.com"})

SAME_MOMENT = timedelta(seconds=2)  # CloudTrail's times are whole seconds, of two machines
LONGEST_TIME = 100  # letters of a time; more than that is none


@dataclass(frozen=True, slots=True)
class Ownership:
    """What tells a session's records from all others: who, through what, where, when."""

    account_id: str
    permission_set: str
    user_name: str
    principal_id: str
    start: datetime
    end: datetime
    issued_from: datetime | None = None  # its credentials were issued neither before
    issued_until: datetime | None = None  # nor after; None: that does not tell

    @classmethod
    def of(cls, session: Session) -> Self:
        """From the grant to the end of the credentials; CloudTrail's times are whole seconds.

        Credentials outlive access, and a later session of the same person may begin before they
        end. Which session they belong to is told by when they were issued: while its access was
        there. Not so where the access stood before, and stays.
        """
        start = session.grant_asked_at or session.granted_at or session.asked_at
        end = session.credentials_until or start
        return cls(
            issued_from=None if session.stands else start.replace(microsecond=0),
            issued_until=None if session.stands else session.gone_at,
            account_id=session.account_id,
            permission_set=session.permission_set,
            user_name=session.user_name,
            principal_id=session.principal_id,
            start=start.replace(microsecond=0),
            end=max(start, end),
        )

    def issued(self, created: datetime) -> Literal["earlier", "within", "later"]:
        """When credentials were issued, seen from the time in which the session's could be."""
        if self.issued_from and created < self.issued_from - SAME_MOMENT:
            return "earlier"
        if self.issued_until and created > self.issued_until + SAME_MOMENT:
            return "later"
        return "within"

    def role(self, name: str) -> bool:
        """Whether `name` is the role that Identity Center keeps for the permission set."""
        return bool(self.permission_set and _reserved(self.permission_set).fullmatch(name))


@lru_cache(maxsize=8)
def _reserved(permission_set: str) -> re.Pattern[str]:
    # Sixteen hexadecimal digits as a rule; where the set's name is longer, there is one more "_".
    return re.compile(rf"AWSReservedSSO_{re.escape(permission_set)}_[0-9a-fA-F]{{8,32}}")


class Event(NamedTuple):
    """One CloudTrail record of the session, as much of it as a report speaks of.

    All text is as CloudTrail gave it. `record` is the whole of it, as a line of JSON; empty where
    there were more events than anybody could be sent. A tuple, since there are very many: one is
    made in a third of the time of a dataclass.
    """

    id: str
    time: datetime | None
    ingested: datetime | None
    place: Literal["portal", "account"]
    source: str
    name: str
    region: str
    account: str
    address: str
    agent: str
    read_only: bool
    error: str
    refused: bool
    resource: str  # what it was done to, and with what
    severity: str
    reason: str
    weight: int  # 0: nothing is to be said of it
    note: str  # what the reason does not say: whom it lets in, what cannot be told
    via: str  # how the credentials were come by, where not straight from the portal
    by_service: str  # the service that called on the person's behalf
    elsewhere: bool = False  # done in another account than the session's
    record: bytes = b""
    line: bytes = b""  # what the table says of it; empty where nobody has asked
    new: bool = False  # an earlier report did not have it

    @property
    def service(self) -> str:
        return self.source.removesuffix(".amazonaws.com")

    @property
    def failed(self) -> bool:
        return bool(self.error)

    @property
    def sign_in(self) -> bool:
        return self.source in PORTAL

    @property
    def change(self) -> bool:
        """Whether it changed something: a write in an account that was not turned away."""
        return not (self.read_only or self.error or self.sign_in or self.source in UNCHANGING)

    def to_json(self) -> str:
        """The record as one line of JSON, as CloudTrail gave it; "@ingestionTime" is the log's."""
        return self.record.decode()


def event_of(
    record: Json,
    time: datetime | None,
    place: Literal["portal", "account"],
    via: str,
    home: str = "",
    book: Book | None = None,
) -> Event:
    """What a report says of a record. `home` is the session's account, `book` the rules."""
    call = Call(record, home)
    judged = judge_portal(call, book) if place == "portal" else judge(call, book)
    return Event(
        id=text(record.get("eventID")),
        time=time,
        ingested=moment(record.get("@ingestionTime")),
        place=place,
        source=sys.intern(call.source),
        name=sys.intern(call.name),
        region=_word(record.get("awsRegion")),
        account=sys.intern(call.account),
        address=_word(record.get("sourceIPAddress")),
        agent=_word(record.get("userAgent")),
        read_only=call.read_only,
        error=sys.intern(call.error),
        refused=call.refused,
        resource=about(call, judged),
        severity=judged.severity,
        reason=sys.intern(judged.reason),
        weight=judged.weight,
        note=sys.intern(judged.note),
        via=sys.intern(via),
        by_service=sys.intern(call.by_service),
        elsewhere=place == "account" and bool(home) and call.account not in ("", home),
    )


def moment(value: Any) -> datetime | None:
    """The time that a record gives, in any of the forms that are seen; None where it is none."""
    if type(value) is str:
        return _moment(value[:LONGEST_TIME])
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) > 1e11 else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return None


@lru_cache(maxsize=8192)  # CloudTrail's times are whole seconds, and many calls share one
def _moment(said: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(said.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def time_of(record: Json) -> datetime | None:
    return moment(record.get("eventTime")) or moment(record.get("@timestamp"))


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)


def as_json(record: Json) -> bytes:
    """The record as one line of JSON. Never raises."""
    try:
        said = _ENCODER.encode(record)
    except (TypeError, ValueError, RecursionError):
        said = json.dumps({"eventID": text(record.get("eventID")), "unreadable": True})
    return said.encode()


def _word(value: Any) -> str:
    """Text that comes again and again: kept once."""
    return sys.intern(value) if type(value) is str else ""
