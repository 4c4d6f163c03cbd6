"""What people ask of a session; and that who can only ask cannot act."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from chalicelib.domain.errors import Refused, Unavailable, Unreadable, Unwritable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.words import messages, refusals
from chalicelib.words.naming import date
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, asked, look_at, pressed
from tests.support.stories import (
    HOUR,
    NOON,
    SET,
    active,
    granting,
    requested,
    revoking,
    settling,
)


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
        runner.advance(f"ask/{ask.id}", look_at(world))
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
    world.runner().advance(f"ask/{ask.id}", look_at(world))
    assert world.row(session.id).state is State.ACTIVE
    assert world.wakes[-1][0] == f"ask/{ask.id}"
    world.runner().advance(f"ask/{ask.id}", look_at(world))
    assert world.until(session, "SETTLING").ended_by == "bob@example.com"


def test_an_ask_is_decided_once(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "extend", "U0ALICE")
    first = world.ask(ask)
    deadline = world.row(session.id).deadline
    world.books.asks[f"ask/{ask.id}"] = ask  # whoever may write asks writes it once more
    world.runner().advance(f"ask/{ask.id}", look_at(world))
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
        (
            revoking(tries=11),
            f"It is being taken back (since {date(NOON + HOUR)}, tried 11 times).",
        ),
        (active(deadline=NOON), f"It is being taken back (since {date(NOON)}"),
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
    tried = 0
    while f"ask/{ask.id}" in world.books.asks:
        turn = replace(look_at(world), tried=tried)
        world.runner().advance(f"ask/{ask.id}", turn)
        _, after, _ = world.wakes[-1]
        world.time += after
        tried = world.tried
    heard = [text for where, text in world.told if where == "response_url"]
    assert len(heard) == 2, heard
    assert "recorded, but not done yet. IAM Identity Center answers 503." in heard[0]
    assert "In any case" not in heard[0], "until when is for whoever has it"
    assert "You have ended the access" in heard[1]


@pytest.mark.parametrize(
    ("fails", "raised", "why"),
    [
        ("row", None, "The session's row in the log cannot be read until somebody mends it."),
        ("who", KeyError, "A mistake in the program: KeyError."),
        ("who", Refused, "Slack: ratelimited."),
        ("write", Unwritable, "The row is too big."),
    ],
)
def test_whatever_keeps_an_ask_from_being_decided_they_hear_it_once(
    world: World, fails: str, raised: type[Exception] | None, why: str
) -> None:
    session = world.keep(active())
    errors = {KeyError: KeyError("x"), Refused: Refused("Slack: ratelimited")}
    if fails == "row":
        world.books.unreadable.add(session.id)
    elif raised in errors:
        world.says["email"] = [errors[raised]] * 9
    else:
        world.books.decide = Mock(side_effect=Unwritable("the row is too big"))  # type: ignore[method-assign]
    ask = asked(session, "end", "U0BOB", response_url="https://hooks.slack.com/a")
    queue = look_at(world)
    sides = replace(queue, seen_by="stream", asks_nobody=True), queue, replace(queue, tried=1)
    world.books.record(ask)
    for turn in (*sides, replace(queue, seen_by="sweep")):
        with pytest.raises(raised) if raised and not turn.asks_nobody else nullcontext():
            world.runner().advance(f"ask/{ask.id}", turn)
    assert [where for where, _ in world.told] == ["response_url"]
    assert world.told[0][1] == f"That is recorded, but not done yet. {why} We keep trying."
    assert f"ask/{ask.id}" in world.books.asks


def test_that_it_is_not_decided_yet_is_said_or_left(world: World) -> None:
    session = world.keep(active())
    world.time = NOON + 2 * SECOND
    world.says = {"person": [Unavailable("down")], "respond": [Unavailable("Slack: down")]}
    ask = asked(session, "end", "U0BOB", response_url="https://hooks.slack.com/a")
    world.books.record(ask)
    world.runner().advance(f"ask/{ask.id}", look_at(world))
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
        world.runner().advance(f"asked/{ask.id}", look_at(world))
    assert world.books.decided[ask.id].owed == ()
    assert [where for where, _ in world.told] == ["U0MALLORY"]


def test_who_cannot_be_answered_for_a_day_is_answered_no_more(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", "U0MALLORY")
    world.says["post"] = [Unavailable("Slack: down")] * 1_000
    world.ask(ask)
    while world.books.decided[ask.id].owed:
        world.time = max(world.time, world.books.decided[ask.id].tell_at or world.time)
        world.runner().advance(f"asked/{ask.id}", look_at(world))
    assert world.time - NOON > timedelta(hours=20)
    assert world.told == []


def test_the_stream_decides_only_what_needs_nobodys_answer(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    runner, look = world.runner(), look_at(world)
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
        refusals.LOCK_NOT_HELD,
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
    assert world.runner().advance("ask/bg-1", look_at(world)) is None
    assert world.books.asks == {}
