"""Writes what the route has to write, and nothing else: a new session's row, a wish on an open one.

PynamoDB, which keeps everything afterwards, takes longer to import than Slack should have to wait.
The rows are the same, attribute by attribute; a test holds the two together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib import rows
from chalicelib.machine import State
from chalicelib.ports import Rejected
from chalicelib.session import Session, iso

LOST = "ConditionalCheckFailedException"


class Call(Protocol):
    def __call__(self, operation: str, asked: Mapping[str, Any], /) -> dict[str, Any]:
        """DynamoDB's answer. Raises Rejected with the error's name, or Unavailable."""


class Presses:
    """The table, as the route sees it."""

    def __init__(self, call: Call, table: str, keep: timedelta = rows.FOR_EVER) -> None:
        self._call = call
        self._table = table
        self._keep = keep

    def record(self, session: Session) -> bool:
        """Writes a press; False where it was written before. Raises Unavailable or Rejected.

        The row's id is the press's own, so a repeat changes nothing.
        """
        try:
            self._call(
                "PutItem",
                {
                    "TableName": self._table,
                    "Item": item(session, self._keep),
                    "ConditionExpression": "attribute_not_exists(id)",
                },
            )
        except Rejected as rejected:
            if rejected.code != LOST:
                raise
            return rejected.repeated  # the row may be our own first try's, whose answer was lost
        return True

    def wish(self, session_id: str, kind: str, slack_user: str, now: datetime) -> bool:
        """Notes who asks to `end` or to `extend`; False where the session is no longer open.

        Behind whoever has asked already: one who may not must not take the place of one who may.
        """
        names = {
            "#who": f"{kind}_askers",
            "#at": f"{kind}_asked_at",
            "#look_at": "look_at",
            "#version": "version",
            "#state": "state",
            "#kind": "kind",
        }
        values = {
            ":who": {"L": [{"S": slack_user}]},
            ":nobody": {"L": []},
            ":now": {"S": iso(now)},
            ":one": {"N": "1"},
            ":session": {"S": "session"},
            ":granting": {"S": str(State.GRANTING)},
            ":active": {"S": str(State.ACTIVE)},
        }
        try:
            self._call(
                "UpdateItem",
                {
                    "TableName": self._table,
                    "Key": {"id": {"S": session_id}},
                    "UpdateExpression": (
                        "SET #who = list_append(if_not_exists(#who, :nobody), :who), "
                        "#at = :now, #look_at = :now ADD #version :one"
                    ),
                    "ConditionExpression": "#kind = :session AND #state IN (:granting, :active)",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                },
            )
        except Rejected as rejected:
            if rejected.code != LOST:
                raise
            return False
        return True


def item(session: Session, keep: timedelta = rows.FOR_EVER) -> dict[str, Any]:
    """The session's next row, in DynamoDB's own notation."""
    return {name: _typed(value) for name, value in rows.values(session, keep).items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case datetime():
            return {"S": iso(value)}
        case timedelta():
            return {"N": str(value.total_seconds())}
        case list():
            return {"L": [_typed(each) for each in value]}
    return {"N": str(value)}
