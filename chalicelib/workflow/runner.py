"""advance(): the only way a session moves. Read its rows, decide, claim, do, write; again.

The rules are those of docs/protocol.md; what keeps one has its number in brackets. Each look
starts from the rows alone, so it does not matter who looks, how often, how late, or who died
half-way.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from chalicelib.domain.errors import Stale, Unavailable, Unwritable
from chalicelib.domain.machine import DUTIES, Duty, Event, State
from chalicelib.domain.schedule import busy, escalates_at, what_is_due
from chalicelib.domain.session import Session
from chalicelib.words import refusals
from chalicelib.workflow import notifications
from chalicelib.workflow.alarms import Alarms
from chalicelib.workflow.answers import (
    Act,
    Announce,
    Answer,
    Became,
    Came,
    GoOn,
    Outside,
    Poll,
    Rest,
    TryLater,
    Turn,
    Unsaved,
    rest_of,
)
from chalicelib.workflow.asks import Asks
from chalicelib.workflow.calls import Calls
from chalicelib.workflow.changes import denied, end_of, said_soon
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.decide import Decide
from chalicelib.workflow.deciding import Decider, Glasses
from chalicelib.workflow.grant import Grant
from chalicelib.workflow.notifier import Notifier
from chalicelib.workflow.oncall import Renewal
from chalicelib.workflow.outbox import Outbox
from chalicelib.workflow.reports import ReportDuty
from chalicelib.workflow.revoke import Revoke
from chalicelib.workflow.timing import (
    CALL_TAKES,
    GONE_WITHIN,
    NOTHING,
    POLL,
    WAITS_IN_PLACE_FOR,
    reached,
)

ENDS = frozenset({Event.EXPIRED, Event.ENDED, Event.LEASE_GONE, Event.GRANT_FAILED})
STEPS = 100  # of one turn; never reached, unless something moves in a circle


class Runner:
    """Moves sessions. `advance` may be called for any row, at any time, any number of times."""

    def __init__(self, outside: Outside, glasses: Glasses) -> None:
        self.store = outside.store
        self.clock = outside.clock
        self.log = outside.log
        self.aside = outside.aside
        self.decider = Decider(
            glasses,
            outside.identity_center,
            outside.directory,
            outside.chat,
            outside.clock,
            outside.lists,
        )
        self.renew_lists = Renewal(
            glasses.by_name.values(), outside.lists, outside.chat, outside.clock, outside.log
        )
        notifier = Notifier(
            outside.chat,
            outside.post,
            outside.topics,
            outside.letters,
            outside.clock,
            outside.log,
            glasses.by_name,
        )
        self.commit = commit = Commit(outside)
        self.outbox = outbox = Outbox(outside, commit, notifier)
        self.calls = calls = Calls(outside, commit)
        self.alarms = Alarms(outside, commit, notifier, glasses)
        self.asks = Asks(outside, commit, outbox, notifier, self.decider)
        reports = ReportDuty(outside, commit, calls, outbox)
        self._duties: dict[Duty, Callable[..., Answer]] = {
            Duty.DECIDE: Decide(outside, self.decider),
            Duty.GRANT: Grant(outside, calls, self.decider),
            Duty.REVOKE: Revoke(outside, calls),
            Duty.REPORT: reports,
            Duty.CONCLUDE: reports,
        }

    def advance(self, row_id: str, turn: Turn, known: Session | None = None) -> "Rest | None":
        """Does what the session asks for, step by step, until there is nothing but to wait.

        `row_id` is a session's, or an ask's, which is decided first. `known`: the session as it was
        just read, with a lease. Returns when to look again, or None for never. Raises Unavailable,
        also where others have written its row each time that this turn was about to.
        """
        return self._go_on(row_id, turn, known)

    def _go_on(self, row_id: str, turn: Turn, known: Session | None) -> "Rest | None":
        session_id, asked = row_id, "/" in row_id
        for _ in range(STEPS):  # [LOOKS 4]
            if asked and known is None:
                found = self.ask(row_id, turn)
                if found is None:
                    return None
                session_id, known = found
                asked = known is not None and known.version == 0  # it has no row yet
            rest = self.step(session_id, turn, known)
            if rest is None or rest.tells:
                return rest
            known = rest.known
            wait = rest.until - self.clock.now()
            if wait <= timedelta(0):
                if turn.remaining() < CALL_TAKES:
                    return rest  # look_at has come already, so the sweep goes on from here
                continue
            if wait <= WAITS_IN_PLACE_FOR and rest.exact:
                self.clock.sleep(wait)
                continue
            if wait <= turn.patience and rest.urgent:
                self.clock.sleep(wait)
                known = None  # somebody else may have come meanwhile
                turn = replace(turn, patience=turn.patience - wait)
                continue
            return rest
        self.log("error", "a session moves in a circle", session=session_id)
        raise Unavailable(refusals.NO_END)  # so it comes again, and the sweep makes it known

    def step(self, session_id: str, turn: Turn, known: Session | None = None) -> "Rest | None":
        """One step: read, decide, act, write. When to look again, or None for never.

        `known`: the row as this turn has just read or written it, its lease standing. Should
        anybody else have written since, our next write is Stale, and we read.
        """
        try:
            session, leased = (known, True) if known else self.store.read(session_id)  # [A1]
            if session is None:
                return None
            now = self.clock.now()
            due = what_is_due(session, leased, now)
            if isinstance(due, Event):
                answer = self._happened(session, due, now, turn)
                late = reached(escalates_at(session), now)  # whoever dies over the duty has said so
                if late and isinstance(answer, GoOn):
                    return self.alarms.escalate(answer.session, now, turn)
                return self._do(answer, now)
            if reached(escalates_at(session), now):  # whoever is at it, and whatever comes of it
                return self.alarms.escalate(session, now, turn)
            if reached(session.warns_at, now) and not turn.quiet:  # at most once for a deadline
                owed = notifications.of_a_warning(session)
                warned = session.with_(warned_for=session.deadline, owed=owed)
                return self.outbox.announce(warned, now, turn)
            says = session.owed and not turn.quiet and reached(session.tell_at or now, now)
            if due is not None and not (says and turn.says_first):  # never while another is
                return self._do(GoOn(session, turn), now)
            if says:
                rest = self.outbox.tell(self.outbox.telling(session, now), turn)
                return rest and replace(rest, tells=turn.says_first)  # others are still to be told
            if turn.quiet and (session.owed or reached(session.warns_at, now)):
                return Rest(now, tells=True)
            if busy(session, now) or session.owed:
                return rest_of(session, now)  # others say what comes of it, or are just saying it
            return self.commit.leave(session, now)
        except Stale:  # [A2]: drop everything
            return Rest(self.clock.now())

    def ask(self, row_id: str, turn: Turn) -> tuple[str, Session | None] | None:
        """Decides the ask with that row: see Asks.decide."""
        return self.asks.decide(row_id, turn, self._go_on)

    def alarm(self, session_id: str, error: str) -> None:
        """Makes known what no row can be made to say: see Alarms.alarm."""
        self.alarms.alarm(session_id, error)

    def note_alarms(self) -> list[str]:
        """Writes what alarm() has said, as soon as it can be: see Alarms.note_alarms."""
        return self.alarms.note_alarms()

    def _do(self, answer: "Rest | GoOn | None", now: datetime) -> "Rest | None":
        """Duty after duty, and what each of them answers, until there is nothing but to wait.

        What a duty lacks is kept in the row, so that it is tried again soon, counted and made
        known; also what nobody foresaw [A7]: no mistake of ours may keep access open for long.
        """
        while isinstance(answer, GoOn):
            session, turn = answer.session, answer.turn
            how = {"proven": True} if answer.proven else {}
            try:
                duty = self._duties[DUTIES[session.state]]
                with self._watched(session):
                    answered = duty(session, now, turn, **how)
                answer = self._carried_out(answered, now, turn)
            except (Stale, Unwritable):
                raise
            except Exception as error:  # also another's row that an operator has spoiled
                return self.commit.try_later(session, now, self.commit.foreseen(session, error))
            now = self.clock.now()
        return answer

    def _carried_out(self, answer: Answer, now: datetime, turn: Turn) -> "Rest | GoOn | None":
        """What a duty has answered, done."""
        match answer:
            case Became():
                now = self.clock.now()
                return self._happened(answer.session, answer.event, now, turn, **answer.changes)
            case Poll():
                return self.commit.poll(answer.session, now, answer.since)
            case TryLater():
                return self.commit.try_later(answer.session, now, answer.error, **answer.changes)
            case Announce():
                return self.outbox.announce(answer.session, self.clock.now(), turn, answer.write)
            case Act():
                return self._acted(answer, turn)
            case Rest() | GoOn() | None:
                return answer
            case never:
                assert_never(never)

    def _acted(self, answer: Act, turn: Turn) -> "Rest | None":
        """Claimed, done, and what came of it written."""
        claimed = self.calls.claim(answer.session, turn, answer.late, **answer.changes)
        if claimed is None:
            return self.commit.leave(answer.session, self.clock.now())

        def act() -> "Rest | Unsaved | None":
            with self._watched(claimed):
                came = answer.act(claimed)
            if not isinstance(came, Came):
                return came
            how = {"wait": came.wait} if came.wait is not None else {}
            return self.calls.outcome(came.claimed, came.error, came.turn, **how, **came.changes)

        came = self.calls.held(claimed, act)
        return self._gone_on(came) if isinstance(came, Unsaved) else came

    def _watched(self, session: Session) -> AbstractContextManager[None]:
        """Should a call of the revoke hang, somebody else brings the cards up to date [NEWS 5]:
        a wake-up, which says no more than any, so that none is edited but by the row."""
        if session.state is not State.REVOKING or not session.owed:
            return nullcontext()
        return self.aside(GONE_WITHIN, lambda: self.commit.send(session.id, NOTHING))

    def _gone_on(self, came: Unsaved) -> "Rest | None":
        """The next duty, after a call and under its claim, which whatever fails then frees."""

        def go_on() -> "Rest | None":
            try:
                return self._do(came.go_on, self.clock.now())
            except Stale:
                return self.calls.lost(came.claimed, came.changes)

        rest = self.calls.held(came.claimed, go_on)
        return rest and replace(rest, urgent=rest.urgent and came.go_on.turn.patience >= POLL)

    def _happened(
        self, session: Session, event: Event, now: datetime, turn: Turn, **changes: Any
    ) -> "Rest | GoOn | None":
        """An event; what goes with it is said in one place, here.

        The duty that it brings is begun at once, and its first write has both [A2]. Where that duty
        waits for somebody else, or there is something to say, the event is written alone.
        """
        match event:
            case _ if event in ENDS:
                changes = end_of(session, event, now, turn.seen_by) | changes
            case Event.WAITED_TOO_LONG:
                why = refusals.undecided(session.last_error)
                changes = {"reason": why, "denied_at": now, "owed": ("denied",)} | changes
                if session.approve_until is not None:
                    changes |= denied(session, why, now)
            case Event.NOT_APPROVED:
                changes = denied(session, refusals.NOT_APPROVED_IN_TIME, now) | changes
        happened = session.entered(event, now, turn.seen_by, **changes)
        if changes.get("owed"):
            return self.outbox.announce(happened, now, turn)
        if event in ENDS:
            happened = said_soon(happened, now + GONE_WITHIN, *notifications.of_a_change(session))
        if happened.state not in DUTIES or busy(happened, now):
            return self.commit.write(happened, now)
        return GoOn(happened, turn)
