"""Rows that disagree are put right, and nothing that is as it should be is touched."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.session import Noted, Session
from chalicelib.workflow.reconcile import LATEST, Mend, wrong_with
from tests.fakes.office import ALICE, NOTED, STEVE, Office, keep
from tests.support.stories import NOON, active, requested, revoking, settling


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_lock_without_a_live_session_is_taken_away_and_said(office: Office) -> None:
    closed = keep(office, settling(look_at=NOON), lease=False)
    office.books.locks["444455556666/arn:aws:sso:::x/y/z"] = "bg-missing"
    office.books.locks["nonsense"] = "bg-1"
    office.run()
    assert office.books.locks == {"nonsense": "bg-1"}
    ((channel, text),) = office.posts
    assert channel == "C0INCIDENT"
    assert f"{Mend.LONE_LOCK}: {closed.access.key}" in text
    assert ("error", "a lock whose id says nothing") in office.lines


def test_the_lock_of_a_session_that_is_over_stays_as_long_as_its_delete_may_land(
    office: Office,
) -> None:
    closed = keep(office, settling(look_at=NOON), lease=False)
    office.books.free_at[closed.access.key] = NOON + timedelta(minutes=1)
    for minutes in (0, 1, 10):
        office.time = NOON + timedelta(minutes=minutes)
        office.run()
        assert office.books.locks == {closed.access.key: closed.id}, minutes
    office.time = NOON + timedelta(minutes=1) + LATEST
    office.run()
    assert (office.books.locks, office.books.free_at) == ({}, {})
    assert (office.posts, office.woken) == ([], []), "it is as it should be: nobody need hear"


def test_a_lock_that_another_has_taken_meanwhile_stays_theirs(office: Office) -> None:
    closed = keep(office, settling(look_at=NOON), lease=False)
    office.books.free_at[closed.access.key] = NOON
    office.time = NOON + LATEST
    real = office.books.read

    def read(session_id: str) -> tuple[Session | None, bool]:
        if session_id == closed.id:
            office.books.free_at.clear()
            keep(office, active(id="bg-next", look_at=NOON))
        return real(session_id)

    office.books.read = read  # type: ignore[method-assign]
    office.run()
    assert office.books.locks == {closed.access.key: "bg-next"}


def test_the_lock_of_a_live_session_stays(office: Office) -> None:
    keep(office, revoking(look_at=NOON))
    office.run()
    assert office.books.locks == {ALICE.key: revoking().id}
    assert (office.posts, office.woken) == ([], [])


def test_a_lock_that_names_a_session_of_another_access_is_taken_away(office: Office) -> None:
    session = keep(office, active(look_at=NOON))
    office.books.locks[STEVE.key] = session.id
    office.run()
    assert office.books.locks == {session.access.key: session.id}


def test_a_lease_without_a_live_session_is_taken_away_and_said(office: Office) -> None:
    keep(office, settling(look_at=NOON), lock=False)
    office.books.leases["bg-missing"] = 1
    office.run()
    assert office.books.leases == {}
    ((_, text),) = office.posts
    assert f"{Mend.LEASE}: {settling().id}" in text
    said = {what for _, what in office.lines}
    assert f"{Mend.LEASE}: bg-missing" in said


def test_a_live_session_without_its_lock_gets_it_back(office: Office) -> None:
    session = keep(office, active(look_at=NOON), lock=False)
    office.run()
    assert office.books.locks == {session.access.key: session.id}
    ((_, text),) = office.posts
    assert f"{Mend.NO_LOCK}: {session.id}" in text


def test_a_live_session_that_nobody_would_look_at_is_looked_at(office: Office) -> None:
    session = keep(office, active(look_at=None))
    office.run()
    assert office.woken == [session.id]
    ((_, text),) = office.posts
    assert str(Mend.FORGOTTEN) in text


def test_what_is_wrong_with_a_live_session_is_named() -> None:
    session = active(look_at=NOON)
    late = NOON + timedelta(minutes=11)
    assert wrong_with(session, session.id, NOON) == ()
    assert wrong_with(session, "bg-other", NOON) == (Mend.OTHERS_LOCK,)
    assert wrong_with(session, None, late) == (Mend.NO_LOCK, Mend.FORGOTTEN)


def test_a_session_that_moves_on_while_it_is_mended_is_left_alone(office: Office) -> None:
    session = keep(office, active(look_at=NOON), lock=False)
    real = office.books.read

    def read(session_id: str) -> tuple[Session | None, bool]:
        found, leased = real(session_id)
        if found is not None:
            office.books.sessions[session_id] = replace(found, version=found.version + 1)
        return found, leased

    office.books.read = read  # type: ignore[method-assign]
    office.run()
    assert session.access.key not in office.books.locks
    assert office.posts == []


def test_a_row_that_cannot_be_read_keeps_its_lock_and_holds_up_nothing(office: Office) -> None:
    keep(office, active(look_at=NOON))
    office.books.unreadable = {active().id}
    office.books.leases["bg-missing"] = 1
    office.run()
    assert office.books.locks == {ALICE.key: active().id}
    assert office.books.leases.keys() == {active().id}
    assert ("error", f"{active().id} is no session") in office.lines


def test_a_table_that_does_not_answer_is_said_in_the_log_alone(office: Office) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("DynamoDB: down")

    office.assigned = {STEVE}
    for name in ("notes", "lock", "all_locks"):
        setattr(office.books, name, away)
    office.run()
    assert office.lines == [
        ("warning", "not reconciled"),
        ("warning", "notes not read"),
        ("warning", "rows not compared"),
    ]


def test_what_was_mended_is_in_the_log_where_slack_is_down(office: Office) -> None:
    office.slack = Unavailable("Slack: down")
    keep(office, settling(look_at=NOON), lease=False)
    office.run()
    assert ("warning", "not said") in office.lines
    assert any(str(Mend.LONE_LOCK) in what for _, what in office.lines)


def test_an_index_that_is_late_mends_nothing(office: Office) -> None:
    """It lists a lock, a session and a note that have moved on by now."""
    keep(office, settling(look_at=NOON), lock=False, lease=False)
    office.books.note(NOTED.with_(gone_at=NOON))
    for name, late in (
        ("all_locks", [(f"door/{ALICE.key}", ALICE)]),
        ("alive", [settling().id]),
        ("notes", [STEVE]),
    ):
        setattr(office.books, name, lambda late=late: late)
    office.run()
    assert (office.posts, office.woken) == ([], [])


def test_what_another_noted_meanwhile_stays_as_they_noted_it(office: Office) -> None:
    accepted = NOTED.with_(standing=True, accepted_by="ann")
    office.assigned = {STEVE}
    real = office.books.note

    def note(noted: Noted) -> None:
        office.books.note = real  # type: ignore[method-assign]
        real(accepted)
        real(noted)

    office.books.note = note  # type: ignore[method-assign]
    office.run()
    assert office.books.noted(STEVE) == accepted.with_(version=1)
    assert office.mails == []


def test_requested_sessions_are_no_business_of_ours(office: Office) -> None:
    keep(office, requested(), lock=False, lease=False)
    office.run()
    assert (office.posts, office.woken) == ([], [])
