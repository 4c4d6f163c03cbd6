"""Acts outside: claimed before, their outcome written after, and settled before anything else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from chalicelib.domain.errors import ExternalError, Stale, Unknown, Unwritable
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.schedule import next_look
from chalicelib.domain.session import CallMark, Session
from chalicelib.workflow.answers import GoOn, Outside, Rest, Turn, Unsaved
from chalicelib.workflow.changes import next_try, said_slow
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.timing import (
    AWS_FORGETS_AFTER,
    CALL_TAKES,
    CLAIM_KEEPS_OTHERS_FOR,
    CLOCK_SKEW,
    NETWORK_DELAY,
    POLL,
    later_by,
    reached,
    rests_for,
)

FREE = {"busy_until": None, "busy_token": ""}
OF_A_STATE = ("tries", "last_error")
NO_CALL = CallStatus("NONE")
T = TypeVar("T")


class Calls:
    """Claims, outcomes, and what became of a call."""

    def __init__(self, outside: Outside, commit: Commit) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.clock = outside.clock
        self.token = outside.token
        self.log = outside.log
        self.commit = commit

    def settled(self, session: Session, call: str, *, deletion: bool = False) -> CallStatus | None:
        """What became of our call; None while it may still land [SETTLE 1]. Raises Unavailable.

        Without a request id we ask for every request in progress, and whose each is [SETTLE 2]. A
        create that is not among them may be on its way until `grant_late_until`; of a delete we
        need not wait for that, since another one does no harm.
        """
        if call in (CallMark.NONE, CallMark.REFUSED, CallMark.DONE):
            return NO_CALL
        asked_at = session.revoke_asked_at if deletion else session.grant_asked_at
        aws, now = self.identity_center, self.clock.now()
        if call == CallMark.UNKNOWN:
            if not deletion and not reached(session.grant_late_until or now, now):
                return None
            since = (asked_at or session.asked_at) - CLOCK_SKEW
            in_progress = aws.deleting if deletion else aws.creating
            return None if in_progress(session.access, since) else NO_CALL
        became = aws.deletion if deletion else aws.creation
        status = became(session.access, call)
        young = not reached(later_by(asked_at, AWS_FORGETS_AFTER), self.clock.now())
        if status.in_progress or (status.unknown and young):
            return None
        return status

    def claim(self, session: Session, turn: Turn, late: str = "", **changes: Any) -> Session | None:
        """Written before the act [A4]. None where there is no time left for it.

        `busy_until`: so long others leave it to us; nothing depends on that but how often a thing
        is asked. `late` names the field that says until when what we ask for may land, should we
        die over it: later than any other worker's clock says, and that is what the rules count on.
        """
        left = turn.remaining()  # before the clock: a pause between them must lengthen the claim
        if left < CALL_TAKES:
            return None
        now = self.clock.now()
        until = now + left + NETWORK_DELAY + CLOCK_SKEW
        if late:
            known = getattr(session, late)
            changes[late] = max(known, until) if known else until
            until = min(until, now + CLAIM_KEEPS_OTHERS_FOR)
        claimed = session.with_(busy_until=until, busy_token=self.token(), **changes)
        self.store.write(claimed.with_(look_at=next_look(claimed, now)))
        return claimed.with_(version=session.version + 1)

    def held(self, claimed: Session, act: "Callable[[], T]") -> "T | Rest | None":
        """The act under that claim. What fails is counted under it, and frees it [A7]: so the
        next try comes in seconds. What the call came to is not known then, and stays so."""
        try:
            return act()
        except (Stale, Unwritable):
            raise
        except Exception as error:
            foreseen, now = self.commit.foreseen(claimed, error), self.clock.now()

            def count(mine: Session) -> "Rest | None":
                overtaken = mine.state is not claimed.state  # whose tries and reason are its own
                if overtaken:
                    return self.commit.write(mine, now)
                return self.commit.try_later(mine, now, foreseen)

            return self.under_claim(claimed, count)

    def under_claim(
        self, claimed: Session, write: "Callable[[Session], Rest | None]"
    ) -> "Rest | None":
        """What came of a duty, though an alarm or news may have been written meanwhile."""
        mine = claimed
        while True:  # each turn means that another has written, and so has got on
            try:
                return write(mine.with_(**FREE))
            except Stale:
                row, _ = self.store.read(claimed.id)
                if row is None or row.busy_token != claimed.busy_token:
                    raise
                mine = row

    def outcome(
        self,
        claimed: Session,
        error: ExternalError | None = None,
        turn: Turn | None = None,
        wait: timedelta = POLL,
        **changes: Any,
    ) -> "Rest | Unsaved | None":
        """What the call came to [A5]; where another has written meanwhile, by our token.

        Without `changes` it is unknown, and stays so. Who has the patience waits under the claim
        until AWS has most likely done it, and then goes on: one write has the request and what
        became of it.
        """
        now = self.clock.now()
        if error is not None:
            changes |= {"tries": claimed.tries + 1, "last_error": str(error)}
            what = "outcome unknown" if isinstance(error, Unknown) else "refused"
            self.log("warning", what, session=claimed.id, error=str(error))
        changes = FREE | changes
        known = claimed.with_(**changes)
        try:
            if turn is not None and turn.patience >= wait:
                if wait:
                    self.clock.sleep(wait)
                turn = replace(turn, patience=turn.patience - wait)
                return Unsaved(claimed, changes, GoOn(known, turn))
            retry_at = now + (rests_for(claimed, error) if error else wait)
            known = said_slow(known) if error else known
            return self.commit.write(next_try(known, retry_at), now)
        except Stale:
            return self.lost(claimed, changes)

    def lost(self, claimed: Session, changes: Mapping[str, Any]) -> Rest:
        """Another has written: what the call came to is written by the claim's token [A5].
        The row is perhaps in another state by now, whose tries and reason are its own."""
        kept = {name: value for name, value in changes.items() if name not in OF_A_STATE}
        self.store.outcome(claimed.id, claimed.busy_token, kept)
        return Rest(self.clock.now())
