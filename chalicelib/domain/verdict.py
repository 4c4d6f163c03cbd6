"""What an assignment is, once everything that is known of it is on the table. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.session import Noted


class Verdict(StrEnum):
    """What an assignment is, once everything that is known of it is on the table."""

    LIVE = "a session's own"
    STANDING = "known as standing"
    STOOD = "a session saw it standing"  # to be remembered, so that nobody searches again
    SAID = "found, and said"
    FOUND = "found"
    UNREADABLE = "on a row that cannot be read"  # perhaps somebody's own: left for a human


UNEXPLAINED: Final = (Verdict.FOUND, Verdict.SAID)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the table says of one assignment that Identity Center shows."""

    live: bool  # a live session holds the lock, or is to hold it
    noted: Noted | None
    stood_in: str | None  # a session that saw it standing; asked only where nothing is noted


def judge(facts: Facts) -> Verdict:
    """Pure. What stood before a session and went away has no more claim to stand."""
    noted = facts.noted
    if facts.live:
        return Verdict.LIVE
    if noted is None:
        return Verdict.STOOD if facts.stood_in else Verdict.FOUND
    if noted.standing and (noted.accepted_by or noted.gone_at is None):
        return Verdict.STANDING
    if noted.standing or noted.gone_at is not None:
        return Verdict.FOUND  # it came back
    return Verdict.SAID
