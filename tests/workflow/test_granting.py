"""GRANTING: what stood before, the claim, the call, and what it came to."""

from datetime import timedelta

from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown
from chalicelib.domain.machine import State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Session
from chalicelib.words import refusals
from chalicelib.workflow.timing import (
    CALL_TAKES,
    CLOCK_SKEW,
    LISTING_LAG,
    NETWORK_DELAY,
)
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, asked
from tests.support.stories import (
    HOUR,
    NOON,
    active,
    granting,
    settling,
)


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
    assert row.reason == refusals.ANOTHER_HOLDS_IT
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
    world.says["creation"] = [
        CallStatus("FAILED", "a reason"),
        CallStatus("FAILED"),
        CallStatus("SUCCEEDED"),
    ]
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
    world.says["creation"] = [
        CallStatus("UNKNOWN"),
        CallStatus("IN_PROGRESS"),
        CallStatus("SUCCEEDED"),
    ]
    world.until(session, "ACTIVE")
    assert world.asked.count("create") == 1


def test_a_request_that_aws_has_forgotten_is_waited_for_no_more(world: World) -> None:
    session = world.keep(
        granting(standing="no", grant_call="create-0", grant_asked_at=NOON - 11 * MINUTE)
    )
    world.says["creation"] = [CallStatus("UNKNOWN")]
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
