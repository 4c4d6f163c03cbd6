"""What people ask for: decided once, in one transaction with the session."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.domain.ask import OF_ACCESS, Ask, Kind, Outcome
from chalicelib.domain.ask import OPEN as AN_ASK
from chalicelib.domain.errors import (
    ExternalError,
    LockTaken,
    Refused,
    Stale,
    Unavailable,
    Unreadable,
    Unwritable,
)
from chalicelib.domain.machine import ROWS, Event
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import Access, Session
from chalicelib.domain.verdict import UNEXPLAINED, Facts, judge
from chalicelib.words import answers, refusals
from chalicelib.workflow import policy
from chalicelib.workflow.answers import Outside, Turn
from chalicelib.workflow.asked import DECIDES, FIRST, reasoned
from chalicelib.workflow.changes import (
    being_told,
    from_now,
    of_its_time,
)
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.deciding import Decider, May
from chalicelib.workflow.notifier import Notifier
from chalicelib.workflow.outbox import Outbox
from chalicelib.workflow.timing import (
    NOTIFY_TRIES,
    NOTIFYING_TAKES,
    POLL,
    backoff,
    reached,
)

GoesOn = Callable[[str, Turn, Session | None], object]
IN_VAIN = frozenset({Outcome.TOO_LATE, Outcome.NOT_EXTENDED})


class Asks:
    """Decides asks; each goes in the transaction that says what came of it."""

    def __init__(
        self, outside: Outside, commit: Commit, outbox: Outbox, notifier: Notifier, decider: Decider
    ) -> None:
        self.store = outside.store
        self.clock = outside.clock
        self.token = outside.token
        self.log = outside.log
        self.commit = commit
        self.outbox = outbox
        self.notifier = notifier
        self.decider = decider

    def decide(self, row_id: str, turn: Turn, go_on: GoesOn) -> tuple[str, Session | None] | None:
        """Decides the ask with that row. The session to go on with, and it as just written.

        `go_on` looks at a session: what ends access comes before what is said of it.

        Each ask is decided once: its row goes in the transaction that says what came of it.
        """
        try:
            found = self.store.asked(row_id)
            match found:
                case Session() if found.found:
                    return self._take_back(row_id, found, turn)
                case Session():
                    return found.id, from_now(found, self.clock.now())
                case Ask() if found.outcome:
                    self._answer(found, turn)
                    return None
                case Ask():
                    return self._decide_ask(found, turn, go_on)
            return (row_id.removeprefix(AN_ASK), None) if row_id.startswith(AN_ASK) else None
        except Unreadable as unreadable:  # no route of ours has written that
            self.log("error", str(unreadable), session=row_id)
            self.store.drop_ask(row_id)
            return None
        except Stale:  # it was decided by another, or the session has moved: all anew
            return self.decide(row_id, turn, go_on)

    def _decide_ask(self, ask: Ask, turn: Turn, go_on: GoesOn) -> tuple[str, Session | None] | None:
        """What is asked of a session: whether they may, and what comes of it, at once [ASKS 1].

        Whoever may not changes nothing of the session: not even its version. Raises Stale.
        """
        session_id = ask.session_id
        try:
            session, leased = self.store.read(session_id)
        except Unreadable as spoiled:  # an operator can mend it: the ask waits for the sweep
            self.log("warning", "ask decided later", ask=ask.id, error=str(spoiled))
            self._not_yet(ask, None, turn, Unreadable(refusals.SPOILED_SESSION))
            return None
        if turn.asks_nobody and (session is None or ask.slack_user != session.slack_user):
            return None
        now = self.clock.now()
        ask = of_its_time(ask, session, now)
        try:
            decided, after = self._judged(ask, session, leased, now, turn)
        except Unavailable as trouble:
            self._ask_later(f"{AN_ASK}{ask.id}", ask.asked_at, now, turn, trouble)
            self._not_yet(ask, session, turn, trouble)
            return None
        except Unreadable:
            raise
        except Exception as error:  # as a failed look it comes again
            self._not_yet(ask, session, turn, error)
            raise
        if decided.owed and not turn.quiet:
            decided = decided.with_(tell_at=now + NOTIFYING_TAKES)
        if not decided.owed:  # the log keeps no address that can still be posted to
            decided = decided.with_(response_url="")
        first = decided.outcome in FIRST
        says = not (first or turn.quiet or after is None or being_told(after, now))
        if after is not None and says:
            after = after.with_(
                tell_at=now + NOTIFYING_TAKES, tell_tries=0, tell_token=self.token()
            )
        if after is not None:
            after, _ = scheduled(after, now)
        try:
            self.store.decide(decided, after)
        except Unwritable as error:
            self._not_yet(ask, session, turn, error)
            raise
        facts = {"session": ask.session_id, "ask": ask.id, "by": ask.slack_user}
        self.log("info", f"ask {decided.outcome}", **facts)
        after = after and after.with_(version=after.version + 1)
        if turn.quiet and after is not None:  # what is owed is said later
            return session_id, after
        replaces = False
        if session is not None and decided.outcome in IN_VAIN:
            replaces = not self.notifier.up_to_date(
                decided, session, lambda: self.store.read(session_id)[0]
            )
        if after is not None and not first:
            if says:  # else whoever is just telling says it too
                self.outbox.tell(after, turn)
        elif after is not None and decided.owed:
            go_on(after.id, turn, after)
            after, _ = self.store.read(session_id)
            became = answers.what_came(decided, after, self.clock.now()) if after else ""
            decided, after = decided.with_(reason=became), None
        self._answer(decided.with_(version=1, tell_at=None), turn, replaces=replaces)
        match decided.outcome:
            case _ if first and after is not None:
                return session_id, after
            case Outcome.TOO_LATE:  # a look costs nothing, and it may be one that was missed
                return session_id, None
        return None

    def _not_yet(self, ask: Ask, session: Session | None, turn: Turn, error: Exception) -> None:
        """They hear it once, by the first look of the one that needs nobody else's answer."""
        if not (turn.tried or turn.asks_nobody or turn.seen_by == "sweep"):
            kind = type(error).__name__
            foreseen = isinstance(error, ExternalError)
            why = str(error) if foreseen else refusals.our_mistake(kind)
            self.notifier.not_yet(ask, session, why)

    def _ask_later(
        self, row_id: str, asked_at: datetime, now: datetime, turn: Turn, trouble: ExternalError
    ) -> None:
        """Nothing is written in an ask before it is decided; the sweep sees it each minute, and
        sends nothing, lest each of its looks begin another line of wake-ups without end."""
        self.log("warning", "ask decided later", ask=row_id, error=str(trouble))
        if turn.seen_by != "sweep":
            wait = min(max((now - asked_at) / 2, POLL), NOTIFYING_TAKES)
            self.commit.send(row_id, wait, tried=1)

    def _judged(
        self, ask: Ask, session: Session | None, leased: bool, now: datetime, turn: Turn
    ) -> tuple[Ask, Session | None]:
        """The ask as decided, and the session where that changes it. Raises Unavailable."""
        decided = ask.with_(decided_at=now, decided_look=turn.seen_by, owed=("answer",))
        if session is None:
            return decided.with_(outcome=Outcome.NO_SESSION, person=ask.slack_user), None
        row, decides = ROWS[session.state], DECIDES.get(ask.kind)
        if decides is None and ask.kind is not Kind.REASON:
            raise Unreadable(f"{ask.id} asks for a session, and is not one")
        there = ask.kind in row.asks or (row.open and ask.kind in OF_ACCESS)
        over = not there or reached(session.times_out_at, now) or (row.open and not leased)
        try:
            may = self.decider.may_touch(session, ask.slack_user, ask.kind)
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
        if decides is None:
            return reasoned(decided, session)
        if may.refusal:
            return decided.with_(outcome=Outcome.REFUSED), None
        if over:
            said = answers.what_was_said(ask.kind, session, now)
            return decided.with_(outcome=Outcome.TOO_LATE, reason=said), None
        return decides(decided, session, may.email, now)

    def _take_back(
        self, row_id: str, found: Session, turn: Turn
    ) -> tuple[str, Session | None] | None:
        """What reconciliation found: a session of its own takes it back, as any other is ended.

        Lets go where somebody's session is alive, or a person has accepted it [ASKS 7].
        """
        now = self.clock.now()
        try:
            back = self.decider.found(found) if self._unexplained(found.access) else None
        except Unavailable as trouble:
            self._ask_later(row_id, found.asked_at, now, turn, trouble)
            return None
        if back is not None:
            back = back.entered(
                Event.ALLOWED, now, turn.seen_by, allowed_at=now, deadline=now + back.duration
            )
            back, _ = scheduled(back, now)
            try:
                self.store.take_over(back)
            except (LockTaken, Stale) as lost:
                self.log("info", "left to another", why=type(lost).__name__, session=found.id)
            else:
                self.log("warning", "taking back what was found", session=found.id)
                return back.id, back.with_(version=back.version + 1)
        self.store.drop_ask(row_id)
        return None

    def _unexplained(self, access: Access) -> bool:
        """Looked up anew: who asks for it may be mistaken, or lie."""
        noted = self.store.noted(access)
        stood_in = self.store.session_that_saw(access) if noted is None else None
        return judge(Facts(False, noted, stood_in)) in UNEXPLAINED

    def _answer(self, ask: Ask, turn: Turn, *, replaces: bool = False) -> None:
        """Whoever asked hears what came of it, at least once. Safe to repeat: they hear it again.

        One at a time: whoever tells has written until when. Raises Stale or Unavailable.
        """
        now = self.clock.now()
        if not ask.owed or turn.quiet or not reached(ask.tell_at or now, now):
            return
        if ask.version != 1 or ask.tell_tries:  # not we have just written it
            self.store.answered(ask.with_(tell_at=now + NOTIFYING_TAKES))
            ask = ask.with_(version=ask.version + 1)
        try:
            self.notifier.answer(ask, replaces=replaces)
        except Unavailable as trouble:
            self.log("warning", "not answered", session=ask.session_id, error=str(trouble))
            if ask.tell_tries < NOTIFY_TRIES:
                wait = backoff(ask.tell_tries, most=timedelta(minutes=15))
                tries = ask.tell_tries + 1
                self.store.answered(ask.with_(tell_at=now + wait, tell_tries=tries))
                return
        except Refused as refused:  # no try will help
            self.log("warning", "cannot be told", session=ask.session_id, error=str(refused))
        self.store.answered(ask.with_(owed=(), tell_at=None, response_url=""))
