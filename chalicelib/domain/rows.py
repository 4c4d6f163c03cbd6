"""A session as the plain values of its row: what is kept, and under which name. Pure.

Two adapters write rows: dynamodb/ all of them, presses.py the asks.
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta
from math import ceil
from typing import Any, Final

from chalicelib.domain import ask
from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.session import Session

# The hash key, in the sparse index of what is due; apart, so that no flood of asks keeps a session
# from its turn.
DUE_SESSIONS: Final = "yes"
DUE_ASKS: Final = "ask"
LONGEST: Final = 2_000  # bytes of a text in a row; those who write them know less of it
MOST, MOST_BYTES = 100, 23_000  # of a list: texts, and bytes of them all
NOTHING: Final = (None, "", (), timedelta(0))
FOR_EVER: Final = timedelta(0)


def values(session: Session, keep: timedelta = FOR_EVER) -> dict[str, Any]:
    """The session as its next row: the version raised, what is empty or zero by default left out.

    A session that is over carries the table's TTL where the log is to forget it after `keep`; one
    that is not never does.
    """
    kept = _kept(session)
    kept |= {"kind": "session", "state": str(session.state), "version": session.version + 1}
    if session.look_at is not None:
        kept["open"] = DUE_SESSIONS
    if session.by_access:
        kept["live_access"] = session.access.key
    reviewed = session.reviewed_at or session.never_reviewed_at
    over = reviewed or session.concluded_at or session.denied_at
    if keep != FOR_EVER and session.final and over is not None:
        kept["ttl"] = ceil((over + keep).timestamp())
    return kept


ASKED_OF_A_BREAK: Final = (
    "asked_at", "glass", "slack_user", "slack_user_name", "slack_team", "slack_channel",
    "slack_message", "shape", "response_url", "response_uses", "account_id", "permission_set_arn",
    "person", "reason", "why", "chosen",
)  # fmt: skip
ASKED_OF_WHAT_WAS_FOUND: Final = (
    "asked_at", "glass", "account_id", "permission_set_arn", "principal_id",
)  # fmt: skip


def of_break(session: Session) -> dict[str, Any]:
    """A press, as the row of the ask that the session begins as."""
    return _ask(f"{ask.OPEN}{session.id}", _only(_kept(session), ASKED_OF_A_BREAK))


def of_ask(asked: Ask) -> dict[str, Any]:
    """*End now* or *Extend*, not decided yet."""
    return _ask(f"{ask.OPEN}{asked.id}", _kept(asked) | {"person": asked.slack_user})


def of_found(session: Session) -> dict[str, Any]:
    """What nobody accounts for, as the ask to take it back."""
    row_id = f"{ask.OPEN}{Kind.FOUND}{session.id.removeprefix('bg')}"
    return _ask(row_id, _only(_kept(session), ASKED_OF_WHAT_WAS_FOUND))


def of_decided(decided: Ask, keep: timedelta = FOR_EVER) -> dict[str, Any]:
    """An ask with what came of it, as its next row; listed while somebody is still to be told."""
    kept = _kept(decided) | {"version": decided.version + 1}
    row = {"id": f"{ask.DECIDED}{decided.id}", "kind": "ask"}
    if decided.owed:
        kept |= {"open": DUE_ASKS, "look_at": decided.tell_at or decided.decided_at}
    if keep != FOR_EVER and decided.decided_at is not None:
        kept["ttl"] = ceil((decided.decided_at + keep).timestamp())
    return kept | row


def _ask(row_id: str, kept: dict[str, Any]) -> dict[str, Any]:
    row = {"id": row_id, "kind": "ask", "open": DUE_ASKS, "look_at": kept["asked_at"]}
    return kept | row


def _only(kept: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: kept[name] for name in names if name in kept}


def _kept(value: Any) -> dict[str, Any]:
    """Its fields, but what is empty or zero by default; none longer than a row can bear.

    So a row stays far below the 400 KB that DynamoDB takes, whatever is in it: one that could not
    be written any more would keep access open.
    """
    found = {}
    for field in fields(value):
        each = getattr(value, field.name)
        if each in NOTHING or each == field.default:
            continue
        if isinstance(each, tuple):
            each = _last(each)
        found[field.name] = short(each) if isinstance(each, str) else each
    return found


def short(text: str) -> str:
    """As much of the text as a row keeps, without what no UTF-8 holds."""
    if len(text) <= LONGEST and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")


def _last(texts: tuple[str, ...]) -> list[str]:
    """As many of the texts as a row keeps: the latest."""
    kept: list[str] = []
    size = 0
    for text in map(short, reversed(texts[-MOST:])):
        size += len(text.encode())
        if size > MOST_BYTES:
            break
        kept.insert(0, text)
    return kept
