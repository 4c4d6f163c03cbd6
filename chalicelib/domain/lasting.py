"""How long access lasts: what may be chosen beside the button, and how far *Extend* goes. Pure."""

import re
from datetime import timedelta
from typing import Final

from chalicelib.domain.glass import Glass
from chalicelib.domain.session import Session

NOTHING: Final = timedelta(0)
WARN_BEFORE: Final = timedelta(minutes=5)  # the end, where access lasts longer than twice as long


def span_in(text: str) -> timedelta | None:
    """The length of time that is written as `5d`, `1h`, `90m`, `1h30m` or `45s`; else None."""
    pattern = r"(?=\d)(?:(\d{1,3})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?"
    parts = re.fullmatch(pattern, text, re.ASCII)
    if parts is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def durations(glass: Glass | None) -> tuple[timedelta, ...]:
    """What there is to choose from, the first one first."""
    return (glass.duration, *glass.others) if glass else ()


def lasts(glass: Glass, chosen: str) -> timedelta:
    """What was chosen, where the glass has it; else its first, and the card says so.

    A press says only what somebody wants: whatever it is, no session lasts as no glass allows.
    """
    wanted = span_in(chosen)
    return next((each for each in durations(glass) if each == wanted), glass.duration)


def warns(glass: Glass, duration: timedelta) -> timedelta:
    """How long before the end of access that lasts so long the person is warned; nothing: never."""
    if glass.warn_before is not None:
        return glass.warn_before
    return WARN_BEFORE if duration > 2 * WARN_BEFORE else NOTHING


def extends_by(session: Session) -> timedelta:
    """By how much *Extend* would move the deadline now; nothing: not any more, or not at all.

    A session whose glass has no `extend_to`, and of a version that knew none, is extended once.
    """
    if not session.extend_to:
        return NOTHING if session.extended else session.extend
    if session.allowed_at is None or session.deadline is None:
        return NOTHING
    left = session.allowed_at + session.extend_to - session.deadline
    return max(NOTHING, min(session.extend, left))
