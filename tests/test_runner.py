"""advance(), step by step over fakes; the simulation has the interleavings."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.machine import State
from chalicelib.ports import Call, Gone, Refused, Reported, TrailAnswer, Unavailable, Unknown
from chalicelib.runner import CALL_TAKES, LISTING_LAG, LONGEST_CLAIM, NETWORK, SKEW
from chalicelib.session import Access, Session
from tests.outside import World
from tests.stories import HOUR, NOON, active, glass, granting, requested, revoking, settling

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def world() -> World:
    return World()


def pressed(world: World, **changes: Any) -> Session:
    return world.keep(requested(**changes))


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
    assert len(world.mails) == 2
    assert (row.report_final, row.owed) == ("second", ())
    assert world.books.doors == world.books.leases == {}
    assert row.look_at is None


def test_what_is_no_session_is_nobodys_business(world: World) -> None:
    world.books.sessions.clear()
    assert world.runner().advance("bg-none", _look(world)) is None


def _look(world: World) -> Any:
    from chalicelib.runner import Look

    return Look("queue", lambda: world.left)


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
        ("Slack does not know you", {"slack_user": "U0NOBODY"}, {}),
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
    assert row.last_error == "down"
    assert world.assignments == set()


def test_time_that_passed_during_the_look_ups_counts(world: World) -> None:
    def pause() -> None:
        world.time += timedelta(minutes=6)

    world.meanwhile["person"] = pause
    assert world.look(pressed(world)).state is State.DENIED


def test_a_press_on_an_open_door_is_denied_and_says_until_when(world: World) -> None:
    world.keep(active(id="bg-first", principal_id="alice-id"))
    row = world.look(pressed(world))
    assert row.state is State.DENIED
    assert row.reason == "It is already open until 13:00 UTC."
    assert world.row("bg-first").state is State.ACTIVE


def test_a_door_that_is_free_by_the_time_that_one_looks_who_holds_it_is_taken(world: World) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.doors[access.key] = "bg-other"
    free = world.books.holder

    def holder(access: Access) -> str | None:
        world.books.doors.pop(access.key, None)
        return free(access)

    world.books.holder = holder  # type: ignore[method-assign]
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


def test_a_door_without_a_live_session_is_freed(world: World) -> None:
    access = active(principal_id="alice-id").access
    world.keep(settling(id="bg-closed", principal_id="alice-id"))
    world.books.doors[access.key] = "bg-closed"
    assert world.look(pressed(world)).state is State.GRANTING


def test_what_is_just_being_deleted_does_not_stand(world: World) -> None:
    session = world.keep(granting())
    world.assignments.add(session.access)
    world.says["deleting"] = [True]
    assert world.look(session).standing == ""
    world.assignments.clear()  # it is gone now
    assert world.until(session, "ACTIVE").standing == "no"


def test_a_door_whose_session_a_hand_has_deleted_is_freed_when_nothing_can_land(
    world: World,
) -> None:
    session = pressed(world)
    access = active(principal_id="alice-id").access
    world.books.doors[access.key] = "bg-missing"
    world.assignments.add(access)  # what the deleted session gave
    world.time += MINUTE  # nobody looks before: the claim counts from the first look
    for wait in (timedelta(0), LONGEST_CLAIM - SECOND):
        world.time += wait
        row = world.look(session)
        assert (row.state, row.orphan_at) == (State.REQUESTED, NOON + MINUTE)
        assert row.last_error == "a session that was deleted may still be at it"
    world.time += SECOND
    world.says["deleting"] = [True, False]
    assert world.look(session).state is State.REQUESTED
    row = world.until(session, "ACTIVE")
    assert row.standing == "left"
    assert row.stands
    assert world.books.stood(access) is None  # nobody accounts for it: reconciliation says so
    world.time = NOON + 2 * HOUR
    assert world.until(row, "CLOSED")
    assert access in world.assignments


def test_who_takes_the_door_first_has_it(world: World) -> None:
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


def test_a_wish_that_comes_while_a_deadline_is_waited_for_is_not_lost(world: World) -> None:
    session = world.keep(active(deadline=NOON + SECOND))
    sleep, asked = world.sleep, reads(world)

    def pressed(duration: timedelta) -> None:
        world.books.wish(session.id, "end", "U0BOB", world.time)
        sleep(duration)

    world.sleep = pressed  # type: ignore[method-assign]
    row = world.look(session)
    assert (row.ended_how, row.end_askers) == ("expired", ("U0BOB",))
    assert asked == [session.id] * 2


def test_what_is_owed_is_said_by_one_look_at_a_time(world: World) -> None:
    session = world.keep(active(owed=("card",), tell_at=NOON + MINUTE))
    assert world.look(session) == session
    assert world.told == []


def test_the_claim_outlives_the_worker(world: World) -> None:
    session = world.keep(granting())
    world.says["create"] = [Unknown("timeout")]
    row = world.look(session)
    assert row.grant_call == "?"
    assert row.busy_until == NOON + world.left + NETWORK + SKEW
    assert (row.tries, row.last_error) == (1, "timeout")
    assert any(what == "outcome unknown" for _, what, _ in world.lines)
    assert row.busy_token
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
    row = world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1
    assert row.last_error == "IAM Identity Center: 503"


def test_a_worker_without_time_leaves_the_grant_to_the_next(world: World) -> None:
    session = world.keep(granting())
    world.left = CALL_TAKES - SECOND
    assert world.look(session).standing == ""
    world.left = MINUTE
    assert world.until(session, "ACTIVE")


def test_who_loses_the_race_looks_again(world: World) -> None:
    session = world.keep(granting())

    def another() -> None:
        world.books.wish(session.id, "end", "U0ALICE", NOON)

    world.meanwhile["assigned"] = another
    row = world.look(session)
    assert "create" not in world.asked
    assert row.ended_how == "ended"


def test_an_outcome_is_kept_though_another_has_written_meanwhile(world: World) -> None:
    session = world.keep(granting())

    def wish() -> None:
        world.books.wish(session.id, "end", "U0ALICE", world.time)

    world.meanwhile["create"] = wish
    world.until(session, "SETTLING")
    assert world.assignments == set()
    assert world.row(session.id).ended_by == "alice@example.com"


# ---- REVOKING -----------------------------------------------------------------------------------


def held(world: World, **changes: Any) -> Session:
    session = world.keep(revoking(**changes))
    world.assignments.add(session.access)
    world.time = NOON + HOUR
    return session


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
    assert world.books.doors == {}


def test_a_revoke_of_what_is_gone_is_done(world: World) -> None:
    session = held(world)
    world.says["delete"] = [Gone("nothing there")]
    world.assignments.clear()
    assert world.until(session, "SETTLING").revoke_call == "done"


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


def test_the_door_is_not_free_before_the_read_back(world: World) -> None:
    session = held(world)
    world.says["deletion"] = [Call("IN_PROGRESS")]
    world.look(session)
    assert world.books.doors == {session.access.key: session.id}


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
        if level == "error"
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


def test_when_it_is_over_everybody_who_was_called_hears_it(world: World) -> None:
    session = stuck(world, card_ts="1.0")
    world.says["delete"] = [Refused("ConflictException")] * 100
    world.until(session, "SETTLING", steps=500)
    world.look(session)
    assert any("no longer has BreakGlassAdmin" in text for _, text in world.told)
    assert [mail.subject.split(":")[0] for mail in world.mails][-1] == (
        "[Break Glass] closed after all"
    )


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


def test_a_glass_without_a_channel_has_its_alarms_by_mail(world: World) -> None:
    session = stuck(world, channel="")
    while not world.mails:
        world.time += 30 * SECOND
        world.look(session)
    assert "ACTION NEEDED" in world.mails[0].subject
    assert world.told == []


def test_a_report_that_does_not_get_out_is_made_known(world: World) -> None:
    session = closing(world)
    world.says["ask"] = [Unavailable("Logs: LimitExceeded")] * 1000
    for _ in range(60):
        world.time += MINUTE
        row = world.look(session)
    assert row.state is State.REPORTING
    assert any(mail.subject.startswith("[Break Glass] report delayed") for mail in world.mails)
    assert any("ReportOverdueSeconds" in facts.get("metrics", {}) for _, _, facts in world.lines)


# ---- reports ------------------------------------------------------------------------------------


def closing(world: World, **changes: Any) -> Session:
    session = world.keep(settling(**changes))
    assert session.report_at is not None
    world.time = session.report_at
    return session


def test_a_query_that_never_answers_is_asked_anew(world: World) -> None:
    session = closing(world)
    world.says["find"] = [None] * 60
    world.until(session, "TAILING")
    assert world.asked.count("ask") >= 2


def test_a_search_that_goes_on_is_followed(world: World) -> None:
    session = closing(world)
    world.says["find"] = [TrailAnswer((), rest="query-2"), TrailAnswer(())]
    world.until(session, "TAILING")
    assert world.asked.count("ask") == 1


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


# ---- wishes -------------------------------------------------------------------------------------


def test_end_now_ends_it_at_once(world: World) -> None:
    session = world.keep(active(card_ts="1.0"))
    world.assignments.add(session.access)
    world.time = NOON + MINUTE
    world.books.wish(session.id, "end", "U0BOB", world.time)
    row = world.until(session, "SETTLING")
    assert (row.ended_how, row.ended_by) == ("ended", "bob@example.com")
    assert row.lag_gone is not None
    assert row.lag_gone < 5
    world.look(session)
    assert any("bob@example.com ended it" in text for _, text in world.told)


@pytest.mark.parametrize("kind", ["end", "extend"])
@pytest.mark.parametrize("who", ["U0MALLORY", "U0NOBODY"])
def test_who_may_not_break_it_may_neither_end_nor_extend_it(
    world: World, kind: str, who: str
) -> None:
    session = world.keep(active())
    world.books.wish(session.id, kind, who, NOON)
    row = world.look(session)
    assert (row.state, row.deadline) == (State.ACTIVE, session.deadline)
    assert (row.end_askers, row.extend_askers) == ((), ())
    ((where, text),) = world.told
    assert where == who
    assert "Nothing was changed" in text


@pytest.mark.parametrize("first", ["U0MALLORY", "U0BOB"])
def test_who_may_not_end_it_does_not_take_the_place_of_one_who_may(
    world: World, first: str
) -> None:
    session = world.keep(active())
    for who in (first, *({"U0MALLORY", "U0BOB"} - {first})):
        world.books.wish(session.id, "end", who, NOON)
    assert world.look(session).ended_by == "bob@example.com"
    assert not any(where == "U0MALLORY" for where, _ in world.told)


def test_where_the_glass_is_gone_only_the_holder_may_end_it(world: World) -> None:
    world.glasses = {}
    session = world.keep(active())
    world.books.wish(session.id, "end", "U0BOB", NOON)
    assert world.look(session).state is State.ACTIVE
    world.books.wish(session.id, "end", "U0ALICE", NOON)
    assert world.look(session).state is not State.ACTIVE


def test_a_wish_that_cannot_be_decided_yet_is_decided_later(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.books.wish(session.id, "end", "U0BOB", NOON)
    world.says["email"] = [Unavailable("Slack: down")]
    assert world.look(session).state is State.ACTIVE
    assert world.until(session, "SETTLING").ended_by == "bob@example.com"


def test_extend_moves_deadline_and_lease_together_and_only_once(world: World) -> None:
    session = world.keep(active())
    assert session.deadline is not None
    world.books.wish(session.id, "extend", "U0ALICE", NOON)
    row = world.look(session)
    assert row.deadline == session.deadline + timedelta(minutes=30)
    assert world.books.leases[session.id] == row.deadline.timestamp()
    world.books.wish(session.id, "extend", "U0ALICE", NOON)
    again = world.look(session)
    assert again.deadline == row.deadline
    assert any("was not extended" in text for _, text in world.told)


def test_extend_needs_the_lease(world: World) -> None:
    session = world.keep(active(), lease=False)
    world.assignments.add(session.access)
    world.books.wish(session.id, "extend", "U0ALICE", NOON)
    assert world.until(session, "SETTLING").ended_how == "lease gone"


# ---- telling ------------------------------------------------------------------------------------


def test_what_cannot_be_told_is_told_later_and_holds_up_nothing(world: World) -> None:
    world.says["respond"] = [Unavailable("Slack: down")] * 3
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
    session = world.keep(active(owed=("granted",)))
    world.says["respond"] = [Refused("used_url")]
    row = world.look(session)
    assert [where for where, _ in world.told] == ["U0ALICE"]
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
    world.books.wish(session.id, "end", "U0ALICE", NOON)
    row = world.until(session, "SETTLING")
    assert world.time >= NOON + LISTING_LAG
    assert row.revoke_succeeded_at == NOON + SECOND
    assert world.asked.count("delete") == 1


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
    assert [mail.subject.split(":")[0] for mail in world.mails] == ["[Break Glass] taken back"]
    assert any("without a session" in text for where, text in world.told if where == "C0INCIDENT")


def test_what_was_found_and_is_gone_is_let_be(world: World) -> None:
    session = found(world)
    world.assignments.clear()
    row = world.until(session, "CLOSED")
    assert {"create", "delete"}.isdisjoint(world.asked)
    assert (row.standing, world.mails, world.told) == ("", [], [])


def test_what_was_found_is_let_be_where_somebodys_session_lives(world: World) -> None:
    """Its door was deleted by hand, and reconciliation took the free place."""
    session = found(world)
    other = world.keep(active(id="bg-other"), door=False)
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


def test_nothing_moves_in_a_circle(world: World) -> None:
    session = world.keep(active())
    runner = world.runner()
    runner.step = lambda session_id, look, known: _now(world)  # type: ignore[method-assign]
    assert runner.advance(session.id, _look(world)) is None
    assert ("error", "a session moves in a circle") in [line[:2] for line in world.lines]


def _now(world: World) -> Any:
    from chalicelib.runner import Rest

    return Rest(world.time)


def test_a_glass_that_cannot_be_extended_says_so(world: World) -> None:
    world.glasses = {"prod": glass(extend=None)}
    session = world.keep(active(extend=timedelta(0)))
    world.books.wish(session.id, "extend", "U0ALICE", NOON)
    world.look(session)
    assert any("was not extended" in text for _, text in world.told)


def test_news_of_a_version_that_we_do_not_know_is_owed_no_more(world: World) -> None:
    row = world.look(world.keep(active(owed=("news of tomorrow",))))
    assert (row.owed, world.told) == ((), [])
