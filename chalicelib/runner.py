"""advance(): the only way a session moves. Read its rows, decide, claim, do, write; again.

The rules are those of docs/protocol.md and are numbered as there (A1 … A5). Each look starts from
the rows alone, so it does not matter who looks, how often, how late, or who died half-way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from chalicelib import messages, policy
from chalicelib.machine import DUTIES, Duty, Event, State
from chalicelib.ports import (
    Call,
    Chat,
    Clock,
    Directory,
    DoorTaken,
    Gone,
    IdentityCenter,
    Journal,
    Mail,
    Post,
    Refused,
    Reports,
    Stale,
    Store,
    Trail,
    Trouble,
    Unavailable,
    Unknown,
    WakeUps,
)
from chalicelib.session import (
    RESPONSE_URL_LIVES,
    RESPONSE_URL_USES,
    Glass,
    PermissionSet,
    Session,
    asks,
    busy,
    escalates_at,
    next_look,
    overdue_since,
    scheduled,
    whole,
    wished,
)

UNKNOWN = "?"  # of a call: claimed, and what came of it not recorded
REFUSED = "refused"
DONE = "done"

CALL_TAKES = timedelta(seconds=8)  # the longest that a create or delete takes, all in all
LONGEST_CLAIM = timedelta(seconds=70)  # no claim stands longer: see _claim, and the timeouts
NETWORK = timedelta(seconds=3)  # what was sent before a worker died may still arrive
SKEW = timedelta(seconds=2)  # between any two workers' clocks
HASTE = SKEW + timedelta(seconds=1)  # so close to a deadline a worker waits for it in place
LISTING_LAG = timedelta(seconds=20)  # how long a listing may hide what has succeeded
QUERY_TAKES = timedelta(minutes=2)  # then the trail is asked anew
SAYING = timedelta(seconds=20)  # how long it may take to say what has just happened
TELLS_FOR = 100  # tries, about a day
EXTENSIONS = 1
FORGETS = timedelta(minutes=10)  # what AWS cannot describe by then it has forgotten, not delayed
POLL = timedelta(seconds=1)
SEARCH = timedelta(seconds=3)  # what a query of the trail takes at the least; nobody waits for it
HURRY, HURRIES = timedelta(seconds=5), 20  # the longest rest of a revoke's first so many tries
SLOW = 3  # tries, after which the person hears that it takes long
NO_CALL = Call("NONE")
STEPS = 100  # of one look; never reached, unless something moves in a circle


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a session: from which side, and how long the worker at hand may still live.

    For `patience` in all it waits in place for what is due, while access may be open: the queue's
    side for a first poll, and longer the stream's, which may be alone.
    """

    side: str  # queue | sweep | stream
    remaining: Callable[[], timedelta]
    patience: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the runner needs from outside."""

    store: Store
    identity_center: IdentityCenter
    directory: Directory
    chat: Chat
    trail: Trail
    post: Post
    wakeups: WakeUps
    clock: Clock
    journal: Journal
    token: Callable[[], str]  # a fresh claim's
    reports: Reports


@dataclass(frozen=True, slots=True)
class Glasses:
    """What the runner reads of the settings, at the moment of deciding only."""

    by_name: dict[str, Glass]
    people: dict[str, str]  # Slack user id → e-mail


class Runner:
    """Moves sessions. `advance` may be called for any session, at any time, any number of times."""

    def __init__(self, outside: Outside, glasses: Glasses) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.directory = outside.directory
        self.chat = outside.chat
        self.trail = outside.trail
        self.post = outside.post
        self.wakeups = outside.wakeups
        self.clock = outside.clock
        self.journal = outside.journal
        self.token = outside.token
        self.reports = outside.reports
        self.glasses = glasses
        self._duties = {
            Duty.DECIDE: self._decide,
            Duty.GRANT: self._grant,
            Duty.REVOKE: self._revoke,
            Duty.REPORT: self._report,
            Duty.CONCLUDE: self._report,
        }

    def advance(self, session_id: str, look: Look) -> "Rest | None":
        """Does what the session asks for, step by step, until there is nothing but to wait.

        Returns when to look again, or None for never.
        """
        known: Session | None = None
        for _ in range(STEPS):
            rest = self.step(session_id, look, known)
            if rest is None:
                return None
            known = rest.known
            wait = rest.until - self.clock.now()
            if wait <= timedelta(0):
                if look.remaining() < CALL_TAKES:
                    return rest  # look_at has come already, so the sweep goes on from here
                continue
            if wait <= HASTE and rest.exact:
                self.clock.sleep(wait)
                continue
            if wait <= look.patience and rest.urgent:
                self.clock.sleep(wait)
                known = None  # somebody else may have come meanwhile
                look = replace(look, patience=look.patience - wait)
                continue
            return rest
        self.journal("error", "a session moves in a circle", session=session_id)
        return None

    def step(self, session_id: str, look: Look, known: Session | None = None) -> "Rest | None":
        """One turn: read, decide, act, write. When to look again, or None for never.

        `known`: the row as this look has just read or written it, its lease standing. Should
        anybody else have written since, our next write is Stale, and we read.
        """
        try:
            session, leased = (known, True) if known else self.store.read(session_id)  # A1
            if session is None:
                return None
            now = self.clock.now()
            ask = asks(session, leased, now)
            if isinstance(ask, Event):
                return self._happened(session, ask, now, look)
            if wished(session) and not _resting(session, now):
                return self._decide_wish(session, now, look)
            if busy(session, now):  # A3: whoever holds it says what came of it
                return _rest(session, now)
            if ask is not None:
                return self._duties[ask](session, now, look)
            if _reached(escalates_at(session), now):
                return self._escalate(session, now)
            if session.owed and not _reached(session.tell_at or now, now):
                return _rest(session, now)  # somebody is just saying it, or has arranged when to
            if session.owed:
                return self._tell(session, now)
            return self._leave(session, now)
        except Stale:  # A2: drop everything
            return Rest(self.clock.now())

    # What time and the lease bring ----------------------------------------------------------------

    def _happened(
        self,
        session: Session,
        event: Event,
        now: datetime,
        look: Look,
        *,
        claimed: bool = False,
        **changes: Any,
    ) -> "Rest | None":
        """An event; what goes with it is said in one place, here.

        The duty that it brings is begun at once, and its first write has both. Where that duty
        waits for somebody else's claim, or there is something to say, the event is written alone;
        what is said under a claim of ours is said first, for nobody else says it meanwhile.
        """
        match event:
            case Event.EXPIRED | Event.ENDED | Event.LEASE_GONE | Event.GRANT_FAILED:
                changes = {
                    "ended_at": now,
                    "ended_how": str(event),
                    "ended_look": look.side,
                    "revoke_call": "",
                } | changes
            case Event.WAITED_TOO_LONG:
                why = "It could not be decided in time, so no access will come."
                changes = {"reason": why, "denied_at": now, "owed": ("denied",)} | changes
        happened = session.entered(event, now, look.side, **changes)
        if "owed" in changes:
            return (self._tell if claimed else self._announce)(happened, now)
        duty = DUTIES.get(happened.state)
        if duty is None or busy(happened, now):
            return self._write(happened, now)
        return self._duties[duty](happened, now, look)

    # REQUESTED ------------------------------------------------------------------------------------

    def _decide(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Who this is, whether they may; then session, door and lease in one write.

        Safe to repeat: nothing outside is touched, and the write needs the version and the door.
        """
        try:
            session, refusal = self._known(session)
            if refusal is not None:
                return self._deny(session, refusal, now, look)
        except Trouble as trouble:
            return self._try_later(session, now, str(trouble))
        now = self.clock.now()  # the deadline counts from here, not from before the look-ups
        if _reached(session.wait_until, now):
            return Rest(now)
        allowed = session.entered(
            Event.ALLOWED, now, look.side, allowed_at=now, deadline=now + session.duration
        )
        allowed, _ = scheduled(allowed, now)
        try:
            try:
                self.store.allow(allowed)
            except DoorTaken:
                return self._turn_away(session, now, look)
        except Unavailable as trouble:
            return self._try_later(session, now, str(trouble))
        return self._grant(allowed.with_(version=session.version + 1), now, look)

    def _turn_away(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Another session holds the door: denied while it is open, else let in when it is free.

        Raises Unavailable.
        """
        holder_id = self.store.holder(session.access)
        if holder_id is None:  # free by now
            return Rest(now)
        holder, _ = self.store.read(holder_id)
        if holder is None:
            return self._orphaned(session, holder_id, now)
        if not holder.live:  # mended: nobody is behind this door
            self.journal("warning", "a door without a session", door=session.access.key)
            self.store.free(session.access, holder_id)
            return Rest(now)
        over = holder.state is State.REVOKING or _reached(holder.deadline, now)
        if over or holder.found:  # free in seconds
            return self._try_later(session, now, "the access is just being taken back")
        return self._deny(session, messages.already_open(holder), now, look)

    def _orphaned(self, session: Session, holder_id: str, now: datetime) -> "Rest | None":
        """A hand has deleted the row of the session that holds the door: nobody tells any more
        what it has asked for. The door is free when nothing of that can land. Raises Unavailable.
        """
        text = "a session that was deleted may still be at it"
        if session.orphan_at is None:  # from here on nobody can claim that session
            return self._try_later(session, now, text, orphan_at=now)
        aws, since = self.identity_center, now - FORGETS
        claimed = not _reached(session.orphan_at + LONGEST_CLAIM, now)
        if claimed or aws.creating(session.access, since) or aws.deleting(session.access, since):
            return self._try_later(session, now, text)
        self.journal("warning", "a door whose session is gone", door=session.access.key)
        self.store.free(session.access, holder_id)
        return Rest(now)

    def _known(self, session: Session) -> tuple[Session, str | None]:
        """The session with who and what it is about, and why it is refused. Raises Trouble.

        A refused one keeps what is known by then: the log finds it by the person's e-mail.
        """
        found = self._glass(session)
        if found is None:
            return session, messages.no_such_glass(session)
        glass, permission_set = found
        email = self._email(session.slack_user)
        if email is None:
            return session, messages.no_email(session)
        session = session.with_(glass=glass.name, email=email, person=email)
        person = self.directory.person(email)
        if person is None:
            return session, messages.no_person(session)
        if permission_set is None:
            return session, messages.no_permission_set(glass)
        session = session.with_(
            name=person.name,
            user_name=person.user_name,
            principal_id=person.principal_id,
            account_id=glass.account_id,
            account_name=glass.account_name,
            permission_set=permission_set.name,
            permission_set_arn=permission_set.arn,
            duration=glass.duration,
            tail=permission_set.session_duration,
            extend=glass.extend or timedelta(0),
            report_to=glass.report_to,
            report_after=glass.report_after,
            channel=glass.channel,
        )
        return session, self._refusal(glass, email, person.principal_id)

    def _glass(self, session: Session) -> tuple[Glass, PermissionSet | None] | None:
        """The glass that was pressed; by account and permission set where no name was given."""
        if session.glass:
            glass = self.glasses.by_name.get(session.glass)
            if glass is None:
                return None
            return glass, self.identity_center.permission_set(glass.permission_set)
        for glass in self.glasses.by_name.values():
            if glass.account_id == session.account_id:
                found = self.identity_center.permission_set(glass.permission_set)
                if found is not None and found.arn == session.permission_set_arn:
                    return glass, found
        return None

    def _email(self, slack_user: str) -> str | None:
        return self.glasses.people.get(slack_user) or self.chat.email(slack_user)

    def _refusal(self, glass: Glass, email: str, principal_id: str) -> str | None:
        groups: frozenset[str] = frozenset()
        if glass.groups and not policy.named(glass, email):
            groups = self.directory.groups_of(principal_id, glass.groups)
        return policy.refusal(glass, email, groups)

    def _deny(self, session: Session, reason: str, now: datetime, look: Look) -> "Rest | None":
        return self._happened(
            session, Event.REFUSED, now, look, reason=reason, denied_at=now, owed=("denied",)
        )

    # GRANTING -------------------------------------------------------------------------------------

    def _grant(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Asks for the assignment, once it is sure that it is ours to ask for.

        Safe to repeat: whether it stood before us is observed once, and nothing is asked again
        while an earlier call may still land.
        """
        try:
            if session.standing == "":
                if self._another_lives(session):
                    reason = "Another session holds this access."
                    return self._happened(session, Event.GRANT_FAILED, now, look, reason=reason)
                stands = self.identity_center.assigned(session.access)
                if session.found:
                    return self._taken_over(session, stands, now, look)
                if stands and self.identity_center.deleting(session.access, now - FORGETS):
                    return self._poll(session, now, session.allowed_at)  # it is on its way out
                if stands:
                    return self._granted(
                        session, now, look, standing="left" if session.orphan_at else "yes"
                    )
                return self._create(session, look)
            call = self._settled(session, session.grant_call)
            if call is None:
                return self._poll(session, now, session.grant_asked_at)
            if self.identity_center.assigned(session.access):
                return self._granted(session, now, look)
        except Unavailable as trouble:
            return self._try_later(session, now, str(trouble))
        if session.grant_call == REFUSED:
            return self._happened(session, Event.GRANT_FAILED, now, look, reason=session.last_error)
        if call.failed:
            return self._try_later(session, now, call.reason or "it failed", grant_call="")
        if call.succeeded and not _reached(_after(session.grant_asked_at, LISTING_LAG), now):
            return self._poll(session, now, session.grant_asked_at)
        return self._create(session, look)

    def _taken_over(
        self, session: Session, stands: bool, now: datetime, look: Look
    ) -> "Rest | None":
        """What nobody accounts for is taken back as if we had given it; nothing is granted.

        The door is ours and no other session lives, so it is nobody's live access.
        """
        if not stands:
            reason = "It was gone before it could be taken back."
            return self._happened(session, Event.GRANT_FAILED, now, look, reason=reason)
        return self._happened(session, Event.ENDED, now, look, standing="no", ended_by="reconcile")

    def _another_lives(self, session: Session) -> bool:
        """Looked for after the door was taken: a door deleted by hand proves nothing."""
        for other_id in self.store.living(session.access):
            if other_id != session.id:
                other, _ = self.store.read(other_id)
                if other is not None and other.live and other.access == session.access:
                    return True
        return False

    def _create(self, session: Session, look: Look) -> "Rest | None":
        now = self.clock.now()  # the look-ups took time: the deadline may have passed
        if _reached(session.deadline, now):
            return Rest(now)
        asked = {"standing": "no", "grant_call": UNKNOWN, "grant_asked_at": now}
        claimed = self._claim(session, look, **asked)
        if claimed is None:
            return self._leave(session, now)
        try:
            request_id = self.identity_center.create(session.access)
        except Refused as refused:
            answer = REFUSED if refused.lasting else ""
            return self._outcome(claimed, str(refused), grant_call=answer)
        except Unknown as unknown:
            return self._unknown(claimed, unknown)
        return self._outcome(claimed, look=look, grant_call=request_id)

    def _granted(
        self, session: Session, now: datetime, look: Look, standing: str = "no"
    ) -> "Rest | None":
        owed = ("granted", "card") if session.channel else ("granted",)
        return self._happened(
            session,
            Event.GRANTED,
            now,
            look,
            standing=standing,
            grant_call="",  # settled: nothing of ours can still land
            granted_at=now,
            owed=owed,
        )

    # REVOKING -------------------------------------------------------------------------------------

    def _revoke(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Takes the assignment back, and says REVOKED only when nothing can bring it back.

        Safe to repeat: nothing is deleted that stood before us, a delete of what is gone changes
        nothing, and every call of ours is settled before the next is made. Never gives up.
        """
        if session.standing != "no":  # nothing of ours to take back
            return self._release(session, now, look)
        gone = session.revoke_call == DONE
        changes: dict[str, Any] = {}
        try:
            grant = self._settled(session, session.grant_call)
            if grant is None:
                return self._poll(session, now, session.grant_asked_at)
            if not gone:
                call = self._settled(session, session.revoke_call, deletion=True)
                if call is None:
                    return self._poll(session, now, session.revoke_asked_at)
                if call.failed:
                    return self._try_later(session, now, call.reason or "it failed", revoke_call="")
                if not call.succeeded:
                    return self._delete(session, look)
                changes["revoke_succeeded_at"] = session.revoke_succeeded_at or now
            if self.identity_center.assigned(session.access):
                text = "the delete succeeded, and the assignment is still listed"
                return self._try_later(session, now, text, revoke_call="", **changes)
            if not grant.failed and _unseen(session, now):
                return self._poll(session.with_(**changes), now, session.revoke_asked_at)
        except Unavailable as trouble:
            return self._try_later(session, now, str(trouble))
        return self._release(session, now, look, **changes)

    def _delete(self, session: Session, look: Look) -> "Rest | None":
        now = self.clock.now()
        first = session.revoke_first_asked_at is None
        claimed = self._claim(
            session,
            look,
            revoke_call=UNKNOWN,
            revoke_asked_at=now,
            revoke_first_asked_at=session.revoke_first_asked_at or now,
            revoke_look=look.side if first else session.revoke_look,
            lag_asked=_seconds(session.over_since, now) if first else session.lag_asked,
        )
        if claimed is None:
            return self._leave(session, now)
        try:
            request_id = self.identity_center.delete(session.access)
        except Gone:
            return self._outcome(claimed, revoke_call=DONE)
        except Refused as refused:
            return self._outcome(claimed, str(refused), revoke_call="")
        except Unknown as unknown:
            return self._unknown(claimed, unknown)
        return self._outcome(claimed, look=look, revoke_call=request_id)

    def _release(
        self, session: Session, now: datetime, look: Look, **changes: Any
    ) -> "Rest | None":
        """REVOKED: the only moment at which the door is free again."""
        now = self.clock.now()
        released = session.entered(
            Event.REVOKED,
            now,
            look.side,
            gone_at=now,
            gone_look=look.side,
            lag_gone=_seconds(session.over_since, now),
            report_at=now + session.report_after,
            busy_until=None,
            busy_token="",
            last_error="",
            reason=session.reason or ("" if session.granted_at else session.last_error),
            owed=(*messages.still_true(session.owed), *messages.news_of_the_end(session)),
            **changes,
        )
        return self._announce(released, now, self.store.release)

    # What both calls share ------------------------------------------------------------------------

    def _settled(self, session: Session, call: str, *, deletion: bool = False) -> Call | None:
        """What became of our call; None while it may still land. Raises Unavailable.

        Without a request id we ask for every request in progress, and whose each is.
        """
        if call in ("", REFUSED, DONE):
            return NO_CALL
        asked_at = session.revoke_asked_at if deletion else session.grant_asked_at
        aws = self.identity_center
        if call == UNKNOWN:
            since = (asked_at or session.asked_at) - SKEW
            in_progress = aws.deleting if deletion else aws.creating
            return None if in_progress(session.access, since) else NO_CALL
        status = aws.deletion(call) if deletion else aws.creation(call)
        young = not _reached(_after(asked_at, FORGETS), self.clock.now())
        if status.in_progress or (status.unknown and young):
            return None
        return status

    def _claim(self, session: Session, look: Look, **changes: Any) -> Session | None:
        """A4: nobody else acts on the session until we can no longer be acting. None: no time."""
        left = look.remaining()  # before the clock: a pause between them must lengthen the claim
        if left < CALL_TAKES:
            return None
        until = self.clock.now() + left + NETWORK + SKEW
        claimed = session.with_(busy_until=until, busy_token=self.token(), **changes)
        self.store.write(claimed.with_(look_at=claimed.busy_until))
        return claimed.with_(version=session.version + 1)

    def _outcome(
        self, claimed: Session, error: str = "", look: Look | None = None, **changes: Any
    ) -> "Rest | None":
        """A5: what the call came to; where another has written meanwhile, by our token.

        Who has the patience waits under the claim until AWS has most likely done it, and then goes
        on: one write has the request and what became of it.
        """
        now = self.clock.now()
        if error:
            changes |= {"tries": claimed.tries + 1, "last_error": error}
            self.journal("warning", "refused", session=claimed.id, error=error)
        changes = {"busy_until": None, "busy_token": ""} | changes
        known = claimed.with_(**changes)
        try:
            if look is not None and look.patience >= POLL:
                self.clock.sleep(POLL)
                look = replace(look, patience=look.patience - POLL)
                rest = self._duties[DUTIES[known.state]](known, self.clock.now(), look)
                return rest and replace(rest, urgent=rest.urgent and look.patience >= POLL)
            retry_at = now + (_again(claimed) if error else POLL)
            return self._write(known.with_(retry_at=retry_at), now)
        except Stale:
            self.store.outcome(claimed.id, claimed.busy_token, changes)
            return Rest(now)

    def _unknown(self, claimed: Session, unknown: Unknown) -> "Rest | None":
        """The call may have been accepted: the claim stands until it runs out by itself."""
        self.journal("warning", "outcome unknown", session=claimed.id, error=str(unknown))
        return self._outcome(
            claimed,
            busy_until=claimed.busy_until,
            busy_token=claimed.busy_token,
            tries=claimed.tries + 1,
            last_error=str(unknown),
        )

    # Reports --------------------------------------------------------------------------------------

    def _report(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Asks the trail, then mails what it says. Safe to repeat: the same words once more."""
        if session.found or (session.granted_at is None and session.standing == ""):
            return self._happened(session, Event.CONCLUDED, now, look, concluded_at=now)
        try:
            overdue = _reached(_after(session.trail_query_at, QUERY_TAKES), now)
            if not session.trail_query or overdue:
                query = self.trail.ask(session, now)
                asked = session.with_(trail_query=query, trail_query_at=now, retry_at=now + SEARCH)
                return self._write(asked, now)
            answer = self.trail.answer(session.trail_query)
            if answer is None:
                return self._poll(session, now, session.trail_query_at)
            if answer.rest:  # the search goes on: role hops, or more than one query gives
                asked = session.with_(trail_query=answer.rest, trail_query_at=now)
                return self._write(asked.with_(retry_at=now + POLL), now)
            report = self.reports.make(session, answer, now)
            if report.mail is not None:
                claimed = self._claim(session, look)  # or two workers would send the mail
                if claimed is None:
                    return self._leave(session, now)
                session = claimed.with_(busy_until=None, busy_token="")
                self.post.send(report.mail)
        except (Unavailable, Refused) as trouble:
            return self._try_later(session, now, str(trouble), trail_query="")
        now = self.clock.now()
        changes: dict[str, Any] = {
            "trail_query": "",
            "report_events": report.events,
            "report_digest": report.digest,
            "summary": report.summary,
        }
        mailed = report.mail is not None
        if mailed and session.channel:
            changes["owed"] = (*session.owed, "report")
        if session.state is State.REPORTING:
            changes["reported_at"] = now
        until = session.credentials_until
        if session.state is State.REPORTING and session.granted_at and until and session.tail:
            changes["conclude_at"] = max(until, now) + session.report_after
            return self._happened(session, Event.REPORTED, now, look, claimed=mailed, **changes)
        which = "second" if session.state is State.CONCLUDING and mailed else "first"
        changes |= {"concluded_at": now, "report_final": which}
        return self._happened(session, Event.CONCLUDED, now, look, claimed=mailed, **changes)

    # Wishes ---------------------------------------------------------------------------------------

    def _decide_wish(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """*End now* and *Extend*: the route wrote down who; whether they may is decided here."""
        ending = session.end_asked_at is not None
        refused: tuple[str, ...] = ()
        unsure = ""
        for asker in dict.fromkeys(session.end_askers if ending else session.extend_askers):
            try:
                who, refusal = self._may_touch(session, asker)
            except Trouble as trouble:
                unsure = str(trouble)
                continue
            if refusal is not None:
                refused += (f"refused:{asker}",)
            elif ending:
                ended = _answered(session, ending)
                return self._happened(ended, Event.ENDED, now, look, ended_by=who)
            else:
                answered = _answered(session, ending, refused)
                return self._extend(answered, asker, now, look)
        if unsure:
            return self._try_later(session, now, unsure)
        return self._write(_answered(session, ending, refused), now)

    def _may_touch(self, session: Session, slack_user: str) -> tuple[str, str | None]:
        """Who it is, and why they may not: those whom the glass allows may, and the holder."""
        if slack_user == session.slack_user:
            return session.email, None
        glass = self.glasses.by_name.get(session.glass)
        email = self._email(slack_user)
        person = self.directory.person(email) if email else None
        if glass is None or email is None or person is None:
            return slack_user, "nobody that the glass knows"
        return email, self._refusal(glass, email, person.principal_id)

    def _extend(self, session: Session, asker: str, now: datetime, look: Look) -> "Rest | None":
        """Moves deadline and lease together; only while both still stand."""
        now = self.clock.now()
        extendable = session.state is State.ACTIVE and session.extend
        if not extendable or session.extended >= EXTENSIONS or _reached(session.deadline, now):
            owed = (*session.owed, f"not_extended:{asker}")
            return self._write(session.with_(owed=owed), now)
        assert session.deadline is not None
        extended = session.entered(
            Event.EXTENDED,
            now,
            look.side,
            deadline=session.deadline + session.extend,
            extended=session.extended + 1,
            owed=(*session.owed, *messages.news_of_an_extension(session)),
        )
        return self._announce(extended, now, self.store.extend)

    # Telling --------------------------------------------------------------------------------------

    def _announce(
        self, session: Session, now: datetime, write: Callable[[Session], None] | None = None
    ) -> "Rest | None":
        """Writes what happened, then says it; nobody else says it meanwhile, unless we die."""
        until = now + SAYING
        look_at = min(until, session.times_out_at or until)
        (write or self.store.write)(session.with_(tell_at=until, tell_tries=0, look_at=look_at))
        return self._tell(session.with_(version=session.version + 1), now)

    def _tell(self, session: Session, now: datetime) -> "Rest | None":
        """Says what is owed, at least once. What fails is said later, and holds up nothing else."""
        still: list[str] = []
        changes: dict[str, Any] = {}
        for news in session.owed:
            try:
                session = self._say(session, news, now)
            except Unavailable as trouble:
                still.append(news)
                changes["last_error"] = str(trouble)
            except Refused as refused:  # no try will help: the log keeps why
                self.journal(
                    "warning", "cannot be told", session=session.id, news=news, error=str(refused)
                )
        if still and session.tell_tries < TELLS_FOR:
            changes |= {
                "tell_at": now + _backoff(session.tell_tries, most=timedelta(minutes=15)),
                "tell_tries": session.tell_tries + 1,
            }
        else:
            still = []
            changes |= {"tell_at": None, "tell_tries": 0}
        return self._write(session.with_(owed=tuple(still), **changes), self.clock.now())

    def _say(self, session: Session, news: str, now: datetime) -> Session:
        """One piece of news to whom it is for; the session with what that used up or made."""
        kind, _, slack_user = news.partition(":")
        if kind in messages.TO_PERSON:
            return self._say_to_person(session, messages.TO_PERSON[kind](session), now)
        if kind == "refused":
            self.chat.post(slack_user, messages.refused_wish(session))
        elif kind == "not_extended":
            self.chat.post(slack_user, messages.not_extended(session))
        elif kind in messages.TO_MAIL:
            self.post.send(Mail(session.report_to, *messages.TO_MAIL[kind](session)))
        elif kind == "card":
            return session.with_(card_ts=self.chat.post(session.channel, messages.card(session)))
        elif kind == "card_again":
            if session.card_ts:
                self.chat.update(session.channel, session.card_ts, messages.card(session))
        elif kind in messages.TO_THREAD:
            self.chat.post(session.channel, messages.TO_THREAD[kind](session), session.card_ts)
        return session

    def _say_to_person(self, session: Session, message: dict[str, Any], now: datetime) -> Session:
        """Through the response_url while it lives, so that only they read it; then by the bot."""
        lives = now < session.asked_at + RESPONSE_URL_LIVES
        if session.response_url and lives and session.response_uses < RESPONSE_URL_USES:
            used = session.with_(response_uses=session.response_uses + 1)
            try:
                self.chat.respond(session.response_url, message)
                return used
            except Refused:
                session = used.with_(response_uses=RESPONSE_URL_USES)  # dead: the bot says it
        self.chat.post(session.slack_user, messages.by_bot(message))
        return session

    def _escalate(self, session: Session, now: datetime) -> "Rest | None":
        """A revoke or a report that does not get done is made known, again and again."""
        late = _seconds(overdue_since(session), now) or 0.0
        revoking = session.state is State.REVOKING
        self.journal(
            "error",
            f"{session.state} is not getting done",
            metrics={"RevokeOverdueSeconds" if revoking else "ReportOverdueSeconds": late},
            glass=session.glass,
            session=session.id,
            state=session.state,
            tries=session.tries,
            late_seconds=late,
            error=session.last_error,
            command=messages.delete_command(session.access) if revoking else "",
        )
        alarm = ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)
        owed = (*(news for news in session.owed if news not in alarm), *alarm)
        return self._write(session.with_(alarms=session.alarms + 1, owed=owed, tell_at=None), now)

    # Leaving --------------------------------------------------------------------------------------

    def _try_later(
        self, session: Session, now: datetime, error: str, **changes: Any
    ) -> "Rest | None":
        """The duty stays to be done; the row keeps why, and how often it was tried."""
        self.journal("warning", "try later", session=session.id, state=session.state, error=error)
        tries = session.tries + 1
        if session.state is State.GRANTING and tries == SLOW:
            changes["owed"] = (*session.owed, "slow")
        retry_at = now + _again(session)
        return self._write(
            session.with_(tries=tries, last_error=error, retry_at=retry_at, **changes), now
        )

    def _poll(self, session: Session, now: datetime, since: datetime | None) -> "Rest | None":
        """What we wait for is in progress: soon at first, then less often."""
        waited = now - since if since else timedelta(0)
        retry_at = whole(now + min(max(POLL, waited / 2), 5 * POLL))
        return self._write(session.with_(retry_at=retry_at), now)

    def _leave(self, session: Session, now: datetime) -> "Rest | None":
        """Nothing to do for now: sees to the next look, with a write only where that takes one."""
        arranged, send = scheduled(session, now)
        if arranged == session:
            return _rest(session, now, known=session)
        return self._written(arranged, send, now)

    def _write(self, session: Session, now: datetime) -> "Rest | None":
        return self._written(*scheduled(session, now), now)

    def _written(self, session: Session, send: bool, now: datetime) -> "Rest | None":
        self.store.write(session)
        if send:
            self._wake(session, now)
        return _rest(session, now, known=session.with_(version=session.version + 1))

    def _wake(self, session: Session, now: datetime) -> None:
        """Sends the wake-up. Where the queue refuses, the sweep looks: `look_at` is written."""
        assert session.wake_at is not None
        after = session.wake_at - now
        if session.wake_at != session.times_out_at:
            after += timedelta(milliseconds=999)  # whole seconds: rather late than for nothing …
        seconds = timedelta(seconds=after // timedelta(seconds=1))  # … but early for a deadline
        try:
            self.wakeups.send(session.id, seconds, session.wake_at)
        except Unavailable as trouble:
            self.journal("warning", "no wake-up", session=session.id, error=str(trouble))


@dataclass(frozen=True, slots=True)
class Rest:
    """When to look again. `exact`: it is a deadline, to be met. `urgent`: access may be open.

    `known`: the row as we have just read or written it.
    """

    until: datetime
    exact: bool = False
    urgent: bool = False
    known: Session | None = None


def _answered(session: Session, ending: bool, refused: tuple[str, ...] = ()) -> Session:
    """The session without the wish to end, or to extend; those who may not are to be told."""
    wish = "end" if ending else "extend"
    answered = {f"{wish}_asked_at": None, f"{wish}_askers": ()}
    return session.with_(owed=(*session.owed, *refused), **answered)


def _rest(session: Session, now: datetime, known: Session | None = None) -> Rest | None:
    until = next_look(session, now)
    if until is None:
        return None
    return Rest(until, exact=until == session.times_out_at, urgent=session.live, known=known)


def _again(session: Session) -> timedelta:
    """How long a duty that was not done rests. While access may be open only seconds, lest the
    last of a burst wait for nobody; and not all of them the same, lest they meet again."""
    hurry = session.live and session.tries < HURRIES
    rest = _backoff(session.tries, most=HURRY if hurry else timedelta(seconds=30))
    odd = crc32(f"{session.id}/{session.tries}".encode()) / 2**32  # the same in every run
    return timedelta(milliseconds=int(rest / timedelta(milliseconds=1) * (0.5 + odd)))


def _backoff(tries: int, most: timedelta = timedelta(seconds=30)) -> timedelta:
    return min(timedelta(seconds=2 ** min(tries, 20)), most)


def _unseen(session: Session, now: datetime) -> bool:
    """Whether the listing may be one from before our grant, which it has never shown."""
    shows = _after(session.grant_asked_at, LISTING_LAG)
    seen = session.granted_at or session.grant_call == REFUSED or _reached(shows, now)
    return shows is not None and not seen


def _reached(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now >= moment


def _after(moment: datetime | None, wait: timedelta) -> datetime | None:
    return moment + wait if moment is not None else None


def _resting(session: Session, now: datetime) -> bool:
    return session.retry_at is not None and now < session.retry_at


def _seconds(start: datetime | None, end: datetime) -> float | None:
    return (end - start).total_seconds() if start is not None else None
