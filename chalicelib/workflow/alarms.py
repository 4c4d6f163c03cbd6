"""What does not get done is made known, whatever a claim, a call or a row is at."""

from datetime import datetime

from chalicelib.domain.errors import Trouble, Unreadable
from chalicelib.domain.schedule import ESCALATE, escalates_at
from chalicelib.domain.session import Session
from chalicelib.words import messages
from chalicelib.workflow.answers import Look, Outside, Rest
from chalicelib.workflow.changes import being_told, with_noted
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.deciding import Glasses
from chalicelib.workflow.telling import ALARMS, Teller
from chalicelib.workflow.timing import reached, seconds_between

REMEMBERED = 1_000  # alarms that no row has


class Alarms:
    """Rule A6 of the protocol: in the row, and without one where it cannot be written."""

    def __init__(self, outside: Outside, commit: Commit, teller: Teller, glasses: Glasses) -> None:
        self.store = outside.store
        self.clock = outside.clock
        self.journal = outside.journal
        self.commit = commit
        self.teller = teller
        self.glasses = glasses
        self._alarmed: dict[tuple[str, str], int] = {}  # what alarm() has said: by session and news
        self._reached: dict[str, str] = {}  # and whom by mail, where not all of them

    def escalate(self, session: Session, now: datetime, look: Look) -> "Rest | None":
        """What does not get done is made known, again and again, whatever a claim or a try is at.

        Written only; it is said in the next step, after the duty has had its try.
        """
        late = seconds_between(session.overdue_since, now) or 0.0
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
        if not being_told(session, now):  # else it is said when that is over
            session = session.with_(tell_at=None, tell_tries=0)
        return self.commit.write(session.with_(alarms=session.alarms + 1, owed=owed), now)

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
        while reached(escalates_at(session.with_(alarms=due)), now):
            due += 1
        known = {news: session.alarms - (news in session.owed) for news in ALARMS}
        said = {news: self._alarmed.get((session_id, news), known[news]) for news in ALARMS}
        alarm = ("alarm", "alarm_mail") if session.channel else ("alarm_mail",)
        owed = tuple(news for news in alarm if said[news] < due)
        if not owed:
            return
        facts = {"session": session_id, "glass": session.glass, "error": error}
        late = seconds_between(session.overdue_since, now) or 0.0
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
                noted = session and with_noted(session, heard)
                if noted is not None and noted != session:
                    self.commit.write(noted, self.clock.now())
            except Trouble as trouble:  # the next time
                self.journal("warning", "alarm noted later", session=session_id, error=str(trouble))
                continue
            if noted is not None and not noted.live and noted.owed:
                over.append(session_id)
            for each in heard:
                self._alarmed.pop((session_id, each), None)
        return over

    def forget(self) -> None:
        """Begins cold."""
        self._alarmed.clear()
        self._reached.clear()
