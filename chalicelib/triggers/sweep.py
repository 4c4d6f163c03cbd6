"""The sweep's side: once a minute, whatever is due."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain import ask
from chalicelib.domain.errors import ExternalError
from chalicelib.domain.machine import OPEN
from chalicelib.domain.session import Session
from chalicelib.operations import metrics
from chalicelib.triggers.common import NOW, SAYING_TAKES, Remaining, Trigger
from chalicelib.workflow.answers import Turn

A_LOOK_TAKES = timedelta(seconds=3)  # at the most, where nothing hangs
SAYING_HANGS = timedelta(seconds=9)  # as Slack may
SAID_IN_ANY_CASE = 3
PUTS_AWAY = 500  # rows


class Sweep(Trigger):
    """Looks at whatever is due, and says how things stand."""

    def once(
        self, remaining: Remaining, leaves: timedelta, most: int, patience: timedelta = NOW
    ) -> None:
        """The sweep's side [LOOKS 3]: looks by itself at whatever is due, the longest due first.

        Also at whatever is open and has lost its lease, for the record that tells of it may be
        lost; and then at asks, which come last, for anybody can make many of them. Where that was
        somebody's access it sees to it, for as long as its patience lasts: nobody else may come.
        What is to be said is said when everything has been looked at, or when no more time is left
        than that takes: where each look hangs, people hear of it all the same. In the end it says
        how things stand, which is also the sign that it came to its end.
        """
        pending: dict[str, datetime] = {}
        untold: list[str] = []
        table, give_up = self.table, self.clock.now() + patience
        whole, looked = remaining(), 0

        def look_quietly(row_id: str) -> None:
            nonlocal looked
            looked += 1
            self._sweep(row_id, remaining, pending, untold)

        def time_is_up() -> bool:
            """Where looks hang, but for some that are to be told: else people never hear of it."""
            hangs = whole - remaining() > looked * A_LOOK_TAKES
            said = min(len(set(untold)), SAID_IN_ANY_CASE) if hangs else 0
            return remaining() < leaves + said * SAYING_HANGS

        def look_at(row_ids: Iterable[str]) -> None:
            for row_id in row_ids:
                if time_is_up():
                    tell()
                    if time_is_up() or remaining() < leaves + SAYING_TAKES:
                        self.log("warning", "the sweep leaves some for the next")
                        return
                look_quietly(row_id)

        def see_through() -> None:
            while pending and not time_is_up():
                row_id, due = min(pending.items(), key=lambda each: each[1])
                if due > give_up:
                    return
                self.clock.sleep(max(due - self.clock.now(), NOW))
                del pending[row_id]
                look_quietly(row_id)

        def tell() -> None:
            told = list(dict.fromkeys(untold))
            untold.clear()
            for row_id in told:
                if remaining() > SAYING_TAKES:
                    self._sweep(row_id, remaining, pending)

        untold += self._note_alarms()
        try:
            look_at(table.due(self.clock.now(), most))
            unfinished = table.unfinished()
            look_at(one.id for one, leased in unfinished if one.state in OPEN and not leased)
            see_through()
            asked = table.asks_due(self.clock.now(), most)
            look_at(row_id for row_id in asked if not ask.is_decided(row_id))
            see_through()
            answered = (row_id for row_id in asked if ask.kind_of(row_id) in ask.ANSWERED)
            untold += map(ask.decided_as, answered)
        except Exception:  # no list that cannot be read keeps unsaid what was just found to be said
            tell()
            raise
        for one, leased in unfinished:
            warns = leased and one.warns_at and one.warns_at <= self.clock.now()
            if warns and remaining() > SAYING_TAKES:
                self._sweep(one.id, remaining, pending, known=one)
        tell()
        see_through()  # what had to be said first
        tell()
        now = self.clock.now()
        stands = metrics.standing((session for session, _ in unfinished), now)
        self.log("info", "swept", metrics=stands)
        self._put_away(now)

    def _put_away(self, now: datetime) -> None:
        """Rows that only hide others; last of all, for they do no harm but cost a little time."""
        try:
            if gone := self.table.put_away(now, PUTS_AWAY):
                self.log("warning", "rows that no route of ours writes", metrics={"JunkRows": gone})
        except ExternalError as error:
            self.log("warning", "not put away", error=str(error))

    def _sweep(
        self,
        row_id: str,
        remaining: Remaining,
        pending: dict[str, datetime],
        untold: list[str] | None = None,
        known: Session | None = None,
    ) -> None:
        """One turn; a quiet one where `untold` is given, which then has what is still to be
        said."""
        turn = Turn("sweep", remaining, quiet=untold is not None, says_first=untold is None)
        try:
            rest = self.runner.advance(row_id, turn, known)
        except Exception as error:
            self.failed_look(row_id, error)
            self._alarm(row_id, error)
            return
        if rest is not None and rest.tells and untold is not None:
            untold.append(row_id)
        elif rest is not None and rest.urgent:
            pending[row_id] = rest.until

    def _alarm(self, row_id: str, error: Exception) -> None:
        """Where not even the row can be written, people hear of access that should be over."""
        try:
            self.runner.alarm(row_id, str(error) if isinstance(error, ExternalError) else "")
        except Exception as failed:
            self.failed("no alarm either", row_id, failed)

    def _note_alarms(self) -> list[str]:
        """Who heard an alarm that no row had hears of its end."""
        try:
            return self.runner.note_alarms()
        except Exception as error:
            self.failed("alarms not noted", "", error)
            return []
