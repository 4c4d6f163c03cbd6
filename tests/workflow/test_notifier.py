"""Each piece of news is said once, whatever comes while it is being said."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Partly, Unavailable
from chalicelib.domain.session import Session
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.fakes.rows import asked, pressed
from tests.support.stories import HOUR, NOON, active, glass, revoking, settling

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def in_channel(world: World, words: str) -> int:
    return sum(where == "C0INCIDENT" and words in text for where, text in world.told)


def posted(world: World) -> int:
    """How many cards of their own the person has."""
    return sum(where == "U0ALICE" for where, _ in world.told)


def heard(world: World, words: str) -> int:
    return sum(words in text for _, text in world.told)


@pytest.mark.parametrize("kind", ["end", "extend"])
def test_what_is_asked_while_the_card_is_posted_makes_no_second_card(
    world: World, kind: str
) -> None:
    """The first one would stand in the channel for ever, with its buttons, and say “open”."""
    session = pressed(world)

    def press() -> None:
        world.time += SECOND
        world.ask(asked(session, kind, "U0ALICE", at=world.time))

    world.meanwhile["post"] = press
    world.look(session, patience=5)
    for _ in range(4):
        world.time += 31 * SECOND
        world.look(session)
    assert in_channel(world, "") == 1
    assert posted(world) == 1, "and then edited"
    assert heard(world, "now lasts until") == (kind == "extend")
    card = [text for where, text in world.told if where == "C0INCIDENT 1.5"][-1]
    assert ("had BreakGlassAdmin" in card) == (kind == "end")
    assert world.row(session.id).owed == ()


def test_the_card_is_brought_up_to_date_though_it_just_was_when_access_ended(
    world: World,
) -> None:
    session = world.keep(active(owed=("card_again",), card_ts="1.5"))
    world.time = NOON + HOUR - SECOND

    def ends() -> None:
        world.time += 2 * SECOND
        world.until(session, "SETTLING")

    world.meanwhile["update"] = ends
    world.look(session)
    for _ in range(3):
        world.time += 31 * SECOND
        world.look(session)
    cards = [text for where, text in world.told if where == "C0INCIDENT 1.5"]
    assert "had BreakGlassAdmin" in cards[-1]
    assert heard(world, "is closed. Credentials") == 1


def test_what_cannot_even_be_worded_holds_up_nothing_else(world: World) -> None:
    session = world.keep(revoking(owed=("granted", "alarm_mail"), retry_at=NOON + 9 * HOUR))
    world.time = NOON + HOUR + SECOND
    world.says["post"] = [TypeError("a secret")]
    row = world.look(session)
    assert len(world.mails) == 1
    assert (row.owed, row.tell_error) == (("granted",), "a mistake in the program: TypeError")
    ((level, _, facts),) = [line for line in world.lines if line[1] == "telling failed"]
    assert (level, "outside.py" in facts["trace"]) == ("error", True)
    assert "a secret" not in str(world.lines)


def test_an_answer_that_cannot_be_worded_is_tried_again_and_counted(world: World) -> None:
    session = world.keep(active())
    world.says["post"] = [TypeError("a mistake")]
    ask = world.ask(asked(session, "end", "U0MALLORY", response_url=""))
    assert (ask.owed, ask.tell_tries) == (("answer",), 1)


def test_an_ask_that_nobody_answers_keeps_no_address_to_post_to(world: World) -> None:
    session = world.keep(active())
    url = "https://hooks.slack.com/actions/T0/1/abc"
    ask = world.ask(asked(session, "extend", "U0ALICE", response_url=url))
    assert (ask.outcome, ask.owed, ask.response_url) == ("extended", (), "")


def test_who_is_telling_and_dies_leaves_it_to_the_next_look(world: World) -> None:
    session = world.keep(revoking(card_ts="1.5", owed=("resolved",), revoke_call="delete-1"))
    world.time = NOON + HOUR + SECOND
    telling = session.with_(
        tell_at=world.time + 30 * SECOND, tell_token="another's", revoke_asked_at=world.time
    )
    world.books.sessions[session.id] = telling
    row = world.until(session, "SETTLING")
    assert world.told == []
    world.says["respond"] = [Unavailable("Slack: slow")]
    world.time = row.look_at or world.time
    world.look(session)
    assert heard(world, "is closed. Credentials") == 1


def test_a_deadline_that_is_near_does_not_wait_for_people_to_be_told(world: World) -> None:
    """Where mail or Slack hangs, the worker that tells is busy for longer than access lasts."""
    world.glasses = {"prod": glass(duration=20 * SECOND)}
    session = pressed(world)
    world.until(session, "ACTIVE")
    assert world.wakes[-1][2] == NOON + 20 * SECOND
    last = len(world.asked) - world.asked[::-1].index("wake")
    assert "post" not in world.asked[:last], "it is on its way before anybody is told"
    assert "post" in world.asked[last:]


def test_who_takes_longer_than_others_wait_for_writes_nothing_over_what_they_have_said(
    world: World,
) -> None:
    session = world.keep(active(owed=("granted",), response_url=""))

    def the_next() -> None:
        world.time += 31 * SECOND
        world.look(session)

    world.meanwhile["post"] = the_next
    row = world.look(session)
    assert heard(world, "You are in") == 2
    assert (row.owed, row.tell_at) == ((), None)
    world.time += 31 * SECOND
    world.look(session)
    assert heard(world, "You are in") == 2


def repeating(world: World, **changes: Any) -> Session:
    """What is owed has failed some times, and is just due again."""
    facts: dict[str, Any] = {"owed": ("mine",), "tell_tries": 3, "response_url": ""}
    session = world.keep(active(**facts | changes))
    world.time = NOON + MINUTE
    return session


@pytest.mark.parametrize("kind", ["end", "extend"])
@pytest.mark.parametrize("side", ["queue", "sweep"])
def test_what_comes_while_something_is_told_again_is_left_to_who_is_telling(
    world: World, kind: str, side: str
) -> None:
    session = repeating(world, tell_at=NOON + MINUTE)

    def press() -> None:
        world.ask(asked(session, kind, "U0ALICE", at=world.time), side, quiet=side == "sweep")
        world.look(session)

    world.meanwhile["post"] = press
    world.look(session, patience=5)
    for _ in range(4):
        world.time += 31 * SECOND
        world.look(session)
    assert posted(world) == 1
    assert heard(world, "now lasts until") == (kind == "extend")
    assert world.row(session.id).owed == ()


def test_what_is_only_to_be_told_again_later_keeps_no_other_news(world: World) -> None:
    """Nobody is telling: somebody was to, in a while."""
    session = repeating(world, tell_at=NOON + HOUR / 2)
    world.ask(asked(session, "extend", "U0ALICE", at=world.time))
    assert heard(world, "now lasts until") == posted(world) == 1


def test_what_came_meanwhile_does_not_wait_as_long_as_what_has_failed_many_times(
    world: World,
) -> None:
    session = repeating(world, tell_at=NOON + MINUTE, tell_tries=9)
    world.says["post"] = [Unavailable("Slack: down")]
    world.meanwhile["post"] = lambda: world.ask(asked(session, "extend", "U0ALICE", at=world.time))
    began = world.time
    world.look(session)
    assert heard(world, "now lasts until") == posted(world) == 1
    assert world.time - began < MINUTE


def test_an_alarm_waits_for_who_is_telling_and_no_longer(world: World) -> None:
    session = world.keep(revoking(owed=("mine",), card_ts="1.5", response_url=""))
    world.keep(session.with_(retry_at=NOON + 9 * HOUR))
    world.time = NOON + HOUR + 2 * MINUTE - SECOND

    def comes_by() -> None:
        world.time += 2 * SECOND
        world.look(session)

    world.meanwhile["post"] = comes_by
    world.look(session)
    assert (posted(world), len(world.mails)) == (1, 1)
    assert in_channel(world, "MAY STILL HAVE") == 1


def test_a_quiet_look_leaves_what_is_being_told_to_who_is_telling(world: World) -> None:
    session = world.keep(
        active(owed=("mine",), tell_at=NOON + HOUR + MINUTE, tell_token="another's")
    )
    world.time = NOON + HOUR
    look = Turn("sweep", lambda: world.left, quiet=True)
    while (row := world.row(session.id)).live:
        world.runner().advance(session.id, look)
        world.time += 2 * SECOND
    assert (row.tell_token, row.tell_at) == ("another's", NOON + HOUR + MINUTE)
    assert "mine" in row.owed
    world.time = NOON + HOUR + MINUTE
    world.look(session)
    assert heard(world, "is closed. Credentials") == 1


# ---- a mail that reached some of its readers only ------------------------------------------------


def test_who_has_not_got_a_mail_gets_it_by_the_next_look_and_nobody_else(world: World) -> None:
    session = world.keep(revoking(owed=("alarm_mail",), retry_at=NOON + 9 * HOUR))
    world.time = NOON + HOUR + SECOND
    world.says["mail"] = [Partly("SES: it takes long", 3), Partly("SES: slow", 5)]
    row = world.look(session)
    assert (row.owed, row.reached, row.alarmed) == (
        ("alarm_mail",),
        "alarm_mail 3",
        ("alarm_mail",),
    )
    assert row.tell_error == "SES: it takes long"
    for reached in ("alarm_mail 5", ""):
        world.time += 3 * SECOND
        row = world.look(session)
        assert row.reached == reached
    assert [mail.reached for mail in world.mails] == [5]
    assert row.owed == ()


def test_whom_a_mail_has_reached_is_written_before_anything_else_is_said(world: World) -> None:
    class Died(BaseException):
        """Its time was up."""

    def dies() -> None:
        raise Died

    news = ("alarm_mail", "alarm")
    session = world.keep(revoking(owed=news, retry_at=NOON + 9 * HOUR, card_ts="1.5"))
    world.time = NOON + HOUR + SECOND
    world.says["mail"], world.meanwhile["post"] = [Partly("SES: it takes long", 3)], dies
    with pytest.raises(Died):
        world.look(session)
    assert world.row(session.id).reached == "alarm_mail 3"


def test_the_next_alarm_is_for_everybody(world: World) -> None:
    session = world.keep(revoking(alarms=1, reached="alarm_mail 3", owed=("alarm_mail",)))
    world.keep(session.with_(retry_at=NOON + 9 * HOUR))
    world.time = NOON + HOUR + 5 * MINUTE
    world.look(session)
    assert [mail.reached for mail in world.mails] == [0]


def test_a_report_goes_on_to_whom_it_has_not_reached(world: World) -> None:
    due = NOON + 2 * HOUR
    session = settling(state="REPORTING", report_at=due, trail_query="query-1", tail=timedelta(0))
    world.keep(session.with_(reached="resolved_mail 2"))
    world.time = due
    world.says["mail"] = [Partly("SES: it takes long", 7)]
    row = world.look(session)
    assert (row.state, row.tries, row.busy_token) == ("REPORTING", 1, "")
    assert row.reached == "resolved_mail 2 report 7"
    row = world.until(session, "CLOSED")
    assert [mail.reached for mail in world.mails] == [7]
    assert row.reached == "resolved_mail 2"


def test_an_alarm_without_a_row_goes_on_to_whom_it_has_not_reached(world: World) -> None:
    session, runner = world.keep(revoking(channel="")), world.runner()
    world.time = NOON + HOUR + 2 * MINUTE
    world.says["mail"] = [Partly("SES: it takes long", 3)]
    for _ in range(3):
        runner.alarm(session.id, "x")
    assert [mail.reached for mail in world.mails] == [3]


@pytest.mark.parametrize("spoiled", ["alarm_mail", "alarm_mail x", "alarm_mail ", "", "report 2"])
def test_what_an_operator_has_made_of_it_is_as_good_as_nothing(spoiled: str) -> None:
    session = revoking(reached=spoiled)
    assert session.reached_by("alarm_mail") == 0
    assert session.reaching("alarm_mail", 4).reached_by("alarm_mail") == 4


# ---- others write meanwhile ----------------------------------------------------------------------


def taken_over(world: World, session: Session) -> Any:
    """Another has come by, for the claim was over, and holds one of their own."""

    def claims() -> None:
        row = world.row(session.id)
        world.books.sessions[row.id] = row.with_(version=row.version + 1, busy_token="another's")

    return claims


def test_a_call_whose_claim_another_has_by_now_counts_nothing(world: World) -> None:
    session = world.keep(revoking(standing="no"))
    world.time = NOON + HOUR
    world.meanwhile["delete"] = taken_over(world, session)
    row = world.look(session)
    assert (row.busy_token, row.tries, row.revoke_call) == ("another's", 0, "?")


def test_a_report_whose_claim_another_has_by_now_is_theirs(world: World) -> None:
    due = NOON + 2 * HOUR
    session = settling(state="REPORTING", report_at=due, trail_query="query-1")
    world.keep(session)
    world.time = due
    world.meanwhile["make"] = taken_over(world, session)
    row = world.look(session)
    assert (row.busy_token, str(row.state)) == ("another's", "REPORTING")


def test_what_a_quiet_look_has_brought_about_is_owed_and_told_by_nobody_yet(world: World) -> None:
    session = world.keep(revoking(revoke_call="delete-1", revoke_asked_at=NOON + HOUR))
    world.time = NOON + HOUR + SECOND
    rest = world.runner().advance(session.id, Turn("sweep", lambda: world.left, quiet=True))
    row = world.row(session.id)
    assert rest is not None
    assert (rest.tells, row.state, row.tell_token, row.tell_at) == (True, "SETTLING", "", None)
    assert (bool(row.owed), world.told, row.look_at) == (True, [], world.time)


def test_what_was_said_is_kept_though_the_row_was_written_meanwhile(world: World) -> None:
    session = world.keep(revoking(owed=("taken_back",), retry_at=NOON + 9 * HOUR))
    world.time = NOON + HOUR + SECOND
    world.meanwhile["post"] = lambda: world.books.write(world.row(session.id))
    row = world.look(session)
    assert (in_channel(world, "taken back"), row.owed, row.tell_token) == (1, (), "")
