"""The values that everything speaks of: glass, access, session; and what a session asks for now.

All are frozen: a change makes a new value. All times are aware, in UTC, whole milliseconds.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from chalicelib.machine import DUTIES, FINAL, LIVE, OPEN, TIMEOUTS, Duty, Event, State, step

DECIDE_WITHIN = timedelta(minutes=5)  # a press that was not decided by then is denied, never late
SLIP = timedelta(minutes=1)  # a wake-up that much late is lost: the sweep looks, and sends another
EARLY = timedelta(milliseconds=1250)  # a deadline's message comes up to a second before it
RESPONSE_URL_LIVES = timedelta(minutes=30)  # Slack's bound; it also takes five posts at the most
RESPONSE_URL_USES = 5
FOUND = "found"  # the shape of a session that nobody pressed for; see reconcile.py
ESCALATE = tuple(timedelta(minutes=m) for m in (2, 5, 15))  # then every 15 minutes, for ever


@dataclass(frozen=True, slots=True)
class Access:
    """What is given and taken back: a permission set, on an account, to a principal (a user)."""

    account_id: str
    permission_set_arn: str
    principal_id: str

    @property
    def key(self) -> str:
        return f"{self.account_id}/{self.permission_set_arn}/{self.principal_id}"


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """A permission set as IAM Identity Center describes it.

    `session_duration` is how long credentials live that were issued under it, whatever becomes of
    the assignment meanwhile.
    """

    arn: str
    name: str
    session_duration: timedelta


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the Identity Center directory."""

    principal_id: str
    user_name: str
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """A named door that may be broken; one `[glass.NAME]` table of glasses.toml."""

    name: str
    account_id: str
    permission_set: str  # its name, or its ARN
    duration: timedelta
    may: tuple[str, ...]  # e-mails, "group:NAME", or "everyone"
    report_to: tuple[str, ...]
    channel: str = ""  # Slack channel id; empty: nobody but the person is told
    account_name: str = ""
    report_after: timedelta = timedelta(minutes=15)
    extend: timedelta | None = None  # by how much *Extend* moves the deadline; None: no extending

    @property
    def groups(self) -> tuple[str, ...]:
        """The Identity Center groups whose members may break this glass."""
        return tuple(who.removeprefix("group:") for who in self.may if who.startswith("group:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One breaking of a glass, from the press to the closed report.

    What is given, for how long and who hears of it is copied in when it is allowed; after that
    nothing is read from glasses.toml, so a deployment cannot change a session in flight.
    """

    id: str
    glass: str  # its name as pressed; empty while only account and permission set are known
    asked_at: datetime
    state: State = State.REQUESTED
    version: int = 0  # of the row; every write is conditional on it and raises it by one
    reason: str = ""  # why it was denied, or why access never came

    # Where the press came from.
    slack_user: str = ""
    slack_user_name: str = ""
    slack_team: str = ""
    slack_channel: str = ""
    slack_message: str = ""  # the message's ts
    shape: str = ""  # block_actions | interactive_message | found
    response_url: str = ""
    response_uses: int = 0

    # Who it is.
    person: str = ""  # the index key: the e-mail, or the Slack user while that is all we know
    email: str = ""
    name: str = ""
    user_name: str = ""
    principal_id: str = ""

    # What is given.
    account_id: str = ""
    account_name: str = ""
    permission_set: str = ""  # its name
    permission_set_arn: str = ""
    duration: timedelta = timedelta(0)
    tail: timedelta = timedelta(0)  # the permission set's session duration
    extend: timedelta = timedelta(0)

    # Who hears of it.
    report_to: tuple[str, ...] = ()
    report_after: timedelta = timedelta(0)
    channel: str = ""  # the glass's channel
    card_ts: str = ""  # our message there; its thread takes the rest
    owed: tuple[str, ...] = ()  # news not yet told, oldest first; see messages.NEWS
    tell_at: datetime | None = None  # not before this, after a failed try
    tell_tries: int = 0
    alarms: int = 0  # how often an unfinished duty was made known

    # When to do what.
    wait_until: datetime | None = None
    deadline: datetime | None = None
    report_at: datetime | None = None
    conclude_at: datetime | None = None
    retry_at: datetime | None = None  # the duty rests until then
    look_at: datetime | None = None  # the sweep looks then; absent only when nothing is left to do
    wake_at: datetime | None = None  # when the last wake-up message sent comes

    # The protocol's own fields; docs/protocol.md has the rules.
    standing: str = ""  # "" not looked yet | "no" | "yes": it stood before us and stays | "left"
    orphan_at: datetime | None = None  # when a door was first in the way whose session has no row
    busy_until: datetime | None = None
    busy_token: str = ""
    grant_call: str = ""  # "" none under way | "?" unknown | request id | "refused" for good
    revoke_call: str = ""  # "" none under way | "?" unknown | request id | "done": nothing there
    tries: int = 0  # of the duty at hand
    last_error: str = ""

    # Wishes, recorded by the route and decided by the worker.
    end_askers: tuple[str, ...] = ()  # Slack users, in the order in which they asked
    end_asked_at: datetime | None = None
    extend_askers: tuple[str, ...] = ()
    extend_asked_at: datetime | None = None
    extended: int = 0

    # The time of every step: the receipt.
    allowed_at: datetime | None = None
    grant_asked_at: datetime | None = None
    granted_at: datetime | None = None
    ended_at: datetime | None = None
    ended_how: str = ""  # expired | ended | lease gone | grant failed
    ended_by: str = ""  # e-mail or Slack user, where a person ended it
    ended_look: str = ""  # queue | sweep | stream: whose look found the end
    revoke_first_asked_at: datetime | None = None
    revoke_asked_at: datetime | None = None  # the latest delete
    revoke_look: str = ""  # whose look asked the first delete
    revoke_succeeded_at: datetime | None = None
    gone_at: datetime | None = None  # the read-back no longer showed the assignment
    gone_look: str = ""
    lag_asked: float | None = None  # seconds from the deadline (or the end) to the first delete
    lag_gone: float | None = None  # seconds from the deadline (or the end) to the read-back
    reported_at: datetime | None = None
    concluded_at: datetime | None = None
    report_final: str = ""  # "" | "first" (nothing came after it) | "second"
    denied_at: datetime | None = None
    steps: tuple[str, ...] = ()  # "2026-11-22T15:04:05.000Z ACTIVE granted (queue)"

    # What the report has found so far, so that a second one can say what is new.
    trail_query: str = ""
    trail_query_at: datetime | None = None
    report_events: int = 0
    report_digest: str = ""
    summary: tuple[str, ...] = ()  # the report's sentence and its worthiest lines

    @property
    def access(self) -> Access:
        return Access(self.account_id, self.permission_set_arn, self.principal_id)

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def live(self) -> bool:
        """Whether the session holds its door."""
        return self.state in LIVE

    @property
    def found(self) -> bool:
        """Whether it only takes back what stood without a session, and never grants."""
        return self.shape == FOUND

    @property
    def stands(self) -> bool:
        """Whether there was an assignment before, which was left alone.

        One that was “left” may be that of a session whose row a hand has deleted. Nobody accounts
        for it, so it is reconciliation's to say or to take back.
        """
        return self.standing in ("yes", "left")

    @property
    def times_out_at(self) -> datetime | None:
        """When the passing of time alone moves the session on."""
        return {
            State.REQUESTED: self.wait_until,
            State.GRANTING: self.deadline,
            State.ACTIVE: self.deadline,
            State.SETTLING: self.report_at,
            State.TAILING: self.conclude_at,
        }.get(self.state)

    @property
    def over_since(self) -> datetime | None:
        """The moment at which access should have ended: the deadline, or an earlier end."""
        times = [t for t in (self.deadline, self.ended_at) if t is not None]
        return min(times, default=None)

    @property
    def credentials_until(self) -> datetime | None:
        """The latest moment at which credentials issued during the session can still live."""
        end = self.gone_at or self.revoke_asked_at or self.deadline
        return end + self.tail if end else None

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def entered(self, event: Event, now: datetime, look: str = "", **changes: Any) -> Self:
        """The session after `event`: its new state, a fresh duty, one more step in its story."""
        state = step(self.state, event)
        said = f"{iso(now)} {state} {event}" + (f" ({look})" if look else "")
        fresh: dict[str, Any] = {
            "state": state,
            "steps": (*self.steps, said),
            "tries": 0,
            "alarms": 0,
            "retry_at": None,
        }
        return replace(self, **(fresh | changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An assignment that no session accounts for, as reconciliation remembers it.

    `standing`: it is to stay, because a person accepted it by name or because a session saw it
    standing before it began. Everything else was found, and is said until nothing is owed.
    """

    access: Access
    found_at: datetime
    glass: str
    email: str = ""
    name: str = ""
    account_name: str = ""
    permission_set: str = ""
    standing: bool = False
    accepted_by: str = ""
    session_id: str = ""  # the session that saw it standing
    gone_at: datetime | None = None  # it is not there any more; should it come back, it is new
    owed: tuple[str, ...] = ()  # whom it is still to be said to: channel | mail
    version: int = 0

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)


def asks(session: Session, leased: bool, now: datetime) -> Event | Duty | None:
    """What the session's rows ask for at `now`: an event to write, a duty to do, or nothing.

    `leased` says whether the session's lease stands. A missing lease ends access; a lease that
    stands proves nothing. Events may be written under another's claim, duties may not.
    """
    due = session.times_out_at
    if due is not None and now >= due:
        return TIMEOUTS[session.state]
    if session.state in OPEN and not leased:
        return Event.LEASE_GONE
    if busy(session, now) or (session.retry_at is not None and now < session.retry_at):
        return None
    return DUTIES.get(session.state)


def busy(session: Session, now: datetime) -> bool:
    """Whether a worker that may still be acting outside holds the session."""
    return session.busy_until is not None and now < session.busy_until


def overdue_since(session: Session) -> datetime | None:
    """When the duty at hand should have been done; None where none is ever made known."""
    return {
        State.REVOKING: session.over_since,
        State.REPORTING: session.report_at,
        State.CONCLUDING: session.conclude_at,
    }.get(session.state)


def escalates_at(session: Session) -> datetime | None:
    """When the unfinished revoke or report is next made known, louder each time."""
    start = overdue_since(session)
    if start is None:
        return None
    beyond = session.alarms - len(ESCALATE) + 1
    return start + (ESCALATE[-1] * (1 + beyond) if beyond > 0 else ESCALATE[session.alarms])


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
    if not session.live and want > now + SLIP:  # nobody waits: the sweep will do
        return replace(session, look_at=want, wake_at=None), False
    wake_at = session.wake_at
    under_way = wake_at is not None and (
        wake_at == want or now + EARLY < wake_at < want  # else it may be this one
    )
    if wake_at is None or not under_way:
        wake_at = want
    look_at = min(want, wake_at + SLIP) if session.state in OPEN else want
    return replace(session, look_at=look_at, wake_at=wake_at), not under_way


def next_look(session: Session, now: datetime) -> datetime | None:
    """The next moment at which the session can ask for something; None: never again."""
    free = session.busy_until if session.busy_until and busy(session, now) else now
    times: list[datetime] = []
    if session.owed:
        times.append(max(session.tell_at or now, free))
    if not session.final:
        if session.times_out_at:  # an event may be written under another's claim
            times.append(session.times_out_at)
        if escalates := escalates_at(session):
            times.append(max(escalates, free))
        if wished(session):
            times.append(session.retry_at or now)
        if session.state in DUTIES:
            times.append(max(session.retry_at or now, free))
    return max(min(times), now) if times else None


def wished(session: Session) -> bool:
    """Whether somebody has asked to end or to extend it, and nobody has decided yet."""
    return session.state in OPEN and bool(session.end_asked_at or session.extend_asked_at)


def iso(moment: datetime) -> str:
    """`2026-11-22T15:04:05.123Z`: sorts as time does, and reads well."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def whole(moment: datetime) -> datetime:
    """The moment in whole milliseconds, as rows keep it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
