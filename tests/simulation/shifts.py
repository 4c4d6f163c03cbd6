"""Lives in which shifts begin and end while people press, and Slack is silent for long."""

from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.ask import Kind
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import OPEN, State
from chalicelib.domain.oncall import FRESH_FOR, LAST_KNOWN, OLD_AFTER, REFUSE, OnCall
from chalicelib.domain.session import Access, Session
from tests.simulation.actors import (
    ANN,
    BOB,
    CLEO,
    MINUTE,
    MS,
    SKEW_MS,
    Request,
    ms_of,
    session_id_of,
)
from tests.simulation.world import World

GROUP = "S0ONCALL"
USERS = ("UANN", "UBOB", "UCLEO")  # in Slack; Bob alone is not pinned
SPAN = 50 * MINUTE
NEVER = 1 << 60


@dataclass(frozen=True)
class Reign:
    """From when to when one list was what presses go by, and who is rightly on it."""

    began: int
    until: int
    since: int  # before Slack was asked
    may: set[str]  # in the group at some time while it was asked
    must: set[str]  # all that time


class Shifts(World):
    """A life in which nobody may but who is on call (and now and then somebody by name): people
    come and go from the group, it is emptied, disabled and enabled, and Slack or the table is out
    for so long that what is known is old."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.had: list[tuple[int, tuple[str, ...]]] = []  # by Slack's group, from when on
        self.reigns: list[Reign] = []
        super().__init__(*args, **kwargs)

    def _glasses(self, first: bool = False) -> dict[str, Glass]:
        made, random = super()._glasses(first), self.random
        self.people_who_may |= {person.email for person in (ANN, BOB, CLEO)}
        self.named = random.choice(((), (), (BOB.email,)))
        stale = random.choice((LAST_KNOWN, REFUSE))
        may = (f"slack:{GROUP}", *self.named)
        return {name: replace(glass, may=may, stale_oncall=stale) for name, glass in made.items()}

    def _people(self) -> None:
        random, self.mode = self.random, ""
        self.faults.rates.pop("wake-up doubled", None)  # over so long an outage they are thousands
        self.hand_over()
        for _ in range(random.choice((2, 5, 10))):
            self.at(random.randrange(SPAN), self.hand_over)
        for thing, chance in (("slack", 0.5), ("table", 0.1)):
            if random.random() < chance:
                start = random.randrange(SPAN)
                length = random.choice((5, 20, 40)) * MINUTE
                self.faults.outages.append((thing, start, start + length))
        users, names = (*USERS, "UNOBODY"), ("prod", "again", "data")
        for n in range(random.choice((3, 8, 15))):
            session_id, when = session_id_of(n + 1), random.randrange(SPAN)
            self.at(when, self.press, session_id, random.choice(users), random.choice(names))
            for kind in (Kind.END, Kind.EXTEND):
                if random.random() < 0.4:
                    asked = when + random.randrange(10 * MINUTE)
                    self.at(asked, self.ask, session_id, kind, random.choice(users))
        self.at(random.randrange(MINUTE), self.sweep)
        self.at(SPAN + 5 * MINUTE, self.heal)

    def hand_over(self) -> None:
        """The on-call tool changes who is in the group, or disables it where there is nobody."""
        random = self.random
        on_call = tuple(user for user in USERS if random.random() < 0.4)
        if on_call or random.random() < 0.5:
            self.on_call[GROUP] = on_call
        else:
            self.on_call.pop(GROUP, None)
            self.faults.saw("on call: the group is disabled")
        self.had.append((self.now, on_call))
        self.faults.saw("on call: handed over")
        self.say("rota", " and ".join(on_call) or "nobody")

    def sweep(self) -> None:
        begun, kept = self.names["sweep"], self.kept_lists.get(GROUP)
        super().sweep()
        due = kept is None or self.moment - kept.found_at >= FRESH_FOR
        if due and self.names["sweep"] == begun and not self.faults.strikes("sweep missing"):
            self._start("sweep")

    # ---- what must hold

    def keeps_list(self, heard: OnCall) -> None:
        """From here on presses go by it: by whoever was in Slack's group while it was asked."""
        super().keeps_list(heard)
        since = ms_of(heard.found_at)
        ends = [*(at for at, _ in self.had[1:]), NEVER]
        spans = zip(self.had, ends, strict=True)
        had = [set(who) for (_, who), end in spans if end >= since - SKEW_MS]
        if self.reigns:
            self.reigns[-1] = replace(self.reigns[-1], until=self.now)
        may, must = set[str]().union(*had), had[0].intersection(*had)
        self.reigns.append(Reign(self.now, NEVER, since, may, must))
        self.say("table", f"on call as of {heard.found_at:%H:%M:%S}: {heard.members}")

    def _reigns(self, since: int) -> list[Reign]:
        """The lists that presses went by from then on."""
        return [each for each in self.reigns if each.until >= since]

    def _old(self, session: Session, reign: Reign, at: int) -> bool:
        glass = self.glasses[session.glass]
        old = glass.stale_oncall == REFUSE and at - reign.since > OLD_AFTER // MS
        if old:
            self.faults.saw("on call: the list is old")
        return old

    def _is_in(self, session: Session, user: str, what: str, since: int) -> None:
        """Whoever it is was on a list, and that list was to go by, at some time from then on."""
        if session.glass not in self.glasses or (user == "UBOB" and self.named):
            return
        if not any(
            user in each.may and not self._old(session, each, max(since - SKEW_MS, each.since))
            for each in self._reigns(since)
        ):
            self.fail(f"{session.id} {what} by {user}, who was on no list by then")

    def _is_out(self, session: Session, since: int) -> None:
        """Whoever is refused was not on every list from then on, fresh enough by any clock."""
        first = self.reigns[0].began if self.reigns else NEVER
        reigns = [] if first > since else self._reigns(since)
        if reigns and all(
            session.slack_user in each.must and not self._old(session, each, self.now + SKEW_MS)
            for each in reigns
        ):
            self.fail(f"{session.id} was refused, and {session.slack_user} was on call")

    @property
    def _began(self) -> int:
        return self.current.look_began if self.current else self.now

    def _wrote(self, old: Session | None, new: Session) -> None:
        super()._wrote(old, new)
        if new.state in OPEN and (old is None or old.state not in OPEN):
            self._is_in(new, new.slack_user, "was let in", self._began)
            if new.let_in_by.startswith("slack:") is (new.email in self.named):
                self.fail(f"{new.id} says that it was let in by {new.let_in_by!r}")
        denied = new.state is State.DENIED and (old is None or old.state is not State.DENIED)
        if denied and "not among those" in new.reason:
            self._is_out(new, self._began)

    def accept(
        self, kind: str, access: Access, session_id: str, claim_ends: int, worker: str
    ) -> Request:
        """Looked at again before the assignment is asked for."""
        row = self.row(session_id)
        if kind == "create" and row is not None and self.current is not None:
            self._is_in(row, row.slack_user, "is granted", self._began)
        return super().accept(kind, access, session_id, claim_ends, worker)

    def run(self) -> list[str]:
        wrong = super().run()
        for ask in self.rows.decided.values():
            session = self.rows.sessions.get(ask.session_id)
            if (
                session is None
                or ask.outcome not in ("ended", "extended")
                or ask.decided_at is None
            ):
                continue
            if ask.slack_user != session.slack_user:
                since = ms_of(ask.decided_at) - SKEW_MS
                self._is_in(session, ask.slack_user, f"was {ask.outcome}", since)
                self.faults.saw("on call: ended or extended by another")
        return wrong or self.wrong
