"""The sweep: quietly first what may end access, then asks, then what is to be said."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable, Unreadable
from chalicelib.workflow.answers import Rest
from tests.fakes.looking import MINUTE, SECOND, Everything, ask_id
from tests.support.stories import NOON, active, revoking

OPEN = Rest(NOON + MINUTE)


def sweep(world: Everything, patience: float = 20, most: int = 500) -> None:
    world.sweep_side.once(world.remaining, 10 * SECOND, most, timedelta(seconds=patience))


def seen(world: Everything) -> list[tuple[str, bool]]:
    """What was looked at, and whether quietly."""
    return [(row_id, look.quiet) for row_id, look in world.looks]


def told(world: Everything) -> list[str]:
    return [row_id for row_id, look in world.looks if not look.quiet]


def test_the_sweep_looks_at_whatever_is_due(world: Everything, lines: Any) -> None:
    world.ids = ["bg-1", "bg-2"]
    sweep(world)
    assert [(row_id, look.seen_by) for row_id, look in world.looks] == [
        ("bg-1", "sweep"),
        ("bg-2", "sweep"),
    ]
    assert lines()[-1]["message"] == "swept"


def test_the_sweep_notices_a_lease_that_went_unheard(world: Everything) -> None:
    states = {"bg-1": active, "bg-2": revoking, "bg-3": active}
    world.rows = [(make(id=name), name == "bg-3") for name, make in states.items()]
    sweep(world)
    assert world.looked == ["bg-1"]


def test_what_is_left_of_a_row_that_cannot_be_read_is_looked_at_and_counted(
    world: Everything, lines: Any
) -> None:
    """Whether or not it says when it is to be looked at."""
    left = active(id="bg-1", deadline=NOON - 3 * MINUTE)
    world.rows = [(left, False), (active(id="bg-2", deadline=None), False)]
    world.answers["bg-1"] = [Unreadable("bg-1 is no session: ValueError")]
    sweep(world)
    assert world.alarmed == [("bg-1", "bg-1 is no session: ValueError")]
    stands = lines()[-1]
    assert (stands["OpenSessions"], stands["OverdueSessions"]) == (2, 2)


def test_everything_is_looked_at_before_anything_is_said(world: Everything) -> None:
    """Slack may take its time, and access does not wait for it."""
    world.ids = ["bg-1", "bg-2"]
    world.asked = [ask_id("bg", 3)]
    world.answers["bg-1"] = [Rest(NOON, tells=True), None]
    world.answers[ask_id("bg", 3)] = [Rest(NOON, tells=True), None]
    sweep(world)
    assert seen(world) == [
        ("bg-1", True),
        ("bg-2", True),
        (ask_id("bg", 3), True),
        ("bg-1", False),
        (ask_id("bg", 3), False),
    ]


@pytest.mark.parametrize("which", ["unfinished", "asks_due"])
def test_a_list_that_cannot_be_read_keeps_nothing_unsaid(
    world: Everything, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    def fails(*_: Any) -> Any:
        raise Unavailable("DynamoDB: ThrottlingException")

    monkeypatch.setattr(world, which, fails)
    world.ids = ["bg-1"]
    world.answers["bg-1"] = [Rest(NOON, tells=True), None]
    with pytest.raises(Unavailable):  # so that the sweep counts as failed
        sweep(world)
    assert seen(world) == [("bg-1", True), ("bg-1", False)]


def test_asks_come_last_for_anybody_can_make_many_of_them(world: Everything) -> None:
    world.ids = ["bg-1"]
    world.rows = [(active(id="bg-2"), False)]
    world.asked = [ask_id("end", f"{n:x}") for n in range(16)]
    world.answers["bg-1"] = [Rest(NOON + SECOND, urgent=True), None]
    sweep(world)
    assert world.looked[:3] == ["bg-1", "bg-2", "bg-1"], "access is seen through before"
    assert world.looked[3:19] == world.asked


def test_who_asked_is_told_what_came_of_it_here_as_well(world: Everything) -> None:
    """Both what this sweep has decided and what could not be said before."""
    world.asked = [ask_id("end", 1), ask_id("extend", 2).replace("ask/", "asked/")]
    world.asked += [ask_id("bg", 3), ask_id("found", 4)]
    sweep(world)
    undecided = [ask_id("end", 1), ask_id("bg", 3), ask_id("found", 4)]
    answered = [ask_id(*each).replace("ask/", "asked/") for each in (("end", 1), ("extend", 2))]
    assert seen(world) == [*((each, True) for each in undecided), *((e, False) for e in answered)]


def test_what_only_looks_like_an_ask_is_looked_at_so_that_it_is_put_away(
    world: Everything,
) -> None:
    world.asked = ["ask/bg-1", "askew"]
    sweep(world)
    assert seen(world) == [("ask/bg-1", True), ("askew", True)]


def test_what_had_to_be_said_first_is_seen_through_afterwards(world: Everything) -> None:
    """A word that is owed must not cost access that is being taken back its next look."""
    world.ids = ["bg-1"]
    world.answers["bg-1"] = [
        Rest(NOON, tells=True),
        Rest(NOON + SECOND, urgent=True),  # told
        Rest(NOON + SECOND, tells=True),  # taken back meanwhile, which is to be said
        None,
    ]
    sweep(world)
    assert seen(world) == [("bg-1", True), ("bg-1", False), ("bg-1", True), ("bg-1", False)]
    assert world.time == NOON + SECOND


def test_rows_that_only_hide_others_are_put_away_last_and_counted(
    world: Everything, lines: Any
) -> None:
    world.strays = 700
    sweep(world)
    swept, away = lines()
    assert (swept["message"], away["message"]) == ("swept", "rows that no route of ours writes")
    assert away["JunkRows"] == 500, "the others are the next sweep's"
    world.refuses = True
    sweep(world)
    assert lines()[-1]["message"] == "not put away"
    world.refuses, world.strays = False, 0
    sweep(world)
    assert lines()[-1]["message"] == "swept"


def test_what_is_due_is_listed_while_the_first_of_it_is_looked_at(
    world: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live session does not wait for the list of all others, and is told where that fails."""

    def due(*_: Any) -> Any:
        yield "bg-1"
        assert world.looked == ["bg-1"]
        raise Unavailable("DynamoDB: ThrottlingException")

    monkeypatch.setattr(world, "due", due)
    world.answers["bg-1"] = [Rest(NOON, tells=True), None]
    with pytest.raises(Unavailable):
        sweep(world)
    assert seen(world) == [("bg-1", True), ("bg-1", False)]


def test_one_that_fails_holds_up_no_other(world: Everything, lines: Any) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.answers["bg-1"] = [RuntimeError("hunter2")]
    sweep(world)
    assert world.looked == ["bg-1", "bg-2"]
    failed = lines()[0]
    assert (failed["level"], failed["message"], failed["FailedLooks"]) == (
        "ERROR",
        "a look failed",
        1,
    )
    assert "sweep.py" in failed["trace"]
    assert "hunter2" not in json.dumps(failed)


def test_where_a_look_fails_people_hear_of_access_that_should_be_over(world: Everything) -> None:
    """The row may not even take that it failed. Of a mistake nothing is said but that it was."""
    world.ids = ["bg-1", "bg-2", "bg-3"]
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    world.answers["bg-2"] = [RuntimeError("hunter2")]
    sweep(world)
    assert world.alarmed == [("bg-1", "DynamoDB: down"), ("bg-2", "")]


@pytest.mark.parametrize(
    ("error", "level"), [(Unavailable("down"), "WARNING"), (KeyError("hunter2"), "ERROR")]
)
def test_an_alarm_that_fails_holds_up_nothing(
    world: Everything, lines: Any, error: Exception, level: str
) -> None:
    world.ids, world.no_alarm = ["bg-1", "bg-2"], error
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    sweep(world)
    assert world.looked == ["bg-1", "bg-2"]
    first, _, line = lines()[:3]
    assert first["message"] == "alarms not noted"
    assert (line["level"], line["message"]) == (level, "no alarm either")
    assert ("trace" in line) is (level == "ERROR")
    assert "hunter2" not in json.dumps(line)


def test_who_heard_an_alarm_that_no_row_had_hears_of_its_end(world: Everything) -> None:
    world.over = ["bg-1"]
    world.ids = ["bg-2"]
    sweep(world)
    assert seen(world) == [("bg-2", True), ("bg-1", False)]


def test_access_that_is_being_taken_back_is_seen_through(world: Everything) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.answers["bg-1"] = [
        Rest(NOON + SECOND, urgent=True),
        Rest(NOON + 3 * SECOND, urgent=True),
        OPEN,
    ]
    world.answers["bg-2"] = [Rest(NOON + SECOND)]  # nobody's access: the next sweep will do
    sweep(world)
    assert world.looked == ["bg-1", "bg-2", "bg-1", "bg-1"]
    assert world.time == NOON + 3 * SECOND


def test_what_an_ask_has_ended_is_seen_through(world: Everything) -> None:
    world.asked = [ask_id("end", 1)]
    world.answers[ask_id("end", 1)] = [Rest(NOON + SECOND, urgent=True), OPEN]
    sweep(world)
    assert seen(world)[:2] == [(ask_id("end", 1), True)] * 2
    assert world.time == NOON + SECOND


def test_the_sweeps_patience_ends(world: Everything) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.answers["bg-1"] = [Rest(NOON + MINUTE, urgent=True)]
    world.answers["bg-2"] = [Unavailable("?")]
    sweep(world)
    assert world.time == NOON


def test_the_sweep_begins_nothing_near_its_end(world: Everything, lines: Any) -> None:
    world.ids = ["bg-1"]
    world.left = 9 * SECOND
    sweep(world)
    assert world.looked == []
    assert lines()[0]["message"] == "the sweep leaves some for the next"


def test_what_is_to_be_said_is_left_to_the_next_sweep_at_the_very_end(
    world: Everything, lines: Any
) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.left = 24 * SECOND
    advance = world.advance

    def slow(row_id: str, look: Any, known: Any) -> Any:
        world.time += 2 * SECOND
        return advance(row_id, look, known)

    world.advance = slow  # type: ignore[method-assign]
    for each in world.ids:
        world.answers[each] = [Rest(NOON, tells=True), None]
    world.asked = [ask_id("end", f"{n:x}") for n in range(16)]
    sweep(world)
    assert told(world)[:2] == ["bg-1", "bg-2"], "no ask takes a session's time to be told of"
    assert len(told(world)) < 16
    assert lines()[-1]["message"] == "swept"


def test_where_nothing_hangs_nobody_waits_for_what_is_to_be_said(world: Everything) -> None:
    """Of a hundred whose access is over each is looked at before anybody is told."""
    world.left = 55 * SECOND
    world.ids = [f"bg-{n}" for n in range(100)]
    advance = world.advance

    def quick(row_id: str, look: Any, known: Any) -> Any:
        world.time += timedelta(milliseconds=400)
        return advance(row_id, look, known)

    world.advance = quick  # type: ignore[method-assign]
    for each in world.ids:
        world.answers[each] = [Rest(NOON, tells=True), None]
    sweep(world)
    assert [quiet for _, quiet in seen(world)][:100] == [True] * 100


@pytest.mark.parametrize("many", [1, 6, 20])
def test_where_every_look_hangs_people_are_told_all_the_same(world: Everything, many: int) -> None:
    """Identity Center hangs, and no queue is there; each look is 7 s of nothing."""
    world.left = 55 * SECOND
    world.ids = [f"bg-{n}" for n in range(many)]
    advance = world.advance

    def hangs(row_id: str, look: Any, known: Any) -> Any:
        rest = advance(row_id, look, known)
        world.time += (7 if look.quiet else 2) * SECOND
        return rest or Rest(world.time + 2 * SECOND, urgent=True)

    world.advance = hangs  # type: ignore[method-assign]
    for each in world.ids:
        world.answers[each] = [Rest(NOON, tells=True), None, None, None]
    sweep(world)
    quiet = dict.fromkeys(row_id for row_id, look in world.looks if look.quiet)
    assert told(world) == list(quiet), "whoever was looked at"
    assert len(quiet) >= min(many, 4)
    assert world.remaining() > 0 * SECOND


def test_what_keeps_asking_ends_with_the_sweep(world: Everything) -> None:
    world.ids = ["bg-1"]
    world.left = 15 * SECOND

    class Busy(list[Any]):
        def pop(self, index: Any = 0) -> Any:
            world.time += SECOND
            return Rest(world.time, urgent=True)

    world.answers["bg-1"] = Busy([1, 2])
    sweep(world)
    assert 5 <= len(world.looked) <= 7
