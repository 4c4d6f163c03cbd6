"""The live cards: posted once, edited, warned of the end, and true."""

from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest

from chalicelib.domain.errors import Refused, Stale, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import Session
from chalicelib.words import messages
from chalicelib.words.naming import date
from chalicelib.workflow.asked import reasoned
from tests.fakes.outside import World
from tests.fakes.rows import MINUTE, SECOND, asked, look_at, pressed, stuck
from tests.support.stories import HOUR, NOON, active, glass, granting, requested, revoking, settling


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
    over = [text for _, text in world.told if "This warning about “prod” is over" in text]
    assert len(over) == 1


def test_a_warning_that_somebody_deleted_holds_up_nothing(world: World) -> None:
    session = world.keep(settling(owed=("mine",), mine_channel="D0", mine_ts="1", warning_ts="2"))
    world.says["update"] = [Refused("Slack: message_not_found", lasting=True)]
    row = world.look(session)
    assert (row.warning_ts, row.owed) == ("", ())
    assert any("is closed" in text for _, text in world.told)


def test_who_waits_for_access_sees_that_it_is_coming(world: World) -> None:
    session = pressed(world)
    world.says["creation"] = [CallStatus("IN_PROGRESS")] * 9
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


@pytest.mark.parametrize("state", [granting(), active(), revoking(), settling()])
def test_a_reason_is_taken_once_so_that_nobody_holds_up_the_end_by_giving_more(
    world: World, state: Session
) -> None:
    """Each write of the row puts off whoever is about to write what ends access."""
    session = world.keep(state.with_(why="INC-4711", mine_ts="1.0", mine_channel="D0ALICE"))
    _, after = reasoned(asked(session, "reason", "U0ALICE", why="INC-4712"), session)
    assert after is None, "not even its version"
    ask = world.ask(asked(session, "reason", "U0ALICE", why="INC-4712"))
    assert (ask.outcome, world.row(session.id).why) == ("too late", "INC-4711")
    assert any(messages.REASON_GIVEN in text for _, text in world.told)


def test_a_reason_that_says_nothing_changes_nothing(world: World) -> None:
    """The route sends none; whoever has its role could, without end."""
    session = world.keep(active())
    assert reasoned(asked(session, "reason", "U0ALICE"), session)[1] is None
    assert world.ask(asked(session, "reason", "U0ALICE")).outcome == "too late"


def test_a_warning_for_a_new_deadline_leaves_no_button_on_the_one_before(world: World) -> None:
    """Where *Extend* moves the deadline by less than people are warned before it."""
    late = active(extended=1, deadline=NOON + HOUR + SECOND, warn_before=MINUTE)
    session = world.keep(
        late.with_(mine_channel="D0ALICE", mine_ts="1.5", warning_ts="1.6", warned_for=NOON + HOUR)
    )
    world.assignments.add(session.access)
    world.time = NOON + HOUR - SECOND
    row = world.look(session)
    assert row.warning_ts not in ("", "1.6")
    assert any("This warning about “prod” is over" in text for _, text in world.told)


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
    assert {where for where, _ in world.told} == {"response_url"}, "open access refuses nobody"


def test_who_is_refused_again_and_again_is_named_once_in_some_minutes_and_asked_after_seldom(
    world: World,
) -> None:
    """Each press is in the log, and answered where it was pressed."""
    world.glasses = {
        "prod": glass(tell_refusals=True),
        "data": glass(name="data", tell_refusals=True),
    }
    runner = world.runner()

    def press(who: str, name: str = "prod") -> Session:
        row = pressed(
            world,
            id=f"bg-{len(world.books.sessions):024x}",
            slack_user=who,
            glass=name,
            asked_at=world.time,
            wait_until=world.time + 5 * MINUTE,
        )
        runner.advance(f"ask/{row.id}", look_at(world))
        return world.row(row.id)

    def named() -> int:
        return sum(where == "C0INCIDENT" for where, _ in world.told)

    for n in range(100):
        row = press("U0MALLORY")
        assert (row.state, row.person) == (State.DENIED, "mallory@example.com")
        assert "not among those who may" in row.reason
        assert world.told[-1 if n else 0][0] == "response_url"
        world.time += SECOND
    assert named() == 1
    assert world.asked.count("email") == 4, "asked once in half a minute"
    for who, name in (("U0NOBODY", "prod"), ("U0MALLORY", "data"), ("U0NOBODY", "prod")):
        press(who, name)
    assert named() == 3
    assert world.asked.count("email") == 6, "nobody, too, is known for a while"
    world.time += 10 * MINUTE
    press("U0MALLORY")
    assert named() == 4
    press("U0MALLORY", "nonesuch")
    runner = world.runner()  # another process remembers nobody
    press("U0MALLORY")
    assert named() == 5


def test_who_is_refused_for_want_of_a_reason_is_let_in_with_one_at_once(world: World) -> None:
    world.glasses = {"prod": glass(reason="required")}
    runner = world.runner()
    for digit, why in (("1", ""), ("2", "INC-4711")):
        row = pressed(world, id=f"bg-{digit * 24}", why=why)
        runner.advance(f"ask/{row.id}", look_at(world))
    assert world.row(row.id).state is not State.DENIED


def test_the_channel_hears_of_a_refusal_whose_first_write_was_lost(world: World) -> None:
    world.glasses = {"prod": glass(tell_refusals=True)}
    writes = world.books.write
    lost = Mock(side_effect=[Stale("x"), None, None, None])

    def write(session: Session) -> None:
        lost()
        writes(session)

    world.books.write = write  # type: ignore[method-assign]
    world.look(pressed(world, slack_user="U0MALLORY"))
    assert any(where == "C0INCIDENT" for where, _ in world.told)


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
    assert answer[1].startswith("There is nothing left to end on “prod”")
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


def edits(world: World) -> list[str]:
    return [where for where, _ in world.told if " " in where]


@pytest.mark.parametrize("pressed_on", ["1.0", "1.1"])
def test_a_card_that_says_so_already_is_not_edited_again(world: World, pressed_on: str) -> None:
    """Nothing is said twice in what Slack is asked, however often an old button is pressed."""
    world.keep(settling(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1"))
    session = world.keep(world.row(settling().id).with_(owed=("mine", "card_again")))
    world.time = NOON + HOUR + MINUTE
    world.look(session)
    assert edits(world) == ["D0ALICE 1.0", "C0INCIDENT 1.1"]
    for _ in range(2):
        facts = {"slack_message": pressed_on, "at": world.time}
        ask = world.ask(asked(session, "end", "U0BOB", **facts))
        assert ask.outcome == "too late"
        world.time += MINUTE
    assert edits(world) == ["D0ALICE 1.0", "C0INCIDENT 1.1"]
    world.keep(world.row(session.id).with_(owed=("mine", "card_again")))
    row = world.look(session)
    assert (edits(world), row.owed) == (["D0ALICE 1.0", "C0INCIDENT 1.1"], ())


def test_a_card_edited_for_a_press_in_vain_says_nothing_that_is_past_by_then(world: World) -> None:
    """Whoever ends it edits the card too; what is read before and written after would stay."""
    session = stuck(world, mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1")
    world.time = NOON + HOUR + SECOND

    def closed() -> None:
        world.keep(settling(mine_ts="1.0", mine_channel="D0ALICE", card_ts="1.1", version=9))

    world.meanwhile["update"] = closed
    world.ask(asked(session, "end", "U0BOB", slack_message="1.1", at=world.time))
    before, after = [text for where, text in world.told if where == "C0INCIDENT 1.1"][:2]
    assert "being taken back since" in before
    assert "closed at" in after


@pytest.mark.parametrize(("kind", "did"), [("extend", "extended"), ("end", "ended")])
def test_the_row_has_who_in_slack_had_a_hand_in_it(world: World, kind: str, did: str) -> None:
    session = world.keep(active())
    world.ask(asked(session, kind, "U0BOB"))
    row = world.row(session.id)
    by = getattr(row, f"{did}_by"), getattr(row, f"{did}_by_user")
    assert by == ("bob@example.com", "U0BOB")


@pytest.mark.parametrize("call", ["delete", "assigned"])
def test_where_a_call_hangs_another_is_woken_and_no_card_says_open(world: World, call: str) -> None:
    session = active(mine_ts="1.5", mine_channel="D0ALICE", card_ts="1.0")
    world.keep(session)
    world.assignments.add(session.access)
    world.time = NOON + HOUR
    seen: list[object] = []

    def hangs() -> None:
        world.time += 2 * SECOND
        for wake in list(world.asides):
            wake()
        seen.append(world.wakes[-1])
        world.look(session)  # whoever was woken
        seen.extend(where for where, text in world.told if "being taken back" in text)

    world.meanwhile[call] = hangs
    world.look(session, patience=5)
    world.until(session, "SETTLING")
    woken = (session.id, timedelta(0), None)
    assert seen == [woken, "D0ALICE 1.5", "C0INCIDENT 1.0"]
    assert world.asides == []
    assert "closed at" in world.told[-1][1]


def test_what_does_not_hang_wakes_nobody(world: World) -> None:
    session = world.keep(active())
    world.assignments.add(session.access)
    world.time, woken = NOON + HOUR, len(world.wakes)
    assert world.look(session, patience=5).state is State.SETTLING
    assert len(world.wakes) == woken
