"""What people met when they tried it: from the press to the last word, whatever fails between.

Over the real route and the real runner; only Slack, Identity Center and the table are pretended.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.operations.log import JsonLog
from chalicelib.triggers.sweep import Sweep
from chalicelib.words import messages
from chalicelib.words.naming import date
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.support.presses import block_actions, legacy
from tests.support.stories import HOUR, NOON, active, glass

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
DOWN = Unavailable("Slack: HTTP 500")
ALL = 1_000  # more answers than anybody asks for


@dataclass
class Place:
    """The route and the worker's side around one table."""

    world: World = field(default_factory=World)
    taken: set[str] = field(default_factory=set)

    def press(self, sent: bytes) -> dict[str, Any] | str:
        """What the person reads at once, where Slack shows it; then a worker hears of the ask."""
        world = self.world
        front = world.front()
        said: dict[str, Any] | str = front.answer({}, sent).body
        return said

    def work(self) -> None:
        """The queue's side, once for each new ask."""
        for row_id in [each for each in self.world.books.asks if each not in self.taken]:
            self.taken.add(row_id)
            self.look(row_id)

    def look(self, row_id: str) -> None:
        look = Turn("queue", lambda: self.world.left, SECOND)
        self.world.runner().advance(row_id, look)

    def decided(self) -> Ask:
        (ask,) = self.world.books.decided.values()
        return ask

    def open(self, **changes: Any) -> Session:
        """Alice's session, in use since noon."""
        later = {"look_at": NOON + HOUR, "wake_at": NOON + HOUR}
        session = self.world.keep(active(card_ts="1.0", **later, **changes))
        self.world.assignments.add(session.access)
        return session

    def fails(self, *calls: str, error: Exception = DOWN) -> None:
        for call in calls:
            self.world.says[call] = [error] * ALL

    def well(self) -> None:
        self.world.says.clear()

    def heard(self, where: str) -> list[str]:
        return [text for to, text in self.world.told if to == where]


@pytest.fixture
def place() -> Place:
    made = Place()

    class NoQueue:
        def send(self, *_: Any, **__: Any) -> None:
            raise Unavailable("SQS: down")

        bury = send

    world = made.world
    made.sweep = Sweep(world.runner(), NoQueue(), world.books, world, JsonLog())
    return made


def sweep(place: Place) -> None:
    place.sweep.once(lambda: MINUTE, 10 * SECOND, 500, 20 * SECOND)
    place.world.time += MINUTE


def worker(place: Place) -> None:
    place.work()
    place.world.time += MINUTE


WITHOUT = block_actions(value="prodd", response_url=None)  # as from a modal or a home tab
PRESSES = {"response_url fails": block_actions(value="prodd"), "no response_url": WITHOUT}


# ---- denied, and never told ---------------------------------------------------------------------


@pytest.mark.parametrize("side", [worker, sweep])
@pytest.mark.parametrize("sent", PRESSES.values(), ids=PRESSES)
def test_who_pressed_for_a_glass_that_does_not_exist_is_told_once_slack_is_well(
    place: Place, sent: bytes, side: Callable[[Place], None]
) -> None:
    place.fails("respond", "post")
    assert place.press(sent) == ""
    side(place)
    (row,) = place.world.books.sessions.values()
    assert (row.state, row.owed, place.world.told) == (State.DENIED, ("denied",), [])
    place.well()
    for _ in range(30):
        sweep(place)
    (text,) = place.heard("U0ALICE")
    assert "no glass called “prodd”" in text
    assert len(place.world.told) == 1
    (row,) = place.world.books.sessions.values()
    assert (row.owed, row.look_at) == ((), None)


@pytest.mark.parametrize("error", [DOWN, Refused("expired_url", lasting=True)])
def test_where_only_the_response_url_fails_the_bot_tells_at_once_or_in_a_moment(
    place: Place, error: Exception
) -> None:
    place.fails("respond", error=error)
    place.press(PRESSES["response_url fails"])
    worker(place)
    sweep(place)
    assert ["no glass" in text for text in place.heard("U0ALICE")] == [True]


def test_where_slack_shows_the_answer_they_are_told_once_and_not_again(place: Place) -> None:
    said = place.press(legacy(value="prodd"))
    assert isinstance(said, dict)
    assert "no glass called “prodd”" in said["text"]
    worker(place)
    sweep(place)
    (row,) = place.world.books.sessions.values()
    assert (row.state, row.reason) == (State.DENIED, messages.no_such_glass(row))
    assert place.world.told == []


@pytest.mark.parametrize("side", [worker, sweep])
@pytest.mark.parametrize("more", [{}, {"response_url": None}])
@pytest.mark.parametrize("button", ["end_now", "extend"])
def test_whoever_asked_something_of_a_session_is_told_once_slack_is_well(
    place: Place, button: str, more: dict[str, Any], side: Callable[[Place], None]
) -> None:
    """No worker need be left by then: the sweep alone answers them."""
    session = place.open()
    place.fails("respond", "post", "update")
    place.press(block_actions(button, session.id, user={"id": "U0MALLORY"}, **more))
    side(place)
    sweep(place)
    assert (place.decided().outcome, place.world.told) == ("refused", [])
    place.well()
    for _ in range(30):
        sweep(place)
    (text,) = place.heard("U0MALLORY")
    assert "Nothing was changed" in text
    assert place.decided().owed == ()
    assert place.world.row(session.id) == session, "not even its version has changed"


# ---- who extended -------------------------------------------------------------------------------


def test_who_extended_is_said_to_whoever_holds_it_on_the_card_and_in_the_log(place: Place) -> None:
    session = place.open()
    place.world.time = NOON + 10 * MINUTE
    place.press(block_actions("extend", session.id, user={"id": "U0BOB"}))
    worker(place)
    row, ask = place.world.row(session.id), place.decided()
    assert (row.extended_by, row.deadline) == ("bob@example.com", NOON + 1.5 * HOUR)
    assert (ask.person, ask.outcome, ask.session_id) == ("bob@example.com", "extended", session.id)
    assert (ask.asked_at, ask.decided_at) == (NOON + 10 * MINUTE, NOON + 10 * MINUTE)
    assert (ask.deadline_before, ask.deadline_after) == (NOON + HOUR, NOON + 1.5 * HOUR)
    assert "extended (queue, bob@example.com)" in row.steps[-1]
    assert "bob@example.com extended it" in place.heard("C0INCIDENT 1.0")[-1]
    to_alice = [text for _, text in place.world.told if "now lasts until" in text]
    assert ["bob@example.com extended it" in text for text in to_alice] == [True]
    assert "You have extended" in place.heard("response_url")[-1]


def test_who_extends_their_own_is_told_so_once(place: Place) -> None:
    session = place.open()
    place.press(block_actions("extend", session.id))
    worker(place)
    said = [text for _, text in place.world.told if "now lasts until" in text]
    assert len(said) == 1
    assert "extended it" not in said[0]
    assert not any("You have extended" in text for _, text in place.world.told)


# ---- who tried and was refused ------------------------------------------------------------------


@pytest.mark.parametrize("who", ["mallory@example.com", "MALLORY@Example.com"])
def test_who_tried_and_was_refused_is_found_in_the_log_and_hears_that_nothing_was_changed(
    place: Place, who: str
) -> None:
    place.world.emails["U0MALLORY"] = who
    session = place.open()
    place.press(block_actions("end_now", session.id, user={"id": "U0MALLORY"}))
    worker(place)
    ask = place.decided()
    assert (ask.person, ask.outcome) == ("mallory@example.com", "refused")
    assert (ask.slack_user, ask.slack_channel, ask.glass) == ("U0MALLORY", "C0", "prod")
    assert (ask.asked_at, ask.session_id) == (NOON, session.id)
    assert place.world.row(session.id) == session
    (said,) = place.heard("response_url")
    assert said.startswith("Nothing was changed: you may not end the access to “prod”.")


def test_what_was_asked_is_as_if_it_were_the_glasses_word_and_steers_nothing(place: Place) -> None:
    """A name from Slack stands in the row, bounded; it is in no message."""
    name = "\u202e<!channel>\n" * 200
    session = place.open()
    user = {"id": "U0MALLORY", "username": name}
    place.press(block_actions("end_now", session.id, user=user))
    worker(place)
    assert len(place.decided().slack_user_name) <= 100
    assert not any("<!channel>" in text for _, text in place.world.told)


# ---- an overdue lock that says it is closed -----------------------------------------------------


@pytest.mark.parametrize("button", ["end_now", "extend"])
@pytest.mark.parametrize("who", ["U0ALICE", "U0BOB"])
def test_who_asks_while_it_is_taken_back_in_vain_hears_since_when_and_how_often(
    place: Place, button: str, who: str
) -> None:
    world, session = place.world, place.open()
    place.fails("delete", error=Refused("IAM Identity Center: down"))
    world.time = NOON + HOUR
    while world.time < NOON + HOUR + 20 * SECOND:
        place.look(session.id)
        world.time += 2 * SECOND
    tries = world.row(session.id).tries
    assert tries > 5
    assert session.access in world.assignments
    place.press(block_actions(button, session.id, user={"id": who}))
    worker(place)
    words = "nothing left to end" if button == "end_now" else "was not changed"
    said = [text for _, text in world.told if words in text]
    assert len(said) == 1
    assert f"It is being taken back (since {date(NOON + HOUR)}, tried {tries} times)." in said[0]
    assert not any("closed" in text or "not open" in text for _, text in world.told)
    place.well()
    world.until(session, "SETTLING")
    assert world.assignments == set()


def test_who_asks_when_identity_center_says_nothing_hears_the_same(place: Place) -> None:
    """Who they are cannot be looked up either; that keeps nobody from the truth."""
    world, session = place.world, place.open()
    place.fails("delete", "deleting", "assigned", "person", error=Unavailable("down"))
    world.time = NOON + HOUR + 5 * MINUTE
    place.look(session.id)
    place.press(block_actions("end_now", session.id, user={"id": "U0BOB"}))
    worker(place)
    assert place.decided().outcome == "too late"
    assert any(
        f"It is being taken back (since {date(NOON + HOUR)}" in text for _, text in world.told
    )


def test_what_is_closed_is_said_to_be_closed_only_when_it_is(place: Place) -> None:
    world, session = place.world, place.open()
    world.time = NOON + HOUR
    world.until(session, "SETTLING")
    place.press(block_actions("end_now", session.id, user={"id": "U0BOB"}))
    worker(place)
    assert any(f"It has been closed since {date(NOON + HOUR)}." in text for _, text in world.told)


# ---- the sweep alone ----------------------------------------------------------------------------


def test_with_the_sweep_alone_a_press_is_answered_and_access_comes_and_goes(place: Place) -> None:
    """No stream, no queue: later, but all of it."""
    world = place.world
    world.glasses = {"prod": glass(duration=10 * MINUTE)}
    place.press(block_actions())
    sweep(place)
    (session,) = world.books.sessions.values()
    assert session.state is State.ACTIVE
    assert any("You are in" in text for text in place.heard("U0ALICE"))
    place.press(block_actions("end_now", session.id, user={"id": "U0BOB"}))
    sweep(place)
    assert world.assignments == set()
    assert world.row(session.id).ended_by == "bob@example.com"
    for _ in range(3):
        sweep(place)
    assert any("You have ended" in text for _, text in world.told)
    assert any("bob@example.com ended it" in text for text in place.heard("D0ALICE 1.5"))


def test_a_flood_of_asks_in_the_sweep_keeps_no_access_open_and_no_alarm_quiet(
    place: Place,
) -> None:
    world, session = place.world, place.open()
    world.time = NOON + HOUR + 3 * MINUTE
    place.fails("delete", error=Refused("IAM Identity Center: down"))
    for n in range(60):
        sent = block_actions("end_now", session.id, user={"id": "U0MALLORY"}, trigger_id=str(n))
        place.press(sent)
    sweep(place)
    (alarm,) = [text for text in place.heard("C0INCIDENT") if "MAY STILL HAVE" in text]
    assert f"It should have ended at {date(NOON + HOUR)}." in alarm
    place.well()
    sweep(place)
    assert world.assignments == set()
