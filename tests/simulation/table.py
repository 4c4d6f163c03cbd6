"""The table's own affairs in a life."""

from datetime import timedelta
from typing import Any

from chalicelib.domain.machine import OPEN, State
from chalicelib.domain.oncall import OnCall
from chalicelib.domain.session import Session
from tests.simulation.actors import SKEW_MS, START, moment, ms_of


class Table:
    """The table's own affairs: what was written, and what that must not be."""

    def _wrote(self, old: Session | None, new: Session) -> None:
        """After each write of a session's row: indexes, stream, TTL; and what must hold."""
        self.explained.wrote(old, new)
        if new.alarms:
            duty = new.id, new.state
            self.alarms[duty] = max(self.alarms[duty], new.alarms)
        if old is not None and old.live:
            self._frozen(old, new)
        if self.faults.strikes("index late"):
            self.after(self.random.randrange(self.index_lag), self._indexed, new)
        else:
            self._indexed(new)
        if old is not None and old.state is not new.state:
            who = self.current.name if self.current else "route"
            why = new.steps[-1].split(" ", 2)[2] if new.steps else "?"
            self.say(who, f"{new.id}: {new.state} ({why})")
            self._entered(old, new)
        if old is None or old.state is not new.state:
            self.hands.entered(new)
        if new.deadline is not None and (old is None or old.deadline != new.deadline):
            self._ttl(new.id)

    def keeps_list(self, heard: OnCall) -> None:
        """Who is on call, as the sweep has heard it."""
        self.kept_lists[heard.id] = heard

    def _frozen(self, old: Session, new: Session) -> None:
        """What was given, and for how long, moves with *Extend* alone, by what was promised."""
        assert old.deadline is not None
        assert new.deadline is not None
        moved, by = new.deadline - old.deadline, old.extend
        if old.unacknowledged and new.acknowledged_at and old.allowed_at is not None:
            by = old.allowed_at + old.duration - old.deadline
        elif old.extended == new.extended:
            by = timedelta(0)
        elif old.extend_to and timedelta(0) < moved < by:  # as far as was left: see promises.py
            by = moved
        if moved != by:
            self.fail(f"{new.id}: its end was moved by what was not promised")
        if _given(old) != _given(new):
            self.fail(f"{new.id}: a deployment changed what was given")

    def _indexed(self, row: Session) -> None:
        known = self.index.get(row.id)
        if row.id not in self.ghosts and (known is None or known.version < row.version):
            self.index[row.id] = row

    def _ttl(self, session_id: str) -> None:
        if self.ttl_lag is not None:
            ttl = self.rows.leases[session_id] * 1_000 - int(START.timestamp() * 1_000)
            self.at(ttl + self.random.randrange(self.ttl_lag + 1), self._ttl_deletes, session_id)

    def _ttl_deletes(self, session_id: str) -> None:
        ttl = self.rows.leases.get(session_id)
        if ttl is not None and ttl <= moment(self.now).timestamp():
            self.delete_lease(session_id, "TTL")

    def _entered(self, old: Session, new: Session) -> None:
        key, truth = new.access.key, self.truth.get(new.access.key)
        if new.state is State.ACTIVE and old.state is not State.ACTIVE:
            self.was_active.add(new.id)
            if truth is None and key not in self.explained.taken_by_hand | self.explained.mixed:
                self.fail(f"{new.id} is ACTIVE, and there is no access")
            for other in self.rows.sessions.values():
                if (
                    other.id != new.id
                    and other.state is State.ACTIVE
                    and other.access == new.access
                ):
                    self.fail(f"{new.id} and {other.id} have one access at once")
        if old.state in OPEN and new.state in (State.REVOKING, State.SETTLING):
            self._ended(old, new)
        if new.state is State.SETTLING:
            if truth == new.id:
                self.fail(f"{new.id} is said to be revoked, and its access is there")
            if truth is not None and new.standing == "no" and truth in self.rows.sessions:
                holder = self.rows.sessions[truth]
                if not holder.live:
                    self.fail(f"{new.id} is said to be revoked, and {truth}'s access is there")
            if self.stood.get(key) is None and any(
                r.kind == "create" and r.session_id == new.id for r in self.pending
            ):
                self.fail(f"{new.id} is said to be revoked, and its grant is still under way")

    def _ended(self, old: Session, new: Session) -> None:
        """Nobody's session ends before its deadline without a reason."""
        assert old.deadline is not None
        if self.now + SKEW_MS >= ms_of(old.deadline) or new.found:
            return
        if new.ended_how == "ended":
            ended = (a for a in self.rows.decided.values() if a.outcome == "ended")
            by = {ask.slack_user for ask in ended if ask.session_id == new.id}
            may = {
                self.slack[user].email for user in by if user in self.slack
            } & self.people_who_may
            if may or new.slack_user in by:
                return
        if new.ended_how == "lease gone" and new.id in self.lease_gone:
            return
        turned_away = new.ended_how == "grant failed" and "Another session" in new.reason
        if turned_away and not self.lockless and not self.hands.forging:
            self.fail(f"{new.id} was let in and turned away, though it should have waited")
        if new.ended_how == "grant failed" and new.id not in self.was_active:
            return
        self.fail(f"{new.id} was ended before its deadline ({new.ended_how})")


def _given(session: Session) -> tuple[Any, ...]:
    lasts = (session.duration, session.extend, session.extend_to)
    return (session.access, *lasts, session.tail, session.report_to)
