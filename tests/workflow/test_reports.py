"""Reports: read in pieces, sent once, reminded of ever more seldom."""

from datetime import timedelta

from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Reading, Reported
from chalicelib.workflow.timing import (
    CALL_TAKES,
)
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, closing


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


def test_a_report_that_slack_has_not_taken_is_said_though_the_final_one_has_no_news(
    world: World,
) -> None:
    session = closing(world, state=State.CONCLUDING, owed=("report",), card_ts="1.0")
    session = world.keep(session.with_(conclude_at=world.time, tell_at=world.time + 9 * MINUTE))
    world.says["make"] = [Reported(None, ("As before.",), 0, "digest")]
    world.until(session, "CLOSED")
    world.time += 9 * MINUTE
    row = world.look(session)
    assert [where for where, _ in world.told] == ["C0INCIDENT"]
    assert "As before." in world.told[0][1]
    assert row.owed == ()
