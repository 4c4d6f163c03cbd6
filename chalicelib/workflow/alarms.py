"""What does not get done is made known, whatever a claim, a call or a row is at."""

from datetime import datetime

from chalicelib.domain.errors import ExternalError, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.schedule import ALARM_AFTER, escalates_at
from chalicelib.domain.session import Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import Outside, Rest, Turn
from chalicelib.workflow.changes import being_told, with_noted
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.deciding import Glasses
from chalicelib.workflow.notifier import ALARMS, Notifier
from chalicelib.workflow.timing import reached, seconds_between

REMEMBERED = 1_000  # alarms that no row has
LEFT = ("reached", "alarm_ts")  # whom by mail, where not all of them; and the message in Slack


class Alarms:
    """Makes known what is late: in the row, and without one where it cannot be written."""

    def __init__(
        self, outside: Outside, commit: Commit, notifier: Notifier, glasses: Glasses
    ) -> None:
        self.store = outside.store
        self.clock = outside.clock
        self.log = outside.log
        self.commit = commit
        self.notifier = notifier
        self.glasses = glasses
        self._alarmed: dict[tuple[str, str], int] = {}  # what alarm() has said: by session and news
        self._left: dict[str, dict[str, str]] = {}  # what else no row has of it: see LEFT

    def escalate(self, session: Session, now: datetime, turn: Turn) -> "Rest | None":
        """What does not get done is made known again and again, whatever else is under way [A6].

        Written only; it is said in the next step, after the duty has had its try.
        """
        late = max(0.0, seconds_between(session.overdue_since, now) or 0.0)
        reviewing = session.state is State.REVIEWING
        what = "Revoke" if session.live else "Review" if reviewing else "Report"
        self.log(
            "warning" if reviewing else "error",
            f"{session.state} is not getting done",
            metrics={f"{what}OverdueSeconds": late},
            glass=session.glass,
            session=session.id,
            state=session.state,
            tries=session.tries,
            late_seconds=late,
            error=session.last_error,
            command=messages.unfinished(session)[2],
        )
        alarm = notifications.of_an_alarm(session)
        owed = (*alarm, *(each for each in session.owed if each not in alarm))
        for each in alarm:
            session = session.reaching(each, 0)
        if not being_told(session, now):  # else it is said when that is over
            session = session.with_(tell_at=None, tell_tries=0)
        return self.commit.write(session.with_(alarms=session.alarms + 1, owed=owed), now)

    def alarm(self, session_id: str, error: str) -> None:
        """Makes known what the row cannot be made to say: access that should be over, while the
        row cannot be written [A6]. For who comes by every minute: how often it was said is kept in
        memory alone, so a function that begins cold says it once more."""
        now, due = self.clock.now(), 0
        try:
            session, _ = self.store.read(session_id)
        except Unreadable as spoiled:
            session = self._remains(session_id, now)
            error = refusals.spoiled(str(spoiled))
        if session is None or not session.live:
            return
        while reached(escalates_at(session.with_(alarms=due)), now):
            due += 1
        known = {each: session.alarms - (each in session.owed) for each in ALARMS}
        said = {each: self._alarmed.get((session_id, each), known[each]) for each in ALARMS}
        alarm = ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)
        owed = tuple(each for each in alarm if said[each] < due)
        if not owed:
            return
        facts = {"session": session_id, "glass": session.glass, "error": error}
        late = seconds_between(session.overdue_since, now) or 0.0
        metrics = {"RevokeOverdueSeconds": late}
        self.log("error", "access that cannot be ended", metrics=metrics, **facts)
        alarming = session.with_(last_error=error or session.last_error, alarms=due, owed=owed)
        alarming = alarming.with_(**{"reached": ""} | self._left.get(session_id, {}))
        told = self.notifier.tell(alarming, lambda each: each)
        if len(self._alarmed) >= REMEMBERED:
            self._alarmed.clear()
            self._left.clear()
        self._left[session_id] = {each: getattr(told, each) for each in LEFT}
        self._alarmed |= {(session_id, each): due for each in owed if each not in told.owed}

    def _remains(self, session_id: str, now: datetime) -> Session | None:
        """What can still be told of a row that an operator has spoiled, with somebody to tell it
        to: as the row says, or its glass; and where neither does, whoever hears of any glass."""
        left = self.store.remains(session_id)
        if left is None:
            return None
        glasses = self.glasses.by_name
        asked = [glasses[left.glass]] if left.glass in glasses else list(glasses.values())
        everybody = dict.fromkeys(each for glass in asked for each in glass.report_to)
        return left.with_(
            deadline=left.deadline or now - ALARM_AFTER[0],  # nobody can tell: said once
            report_to=left.report_to or tuple(everybody),
            channel=left.channel or (asked[0].channel if len(asked) == 1 else ""),
        )

    def note_alarms(self) -> list[str]:
        """Writes what alarm() has said, as soon as the rows can be written, so that whoever heard
        it hears of its end, also where another has brought that about meanwhile. Ids of those to
        whom that is still to be said. For who comes by every minute."""
        over = []
        for session_id in dict.fromkeys(each for each, _ in self._alarmed):
            heard = {each: self._alarmed.get((session_id, each), 0) for each in ALARMS}
            try:
                session, _ = self.store.read(session_id)
                posted = self._left.get(session_id, {}).get("alarm_ts", "")
                noted = session and with_noted(session, heard, posted)
                if noted is not None and noted != session:
                    self.commit.write(noted, self.clock.now())
            except ExternalError as error:  # the next time
                self.log("warning", "alarm noted later", session=session_id, error=str(error))
                continue
            if noted is not None and not noted.live and noted.owed:
                over.append(session_id)
            self._left.pop(session_id, None)
            for each in heard:
                self._alarmed.pop((session_id, each), None)
        return over
