"""The log of steps: each once, and only what was written."""

from typing import Any

import pytest

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Stale
from chalicelib.domain.machine import Event
from chalicelib.domain.session import Session
from chalicelib.operations.step_log import REMEMBERED, Logged
from tests.fakes.books import MemoryBooks
from tests.support.stories import HOUR, NOON, active, granting, requested


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def store(lines: list[dict[str, Any]]) -> Logged:
    def log(level: str, what: str, /, **facts: Any) -> None:
        lines.append({"level": level, "what": what, **facts})

    return Logged(MemoryBooks(), log)


def kept(store: Logged, session: Any) -> Any:
    store.sessions[session.id] = session
    store.leases[session.id] = 1
    row, _ = store.read(session.id)
    return row


def pressed(store: Logged, **changes: Any) -> Session:
    """A press, as it is read from its ask: it has no row of its own yet."""
    session = requested(**changes)
    store.record(session)
    found = store.asked(f"ask/{session.id}")
    assert isinstance(found, Session)
    return found


def test_each_step_is_logged_once_it_is_written(store: Logged, lines: list[Any]) -> None:
    row = kept(store, active())
    store.write(row.entered(Event.EXPIRED, NOON + HOUR))
    assert [(each["level"], each["what"]) for each in lines] == [("info", "REVOKING")]
    assert (lines[0]["session"], lines[0]["glass"]) == (row.id, "prod")
    row, _ = store.read(row.id)
    store.write(row.with_(tries=1))
    assert len(lines) == 1


def test_steps_that_are_written_together_are_logged_apart(store: Logged, lines: list[Any]) -> None:
    row = kept(store, granting())
    both = row.entered(Event.GRANTED, NOON, granted_at=NOON).entered(Event.EXPIRED, NOON + HOUR)
    store.write(both)
    assert [each["what"] for each in lines] == ["ACTIVE", "REVOKING"]


def test_what_was_not_written_is_not_logged(store: Logged, lines: list[Any]) -> None:
    row = kept(store, active())
    store.write(row.with_(tries=1))
    with pytest.raises(Stale):
        store.write(row.entered(Event.EXPIRED, NOON + HOUR))
    assert lines == []


def test_the_first_step_of_a_press_is_logged_though_it_had_no_row(
    store: Logged, lines: list[Any]
) -> None:
    allowed = granting(version=0)
    pressed(store)
    store.allow(allowed)
    assert [(each["what"], each["session"]) for each in lines] == [("GRANTING", allowed.id)]
    row, _ = store.read(allowed.id)
    assert row is not None
    store.write(row.entered(Event.GRANTED, NOON, granted_at=NOON))
    assert [each["what"] for each in lines] == ["GRANTING", "ACTIVE"]


def test_what_was_taken_over_is_logged_from_its_first_step(store: Logged, lines: list[Any]) -> None:
    access = active().access
    row_id = store.ask_back(access, "prod", NOON)
    found = store.asked(row_id)
    assert isinstance(found, Session)
    store.take_over(found.entered(Event.ALLOWED, NOON, deadline=NOON + HOUR))
    assert [(each["what"], each["session"]) for each in lines] == [("GRANTING", found.id)]


@pytest.mark.parametrize(
    ("kind", "event", "what"),
    [("end", Event.ENDED, "REVOKING"), ("extend", Event.EXTENDED, "ACTIVE")],
)
def test_what_an_ask_brings_about_is_logged_once(
    store: Logged, lines: list[Any], kind: str, event: Event, what: str
) -> None:
    row = kept(store, active())
    ask = Ask(id=f"{kind}-1", session_id=row.id, asked_at=NOON, slack_user="U0ALICE")
    store.record(ask)
    store.asked(f"ask/{ask.id}")
    store.decide(ask.with_(outcome="done", decided_at=NOON), row.entered(event, NOON))
    assert [(each["what"], each["session"]) for each in lines] == [(what, row.id)]
    row, _ = store.read(row.id)
    store.write(row.with_(tries=1))
    store.answered(store.asked(f"asked/{ask.id}"))
    assert len(lines) == 1


def test_an_ask_that_changes_nothing_or_is_not_written_is_no_step(
    store: Logged, lines: list[Any]
) -> None:
    row = kept(store, active())
    ask = Ask(id="end-1", session_id=row.id, asked_at=NOON, slack_user="U0MALLORY")
    store.record(ask)
    store.decide(ask.with_(outcome="refused"))
    with pytest.raises(Stale):
        store.decide(ask.with_(outcome="ended"), row.entered(Event.ENDED, NOON))
    assert lines == []


def test_a_glass_that_nobody_configured_is_not_named(store: Logged, lines: list[Any]) -> None:
    row = pressed(store, glass="a stranger's text", account_id="")
    store.write(row.entered(Event.REFUSED, NOON))
    assert [(each["what"], each["glass"]) for each in lines] == [("DENIED", "")]


def test_it_does_not_grow_with_what_it_has_seen(store: Logged, lines: list[Any]) -> None:
    rows = [kept(store, active(id=f"bg-{n}")) for n in range(REMEMBERED + 1)]
    store.write(rows[0].with_(tries=1))  # forgotten by now
    store.write(rows[-1].entered(Event.EXPIRED, NOON + HOUR))
    assert [each["session"] for each in lines] == [rows[-1].id]
