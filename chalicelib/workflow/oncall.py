"""Who is on call, heard ahead of the press: the sweep asks Slack, and keeps what it says."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from chalicelib.domain.errors import ExternalError, Unavailable
from chalicelib.domain.glass import Glass
from chalicelib.domain.oncall import FRESH_FOR, Groups, Lists, OnCall, fresh
from chalicelib.domain.ports import Clock, Log
from chalicelib.domain.session import iso

A_GROUP_TAKES = timedelta(seconds=20)  # at the most: two calls, and Slack may hang
OLD_LISTS = "OldOnCallLists"  # a metric with an alarm on it
FAILURES = 2  # then Slack is down, or the scope is missing; one odd group holds up no other


class Renewal:
    """Keeps the lists of the glasses' groups fresh."""

    def __init__(
        self, glasses: Iterable[Glass], lists: Lists, groups: Groups, clock: Clock, log: Log
    ) -> None:
        self.names = sorted({group for glass in glasses for group in glass.on_call})
        self.lists, self.groups, self.clock, self.log = lists, groups, clock, log

    def __call__(self, remaining: Callable[[], timedelta]) -> dict[str, float]:
        """Asks Slack for what is not fresh any more; how many lists are old all the same, as a
        figure.

        A list that cannot be had stays as it was last known. Safe to repeat, and to leave out:
        the next sweep begins with another group. Raises Unavailable where the table does not
        answer.
        """
        if not self.names:
            return {}
        first, failures, old = self.clock.now().minute % len(self.names), 0, 0
        for group in (*self.names[first:], *self.names[:first]):
            now, kept = self.clock.now(), self.lists.read(group)
            if kept is None or abs(now - kept.found_at) >= FRESH_FOR:
                heard = None
                if failures < FAILURES and remaining() > A_GROUP_TAKES:
                    heard = self._heard(group, kept, now)
                    failures += heard is None
                kept = heard or kept
            old += not fresh(kept, now)
        return {OLD_LISTS: float(old)}

    def _heard(self, group: str, kept: OnCall | None, now: datetime) -> OnCall | None:
        """What Slack says, and it is kept; None where it says nothing. Raises Unavailable."""
        try:
            members = self.groups.members(group)
        except Unavailable as trouble:
            known = iso(kept.found_at) if kept else "never"
            facts = {"group": group, "error": str(trouble), "last_known": known}
            self.log("warning", "who is on call was not heard", **facts)
            return None
        name = kept.name if kept else ""
        with suppress(ExternalError):  # it is asked for as long as it is not known
            name = name or self.groups.handle(group)
        heard = OnCall(
            id=group, found_at=now, members=members or (), exists=members is not None, name=name
        )
        self.lists.keep(heard)
        if not heard.members:
            self.log("warning", "nobody is on call", group=group, exists=heard.exists)
        return heard
