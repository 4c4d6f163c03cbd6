"""Keeps who is on call: one row of the table for each Slack user group, its id oncall/GROUP.

The sweep writes it, and whoever decides reads it. The policies of those who may only ask name no
such id. A list that nobody renews is gone by the table's TTL.
"""

from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.domain.ask import SLACK_USER
from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.oncall import LOST_AFTER, MEMBERS, ROW, OnCall
from chalicelib.domain.ports import AwsCall
from chalicelib.domain.session import from_iso, iso

KIND = "oncall"


class Lists:
    """The table, as the lists of who is on call are kept in it; see oncall.Lists."""

    def __init__(self, call: AwsCall, table: str) -> None:
        self._call = call
        self._table = table

    def read(self, group: str) -> OnCall | None:
        """The kept list. None where there is none, or none of our making. Raises Unavailable."""
        answer = self._ask("GetItem", Key=_key(group), ConsistentRead=True)
        try:
            return _in(group, answer["Item"])
        except (KeyError, TypeError, ValueError):
            return None

    def keep(self, heard: OnCall) -> None:
        """Writes the list, whatever was there. Safe to repeat. Raises Unavailable."""
        item: dict[str, Any] = {
            **_key(heard.id),
            "kind": {"S": KIND},
            "found_at": {"S": iso(heard.found_at)},
            "members": {"L": [{"S": each} for each in heard.members]},
            "exists": {"BOOL": heard.exists},
            "name": {"S": heard.name},
            "ttl": {"N": str(ceil((heard.found_at + LOST_AFTER).timestamp()))},
        }
        self._ask("PutItem", Item=item)

    def _ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        try:
            return self._call(operation, {"TableName": self._table, **asked})
        except Rejected as rejected:
            raise Unavailable(f"the list of who is on call: {rejected}") from rejected


def _key(group: str) -> dict[str, Any]:
    return {"id": {"S": f"{ROW}{group}"}}


def _in(group: str, item: dict[str, Any]) -> OnCall:
    """The list that a row has; of its members those whose ids have Slack's form."""
    found_at: datetime = from_iso(item["found_at"]["S"])
    if found_at.tzinfo is None:
        raise ValueError("a time that does not say where")
    members = [str(each["S"]) for each in item["members"]["L"][:MEMBERS]]
    return OnCall(
        id=group,
        found_at=found_at,
        members=tuple(each for each in members if SLACK_USER.fullmatch(each)),
        exists=item["exists"]["BOOL"] is True,
        name=str(item["name"]["S"]),
    )
