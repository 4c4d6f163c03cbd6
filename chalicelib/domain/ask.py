"""An ask: what somebody has asked for, in a row of its own that only the worker's side decides.

Who may only ask (the Slack route, reconciliation) writes asks and nothing else: their IAM policies
name the ids of the rows below. So whatever is sent, no session's row grows or moves by it, and
whatever stands in an ask is only what somebody says: each reader takes from it what has the right
form, and the rules decide.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self, assert_never

from chalicelib.domain.session import (
    DECIDE_WITHIN,
    FOUND,
    RESPONSE_URL_USES,
    SESSION_ID,
    TAKE_BACK_WITHIN,
    Access,
    Session,
    iso,
)

OPEN, DECIDED = "ask/", "asked/"  # what the ids of their rows begin with: undecided, decided
SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,20}")  # as Slack forms its ids
SLACK_TEAM = re.compile(r"[TE][A-Z0-9]{1,30}")
SLACK_CHANNEL = re.compile(r"[CDG][A-Z0-9]{1,30}")


class Kind(StrEnum):
    """What is asked for. The id says it, for a policy can bound ids."""

    BREAK = "bg"  # the ask becomes the session of that id
    FOUND = "found"  # reconciliation's, to take back what nobody accounts for
    APPROVE = "approve"  # another person's, as are the next two
    DECLINE = "decline"
    ACKNOWLEDGE = "acknowledge"
    EXPECTED = "expected"  # another's review: *As expected* …
    FOLLOWUP = "followup"  # … or *Follow up*
    BYPASS = "bypass"  # in without approval, by those whom the glass trusts with that
    END = "end"
    EXTEND = "extend"
    REASON = "reason"  # what the person says that they need it for


ANSWERED: Final = frozenset(Kind) - {Kind.BREAK, Kind.FOUND}  # whoever asks hears what came of it


# What whoever has the access may ask of it themselves. Any other kind is somebody else's to ask.
OF_THEIR_OWN: Final = frozenset({Kind.BYPASS, Kind.END, Kind.EXTEND, Kind.REASON})
OF_ACCESS: Final = frozenset({Kind.ACKNOWLEDGE, Kind.END, Kind.EXTEND})  # that is there, or coming
OF_A_WAIT: Final = frozenset({Kind.APPROVE, Kind.DECLINE, Kind.BYPASS})  # for another's approval
OF_A_REVIEW: Final = frozenset({Kind.EXPECTED, Kind.FOLLOWUP})


class Outcome(StrEnum):
    """What came of an ask about a session."""

    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    BYPASSED = "went in without approval"
    ACKNOWLEDGED = "acknowledged"
    EXPECTED = "as expected"  # so a review says
    FOLLOW_UP = "follow up"
    ENDED = "ended"
    EXTENDED = "extended"
    NOTED = "noted"  # the reason
    REFUSED = "refused"  # they may not
    TOO_LATE = "too late"  # it was not open any more
    NOT_EXTENDED = "not extended"  # the glass does not allow it, or not again
    NO_SESSION = "no such session"


NOT_GRANTED: Final = (Outcome.REFUSED, Outcome.TOO_LATE, Outcome.NOT_EXTENDED)

ID = re.compile(rf"({'|'.join(Kind)})-[0-9a-f]{{24}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked of a session, as sent; and, once it was decided, what came of it."""

    id: str  # its kind, and the digest of what Slack signed; a repeat is the same
    session_id: str
    asked_at: datetime
    slack_user: str
    slack_user_name: str = ""
    slack_team: str = ""
    slack_channel: str = ""
    slack_message: str = ""
    shape: str = ""
    response_url: str = ""
    why: str = ""  # what was in the card's field; of a review, its note

    person: str = ""  # the index key: the e-mail, or the Slack user while that is all we know
    glass: str = ""  # the session's, as are account and name
    account_id: str = ""
    account_name: str = ""
    outcome: str = ""
    reason: str = ""
    decided_at: datetime | None = None
    decided_look: str = ""  # queue | sweep | stream
    deadline_before: datetime | None = None  # of an extension
    deadline_after: datetime | None = None
    state_then: str = ""  # the session's, where it was too late
    owed: tuple[str, ...] = ()  # "answer", until whoever asked has been told
    tell_at: datetime | None = None
    tell_tries: int = 0
    version: int = 0

    @property
    def kind(self) -> Kind:
        return Kind(self.id.partition("-")[0])

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)


def is_open(row_id: str) -> bool:
    """Whether a row of that id is an undecided ask."""
    return row_id.startswith(OPEN) and ID.fullmatch(row_id.removeprefix(OPEN)) is not None


def is_decided(row_id: str) -> bool:
    """Whether a row of that id is a decided ask."""
    return row_id.startswith(DECIDED) and ID.fullmatch(row_id.removeprefix(DECIDED)) is not None


def kind_of(row_id: str) -> Kind | None:
    """What the ask with that row asks for; None where the id is none of an ask's."""
    ask_id = row_id.rpartition("/")[2]
    return Kind(ask_id.partition("-")[0]) if ID.fullmatch(ask_id) else None


def decided_as(row_id: str) -> str:
    """The id of the row that an ask about a session is in when it has been decided."""
    return DECIDED + row_id.rpartition("/")[2]


def session_of(row_id: str) -> str:
    """The session that a *break* becomes."""
    ask_id = row_id.removeprefix(OPEN)
    return ask_id if SESSION_ID.fullmatch(ask_id) else ""


# Reading what somebody has written ----------------------------------------------------------------

FORMS: Final = {
    "slack_user": SLACK_USER,
    "slack_user_name": re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,100}"),
    "slack_team": re.compile(r"[A-Z0-9]{0,30}"),
    "slack_channel": re.compile(r"[A-Z0-9]{0,30}"),
    "slack_message": re.compile(r"[0-9.]{0,30}"),
    "shape": re.compile(rf"(?!{FOUND}\Z)[a-z_]{{0,30}}"),  # the id alone says that it was found
    "response_url": re.compile(r"[!-~]{0,500}"),
    "glass": re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,100}"),
    "account_id": re.compile(r"(\d{12})?", re.ASCII),
    "permission_set_arn": re.compile(
        r"(arn:aws[a-z-]*:sso:::permissionSet/[\w-]+/[\w-]+)?", re.ASCII
    ),
    "principal_id": re.compile(r"[\w-]{0,60}", re.ASCII),
    "session_id": SESSION_ID,
    "reason": re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,300}"),
    "why": re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,300}"),
    "chosen": re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,20}"),
}  # fmt: skip
ORIGIN: Final = (
    "slack_user", "slack_user_name", "slack_team", "slack_channel", "slack_message", "shape",
    "response_url",
)  # fmt: skip
ACCESS: Final = ("account_id", "permission_set_arn", "principal_id")


def read(row_id: str, said: Mapping[str, Any]) -> Session | Ask:
    """The undecided ask with that row: a *break*, or what was found, as the session it would be.

    What has not its form is left out, and where that leaves nobody who asks, or nothing that is
    asked for, it is no ask: ValueError.
    """
    kind = kind_of(row_id)
    asked_at = _when(said)
    match kind:
        case Kind.BREAK:
            return Session(
                id=session_of(row_id),
                asked_at=asked_at,
                wait_until=asked_at + DECIDE_WITHIN,
                look_at=asked_at,
                person=_form(said, "slack_user", needed=True),
                response_uses=_uses(said),
                **_forms(
                    said,
                    *ORIGIN,
                    "glass",
                    "account_id",
                    "permission_set_arn",
                    "reason",
                    "why",
                    "chosen",
                ),
            )
        case Kind.FOUND:
            return Session(
                id="bg-" + row_id.rpartition("-")[2],
                asked_at=asked_at,
                shape=FOUND,
                duration=TAKE_BACK_WITHIN,
                look_at=asked_at,
                **_forms(said, "glass"),
                **_forms(said, *ACCESS, needed=True),
            )
        case (
            Kind.APPROVE | Kind.DECLINE | Kind.ACKNOWLEDGE | Kind.BYPASS
            | Kind.EXPECTED | Kind.FOLLOWUP
            | Kind.END | Kind.EXTEND | Kind.REASON
        ):  # fmt: skip
            _form(said, "slack_user", needed=True)
            _form(said, "session_id", needed=True)
            _form(said, "why", needed=kind is Kind.REASON)
            ask_id = row_id.removeprefix(OPEN)
            return Ask(id=ask_id, asked_at=asked_at, **_forms(said, *ORIGIN, "session_id", "why"))
        case None:
            raise ValueError("its id says nothing")
        case never:
            assert_never(never)


def found(access: Access, glass: str, now: datetime) -> Session:
    """What reconciliation asks to have taken back; the worker's side makes the session of it."""
    digest = hashlib.sha256(f"{access.key} {iso(now)}".encode()).hexdigest()
    return Session(
        id=f"bg-{digest[:24]}",
        glass=glass,
        asked_at=now,
        shape=FOUND,
        account_id=access.account_id,
        permission_set_arn=access.permission_set_arn,
        principal_id=access.principal_id,
    )


def _when(said: Mapping[str, Any]) -> datetime:
    """A moment that can be reckoned with: neither end of the calendar is."""
    moment = said.get("asked_at")
    if not isinstance(moment, datetime) or moment.tzinfo is None or not 1970 < moment.year < 9000:
        raise ValueError("it does not say when")
    return moment.astimezone(UTC)


def _uses(said: Mapping[str, Any]) -> int:
    uses = said.get("response_uses")
    return min(max(uses, 0), RESPONSE_URL_USES) if type(uses) is int else 0


def _forms(said: Mapping[str, Any], *names: str, needed: bool = False) -> dict[str, Any]:
    return {name: _form(said, name, needed=needed) for name in names}


def _form(said: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = said.get(name)
    if isinstance(value, str) and FORMS[name].fullmatch(value) and (value or not needed):
        return value
    if needed:
        raise ValueError(f"{name} is not of its form")
    return ""
