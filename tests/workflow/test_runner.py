"""advance(), step by step over fakes; the simulation has the interleavings."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Gone, Refused, Stale, Unavailable, Unknown, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Call, Reading, Reported
from chalicelib.domain.session import Access, Lock, Session
from chalicelib.words import messages
from chalicelib.words.messages import date
from chalicelib.workflow.changes import UNKNOWN
from chalicelib.workflow.timing import (
    CALL_TAKES,
    CLOCK_SKEW,
    LISTING_LAG,
    LONGEST_CLAIM,
    NETWORK_DELAY,
)
from tests.fakes.outside import World
from tests.fakes.rows import asked, closing, held, pressed
from tests.support.stories import (
    HOUR,
    NOON,
    SET,
    active,
    glass,
    granting,
    requested,
    revoking,
    settling,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


# ---- the whole way ------------------------------------------------------------------------------


def test_a_press_goes_all_the_way_to_the_closed_report(world: World) -> None:
    session = pressed(world)
    row = world.until(session, "ACTIVE")
    assert row.deadline == NOON + HOUR
    assert row.access in world.assignments
    row = world.until(session, "SETTLING")
    assert world.assignments == set()
    assert (row.ended_how, row.lag_asked, row.lag_gone) == ("expired", 0.0, 1.0)
    row = world.until(session, "CLOSED")
    assert ["has BreakGlassAdmin on" in mail.subject for mail in world.mails] == [
        True,
        False,
        False,
    ]
    assert (row.report_final, row.owed) == ("second", ())
    assert world.books.locks == world.books.leases == {}
    assert row.look_at is None


def test_what_is_no_session_is_nobodys_business(world: World) -> None:
    world.books.sessions.clear()
    assert world.runner().advance("bg-none", _look(world)) is None


def _look(world: World) -> Any:
    from chalicelib.workflow.answers import Turn

    return Turn("queue", lambda: world.left)


def test_a_worker_at_its_end_leaves_what_is_due_to_the_next(world: World) -> None:
    session = pressed(world)
    world.left = CALL_TAKES - SECOND
    row = world.look(session)
    assert row.state is State.GRANTING  # nothing outside was asked
    assert row.look_at is not None
    assert row.look_at <= world.time
    assert "create" not in world.asked


# ---- REQUESTED ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "changes", "says"),
    [
        ("There is no glass called “nonesuch”.", {"glass": "nonesuch"}, {}),
        (
            "No glass is set up for this permission set on account 999999999999.",
            {"glass": "", "account_id": "999999999999", "permission_set_arn": "arn:x"},
            {},
        ),
        (
            "No glass is set up for this permission set on account 111122223333.",
            {"glass": "", "permission_set_arn": "arn:another"},
            {},
        ),
        (messages.NOBODY, {"slack_user": "U0NOBODY"}, {}),
        ("knows no user with the e-mail alice@example.com", {}, {"person": [None]}),
        ("The permission set “BreakGlassAdmin”", {}, {"permission_set": [None]}),
        ("mallory@example.com is not among those", {"slack_user": "U0MALLORY"}, {}),
    ],
)
def test_who_may_not_is_denied_with_the_reason(
    world: World, reason: str, changes: dict[str, Any], says: dict[str, Any]
) -> None:
    world.says = says
    row = world.look(pressed(world, **changes))
    assert row.state is State.DENIED
    assert reason in row.reason
    assert ("response_url", world.told[0][1]) == world.told[0]
    assert row.look_at is None


def test_a_press_by_account_and_set_finds_its_glass(world: World) -> None:
    arn = active().permission_set_arn
    row = world.until(pressed(world, glass="", permission_set_arn=arn), "ACTIVE")
    assert row.glass == "prod"


def test_a_group_member_may(world: World) -> None:
    row = world.until(pressed(world, slack_user="U0BOB"), "ACTIVE")
    assert row.email == "bob@example.com"


def test_a_press_that_cannot_be_decided_in_time_is_denied_and_never_granted_late(
    world: World,
) -> None:
    session = pressed(world)
    world.says["person"] = [Unavailable("down")] * 100
    row = world.until(session, "DENIED")
    assert world.time >= NOON + timedelta(minutes=5)
    assert "could not be decided in time" in row.reason
    assert "down" in row.reason
    assert world.assignments == set()


def test_time_that_passed_during_the_look_ups_counts(world: World) -> None:
    def pause() -> None:
        world.time += timedelta(minutes=6)

    world.meanwhile["person"] = pause
    assert world.look(pressed(world)).state is State.DENIED


def test_a_press_on_an_open_lock_is_denied_and_says_until_when(world: World) -> None:
    world.keep(active(id="bg-first", principal_id="alice-id"))
    row = world.look(pressed(world))
    assert row.state is State.DENIED
    assert row.reason.startswith(f"{messages.ALREADY_OPEN}2026-11-22 13:00 UTC;")
    assert world.row("bg-first").state is State.ACTIVE


def test_a_lock_that_is_free_by_the_time_that_one_looks_who_holds_it_is_taken(world: World) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.locks[access.key] = "bg-other"
    free = world.books.lock

    def lock(access: Access) -> Lock | None:
        world.books.locks.pop(access.key, None)
        return free(access)

    world.books.lock = lock  # type: ignore[method-assign]
    assert world.look(session).state is State.GRANTING


@pytest.mark.parametrize(
    "holder",
    [
        revoking(id="bg-first", principal_id="alice-id", busy_until=NOON + MINUTE),
        granting(id="bg-first", principal_id="alice-id", shape="found", busy_until=NOON + MINUTE),
        active(id="bg-first", principal_id="alice-id", deadline=NOON, busy_until=NOON + MINUTE),
    ],
)
def test_a_press_waits_while_the_access_is_being_taken_back(world: World, holder: Session) -> None:
    world.keep(holder)
    row = world.look(pressed(world))
    assert (row.state, row.last_error) == (
        State.REQUESTED,
        "the access is just being taken back",
    )
    world.books.sessions["bg-first"] = settling(id="bg-first", principal_id="alice-id")
    assert world.until(row, "ACTIVE").granted_at is not None


def test_a_lock_without_a_live_session_is_freed(world: World) -> None:
    access = active(principal_id="alice-id").access
    world.keep(settling(id="bg-closed", principal_id="alice-id"))
    world.books.locks[access.key] = "bg-closed"
    assert world.look(pressed(world)).state is State.GRANTING


def test_what_is_just_being_deleted_does_not_stand(world: World) -> None:
    session = world.keep(granting())
    world.assignments.add(session.access)
    world.says["deleting"] = [True]
    assert world.look(session).standing == ""
    world.assignments.clear()  # it is gone now
    assert world.until(session, "ACTIVE").standing == "no"


def test_a_lock_whose_session_an_operator_has_deleted_is_freed_when_nothing_can_land(
    world: World,
) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.locks[access.key] = "bg-missing"
    world.assignments.add(access)  # what the deleted session gave
    world.time += MINUTE  # nobody looks before: the claim counts from the first look
    for wait in (timedelta(0), LONGEST_CLAIM - SECOND):
        world.time += wait
        row = world.look(session)
        assert (row.state, row.orphan_at) == (State.REQUESTED, NOON + MINUTE)
        assert "may still" in row.last_error
    world.time += SECOND
    world.says["deleting"] = [True, False]
    assert world.look(session).state is State.REQUESTED
    row = world.until(session, "ACTIVE")
    assert row.standing == "left"
    assert row.stands
    assert (
        world.books.session_that_saw(access) is None
    )  # nobody accounts for it: reconciliation says so
    world.time = NOON + 2 * HOUR
    assert world.until(row, "CLOSED")
    assert access in world.assignments


def test_who_takes_the_lock_first_has_it(world: World) -> None:
    """Another session takes it between our look and our write."""
    first = active(id="bg-first", principal_id="alice-id")
    allow = world.books.allow

    def slower(session: Session) -> None:
        world.keep(first)
        world.books.allow = allow  # type: ignore[method-assign]
        allow(session)

    world.books.allow = slower  # type: ignore[method-assign]
    assert world.look(pressed(world)).state is State.DENIED


def test_a_table_that_refuses_the_intent_is_asked_again(world: World) -> None:
    allow = world.books.allow

    def refuses(session: Session) -> None:
        world.books.allow = allow  # type: ignore[method-assign]
        raise Unavailable("DynamoDB: ProvisionedThroughputExceeded")

    world.books.allow = refuses  # type: ignore[method-assign]
    session = pressed(world)
    assert world.look(session).last_error.startswith("DynamoDB")
    assert world.until(session, "ACTIVE")


# ---- GRANTING -----------------------------------------------------------------------------------


def test_what_stood_before_is_left_alone(world: World) -> None:
    session = world.keep(granting())
    world.assignments.add(session.access)
    row = world.until(session, "ACTIVE")
    assert row.standing == "yes"
    world.until(session, "SETTLING")
    assert world.assignments == {session.access}
    assert {"create", "delete"}.isdisjoint(world.asked)


def test_another_live_session_of_the_access_ends_this_one_with_nothing_to_take_back(
    world: World,
) -> None:
    other = world.keep(active(id="bg-other"))
    world.assignments.add(other.access)
    session = world.keep(granting())
    row = world.until(session, "SETTLING")
    assert row.reason == "Another session holds this access."
    assert world.assignments == {other.access}


def test_a_late_index_that_names_a_closed_session_stops_nothing(world: World) -> None:
    closed = world.keep(settling(id="bg-old"))
    world.books.living = lambda access: ["bg-gone", closed.id]  # type: ignore[method-assign]
    assert world.until(world.keep(granting()), "ACTIVE")


def test_a_deadline_that_passes_during_the_look_ups_stops_the_grant(world: World) -> None:
    def pause() -> None:
        world.time += HOUR

    world.meanwhile["assigned"] = pause
    row = world.look(world.keep(granting()))
    assert "create" not in world.asked
    assert row.state is State.SETTLING


def test_a_deadline_that_passes_right_before_the_claim_stops_the_grant(world: World) -> None:
    session = world.keep(granting())
    now = iter([NOON] + [NOON + HOUR] * 100)
    world.now = lambda: next(now)  # type: ignore[method-assign]
    world.look(session)
    assert "create" not in world.asked


def reads(world: World) -> list[str]:
    """The sessions that are read from now on."""
    read, found = world.books.read, list[str]()

    def noted(session_id: str) -> tuple[Session | None, bool]:
        found.append(session_id)
        return read(session_id)

    world.books.read = noted  # type: ignore[method-assign]
    return found


def test_what_a_look_has_written_it_need_not_read_again(world: World) -> None:
    session = world.keep(active(deadline=NOON + SECOND))
    world.assignments.add(session.access)
    asked = reads(world)
    assert world.look(session, patience=1).state is State.SETTLING
    assert asked == [session.id]


def test_an_end_that_is_decided_while_a_deadline_is_waited_for_is_not_lost(world: World) -> None:
    session = world.keep(active(deadline=NOON + SECOND))
    sleep, asked_for = world.sleep, reads(world)

    def pressed(duration: timedelta) -> None:
        world.sleep = sleep  # type: ignore[method-assign]
        world.ask(asked(session, "end", "U0ALICE"))
        sleep(duration)

    world.sleep = pressed  # type: ignore[method-assign]
    row = world.look(session)
    assert (row.ended_how, row.ended_by) == ("ended", "alice@example.com")
    assert asked_for == [session.id] * 3


def test_what_is_owed_is_said_by_one_look_at_a_time(world: World) -> None:
    session = world.keep(active(owed=("card",), tell_at=NOON + MINUTE))
    assert world.look(session) == session
    assert world.told == []


def test_the_claim_outlives_the_worker(world: World) -> None:
    session = world.keep(granting())
    world.says["create"] = [Unknown("timeout")]
    row = world.look(session)
    assert row.grant_call == "?"
    assert row.busy_until is None  # whoever comes may look for it …
    assert (
        row.grant_late_until == NOON + world.left + NETWORK_DELAY + CLOCK_SKEW
    )  # … and nobody ask again
    assert (row.tries, row.last_error) == (1, "timeout")
    assert any(what == "outcome unknown" for _, what, _ in world.lines)
    assert world.asked.count("create") == 1
    world.time += SECOND
    world.look(session)
    assert world.asked.count("create") == 1


def test_an_unknown_grant_is_settled_before_it_is_asked_again(world: World) -> None:
    session = world.keep(granting())
    world.says |= {"create": [Unknown("timeout")], "creating": [True, True]}
    world.look(session)
    world.time += MINUTE
    assert world.look(session).state is State.GRANTING
    assert world.asked.count("create") == 1
    assert world.until(session, "ACTIVE")
    assert world.asked.count("create") == 2  # the first was settled: it had not landed


def test_a_grant_refused_for_good_says_why_and_leaves_nothing_open(world: World) -> None:
    session = world.keep(granting())
    world.says["create"] = [Refused("AccessDenied: no", lasting=True)]
    world.says["delete"] = [Gone("nothing there")]
    row = world.until(session, "SETTLING")
    assert (row.ended_how, row.reason) == ("grant failed", "AccessDenied: no")
    assert world.look(row).owed == ()
    assert "never came: AccessDenied: no. Nothing stays open" in world.told[-1][1]


def test_a_grant_refused_for_now_is_asked_again_and_the_person_hears_that_it_takes_long(
    world: World,
) -> None:
    session = world.keep(granting())
    world.says["create"] = [Refused("ThrottlingException")] * 2 + [Unavailable("x")] * 0
    world.says["creation"] = [Call("FAILED", "a reason"), Call("FAILED"), Call("SUCCEEDED")]
    world.says["assigned"] = [False] * 6
    row = world.until(session, "ACTIVE")
    assert row.tries == 0
    assert any("takes longer than usual" in text for _, text in world.told)


def test_a_grant_that_succeeded_may_take_a_while_to_show(world: World) -> None:
    session = world.keep(granting())
    world.says["assigned"] = [False] * 8
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1


def test_a_grant_that_succeeded_and_never_shows_is_asked_again(world: World) -> None:
    session = world.keep(granting())
    world.says["assigned"] = [False] * 14
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 2
    assert world.time >= NOON + LISTING_LAG


def test_a_request_that_aws_does_not_describe_yet_is_waited_for(world: World) -> None:
    session = world.keep(granting())
    world.says["creation"] = [Call("UNKNOWN"), Call("IN_PROGRESS"), Call("SUCCEEDED")]
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1


def test_a_request_that_aws_has_forgotten_is_waited_for_no_more(world: World) -> None:
    session = world.keep(
        granting(standing="no", grant_call="create-0", grant_asked_at=NOON - 11 * MINUTE)
    )
    world.says["creation"] = [Call("UNKNOWN")]
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1


def test_a_center_that_does_not_answer_delays_the_grant(world: World) -> None:
    session = world.keep(granting())
    world.says["assigned"] = [Unavailable("IAM Identity Center: 503")] * 3
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1
    assert any("503" in facts.get("error", "") for _, _, facts in world.lines)


def test_a_worker_without_time_leaves_the_grant_to_the_next(world: World) -> None:
    session = world.keep(granting())
    world.left = CALL_TAKES - SECOND
    assert world.look(session).standing == ""
    world.left = MINUTE
    assert world.until(session, "ACTIVE")


def test_who_loses_the_race_looks_again(world: World) -> None:
    session = world.keep(granting())

    def another() -> None:
        world.ask(asked(session, "end", "U0ALICE"))

    world.meanwhile["assigned"] = another
    row = world.look(session)
    assert "create" not in world.asked
    assert row.ended_how == "ended"


def test_an_outcome_is_kept_though_another_has_written_meanwhile(world: World) -> None:
    session = world.keep(granting())

    def ends() -> None:
        world.ask(asked(session, "end", "U0ALICE", world.time))

    world.meanwhile["create"] = ends
    world.until(session, "SETTLING")
    assert world.assignments == set()
    assert world.row(session.id).ended_by == "alice@example.com"


# ---- REVOKING -----------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("stale", [False, True])
def test_what_a_call_came_to_is_counted_and_frees_its_claim_though_the_table_fails(
    world: World, failing: int, stale: bool
) -> None:
    """Not even the next step's own failure could be written: the claim stood, without a reason."""
    session = held(world)
    write, number = world.books.write, 0

    def fails(row: Session) -> None:
        nonlocal number
        number += 1
        if 1 < number <= 1 + failing:  # the claim is written, and then nothing
            raise Stale("another") if stale and number == 2 else Unavailable("DynamoDB: down")
        write(row)

    world.books.write = fails  # type: ignore[method-assign]
    world.books.release = fails  # type: ignore[method-assign]
    row = world.look(session, patience=3)
    assert (row.busy_until, row.busy_token) == (None, "")
    del world.books.write, world.books.release
    assert world.until(row, "SETTLING")


def test_no_delete_is_asked_before_the_grant_is_settled(world: World) -> None:
    session = held(world, grant_call="?", grant_asked_at=NOON)
    world.says["creating"] = [True]
    world.look(session)
    assert "delete" not in world.asked
    world.until(session, "SETTLING")
    assert world.asked.count("delete") == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {"delete": [Refused("ConflictException")] * 3},
        {"deletion": [Call("FAILED", "a reason"), Call("FAILED")]},
        {"deletion": [Call("IN_PROGRESS")] * 5},
        {"delete": [Unknown("timeout")], "deleting": [True, True, False]},
        {"assigned": [True, True]},
        {"assigned": [Unavailable("down")] * 3},
        {"creating": []},
    ],
)
def test_a_revoke_never_gives_up(world: World, trouble: dict[str, Any]) -> None:
    session = held(world)
    world.says = {call: list(answers) for call, answers in trouble.items()}
    row = world.until(session, "SETTLING")
    assert world.assignments == set()
    assert row.gone_at is not None
    assert row.revoke_first_asked_at == NOON + HOUR
    assert world.books.locks.keys() == world.books.free_at.keys()


def test_a_delete_whose_outcome_is_unknown_is_asked_again_at_once(world: World) -> None:
    session = held(world)
    world.says["delete"] = [Unknown("503")] * 3
    row = world.look(session, patience=1)
    assert row.state is State.SETTLING
    assert world.time < NOON + HOUR + 5 * SECOND
    assert world.asked.count("delete") == 4


def test_until_an_unknown_delete_can_land_no_more_the_lock_stays(world: World) -> None:
    session = held(world, tail=timedelta(0))
    world.says["delete"] = [Unknown("503")]
    row = world.look(session, patience=1)
    late = NOON + HOUR + world.left + NETWORK_DELAY + CLOCK_SKEW
    assert (row.state, row.revoke_late_until) == (State.SETTLING, late)
    assert world.books.lock(session.access) == Lock(session.id, late)
    again = pressed(world, id="bg-again", asked_at=world.time, wait_until=world.time + HOUR)
    row = world.look(again)
    assert (row.state, row.last_error) == (
        State.REQUESTED,
        "what an earlier session has asked for may still land",
    )
    world.says["deleting"] = [True]  # it has just been accepted
    world.time = late
    assert world.look(again).state is State.REQUESTED
    assert world.until(again, "ACTIVE").granted_at is not None


def test_what_is_there_is_taken_back_though_a_grant_may_still_land(world: World) -> None:
    late = NOON + HOUR + MINUTE
    session = held(
        world, grant_call="?", grant_asked_at=NOON + HOUR, grant_late_until=late, granted_at=None
    )
    row = world.look(session)
    assert world.assignments == set()
    assert row.state is State.REVOKING
    world.assignments.add(session.access)  # and there it lands once more
    world.until(session, "SETTLING")
    assert world.assignments == set()
    assert world.time >= late


def test_access_that_was_there_had_come_though_nobody_wrote_it_down(world: World) -> None:
    session = held(world, granted_at=None, listed_at=None, grant_asked_at=NOON)
    row = world.until(session, "SETTLING")
    assert row.granted_at == NOON
    assert any("is closed" in text for _, text in world.told)
    world.until(row, "CLOSED")
    assert len(world.mails) == 2


def test_a_revoke_of_what_is_gone_is_done(world: World) -> None:
    session = held(world)
    world.says["delete"] = [Gone("nothing there")]
    world.assignments.clear()
    assert world.until(session, "SETTLING").revoke_call == "done"


def test_what_may_still_land_is_deleted_again_only_after_a_pause(world: World) -> None:
    """The list still shows what a delete finds gone: a circle, as fast as AWS answers."""
    late = {"grant_call": UNKNOWN, "grant_late_until": NOON + HOUR + MINUTE, "granted_at": None}
    session = held(world, **late)
    world.says |= {"assigned": [True] * 100, "delete": [Gone("nothing there")] * 100}
    world.look(session, patience=5)
    assert world.asked.count("delete") == 1 + 5
    world.time += 2 * MINUTE
    world.says = {}
    world.assignments.clear()
    assert world.until(session, "SETTLING")


def test_a_worker_without_time_leaves_the_delete_to_the_next(world: World) -> None:
    session = held(world)
    world.left = CALL_TAKES - SECOND
    world.look(session)
    assert "delete" not in world.asked
    world.left = MINUTE
    assert world.until(session, "SETTLING")


def test_whoever_may_be_alone_sees_it_through(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [Call("IN_PROGRESS")] * 3
    row = world.look(session, "stream", patience=20)
    assert row.state is State.SETTLING
    assert row.revoke_look == row.gone_look == "stream"


def test_the_queues_side_waits_for_the_first_poll_and_no_longer(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [Call("IN_PROGRESS")] * 3
    row = world.look(session, patience=1)
    assert (row.state, row.busy_until) == (State.REVOKING, None)
    assert world.asked.count("deletion") == 1


def test_the_lock_is_not_free_before_the_read_back(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [Call("IN_PROGRESS")]
    world.look(session)
    assert world.books.locks == {session.access.key: session.id}


# ---- louder each time ---------------------------------------------------------------------------


def stuck(world: World, **changes: Any) -> Session:
    """A revoke that AWS refuses for hours."""
    session = held(world, **changes)
    world.says["delete"] = [Refused("ConflictException: not yet")] * 10_000
    return session


def alarms(world: World) -> list[float]:
    """Minutes after the deadline at which the log had an error."""
    return [
        facts["metrics"]["RevokeOverdueSeconds"] / 60
        for level, _, facts in world.lines
        if level == "error" and "RevokeOverdueSeconds" in facts["metrics"]
    ]


def test_a_revoke_that_does_not_succeed_is_made_known_after_2_5_15_minutes_then_every_15(
    world: World,
) -> None:
    session = stuck(world, card_ts="1.0")
    end = NOON + HOUR + timedelta(minutes=62)
    while world.time < end:
        row = world.look(session)
        assert row.look_at is not None
        world.time = max(row.look_at, world.time + SECOND)
    assert [round(minutes) for minutes in alarms(world)] == [2, 5, 15, 30, 45, 60]
    assert all(minutes - round(minutes) < 0.5 for minutes in alarms(world))
    in_channel = [text for where, text in world.told if where == "C0INCIDENT"]
    assert len(in_channel) == len(world.mails) == 6
    command = "aws sso-admin delete-account-assignment"
    for words in (*in_channel, *(mail.text for mail in world.mails)):
        assert command in words
        assert "ConflictException: not yet" in words
    assert all(mail.to == ("security@example.com",) for mail in world.mails)
    assert "<!here>" not in in_channel[0]
    assert "<!here>" in in_channel[1]
    assert all("<!channel>" in text for text in in_channel[2:])
    errors = [facts for level, _, facts in world.lines if level == "error"]
    assert all(facts["command"].startswith(command) for facts in errors)
    assert all(facts["glass"] == "prod" for facts in errors)
    row = world.row(session.id)
    assert (row.last_error, row.tries > 60) == ("ConflictException: not yet", True)


@pytest.mark.parametrize("call", ["delete", "deleting", "deletion", "assigned"])
@pytest.mark.parametrize("rest", [0, 4], ids="{} s".format)
def test_an_alarm_is_told_though_each_try_takes_longer_than_it_rests(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, rest: int
) -> None:
    """Every try was due again before the one before it had failed, so none made room for words."""
    session = held(world, revoke_call="delete-1" if call == "deletion" else "", card_ts="1.0")
    if call == "deleting":
        session = world.keep(session.with_(revoke_call="?", revoke_asked_at=NOON))

    def silent(*_: Any) -> Any:
        world.time += (5 + rest) * SECOND
        raise Unknown("a timeout") if call == "delete" else Unavailable("a timeout")

    monkeypatch.setattr(world, call, silent)
    while world.time < NOON + HOUR + timedelta(minutes=4):
        row = world.look(session)
        assert row.look_at is not None
        world.time = max(row.look_at, world.time + SECOND)
    assert len(world.mails) == len([w for w, _ in world.told if w == "C0INCIDENT"]) == 1


def test_an_alarm_is_told_though_what_is_waited_for_is_slow_to_say_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = held(world, revoke_call="delete-1", revoke_asked_at=NOON + HOUR)

    def slow(*_: Any) -> Call:
        world.time += 6 * SECOND
        return Call("IN_PROGRESS")

    monkeypatch.setattr(world, "deletion", slow)
    while world.time < NOON + HOUR + timedelta(minutes=4):
        row = world.look(session)
        assert row.look_at is not None
        world.time = max(row.look_at, world.time + SECOND)
    assert len(world.mails) == 1


def test_when_it_is_over_everybody_who_was_called_hears_it(world: World) -> None:
    session = stuck(world, card_ts="1.0")
    world.says["delete"] = [Refused("ConflictException")] * 100
    world.until(session, "SETTLING", steps=500)
    world.look(session)
    assert any("no longer has BreakGlassAdmin" in text for _, text in world.told)
    assert ": closed after all" in world.mails[-1].subject


def test_an_alarm_that_could_not_be_told_is_not_told_when_it_is_over(world: World) -> None:
    session = stuck(world, card_ts="1.0")
    world.says["delete"] = [Refused("ConflictException")] * 60
    world.says["post"] = [Unavailable("Slack: down")] * 100
    world.says["mail"] = [Unavailable("SES: down")] * 100
    world.until(session, "SETTLING", steps=500)
    world.says["post"] = world.says["mail"] = []
    for _ in range(10):
        world.time += MINUTE
        world.look(session)
    assert not any("MAY STILL HAVE" in text for _, text in world.told)
    assert not any("ACTION NEEDED" in mail.subject for mail in world.mails)


@pytest.mark.parametrize("claim", [timedelta(0), 2 * HOUR])
@pytest.mark.parametrize(
    "trouble",
    [
        {"delete": [Unknown("503")] * 10_000},
        {"assigned": [Unavailable("hangs")] * 10_000, "delete": [Gone("?")] * 10_000},
        {"deletion": [Call("IN_PROGRESS")] * 10_000},
        {"delete": [ZeroDivisionError("a mistake")] * 10_000},
    ],
)
def test_people_hear_of_it_whatever_a_claim_or_a_call_is_at(
    world: World, trouble: dict[str, Any], claim: timedelta
) -> None:
    session = held(world, card_ts="1.0", busy_until=NOON + HOUR + claim)
    world.says = trouble
    while world.time < NOON + HOUR + 6 * MINUTE:
        row = world.look(session)
        assert row.look_at is not None
        world.time = max(row.look_at, world.time + SECOND)
    assert [round(minutes) for minutes in alarms(world) if minutes] == [2, 5]
    assert len([text for where, text in world.told if where == "C0INCIDENT"]) == 2
    assert len(world.mails) == 2


def test_a_reason_belongs_to_its_duty(world: World) -> None:
    world.says = {"post": [Unavailable("Slack: TimeoutError")] * 3}
    session = stuck(world, card_ts="1.0", owed=("card_again",), channel="C0INCIDENT")
    world.says["update"] = [Unavailable("Slack: TimeoutError")] * 3
    while not world.mails:
        world.time += 20 * SECOND
        world.look(session)
    assert "Slack" not in world.mails[0].text
    assert "ConflictException" in world.mails[0].text


def test_a_mistake_in_the_program_is_in_the_row_and_the_log_says_where(world: World) -> None:
    session = held(world)
    world.says["assigned"] = [KeyError("a secret")]
    world.says["delete"] = [Gone("nothing there")]
    world.assignments.clear()
    row = world.look(session)
    assert (row.tries, "KeyError" in row.last_error) == (1, True)
    ((_, _, facts),) = [line for line in world.lines if line[1] == "a duty failed"]
    assert "outside.py" in facts["trace"]
    assert "a secret" not in str(facts)
    assert world.until(row, "SETTLING")


@pytest.mark.parametrize("call", ["create", "delete"])
@pytest.mark.parametrize("error", [KeyError("a secret"), Unavailable("no client")])
def test_a_mistake_under_a_claim_is_counted_and_frees_it(
    world: World, call: str, error: Exception
) -> None:
    """The next try came when the claim was over, and nobody read why."""
    session = world.keep(granting()) if call == "create" else held(world)
    world.says[call] = [error]
    row = world.look(session)
    assert (row.tries, row.busy_until, row.busy_token) == (1, None, "")
    assert str(error) in row.last_error or "KeyError" in row.last_error
    assert getattr(row, "grant_call" if call == "create" else "revoke_call") == "?"
    late = row.grant_late_until if call == "create" else row.revoke_late_until
    assert late, "it may land all the same"
    assert row.retry_at is not None
    assert row.retry_at - world.time <= 3 * SECOND
    world.until(row, "ACTIVE" if call == "create" else "SETTLING")


def test_a_mistake_after_the_answer_is_counted_too(world: World) -> None:
    session, outcome = held(world), world.books.write

    def broken(row: Session) -> None:
        if row.revoke_call == "delete-1":
            world.books.write = outcome  # type: ignore[method-assign]
            raise TypeError("a mistake")
        outcome(row)

    world.books.write = broken  # type: ignore[method-assign]
    row = world.look(session)
    assert (row.tries, row.revoke_call, row.busy_until) == (1, "?", None)


def test_a_mistake_that_another_state_has_overtaken_is_not_its_own(world: World) -> None:
    session = world.keep(granting())
    world.meanwhile["create"] = lambda: world.ask(asked(session, "end", "U0ALICE"))
    world.says["create"] = [KeyError("a mistake")]
    row = world.look(session)
    assert row.state in (State.REVOKING, State.SETTLING)
    assert (row.tries, row.last_error, row.busy_token) == (0, "", "")


def test_where_the_row_cannot_be_written_people_are_told_all_the_same(world: World) -> None:
    session = world.keep(active(card_ts="1.0"))
    minutes, runner = [], world.runner()
    for minute in range(-5, 40):
        world.time = NOON + HOUR + minute * MINUTE + 10 * SECOND
        told = len(world.told)
        runner.alarm(session.id, "DynamoDB: ValidationException")
        if len(world.told) > told:
            minutes.append(minute)
    assert minutes == [2, 5, 15, 30]
    assert len(world.mails) == 4
    assert "may still have" in world.mails[0].text
    assert "ValidationException" in world.mails[0].text


def test_what_is_no_open_access_is_no_alarm(world: World) -> None:
    over = world.keep(settling())
    world.time = NOON + 9 * HOUR
    runner = world.runner()
    runner.alarm("bg-none", "an error")
    runner.alarm(over.id, "an error")
    assert (world.told, world.mails, world.lines) == ([], [], [])


@pytest.mark.parametrize("forgets", ["cold", "full"])
def test_who_has_forgotten_an_alarm_says_it_once_more_and_never_less(
    world: World, forgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.keep(active())
    other = world.keep(active(id="bg-111111111111111111111111"))
    world.time = NOON + HOUR + 3 * MINUTE
    runner = world.runner()
    runner.alarm(first.id, "an error")
    runner.alarm(first.id, "an error")
    assert len(world.mails) == 1
    if forgets == "cold":
        runner.forget()
    else:
        monkeypatch.setattr("chalicelib.workflow.alarms.REMEMBERED", 1)
    runner.alarm(other.id, "an error")
    runner.alarm(first.id, "an error")
    assert len(world.mails) == 3


def test_who_is_just_hearing_an_alarm_hears_of_its_end_too(world: World) -> None:
    session = stuck(world, card_ts="1.0", alarms=1, owed=("alarm", "alarm_mail"))
    world.books.sessions[session.id] = session = session.with_(
        tell_at=world.time + MINUTE, tell_token="another's"
    )
    world.says.clear()
    row = world.until(session, "SETTLING")
    assert world.told == [], "whoever is telling may still be at it"
    world.time = row.look_at or world.time
    world.look(session)
    assert any("no longer has" in text for _, text in world.told)
    assert any("closed after all" in mail.subject for mail in world.mails)


def test_a_glass_without_a_channel_has_its_alarms_by_mail(world: World) -> None:
    session = stuck(world, channel="")
    while not world.mails:
        world.time += 30 * SECOND
        world.look(session)
    assert "ACTION NEEDED" in world.mails[0].subject
    assert {where for where, _ in world.told} == {"U0ALICE", "D0ALICE 1.5"}


def test_a_report_that_does_not_get_out_is_made_known(world: World) -> None:
    session = closing(world)
    world.says["search"] = [Unavailable("Logs: LimitExceeded")] * 1000
    for _ in range(60):
        world.time += MINUTE
        row = world.look(session)
    assert row.state is State.REPORTING
    assert any(": report delayed, " in mail.subject for mail in world.mails)
    assert any("ReportOverdueSeconds" in facts.get("metrics", {}) for _, _, facts in world.lines)


# ---- reports ------------------------------------------------------------------------------------


def test_the_trail_is_read_in_pieces_each_under_a_claim(world: World) -> None:
    session = closing(world)
    claims: list[bool] = []

    def noted() -> None:
        claims.append(world.row(session.id).busy_until is not None)
        world.meanwhile["make"] = noted

    world.meanwhile["make"] = noted
    world.says["make"] = [Reading("query-1 page 2", timedelta(0)), Reading("query-2", SECOND)]
    row = world.until(session, "TAILING")
    assert claims == [True] * 3
    assert world.asked.count("search") == 1
    assert (row.busy_until, row.trail_query, len(world.mails)) == (None, "", 1)


def test_of_two_who_begin_a_report_one_is_not_heard_and_stops_what_it_began(world: World) -> None:
    session = closing(world)

    def another() -> None:
        row = world.row(session.id)
        world.books.write(row.with_(state=State.REPORTING, trail_query="query-9"))

    world.meanwhile["search"] = another
    world.look(session)
    assert world.asked.count("leave query-1") == 1


def test_a_piece_over_which_somebody_may_have_died_is_said_to_be_one(world: World) -> None:
    session = closing(world)
    world.look(session)
    world.time += 10 * SECOND
    assert world.again == [False]
    dead = world.row(session.id)
    world.books.write(dead.with_(busy_until=world.time - SECOND, busy_token="dead"))
    world.says["make"] = [Reading("page 2", timedelta(0))]
    world.look(session)
    assert world.again == [False, True]
    world.time += 10 * SECOND
    world.says["make"] = [Unavailable("Logs: Throttled"), Reading("page 3", timedelta(0))]
    world.look(session)
    world.time += MINUTE
    world.look(session)
    assert world.again == [False, True, False, True]


def test_reminders_of_a_report_grow_rarer(world: World) -> None:
    session = closing(world)
    world.says["search"] = [Unavailable("Logs: AccessDenied")] * 100_000
    for _ in range(2 * 24 * 12):
        world.time += 5 * MINUTE
        world.look(session)
    assert 5 < len(world.mails) < 10


def test_an_alarm_beside_a_report_sends_no_mail_twice(world: World) -> None:
    session = closing(world)
    world.look(session)
    world.time += 10 * SECOND

    def alarmed() -> None:
        row = world.row(session.id)
        world.books.write(row.with_(alarms=1, owed=("alarm",), tell_at=world.time + MINUTE))

    world.meanwhile["mail"] = alarmed
    row = world.look(session)
    assert (row.state, row.alarms, len(world.mails)) == (State.TAILING, 0, 1)
    world.until(row, "CLOSED")
    assert len(world.mails) == 2


def test_what_is_to_be_read_at_once_is_another_invocations(world: World) -> None:
    session = closing(world)
    world.look(session)
    world.time += 10 * SECOND
    world.says["make"] = [Reading("page 2", timedelta(0))] * 2
    row = world.look(session)
    assert (row.trail_query, world.asked.count("make")) == ("page 2", 1)
    assert world.wakes[-1][:2] == (session.id, timedelta(0))


def test_the_sweep_leaves_the_reading_to_the_queue(world: World) -> None:
    session = closing(world)
    world.look(session, "sweep")
    world.time += 3 * SECOND
    row = world.look(session, "sweep")
    assert "make" not in world.asked
    assert world.wakes[-1][:2] == (session.id, timedelta(0))
    assert row.look_at == world.time + MINUTE
    assert world.look(session).state is State.TAILING


def test_where_there_is_no_queue_the_sweep_reads_after_all(world: World) -> None:
    session = closing(world)
    world.says["wake"] = [Unavailable("SQS: down")] * 100
    world.look(session, "sweep")
    world.time += 3 * SECOND
    assert world.look(session, "sweep").state is State.TAILING


def test_a_worker_without_time_leaves_the_report_to_the_next(world: World) -> None:
    session = closing(world)
    world.look(session)
    world.left, world.time = CALL_TAKES - SECOND, world.time + MINUTE
    world.look(session)
    assert world.mails == []
    world.left = MINUTE
    world.until(session, "TAILING")
    assert len(world.mails) == 1


def test_a_mail_that_is_not_taken_is_sent_again(world: World) -> None:
    session = closing(world)
    world.says["mail"] = [Unavailable("SES: down"), Refused("MessageRejected")]
    row = world.until(session, "TAILING")
    assert len(world.mails) == 1
    assert row.reported_at is not None


def test_a_second_report_that_adds_nothing_is_not_sent(world: World) -> None:
    session = closing(world)
    world.until(session, "TAILING")
    world.says["make"] = [Reported(None, ("As before.",), 0, "digest")]
    row = world.until(session, "CLOSED")
    assert len(world.mails) == 1
    assert row.report_final == "first"


def test_access_that_was_never_asked_for_needs_no_report(world: World) -> None:
    row = world.until(closing(world, standing="", granted_at=None, tail=timedelta(0)), "CLOSED")
    assert world.mails == []
    assert row.report_final == ""


def test_without_a_tail_one_report_is_all(world: World) -> None:
    row = world.until(closing(world, tail=timedelta(0), channel=""), "CLOSED")
    assert len(world.mails) == 1
    assert row.report_final == "first"


# ---- asks ---------------------------------------------------------------------------------------


def test_end_now_ends_it_at_once_and_says_who(world: World) -> None:
    session = world.keep(active(card_ts="1.0"))
    world.assignments.add(session.access)
    world.time = NOON + MINUTE
    ask = world.ask(asked(session, "end", "U0BOB", world.time), patience=SECOND)
    assert (ask.outcome, ask.person, ask.decided_look) == ("ended", "bob@example.com", "queue")
    row = world.until(session, "SETTLING")
    assert (row.ended_how, row.ended_by) == ("ended", "bob@example.com")
    assert "ended (queue, bob@example.com)" in row.steps[2]
    assert any("bob@example.com ended it" in text for _, text in world.told)
    assert ("U0BOB", True) in [(to, "You have ended" in text) for to, text in world.told]


def test_who_ends_a_session_whose_access_stood_before_hears_that_it_stays(world: World) -> None:
    session = world.keep(active(standing="yes"))
    ask = world.ask(asked(session, "end", "U0BOB"))
    assert ask.outcome == "ended"
    (said,) = [text for where, text in world.told if where == "U0BOB"]
    assert "You have ended the session" in said
    assert "stays" in said
    assert "taken back" not in said


def test_what_ends_access_comes_before_what_is_said_of_it(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.ask(asked(session, "end", "U0BOB"), patience=SECOND)
    assert world.asked.index("delete") < world.asked.index("post")


@pytest.mark.parametrize("kind", ["end", "extend"])
@pytest.mark.parametrize("who", ["U0MALLORY", "U0NOBODY"])
def test_who_may_not_break_it_may_neither_end_nor_extend_it_and_is_in_the_log(
    world: World, kind: str, who: str
) -> None:
    session = world.keep(active())
    ask = world.ask(asked(session, kind, who))
    assert world.row(session.id) == session  # not even its version has changed
    assert (ask.outcome, ask.glass, ask.account_id) == ("refused", "prod", session.account_id)
    assert ask.person == ("mallory@example.com" if who == "U0MALLORY" else who)
    assert ask.owed == ()
    ((where, text),) = world.told
    assert where == who
    assert "Nothing was changed" in text


def test_who_may_not_keeps_nobody_waiting_however_often_they_press(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    runner = world.runner()
    for n in range(200):
        ask = asked(session, "end", "U0MALLORY", NOON + n * SECOND)
        world.books.record(ask)
        runner.advance(f"ask/{ask.id}", _look(world))
    assert world.row(session.id) == session
    assert world.asked.count("email") < 20  # they are known by then
    world.ask(asked(session, "end", "U0BOB"))
    assert world.row(session.id).ended_by == "bob@example.com"


def test_where_the_glass_is_gone_only_the_holder_may_end_it(world: World) -> None:
    world.glasses = {}
    session = world.keep(active())
    assert world.ask(asked(session, "end", "U0BOB")).outcome == "refused"
    assert world.ask(asked(session, "end", "U0ALICE")).outcome == "ended"


def test_an_ask_that_cannot_be_decided_yet_is_decided_later(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    ask = asked(session, "end", "U0BOB")
    world.books.record(ask)
    world.says["email"] = [Unavailable("Slack: down")]
    world.runner().advance(f"ask/{ask.id}", _look(world))
    assert world.row(session.id).state is State.ACTIVE
    assert world.wakes[-1][0] == f"ask/{ask.id}"
    world.runner().advance(f"ask/{ask.id}", _look(world))
    assert world.until(session, "SETTLING").ended_by == "bob@example.com"


def test_an_ask_is_decided_once(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "extend", "U0ALICE")
    first = world.ask(ask)
    deadline = world.row(session.id).deadline
    world.books.asks[f"ask/{ask.id}"] = ask  # whoever may write asks writes it once more
    world.runner().advance(f"ask/{ask.id}", _look(world))
    assert world.books.asks == {}
    assert (world.books.decided[ask.id], world.row(session.id).deadline) == (first, deadline)


def test_an_ask_is_decided_anew_where_the_session_has_moved_meanwhile(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.meanwhile["email"] = lambda: world.books.write(world.row(session.id))
    assert world.ask(asked(session, "end", "U0BOB")).outcome == "ended"
    assert world.until(session, "SETTLING").ended_by == "bob@example.com"


def test_extend_moves_deadline_and_lease_together_and_only_once_and_says_who(
    world: World,
) -> None:
    session = world.keep(active(card_ts="1.0"))
    assert session.deadline is not None
    ask = world.ask(asked(session, "extend", "U0BOB"))
    row = world.row(session.id)
    assert row.deadline == session.deadline + timedelta(minutes=30)
    assert (ask.outcome, ask.deadline_before, ask.deadline_after) == (
        "extended",
        session.deadline,
        row.deadline,
    )
    assert row.extended_by == "bob@example.com"
    assert world.books.leases[session.id] == row.deadline.timestamp()
    card = [text for where, text in world.told if where.startswith("C0INCIDENT")]
    assert "bob@example.com extended it" in card[-1]
    again = world.ask(asked(session, "extend", "U0ALICE"))
    assert (again.outcome, world.row(session.id).deadline) == ("not extended", row.deadline)
    assert any("was not extended" in text for _, text in world.told)


def test_extend_needs_the_lease(world: World) -> None:
    session = world.keep(active(), lease=False)
    world.assignments.add(session.access)
    assert world.ask(asked(session, "extend", "U0ALICE")).outcome == "too late"
    assert world.until(session, "SETTLING").ended_how == "lease gone"


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (revoking(tries=11), f"It is being taken back since {date(NOON + HOUR)}, tried 11 times."),
        (active(deadline=NOON), f"It is being taken back since {date(NOON)}"),
        (settling(), f"It has been closed since {date(NOON + HOUR)}."),
    ],
)
def test_who_comes_too_late_hears_what_became_of_it(
    world: World, session: Session, says: str
) -> None:
    world.keep(session)
    ask = world.ask(asked(session, "end", "U0BOB", response_url="https://hooks.slack.com/a"))
    assert ask.outcome == "too late"
    ((where, text),) = world.told
    assert (where, says in text) == ("response_url", True)
    assert "not open any more" not in text


def test_what_cannot_be_decided_yet_is_said_so_once_where_they_pressed(world: World) -> None:
    """Nothing was said before: a word that stays beside the outcome would only be in the way."""
    session = world.keep(active())
    world.assignments.add(session.access)
    ask = asked(session, "end", "U0BOB", response_url="https://hooks.slack.com/a")
    world.books.record(ask)
    world.says["person"] = [Unavailable("IAM Identity Center answers 503")] * 6
    until = world.time + MINUTE
    while world.time < until:
        world.runner().advance(f"ask/{ask.id}", _look(world))
        if f"ask/{ask.id}" not in world.books.asks:
            break
        world.time += world.wakes[-1][1]
    heard = [text for where, text in world.told if where == "response_url"]
    assert len(heard) == 2, heard
    assert "recorded, but not done yet. IAM Identity Center answers 503." in heard[0]
    assert f"In any case the access ends at {date(NOON + HOUR)}." in heard[0]
    assert "You have ended the access" in heard[1]


def test_that_it_is_not_decided_yet_is_said_or_left(world: World) -> None:
    session = world.keep(active())
    world.time = NOON + 2 * SECOND
    world.says = {"person": [Unavailable("down")], "respond": [Unavailable("Slack: down")]}
    ask = asked(session, "end", "U0BOB", response_url="https://hooks.slack.com/a")
    world.books.record(ask)
    world.runner().advance(f"ask/{ask.id}", _look(world))
    assert ("info", "not said") in [line[:2] for line in world.lines]
    assert f"ask/{ask.id}" in world.books.asks


def test_who_cannot_be_decided_upon_hears_that_it_takes_longer_once(world: World) -> None:
    session = pressed(world)
    world.says["person"] = [Unavailable("IAM Identity Center answers 503")] * 6
    world.until(session, "ACTIVE")
    slow = [text for _, text in world.told if "takes longer than usual" in text]
    assert len(slow) == 1
    assert "IAM Identity Center answers 503. We keep trying until" in slow[0]
    assert any("You are in" in text for _, text in world.told)


def test_that_it_takes_longer_is_not_said_when_it_is_decided(world: World) -> None:
    world.look(world.keep(granting(owed=("waiting",))))
    assert not any("takes longer" in text for _, text in world.told)


def test_an_ask_on_no_session_is_answered_too(world: World) -> None:
    ask = world.ask(asked(active(id="bg-none"), "end", "U0BOB"))
    assert (ask.outcome, ask.person) == ("no such session", "U0BOB")
    assert world.told[0][1] == messages.NO_SESSION


@pytest.mark.parametrize("kind", ["bg", "found"])
def test_what_asks_for_a_session_is_never_judged_as_an_ask_about_one(
    world: World, kind: str
) -> None:
    """No reader makes one of such a row; one that did would change nothing of the session."""
    session = world.keep(active())
    with pytest.raises(KeyError):  # it is dropped unanswered, so nothing of it was decided
        world.ask(asked(session, kind, "U0BOB"))
    assert world.row(session.id) == session
    assert world.told == []


def test_who_asked_is_told_later_where_slack_is_down(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", "U0MALLORY", response_url="https://hooks.slack.com/a")
    world.says = {"respond": [Unavailable("Slack: down")], "post": [Unavailable("Slack: down")]}
    decided = world.ask(ask)
    assert (decided.owed, world.told) == (("answer",), [])
    for _ in range(3):
        world.time += MINUTE
        world.runner().advance(f"asked/{ask.id}", _look(world))
    assert world.books.decided[ask.id].owed == ()
    assert [where for where, _ in world.told] == ["U0MALLORY"]


def test_who_cannot_be_answered_for_a_day_is_answered_no_more(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", "U0MALLORY")
    world.says["post"] = [Unavailable("Slack: down")] * 1_000
    world.ask(ask)
    while world.books.decided[ask.id].owed:
        world.time = max(world.time, world.books.decided[ask.id].tell_at or world.time)
        world.runner().advance(f"asked/{ask.id}", _look(world))
    assert world.time - NOON > timedelta(hours=20)
    assert world.told == []


def test_the_stream_decides_only_what_needs_nobodys_answer(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    runner, look = world.runner(), _look(world)
    for who in ("U0BOB", "U0ALICE"):
        ask = asked(session, "end", who)
        world.books.record(ask)
        runner.advance(f"ask/{ask.id}", replace(look, seen_by="stream", asks_nobody=True))
        if who == "U0BOB":
            assert world.row(session.id) == session
    assert world.row(session.id).ended_by == "alice@example.com"


# ---- who can only ask cannot act ----------------------------------------------------------------


def test_no_row_alone_brings_about_a_grant(world: World) -> None:
    """A session in GRANTING without its lock is not granted, whoever wrote it."""
    session = world.keep(granting(), lock=False)
    row = world.look(session)
    assert "create" not in world.asked
    assert (row.ended_how, row.reason) == (
        "grant failed",
        "The session does not hold the lock of this access.",
    )


@pytest.mark.parametrize(
    "forged",
    [
        {"permission_set_arn": SET.replace("2222", "3333")},
        {"account_id": "999999999999"},
        {"principal_id": "mallory-id"},
        {"glass": "another"},
        {"slack_user": "U0MALLORY"},
    ],
)
def test_nothing_is_granted_that_no_glass_allows_to_that_person_now(
    world: World, forged: dict[str, Any]
) -> None:
    session = world.keep(granting(**forged))
    row = world.look(session)
    assert "create" not in world.asked
    assert row.ended_how == "grant failed"
    assert row.reason


def test_an_ask_of_tomorrow_is_of_now(world: World) -> None:
    row = world.look(pressed(world, asked_at=NOON + HOUR * 1000))
    assert row.asked_at == NOON


@pytest.mark.parametrize("kind", ["end", "extend"])
def test_what_is_asked_of_a_session_is_neither_older_than_it_nor_of_tomorrow(
    world: World, kind: str
) -> None:
    """Or it would stand in the log where nobody looks, and not in the session's story."""
    session = world.keep(active(asked_at=NOON - HOUR))
    for at, kept in ((NOON - HOUR * 9_999, NOON - HOUR), (NOON + HOUR * 9_999, world.time)):
        assert world.ask(asked(session, kind, "U0EVE", at)).asked_at == kept


def test_what_is_no_ask_is_put_away(world: World) -> None:
    def unreadable(row_id: str) -> None:
        raise Unreadable(f"{row_id} says nothing")

    world.books.asks["ask/bg-1"] = requested()
    world.books.asked = unreadable  # type: ignore[assignment,method-assign]
    assert world.runner().advance("ask/bg-1", _look(world)) is None
    assert world.books.asks == {}


# ---- telling ------------------------------------------------------------------------------------


def test_what_asks_for_a_session_is_never_taken_for_an_ask_about_one(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", session.slack_user).with_(id=f"bg-{'1' * 24}")
    world.books.asks[f"ask/{ask.id}"] = ask
    world.runner().advance(f"ask/{ask.id}", _look(world))
    assert world.books.asks == {}
    assert world.books.sessions[session.id].state is State.ACTIVE


def test_what_cannot_be_told_is_told_later_and_holds_up_nothing(world: World) -> None:
    world.says["post"] = [Unavailable("Slack: down")] * 3
    session = pressed(world)
    row = world.until(session, "ACTIVE")
    world.look(session)
    assert world.row(session.id).owed
    for _ in range(5):
        world.time += MINUTE
        row = world.look(session)
    assert row.owed == ()
    assert any("You are in" in text for _, text in world.told)


def test_a_spent_response_url_leaves_it_to_the_bot(world: World) -> None:
    session = pressed(world, slack_user="U0BOB")
    world.people = {"U0BOB": "mallory@example.com"}
    world.says["respond"] = [Refused("used_url")]
    row = world.look(session)
    assert [where for where, _ in world.told] == ["U0BOB"]
    assert row.response_uses == 5


def test_what_slack_will_never_take_is_owed_no_more(world: World) -> None:
    session = world.keep(active(owed=("card",)))
    world.says["post"] = [Refused("channel_not_found", lasting=True)]
    row = world.look(session)
    assert (row.owed, row.card_ts) == ((), "")
    assert any(what == "cannot be told" for _, what, _ in world.lines)


def test_what_is_told_for_a_day_in_vain_is_owed_no_more(world: World) -> None:
    session = world.keep(active(owed=("card",), tell_tries=100))
    world.says["post"] = [Unavailable("Slack: down")]
    assert world.look(session).owed == ()


def test_without_a_card_there_is_none_to_bring_up_to_date(world: World) -> None:
    world.look(world.keep(active(owed=("card_again",))))
    assert world.told == []


def test_news_that_is_over_is_not_told_any_more(world: World) -> None:
    world.says["respond"] = [Unavailable("Slack: down")] * 100
    world.says["post"] = [Unavailable("Slack: down")] * 100
    session = pressed(world)
    world.until(session, "SETTLING", steps=20_000)
    world.says.clear()
    for _ in range(20):
        world.time += MINUTE
        world.look(session)
    assert not any("You are in" in text for _, text in world.told)
    assert any("is closed" in text for _, text in world.told)


# ---- the cards ----------------------------------------------------------------------------------


def test_the_card_is_posted_once_and_edited_until_the_end(world: World) -> None:
    world.glasses = {"prod": glass(warn_before=30 * SECOND)}
    session = pressed(world)
    world.until(session, "CLOSED")
    mine = [where for where, _ in world.told if where in ("U0ALICE", "D0ALICE 1.5")]
    came, soon, over, warned = mine
    assert (came, {soon, over, warned}) == ("U0ALICE", {"D0ALICE 1.5"})
    assert not world.row(session.id).warning_ts, "the warning has no button left, and is let be"
    row = world.row(session.id)
    assert (row.mine_channel, row.mine_ts, row.warned_for) == ("D0ALICE", "1.5", NOON + HOUR)


@pytest.mark.parametrize("kind", ["end", "extend"])
def test_a_warning_keeps_no_button_that_does_nothing(world: World, kind: str) -> None:
    world.glasses = {"prod": glass(warn_before=MINUTE)}
    session = active(mine_channel="D0ALICE", mine_ts="1.5", warn_before=MINUTE)
    world.keep(session)
    world.assignments.add(session.access)
    world.time = NOON + HOUR - MINUTE
    row = world.look(session)
    assert row.warning_ts, "posted, with its buttons"
    world.ask(asked(session, kind, "U0BOB", world.time), patience=5 * SECOND)
    world.look(session, patience=5)
    assert world.row(session.id).warning_ts == ""
    was = [text for _, text in world.told if "was to end at" in text]
    assert len(was) == 1
    assert date(NOON + HOUR) in was[0]


def test_a_warning_that_somebody_deleted_holds_up_nothing(world: World) -> None:
    session = world.keep(settling(owed=("mine",), mine_channel="D0", mine_ts="1", warning_ts="2"))
    world.says["update"] = [Refused("Slack: message_not_found", lasting=True)]
    row = world.look(session)
    assert (row.warning_ts, row.owed) == ("", ())
    assert any("is closed" in text for _, text in world.told)


def test_who_waits_for_access_sees_that_it_is_coming(world: World) -> None:
    session = pressed(world)
    world.says["creation"] = [Call("IN_PROGRESS")] * 9
    row = world.look(session)
    assert (row.state, world.told) == (State.GRANTING, [])
    for _ in range(3):
        world.time += 2 * SECOND
        row = world.look(session)
    assert (row.state, row.mine_ts) == (State.GRANTING, "1.5")
    assert "takes longer than usual" in world.told[-1][1]


def test_what_is_not_gone_in_seconds_is_said_to_be_going(world: World) -> None:
    session = stuck(world, mine_ts="1.5", mine_channel="D0ALICE", card_ts="1.0")
    world.keep(session.with_(state=State.ACTIVE))
    world.time = NOON + HOUR
    for _ in range(6):
        world.look(session)
        world.time += SECOND
    going = [where for where, text in world.told if "being taken back" in text]
    assert going == ["D0ALICE 1.5", "C0INCIDENT 1.0"]


def test_what_is_overdue_is_said_anew_each_minute(world: World) -> None:
    session = stuck(world, mine_ts="1.5", mine_channel="D0ALICE", card_ts="1.0")
    until = NOON + HOUR + 4 * MINUTE + 30 * SECOND
    while world.time < until:
        row = world.look(session)
        world.time = max(row.look_at or until, world.time + SECOND)
    overdue = [text.partition("OVERDUE ")[2][:2] for where, text in world.told
               if where == "C0INCIDENT 1.0" and "OVERDUE" in text]  # fmt: skip
    assert overdue == ["1:", "2:", "3:", "4:"]


def test_a_card_that_was_deleted_is_posted_anew(world: World) -> None:
    session = world.keep(active(owed=("mine",), mine_ts="1.0", mine_channel="D0ALICE"))
    world.says["update"] = [Refused("message_not_found", lasting=True)]
    row = world.look(session)
    assert [where for where, _ in world.told] == ["U0ALICE"]
    assert (row.mine_ts, row.owed) == ("1.5", ())


@pytest.mark.parametrize("before", [5 * MINUTE, 30 * SECOND])
def test_who_has_access_is_warned_once_before_it_ends_and_again_where_it_was_extended(
    world: World, before: timedelta
) -> None:
    session = world.keep(active(warn_before=before, mine_ts="1.0", mine_channel="D0ALICE"))
    end = NOON + HOUR

    def looked(at: datetime) -> list[str]:
        world.time, known = at, len(world.told)
        world.look(session, side="sweep")
        return [where for where, _ in world.told[known:]]

    assert looked(end - before - SECOND) == []
    assert looked(end - before) == ["D0ALICE 1.0", "D0ALICE"], "the card, and below it"
    assert looked(end - before + SECOND) == []
    world.ask(asked(session, "extend", "U0ALICE", world.time))
    end += timedelta(minutes=30)
    assert looked(end - before) == ["D0ALICE 1.0", "D0ALICE"]
    assert looked(end - SECOND) == []


def test_a_quiet_look_leaves_the_warning_to_the_next(world: World) -> None:
    from chalicelib.workflow.answers import Turn

    session = world.keep(active(warn_before=5 * MINUTE))
    world.time = NOON + HOUR - MINUTE
    rest = world.runner().advance(session.id, Turn("sweep", lambda: world.left, quiet=True))
    assert (rest and rest.tells, world.told) == (True, [])
    assert world.row(session.id) == session


def test_a_warning_of_what_was_extended_meanwhile_is_not_given(world: World) -> None:
    told_of = {"warn_before": 5 * MINUTE, "warned_for": NOON + HOUR, "owed": ("warning",)}
    world.look(world.keep(active(deadline=NOON + 2 * HOUR, **told_of)))
    assert world.told == []


def test_access_that_came_too_late_to_warn_of_is_not_warned_of(world: World) -> None:
    late = NOON + HOUR - MINUTE
    session = world.keep(active(warn_before=5 * MINUTE, granted_at=late))
    world.time = late
    world.look(session)
    assert world.told == []


@pytest.mark.parametrize(
    ("tell_to", "told"),
    [("report_to", ["security@example.com"]), ("nobody", []), ("", []),
     ("arn:aws:sns:eu-west-1:111122223333:break-glass-use", [])],
)  # fmt: skip
def test_that_access_was_given_is_told_at_once_to_whom_the_glass_says(
    world: World, tell_to: str, told: list[str]
) -> None:
    world.glasses = {"prod": glass(tell_to=tell_to)}
    world.until(pressed(world), "ACTIVE")
    assert [mail.to[0] for mail in world.mails] == told
    published = [subject for where, subject in world.told if where.startswith("arn:")]
    assert len(published) == tell_to.startswith("arn:")


def test_that_access_was_given_is_told_though_slack_is_down(world: World) -> None:
    def hangs() -> None:
        world.time += 8 * SECOND
        world.meanwhile["post"] = hangs

    world.meanwhile["post"] = hangs
    world.says["post"] = [Unavailable("Slack: TimeoutError")] * 1_000
    session = pressed(world)
    while not world.mails:
        row = world.look(session)
        world.time = max(row.look_at or world.time, world.time)
        assert world.time < NOON + MINUTE


@pytest.mark.parametrize("state", [active(), revoking(), settling()])
def test_a_reason_is_noted_whenever_it_comes_and_only_from_whoever_has_the_access(
    world: World, state: Session
) -> None:
    session = world.keep(state.with_(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1"))
    world.time = NOON + MINUTE
    said = {"why": "INC-4711", "at": world.time}
    assert world.ask(asked(session, "reason", "U0BOB", **said)).outcome == "refused"
    assert world.row(session.id).why == ""
    ask = world.ask(asked(session, "reason", "U0ALICE", **said))
    assert (ask.outcome, ask.owed, ask.person) == ("noted", (), "alice@example.com")
    assert world.row(session.id).why == "INC-4711"


def test_a_reason_is_on_both_cards_at_once(world: World) -> None:
    session = world.keep(active(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1"))
    world.ask(asked(session, "reason", "U0ALICE", why="INC-4711"))
    assert [where for where, _ in world.told] == ["D0ALICE 1.0", "C0INCIDENT 1.1"]


def test_a_reason_for_what_was_denied_changes_nothing(world: World) -> None:
    session = world.keep(requested(state=State.DENIED, look_at=None))
    ask = world.ask(asked(session, "reason", "U0ALICE", why="INC-4711"))
    assert (ask.outcome, world.row(session.id).why) == ("too late", "")


@pytest.mark.parametrize("kind", ["end", "extend"])
def test_what_is_in_the_field_goes_with_any_press_of_whoever_has_the_access(
    world: World, kind: str
) -> None:
    session = world.keep(active())
    world.ask(asked(session, kind, "U0BOB", why="not mine to say"))
    assert world.row(session.id).why == ""
    session = world.keep(active(id="bg-111111111111111111111111"))
    world.ask(asked(session, kind, "U0ALICE", why="INC-4711"))
    assert world.row(session.id).why == "INC-4711"


def test_a_glass_that_wants_a_reason_lets_nobody_in_without(world: World) -> None:
    world.glasses = {"prod": glass(reason="required")}
    row = world.look(pressed(world))
    assert row.state is State.DENIED
    ((where, text),) = world.told
    assert (where, text[:33]) == ("response_url", "Why do you break the glass “prod”")
    other = pressed(world, id="bg-111111111111111111111111", why="INC-4711")
    assert world.until(other, "ACTIVE").why == "INC-4711"


@pytest.mark.parametrize("tells", [True, False])
def test_the_channel_hears_of_who_was_refused_where_the_glass_wants_it(
    world: World, tells: bool
) -> None:
    world.glasses = {"prod": glass(tell_refusals=tells)}
    world.look(pressed(world, slack_user="U0MALLORY"))
    assert any(where == "C0INCIDENT" and "refused" in text for where, text in world.told) is tells
    world.told.clear()
    world.keep(active(id="bg-111111111111111111111111"))
    world.look(pressed(world, id="bg-222222222222222222222222"))
    assert {where for where, _ in world.told} == {"response_url"}, "an open door refuses nobody"


def test_who_presses_again_is_led_to_the_card(world: World) -> None:
    world.keep(active(id="bg-111111111111111111111111", mine_channel="D0ALICE", mine_ts="1.0"))
    world.look(pressed(world))
    assert f"until {date(NOON + HOUR)}" in world.told[0][1]
    assert "https://slack.com/app_redirect?channel=D0ALICE" in world.told[0][1]


@pytest.mark.parametrize(
    ("pressed_on", "where", "begins"),
    [
        ("1.0", "D0ALICE 1.0", "Your access to “prod” is closed"),
        ("1.1", "C0INCIDENT 1.1", ":lock:"),
    ],
)
def test_a_card_pressed_in_vain_is_brought_up_to_date(
    world: World, pressed_on: str, where: str, begins: str
) -> None:
    session = world.keep(settling(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1"))
    world.time = NOON + HOUR + MINUTE
    facts = {"response_url": "https://hooks.slack.com/a", "at": world.time}
    world.ask(asked(session, "end", "U0BOB", slack_message=pressed_on, **facts))
    first, answer = world.told
    assert (first[0], first[1][: len(begins)]) == (where, begins)
    assert answer[1].startswith("The access to “prod” was not changed")
    assert world.replaced == []


def test_any_other_message_pressed_in_vain_becomes_the_answer(world: World) -> None:
    """A warning, or what an older version has said: it would offer its buttons for ever."""
    session = world.keep(settling(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1"))
    world.time = NOON + HOUR + MINUTE
    url = "https://hooks.slack.com/a"
    facts = {"response_url": url, "slack_message": "9.9", "at": world.time}
    world.ask(asked(session, "end", "U0ALICE", **facts))
    ((_, text),) = world.told
    assert world.replaced == [text]


def test_what_cannot_be_brought_up_to_date_holds_up_no_answer(world: World) -> None:
    session = world.keep(settling(mine_ts="", card_ts="1.1"))
    world.time = NOON + HOUR + MINUTE
    world.says["update"] = [Unavailable("Slack: down")]
    world.ask(asked(session, "extend", "U0ALICE", slack_message="1.1", at=world.time))
    assert [where for where, _ in world.told] == ["U0ALICE"]
    assert ("info", "not brought up to date") in [line[:2] for line in world.lines]


def test_who_ends_it_for_another_hears_what_came_of_it(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.time = NOON + MINUTE
    world.ask(asked(session, "end", "U0BOB", world.time), patience=5 * SECOND)
    (answer,) = [text for where, text in world.told if where == "U0BOB"]
    assert f"It has been closed since {date(NOON + MINUTE)}" in answer


# ---- what was found without a session -----------------------------------------------------------


def found(world: World, **changes: Any) -> Session:
    session = world.keep(granting(shape="found", response_url="", slack_user="", **changes))
    world.assignments.add(session.access)
    return session


def test_a_listing_that_has_never_shown_the_grant_does_not_show_that_it_is_gone(
    world: World,
) -> None:
    session = world.keep(granting(standing="no", grant_call="create-1", grant_asked_at=NOON))
    world.assignments.add(session.access)
    world.says["assigned"] = [False] * 3  # from before the grant; then what is true
    world.ask(asked(session, "end", "U0ALICE"))
    row = world.until(session, "SETTLING")
    assert world.time >= NOON + LISTING_LAG
    assert row.revoke_succeeded_at == NOON + SECOND
    assert world.asked.count("delete") == 1
    assert row.granted_at == NOON  # it had come: AWS says that it succeeded


@pytest.mark.parametrize(
    "call",
    [{"grant_call": "refused"}, {"grant_call": "create-1", "granted_at": NOON}],
)
def test_what_was_listed_or_never_given_is_gone_when_it_is_not_listed(
    world: World, call: dict[str, Any]
) -> None:
    session = world.keep(revoking(grant_asked_at=NOON, granted_at=None).with_(**call))
    assert world.look(session, patience=1).state is State.SETTLING


def test_what_was_found_is_taken_back_and_nothing_granted(world: World) -> None:
    session = found(world)
    row = world.until(session, "CLOSED")
    assert world.assignments == set()
    assert "create" not in world.asked
    assert (row.ended_by, row.standing) == ("reconcile", "no")
    assert [": taken back" in mail.subject for mail in world.mails] == [True]
    assert any("without a session" in text for where, text in world.told if where == "C0INCIDENT")


def test_what_was_found_and_cannot_be_looked_up_is_taken_back_later(world: World) -> None:
    world.takes_back, access = True, granting().access
    world.assignments.add(access)
    row_id = world.books.ask_back(access, "prod", world.time)
    world.says["permission_set"] = [Unavailable("Identity Center: down")]
    world.runner().advance(row_id, _look(world))
    assert world.assignments == {access}
    assert world.wakes[-1][0] == row_id
    world.runner().advance(row_id, _look(world))
    (session,) = world.books.sessions.values()
    assert world.until(session, "CLOSED").ended_by == "reconcile"
    assert world.assignments == set()


def test_what_was_found_and_is_gone_is_let_be(world: World) -> None:
    session = found(world)
    world.assignments.clear()
    row = world.until(session, "CLOSED")
    assert {"create", "delete"}.isdisjoint(world.asked)
    assert (row.standing, world.mails, world.told) == ("", [], [])


def test_what_was_found_is_let_be_where_somebodys_session_lives(world: World) -> None:
    """Its lock was deleted by hand, and reconciliation took the free place."""
    session = found(world)
    other = world.keep(active(id="bg-other"), lock=False)
    world.until(session, "CLOSED")
    assert world.assignments == {other.access}
    assert "delete" not in world.asked


def test_what_was_found_is_let_be_when_its_time_is_up(world: World) -> None:
    session = found(world)
    world.time = NOON + HOUR
    world.until(session, "CLOSED")
    assert world.assignments == {session.access}


# ---- odds and ends ------------------------------------------------------------------------------


def test_a_queue_that_refuses_is_no_trouble(world: World) -> None:
    world.says["wake"] = [Unavailable("SQS: down")] * 1000
    assert world.until(pressed(world), "CLOSED", steps=2000)


def test_one_wake_up_at_a_time_is_under_way_though_somebody_is_just_being_told(
    world: World,
) -> None:
    until = NOON + 20 * SECOND
    known = {"standing": "no", "grant_call": "create-1", "grant_asked_at": NOON}
    session = world.keep(
        granting(owed=("slow",), tell_at=until, tell_token="another's", wake_at=until, **known)
    )
    world.assignments.add(session.access)
    assert world.look(session).state is State.ACTIVE
    assert (world.told, world.wakes) == ([], [])
    assert world.row(session.id).wake_at == until


def test_nothing_moves_in_a_circle(world: World) -> None:
    session = world.keep(active())
    runner = world.runner()
    runner.step = lambda session_id, look, known: _now(world)  # type: ignore[method-assign]
    assert runner.advance(session.id, _look(world)) is None
    assert ("error", "a session moves in a circle") in [line[:2] for line in world.lines]


def _now(world: World) -> Any:
    from chalicelib.workflow.answers import Rest

    return Rest(world.time)


def test_a_glass_that_cannot_be_extended_says_so(world: World) -> None:
    world.glasses = {"prod": glass(extend=None)}
    session = world.keep(active(extend=timedelta(0)))
    world.ask(asked(session, "extend", "U0ALICE"))
    assert any("was not extended" in text for _, text in world.told)


def test_news_of_a_version_that_we_do_not_know_is_owed_no_more(world: World) -> None:
    row = world.look(world.keep(active(owed=("news of tomorrow",))))
    assert (row.owed, world.told) == ((), [])
