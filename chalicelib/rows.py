"""A session as the plain values of its row: what is kept, and under which name. Pure.

Two adapters write rows: dynamodb.py all of them, presses.py the first of each session.
"""

from dataclasses import fields
from datetime import timedelta
from math import ceil
from typing import Any, Final

from chalicelib.session import Session

OPEN: Final = "yes"  # the hash key of the sparse index of what is due
NOTHING: Final = (None, "", (), timedelta(0))
FOR_EVER: Final = timedelta(0)


def values(session: Session, keep: timedelta = FOR_EVER) -> dict[str, Any]:
    """The session as its next row: the version raised, what is empty or zero by default left out.

    A session that is over carries the table's TTL where the log is to forget it after `keep`; one
    that is not never does.
    """
    kept = {
        field.name: list(value) if isinstance(value, tuple) else value
        for field in fields(session)
        if (value := getattr(session, field.name)) not in NOTHING and value != field.default
    }
    kept |= {"kind": "session", "state": str(session.state), "version": session.version + 1}
    if session.look_at is not None:
        kept["open"] = OPEN
    if session.live:
        kept["live_access"] = session.access.key
    over = session.concluded_at or session.denied_at
    if keep != FOR_EVER and session.final and over is not None:
        kept["ttl"] = ceil((over + keep).timestamp())
    return kept
