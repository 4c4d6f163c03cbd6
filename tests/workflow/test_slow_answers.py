"""What hangs costs time, and neither the word that people are owed nor a try."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Reading
from chalicelib.domain.session import Session
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World, given
from tests.fakes.rows import asked
from tests.support.states import OVER
from tests.support.stories import HOUR, NOON, active, glass, granting, revoking, settling

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
READS = ("deletion", "assigned", "deleting", "creating")


def hanging(world: World, names: tuple[str, ...], takes: timedelta) -> None:
    """From now on each of these calls takes so long, and then there is no answer."""

    def silent(*_: Any) -> Any:
        world.time += takes
        raise Unavailable("IAM Identity Center: ReadTimeoutError")

    for name in names:
        setattr(world, name, silent)


def looks(world: World, session: Session, lives: timedelta, side: str = "queue", **how: Any) -> Any:
    ends = world.time + lives
    return world.runner().advance(session.id, Turn(side, lambda: ends - world.time, **how))


def overdue(world: World) -> Session:
    asked_at = NOON + HOUR
    session = world.keep(revoking(revoke_call="delete-9", revoke_asked_at=asked_at, card_ts="1.0"))
    world.time = asked_at + 2 * MINUTE + SECOND
    return session


def test_people_hear_of_it_though_each_try_hangs_longer_than_it_rests(world: World) -> None:
    session = overdue(world)
    hanging(world, READS, 10 * SECOND)
    looks(world, session, MINUTE)
    assert any("MAY STILL HAVE" in text for _, text in world.told)
    assert ["ACTION NEEDED" in mail.subject for mail in world.mails] == [True]
    row = world.row(session.id)
    assert row.retry_at is not None
    assert row.retry_at > world.time, "it rests from when the try was over"


def test_the_sweep_says_it_before_another_try_that_may_hang(world: World) -> None:
    session = overdue(world)
    hanging(world, READS, 10 * SECOND)
    rest = looks(world, session, MINUTE, "sweep", quiet=True)
    assert (rest.tells, world.told) == (True, [])
    world.time += 10 * SECOND  # with others; by now another try is due
    tries = world.row(session.id).tries
    looks(world, session, 9 * SECOND, "sweep", says_first=True)
    assert any("MAY STILL HAVE" in text for _, text in world.told)
    assert world.row(session.id).tries >= tries


def test_who_only_says_what_is_owed_hangs_in_no_other_try(world: World) -> None:
    """Others are still to be told; the duty is tried again when they were."""
    session = overdue(world)
    hanging(world, READS, 10 * SECOND)
    looks(world, session, MINUTE, "sweep", quiet=True)
    world.time += 10 * SECOND
    began, tries = world.time, world.row(session.id).tries
    rest = looks(world, session, 30 * SECOND, "sweep", says_first=True)
    assert any("MAY STILL HAVE" in text for _, text in world.told)
    assert (world.time, world.row(session.id).tries) == (began, tries)
    assert rest.urgent, "so that it is seen through"


@pytest.mark.parametrize(
    "trouble", [Unknown("IAM Identity Center: 500"), Refused("ThrottlingException", crowded=True)]
)
def test_who_waits_hears_that_it_takes_long_whatever_keeps_it(
    world: World, trouble: Exception
) -> None:
    session = world.keep(granting())
    world.says["create"] = [trouble] * 1_000
    world.until(session, "REVOKING", steps=2_000)
    slow = [text for _, text in world.told if "takes longer than usual" in text]
    assert len(slow) == 1


def test_who_waits_hears_once_that_it_takes_long_though_the_next_try_gets_through(
    world: World,
) -> None:
    session = world.keep(granting(tries=3))
    row = world.look(session)
    assert (row.grant_call, row.tries) == ("create-1", 3)
    assert row.owed == (), "it was said after the third one had failed"


def test_a_report_is_not_said_to_be_late_when_it_is_out(world: World) -> None:
    due = NOON + 2 * HOUR
    owed = ("over", "alarm", "alarm_mail")
    world.keep(settling(state=State.REPORTING, report_at=due, trail_query="query-1", owed=owed))
    world.time = due + 3 * MINUTE
    world.look(settling())
    assert [mail.subject for mail in world.mails if "delayed" in mail.subject] == []
    assert not any("is late" in text for _, text in world.told)
    assert any("is closed" in text for _, text in world.told)


def test_another_row_that_an_operator_has_spoiled_is_a_reason_and_is_counted(world: World) -> None:
    session = world.keep(granting())
    other = active(id="bg-" + "9" * 24)
    world.books.sessions[other.id] = other
    read = world.books.read

    def spoiled(session_id: str) -> Any:
        if session_id == other.id:
            raise Unreadable(f"{other.id} is no session: ValueError")
        return read(session_id)

    world.books.read = spoiled  # type: ignore[method-assign]
    row = world.look(session)
    assert (row.state, row.tries) == (State.GRANTING, 1)
    assert other.id in row.last_error


def test_what_a_late_answer_says_is_no_reason_of_the_next_state(world: World) -> None:
    """End now comes while Create has yet to answer."""
    session = world.keep(granting())

    def end() -> None:
        world.ask(asked(session, "end", "U0ALICE"))

    world.meanwhile["create"] = end
    world.says["create"] = [Refused("IAM Identity Center: AccessDenied", lasting=True)]
    row = world.look(session)
    assert row.ended_how == "ended"
    assert (row.tries, row.last_error) == (0, "")


def test_no_ask_is_lost_over_a_session_that_an_operator_has_spoiled(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", "U0ALICE")
    world.books.record(ask)
    read = world.books.read

    def spoiled(_: str) -> Any:
        raise Unreadable(f"{session.id} is no session: ValueError")

    world.books.read = spoiled  # type: ignore[method-assign]
    world.runner().advance(f"ask/{ask.id}", Turn("queue", lambda: world.left))
    assert list(world.books.asks) == [f"ask/{ask.id}"]
    assert world.wakes == [], "it takes a hand to mend it"
    world.books.read = read  # type: ignore[method-assign]
    world.runner().advance(f"ask/{ask.id}", Turn("queue", lambda: world.left))
    assert world.books.decided[ask.id].outcome == "ended"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ([59.9, 119.9, 180.1, 240.2], [0, 0, 1, 0]),  # no run falls into the minute after two
        ([120, 179.9, 240], [1, 0, 0]),  # two do
        ([120, 300, 1800], [1, 1, 1]),
    ],
)
def test_an_alarm_without_a_row_is_said_once_whenever_the_sweep_comes(
    world: World, seconds: list[float], said: list[int]
) -> None:
    session, runner = world.keep(revoking()), world.runner()
    mails = []
    for late in seconds:
        before = len(world.mails)
        world.time = NOON + HOUR + timedelta(seconds=late)
        runner.alarm(session.id, "DynamoDB: ValidationException")
        mails.append(len(world.mails) - before)
    assert mails == said


def test_what_of_an_alarm_without_a_row_could_not_be_said_is_said_the_next_time(
    world: World,
) -> None:
    session, runner = world.keep(revoking(card_ts="1.0")), world.runner()
    world.time = NOON + HOUR + 2 * MINUTE
    world.says["mail"] = [Unavailable("SES: down")]
    runner.alarm(session.id, "x")
    runner.alarm(session.id, "x")
    assert (len(world.told), len(world.mails)) == (1, 1)


def test_an_alarm_that_the_row_has_is_not_said_without_it(world: World) -> None:
    session = world.keep(revoking(alarms=1))
    world.time = NOON + HOUR + 4 * MINUTE
    world.runner().alarm(session.id, "x")
    assert world.mails == []
    world.keep(session.with_(owed=("alarm_mail",)))  # and who was to say it could not
    world.runner().alarm(session.id, "x")
    assert len(world.mails) == 1


def spoiled(world: World, **changes: Any) -> Session:
    """A live session whose row an operator has made unreadable."""
    session = world.keep(revoking(card_ts="1.0", **changes))
    world.books.unreadable.add(session.id)
    return session


def test_a_row_that_cannot_be_read_is_made_known_after_2_5_15_minutes_then_every_15(
    world: World,
) -> None:
    session, runner, minutes = spoiled(world), world.runner(), []
    for minute in range(-5, 40):
        world.time = NOON + HOUR + minute * MINUTE + SECOND
        before = len(world.mails)
        with pytest.raises(Unreadable) as unreadable:
            runner.advance(session.id, Turn("sweep", lambda: world.left, quiet=True))
        runner.alarm(session.id, str(unreadable.value))
        minutes += [minute] * (len(world.mails) - before)
    assert minutes == [2, 5, 15, 30]
    in_channel = [text for where, text in world.told if where == "C0INCIDENT"]
    assert len(in_channel) == 4
    for words in (*in_channel, *(mail.text for mail in world.mails)):
        assert "alice@example.com" in words
        assert "may still have BreakGlassAdmin on " in words.replace(
            "MAY STILL HAVE", "may still have"
        )
        assert "aws sso-admin delete-account-assignment" in words
        assert "before an operator has mended its row" in words
    late = [facts["metrics"] for _, what, facts in world.lines if "cannot be ended" in what]
    assert [round(each["RevokeOverdueSeconds"] / 60) for each in late] == minutes


@pytest.mark.parametrize(
    ("left", "channels", "mailed"),
    [
        ({"channel": "", "report_to": ()}, {"C0INCIDENT"}, {"security@example.com"}),
        ({"channel": "", "report_to": (), "glass": ""}, set(), {"security@example.com", "b@x.org"}),
        ({"channel": "C1", "report_to": ("a@x.org",), "glass": "gone"}, {"C1"}, {"a@x.org"}),
    ],
)
def test_who_hears_of_a_row_that_does_not_say_it_is_the_glasses_to_say(
    world: World, left: dict[str, Any], channels: set[str], mailed: set[str]
) -> None:
    world.glasses["other"] = glass(name="other", channel="C2", report_to=("b@x.org",))
    session = spoiled(world, **left)
    world.time = NOON + HOUR + 2 * MINUTE
    world.runner().alarm(session.id, "bg-0 is no session: ValueError")
    assert {where for where, _ in world.told} == channels
    assert {each for mail in world.mails for each in mail.to} == mailed


def test_where_nobody_can_tell_until_when_it_is_made_known_once(world: World) -> None:
    session = spoiled(world, deadline=None, ended_at=None, email="", principal_id="")
    world.time, runner = NOON, world.runner()
    for _ in range(60):
        world.time += MINUTE
        runner.alarm(session.id, "bg-0 is no session: ValueError")
    assert len(world.mails) == 1
    assert "may still have" in world.mails[0].text


def test_a_spoiled_row_that_is_not_live_or_gone_is_no_alarm(world: World) -> None:
    session = spoiled(world)
    world.time, runner = NOON + 2 * HOUR, world.runner()
    world.books.sessions[session.id] = settling()
    runner.alarm(session.id, "x")
    del world.books.sessions[session.id]
    runner.alarm(session.id, "x")
    assert (world.mails, world.told) == ([], [])


def test_who_heard_of_a_spoiled_row_hears_of_its_end_when_it_was_mended(world: World) -> None:
    session = spoiled(world)
    runner = unwritable(world, session)
    assert runner.note_alarms() == []
    assert [what for _, what, _ in world.lines][-1] == "alarm noted later"
    world.books.unreadable.clear()
    runner.note_alarms()
    world.until(session, "SETTLING")
    world.look(session)
    assert closed(world) == (1, 1)


def unwritable(world: World, session: Session) -> Any:
    """The sweep's runner, which has said of that session what nobody could write."""
    runner = world.runner()
    world.time = NOON + HOUR + 3 * MINUTE
    runner.alarm(session.id, "DynamoDB: down")
    assert any("ACTION NEEDED" in mail.subject for mail in world.mails)
    return runner


def closed(world: World) -> tuple[int, int]:
    """How often “closed after all” was said in the channel, and by mail."""
    said = sum("no longer has" in text for _, text in world.told)
    return said, sum("closed after all" in mail.subject for mail in world.mails)


def test_who_heard_an_alarm_that_no_row_had_hears_of_its_end(world: World) -> None:
    """The row can be written again, and another has revoked it in one turn."""
    session = world.keep(revoking(card_ts="1.0"))
    runner = unwritable(world, session)
    world.says["delete"] = [Gone("ResourceNotFoundException")]
    looks(world, session, MINUTE, patience=5 * SECOND)
    assert world.row(session.id).state is State.SETTLING
    assert closed(world) == (0, 0)
    assert runner.note_alarms() == [session.id]
    looks(world, session, MINUTE, "sweep", says_first=True)
    assert closed(world) == (1, 1)
    assert runner.note_alarms() == []


def test_an_alarm_that_no_row_had_is_in_the_row_as_soon_as_that_can_be_written(
    world: World,
) -> None:
    """So it is said no second time, and whoever revokes it says that it is over."""
    session = world.keep(revoking(card_ts="1.0", alarms=1, owed=("alarm", "alarm_mail", "over")))
    runner = unwritable(world, session)
    down = [Unavailable("DynamoDB: down")]
    write = world.books.write
    world.books.write = lambda row: given(down.pop() if down else write(row))  # type: ignore[method-assign]
    assert runner.note_alarms() == []
    assert world.row(session.id).alarmed == ()
    assert runner.note_alarms() == []
    row = world.row(session.id)
    assert (row.alarms, row.alarmed, row.owed) == (1, ("alarm", "alarm_mail"), ("over",))
    told = len(world.mails)
    runner.alarm(session.id, "DynamoDB: down")
    looks(world, session, MINUTE)
    assert len(world.mails) == told
    world.until(session, "SETTLING")
    world.look(session)
    assert closed(world) == (1, 1)
    runner.note_alarms()
    world.look(session)
    assert closed(world) == (1, 1)


def test_where_only_some_of_an_alarm_was_said_the_rest_is_said_by_the_row(world: World) -> None:
    session = world.keep(revoking(card_ts="1.0"))
    world.says["post"] = [Unavailable("Slack: down")]
    runner = unwritable(world, session)
    runner.note_alarms()
    row = world.row(session.id)
    assert (row.alarms, row.alarmed) == (0, ("alarm_mail",))
    looks(world, session, MINUTE)
    assert any("MAY STILL HAVE" in text for _, text in world.told)


@pytest.mark.parametrize("state", sorted(OVER))
@pytest.mark.parametrize("found", [False, True])
def test_who_has_heard_of_the_end_already_hears_it_no_more(
    world: World, state: State, found: bool
) -> None:
    session = world.keep(revoking())
    runner = unwritable(world, session)
    over = settling(state=state, alarmed=("alarm", "alarm_mail"), look_at=None)
    world.keep(over.with_(shape="found") if found else over)
    assert runner.note_alarms() == [session.id]
    told = state is State.SETTLING or found
    ends = ("resolved", "resolved_mail")
    assert world.row(session.id).owed == (("alarm_over",) if told else ends)
    heard, mails = len(world.told), len(world.mails)
    row = world.look(session.id)
    assert (row.owed, row.alarm_ts) == ((), "")
    where = [where for where, _ in world.told[heard:]]
    assert where == ["C0INCIDENT 1.5", *([] if told else ["C0INCIDENT"])], (
        "edited, and no word more"
    )
    assert len(world.mails) - mails == (not told)


def test_of_a_row_that_is_gone_there_is_nothing_to_note(world: World) -> None:
    session = world.keep(revoking())
    runner = unwritable(world, session)
    del world.books.sessions[session.id]
    assert runner.note_alarms() == runner.note_alarms() == []


def test_without_a_queue_the_sweep_reads_the_trail_when_all_else_was_looked_at(
    world: World,
) -> None:
    due = NOON + 2 * HOUR
    session = world.keep(settling(state=State.REPORTING, report_at=due, trail_query="query-1"))
    world.time = due
    world.says |= {"wake": [Unavailable("SQS: down")] * 9, "make": [Reading("page 2", SECOND)]}
    rest = looks(world, session, MINUTE, "sweep", quiet=True)
    assert (rest.tells, "make" in world.asked) == (True, False)
    looks(world, session, MINUTE, "sweep", says_first=True)
    assert "make" in world.asked


def test_who_comes_too_late_hears_so_whatever_keeps_us_from_knowing_them(world: World) -> None:
    """Else that ask would be looked at each minute, for ever."""
    session = world.keep(settling())
    world.says["email"] = [AttributeError("a mistake")]
    ask = world.ask(asked(session, "end", "U0BOB"))
    assert (ask.outcome, ask.person) == ("too late", "U0BOB")


def test_an_ask_that_cannot_be_decided_for_hours_has_one_wake_up_under_way(world: World) -> None:
    """The sweep looks at it each minute, and what it sent would come again and again."""
    session = world.keep(active())
    world.says["email"] = [Unavailable("Slack: down")] * 10
    ask = asked(session, "end", "U0BOB")
    world.books.record(ask)
    for side in ("queue", "sweep", "sweep"):
        world.runner().advance(f"ask/{ask.id}", Turn(side, lambda: world.left))
    assert [row_id for row_id, *_ in world.wakes] == [f"ask/{ask.id}"]
    assert list(world.books.asks) == [f"ask/{ask.id}"]


def test_an_alarm_is_written_before_the_try_that_a_worker_may_die_over(world: World) -> None:
    class Died(BaseException):
        """Its time was up."""

    def dies(*_: Any) -> Any:
        raise Died

    session = overdue(world)
    world.deletion = dies  # type: ignore[method-assign]
    with pytest.raises(Died):
        looks(world, session, MINUTE)
    row = world.row(session.id)
    assert (row.alarms, set(row.owed)) == (1, {"alarm", "alarm_mail"})
