"""Every write that is only the session's own: now, later, or when it has been waited for."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import ExternalError, Unavailable
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import Session, whole
from chalicelib.operations.trace import trace
from chalicelib.words import refusals
from chalicelib.workflow.answers import Outside, Rest, rest_of
from chalicelib.workflow.changes import next_try, said_slow
from chalicelib.workflow.timing import POLL, rests_for


class Commit:
    """Writes a session with its next look arranged, and sends the wake-up that this takes."""

    def __init__(self, outside: Outside) -> None:
        self.store = outside.store
        self.wakeups = outside.wakeups
        self.clock = outside.clock
        self.log = outside.log

    def write(self, session: Session, now: datetime) -> "Rest | None":
        """Writes the session with its next look arranged, and sends the wake-up that this takes."""
        return self.written(*scheduled(session, now), now)

    def written(self, session: Session, send: bool, now: datetime) -> "Rest | None":
        """Writes the session as it is, its next look arranged already; `send`: with the wake-up."""
        self.store.write(session)
        if send:
            self.wake(session, now)
        return rest_of(session, now, known=session.with_(version=session.version + 1))

    def leave(self, session: Session, now: datetime) -> "Rest | None":
        """Nothing to do for now: sees to the next look, with a write only where that takes one."""
        arranged, send = scheduled(session, now)
        if arranged == session:
            return rest_of(session, now, known=session)
        return self.written(arranged, send, now)

    def poll(self, session: Session, now: datetime, since: datetime | None) -> "Rest | None":
        """What we wait for is in progress: soon at first, then less often; from the answer on."""
        now = max(now, self.clock.now())
        waited = now - since if since else timedelta(0)
        retry_at = whole(now + min(max(POLL, waited / 2), 5 * POLL))
        return self.write(next_try(session, retry_at), now)

    def try_later(
        self, session: Session, now: datetime, error: ExternalError, **changes: Any
    ) -> "Rest | None":
        """The duty stays to be done; the row keeps why, and how often it was tried [A7].

        It rests from when it has failed, not from when it was begun: a call that hangs may take
        longer than the rest, and then nothing would ever be said between two tries.
        """
        now = max(now, self.clock.now())
        said = str(error)
        self.log("warning", "try later", session=session.id, state=session.state, error=said)
        retry_at = now + rests_for(session, error)
        tried = session.with_(tries=session.tries + 1, last_error=said, **changes)
        return self.write(next_try(said_slow(tried), retry_at), now)

    def foreseen(self, session: Session, error: Exception) -> ExternalError:
        """A mistake of ours as a reason that people may read; the log has where it was made."""
        if isinstance(error, ExternalError):
            return error
        kind = type(error).__name__
        facts = {"session": session.id, "error": kind, "trace": trace(error)}
        self.log("error", "a duty failed", metrics={"FailedLooks": 1}, **facts)
        return Unavailable(refusals.our_mistake(kind))

    def wake(self, session: Session, now: datetime) -> None:
        """Sends the wake-up. Where the queue refuses, the sweep looks: `look_at` is written."""
        assert session.wake_at is not None
        after = session.wake_at - now
        if session.wake_at != session.times_out_at:
            after += timedelta(milliseconds=999)  # whole seconds: rather late than for nothing …
        seconds = timedelta(seconds=after // timedelta(seconds=1))  # … but early for a deadline
        self.send(session.id, seconds, session.wake_at)

    def send(
        self, row_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> bool:
        """Whether the queue has taken the wake-up."""
        try:
            self.wakeups.send(row_id, after, at, tried=tried)
        except Unavailable as error:
            self.log("warning", "no wake-up", session=row_id, error=str(error))
            return False
        return True
