"""Keeps what a long report has come to between two pieces of its work: rows of the same table.

Their ids begin with report/, and the table's TTL removes whatever is left of them after a week. An
ordinary session's report has none.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.ports import AwsCall

KEEP = timedelta(days=7)  # as long as CloudWatch keeps what a query came to
KIND = "report"


class Pieces:
    """The table, as a report's bookkeeping sees it; see ports.Pieces."""

    def __init__(self, call: AwsCall, table: str, now: Callable[[], datetime]) -> None:
        self._call = call
        self._table = table
        self._now = now

    def put(self, session_id: str, name: str, content: bytes) -> None:
        item = {
            **_key(session_id, name),
            "kind": {"S": KIND},
            "content": {"B": b64encode(content).decode()},
            "ttl": {"N": str(ceil((self._now() + KEEP).timestamp()))},
        }
        self._ask("PutItem", Item=item)

    def get(self, session_id: str, name: str) -> bytes | None:
        answer = self._ask("GetItem", Key=_key(session_id, name), ConsistentRead=True)
        try:
            return b64decode(answer["Item"]["content"]["B"])
        except (KeyError, TypeError, ValueError):
            return None

    def drop(self, session_id: str, name: str) -> None:
        self._ask("DeleteItem", Key=_key(session_id, name))

    def _ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        try:
            return self._call(operation, {"TableName": self._table, **asked})
        except Rejected as rejected:
            raise Unavailable(f"the report's own rows: {rejected}") from rejected


def _key(session_id: str, name: str) -> dict[str, Any]:
    return {"id": {"S": f"report/{session_id}/{name}"}}
