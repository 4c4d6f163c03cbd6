"""The log of steps: each once, and only what was written."""

from typing import Any

import pytest

from chalicelib.machine import Event
from chalicelib.ports import Stale
from chalicelib.steps import REMEMBERED, Logged
from tests.books import MemoryBooks
from tests.stories import HOUR, NOON, active, granting, requested


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def store(lines: list[dict[str, Any]]) -> Logged:
    def journal(level: str, what: str, /, **facts: Any) -> None:
        lines.append({"level": level, "what": what, **facts})

    return Logged(MemoryBooks(), journal)


def kept(store: Logged, session: Any) -> Any:
    store.record(session)
    row, _ = store.read(session.id)
    return row


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
    store.write(row)
    with pytest.raises(Stale):
        store.write(row.entered(Event.EXPIRED, NOON + HOUR))
    assert lines == []


def test_a_glass_that_nobody_configured_is_not_named(store: Logged, lines: list[Any]) -> None:
    row = kept(store, requested(glass="a stranger's text", account_id=""))
    store.write(row.entered(Event.REFUSED, NOON))
    assert [(each["what"], each["glass"]) for each in lines] == [("DENIED", "")]


def test_it_does_not_grow_with_what_it_has_seen(store: Logged, lines: list[Any]) -> None:
    rows = [kept(store, active(id=f"bg-{n}")) for n in range(REMEMBERED + 1)]
    store.write(rows[0].with_(tries=1))  # forgotten by now
    store.write(rows[-1].entered(Event.EXPIRED, NOON + HOUR))
    assert [each["session"] for each in lines] == [rows[-1].id]
