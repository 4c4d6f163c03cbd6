"""What a session's rows ask for now, and when it is to be looked at next. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.machine import ROWS, Duty, Event, State
from chalicelib.domain.session import Session, whole

ALARM_AFTER = tuple(timedelta(minutes=m) for m in (2, 5, 15))  # then every 15 minutes, for ever
RARER = (*ALARM_AFTER, *(timedelta(hours=h) for h in (1, 2, 4, 8, 16)))  # of a report; then daily
_DAY = timedelta(days=1)
UNREVIEWED = tuple(_DAY * days for days in (0, 1, 3, 7, 14, 21, 28))  # after it was due; no more
WAKE_UP_LOST_AFTER = timedelta(
    minutes=1
)  # a wake-up that much late is lost: the sweep looks, and sends another
EARLY = timedelta(milliseconds=1250)  # a deadline's message comes up to a second before it


def what_is_due(session: Session, leased: bool, now: datetime) -> Event | Duty | None:
    """What the session's rows ask for at `now`: an event to write, a duty to do, or nothing.

    `leased` says whether the session's lease stands. A missing lease ends access; a lease that
    stands proves nothing. Events may be written under another's claim, duties may not [A3].
    """
    due = session.times_out_at
    if due is not None and now >= due:  # [REQUESTED 1] [GRANTING 1]
        return ROWS[session.state].then
    if ROWS[session.state].open and not leased:
        return Event.LEASE_GONE
    if busy(session, now) or (session.retry_at is not None and now < session.retry_at):
        return None
    return ROWS[session.state].duty


def busy(session: Session, now: datetime) -> bool:
    """Whether a worker that may still be acting outside holds the session."""
    return session.busy_until is not None and now < session.busy_until


def escalates_at(session: Session) -> datetime | None:
    """When what is unfinished is next made known: of access louder each time, and without end.

    Of a report, which endangers nobody, ever more seldom: whoever has heard of it need not hear of
    it all night.
    """
    start = session.overdue_since
    if start is None:
        return None
    if session.state is State.REVIEWING:
        return _reminds_at(session, start)
    if not session.live:
        beyond = session.alarms - len(RARER) + 1
        return start + (RARER[-1] + _DAY * beyond if beyond > 0 else RARER[session.alarms])
    beyond = session.alarms - len(ALARM_AFTER) + 1
    return start + (ALARM_AFTER[-1] * (1 + beyond) if beyond > 0 else ALARM_AFTER[session.alarms])


def _reminds_at(session: Session, due: datetime) -> datetime | None:
    """Of a review: at half the time, when it is due, then ever more seldom; in the end no more."""
    if not session.alarms:
        return whole(due - session.review / 2)
    later = UNREVIEWED[session.alarms - 1 : session.alarms]
    return due + later[0] if later else None


def scheduled(session: Session, now: datetime) -> tuple[Session, bool]:
    """The session with its next look arranged, and whether that takes a wake-up message.

    `look_at` is the sweep's, `wake_at` the queue's. Only the write that moves `wake_at` sends a
    message; so however many looks a session gets, one message at a time is under way for it. While
    access is open the sweep also looks where a message has not come. Where the next look is now,
    the worker at hand goes on by itself and needs none. Once access is over nobody waits: what is
    more than a minute off is the sweep's, which is a minute late at most.
    """
    want = next_look(session, now)
    if want is None:
        # nothing left to do or to say: the log keeps no address that can still be posted to
        return replace(session, look_at=None, wake_at=None, response_url=""), False
    if want <= now:
        return replace(session, look_at=now), False
    if not session.live and want > now + WAKE_UP_LOST_AFTER:  # nobody waits: the sweep will do
        return replace(session, look_at=want, wake_at=None), False
    wake_at = session.wake_at
    under_way = wake_at is not None and (
        wake_at == want or now + EARLY < wake_at < want  # else it may be this one
    )
    if wake_at is None or not under_way:
        wake_at = want
    look_at = min(want, wake_at + WAKE_UP_LOST_AFTER) if ROWS[session.state].open else want
    return replace(session, look_at=look_at, wake_at=wake_at), not under_way


def next_look(session: Session, now: datetime) -> datetime | None:
    """The next moment at which the session can ask for something; None: never again."""
    free = session.busy_until if session.busy_until and busy(session, now) else now
    times: list[datetime] = []
    if session.owed:
        times.append(session.tell_at or now)
    if not session.final:  # an event and an alarm may be written under another's claim
        if session.times_out_at:
            times.append(session.times_out_at)
        if escalates := escalates_at(session):
            times.append(escalates)
        if (
            session.warns_at and session.warns <= 2 * WAKE_UP_LOST_AFTER
        ):  # else the sweep sees it by itself
            times.append(session.warns_at)
        if ROWS[session.state].duty:
            times.append(max(session.retry_at or now, free))
    return max(min(times), now) if times else None
