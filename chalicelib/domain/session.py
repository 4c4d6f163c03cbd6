"""The values that everything speaks of: glass, access, session; and what a session asks for now.

All are frozen: a change makes a new value. All times are aware, in UTC, whole milliseconds.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from chalicelib.domain.machine import FINAL, ROWS, Event, State, step

DECIDE_WITHIN = timedelta(minutes=5)  # a press that was not decided by then is denied, never late
RESPONSE_URL_LIVES, RESPONSE_URL_USES = timedelta(minutes=30), 5  # Slack's bounds
TAKE_BACK_WITHIN = timedelta(minutes=5)  # what was found; or let go, and try again in an hour
APP = "break-glass"  # what things of ours are called where nobody says otherwise
FOUND = "found"  # the shape of a session that nobody pressed for; see reconcile.py
SESSION_ID = re.compile(r"bg-[0-9a-f]{24}")
LEFT_UNREVIEWED = timedelta(days=30)  # from when a review was due until it is waited for no more
WARN_UNACKNOWLEDGED = timedelta(minutes=2)  # before access ends that nobody has acknowledged


class Prior(StrEnum):
    """Whether there was an assignment before the session's own. Such a one is never taken back."""

    UNKNOWN = ""  # not looked yet
    NONE = "no"  # so what is there is ours
    EXPLAINED = "yes"  # it stood before us, and stays
    UNEXPLAINED = "left"  # perhaps by a session whose row an operator deleted


class CallMark(StrEnum):
    """What a session's row has of a call to Identity Center where it is not the request's id."""

    NONE = ""  # none under way
    UNKNOWN = "?"  # claimed, and what came of it not recorded: it may land yet
    REFUSED = "refused"  # for good
    DONE = "done"  # there is nothing left to take back


@dataclass(frozen=True, slots=True)
class Access:
    """What is given and taken back: a permission set, on an account, to a principal (a user)."""

    account_id: str
    permission_set_arn: str
    principal_id: str

    @property
    def key(self) -> str:
        """The access as one text: the lock's id has it."""
        return f"{self.account_id}/{self.permission_set_arn}/{self.principal_id}"


@dataclass(frozen=True, slots=True)
class Lock:
    """Which session holds an access; none, where the row does not say. Over, but not free before
    `free_at`: until then a delete of it may still land, and would take the next one's access."""

    holder: str
    free_at: datetime | None = None


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
class Session:
    """One breaking of a glass, from the press to the closed report.

    What is given, for how long and who hears of it is copied in when it is allowed, so a deployment
    changes no session in flight. Who may ask what of it is held against the settings each time.
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
    why: str = ""  # what the person wrote: a reason, a ticket
    chosen: str = ""  # how long they want it, as the select has it: the glass decides

    # Who it is.
    person: str = ""  # the index key: the e-mail, or the Slack user while that is all we know
    email: str = ""
    name: str = ""
    user_name: str = ""
    principal_id: str = ""
    let_in_by: str = ""  # the list of who is on call that did, and as of when it was

    # What is given.
    account_id: str = ""
    account_name: str = ""
    permission_set: str = ""  # its name
    permission_set_arn: str = ""
    duration: timedelta = timedelta(0)
    tail: timedelta = timedelta(0)  # the permission set's session duration
    extend: timedelta = timedelta(0)
    extend_to: timedelta = timedelta(0)  # since it was allowed; nothing: *Extend* works once

    # The other pair of eyes.
    may_approve: str = ""  # who may approve or acknowledge, in words
    approve_until: datetime | None = None  # then it is denied
    approved_at: datetime | None = None
    approved_by: str = ""  # e-mail, as are the others …
    approved_by_user: str = ""  # … and the same in Slack
    declined_by: str = ""
    may_bypass: str = ""  # “yes”: the person may go in without approval …
    bypassed_at: datetime | None = None  # … and has
    acknowledge: timedelta = timedelta(0)  # how long access lasts until another acknowledges it
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_by_user: str = ""
    review: timedelta = timedelta(0)  # how long another has to review it; nothing: none is owed
    may_review: str = ""  # who may, in words
    review_until: datetime | None = None  # then it is overdue
    reviewed_at: datetime | None = None
    reviewed_by: str = ""  # e-mail; by the command, the AWS identity
    reviewed_by_user: str = ""  # the same in Slack
    reviewed_as: str = ""  # “as expected” | “follow up”
    review_note: str = ""

    # Who hears of it.
    report_to: tuple[str, ...] = ()
    report_after: timedelta = timedelta(0)
    channel: str = ""  # the glass's channel
    card_ts: str = ""  # our message there; its thread takes the rest
    report_ts: str = ""  # of the latest report's message
    mine_channel: str = ""  # the person's own card: the direct message that it is in …
    mine_ts: str = ""  # … and its ts
    warning_ts: str = ""  # of the warning in its thread, while that one's buttons work
    alarm_ts: str = ""  # of the alarm posted last, while what it says is to be put right
    mine_said: int = 0  # a digest of what the person's card says …
    card_said: int = 0  # … and of the channel's: the same is not written again
    portal: str = ""  # the AWS access portal's address, for links
    region: str = ""  # of Identity Center
    warn_before: timedelta = timedelta(0)  # how long before the end the person is warned
    warned_for: datetime | None = None  # the deadline that the person was last warned of
    tell_to: str = ""  # who hears of the grant: the glass's
    owed: tuple[str, ...] = ()  # notifications not yet told, oldest first; see notifications.py
    tell_at: datetime | None = None  # not before this, after a failed try
    tell_tries: int = 0
    tell_token: str = ""  # of who is just saying it, until `tell_at`
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
    standing: str = Prior.UNKNOWN  # what stood before: a Prior
    orphan_at: datetime | None = None  # when a lock was first in the way whose session has no row
    busy_until: datetime | None = None  # somebody is at it: others leave the duty to them
    busy_token: str = ""
    grant_late_until: datetime | None = None  # a create of ours may land until then
    revoke_late_until: datetime | None = None  # a delete of ours may land until then
    grant_call: str = CallMark.NONE  # a CallMark, or the request's id
    revoke_call: str = CallMark.NONE  # the same
    tries: int = 0  # of the duty at hand
    last_error: str = ""  # of the duty at hand
    tell_error: str = ""  # why something could not be told
    reached: str = ""  # of mails sent to each alone, how many have them: "report 3 alarm_mail 2"
    alarmed: tuple[str, ...] = ()  # which alarms of the duty at hand (SETTLING: before) were told

    extended: int = 0  # how often
    extended_by: str = ""  # e-mail of whoever was the last to extend it
    extended_by_user: str = ""  # the same in Slack
    extended_at: datetime | None = None  # and when

    # The time of every step: the receipt.
    allowed_at: datetime | None = None
    grant_asked_at: datetime | None = None
    granted_at: datetime | None = None
    listed_at: datetime | None = None  # when a listing first showed what we gave
    ended_at: datetime | None = None
    ended_how: str = ""  # expired | ended | lease gone | grant failed
    ended_by: str = ""  # e-mail or Slack user, where a person ended it
    ended_by_user: str = ""  # the same in Slack
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
        """What the session gives, and takes back."""
        return Access(self.account_id, self.permission_set_arn, self.principal_id)

    @property
    def final(self) -> bool:
        """Whether nothing leads on from its state."""
        return self.state in FINAL

    @property
    def live(self) -> bool:
        """Whether the session holds its lock."""
        return ROWS[self.state].locks

    @property
    def by_access(self) -> bool:
        """Whether it is found by its access: it holds the lock, or waits for another's approval."""
        return self.live or self.state is State.APPROVING

    @property
    def found(self) -> bool:
        """Whether it only takes back what stood without a session, and never grants."""
        return self.shape == FOUND

    @property
    def stands(self) -> bool:
        """Whether there was an assignment before, which was left alone.

        One that is unexplained may be that of a session whose row an operator has deleted. Nobody
        accounts for it, so it is reconciliation's to say or to take back.
        """
        return self.standing in (Prior.EXPLAINED, Prior.UNEXPLAINED)

    @property
    def times_out_at(self) -> datetime | None:
        """When the passing of time alone moves the session on."""
        return self._time(ROWS[self.state].until)

    @property
    def overdue_since(self) -> datetime | None:
        """When the state should have been left; None where that is never made known.

        Access that should be over is made known in whatever state it is, should nobody be able to
        write that it is.
        """
        return self._time(ROWS[self.state].overdue_since)

    def _time(self, name: str) -> datetime | None:
        time: datetime | None = getattr(self, name) if name else None
        return time

    @property
    def unacknowledged(self) -> bool:
        """Whether access ends early unless another person acknowledges it by the deadline."""
        return bool(self.acknowledge) and self.acknowledged_at is None

    @property
    def never_reviewed_at(self) -> datetime | None:
        """When nobody waits any more for a review that is overdue."""
        return self.review_until + LEFT_UNREVIEWED if self.review_until else None

    @property
    def warns(self) -> timedelta:
        """How long before the deadline at hand it is said that access will end."""
        soon = min(WARN_UNACKNOWLEDGED, self.acknowledge / 2)
        return soon if self.unacknowledged else self.warn_before

    @property
    def warns_at(self) -> datetime | None:
        """When the person is to be warned that access will end; None: not, or not any more."""
        told = self.warned_for == self.deadline or not self.warns or self.stands
        if told or self.state is not State.ACTIVE or self.deadline is None:
            return None
        at = self.deadline - self.warns
        return at if self.granted_at is None or at > self.granted_at else None

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

    def reached_by(self, mail: str) -> int:
        """How many of `report_to`, the first ones, have that mail, which others are yet to get."""
        number = self._reached.get(mail, "")
        return int(number) if number.isdecimal() else 0

    def reaching(self, mail: str, number: int) -> Self:
        """The session whose mail has reached so many; 0: all of them, or a new one is begun."""
        numbers = self._reached | {mail: f"{number}"}
        kept = (f"{name} {each}" for name, each in numbers.items() if each != "0")
        return replace(self, reached=" ".join(kept))

    @property
    def _reached(self) -> dict[str, str]:
        words = self.reached.split()
        return dict(zip(words[::2], words[1::2], strict=False))

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def entered(self, event: Event, now: datetime, seen_by: str = "", **changes: Any) -> Self:
        """The session after `event`: its new state, a fresh duty, one more step in its story."""
        state = step(self.state, event)
        said = f"{iso(now)} {state} {event}" + (f" ({seen_by})" if seen_by else "")
        fresh: dict[str, Any] = {
            "state": state,
            "steps": (*self.steps, said),
            "tries": 0,
            "last_error": "",
            "alarms": 0,
            "alarmed": (),
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


def iso(moment: datetime) -> str:
    """`2026-11-22T15:04:05.123Z`: sorts as time does, and reads well."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The moment that iso() has written."""
    return datetime.fromisoformat(text)


def whole(moment: datetime) -> datetime:
    """The moment in whole milliseconds, as rows keep it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
