"""Whose records these are: finds one session's events in a stream, and follows its credentials.

A record that names the session's own role session, or its person at the portal, is the session's
by itself: it is told at once, and need not be kept. Any other may still be the session's, by the
credentials that it used: an access key or a role that the session was handed, perhaps through
another role, perhaps by a record that comes later in the stream. So from each record only the
`CredentialFacts` are kept that whose-it-is depends on: who was handed what. When all has been read
they are settled, which reads no record; and then each record that had to wait is judged by itself,
in any order. Such records are kept meanwhile where they are few. Where they are many they are read
once more (`again`), and only those. That is all that is needed to read a stream of any length in
pieces: facts are few, can be written down, and say the same in whatever order they came.
"""

import hashlib
import json
import zlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chalicelib.judge.rules import Book
from chalicelib.trail.event import SAME_MOMENT, Event, Json, Ownership, as_json, event_of
from chalicelib.trail.facts import CredentialFacts, Times
from chalicelib.trail.signs import Signs, signs_of

MOST_IDS = 2_000_000  # that are remembered, so that what the trail delivers twice counts once
MOST_WAITING = 1_000_000  # bytes of records that are kept until they can be judged, if so bounded
LONGEST = 1_000  # signs of how credentials were come by, hop after hop
UNREAD = "@message"  # stands in a record that could not be read, with the text as it came

COUNTS = ("seen", "repeated", "outside", "others", "unjudged", "earlier", "later")

Tell = Callable[[Event, Json], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """The session's events, and what became of every other record: nothing goes uncounted."""

    events: tuple[Event, ...] = ()
    seen: int = 0
    repeated: int = 0  # the trail delivered them more than once
    outside: int = 0  # before the grant or after the end of the credentials
    others: int = 0
    unjudged: int = 0  # they name nobody, or not enough, or cannot be read
    earlier: int = 0  # others that are of an earlier session of the person, with the same access
    later: int = 0  # and of a later one
    followed: tuple[str, ...] = ()  # access keys and role sessions that the session was handed


class Settled:
    """What the facts come to: which credentials are the session's, and how it came by them."""

    def __init__(self, ownership: Ownership, facts: CredentialFacts) -> None:
        self.ownership = ownership
        self.own = set(facts.own)
        self.keys = {**facts.keys, **dict.fromkeys(facts.own_keys, "")}
        self.taken: Times = {name: dict(times) for name, times in facts.taken.items()}
        self.shared = dict.fromkeys(facts.shared, "")
        self.taken_by_others: dict[str, dict[int, datetime | None]] = {}
        self._follow(sorted(facts.waiting, key=lambda each: each.time or ownership.start))
        self.taken = {name: times for name, times in self.taken.items() if name not in self.own}

    @property
    def followed(self) -> tuple[str, ...]:
        """What to look for besides: access keys and role sessions that the session was handed."""
        return (*(key for key, chain in self.keys.items() if chain), *self.taken)

    def _follow(self, waiting: list[Signs]) -> None:
        """Finds what was done with credentials of the session, until nothing more is found."""
        for index, signs in enumerate(waiting):
            for handed in signs.hands:
                self.taken_by_others.setdefault(handed, {})[index] = signs.time
        left = dict(enumerate(waiting))
        grew = True
        while grew:
            grew = False
            for index, signs in list(left.items()):
                via = self.via(signs)
                if via is None:
                    continue
                grew = True
                del left[index]
                for handed in signs.hands:
                    self.taken_by_others[handed].pop(index, None)
                self._adopt(signs, via)

    def _adopt(self, signs: Signs, via: str) -> None:
        if not via and signs.key:
            self.keys.setdefault(signs.key, "")
        if signs.shared:
            self.shared.setdefault(signs.shared, via)
        chain = " → ".join(part for part in (via, signs.label) if part)[:LONGEST]
        for key in signs.keys:
            self.keys.setdefault(key, chain)
        if signs.role_session and chain and signs.role_session not in self.own:
            self.taken.setdefault(signs.role_session, {})[signs.time or self.ownership.start] = (
                chain
            )

    def via(self, signs: Signs) -> str | None:
        """How its credentials came from the session; None where they did not."""
        via = self.by_credentials(signs)
        return self.shared.get(signs.shared) if via is None and signs.shared else via

    def by_credentials(self, signs: Signs) -> str | None:
        """The same, but for a call that is known by the record of another account alone."""
        if signs.key in self.keys:
            return self.keys[signs.key]
        if signs.principal in self.own:
            of_another = signs.created and self.ownership.issued(signs.created) != "within"
            return None if of_another else ""
        taken = self.taken.get(signs.principal)
        if not taken or self.taken_by_others.get(signs.key):
            return None
        if signs.created:
            for time, chain in taken.items():
                if abs(signs.created - time) <= SAME_MOMENT:
                    return chain
        elif signs.key:
            return None
        # Renewed, as by the console, or with neither key nor age, as in a sign-in: whoever took the
        # role last before it.
        return self._last_taken(signs, taken, signs.created or signs.time)

    def _last_taken(
        self, signs: Signs, taken: dict[datetime, str], issued: datetime | None
    ) -> str | None:
        if issued is None:
            return None
        before = [time for time in taken if time <= issued + SAME_MOMENT]
        others = self.taken_by_others.get(signs.principal, {}).values()
        last = max(before, default=None)
        if last is None or any(time is None or last <= time <= issued for time in others):
            return None
        return taken[last]


class Sieve:
    """Takes records one by one, tells the session's events as they are known, counts the rest.

    A record that could not be read has its text under `UNREAD`, and is handed to `unreadable`.

    `most` bounds, in bytes, the records that are kept until they can be judged. Where there are
    more, `spilt` says so, and they have to be read `again` before the end.
    """

    def __init__(
        self,
        ownership: Ownership,
        tell: Tell,
        unreadable: Callable[[Json], None] = lambda record: None,
        most: int | None = None,
        book: Book | None = None,
    ) -> None:
        self.ownership = ownership
        self.book = book
        self.tell = tell
        self.unreadable = unreadable
        self.most = most
        self.facts = CredentialFacts()
        self.counts = dict.fromkeys(COUNTS, 0)
        self.ids: set[int] = set()
        self.fresh = array("Q")  # ids that have not been written down yet
        self.waiting: list[bytes] = []
        self.waiting_size = 0
        self.spilt = False
        self.settled: Settled | None = None

    def take(self, record: Any) -> None:
        """Counts the record, and tells or keeps it. Never raises."""
        self.counts["seen"] += 1
        if type(record) is not dict:
            if not isinstance(record, Mapping):
                self.counts["unjudged"] += 1
                return
            record = dict(record)
        if UNREAD in record:
            self.counts["unjudged"] += 1
            self.unreadable(record)
            return
        signs = signs_of(self.ownership, record)
        if signs.id and not self._first(signs.id):
            self.counts["repeated"] += 1
            return
        if signs.time is not None and not self.ownership.start <= signs.time <= self.ownership.end:
            self.counts["outside"] += 1
            return
        match signs.verdict:
            case "portal" | "account":
                known = signs.shared in self.facts.shared
                self.facts.of_own(signs, self.ownership.start)
                if known:
                    self.counts["repeated"] += 1  # the same call, as another account recorded it
                else:
                    self._tell(record, signs, signs.verdict, "")
            case "other":
                self.counts["others"] += 1
            case _:
                self.facts.of_another(signs)
                self._keep(record)

    def _first(self, event_id: str) -> bool:
        """Whether a record by that id is the first one."""
        number = int.from_bytes(
            hashlib.blake2b(event_id.encode("utf-8", "replace"), digest_size=8).digest()
        )
        if number in self.ids:
            return False
        if len(self.ids) < MOST_IDS:
            self.ids.add(number)
            self.fresh.append(number)
        return True

    def _keep(self, record: Json) -> None:
        if self.spilt:
            return
        kept = zlib.compress(as_json(record), 1)
        self.waiting_size += len(kept)
        if self.most is not None and self.waiting_size > self.most:
            self.spilt, self.waiting, self.waiting_size = True, [], 0
            return
        self.waiting.append(kept)

    def settle(self) -> Settled:
        """What all facts come to so far."""
        self.settled = Settled(self.ownership, self.facts)
        return self.settled

    def begin_again(self) -> None:
        """Forgets what was seen, so that what had to wait can be told when it is read again."""
        self.settle()
        self.ids, self.fresh = set(), array("Q")

    def again(self, record: Any) -> None:
        """Tells or counts a record that had to wait; all others were told and counted before."""
        if not isinstance(record, Mapping) or UNREAD in record:
            return
        record = dict(record)
        signs = signs_of(self.ownership, record)
        if signs.verdict in ("portal", "account", "other"):
            return
        if signs.time is not None and not self.ownership.start <= signs.time <= self.ownership.end:
            return
        if not signs.id or self._first(signs.id):
            self._judge(record, signs)

    def judge_waiting(self) -> None:
        """Tells or counts the records that were kept."""
        self.settle()
        for kept in self.waiting:
            record = json.loads(zlib.decompress(kept))
            self._judge(record, signs_of(self.ownership, record))
        self.waiting = []

    def _judge(self, record: Json, signs: Signs) -> None:
        settled = self.settled or self.settle()
        via = settled.via(signs)
        if via is not None and self._told(settled, signs):
            self.counts["repeated"] += 1
        elif via is not None:
            self._tell(record, signs, "account", via)
        else:
            self.counts["unjudged" if signs.verdict == "too_little" else "others"] += 1
            if signs.verdict in ("earlier", "later"):
                self.counts[signs.verdict] += 1

    def _told(self, settled: Settled, signs: Signs) -> bool:
        """Whether it is a call that is told already, by the record of another account."""
        if not signs.shared:
            return False
        if signs.shared in self.facts.shared or settled.by_credentials(signs) is None:
            return True
        return not self._first(f"shared {signs.shared}")

    def _tell(
        self, record: Json, signs: Signs, place: Literal["portal", "account"], via: str
    ) -> None:
        home = self.ownership.account_id
        self.tell(event_of(record, signs.time, place, via, home, self.book), record)

    @property
    def sifted(self) -> Sifted:
        """The counts, without the events: those have been told."""
        settled = self.settled or self.settle()
        return Sifted(
            seen=self.counts["seen"],
            repeated=self.counts["repeated"],
            outside=self.counts["outside"],
            others=self.counts["others"],
            unjudged=self.counts["unjudged"],
            earlier=self.counts["earlier"],
            later=self.counts["later"],
            followed=settled.followed,
        )


def whole(event: Event, record: Json) -> Event:
    """The event with all that CloudTrail said of it."""
    return event._replace(record=as_json(record))
