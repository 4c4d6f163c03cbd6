"""advance(): the only way a session moves. Read its rows, decide, claim, do, write; again.

The rules are those of docs/protocol.md and are numbered as there (A1 … A5). Each look starts from
the rows alone, so it does not matter who looks, how often, how late, or who died half-way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from chalicelib.domain.ask import OPEN as AN_ASK
from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.errors import (
    DoorTaken,
    Gone,
    Partly,
    Refused,
    Stale,
    Trouble,
    Unavailable,
    Unknown,
    Unreadable,
    Unwritable,
)
from chalicelib.domain.machine import DUTIES, ROWS, Duty, Event, State
from chalicelib.domain.ports import (
    Call,
    Chat,
    Clock,
    Directory,
    IdentityCenter,
    Journal,
    Letters,
    Post,
    Reading,
    Reported,
    Reports,
    Store,
    Topics,
    WakeUps,
)
from chalicelib.domain.schedule import (
    ESCALATE,
    SLIP,
    asks,
    busy,
    escalates_at,
    next_look,
    scheduled,
)
from chalicelib.domain.session import DECIDE_WITHIN, Access, Lock, Session, whole
from chalicelib.domain.verdict import UNEXPLAINED, Facts, judge
from chalicelib.operations.trace import trace
from chalicelib.words import messages
from chalicelib.workflow import news, policy
from chalicelib.workflow.deciding import Decider, Glasses, May
from chalicelib.workflow.telling import ALARMS, Teller

UNKNOWN = "?"  # of a call: claimed, and what came of it not recorded
REFUSED = "refused"
DONE = "done"

CALL_TAKES = timedelta(seconds=8)  # the longest that a create or delete takes, all in all
LONGEST_CLAIM = timedelta(seconds=70)  # nothing lands later after its claim: see _claim
NETWORK = timedelta(seconds=3)  # what was sent before a worker died may still arrive
SKEW = timedelta(seconds=2)  # between any two workers' clocks
AT_IT = CALL_TAKES + SKEW  # so long a claim keeps others from the same duty
HASTE = SKEW + timedelta(seconds=1)  # so close to a deadline a worker waits for it in place
LISTING_LAG = timedelta(seconds=20)  # how long a listing may hide what has succeeded
SAYING = timedelta(seconds=30)  # how long it may take to say what has just happened
TELLS_FOR = 100  # tries, about a day
EXTENSIONS = 1
FORGETS = timedelta(minutes=10)  # what AWS cannot describe by then it has forgotten, not delayed
NOTHING, POLL = timedelta(0), timedelta(seconds=1)
AGAIN = tuple(timedelta(milliseconds=ms) for ms in (300, 700, 1500))  # a delete's second tries
HURRY = timedelta(seconds=2)  # the longest rest of a try while access may be open …
CROWDED, CROWDS = timedelta(seconds=5), 20  # … and of the first so many where AWS says: too many
COMES = timedelta(seconds=3)  # access by then is said when it has come, later also that it comes
GOES = timedelta(
    seconds=2
)  # access that is gone by then is said when it is, later also that it goes
SLOW = 3  # tries, after which the person hears that it takes long
NO_CALL = Call("NONE")
MINUTE = timedelta(minutes=1)
ENDS = frozenset({Event.EXPIRED, Event.ENDED, Event.LEASE_GONE, Event.GRANT_FAILED})
IN_VAIN = frozenset({Outcome.TOO_LATE, Outcome.NOT_EXTENDED})
REMEMBERED = 1_000  # alarms that no row has
STEPS = 100  # of one look; never reached, unless something moves in a circle
OF_A_STATE = ("tries", "last_error")
TOLD = (  # what telling changes
    "owed", "card_ts", "mine_channel", "mine_ts", "response_uses", "tell_error", "alarmed",
    "reached",
)  # fmt: skip
SHOWN = ("state", "deadline", "extended_by", "ended_by", "why")  # of the row, by its cards
TELLING = ("tell_at", "tell_tries", "tell_token")  # who is at it, and when it is tried again


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a session: from which side, and how long the worker at hand may still live.

    For `patience` in all it waits in place for what is due, while access may be open: the queue's
    side for a first poll, and longer the stream's, which may be alone.
    """

    side: str  # queue | sweep | stream
    remaining: Callable[[], timedelta]
    patience: timedelta = timedelta(0)
    quiet: bool = False  # tells nobody anything: others wait to be looked at
    says_first: bool = False  # the duty has had its try in a quiet look just now, and has it after
    asks_nobody: bool = False  # decides an ask only where that needs no answer from outside


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the runner needs from outside."""

    store: Store
    identity_center: IdentityCenter
    directory: Directory
    chat: Chat
    post: Post
    topics: Topics
    letters: Letters
    wakeups: WakeUps
    clock: Clock
    journal: Journal
    token: Callable[[], str]  # a fresh claim's
    reports: Reports


class Runner:
    """Moves sessions. `advance` may be called for any row, at any time, any number of times."""

    def __init__(self, outside: Outside, glasses: Glasses) -> None:
        self.store = outside.store
        self.identity_center = outside.identity_center
        self.post = outside.post
        self.wakeups = outside.wakeups
        self.clock = outside.clock
        self.journal = outside.journal
        self.token = outside.token
        self.reports = outside.reports
        self.glasses = glasses
        self._alarmed: dict[tuple[str, str], int] = {}  # what alarm() has said: by session and news
        self._reached: dict[str, str] = {}  # and whom by mail, where not all of them
        self.decider = Decider(
            glasses, outside.identity_center, outside.directory, outside.chat, outside.clock
        )
        self.teller = Teller(
            outside.chat,
            outside.post,
            outside.topics,
            outside.letters,
            outside.clock,
            outside.journal,
        )
        self._duties = {
            Duty.DECIDE: self._decide,
            Duty.GRANT: self._grant,
            Duty.REVOKE: self._revoke,
            Duty.REPORT: self._report,
            Duty.CONCLUDE: self._report,
        }

    def advance(self, row_id: str, look: Look, known: Session | None = None) -> "Rest | None":
        """Does what the session asks for, step by step, until there is nothing but to wait.

        `row_id` is a session's, or an ask's, which is decided first. `known`: the session as it was
        just read, with a lease. Returns when to look again, or None for never.
        """
        return self._go_on(row_id, look, known)

    def _go_on(self, row_id: str, look: Look, known: Session | None) -> "Rest | None":
        session_id, asked = row_id, "/" in row_id
        for _ in range(STEPS):
            if asked and known is None:
                found = self.ask(row_id, look)
                if found is None:
                    return None
                session_id, known = found
                asked = known is not None and known.version == 0  # it has no row yet
            rest = self.step(session_id, look, known)
            if rest is None or rest.tells:
                return rest
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
            due = asks(session, leased, now)
            if isinstance(due, Event):
                return self._happened(session, due, now, look)
            if _reached(escalates_at(session), now):  # whoever is at it, and whatever comes of it
                return self._escalate(session, now, look)
            if _reached(session.warns_at, now) and not look.quiet:  # at most once for a deadline
                owed = news.owing(session, "warning")
                warned = session.with_(warned_for=session.deadline, owed=owed)
                return self._announce(warned, now, look)
            says = session.owed and not look.quiet and _reached(session.tell_at or now, now)
            if due is not None and not (says and look.says_first):  # A3: never while another is
                return self._do(due, session, now, look)
            if says:
                rest = self._tell(self._telling(session, now), look)
                return rest and replace(rest, tells=look.says_first)  # others are still to be told
            if look.quiet and (session.owed or _reached(session.warns_at, now)):
                return Rest(now, tells=True)
            if busy(session, now) or session.owed:
                return _rest(session, now)  # others say what comes of it, or are just saying it
            return self._leave(session, now)
        except Stale:  # A2: drop everything
            return Rest(self.clock.now())

    def _do(
        self, duty: Duty, session: Session, now: datetime, look: Look, **how: Any
    ) -> "Rest | None":
        """The duty. What it lacks is kept in the row, so that it is tried again soon, counted and
        made known; also what nobody foresaw: no mistake of ours may keep a door open for long."""
        try:
            return self._duties[duty](session, now, look, **how)
        except (Stale, Unwritable):
            raise
        except Exception as error:  # also another's row that a hand has spoiled
            return self._try_later(session, now, self._foreseen(session, error))

    def _foreseen(self, session: Session, error: Exception) -> Trouble:
        """A mistake of ours as a reason that people may read; the log has where it was made."""
        if isinstance(error, Trouble):
            return error
        kind = type(error).__name__
        facts = {"session": session.id, "error": kind, "trace": trace(error)}
        self.journal("error", "a duty failed", metrics={"FailedLooks": 1}, **facts)
        return Unavailable(f"a mistake in the program: {kind}")

    # What time and the lease bring ----------------------------------------------------------------

    def _happened(
        self, session: Session, event: Event, now: datetime, look: Look, **changes: Any
    ) -> "Rest | None":
        """An event; what goes with it is said in one place, here.

        The duty that it brings is begun at once, and its first write has both. Where that duty
        waits for somebody else, or there is something to say, the event is written alone.
        """
        match event:
            case _ if event in ENDS:
                changes = _ended(session, event, now, look) | changes
            case Event.WAITED_TOO_LONG:
                why = "It could not be decided in time, so no access will come."
                why += f" {session.last_error}" if session.last_error else ""
                changes = {"reason": why, "denied_at": now, "owed": ("denied",)} | changes
        happened = session.entered(event, now, look.side, **changes)
        if changes.get("owed"):
            return self._announce(happened, now, look)
        if event in ENDS:
            happened = _said_soon(happened, now + GOES, *news.of_a_change(session))
        duty = DUTIES.get(happened.state)
        if duty is None or busy(happened, now):
            return self._write(happened, now)
        return self._do(duty, happened, now, look)

    # Asks -----------------------------------------------------------------------------------------

    def ask(self, row_id: str, look: Look) -> "tuple[str, Session | None] | None":
        """Decides the ask with that row. The session to go on with, and it as just written.

        Each ask is decided once: its row goes in the transaction that says what came of it.
        """
        try:
            found = self.store.asked(row_id)
            match found:
                case Session() if found.found:
                    return self._take_back(row_id, found, look)
                case Session():
                    return found.id, _from_now(found, self.clock.now())
                case Ask() if found.outcome:
                    self._answer(found, look)
                    return None
                case Ask():
                    return self._decide_ask(found, look)
            return (row_id.removeprefix(AN_ASK), None) if row_id.startswith(AN_ASK) else None
        except Unreadable as unreadable:  # no route of ours has written that
            self.journal("error", str(unreadable), session=row_id)
            self.store.drop_ask(row_id)
            return None
        except Stale:  # it was decided by another, or the session has moved: all anew
            return self.ask(row_id, look)

    def _decide_ask(self, ask: Ask, look: Look) -> "tuple[str, Session | None] | None":
        """*End now* and *Extend*: whether they may, and what comes of it, in one transaction.

        Whoever may not changes nothing of the session: not even its version. Raises Stale.
        """
        session_id = ask.session_id
        try:
            session, leased = self.store.read(session_id)
        except Unreadable as spoiled:  # by a hand, which can mend it: the ask waits for the sweep
            self.journal("warning", "ask decided later", ask=ask.id, error=str(spoiled))
            return None
        if look.asks_nobody and (session is None or ask.slack_user != session.slack_user):
            return None
        now = self.clock.now()
        ask = _of_its_time(ask, session, now)
        try:
            decided, after = self._judged(ask, session, leased, now, look)
        except Unavailable as trouble:
            self._ask_later(f"{AN_ASK}{ask.id}", ask.asked_at, now, look, trouble)
            return None
        if decided.owed and not look.quiet:
            decided = decided.with_(tell_at=now + SAYING)
        if not decided.owed:  # the log keeps no address that can still be posted to
            decided = decided.with_(response_url="")
        ends = decided.outcome == Outcome.ENDED  # what is said of that comes after it
        says = not (ends or look.quiet or after is None or _being_told(after, now))
        if after is not None and says:
            after = after.with_(tell_at=now + SAYING, tell_tries=0, tell_token=self.token())
        if after is not None:
            after, _ = scheduled(after, now)
        self.store.decide(decided, after)
        facts = {"session": ask.session_id, "ask": ask.id, "by": ask.slack_user}
        self.journal("info", f"ask {decided.outcome}", **facts)
        after = after and after.with_(version=after.version + 1)
        if look.quiet and after is not None:  # what is owed is said later
            return session_id, after
        replaces = False
        if session is not None and decided.outcome in IN_VAIN:
            replaces = not self.teller.up_to_date(decided, session)
        if after is not None and not ends:
            if says:  # else whoever is just telling says it too
                self._tell(after, look)
        elif after is not None and decided.owed:  # what ends access comes before what is said of it
            self._go_on(after.id, look, after)
            after, _ = self.store.read(session_id)
            became = messages.what_became_of(after, self.clock.now()) if after else ""
            decided, after = decided.with_(reason=became), None
        self._answer(decided.with_(version=1, tell_at=None), look, replaces=replaces)
        match decided.outcome:
            case Outcome.ENDED if after is not None:
                return session_id, after
            case Outcome.TOO_LATE:  # a look costs nothing, and it may be one that was missed
                return session_id, None
        return None

    def _ask_later(
        self, row_id: str, asked_at: datetime, now: datetime, look: Look, trouble: Trouble
    ) -> None:
        """Nothing is written in an ask before it is decided; the sweep sees it each minute, and
        sends nothing, lest each of its looks begin another line of wake-ups without end."""
        self.journal("warning", "ask decided later", ask=row_id, error=str(trouble))
        if look.side != "sweep":
            self._send(row_id, min(max((now - asked_at) / 2, POLL), SAYING), None)

    def _judged(
        self, ask: Ask, session: Session | None, leased: bool, now: datetime, look: Look
    ) -> tuple[Ask, Session | None]:
        """The ask as decided, and the session where that changes it. Raises Unavailable."""
        decided = ask.with_(decided_at=now, decided_look=look.side, owed=("answer",))
        if session is None:
            return decided.with_(outcome=Outcome.NO_SESSION, person=ask.slack_user), None
        over = Kind.END not in ROWS[session.state].asks or _reached(session.deadline, now)
        over = over or not leased
        try:
            may = self.decider.may_touch(session, ask.slack_user)
        except Exception:  # whatever it is, it is too late all the same
            if not over:
                raise
            may = May(ask.slack_user)
        decided = decided.with_(
            person=policy.key(may.email) if "@" in may.email else may.email,
            glass=session.glass,
            account_id=session.account_id,
            account_name=session.account_name,
            state_then=str(session.state),
            reason=may.refusal,
            deadline_before=session.deadline,
        )
        if ask.kind is Kind.REASON:
            return _reasoned(decided, session)
        if may.refusal:
            return decided.with_(outcome=Outcome.REFUSED), None
        if over:
            said = messages.what_became_of(session, now)
            return decided.with_(outcome=Outcome.TOO_LATE, reason=said), None
        own = () if ask.slack_user == session.slack_user else ("answer",)
        if ask.kind is Kind.END:
            ended = {"ended_by": may.email} | _ended(session, Event.ENDED, now, look)
            after = session.entered(Event.ENDED, now, f"{look.side}, {may.email}", **ended)
            after = _said_soon(after, now + GOES, *news.of_a_change(session))
            after = after.with_(why=_why(ask, session))
            stays = messages.STANDS if session.stands else ""
            return decided.with_(outcome=Outcome.ENDED, owed=own, reason=stays), after
        extendable = Kind.EXTEND in ROWS[session.state].asks and session.extend
        if not extendable or session.extended >= EXTENSIONS or session.deadline is None:
            said = messages.why_not_extended(session)
            return decided.with_(outcome=Outcome.NOT_EXTENDED, reason=said), None
        after = session.entered(
            Event.EXTENDED,
            now,
            f"{look.side}, {may.email}",
            deadline=session.deadline + session.extend,
            extended=session.extended + 1,
            extended_by=may.email,
            why=_why(ask, session),
            owed=news.owing(session, *news.of_a_change(session)),
        )
        extended = decided.with_(outcome=Outcome.EXTENDED, owed=own, deadline_after=after.deadline)
        return extended, after

    def _take_back(
        self, row_id: str, found: Session, look: Look
    ) -> "tuple[str, Session | None] | None":
        """What reconciliation found: a session of its own takes it back, as any other is ended.

        Lets go where somebody's session is alive, or a person has accepted it.
        """
        now = self.clock.now()
        try:
            back = self.decider.found(found) if self._unexplained(found.access) else None
        except Unavailable as trouble:
            self._ask_later(row_id, found.asked_at, now, look, trouble)
            return None
        if back is not None:
            back = back.entered(
                Event.ALLOWED, now, look.side, allowed_at=now, deadline=now + back.duration
            )
            back, _ = scheduled(back, now)
            try:
                self.store.take_over(back)
            except (DoorTaken, Stale) as lost:
                self.journal("info", "left to another", why=type(lost).__name__, session=found.id)
            else:
                self.journal("warning", "taking back what was found", session=found.id)
                return back.id, back.with_(version=back.version + 1)
        self.store.drop_ask(row_id)
        return None

    def _unexplained(self, access: Access) -> bool:
        """Looked up anew: who asks for it may be mistaken, or lie."""
        noted = self.store.noted(access)
        stood_in = self.store.stood(access) if noted is None else None
        return judge(Facts(False, noted, stood_in)) in UNEXPLAINED

    def _answer(self, ask: Ask, look: Look, *, replaces: bool = False) -> None:
        """Whoever asked hears what came of it, at least once. Safe to repeat: they hear it again.

        One at a time: whoever tells has written until when. Raises Stale or Unavailable.
        """
        now = self.clock.now()
        if not ask.owed or look.quiet or not _reached(ask.tell_at or now, now):
            return
        if ask.version != 1 or ask.tell_tries:  # not we have just written it
            self.store.answered(ask.with_(tell_at=now + SAYING))
            ask = ask.with_(version=ask.version + 1)
        try:
            self.teller.answer(ask, replaces=replaces)
        except Unavailable as trouble:
            self.journal("warning", "not answered", session=ask.session_id, error=str(trouble))
            if ask.tell_tries < TELLS_FOR:
                wait = _backoff(ask.tell_tries, most=timedelta(minutes=15))
                tries = ask.tell_tries + 1
                self.store.answered(ask.with_(tell_at=now + wait, tell_tries=tries))
                return
        except Refused as refused:  # no try will help
            self.journal("warning", "cannot be told", session=ask.session_id, error=str(refused))
        self.store.answered(ask.with_(owed=(), tell_at=None, response_url=""))

    # REQUESTED ------------------------------------------------------------------------------------

    def _decide(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Who this is, whether they may; then session, door and lease in one write.

        Safe to repeat: nothing outside is touched, and the write needs the version and the door.
        """
        session, refusal = self.decider.known(session)
        if refusal is not None:
            return self._deny(session, refusal, now, look)
        now = self.clock.now()  # the deadline counts from here, not from before the look-ups
        if _reached(session.wait_until, now):
            return self._happened(session, Event.WAITED_TOO_LONG, now, look)
        deadline = now + session.duration
        allowed = session.entered(
            Event.ALLOWED, now, look.side, allowed_at=now, deadline=deadline, reason=""
        )
        allowed = _said_soon(allowed, now + COMES, news.MINE)
        allowed, _ = scheduled(allowed, now)
        try:
            self.store.allow(allowed)
        except DoorTaken:
            return self._turn_away(session, now, look)
        allowed = allowed.with_(version=session.version + 1)
        return self._do(Duty.GRANT, allowed, now, look, proven=True)

    def _turn_away(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Another session holds the door: denied while it is open, else let in when it is free.

        Raises Unavailable.
        """
        lock = self.store.lock(session.access)
        if lock is None:  # free by now
            return Rest(now, known=session)
        holder, _ = self.store.read(lock.holder)
        if holder is None:
            return self._orphaned(session, lock, now)
        if not holder.live and lock.free_at is not None:  # a delete of it may still land
            return self._freed(session, lock, lock.free_at, now)
        if not holder.live:  # mended: nobody is behind this door
            self.journal("warning", "a door without a session", door=session.access.key)
            self.store.free(session.access, lock)
            return Rest(now, known=session)
        over = holder.state is State.REVOKING or _reached(holder.deadline, now)
        if over or holder.found:  # free in seconds
            return self._try_later(session, now, Unavailable("the access is just being taken back"))
        held = session.with_(mine_channel=holder.mine_channel)
        return self._deny(held, messages.already_open(holder), now, look)

    def _orphaned(self, session: Session, lock: Lock, now: datetime) -> "Rest | None":
        """An operator deleted the row of the session that holds the door: nobody tells any more
        what it has asked for. The door is free when nothing of that can land. Raises Unavailable.
        """
        if session.orphan_at is None:  # from here on nobody can claim that session
            text = "a session that was deleted may still be at it"
            return self._try_later(session, now, Unavailable(text), orphan_at=now)
        return self._freed(session, lock, session.orphan_at + LONGEST_CLAIM, now)

    def _freed(
        self, session: Session, lock: Lock, free_at: datetime, now: datetime
    ) -> "Rest | None":
        """Frees the door when nothing of its holder's can land any more. Raises Unavailable."""
        aws, since = self.identity_center, now - FORGETS
        late = not _reached(free_at, now)
        if late or aws.creating(session.access, since) or aws.deleting(session.access, since):
            text = "what an earlier session has asked for may still land"
            return self._try_later(session, now, Unavailable(text))
        self.journal("info", "a door that an earlier session left", door=session.access.key)
        self.store.free(session.access, lock)
        return Rest(now, known=session)

    def _deny(self, session: Session, reason: str, now: datetime, look: Look) -> "Rest | None":
        owed = () if session.reason == reason else ("denied",)  # the route has said it
        if self.decider.tells(session, reason):
            owed = (*owed, "refused")
        return self._happened(
            session, Event.REFUSED, now, look, reason=reason, denied_at=now, owed=owed
        )

    # GRANTING -------------------------------------------------------------------------------------

    def _grant(
        self, session: Session, now: datetime, look: Look, *, proven: bool = False
    ) -> "Rest | None":
        """Asks for the assignment, once it is sure that it is ours to ask for.

        `proven`: this very look has written the intent, by the rules. Safe to repeat: whether it
        stood before us is observed once, and nothing is asked again while an earlier call may
        still land.
        """
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
            return self._create(session, look, proven=proven)
        call = self._settled(session, session.grant_call)
        if call is None and session.grant_call != UNKNOWN:
            return self._poll(session, now, session.grant_asked_at)
        if self.identity_center.assigned(session.access):
            return self._granted(session, now, look, grant_call="" if call else UNKNOWN)
        if call is None:  # it may still land
            return self._poll(session, now, session.grant_asked_at)
        if session.grant_call == REFUSED:
            return self._happened(session, Event.GRANT_FAILED, now, look)
        if call.failed:
            failed = Unavailable(call.reason or "it failed")
            return self._try_later(session, now, failed, grant_call="")
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
        """Looked for after the door was taken: a door deleted by an operator proves nothing."""
        for other_id in self.store.living(session.access):
            if other_id != session.id:
                other, _ = self.store.read(other_id)
                if other is not None and other.live and other.access == session.access:
                    return True
        return False

    def _create(self, session: Session, look: Look, *, proven: bool = False) -> "Rest | None":
        """Held once more against what a row alone cannot bring about: the lock, and the rules."""
        if not proven:
            lock = self.store.lock(session.access)
            refusal = self.decider.still_refused(session)
            if lock is None or lock.holder != session.id or lock.free_at is not None:
                refusal = refusal or "The session does not hold the lock of this access."
            if refusal is not None:
                now = self.clock.now()
                return self._happened(session, Event.GRANT_FAILED, now, look, reason=refusal)
        now = self.clock.now()  # the look-ups took time: the deadline may have passed
        if _reached(session.deadline, now):
            return self._happened(session, Event.EXPIRED, now, look)
        asked = {"standing": "no", "grant_call": UNKNOWN, "grant_asked_at": now}
        claimed = self._claim(session, look, "grant_late_until", **asked)
        if claimed is None:
            return self._leave(session, now)
        return self._held(claimed, lambda: self._asks_create(claimed, look))

    def _asks_create(self, claimed: Session, look: Look) -> "Rest | None":
        known: dict[str, Any] = {"grant_late_until": None}
        try:
            request_id = self.identity_center.create(claimed.access)
        except Refused as refused:
            answer = REFUSED if refused.lasting else ""
            return self._outcome(claimed, refused, **known, grant_call=answer)
        except Unknown as unknown:
            return self._outcome(claimed, unknown)
        return self._outcome(claimed, look=look, **known, grant_call=request_id)

    def _granted(
        self,
        session: Session,
        now: datetime,
        look: Look,
        standing: str = "no",
        grant_call: str = "",
    ) -> "Rest | None":
        """In. `grant_call` stays unknown where what we asked for may yet land once more."""
        return self._happened(
            session,
            Event.GRANTED,
            now,
            look,
            standing=standing,
            grant_call=grant_call,
            granted_at=now,
            listed_at=now,
            owed=news.owing(session, *news.of_a_grant(session)),
        )

    # REVOKING -------------------------------------------------------------------------------------

    def _revoke(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Takes the assignment back, and says REVOKED only when nothing can bring it back.

        Safe to repeat: nothing is deleted that stood before us, and a delete of what is gone
        changes nothing. What it takes from nobody else is the lock's to see to. Never gives up.
        """
        if session.standing != "no":  # nothing of ours to take back
            return self._release(session, now, look)
        changes: dict[str, Any] = {}
        call = self._settled(session, session.revoke_call, deletion=True)
        if call is None:
            return self._poll(session, now, session.revoke_asked_at)
        if call.failed:
            failed = Unavailable(call.reason or "it failed")
            return self._try_later(session, now, failed, revoke_call="")
        if call.succeeded:
            changes |= _proven(session)
        grant = self._settled(session, session.grant_call)
        if grant is None:
            return self._revoke_early(session, now, look, changes)
        if grant.succeeded:
            changes |= _proven(session)
        asked_early = _asked_early(session)
        if session.revoke_call != DONE or asked_early:
            if not call.succeeded or asked_early:
                return self._delete(session.with_(**changes), look)
            changes["revoke_succeeded_at"] = session.revoke_succeeded_at or now
        if self.identity_center.assigned(session.access):
            listed = Unavailable("the delete succeeded, and the assignment is still listed")
            changes |= _proven(session, now)
            return self._try_later(session, now, listed, revoke_call="", **changes)
        if not grant.failed and _unseen(session.with_(**changes), now):
            return self._poll(session.with_(**changes), now, session.revoke_asked_at)
        return self._release(session.with_(**changes), now, look)

    def _revoke_early(
        self, session: Session, now: datetime, look: Look, changes: dict[str, Any]
    ) -> "Rest | None":
        """The grant may still land, so nothing is concluded; but what is there is taken back now.

        What such a delete came to proves nothing: another is asked when the grant is settled.
        """
        late = session.grant_late_until
        may_land = session.grant_call == UNKNOWN and late is not None and now < late
        if may_land and self.identity_center.assigned(session.access):
            changes = changes | _proven(session, now)
            return self._delete(session.with_(**changes), look, now)
        return self._poll(session.with_(**changes), now, session.grant_asked_at)

    def _delete(self, session: Session, look: Look, early: datetime | None = None) -> "Rest | None":
        """Asks for the deletion, as an SDK would: where the outcome is unknown, at once again.

        As long as one may land, the lock stays: so it can take nobody else's access.
        """
        now = early or self.clock.now()
        first = session.revoke_first_asked_at is None
        claimed = self._claim(
            session,
            look,
            "revoke_late_until",
            revoke_call=UNKNOWN,
            revoke_asked_at=now,
            revoke_first_asked_at=session.revoke_first_asked_at or now,
            revoke_look=look.side if first else session.revoke_look,
            lag_asked=_seconds(session.over_since, now) if first else session.lag_asked,
        )
        if claimed is None:
            return self._leave(session, now)
        before = session.revoke_late_until
        return self._held(claimed, lambda: self._asks_delete(claimed, look, before))

    def _asks_delete(self, claimed: Session, look: Look, before: datetime | None) -> "Rest | None":
        known: dict[str, Any] = {"revoke_late_until": before}
        rests = iter(AGAIN)
        while True:
            try:
                request_id = self.identity_center.delete(claimed.access)
                return self._outcome(claimed, look=look, **known, revoke_call=request_id)
            except Gone:  # asked early, it is asked again and again: not without a pause
                wait = POLL if _asked_early(claimed) else NOTHING
                return self._outcome(claimed, look=look, wait=wait, **known, revoke_call=DONE)
            except Refused as refused:
                return self._outcome(claimed, refused, **known, revoke_call="")
            except Unknown as unknown:
                known = {}  # from now on a delete of ours may be under way
                if (rest := next(rests, None)) is None or look.remaining() < CALL_TAKES:
                    return self._outcome(claimed, unknown)
                self.clock.sleep(rest)

    def _release(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """REVOKED: from now on the door is free, or will be when no delete can land any more."""
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
            alarmed=_alarmed(session, now),  # of whose end is told now: see note_alarms
            reason="" if session.granted_at and not session.found else session.reason,
            owed=(
                *news.still_true(session),
                *news.of_the_end(session.with_(alarmed=_alarmed(session, now))),
            ),
        )
        return self._announce(released, now, look, self.store.release)

    # What both calls share ------------------------------------------------------------------------

    def _settled(self, session: Session, call: str, *, deletion: bool = False) -> Call | None:
        """What became of our call; None while it may still land. Raises Unavailable.

        Without a request id we ask for every request in progress, and whose each is. A create that
        is not among them may be on its way until `grant_late_until`; of a delete we need not wait
        for that, since another one does no harm.
        """
        if call in ("", REFUSED, DONE):
            return NO_CALL
        asked_at = session.revoke_asked_at if deletion else session.grant_asked_at
        aws, now = self.identity_center, self.clock.now()
        if call == UNKNOWN:
            if not deletion and not _reached(session.grant_late_until or now, now):
                return None
            since = (asked_at or session.asked_at) - SKEW
            in_progress = aws.deleting if deletion else aws.creating
            return None if in_progress(session.access, since) else NO_CALL
        became = aws.deletion if deletion else aws.creation
        status = became(session.access, call)
        young = not _reached(_after(asked_at, FORGETS), self.clock.now())
        if status.in_progress or (status.unknown and young):
            return None
        return status

    def _claim(
        self, session: Session, look: Look, late: str = "", **changes: Any
    ) -> Session | None:
        """A4: written before the act. None where there is no time left for it.

        `busy_until`: so long others leave it to us; nothing depends on that but how often a thing
        is asked. `late` names the field that says until when what we ask for may land, should we
        die over it: later than any other worker's clock says, and that is what the rules count on.
        """
        left = look.remaining()  # before the clock: a pause between them must lengthen the claim
        if left < CALL_TAKES:
            return None
        now = self.clock.now()
        until = now + left + NETWORK + SKEW
        if late:
            known = getattr(session, late)
            changes[late] = max(known, until) if known else until
            until = min(until, now + AT_IT)
        claimed = session.with_(busy_until=until, busy_token=self.token(), **changes)
        self.store.write(claimed.with_(look_at=next_look(claimed, now)))
        return claimed.with_(version=session.version + 1)

    def _held(self, claimed: Session, act: "Callable[[], Rest | None]") -> "Rest | None":
        """The act under that claim. What fails is counted under the claim, which it frees: so the
        next try comes in seconds. What the call came to is not known then, and stays so."""
        try:
            return act()
        except (Stale, Unwritable):
            raise
        except Exception as error:
            trouble, now = self._foreseen(claimed, error), self.clock.now()

            def count(mine: Session) -> "Rest | None":
                overtaken = mine.state is not claimed.state  # whose tries and reason are its own
                return self._write(mine, now) if overtaken else self._try_later(mine, now, trouble)

            return self._under_claim(claimed, count)

    def _outcome(
        self,
        claimed: Session,
        trouble: Trouble | None = None,
        look: Look | None = None,
        wait: timedelta = POLL,
        **changes: Any,
    ) -> "Rest | None":
        """A5: what the call came to; where another has written meanwhile, by our token.

        Without `changes` it is unknown, and stays so. Who has the patience waits under the claim
        until AWS has most likely done it, and then goes on: one write has the request and what
        became of it.
        """
        now = self.clock.now()
        if trouble is not None:
            changes |= {"tries": claimed.tries + 1, "last_error": str(trouble)}
            what = "outcome unknown" if isinstance(trouble, Unknown) else "refused"
            self.journal("warning", what, session=claimed.id, error=str(trouble))
        changes = {"busy_until": None, "busy_token": ""} | changes
        known = claimed.with_(**changes)
        try:
            if look is not None and look.patience >= wait:
                if wait:
                    self.clock.sleep(wait)
                look = replace(look, patience=look.patience - wait)
                rest = self._do(DUTIES[known.state], known, self.clock.now(), look)
                return rest and replace(rest, urgent=rest.urgent and look.patience >= POLL)
            retry_at = now + (_again(claimed, trouble) if trouble else wait)
            known = _slow(known) if trouble else known
            return self._write(_next_try(known, retry_at), now)
        except Stale:  # perhaps in another state by now, whose tries and reason are its own
            changes = {name: value for name, value in changes.items() if name not in OF_A_STATE}
            self.store.outcome(claimed.id, claimed.busy_token, changes)
            return Rest(now)

    # Reports --------------------------------------------------------------------------------------

    def _report(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """Has the trail read, piece by piece under a claim, and mails what it says.

        Safe to repeat: a piece that was not written is read again, a mail that was not written is
        sent again. The sweep leaves the reading to the queue's side, while that takes messages.
        """
        if session.found or (session.granted_at is None and session.standing == ""):
            return self._happened(session, Event.CONCLUDED, now, look, concluded_at=now)
        if not session.trail_query:
            return self._read_on(session, self.reports.go_on(session, now, look.remaining), look)
        if look.side == "sweep" and self._send(session.id, timedelta(0), None):
            self.store.write(session.with_(retry_at=None, look_at=now + SLIP))
            return Rest(now + SLIP)
        if look.quiet:  # nobody else may come, so it is read here; after all else
            return Rest(now, tells=True)
        claimed = self._claim(session, look)  # or two workers would read it, and send the mail
        if claimed is None:
            return self._leave(session, now)
        return self._held(claimed, lambda: self._reads(claimed, now, look))

    def _reads(self, claimed: Session, now: datetime, look: Look) -> "Rest | None":
        made = self.reports.go_on(claimed, now, look.remaining)
        if isinstance(made, Reading):
            return self._under_claim(claimed, lambda mine: self._read_on(mine, made, look))
        if made.mail is not None:
            try:
                self.post.send(replace(made.mail, reached=claimed.reached_by("report")))
            except Partly as partly:
                some, later = partly, self.clock.now()
                return self._under_claim(
                    claimed,
                    lambda mine: self._try_later(
                        mine.reaching("report", some.reached), later, some
                    ),
                )
        rest = self._under_claim(claimed, lambda mine: self._reported(mine, made, look))
        self.reports.forget(claimed)
        return rest

    def _under_claim(
        self, claimed: Session, write: "Callable[[Session], Rest | None]"
    ) -> "Rest | None":
        """What came of a duty, though an alarm or news may have been written meanwhile."""
        mine = claimed
        while True:  # each turn means that another has written, and so has got on
            try:
                return write(mine.with_(busy_until=None, busy_token=""))
            except Stale:
                row, _ = self.store.read(claimed.id)
                if row is None or row.busy_token != claimed.busy_token:
                    raise
                mine = row

    def _reported(self, session: Session, made: Reported, look: Look) -> "Rest | None":
        """The mail is out: written at once, and then said in Slack."""
        now = self.clock.now()
        changes: dict[str, Any] = {
            "trail_query": "",
            "report_events": made.events,
            "report_digest": made.digest,
            "summary": made.summary,
            "reached": session.reaching("report", 0).reached,
        }
        # what is owed of a report that was late is not so any more; the first is in the final one
        changes["owed"] = tuple(news for news in session.owed if news not in {"report", *ALARMS})
        if made.mail is not None and session.channel:
            changes["owed"] += ("report",)
        if session.state is State.REPORTING:
            changes["reported_at"] = now
        until = session.credentials_until
        if session.state is State.REPORTING and session.granted_at and until and session.tail:
            changes["conclude_at"] = max(until, now) + session.report_after
            return self._happened(session, Event.REPORTED, now, look, **changes)
        final = session.state is State.CONCLUDING and made.mail is not None
        changes |= {"concluded_at": now, "report_final": "second" if final else "first"}
        return self._happened(session, Event.CONCLUDED, now, look, **changes)

    def _read_on(self, session: Session, made: Reading | Reported, look: Look) -> "Rest | None":
        """How far the reading is. What there is to do at once is another invocation's, with all of
        its time, where the queue takes a message."""
        assert isinstance(made, Reading), "a search that was only begun has nothing to say"
        now = self.clock.now()
        begun = session.trail_query_at if session.trail_query else now
        reading = session.with_(
            trail_query=made.progress,
            trail_query_at=begun,
            last_error=made.trouble,
            retry_at=now + made.wait if made.wait else None,
        )
        rest = self._write(reading, now)
        if made.wait or not self._send(session.id, timedelta(0), None):
            return rest
        return Rest(now + SLIP)

    # Telling --------------------------------------------------------------------------------------

    def _announce(
        self,
        session: Session,
        now: datetime,
        look: Look,
        write: Callable[[Session], None] | None = None,
    ) -> "Rest | None":
        """Writes what happened, then says it; nobody else says it meanwhile, unless we die."""
        write = write or self.store.write
        if look.quiet and not _being_told(session, now):
            write(session.with_(tell_at=None, tell_tries=0, look_at=now))
            return Rest(now, tells=True)
        if _being_told(session, now):  # whoever is just telling says this too, or the next look
            arranged, send = scheduled(session, now)
            write(arranged)
            if send:
                self._wake(arranged, now)
            return _rest(arranged, now, known=arranged.with_(version=arranged.version + 1))
        until = now + SAYING
        look_at = min(until, session.times_out_at or until)
        session = session.with_(tell_at=until, tell_tries=0, look_at=look_at)
        session = session.with_(tell_token=self.token())
        soon = session.live and session.times_out_at == look_at != session.wake_at
        if soon:  # the deadline does not wait for people to be told
            session = session.with_(wake_at=look_at)
        write(session)
        if soon:
            self._wake(session, now)
        return self._tell(session.with_(version=session.version + 1), look)

    def _telling(self, session: Session, now: datetime) -> Session:
        """What is owed since an earlier look: nobody else says it meanwhile, unless we die."""
        until = now + SAYING
        look_at = min(until, session.times_out_at or until, session.look_at or until)
        session = session.with_(tell_at=until, look_at=max(look_at, now), tell_token=self.token())
        self.store.write(session)
        return session.with_(version=session.version + 1)

    def _tell(self, session: Session, look: Look) -> "Rest | None":
        """Says what is owed, at least once. What fails is said later, and holds up nothing else."""
        mine, all_of_it = session.tell_token, session.owed

        def keep(told: Session) -> Session:
            """Written, though others may have written meanwhile what is no news."""
            while True:
                now = self.clock.now()
                arranged, send = scheduled(told, now)
                try:
                    self._written(arranged, send, now)
                    return arranged.with_(version=arranged.version + 1)
                except Stale:
                    row, _ = self.store.read(session.id)
                    if row is None or row.tell_token != mine:
                        raise
                    said = set(all_of_it) - set(told.owed)
                    if any(getattr(row, name) != getattr(session, name) for name in SHOWN):
                        said -= news.CARDS  # they say something else by now
                    still = tuple(news for news in row.owed if news not in said)
                    facts = {name: getattr(told, name) for name in (*TOLD, *TELLING)}
                    if not told.tell_token and set(still) - set(told.owed):  # come meanwhile: now
                        facts |= {"tell_at": None, "tell_tries": 0}
                    told = row.with_(**facts | {"owed": still})

        told = self.teller.tell(session, keep).with_(tell_token="")
        now = self.clock.now()
        if told.owed and told.tell_tries < TELLS_FOR:
            wait = _backoff(told.tell_tries, most=timedelta(minutes=15))
            told = told.with_(tell_at=now + wait, tell_tries=told.tell_tries + 1)
        else:
            told = told.with_(owed=(), tell_at=None, tell_tries=0)
        kept = keep(told)
        return _rest(kept, now, known=kept)

    def _escalate(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """What does not get done is made known, again and again, whatever a claim or a try is at.

        Written only; it is said in the next step, after the duty has had its try.
        """
        late = _seconds(session.overdue_since, now) or 0.0
        live = session.live
        self.journal(
            "error",
            f"{session.state} is not getting done",
            metrics={"RevokeOverdueSeconds" if live else "ReportOverdueSeconds": late},
            glass=session.glass,
            session=session.id,
            state=session.state,
            tries=session.tries,
            late_seconds=late,
            error=session.last_error,
            command=messages.trouble(session)[2],
        )
        alarm = ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)
        owed = (*alarm, *(news for news in session.owed if news not in alarm))
        session = session.reaching("alarm_mail", 0)
        if not _being_told(session, now):  # else it is said when that is over
            session = session.with_(tell_at=None, tell_tries=0)
        return self._write(session.with_(alarms=session.alarms + 1, owed=owed), now)

    def alarm(self, session_id: str, error: str) -> None:
        """Makes known what the row cannot be made to say: access that should be over, while the
        row cannot be written. For who comes by every minute: how often it was said is kept in
        memory alone, so a function that begins cold says it once more."""
        now, due = self.clock.now(), 0
        try:
            session, _ = self.store.read(session_id)
        except Unreadable as spoiled:
            session = self._remains(session_id, now)
            error = f"{spoiled}; nothing is tried before a hand has mended its row"
        if session is None or not session.live:
            return
        while _reached(escalates_at(session.with_(alarms=due)), now):
            due += 1
        known = {news: session.alarms - (news in session.owed) for news in ALARMS}
        said = {news: self._alarmed.get((session_id, news), known[news]) for news in ALARMS}
        alarm = ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)
        owed = tuple(news for news in alarm if said[news] < due)
        if not owed:
            return
        facts = {"session": session_id, "glass": session.glass, "error": error}
        late = _seconds(session.overdue_since, now) or 0.0
        metrics = {"RevokeOverdueSeconds": late}
        self.journal("error", "access that cannot be ended", metrics=metrics, **facts)
        alarming = session.with_(last_error=error or session.last_error, alarms=due, owed=owed)
        alarming = alarming.with_(reached=self._reached.get(session_id, ""))
        told = self.teller.tell(alarming, lambda each: each)
        if len(self._alarmed) >= REMEMBERED:
            self._alarmed.clear()
            self._reached.clear()
        self._reached[session_id] = told.reached
        self._alarmed |= {(session_id, news): due for news in owed if news not in told.owed}

    def _remains(self, session_id: str, now: datetime) -> Session | None:
        """What can still be told of a row that a hand has spoiled, with somebody to tell it to: as
        the row says, or its glass; and where neither does, whoever hears of any glass."""
        left = self.store.remains(session_id)
        if left is None:
            return None
        glasses = self.glasses.by_name
        asked = [glasses[left.glass]] if left.glass in glasses else list(glasses.values())
        everybody = dict.fromkeys(each for glass in asked for each in glass.report_to)
        return left.with_(
            deadline=left.deadline or now - ESCALATE[0],  # nobody can tell: said once
            report_to=left.report_to or tuple(everybody),
            channel=left.channel or (asked[0].channel if len(asked) == 1 else ""),
        )

    def note_alarms(self) -> list[str]:
        """Writes what alarm() has said, as soon as the rows can be written, so that whoever heard
        it hears of its end, also where another has brought that about meanwhile. Ids of those to
        whom that is still to be said. For who comes by every minute."""
        over = []
        for session_id in dict.fromkeys(each for each, _ in self._alarmed):
            heard = {news: self._alarmed.get((session_id, news), 0) for news in ALARMS}
            try:
                session, _ = self.store.read(session_id)
                noted = session and _noted(session, heard)
                if noted is not None and noted != session:
                    self._write(noted, self.clock.now())
            except Trouble as trouble:  # the next time
                self.journal("warning", "alarm noted later", session=session_id, error=str(trouble))
                continue
            if noted is not None and not noted.live and noted.owed:
                over.append(session_id)
            for each in heard:
                self._alarmed.pop((session_id, each), None)
        return over

    def forget(self) -> None:
        """Begins cold: remembers neither who was refused nor which alarm no row has."""
        self.decider.forget()
        self._alarmed.clear()
        self._reached.clear()

    # Leaving --------------------------------------------------------------------------------------

    def _try_later(
        self, session: Session, now: datetime, trouble: Trouble, **changes: Any
    ) -> "Rest | None":
        """The duty stays to be done; the row keeps why, and how often it was tried.

        It rests from when it has failed, not from when it was begun: a call that hangs may take
        longer than the rest, and then nothing would ever be said between two tries.
        """
        now = max(now, self.clock.now())
        error = str(trouble)
        self.journal("warning", "try later", session=session.id, state=session.state, error=error)
        retry_at = now + _again(session, trouble)
        tried = session.with_(tries=session.tries + 1, last_error=error, **changes)
        return self._write(_next_try(_slow(tried), retry_at), now)

    def _poll(self, session: Session, now: datetime, since: datetime | None) -> "Rest | None":
        """What we wait for is in progress: soon at first, then less often; from the answer on."""
        now = max(now, self.clock.now())
        waited = now - since if since else timedelta(0)
        retry_at = whole(now + min(max(POLL, waited / 2), 5 * POLL))
        return self._write(_next_try(session, retry_at), now)

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
        self._send(session.id, seconds, session.wake_at)

    def _send(self, row_id: str, after: timedelta, at: datetime | None) -> bool:
        """Whether the queue has taken the wake-up."""
        try:
            self.wakeups.send(row_id, after, at)
        except Unavailable as trouble:
            self.journal("warning", "no wake-up", session=row_id, error=str(trouble))
            return False
        return True


@dataclass(frozen=True, slots=True)
class Rest:
    """When to look again. `exact`: it is a deadline, to be met. `urgent`: access may be open.

    `known`: the row as we have just read or written it. `tells`: something is to be said, here
    where the look was a quiet one, elsewhere where it was there to say it; so it ends.
    """

    until: datetime
    exact: bool = False
    urgent: bool = False
    known: Session | None = None
    tells: bool = False


def _from_now(asked: Session, now: datetime) -> Session:
    """An ask is not from later than now, whatever it says."""
    if asked.asked_at <= now + SKEW:
        return asked
    return asked.with_(asked_at=now, wait_until=now + DECIDE_WITHIN, look_at=now)


def _of_its_time(ask: Ask, session: Session | None, now: datetime) -> Ask:
    """Nor is what is asked of a session older than it, or the log would have it elsewhere."""
    at = now if ask.asked_at > now + SKEW else ask.asked_at
    return ask.with_(asked_at=max(at, session.asked_at) if session is not None else at)


def _ended(session: Session, event: Event, now: datetime, look: Look) -> dict[str, Any]:
    """What goes with the end of access; why it never came, where it did not."""
    why = session.reason if session.granted_at else session.reason or session.last_error
    return {
        "ended_at": now,
        "ended_how": str(event),
        "ended_look": look.side,
        "revoke_call": "",
        "reason": why,
    }


def _alarmed(session: Session, now: datetime) -> tuple[str, ...]:
    """Which alarms people have heard, or are just hearing from somebody who has yet to write it."""
    just = set(session.owed) & ALARMS if _being_told(session, now) else set()
    return tuple(sorted({*session.alarmed, *just}))


def _noted(session: Session, heard: Mapping[str, int]) -> Session:
    """The session with the alarms of which nobody could write that people have heard them.

    `heard`: how many of each. Where it is over by now, they have yet to hear that.
    """
    said = {news for news, number in heard.items() if number}
    if session.live:
        alarm = [news for news in ALARMS if session.channel or news == "alarm_mail"]
        alarms = max(session.alarms, min(heard[news] for news in alarm))
        still = [news for news in session.owed if news not in said or heard[news] < session.alarms]
        alarmed = tuple(sorted({*session.alarmed, *said}))
        return session.with_(alarms=alarms, alarmed=alarmed, owed=tuple(still))
    told = set(session.alarmed) if session.state is State.SETTLING else set()
    if session.found and session.standing == "no":
        told = said  # “taken back” has told them
    ends = [news.ENDS[each] for each in news.ENDS if each in said - told]
    owed = dict.fromkeys((*session.owed, *ends))
    return session.with_(owed=tuple(owed), tell_at=None, tell_tries=0) if ends else session


def _being_told(session: Session, now: datetime) -> bool:
    """Whether somebody is just saying what is owed, and has yet to write what was said."""
    return bool(session.tell_token) and session.tell_at is not None and now < session.tell_at


def _slow(tried: Session) -> Session:
    """Whoever waits for access hears that it takes long, once."""
    if tried.state is not State.GRANTING or tried.tries != SLOW:
        return tried
    return tried.with_(owed=news.owing(tried, news.MINE))


def _said_soon(session: Session, at: datetime, *each: str) -> Session:
    """News for `at`: what is under way is over by then most often, and says it better."""
    if session.owed or not each:
        return session.with_(owed=news.owing(session, *each))
    return session.with_(owed=each, tell_at=at)


def _next_try(session: Session, retry_at: datetime) -> Session:
    """When the duty is tried next. What is overdue is said anew on its cards each minute."""
    before, over = session.retry_at, session.over_since
    tried = session.with_(retry_at=retry_at)
    if session.state is not State.REVOKING or before is None or over is None:
        return tried
    if (before - over) // MINUTE == (retry_at - over) // MINUTE:
        return tried
    return _said_soon(tried, retry_at, *news.of_a_change(session))


def _why(ask: Ask, session: Session) -> str:
    """What whoever has the access said in the card's field, if anything."""
    return ask.why if ask.why and ask.slack_user == session.slack_user else session.why


def _reasoned(decided: Ask, session: Session) -> tuple[Ask, Session | None]:
    """The reason, from whoever has or had the access; also when it is over, for report and log."""
    if decided.slack_user != session.slack_user:
        return decided.with_(outcome=Outcome.REFUSED, reason=""), None
    if session.state is State.DENIED:
        return decided.with_(outcome=Outcome.TOO_LATE, reason="It was never open."), None
    owed = news.owing(session, *news.of_a_change(session))
    after = session.with_(why=decided.why, owed=owed)
    return decided.with_(outcome=Outcome.NOTED, owed=()), after


def _asked_early(session: Session) -> bool:
    """Whether the latest delete was asked while a grant of ours could still land after it."""
    late, asked = session.grant_late_until, session.revoke_asked_at
    return session.grant_call == UNKNOWN and bool(late and asked and asked < late)


def _proven(session: Session, listed_at: datetime | None = None) -> dict[str, Any]:
    """What was there to be taken back had come, though nobody wrote it down then."""
    return {
        "granted_at": session.granted_at or session.grant_asked_at,
        "listed_at": session.listed_at or listed_at,
    }


def _rest(session: Session, now: datetime, known: Session | None = None) -> Rest | None:
    until = next_look(session, now)
    if until is None:
        return None
    return Rest(until, exact=until == session.times_out_at, urgent=session.live, known=known)


def _again(session: Session, trouble: Trouble) -> timedelta:
    """How long a duty that was not done rests. While access may be open only seconds, lest the
    last of a burst wait for nobody, or it stand when AWS answers again; and not all of them the
    same, lest they meet again. Where there are too many, longer after a while."""
    most = timedelta(seconds=30)
    if session.live:
        crowded = getattr(trouble, "crowded", False)
        most = HURRY if not crowded else CROWDED if session.tries < CROWDS else most
    rest = _backoff(session.tries, most=most)
    odd = crc32(f"{session.id}/{session.tries}".encode()) / 2**32  # the same in every run
    return timedelta(milliseconds=int(rest / timedelta(milliseconds=1) * (0.5 + odd)))


def _backoff(tries: int, most: timedelta = timedelta(seconds=30)) -> timedelta:
    return min(timedelta(seconds=2 ** min(tries, 20)), most)


def _unseen(session: Session, now: datetime) -> bool:
    """Whether the listing may be one from before our grant, which it has never shown."""
    shows = _after(session.grant_late_until or session.grant_asked_at, LISTING_LAG)
    seen = session.listed_at or session.grant_call == REFUSED or _reached(shows, now)
    return shows is not None and not seen


def _reached(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now >= moment


def _after(moment: datetime | None, wait: timedelta) -> datetime | None:
    return moment + wait if moment is not None else None


def _seconds(start: datetime | None, end: datetime) -> float | None:
    return (end - start).total_seconds() if start is not None else None
