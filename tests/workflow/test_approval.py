"""Another pair of eyes: who approves, declines, goes in without, acknowledges; never oneself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import Kind, Outcome
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.machine import Event, State
from chalicelib.domain.ports import Person
from chalicelib.domain.session import WARN_UNACKNOWLEDGED, Session
from chalicelib.words import messages, refusals
from tests.fakes.outside import World
from tests.fakes.pressing import Pressed, press
from tests.fakes.rows import asked
from tests.support.presses import typed
from tests.support.states import OVER
from tests.support.stories import HOUR, NOON, glass

MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE


def world(**changes: Any) -> Pressed:
    made = Pressed()
    made.glasses = {"prod": glass(**{"approve": QUARTER} | changes)}
    made.emails["U0ALIAS"] = "alice@example.com"  # a second Slack user of one person
    return made


def waiting(world: Pressed, who: str = "U0ALICE") -> Session:
    session = world.row(press(world, who))
    assert (session.state, session.owed) == (State.APPROVING, ())
    assert (world.assignments, world.books.locks, world.books.leases) == (set(), {}, {})
    return session


def heard(world: World, where: str = "") -> str:
    return "\n".join(text for to, text in world.told if not where or to == where)


def events(session: Session) -> list[str]:
    return [step.partition(" (")[0].split(" ", 2)[2] for step in session.steps]


# ---- approve -------------------------------------------------------------------------------------


def test_nothing_is_given_before_another_approves_and_the_hour_counts_from_then() -> None:
    there = world()
    session = waiting(there)
    assert session.approve_until == NOON + QUARTER
    there.time += 10 * MINUTE
    assert press(there, "U0BOB", "approve", session.id) == Outcome.APPROVED
    row = there.until(session, State.ACTIVE)
    assert (row.approved_by, row.approved_at) == ("bob@example.com", NOON + 10 * MINUTE)
    assert row.deadline is not None
    assert row.deadline - row.approved_at == HOUR
    assert there.assignments == {row.access}
    assert events(row) == [Event.APPROVAL_WANTED, Event.APPROVED, Event.ALLOWED, Event.GRANTED]
    row = there.until(session, State.CLOSED)
    assert (there.assignments, there.books.locks, there.books.leases) == (set(), {}, {})
    assert "bob@example.com approved it" in heard(there)
    assert heard(there).count("You are in until") == 1, "an edited card rings nobody"
    posted = [text for _, text in there.told if "asks for access" in text]
    assert len(posted) == 1, "others are asked once"


@pytest.mark.parametrize("who", ["U0ALICE", "U0ALIAS"])
@pytest.mark.parametrize("what", ["approve", "decline"])
def test_nobody_decides_for_themselves_by_whichever_slack_user(who: str, what: str) -> None:
    there = world()
    session = waiting(there)
    assert press(there, who, what, session.id) == Outcome.REFUSED
    assert there.row(session.id) == session, "not even its version"
    assert messages.YOUR_OWN in heard(there)


def test_who_was_renamed_in_the_directory_is_still_the_same_person() -> None:
    """Decided from who the directory says that it is, not from an e-mail."""
    there = world(may=("everyone",))
    session = waiting(there)
    there.emails["U0BOB"] = "alice.new@example.com"
    there.says["person"] = [Person("alice-id", "alice", "Alice", "alice.new@example.com")]
    assert press(there, "U0BOB", "approve", session.id) == Outcome.REFUSED


def test_only_approvers_approve_and_the_refused_hear_whom_to_ask() -> None:
    there = world(approvers=("mallory@example.com",))
    session = waiting(there)
    assert press(there, "U0BOB", "approve", session.id) == Outcome.REFUSED
    assert "approve access to “prod”; ask mallory@example.com" in heard(there)
    assert press(there, "U0MALLORY", "approve", session.id) == Outcome.APPROVED, "and break it not"
    assert there.until(session, State.ACTIVE).approved_by == "mallory@example.com"


def test_the_first_decision_wins_and_the_others_hear_whose_it_was() -> None:
    there = world(may=("everyone",))
    session = waiting(there)
    assert press(there, "U0BOB", "approve", session.id) == Outcome.APPROVED
    assert press(there, "U0MALLORY", "decline", session.id) == Outcome.TOO_LATE
    assert "bob@example.com approved it" in there.told[-1][1]
    assert there.until(session, State.ACTIVE).declined_by == ""


def test_two_who_decide_at_once_are_one_decision() -> None:
    there = world(may=("everyone",))
    session = waiting(there)
    there.meanwhile["person"] = lambda: there.ask(
        asked(session, "decline", "U0MALLORY", there.time)
    )  # while Bob is looked up
    bobs = there.ask(asked(session, "approve", "U0BOB", there.time))
    assert bobs.outcome == Outcome.TOO_LATE
    row = there.row(session.id)
    assert (row.state, row.declined_by) == (State.DENIED, "mallory@example.com")
    assert "mallory@example.com declined it" in heard(there)
    assert there.assignments == set()


def test_who_declines_says_so_to_everybody_and_nothing_was_given() -> None:
    there = world()
    session = waiting(there)
    assert press(there, "U0BOB", "decline", session.id) == Outcome.DECLINED
    row = there.row(session.id)
    assert (row.state, row.owed, row.look_at) == (State.DENIED, (), None)
    assert row.reason == refusals.declined("bob@example.com")
    assert "bob@example.com declined it" in heard(there)
    assert press(there, "U0BOB", "approve", session.id) == Outcome.TOO_LATE


def test_who_asked_may_withdraw_it() -> None:
    there = world()
    session = waiting(there)
    assert press(there, "U0ALICE", "end_now", session.id) == Outcome.WITHDRAWN
    row = there.row(session.id)
    assert (row.state, row.reason) == (State.DENIED, refusals.WITHDRAWN)


def test_who_may_end_it_ends_the_wait_as_well_and_is_named() -> None:
    there = world()
    session = waiting(there)
    assert press(there, "U0BOB", "end_now", session.id) == Outcome.WITHDRAWN
    assert there.row(session.id).declined_by == "bob@example.com"


def test_where_nobody_approves_it_is_denied_in_time_and_the_person_is_rung() -> None:
    there = world()
    session = waiting(there)
    row = there.until(session, State.DENIED)
    assert NOON + QUARTER <= there.time <= NOON + QUARTER + MINUTE
    assert row.reason == refusals.NOT_APPROVED_IN_TIME
    assert (row.owed, row.look_at, there.assignments) == ((), None, set())
    assert heard(there).count(f"<@U0ALICE> Your access to “prod”: {row.reason}") == 1
    assert press(there, "U0BOB", "approve", session.id) == Outcome.TOO_LATE


def test_an_approval_that_comes_when_time_is_up_is_none() -> None:
    """Though nobody has looked since."""
    there = world()
    session = waiting(there)
    there.time = NOON + QUARTER
    assert press(there, "U0BOB", "approve", session.id) == Outcome.TOO_LATE
    assert there.until(session, State.DENIED).approved_at is None


def test_what_is_no_more_allowed_by_then_is_refused_when_it_is_approved() -> None:
    there = world()
    session = waiting(there)
    there.glasses = {"prod": replace(there.glasses["prod"], may=("bob@example.com",))}
    assert press(there, "U0BOB", "approve", session.id) == Outcome.APPROVED
    row = there.row(session.id)
    assert (row.state, there.assignments, there.books.locks) == (State.DENIED, set(), {})
    assert str(Event.ALLOWED) not in " ".join(row.steps)
    assert "alice@example.com is not among" in there.told[-1][1], "who approved it hears that"


def test_what_is_approved_and_cannot_be_decided_in_time_is_denied() -> None:
    there = world()
    session = waiting(there)
    there.says["permission_set"] = [Unavailable("down")] * 500
    assert press(there, "U0BOB", "approve", session.id) == Outcome.APPROVED
    row = there.until(session, State.DENIED, steps=500)
    assert "down" in row.reason
    assert there.time <= NOON + 6 * MINUTE
    assert row.reason in heard(there, "D-U0ALICE") or row.reason in heard(there)


def test_no_row_alone_brings_what_a_glass_wants_approved() -> None:
    there = world(approve=None)
    session = there.until(there.row(press(there, "U0ALICE")), State.ACTIVE)
    there = world()
    row = there.keep(session.with_(state=State.GRANTING, granted_at=None, standing=""))
    there.until(row, *OVER)
    assert "create" not in there.asked
    assert there.assignments == set()


def test_who_asks_again_is_told_that_it_waits_and_others_are_not_asked_twice() -> None:
    there = world()
    waiting(there)
    again = there.row(press(there, "U0ALICE"))
    assert again.state is State.DENIED
    assert again.reason.startswith(messages.ALREADY_WAITING)
    assert len([text for to, text in there.told if to == "C0INCIDENT"]) == 1


def test_who_has_it_already_asks_nobody() -> None:
    there = world()
    session = waiting(there)
    press(there, "U0BOB", "approve", session.id)
    there.until(session, State.ACTIVE)
    again = there.row(press(there, "U0ALICE"))
    assert again.reason.startswith(messages.ALREADY_OPEN)


def test_a_session_whose_lock_was_deleted_by_hand_is_no_wait() -> None:
    there = world()
    session = waiting(there)
    press(there, "U0BOB", "approve", session.id)
    there.until(session, State.ACTIVE)
    there.books.locks.clear()
    again = there.row(press(there, "U0ALICE"))
    assert again.state is State.APPROVING, "what stands is found out when it would be granted"


def test_another_person_who_waits_is_no_hindrance() -> None:
    there = world(may=("everyone",))
    waiting(there)
    waiting(there, "U0BOB")


# ---- without approval ----------------------------------------------------------------------------


def test_who_may_goes_in_without_approval_with_a_reason_and_everybody_is_told() -> None:
    there = world(bypass=("alice@example.com",))
    session = waiting(there)
    assert session.may_bypass
    assert press(there, "U0ALICE", "bypass", session.id) == Outcome.REFUSED
    assert "Say why" in there.told[-1][1]
    why = typed("INC-4711: nobody is awake")
    assert press(there, "U0ALICE", "bypass", session.id, **why) == Outcome.BYPASSED
    row = there.until(session, State.ACTIVE)
    assert (row.approved_by, row.why) == ("", "INC-4711: nobody is awake")
    assert row.bypassed_at is not None
    assert "Without approval" in heard(there)
    there.until(session, State.CLOSED)
    assert "gone in without approval" in "".join(mail.text for mail in there.mails)


def test_who_goes_in_without_approval_still_needs_an_acknowledgement() -> None:
    there = world(bypass=("alice@example.com",), acknowledge=QUARTER)
    session = waiting(there)
    press(there, "U0ALICE", "bypass", session.id, **typed("INC-4711"))
    row = there.until(session, State.ACTIVE)
    assert row.unacknowledged
    assert row.deadline == NOON + QUARTER


@pytest.mark.parametrize("who", ["U0ALICE", "U0BOB"])
def test_nobody_else_goes_in_without_approval_and_not_for_another(who: str) -> None:
    there = world(bypass=("bob@example.com",))
    session = waiting(there)
    assert not session.may_bypass
    assert press(there, who, "bypass", session.id, **typed("x")) == Outcome.REFUSED
    assert there.row(session.id).state is State.APPROVING


# ---- acknowledge ---------------------------------------------------------------------------------


def opened(**changes: Any) -> tuple[Pressed, Session]:
    there = world(approve=None, acknowledge=10 * MINUTE, **changes)
    session = there.until(there.row(press(there, "U0ALICE")), State.ACTIVE)
    assert session.deadline == NOON + 10 * MINUTE
    return there, session


def test_access_that_nobody_acknowledges_ends_and_is_warned_of_two_minutes_before() -> None:
    there, session = opened()
    row = there.until(session, State.SETTLING)
    assert row.over_since == NOON + 10 * MINUTE
    assert there.assignments == set()
    before = [text for to, text in there.told if to == "C0INCIDENT" and "acknowledged" in text]
    assert any("Nobody has acknowledged" in text for text in before)
    assert row.warned_for == NOON + 10 * MINUTE
    assert session.warns == WARN_UNACKNOWLEDGED


def test_who_acknowledges_it_makes_it_last_as_long_as_the_glass_says() -> None:
    there, session = opened()
    there.time += MINUTE
    assert press(there, "U0BOB", "acknowledge", session.id) == Outcome.ACKNOWLEDGED
    row = there.row(session.id)
    assert (row.deadline, row.acknowledged_by) == (NOON + HOUR, "bob@example.com")
    assert there.books.leases[session.id] == int((NOON + HOUR).timestamp())
    assert press(there, "U0BOB", "acknowledge", session.id) == Outcome.TOO_LATE
    assert "acknowledged it already" in there.told[-1][1]
    assert there.until(session, State.SETTLING).over_since == NOON + HOUR


@pytest.mark.parametrize("who", ["U0ALICE", "U0ALIAS"])
def test_nobody_acknowledges_their_own(who: str) -> None:
    there, session = opened()
    assert press(there, who, "acknowledge", session.id) == Outcome.REFUSED
    assert there.row(session.id).deadline == session.deadline


@pytest.mark.parametrize("who", ["U0ALICE", "U0BOB"])
def test_nobody_extends_what_nobody_has_acknowledged(who: str) -> None:
    there, session = opened()
    assert press(there, who, "extend", session.id) == Outcome.NOT_EXTENDED
    assert "Another person has to acknowledge it first" in heard(there)
    assert there.row(session.id).deadline == session.deadline


def test_what_another_approved_need_not_be_acknowledged() -> None:
    there = world(acknowledge=10 * MINUTE)
    session = waiting(there)
    press(there, "U0BOB", "approve", session.id)
    row = there.until(session, State.ACTIVE)
    assert not row.unacknowledged
    assert press(there, "U0BOB", "acknowledge", session.id) == Outcome.TOO_LATE
    assert "needs no acknowledgement" in there.told[-1][1]


def test_a_glass_that_asks_nobody_is_as_it_was() -> None:
    there = world(approve=None)
    session = there.row(press(there, "U0ALICE"))
    for what in (Kind.APPROVE, Kind.DECLINE):
        assert press(there, "U0BOB", what, session.id) == Outcome.TOO_LATE
        assert "It needs no approval" in there.told[-1][1]
