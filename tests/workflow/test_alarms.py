"""What is not over in time is made known, louder each time, whatever is in the way."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Gone, Refused, Unavailable, Unknown
from chalicelib.domain.machine import State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Session
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, asked, closing, held, stuck
from tests.support.stories import (
    HOUR,
    NOON,
    active,
    granting,
    settling,
)


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

    def slow(*_: Any) -> CallStatus:
        world.time += 6 * SECOND
        return CallStatus("IN_PROGRESS")

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
        {"deletion": [CallStatus("IN_PROGRESS")] * 10_000},
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


class Killed(BaseException):
    """The worker is no more."""


def test_whoever_dies_over_what_an_end_brings_has_written_the_alarm_before(world: World) -> None:
    """The end itself was never written: each look died, or hung, before its first write."""
    unknown = {"grant_call": "?", "grant_asked_at": NOON, "grant_late_until": NOON + MINUTE}
    session = world.keep(granting(standing="no", **unknown))
    world.time = NOON + HOUR + 3 * MINUTE

    def dies() -> None:
        raise Killed

    for n in range(3):
        world.meanwhile["creating"] = dies
        with pytest.raises(Killed):
            world.look(session)
        row = world.row(session.id)
        assert (row.state, row.alarms) == (State.REVOKING, 1), f"look {n}: once, not with each"
        assert "alarm_mail" in row.owed


def test_what_is_over_within_the_look_that_wrote_the_alarm_alarms_nobody(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.time = NOON + HOUR + 3 * MINUTE
    world.look(session, patience=30)
    assert world.until(session, "SETTLING").gone_at is not None
    assert not any("MAY STILL HAVE" in text for _, text in world.told)


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
        runner = world.runner()
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


def in_the_channel(world: World) -> list[tuple[str, str]]:
    return [(where, text) for where, text in world.told if where.startswith("C0INCIDENT")]


def test_an_alarm_keeps_no_command_when_it_is_over_or_said_anew(world: World) -> None:
    """Who comes later reads the channel from the top, and would run what is there to be copied."""
    session = stuck(world, card_ts="1.0")
    world.says["delete"] = [Refused("ConflictException")] * 10_000
    while world.time < NOON + HOUR + 6 * MINUTE:
        row = world.look(session)
        world.time = max(row.look_at or world.time, world.time + SECOND)
    assert row.alarm_ts == "1.5"
    world.says["delete"] = []
    world.until(session, "SETTLING", steps=500)
    row = world.look(session)
    assert (row.alarm_ts, row.owed) == ("", ())
    first, again, second, over, resolved = [
        each for each in in_the_channel(world) if each[0] != "C0INCIDENT 1.0"
    ]
    assert [where for where, _ in (first, second, resolved)] == ["C0INCIDENT"] * 3
    assert [where for where, _ in (again, over)] == ["C0INCIDENT 1.5"] * 2
    whose = "alice@example.com MAY STILL HAVE BreakGlassAdmin on account Production (111122223333)"
    assert again[1] == f"{whose}: said again below."
    assert over[1].startswith(f":white_check_mark: ~{whose}.~ Closed at <!date^")
    for _, text in (again, over, resolved):
        assert "aws sso-admin" not in text
    assert "aws sso-admin" in first[1]
    assert "aws sso-admin" in second[1]


def test_an_alarm_that_somebody_has_deleted_holds_up_nothing(world: World) -> None:
    session = world.keep(settling(owed=("resolved",), alarm_ts="1.5", card_ts="1.0"))
    world.says["update"] = [Refused("Slack: message_not_found", lasting=True)]
    row = world.look(session)
    assert (row.alarm_ts, row.owed) == ("", ())
    assert any("no longer has" in text for _, text in world.told)


def test_an_alarm_is_put_right_before_it_is_said_to_be_over_and_again_where_slack_is_down(
    world: World,
) -> None:
    session = world.keep(settling(owed=("resolved",), alarm_ts="1.5", card_ts="1.0"))
    world.says["update"] = [Unavailable("Slack: down")]
    row = world.look(session)
    assert (row.alarm_ts, row.owed, world.told) == ("1.5", ("resolved",), [])
    world.time += MINUTE
    row = world.look(session)
    assert (row.alarm_ts, row.owed, len(world.told)) == ("", (), 2)


def test_an_alarm_of_a_late_report_is_put_right_when_it_has_come(world: World) -> None:
    session = world.keep(
        settling(state=State.TAILING, owed=("report",), alarm_ts="1.5", card_ts="1.0")
    )
    world.look(session)
    where, text = world.told[0]
    assert (where, "is late.~ It has come." in text) == ("C0INCIDENT 1.5", True)


def test_a_row_of_the_version_before_has_no_alarm_to_put_right(world: World) -> None:
    session = world.keep(settling(owed=("resolved",), card_ts="1.0"))
    world.look(session)
    ((where, _),) = world.told
    assert where == "C0INCIDENT"


def test_an_alarm_that_no_row_had_is_put_right_too(world: World) -> None:
    session = world.keep(active(card_ts="1.0"))
    runner = world.runner()
    for minute in (3, 6):
        world.time = NOON + HOUR + minute * MINUTE
        runner.alarm(session.id, "DynamoDB: ValidationException")
    assert [text for where, text in in_the_channel(world) if "said again below" in text]
    runner.note_alarms()
    assert world.row(session.id).alarm_ts == "1.5"
