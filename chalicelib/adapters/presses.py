"""Writes what the route has to write, and nothing else: asks.

PynamoDB, which keeps everything afterwards, takes longer to import than Slack should have to wait.
The rows are the same, attribute by attribute; a test holds the two together.
"""

from datetime import datetime
from typing import Any

from chalicelib.domain import rows
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Rejected
from chalicelib.domain.ports import AwsCall
from chalicelib.domain.session import Session, iso

LOST = "ConditionalCheckFailedException"


class Presses:
    """The table, as the route sees it."""

    def __init__(self, call: AwsCall, table: str) -> None:
        self._call = call
        self._table = table

    def record(self, asked: Session | Ask) -> bool:
        """Writes an ask; False where it is there already. Raises Unavailable or Rejected.

        The row's id is the press's own, so a repeat changes nothing.
        """
        try:
            self._call(
                "PutItem",
                {
                    "TableName": self._table,
                    "Item": item(asked),
                    "ConditionExpression": "attribute_not_exists(id)",
                },
            )
        except Rejected as rejected:
            if rejected.code != LOST:
                raise
            return rejected.repeated  # the row may be our own first try's, whose answer was lost
        return True


def item(asked: Session | Ask) -> dict[str, Any]:
    """The ask's row, in DynamoDB's own notation."""
    row = rows.of_ask(asked) if isinstance(asked, Ask) else rows.of_break(asked)
    return {name: _typed(value) for name, value in row.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case datetime():
            return {"S": iso(value)}
    return {"N": str(value)}
