"""What is owed to people: written first, then said, by one at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Stale
from chalicelib.domain.machine import Event
from chalicelib.domain.schedule import scheduled
from chalicelib.domain.session import Session
from chalicelib.workflow import notifications
from chalicelib.workflow.answers import Outside, Rest, Turn, rest_of
from chalicelib.workflow.changes import being_told
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.notifier import Notifier
from chalicelib.workflow.timing import NOTIFY_TRIES, NOTIFYING_TAKES, backoff

TOLD = (  # what telling changes
    "owed", "card_ts", "report_ts", "mine_channel", "mine_ts", "warning_ts", "alarm_ts",
    "mine_said", "card_said", "response_uses", "tell_error", "alarmed", "reached",
)  # fmt: skip
SHOWN = (  # of the row, by its cards
    "state", "deadline", "approved_by", "acknowledged_by", "extended_by", "ended_by", "why",
    "reviewed_by",
)  # fmt: skip
TELLING = ("tell_at", "tell_tries", "tell_token")  # who is at it, and when it is tried again


class Outbox:
    """Says what a session owes, at least once, and keeps in its row what was said."""

    def __init__(self, outside: Outside, commit: Commit, notifier: Notifier) -> None:
        self.store = outside.store
        self.clock = outside.clock
        self.token = outside.token
        self.commit = commit
        self.notifier = notifier

    def announce(
        self,
        session: Session,
        now: datetime,
        turn: Turn,
        write: Callable[[Session], None] | None = None,
    ) -> "Rest | None":
        """Writes what happened, then says it; nobody else does so, unless we die [NEWS 1]."""
        write = write or self.store.write
        if turn.quiet and not being_told(session, now):
            write(session.with_(tell_at=None, tell_tries=0, look_at=now))
            return Rest(now, tells=True)
        if being_told(session, now):  # whoever is just telling says this too, or the next look
            arranged, send = scheduled(session, now)
            write(arranged)
            if send:
                self.commit.wake(arranged, now)
            return rest_of(arranged, now, known=arranged.with_(version=arranged.version + 1))
        until = now + NOTIFYING_TAKES
        look_at = min(until, session.times_out_at or until)
        session = session.with_(tell_at=until, tell_tries=0, look_at=look_at)
        session = session.with_(tell_token=self.token())
        soon = session.live and session.times_out_at == look_at != session.wake_at
        if soon:  # the deadline does not wait for people to be told
            session = session.with_(wake_at=look_at)
        write(session)
        if soon:
            self.commit.wake(session, now)
        return self.tell(session.with_(version=session.version + 1), turn)

    def happened(
        self, session: Session, event: Event, now: datetime, turn: Turn, changes: dict[str, Any]
    ) -> "Rest | None":
        """An event that brings no duty: written, and said where something is owed."""
        entered = session.entered(event, now, turn.seen_by, **changes)
        if changes.get("owed"):
            return self.announce(entered, now, turn)
        return self.commit.write(entered, now)

    def telling(self, session: Session, now: datetime) -> Session:
        """What is owed since an earlier look: nobody else says it meanwhile, unless we die."""
        until = now + NOTIFYING_TAKES
        look_at = min(until, session.times_out_at or until, session.look_at or until)
        session = session.with_(tell_at=until, look_at=max(look_at, now), tell_token=self.token())
        self.store.write(session)
        return session.with_(version=session.version + 1)

    def tell(self, session: Session, turn: Turn) -> "Rest | None":
        """Says what is owed, at least once. What fails is said later, and holds up nothing else."""
        mine, all_of_it = session.tell_token, session.owed

        def keep(told: Session) -> Session:
            """Written, though others may have written meanwhile what is no news."""
            while True:
                now = self.clock.now()
                arranged, send = scheduled(told, now)
                try:
                    self.commit.written(arranged, send, now)
                    return arranged.with_(version=arranged.version + 1)
                except Stale:
                    row, _ = self.store.read(session.id)
                    if row is None or row.tell_token != mine:
                        raise
                    said = set(all_of_it) - set(told.owed)
                    if any(getattr(row, name) != getattr(session, name) for name in SHOWN):
                        said -= notifications.CARDS  # they say something else by now [NEWS 4]
                    still = tuple(each for each in row.owed if each not in said)
                    facts = {name: getattr(told, name) for name in (*TOLD, *TELLING)}
                    if not told.tell_token and set(still) - set(told.owed):  # come meanwhile: now
                        facts |= {"tell_at": None, "tell_tries": 0}
                    told = row.with_(**facts | {"owed": still})

        told = self.notifier.tell(session, keep).with_(tell_token="")
        now = self.clock.now()
        if told.owed and told.tell_tries < NOTIFY_TRIES:
            wait = backoff(told.tell_tries, most=timedelta(minutes=15))
            told = told.with_(tell_at=now + wait, tell_tries=told.tell_tries + 1)
        else:
            told = told.with_(owed=(), tell_at=None, tell_tries=0)
        kept = keep(told)
        return rest_of(kept, now, known=kept)
