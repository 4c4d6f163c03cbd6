"""What was seen of a soak from outside, and what it says of each session.

Only the table's rows are the app's own word, and of them only what the log's columns are: who, what
access, state, and the times. When access came and went is Identity Center's own history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from chalicelib.domain import machine

FINAL = frozenset(map(str, machine.FINAL))


class Access(NamedTuple):
    account_id: str
    permission_set_arn: str
    principal_id: str


@dataclass(frozen=True)
class Pressed:
    """A press of *Break glass*, and how it was answered."""

    slack_user: str
    glass: str
    at: float
    answered: float
    status: int
    path: str  # of its response_url


@dataclass(frozen=True)
class Window:
    """A while in which something was done to the world; all of it, or one session alone.

    holds: access cannot be taken back meanwhile. carries: the words that cannot be said, or are
    said with nobody hearing that they were. breaks: a process may have died or stood still.
    """

    name: str
    start: float
    end: float
    holds: bool = False
    carries: str = ""
    breaks: bool = False
    unheard: bool = False  # what is said arrives, and the app cannot know
    cold: bool = False
    outage: bool = False  # of a call or a side; else somebody's hand, or a process's end
    session: str = ""

    def overlaps(self, start: float, end: float) -> bool:
        return self.start < end and start < self.end


@dataclass(frozen=True)
class Hand:
    """What an operator did to a session: its lease, lock or row; or a button that was pressed."""

    kind: str  # lease | lock | row | spoil | end | extend
    session: str
    at: float


@dataclass(frozen=True)
class Said:
    """Something that was said: when, by which way, and about which session, where that is clear."""

    at: float
    way: str  # "slack" | "mail"
    text: str
    session: str = ""


@dataclass(frozen=True)
class Span:
    """One stay of an access; `end` is None while it stands."""

    start: float
    end: float | None


@dataclass(frozen=True)
class Session:
    """One session: what its row says, and when Identity Center's history says it had access."""

    id: str
    slack_user: str
    glass: str
    email: str
    permission_set: str
    access: Access
    state: str
    asked: float
    allowed: float | None
    deadline: float | None
    ended: float | None
    how: str
    gone: float | None
    path: str
    called_off: float | None  # when somebody ended it, or deleted its lease
    mine_ts: str = ""  # of the person's own card
    spans: tuple[Span, ...] = ()

    @property
    def due(self) -> float | None:
        """When access was to end."""
        times = [self.deadline, self.called_off, self.ended]
        return min((each for each in times if each is not None), default=None)


@dataclass
class Evidence:
    """All that was seen, as plain values."""

    presses: list[Pressed] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    standing: tuple[Access, ...] = ()  # what stood before all of it
    until: float = 0.0  # when it was looked at last
    load: float = 0.0  # of the machine, at its worst
    troubles: list[str] = field(default_factory=list)  # what of the plan could not be done

    @cached_property
    def sessions(self) -> list[Session]:
        """In the order in which they were asked for, each with the stays of its access."""
        found = [self._session(row) for row in self.rows if row.get("slack_user")]
        found.sort(key=lambda each: each.asked)
        stays: dict[str, list[Span]] = {}
        for access, span in self.stays:
            holder = _holder(found, access, span.start)
            if holder is not None:
                stays.setdefault(holder.id, []).append(span)
        return [Session(**{**vars(each), "spans": tuple(stays.get(each.id, ()))}) for each in found]

    @cached_property
    def stays(self) -> list[tuple[Access, Span]]:
        """Every stay of every access that did not stand before."""
        since: dict[Access, float] = {}
        found = []
        for entry in self.history:
            access = Access(*(entry[name] for name in Access._fields))
            if entry["event"] == "appeared":
                since[access] = entry["at"]
            elif entry["event"] == "disappeared" and access in since:
                found.append((access, Span(since.pop(access), entry["at"])))
        open_still = [(access, Span(start, None)) for access, start in since.items()]
        return [each for each in (*found, *open_still) if each[0] not in self.standing]

    @cached_property
    def said(self) -> list[Said]:
        """Everything that the app said in Slack and by mail."""
        cards = self._cards
        return [
            Said(epoch(each), "slack", each["text"] or "",
                 cards.get((each["channel"], each["thread_ts"]), ""))
            for each in self.messages
        ] + [
            Said(epoch(each), "mail", f"{each['subject']}\n{each['text']}", self._named(each))
            for each in self.mails
        ]  # fmt: skip

    @cached_property
    def personal(self) -> dict[str, list[Said]]:
        """What came to each press's own response_url, and on the person's card, by its path."""
        found: dict[str, list[Said]] = {}
        cards = {each.mine_ts: each.path for each in self.sessions if each.mine_ts}
        for each in self.messages:
            path = each["path"] if each["via"] == "response_url" else cards.get(each["ts"])
            if path:
                found.setdefault(path, []).append(Said(epoch(each), "slack", each["text"] or ""))
        return found

    @cached_property
    def _cards(self) -> dict[tuple[str, str], str]:
        """Which session each message in a channel is the card of, by channel and ts."""
        found = {}
        for each in self.messages:
            if each["channel"] and not each["thread_ts"]:
                text = str(each["blocks"])
                about = next((s.id for s in self.sessions if s.id in text), "")
                if about:
                    found[(each["channel"], each["ts"])] = about
        return found

    def _named(self, mail: dict[str, Any]) -> str:
        return next((each.id for each in self.sessions if each.id in mail["text"]), "")

    def done_to(self, session: Session, *kinds: str) -> list[Hand]:
        return [each for each in self.hands if each.session == session.id and each.kind in kinds]

    def around(self, start: float, end: float, session: str = "") -> list[Window]:
        """What was done to the world, or to this session, in that time."""
        return [
            each
            for each in self.windows
            if each.session in ("", session) and each.overlaps(start, end)
        ]

    def _session(self, row: dict[str, Any]) -> Session:
        asked, glass, user = _time(row["asked_at"]), row.get("glass", ""), row["slack_user"]
        near = [
            each
            for each in self.presses
            if (each.slack_user, each.glass) == (user, glass)
            and each.at - 1 <= asked <= each.answered + 1
        ]
        press = min(near, key=lambda each: abs(each.at - asked), default=None)
        how = row.get("ended_how", "")
        off = [
            each.at
            for each in self.hands
            if each.session == row["id"]
            and (each.kind == "lease" or (each.kind == "end" and how == "ended"))
        ]
        return Session(
            id=row["id"], slack_user=user, glass=glass,
            email=row.get("email", ""), permission_set=row.get("permission_set", ""),
            access=Access(*(row.get(name, "") for name in Access._fields)),
            state=str(row.get("state")), asked=asked, allowed=_time(row.get("allowed_at")),
            deadline=_time(row.get("deadline")), ended=_time(row.get("ended_at")), how=how,
            gone=_time(row.get("gone_at")), path=press.path if press else "",
            called_off=min(off, default=None), mine_ts=row.get("mine_ts", ""),
        )  # fmt: skip


def epoch(each: dict[str, Any]) -> float:
    """When a message or a mail came."""
    return datetime.fromisoformat(each["at"]).timestamp()


def covered(windows: Iterable[Window], start: float, end: float) -> float:
    """Seconds of that time that lie in any of the windows."""
    total, reached = 0.0, start
    for each in sorted(windows, key=lambda window: window.start):
        begin, stop = max(each.start, reached), min(each.end, end)
        if stop > begin:
            total += stop - begin
            reached = stop
    return total


def _holder(sessions: list[Session], access: Access, at: float) -> Session | None:
    """The session that access was given to: the last one that was allowed it by then."""
    allowed = [
        each
        for each in sessions
        if each.access == access and each.allowed is not None and each.allowed <= at
    ]
    return max(allowed, key=lambda each: each.allowed or 0.0, default=None)


def _time(text: Any) -> Any:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:  # spoiled by hand, and never mended
        return None
