"""What the table's stream tells us: which session to look at, and how urgently. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WISHES = ("end_asked_at", "extend_asked_at")


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at this session; `alone`: nobody else may come, so look here and see it through."""

    session_id: str
    alone: bool = False


def wake(record: Mapping[str, Any]) -> Wake | None:
    """What a stream record asks for: a new session, a new wish, or a lease that is gone.

    It does not matter who removed the lease: the TTL, we, or somebody by hand. Raises KeyError or
    TypeError where the record is not of the shape that DynamoDB sends.
    """
    image = record["dynamodb"]
    row_id = image["Keys"]["id"]["S"]
    new, old = image.get("NewImage", {}), image.get("OldImage", {})
    kind = (new or old).get("kind", {}).get("S")
    match record["eventName"], kind:
        case "INSERT", "session":
            return Wake(row_id) if "look_at" in new else None
        case "MODIFY", "session":
            wished = any(wish in new and new[wish] != old.get(wish) for wish in WISHES)
            return Wake(row_id) if wished else None
        case "REMOVE", _ if row_id.startswith("lease/"):
            return Wake(row_id.removeprefix("lease/"), alone=True)
    return None
