"""GRANTING: the assignment is asked for, once it is sure that it is ours to ask for."""

from datetime import datetime

from chalicelib.domain.errors import Refused, Unavailable, Unknown
from chalicelib.domain.machine import Event
from chalicelib.domain.session import CallMark, Prior, Session
from chalicelib.words import refusals
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import (
    Act,
    Answer,
    Came,
    Outside,
    Poll,
    TryLater,
    Turn,
    became,
)
from chalicelib.workflow.calls import Calls
from chalicelib.workflow.deciding import Decider
from chalicelib.workflow.timing import AWS_FORGETS_AFTER, LISTING_LAG, later_by, reached


class Grant:
    """Asks for the assignment, and waits until it is listed."""

    def __init__(self, outside: Outside, calls: Calls, decider: Decider) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.clock = outside.clock
        self.log = outside.log
        self.calls = calls
        self.decider = decider

    def __call__(
        self, session: Session, now: datetime, turn: Turn, *, proven: bool = False
    ) -> Answer:
        """Asks for the assignment, once it is sure that it is ours to ask for.

        `proven`: this very turn has written the intent, by the rules. Safe to repeat: whether it
        stood before us is observed once, and nothing is asked again while an earlier call may
        still land.
        """
        if session.standing == Prior.UNKNOWN:
            if self._another_lives(session):
                return became(session, Event.GRANT_FAILED, reason=refusals.ANOTHER_HOLDS_IT)
            stands = self.identity_center.assigned(session.access)  # [GRANTING 2b]
            if session.found:
                return self._taken_over(session, stands)
            if stands and self.identity_center.deleting(session.access, now - AWS_FORGETS_AFTER):
                return Poll(session, session.allowed_at)  # it is on its way out
            if stands:
                return self._granted(
                    session,
                    now,
                    standing=Prior.UNEXPLAINED if session.orphan_at else Prior.EXPLAINED,
                )
            return self._create(session, turn, proven=proven)
        call = self.calls.settled(session, session.grant_call)  # [GRANTING 3a]
        if call is None and session.grant_call != CallMark.UNKNOWN:
            return Poll(session, session.grant_asked_at)
        if self.identity_center.assigned(session.access):  # [GRANTING 3b]
            return self._granted(
                session, now, grant_call=CallMark.NONE if call else CallMark.UNKNOWN
            )
        if call is None:  # it may still land
            return Poll(session, session.grant_asked_at)
        if session.grant_call == CallMark.REFUSED:
            return became(session, Event.GRANT_FAILED)
        if call.failed:
            failed = Unavailable(call.reason or refusals.FAILED)
            return TryLater(session, failed, {"grant_call": CallMark.NONE})
        if call.succeeded and not reached(later_by(session.grant_asked_at, LISTING_LAG), now):
            return Poll(session, session.grant_asked_at)
        return self._create(session, turn)  # [GRANTING 3c]

    def _taken_over(self, session: Session, stands: bool) -> Answer:
        """What nobody accounts for is taken back as if we had given it; nothing is granted.

        The lock is ours and no other session lives, so it is nobody's live access.
        """
        if not stands:
            return became(session, Event.GRANT_FAILED, reason=refusals.GONE_ALREADY)
        return became(session, Event.ENDED, standing=Prior.NONE, ended_by="reconcile")

    def _another_lives(self, session: Session) -> bool:
        """Looked for after the lock was taken: a lock that an operator deleted proves nothing
        [GRANTING 2a].
        """
        for other_id in self.store.living(session.access):
            if other_id != session.id:
                other, _ = self.store.read(other_id)
                if other is not None and other.live and other.access == session.access:
                    return True
        return False

    def _create(self, session: Session, turn: Turn, *, proven: bool = False) -> Answer:
        """Held once more against what a row alone cannot bring about: the lock, and the rules
        [GRANTING 2c].
        """
        if not proven:
            lock = self.store.lock(session.access)
            refusal = self.decider.still_refused(session)
            if lock is None or lock.holder != session.id or lock.free_at is not None:
                refusal = refusal or refusals.LOCK_NOT_HELD
            if refusal is not None:
                now = self.clock.now()
                return became(session, Event.GRANT_FAILED, reason=refusal)
        now = self.clock.now()  # the look-ups took time [GRANTING 2d]: the deadline may have passed
        if reached(session.deadline, now):
            return became(session, Event.EXPIRED)
        asked = {"standing": Prior.NONE, "grant_call": CallMark.UNKNOWN, "grant_asked_at": now}
        return Act(session, lambda mine: self._asks_create(mine, turn), "grant_late_until", asked)

    def _asks_create(self, claimed: Session, turn: Turn) -> Came:
        known = {"grant_late_until": None}
        try:
            request_id = self.identity_center.create(claimed.access)  # [GRANTING 2e]
        except Refused as refused:
            answer = CallMark.REFUSED if refused.lasting else CallMark.NONE
            return Came(claimed, refused, changes={**known, "grant_call": answer})
        except Unknown as unknown:
            return Came(claimed, unknown)
        return Came(claimed, turn=turn, changes={**known, "grant_call": request_id})

    def _granted(
        self,
        session: Session,
        now: datetime,
        standing: str = Prior.NONE,
        grant_call: str = CallMark.NONE,
    ) -> Answer:
        """In. `grant_call` stays unknown where what we asked for may yet land once more."""
        return became(
            session,
            Event.GRANTED,
            standing=standing,
            grant_call=grant_call,
            granted_at=now,
            listed_at=now,
            owed=notifications.owing(session, *notifications.of_a_grant(session)),
        )
