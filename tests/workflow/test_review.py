"""Another reviews what was done, from the report's message; never oneself; nobody waits on it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import OF_A_REVIEW, Outcome
from chalicelib.domain.errors import Gone, Refused, Unavailable
from chalicelib.domain.glass import REVIEW_OF_A_BYPASS
from chalicelib.domain.machine import Event, State
from chalicelib.domain.ports import Person, Reported
from chalicelib.domain.rows import values
from chalicelib.domain.session import LEFT_UNREVIEWED, Session
from chalicelib.words import messages, refusals, review
from chalicelib.workflow import changes, notifications
from chalicelib.workflow.outbox import TOLD
from tests.fakes.outside import World
from tests.fakes.pressing import Pressed, press
from tests.support.presses import typed
from tests.support.stories import NOON, glass

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def world(**changes: Any) -> Pressed:
    made = Pressed()
    made.glasses = {"prod": glass(**{"review": 4 * DAY, "may": ("everyone",)} | changes)}
    made.emails["U0ALIAS"] = "alice@example.com"  # a second Slack user of one person
    return made


def used(world: Pressed, who: str = "U0ALICE") -> Session:
    """Access that was given and taken back, and whose last report is there."""
    row = world.until(world.row(press(world, who)), State.REVIEWING, State.DENIED)
    assert (row.state, row.owed) == (State.REVIEWING, ()), row.reason
    return row


def heard(world: World, where: str = "") -> list[str]:
    return [text for to, text in world.told if where in ("", to)]


# ---- the review ----------------------------------------------------------------------------------


def test_what_was_done_is_reviewed_by_another_and_closed_with_it() -> None:
    there = world()
    session = used(there)
    assert session.concluded_at is not None
    assert session.review_until == session.concluded_at + 4 * DAY
    assert (there.assignments, there.books.locks, there.books.leases) == (set(), {}, {})
    note = typed("Only what the ticket says.", "note")
    there.time += DAY
    assert press(there, "U0BOB", "expected", session.id, **note) == Outcome.EXPECTED
    row = there.row(session.id)
    assert (row.state, row.owed, row.look_at) == (State.CLOSED, (), None)
    assert (row.reviewed_by, row.reviewed_as) == ("bob@example.com", "as expected")
    assert (row.reviewed_at, row.review_note) == (there.time, "Only what the ticket says.")
    assert row.steps[-1].endswith("CLOSED reviewed (queue, bob@example.com)")
    edited = heard(there, f"C0INCIDENT {row.report_ts}")
    assert any("bob@example.com reviewed it: as expected. Only what" in each for each in edited)
    assert "You have reviewed the access to “prod”: as expected." in heard(there)
    assert press(there, "U0MALLORY", "followup", session.id) == Outcome.TOO_LATE
    assert "bob@example.com reviewed it: as expected" in there.told[-1][1]


def test_who_wants_a_follow_up_says_so_to_everybody() -> None:
    there = world()
    session = used(there)
    outcome = press(there, "U0BOB", "followup", session.id, **typed("Why that bucket?", "note"))
    assert outcome == Outcome.FOLLOW_UP
    row = there.row(session.id)
    assert (row.state, row.reviewed_as) == (State.CLOSED, "follow up")
    said = [each for each in heard(there, "C0INCIDENT") if "follow up" in each]
    assert any("<@U0ALICE>" in each and "Why that bucket?" in each for each in said)


@pytest.mark.parametrize("who", ["U0ALICE", "U0ALIAS"])
@pytest.mark.parametrize("what", sorted(OF_A_REVIEW))
def test_nobody_reviews_their_own_by_whichever_slack_user(who: str, what: str) -> None:
    there = world()
    session = used(there)
    assert press(there, who, what, session.id) == Outcome.REFUSED
    assert there.row(session.id) == session, "not even its version"
    assert messages.YOUR_OWN in there.told[-1][1]


def test_who_was_renamed_in_the_directory_still_reviews_not_their_own() -> None:
    there = world()
    session = used(there)
    there.emails["U0BOB"] = "alice.new@example.com"
    there.says["person"] = [Person("alice-id", "alice", "Alice", "alice.new@example.com")]
    assert press(there, "U0BOB", "expected", session.id) == Outcome.REFUSED


@pytest.mark.parametrize(
    "who", [{"reviewers": ("mallory@example.com",)}, {"approvers": ("mallory@example.com",)}]
)
def test_only_reviewers_review_else_who_may_approve(who: dict[str, Any]) -> None:
    there = world(**who)
    session = used(there)
    assert session.may_review == "mallory@example.com"
    assert press(there, "U0BOB", "expected", session.id) == Outcome.REFUSED
    assert "review access to “prod”; ask mallory@example.com" in there.told[-1][1]
    assert press(there, "U0MALLORY", "expected", session.id) == Outcome.EXPECTED


@pytest.mark.parametrize("state", [State.ACTIVE, State.TAILING])
def test_before_its_last_report_there_is_nothing_to_review(state: State) -> None:
    there = world()
    session = there.until(there.row(press(there, "U0ALICE")), state)
    assert press(there, "U0BOB", "expected", session.id) == Outcome.TOO_LATE
    assert "when its last report is there" in there.told[-1][1]
    assert there.row(session.id).state is state


def test_what_never_came_and_what_no_glass_wants_reviewed_is_closed_as_ever() -> None:
    there = world(review=None)
    session = there.until(there.row(press(there, "U0ALICE")), State.CLOSED)
    assert session.review_until is None
    assert press(there, "U0BOB", "expected", session.id) == Outcome.TOO_LATE
    assert "It needs no review" in there.told[-1][1]
    there = world()
    there.says["create"] = [Refused("no", lasting=True)]
    there.says["delete"] = [Gone("there is none")]
    never = there.until(there.row(press(there, "U0ALICE")), State.CLOSED)
    assert (never.granted_at, never.review_until) == (None, None)


def test_a_session_that_an_older_version_let_in_is_closed_as_ever() -> None:
    there = world()
    session = there.until(there.row(press(there, "U0ALICE")), State.CONCLUDING)
    older = replace(session, review=timedelta(0), may_review="")
    there.books.sessions[session.id] = older
    assert there.until(older, State.CLOSED).review_until is None


def test_who_went_in_without_approval_owes_a_review_though_the_glass_wants_none() -> None:
    there = world(review=None, approve=10 * MINUTE, bypass=("alice@example.com",))
    session = there.row(press(there, "U0ALICE"))
    assert press(there, "U0ALICE", "bypass", session.id, **typed("INC-4711")) == Outcome.BYPASSED
    row = there.until(session, State.REVIEWING)
    assert (row.review, row.may_review) == (REVIEW_OF_A_BYPASS, "everyone")
    assert press(there, "U0ALICE", "expected", session.id) == Outcome.REFUSED
    assert press(there, "U0BOB", "expected", session.id) == Outcome.EXPECTED


# ---- the report's message ------------------------------------------------------------------------


def actions(message: dict[str, Any]) -> list[str]:
    found = [each for block in message["blocks"] for each in block.get("elements", [])]
    return [each["action_id"] for each in found if "action_id" in each]


def test_the_reports_message_has_the_buttons_and_a_field_while_they_work() -> None:
    there = world()
    session = used(there)
    message = review.report(session)
    assert actions(message) == ["expected", "followup"]
    (field,) = (each for each in message["blocks"] if each["type"] == "input")
    assert field["element"]["action_id"] == "say_why"
    assert not field["dispatch_action"], "a button reads it"
    for state in set(State) - {State.REVIEWING}:
        assert actions(review.report(session.with_(state=state))) == []
    assert "When the last report is there" in review.report(
        session.with_(state=State.TAILING, review_until=None)
    )["text"]  # fmt: skip
    assert review.report(session.with_(review=timedelta(0))) == messages.report(session)


def test_where_nothing_new_was_found_the_first_report_gets_them_and_somebody_is_told() -> None:
    there = world()
    session = there.until(there.row(press(there, "U0ALICE")), State.TAILING)
    session = there.until(session, State.TAILING)
    first = session.report_ts
    there.says["make"] = [Reported(None, (), 0, "digest")]
    before = len(there.told)
    row = there.until(session, State.REVIEWING)
    assert row.report_ts == first != ""
    told = there.told[before:]
    assert any(to == f"C0INCIDENT {first}" and "To be reviewed" in text for to, text in told)
    assert any(to == "C0INCIDENT" and "please review" in text for to, text in told)


def test_a_report_that_somebody_deleted_is_posted_anew_while_it_is_to_be_reviewed() -> None:
    there = world()
    session = used(there)
    again = session.with_(owed=("report_again",), report_ts="9.9", tell_at=None)
    there.books.sessions[session.id] = again.with_(look_at=there.time)
    there.says["update"] = [Refused("message_not_found", lasting=True)]
    assert there.look(session).report_ts == "1.5"
    there.says["update"] = [Refused("message_not_found", lasting=True)] * 9
    posted = len(heard(there, "C0INCIDENT"))
    assert press(there, "U0BOB", "expected", session.id) == Outcome.EXPECTED
    assert there.row(session.id).owed == ()
    assert len(heard(there, "C0INCIDENT")) == posted
    assert "report_ts" in TOLD


def test_who_presses_it_too_late_has_the_report_brought_up_to_date() -> None:
    there = world()
    session = used(there)
    there.books.sessions[session.id] = session = session.with_(report_ts="7.7")
    press(there, "U0BOB", "expected", session.id)
    before = len(there.told)
    message = {
        "container": {"type": "message", "message_ts": session.report_ts},
        "message": {"ts": session.report_ts},
    }
    assert press(there, "U0MALLORY", "expected", session.id, **message) == Outcome.TOO_LATE
    edited = [to for to, _ in there.told[before:]]
    assert f"C0INCIDENT {session.report_ts}" in edited


# ---- what is overdue -----------------------------------------------------------------------------


def test_reminders_grow_louder_and_rarer_and_in_the_end_nobody_waits_any_more() -> None:
    there = world()
    session = used(there)
    due = session.review_until
    assert due is not None
    before, mailed = len(there.told), len(there.mails)
    reminded = []
    while (row := there.row(session.id)).state is State.REVIEWING:
        assert row.look_at is not None
        there.time = row.look_at
        there.look(row)
        reminded += [there.time] * sum(":mag:" in text for _, text in there.told[before:])
        before = len(there.told)
    days = [round((at - due) / DAY) for at in reminded]
    assert days == [-2, 0, 1, 3, 7, 14, 21, 28]
    assert there.time == due + LEFT_UNREVIEWED
    said = [text for text in heard(there, "C0INCIDENT") if ":mag:" in text]
    calls = ["<!channel>" if "<!channel>" in each else "<!here>" if "<!here>" in each else ""
             for each in said]  # fmt: skip
    assert calls == ["", "<!here>", *["<!channel>"] * 6]
    mails = there.mails[mailed:]
    assert len(mails) == 7, "also by mail, from when it is due"
    assert all("not reviewed" in each.subject for each in mails)
    row = there.row(session.id)
    assert (row.state, row.reviewed_by, row.owed, row.look_at) == (State.CLOSED, "", (), None)
    assert row.steps[-1].split(" ", 2)[2] == f"{Event.NOT_REVIEWED} (queue)"
    spoken = " ".join([*said, *(each.text for each in mails)])
    assert "MAY STILL HAVE" not in spoken
    assert "is late" not in spoken
    assert press(there, "U0BOB", "expected", session.id) == Outcome.TOO_LATE
    assert "Nobody reviewed it in time" in there.told[-1][1]


def test_a_review_of_an_odd_length_is_reminded_of_at_a_whole_millisecond() -> None:
    there = world(review=timedelta(milliseconds=90_001))
    session = used(there)
    assert session.look_at is not None
    there.time = session.look_at
    assert there.look(session).alarms == 1


def test_the_log_keeps_what_was_reviewed_from_then_on() -> None:
    there = world()
    session = used(there)
    assert "ttl" not in values(session, DAY)
    press(there, "U0BOB", "expected", session.id)
    row = there.row(session.id)
    assert row.reviewed_at is not None
    assert values(row, DAY)["ttl"] >= (row.reviewed_at + DAY).timestamp()
    left = replace(row, reviewed_at=None)
    assert left.never_reviewed_at is not None
    assert values(left, DAY)["ttl"] >= (left.never_reviewed_at + DAY).timestamp()


def test_a_review_without_a_channel_is_kept_all_the_same() -> None:
    """Of a row whose channel an operator has taken out, or by the command."""
    there = world()
    session = used(there).with_(channel="")
    after = changes.reviewed(session, "follow up", "arn:aws:sts::1:x/bob", "", "command", NOON)
    assert after.owed == ("mine",)
    assert notifications.of_a_review(session, is_new=True) == ()
    there.books.sessions[session.id] = session
    told, mails = len(there.told), len(there.mails)
    due = there.until(session, State.CLOSED)
    assert due.reviewed_at is None
    assert [to for to, _ in there.told[told:] if to.startswith("C0")] == []
    assert len(there.mails) == mails + 7, "whoever gets the report hears of it all the same"


# ---- not again before it is reviewed -------------------------------------------------------------


def test_who_owes_a_review_is_kept_out_until_another_has_done_it() -> None:
    there = world(block_until_reviewed=True, reviewers=("bob@example.com", "mallory@example.com"))
    session = used(there)
    again = there.row(press(there, "U0ALICE"))
    assert (again.state, again.asked_at > session.asked_at) == (State.DENIED, True)
    assert again.reason == refusals.unreviewed(there.glasses["prod"], session.id)
    assert session.id in again.reason
    assert "ask bob@example.com or mallory@example.com" in again.reason
    assert there.row(press(there, "U0ALIAS")).state is State.DENIED, "one person is one person"
    used(there, "U0MALLORY")
    assert press(there, "U0BOB", "expected", session.id) == Outcome.EXPECTED
    assert there.row(press(there, "U0ALICE")).state in (State.GRANTING, State.ACTIVE)


def test_who_is_kept_out_bothers_nobody_for_an_approval() -> None:
    there = world(block_until_reviewed=True, approve=10 * MINUTE)
    session = there.row(press(there, "U0ALICE"))
    assert press(there, "U0BOB", "approve", session.id) == Outcome.APPROVED
    there.until(session, State.REVIEWING)
    again = there.row(press(there, "U0ALICE"))
    assert again.state is State.DENIED
    assert again.reason.startswith("Nobody has reviewed your last use")


@pytest.mark.parametrize(
    "nobody_else",
    [
        {"block_until_reviewed": False},
        {"may": ("alice@example.com",), "reviewers": ("bob@example.com",)},
        {"may": ("Alice@Example.com", "alice@example.com"), "reviewers": ("bob@example.com",)},
        {"reviewers": ("alice@example.com",)},
    ],
)
def test_nobody_is_kept_out_who_is_the_last_or_whom_nobody_else_reviews(
    nobody_else: dict[str, Any],
) -> None:
    there = world(**{"block_until_reviewed": True} | nobody_else)
    used(there)
    assert there.row(press(there, "U0ALICE")).state in (State.GRANTING, State.ACTIVE)


def test_another_glass_and_a_report_that_is_not_there_yet_keep_nobody_out() -> None:
    there = world(block_until_reviewed=True)
    there.glasses["other"] = glass(
        name="other", review=DAY, may=("everyone",), block_until_reviewed=True
    )
    used(there)
    assert there.row(press(there, "U0ALICE", value="other")).state in (State.GRANTING, State.ACTIVE)
    there = world(block_until_reviewed=True)
    there.until(there.row(press(there, "U0ALICE")), State.TAILING)
    assert there.row(press(there, "U0ALICE")).state in (State.GRANTING, State.ACTIVE)


def test_where_it_cannot_be_looked_up_nobody_is_let_in_by_that() -> None:
    there = world(block_until_reviewed=True)
    used(there)
    there.books.unreviewed = failing  # type: ignore[method-assign]
    row = there.row(press(there, "U0ALICE"))
    assert (row.state, row.last_error) == (State.REQUESTED, "the table does not answer")


def failing(session: Session, since: Any) -> str | None:
    raise Unavailable("the table does not answer")
