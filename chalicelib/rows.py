"""A session as the plain values of its row: what is kept, and under which name. Pure.

Two adapters write rows: dynamodb.py all of them, presses.py the first of each session.
"""

from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from chalicelib.session import Session

OPEN: Final = "yes"  # the hash key of the sparse index of what is due
NOTHING: Final = (None, "", (), timedelta(0))


def values(session: Session) -> dict[str, Any]:
    """The session as its next row: the version raised, empty values left out."""
    kept = {
        field.name: list(value) if isinstance(value, tuple) else value
        for field in fields(session)
        if (value := getattr(session, field.name)) not in NOTHING
        and not (type(value) is int and value == 0)
    }
    kept |= {"kind": "session", "state": str(session.state), "version": session.version + 1}
    if session.look_at is not None:
        kept["open"] = OPEN
    if session.live:
        kept["live_access"] = session.access.key
    return kept
