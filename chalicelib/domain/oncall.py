"""Who is on call: a Slack user group's members, as the sweep has last heard them. Pure.

They are kept in a row of their own, which nobody can write who may only ask. A press goes by that
row, and asks nobody.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeGuard

ROW: Final = "oncall/"  # what the ids of their rows begin with
SLACK: Final = "slack:"  # what stands before a group's id in Glass.may
GROUP = re.compile(r"S[A-Z0-9]{2,20}")  # as Slack forms its ids
GROUPS: Final = 20  # of all glasses: as many as Slack may be asked for in a minute
MEMBERS: Final = 500  # of one group: whoever is on call is few

FRESH_FOR = timedelta(minutes=2)  # then the sweep asks anew
OLD_AFTER = timedelta(minutes=15)  # from then on the list is old: see Glass.stale_oncall
LOST_AFTER = timedelta(days=7)  # from then on it lets nobody in, whatever the glass says
LAST_KNOWN, REFUSE = "last known", "refuse"  # what an old list means: Glass.stale_oncall


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """One group's members, as Slack has said them."""

    id: str  # the group's
    found_at: datetime  # before Slack was asked
    members: tuple[str, ...] = ()  # Slack users' ids
    exists: bool = True  # False: Slack has no such group, or it is disabled
    name: str = ""  # as people mention it, without the @; empty: not known


class Groups(Protocol):
    """Slack's user groups. Raises Unavailable."""

    def members(self, group: str) -> tuple[str, ...] | None:
        """Slack users' ids; None where there is no such group, or it is disabled."""

    def handle(self, group: str) -> str:
        """As people mention it; empty where there is none of that id. Raises ExternalError."""


class Lists(Protocol):
    """Where the lists are kept. Raises Unavailable."""

    def read(self, group: str) -> OnCall | None:
        """The group's list; None where it was never heard, or its row says nothing."""

    def keep(self, heard: OnCall) -> None:
        """Writes it in place of what was there. Safe to repeat."""


def known(kept: OnCall | None, now: datetime) -> TypeGuard[OnCall]:
    """Whether the list still says anything. Nothing does that is from the future."""
    return kept is not None and abs(now - kept.found_at) <= LOST_AFTER


def fresh(kept: OnCall | None, now: datetime) -> TypeGuard[OnCall]:
    """Whether the list says who is on call now, as far as anybody can know."""
    return kept is not None and abs(now - kept.found_at) <= OLD_AFTER


def admits(kept: OnCall | None, slack_user: str, stale: str, now: datetime) -> bool:
    """Whether the list lets that Slack user in; `stale` says what an old one means."""
    good = known if stale == LAST_KNOWN else fresh
    return good(kept, now) and slack_user in kept.members
