"""REQUESTED: who this is, whether they may, and the lock."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import LockTaken, Unavailable
from chalicelib.domain.machine import Event, State
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import LEFT_UNREVIEWED, Lock, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import Answer, GoOn, Outside, Rest, TryLater, Turn, became
from chalicelib.workflow.changes import denied, said_soon
from chalicelib.workflow.deciding import Decider
from chalicelib.workflow.timing import AWS_FORGETS_AFTER, COME_WITHIN, LONGEST_CLAIM, reached

# No review is owed of what was asked for earlier: the longest that one may take, and is waited for
OWES_A_REVIEW = 2 * LEFT_UNREVIEWED + timedelta(days=3)


class Decide:
    """Lets in, turns away, or waits for the lock."""

    def __init__(self, outside: Outside, decider: Decider) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.clock = outside.clock
        self.log = outside.log
        self.decider = decider

    def __call__(self, session: Session, now: datetime, turn: Turn) -> Answer:
        """Who this is, whether they may; then session, lock and lease in one write.

        Safe to repeat: nothing outside is touched, and the write needs the version and the lock.
        """
        session, refusal = self.decider.pressed(session, now)  # [REQUESTED 2a]
        if refusal is not None:
            return self._deny(session, refusal, now)
        if (refusal := self._unreviewed(session, now)) is not None:
            return self._deny(session, refusal, now)
        now = self.clock.now()  # the deadline counts from here, not from before the look-ups
        if reached(session.wait_until, now):  # [REQUESTED 1]
            return became(session, Event.WAITED_TOO_LONG)
        if (waits := self.decider.waits(session, now)) is not None:
            return self._for_another(session, waits, now, turn)
        deadline = now + (session.acknowledge or session.duration)
        allowed = session.entered(
            Event.ALLOWED, now, turn.seen_by, allowed_at=now, deadline=deadline, reason=""
        )
        allowed = said_soon(allowed, now + COME_WITHIN, notifications.MINE)
        allowed, _ = scheduled(allowed, now)
        try:
            self.store.allow(allowed)  # [REQUESTED 3]
        except LockTaken:
            return self._turn_away(session, now, turn)
        allowed = allowed.with_(version=session.version + 1)
        return GoOn(allowed, turn, proven=True)

    def _unreviewed(self, session: Session, now: datetime) -> str | None:
        """Why they are not let in before others have reviewed what they did, where the glass wants
        that [REQUESTED 2c]; None where it does not, or none is owed. Raises Unavailable.
        """
        glass = self.decider.blocked(session)
        if glass is None:
            return None
        owed = self.store.unreviewed(session, now - OWES_A_REVIEW)
        return refusals.unreviewed(glass, owed) if owed else None

    def _for_another(
        self, session: Session, waits: dict[str, Any], now: datetime, turn: Turn
    ) -> Answer:
        """Nobody is let in before another person has approved it; and who has it, or waits for it
        already, is told so: others are not asked twice [REQUESTED 2b]. Raises Unavailable.
        """
        if self.store.lock(session.access) is not None:
            return self._turn_away(session, now, turn)
        for other_id in self.store.living(session.access):
            other, _ = self.store.read(other_id) if other_id != session.id else (None, False)
            if other and other.state is State.APPROVING and other.access == session.access:
                held = session.with_(mine_channel=other.mine_channel)
                return self._deny(held, messages.already_waiting(other), now)
        owed = notifications.of_a_wait(session)
        return became(session, Event.APPROVAL_WANTED, owed=owed, **waits)

    def _turn_away(self, session: Session, now: datetime, turn: Turn) -> Answer:
        """Another session holds the lock: denied while it is open, else let in when it is free.

        Its state says which [REQUESTED 4a]. Raises Unavailable.
        """
        lock = self.store.lock(session.access)
        if lock is None:  # free by now
            return Rest(now, known=session)
        holder, _ = self.store.read(lock.holder)
        if holder is None:
            return self._orphaned(session, lock, now)
        if not holder.live and lock.free_at is not None:  # a delete of it may still land
            return self._freed(session, lock, lock.free_at, now)
        if not holder.live:  # mended: nobody is behind this lock
            self.log("warning", "a lock without a session", lock=session.access.key)
            self.store.free(session.access, lock)
            return Rest(now, known=session)
        over = holder.state is State.REVOKING or reached(holder.deadline, now)
        if over or holder.found:  # free in seconds
            return TryLater(session, Unavailable(refusals.BEING_TAKEN_BACK))
        held = session.with_(mine_channel=holder.mine_channel)
        return self._deny(held, messages.already_open(holder), now)

    def _orphaned(self, session: Session, lock: Lock, now: datetime) -> Answer:
        """An operator deleted the row of the session that holds the lock: nobody tells any more
        what it has asked for. The lock is free when nothing of that can land [REQUESTED 4c]. Raises
        Unavailable.
        """
        if session.orphan_at is None:  # from here on nobody can claim that session
            waits = Unavailable(refusals.DELETED_SESSION_AT_IT)
            return TryLater(session, waits, {"orphan_at": now})
        return self._freed(session, lock, session.orphan_at + LONGEST_CLAIM, now)

    def _freed(self, session: Session, lock: Lock, free_at: datetime, now: datetime) -> Answer:
        """Frees the lock when nothing of its holder's can land any more [REQUESTED 4b]. Raises
        Unavailable.
        """
        aws, since = self.identity_center, now - AWS_FORGETS_AFTER
        late = not reached(free_at, now)
        if late or aws.creating(session.access, since) or aws.deleting(session.access, since):
            return TryLater(session, Unavailable(refusals.EARLIER_MAY_LAND))
        self.log("info", "a lock that an earlier session left", lock=session.access.key)
        self.store.free(session.access, lock)
        return Rest(now, known=session)

    def _deny(self, session: Session, reason: str, now: datetime) -> Answer:
        owed = () if session.reason == reason else ("denied",)  # the route has said it
        if session.approve_until is not None:  # they have a card by now, and others know of it
            return became(session, Event.REFUSED, **denied(session, reason, now))
        if self.decider.tells(session, reason, now):
            owed = (*owed, "refused")
        return became(session, Event.REFUSED, reason=reason, denied_at=now, owed=owed)
