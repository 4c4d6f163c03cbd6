"""Logs each step of a session, with what it adds to the figures, once the step is written."""

from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Log, Store
from chalicelib.domain.session import Session
from chalicelib.operations import metrics

WRITES = frozenset({"write", "allow", "take_over", "release"})
REMEMBERED = 1000  # sessions; a sweep reads half as many


class Logged:
    """A store like the one that it is given. What a lost write would have said is never logged."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store, self._write_line = store, log
        self._known: dict[str, int] = {}  # how many steps each session had when it was last seen

    def __getattr__(self, name: str) -> Any:
        done = getattr(self._store, name)
        if name not in WRITES:
            return done

        def write(session: Session) -> None:
            done(session)
            self._log(session)

        return write

    def read(self, session_id: str) -> tuple[Session | None, bool]:
        """As the store reads it; how many steps it had by then is remembered."""
        session, leased = self._store.read(session_id)
        if session is not None:
            self._remember(session)
        return session, leased

    def asked(self, row_id: str) -> Session | Ask | None:
        """As the store reads it; of what becomes a session the steps are remembered."""
        found = self._store.asked(row_id)
        if isinstance(found, Session):
            self._remember(found)
        return found

    def decide(self, asked: Ask, session: Session | None = None) -> None:
        """As the store decides it; what that made of the session is logged."""
        self._store.decide(asked, session)
        if session is not None:
            self._log(session)

    def _remember(self, session: Session) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[session.id] = len(session.steps)

    def _log(self, session: Session) -> None:
        known = self._known.get(session.id, len(session.steps))
        for step in session.steps[known:]:
            state = State(step.split()[1])
            counts = metrics.happened(session, state)
            glass = session.glass if session.account_id else ""  # else a stranger chose the name
            self._write_line("info", state, metrics=counts, session=session.id, glass=glass)
        self._known[session.id] = len(session.steps)
