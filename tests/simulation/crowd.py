"""What people do in a life."""

from datetime import timedelta

from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.machine import OPEN
from chalicelib.domain.session import Access, Session
from tests.simulation.actors import HEALED_REQUEST, moment, stream_record

ASKED = {Kind.END: "End now", Kind.EXTEND: "Extend", Kind.REASON: "Reason"}  # of each life


class Crowd:
    """What people do: they press, ask, and take a hand in it."""

    def press(self, session_id: str, user: str, glass: str) -> None:
        """The route, as chalicelib.route.front does it."""
        now = moment(self.now + self.random.choice(self.skews))
        found = self.glasses.get(glass)
        session = Session(
            id=session_id,
            glass=glass,
            asked_at=now,
            wait_until=now + timedelta(minutes=5),
            look_at=now,
            person=user,
            slack_user=user,
            shape="block_actions",
            response_url=f"https://slack.example/{session_id}",
            response_uses=1,
            account_id=found.account_id if found else "",
            permission_set=found.permission_set if found else "",
            chosen=self.chooses(),
        )
        if self.faults.strikes("table down") or self.faults.out("table", self.now):
            self.say(user, f"presses {glass}: not recorded")
            return
        if session_id in self.ghosts:
            return  # Slack repeats a press within seconds, before anybody deletes its row
        self._count_press(session)
        again = ", again" if session_id in self.rows.sessions else ""
        self.say(user, f"presses “{glass}”: session {session_id}{again}")
        self.rows.record(session)

    def chooses(self) -> str:
        """What stands in the select: nothing, for most messages have none."""
        return ""

    def _count_press(self, session: Session) -> None:
        saw, rows = self.faults.saw, self.rows.sessions
        twice = session.id in rows or f"ask/{session.id}" in self.rows.asks
        saw("press, sent twice" if twice else "press")
        others = [row for row in rows.values() if row.id != session.id]
        if any(row.slack_user not in ("", session.slack_user) for row in others):
            saw("press by another person")
        mine = [row for row in others if row.slack_user == session.slack_user]
        if any(row.live for row in mine):
            saw("press on an open access")
        if any(self.ghosts.get(holder, session).slack_user == session.slack_user
               for holder in self.rows.locks.values() if holder in self.ghosts):  # fmt: skip
            saw("press on an access whose row is gone")

    def ask(self, session_id: str, kind: Kind, user: str) -> None:
        """*End now*, *Extend* or a reason, as the route writes it; some say why besides."""
        if self.faults.strikes("table down") or self.faults.out("table", self.now):
            return
        self.asked += 1
        now = moment(self.now + self.random.choice(self.skews))
        asked = Ask(
            id=f"{kind}-{self.asked:024x}",
            session_id=session_id,
            asked_at=now,
            slack_user=user,
            response_url=self.random.choice(("", "https://slack.example/ask")),
            why=self.said_by(kind),
        )
        self.say(user, f"asks to {kind} {session_id}")
        row = self.rows.sessions.get(session_id)
        if row is not None:
            self._count_ask(row, kind, user)
            person = self.slack.get(user)
            may = person is not None and person.email in self.people_who_may
            if kind is Kind.END and (may or user == row.slack_user):
                self.may_end.setdefault(session_id, self.now)
            if kind is Kind.END and user == row.slack_user and row.state in OPEN:
                self.holder_ends.setdefault(session_id, self.now)  # whatever is deployed meanwhile
        self.rows.record(asked)

    def said_by(self, kind: Kind) -> str:
        """What is in the card's field as somebody presses."""
        return f"INC-{self.asked}" if kind is Kind.REASON or self.asked % 3 == 0 else ""

    def _count_ask(self, row: Session, kind: Kind, user: str) -> None:
        if kind in ASKED:
            self.faults.saw(ASKED[kind])
        ends = [a for a in self.rows.asks.values() if isinstance(a, Ask) and a.kind is Kind.END]
        others = {ask.slack_user for ask in ends if ask.session_id == row.id} - {user}
        if kind is Kind.END and others:
            self.faults.saw("End now by a second person")
        if kind is Kind.END and user != row.slack_user:
            self.faults.saw("End now by another than who pressed")

    def _asked(self, row_id: str) -> None:
        """After each ask's row: the stream hears of it."""
        asked = self.rows.asks[row_id]
        if isinstance(asked, Session) and asked.found:
            began = self.current.began if self.current else self.now  # reconciliation's, or forged
            self.explained.began.setdefault(asked.id, began)
        session_id = asked.id if isinstance(asked, Session) else asked.session_id
        self._stream(session_id, stream_record("INSERT", row_id))

    def delete_lease(self, session_id: str, by: str = "hand") -> None:
        if session_id in self.rows.leases:
            del self.rows.leases[session_id]
            self.lease_gone[session_id] = self.now
            who, how = ("operator", "hand") if by == "hand" else ("TTL", "the TTL")
            self.say(who, f"deletes the lease of {session_id}")
            self.faults.saw(f"lease deleted by {how}")
            self._stream(session_id, stream_record("REMOVE", f"lease/{session_id}"))

    def forget(self, row: Session) -> None:
        """The session's row is gone, and what is left of its press; indexes follow."""
        self.rows.asks.pop(f"ask/{row.id}", None)
        del self.rows.sessions[row.id]
        self.rows.unreadable.discard(row.id)
        self.ghosts[row.id] = row
        late = self.random.randrange(self.index_lag) if self.faults.strikes("index late") else 0
        self.after(late, self.index.pop, row.id, None)
        if row.live or row.standing == "yes":
            self.explained.doubtful(row.access)
        if row.live and row.access.key not in self.truth and self.lists(row.access):
            self.explained.taken_by_hand.add(row.access.key)  # nobody knows that it was just taken

    def remove(self, access: Access) -> str:
        """The assignment is gone, whoever took it; whose it was."""
        owner = self.truth.pop(access.key)
        self.listed(access.key, False)
        for held in self.held:
            if held.access == access and held.until is None:
                held.until = self.now
        return owner

    def heal(self) -> None:
        """From here on the outside does what it should."""
        self.faults.heal()
        self.healed_at = self.now
        self.say("heal", "all is well outside from here on")
        for request in self.pending:
            self.after(self.random.randrange(1, HEALED_REQUEST), self._land, request)
