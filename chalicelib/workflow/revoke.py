"""REVOKING: the assignment is taken back, and read back until nothing can bring it back."""

from datetime import datetime
from typing import Any

from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown
from chalicelib.domain.machine import Event
from chalicelib.domain.session import CallMark, Prior, Session
from chalicelib.words import refusals
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import Act, Announce, Answer, Came, Outside, Poll, TryLater, Turn
from chalicelib.workflow.calls import Calls
from chalicelib.workflow.changes import (
    alarms_heard,
    never_seen,
    proof_of,
    was_asked_early,
)
from chalicelib.workflow.timing import (
    CALL_TAKES,
    DELETE_AGAIN_AFTER,
    NOTHING,
    POLL,
    seconds_between,
)


class Revoke:
    """Takes back what we gave, and nothing else; never gives up."""

    def __init__(self, outside: Outside, calls: Calls) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.clock = outside.clock
        self.log = outside.log
        self.calls = calls

    def __call__(self, session: Session, now: datetime, turn: Turn) -> Answer:
        """Takes the assignment back, and says REVOKED only when nothing can bring it back.

        Safe to repeat: nothing is deleted that stood before us, and a delete of what is gone
        changes nothing. What it takes from nobody else is the lock's to see to. Never gives up.
        """
        if session.standing != Prior.NONE:  # nothing of ours to take back [REVOKING 1]
            return self._release(session, turn)
        changes: dict[str, Any] = {}
        call = self.calls.settled(session, session.revoke_call, deletion=True)  # [REVOKING 2]
        if call is None:
            return Poll(session, session.revoke_asked_at)
        if call.failed:
            failed = Unavailable(call.reason or refusals.FAILED)
            return TryLater(session, failed, {"revoke_call": CallMark.NONE})
        if call.succeeded:
            changes |= proof_of(session)
        grant = self.calls.settled(session, session.grant_call)
        if grant is None:
            return self._revoke_early(session, now, turn, changes)
        if grant.succeeded:
            changes |= proof_of(session)
        early = was_asked_early(session)
        if session.revoke_call != CallMark.DONE or early:
            if not call.succeeded or early:
                return self._delete(session.with_(**changes), turn)
            changes["revoke_succeeded_at"] = session.revoke_succeeded_at or now
        if self.identity_center.assigned(session.access):
            listed = Unavailable(refusals.STILL_LISTED)  # [REVOKING 5]
            changes |= proof_of(session, now)
            return TryLater(session, listed, {"revoke_call": CallMark.NONE, **changes})
        if not grant.failed and never_seen(session.with_(**changes), now):
            return Poll(session.with_(**changes), session.revoke_asked_at)
        return self._release(session.with_(**changes), turn)

    def _revoke_early(
        self, session: Session, now: datetime, turn: Turn, changes: dict[str, Any]
    ) -> Answer:
        """The grant may still land, so nothing is concluded; but what is there is taken back now.

        What such a delete came to proves nothing: another is asked when the grant is settled
        [REVOKING 3].
        """
        late = session.grant_late_until
        may_land = session.grant_call == CallMark.UNKNOWN and late is not None and now < late
        if may_land and self.identity_center.assigned(session.access):
            changes = changes | proof_of(session, now)
            return self._delete(session.with_(**changes), turn, now)
        return Poll(session.with_(**changes), session.grant_asked_at)

    def _delete(self, session: Session, turn: Turn, early: datetime | None = None) -> Answer:
        """Asks for the deletion, as an SDK would: at once again where the outcome is unknown.

        As long as one may land, the lock stays: so it can take nobody else's access [REVOKING 4].
        """
        now = early or self.clock.now()
        first = session.revoke_first_asked_at is None
        asked = {
            "revoke_call": CallMark.UNKNOWN,
            "revoke_asked_at": now,
            "revoke_first_asked_at": session.revoke_first_asked_at or now,
            "revoke_look": turn.seen_by if first else session.revoke_look,
            "lag_asked": seconds_between(session.over_since, now) if first else session.lag_asked,
        }
        before = session.revoke_late_until
        return Act(
            session, lambda mine: self._asks_delete(mine, turn, before), "revoke_late_until", asked
        )

    def _asks_delete(self, claimed: Session, turn: Turn, before: datetime | None) -> Came:
        known: dict[str, Any] = {"revoke_late_until": before}
        rests = iter(DELETE_AGAIN_AFTER)
        while True:
            try:
                request_id = self.identity_center.delete(claimed.access)
                return Came(claimed, turn=turn, changes={**known, "revoke_call": request_id})
            except Gone:  # asked early, it is asked again and again: not without a pause
                wait = POLL if was_asked_early(claimed) else NOTHING
                known["revoke_call"] = CallMark.DONE
                return Came(claimed, turn=turn, wait=wait, changes=known)
            except Refused as refused:
                return Came(claimed, refused, changes={**known, "revoke_call": CallMark.NONE})
            except Unknown as unknown:
                known = {}  # from now on a delete of ours may be under way
                if (rest := next(rests, None)) is None or turn.remaining() < CALL_TAKES:
                    return Came(claimed, unknown)
                self.clock.sleep(rest)

    def _release(self, session: Session, turn: Turn) -> Answer:
        """REVOKED: the lock is free, or will be when no delete can land any more [REVOKING 6]."""
        now = self.clock.now()
        released = session.entered(
            Event.REVOKED,
            now,
            turn.seen_by,
            gone_at=now,
            gone_look=turn.seen_by,
            lag_gone=seconds_between(session.over_since, now),
            report_at=now + session.report_after,
            busy_until=None,
            busy_token="",
            alarmed=alarms_heard(session, now),  # of whose end is told now: see note_alarms
            reason="" if session.granted_at and not session.found else session.reason,
            owed=(
                *notifications.still_true(session),
                *notifications.of_the_end(session.with_(alarmed=alarms_heard(session, now))),
            ),
        )
        return Announce(released, self.store.release)
