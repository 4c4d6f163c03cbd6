"""What the page shows of the table's rows: presses at once, decided or not, and what is held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask, Outcome
from chalicelib.domain.machine import State
from chalicelib.domain.session import DECIDE_WITHIN, Session, iso
from simulator import company, page_log

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE, BOB = company.person("alice"), company.person("bob")
ID, OTHER, END, EXTEND = f"bg-{1:024x}", f"bg-{2:024x}", f"end-{3:024x}", f"extend-{4:024x}"
PRESS = Session(id=ID, glass="prod", asked_at=NOON, slack_user=ALICE.slack_id)


def as_read(row: dict[str, Any], row_id: str = "") -> dict[str, Any]:
    """As the table gives it back: times are texts, numbers are decimals."""
    row = {name: iso(each) if isinstance(each, datetime) else each for name, each in row.items()}
    row = {name: Decimal(each) if type(each) is int else each for name, each in row.items()}
    return {name: each for name, each in row.items() if not isinstance(each, timedelta)} | (
        {"id": row_id} if row_id else {}
    )


def of_session(session: Session) -> dict[str, Any]:
    return as_read(rows.values(session), session.id)


TAKEN = as_read(rows.of_break(PRESS))
ACTIVE = of_session(
    PRESS.with_(
        state=State.ACTIVE,
        deadline=NOON + timedelta(minutes=1),
        steps=(f"{iso(NOON)} GRANTING allowed (queue)",),
    )
)


def asked(ask_id: str, at: datetime = NOON, session_id: str = ID) -> Ask:
    return Ask(id=ask_id, session_id=session_id, asked_at=at, slack_user=BOB.slack_id)


def test_a_press_that_nobody_has_decided_is_shown_as_requested() -> None:
    (shown,) = page_log.sessions([TAKEN])
    assert (shown["id"], shown["state"], shown["glass"]) == (ID, "REQUESTED", "prod")
    assert (shown["who"], shown["asked_at"], shown["path"]) == ("Alice Ames", iso(NOON), [])
    assert shown["due"] == (NOON + DECIDE_WITHIN).timestamp(), "as the app reckons"
    assert shown["row"] == page_log._plain(TAKEN), "what stands in the table is no session yet"


def test_it_is_due_when_the_app_says_so() -> None:
    read = ask.read(TAKEN["id"], TAKEN | {"asked_at": NOON})
    assert isinstance(read, Session)
    assert read.times_out_at is not None
    (shown,) = page_log.sessions([TAKEN])
    assert shown["due"] == read.times_out_at.timestamp()


@pytest.mark.parametrize("both", [[TAKEN, ACTIVE], [ACTIVE, TAKEN]])
def test_a_press_is_shown_once_and_as_its_session_where_both_are_read(
    both: list[dict[str, Any]],
) -> None:
    (shown,) = page_log.sessions(both)
    assert (shown["id"], shown["state"]) == (ID, "ACTIVE")
    assert [step["state"] for step in shown["path"]] == ["GRANTING"]
    assert "row" not in shown


def test_the_newest_press_comes_first_decided_or_not() -> None:
    newer = as_read(rows.of_break(PRESS.with_(id=OTHER, asked_at=NOON + timedelta(seconds=1))))
    assert [each["id"] for each in page_log.sessions([ACTIVE, newer])] == [OTHER, ID]
    assert [each["id"] for each in page_log.sessions([newer, ACTIVE])] == [OTHER, ID]


def test_a_session_has_what_was_asked_of_it_the_oldest_first() -> None:
    decided = asked(END, NOON + timedelta(seconds=2)).with_(outcome=Outcome.ENDED)
    table = [
        as_read(rows.of_decided(decided)),
        as_read(rows.of_ask(asked(EXTEND))),
        as_read(rows.of_ask(asked(f"end-{9:024x}", session_id=OTHER))),
        ACTIVE,
    ]
    (shown,) = page_log.sessions(table)
    assert [(each["kind"], each["who"], each["outcome"]) for each in shown["asks"]] == [
        ("extend", "Bob Baker", ""),
        ("end", "Bob Baker", "ended"),
    ]


def test_only_locks_and_leases_are_held() -> None:
    """The table holds more: asks, what is noted, which Identity Center it is."""
    lock, lease = {"id": "door/a", "kind": "door"}, {"id": f"lease/{ID}", "kind": "lease"}
    others = [{"id": "kept/identity-center", "kind": "kept"}, {"id": "x", "kind": "standing"}]
    decided = as_read(rows.of_decided(asked(END)))
    assert page_log.held([lock, ACTIVE, lease, TAKEN, decided, *others]) == [lock, lease]
