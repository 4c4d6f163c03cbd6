"""REPORTING and CONCLUDING: the trail is read in pieces, and its mail sent."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import ExternalError, Partly
from chalicelib.domain.machine import Event, State
from chalicelib.domain.ports import Reading, Reported
from chalicelib.domain.schedule import WAKE_UP_LOST_AFTER
from chalicelib.domain.session import Prior, Session
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import Act, Answer, Outside, Rest, Turn, became
from chalicelib.workflow.calls import Calls
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.notifier import ALARMS
from chalicelib.workflow.outbox import Outbox


class ReportDuty:
    """Has the trail read under a claim, and mails what it says."""

    def __init__(self, outside: Outside, commit: Commit, calls: Calls, outbox: Outbox) -> None:
        self.reports = outside.reports
        self.store = outside.store
        self.post = outside.post
        self.clock = outside.clock
        self.commit = commit
        self.calls = calls
        self.outbox = outbox

    def __call__(self, session: Session, now: datetime, turn: Turn) -> Answer:
        """Has the trail read, piece by piece under a claim, and mails what it says.

        Safe to repeat: a piece that was not written is read again, a mail that was not written is
        sent again. The sweep leaves the reading to the queue's side, while that takes messages.
        """
        if session.found or (session.granted_at is None and session.standing == Prior.UNKNOWN):
            return became(session, Event.CONCLUDED, concluded_at=now)
        if not session.trail_query:
            return self._begins(session, now, turn)
        if turn.seen_by == "sweep" and self.commit.send(session.id, timedelta(0), None):
            self.store.write(session.with_(retry_at=None, look_at=now + WAKE_UP_LOST_AFTER))
            return Rest(now + WAKE_UP_LOST_AFTER)
        if turn.quiet:  # nobody else may come, so it is read here; after all else
            return Rest(now, tells=True)
        died = session.busy_until is not None or session.tries > 0  # perhaps somebody, over it
        return Act(session, lambda mine: self._reads(mine, now, turn, died))  # or two would read it

    def _begins(self, session: Session, now: datetime, turn: Turn) -> "Rest | None":
        """Without a claim: of two who begin at once one is not heard, and stops what it began
        [REPORTS 1].
        """
        made = self.reports.go_on(session, now, turn.remaining, again=session.tries > 0)
        assert isinstance(made, Reading), "a search that was only begun has nothing to say"
        try:
            return self._read_on(session, made, turn)
        except ExternalError:
            self.reports.leave(made)
            raise

    def _reads(self, claimed: Session, now: datetime, turn: Turn, again: bool) -> "Rest | None":
        made = self.reports.go_on(claimed, now, turn.remaining, again)
        if isinstance(made, Reading):
            return self.calls.under_claim(claimed, lambda mine: self._read_on(mine, made, turn))
        if made.mail is not None:
            try:
                self.post.send(replace(made.mail, reached=claimed.reached_by("report")))
            except Partly as partly:
                some, later = partly, self.clock.now()
                return self.calls.under_claim(
                    claimed,
                    lambda mine: self.commit.try_later(
                        mine.reaching("report", some.reached), later, some
                    ),
                )
        rest = self.calls.under_claim(claimed, lambda mine: self._reported(mine, made, turn))
        self.reports.forget(claimed)
        return rest

    def _reported(self, session: Session, made: Reported, turn: Turn) -> "Rest | None":
        """The mail is out: written at once, and then said in Slack [REPORTS 4]."""
        now = self.clock.now()
        changes: dict[str, Any] = {
            "trail_query": "",
            "report_events": made.events,
            "report_digest": made.digest,
            "summary": made.summary,
            "reached": session.reaching("report", 0).reached,
        }
        # what is owed of a report that was late is not so any more; the first is in the final one,
        # but where that has no news
        says = made.mail is not None
        past = ALARMS | {"report"} if says else ALARMS
        changes["owed"] = tuple(each for each in session.owed if each not in past)
        if says and session.channel:
            changes["owed"] += ("report",)
        if session.state is State.REPORTING:
            changes["reported_at"] = now
        until = session.credentials_until
        if session.state is State.REPORTING and session.granted_at and until and session.tail:
            changes["conclude_at"] = max(until, now) + session.report_after
            return self.outbox.happened(session, Event.REPORTED, now, turn, changes)
        final = session.state is State.CONCLUDING and made.mail is not None
        changes |= {"concluded_at": now, "report_final": "second" if final else "first"}
        if session.review and session.granted_at:  # [REPORTS 5]
            told = notifications.of_a_review(session, made.mail is not None)
            changes["owed"] = tuple(dict.fromkeys((*changes["owed"], *told)))
            changes["review_until"] = now + session.review
            return self.outbox.happened(session, Event.REVIEW_OWED, now, turn, changes)
        return self.outbox.happened(session, Event.CONCLUDED, now, turn, changes)

    def _read_on(self, session: Session, made: Reading, turn: Turn) -> "Rest | None":
        """How far the reading is. What there is to do at once is another invocation's, with all of
        its time, where the queue takes a message."""
        now = self.clock.now()
        begun = session.trail_query_at if session.trail_query else now
        reading = session.with_(
            trail_query=made.progress,
            trail_query_at=begun,
            last_error=made.error,
            retry_at=now + made.wait if made.wait else None,
        )
        rest = self.commit.write(reading, now)
        if made.wait or not self.commit.send(session.id, timedelta(0), None):
            return rest
        return Rest(now + WAKE_UP_LOST_AFTER)
