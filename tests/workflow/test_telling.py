"""What is owed to people is told, later where it must be, and never for ever."""

from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.machine import State
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, asked, look_at, pressed
from tests.support.stories import (
    active,
)


def test_what_asks_for_a_session_is_never_taken_for_an_ask_about_one(world: World) -> None:
    session = world.keep(active())
    ask = asked(session, "end", session.slack_user).with_(id=f"bg-{'1' * 24}")
    world.books.asks[f"ask/{ask.id}"] = ask
    world.runner().advance(f"ask/{ask.id}", look_at(world))
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
