"""What the table's stream tells us: which row to look at, and how urgently. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at this row, a session's or an ask's.

    `alone`: nobody else may come, so look here and see it through. `ends`: somebody asks to end
    access, so look here as well, in case nobody takes what the queue holds.
    """

    row_id: str
    alone: bool = False
    ends: bool = False


def wake(record: Mapping[str, Any]) -> Wake | None:
    """What a stream record asks for: a new ask, or a lease that is gone.

    It does not matter who removed the lease: the TTL, we, or an operator. Raises KeyError or
    TypeError where the record is not of the shape that DynamoDB sends.
    """
    row_id = record["dynamodb"]["Keys"]["id"]["S"]
    match record["eventName"]:
        case "INSERT" if ask.is_open(row_id):
            return Wake(row_id, ends=ask.kind_of(row_id) is Kind.END)
        case "REMOVE" if row_id.startswith("lease/"):
            return Wake(row_id.removeprefix("lease/"), alone=True)
    return None
