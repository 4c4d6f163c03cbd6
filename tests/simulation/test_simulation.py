"""Whatever breaks, repeats, reorders or fails: nobody keeps access, and nothing is lost.

`python -m tests.simulation replay --seed N` tells the story of a seed that fails here.
"""

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation.__main__ import CASES
from tests.simulation.explorer import Explorer
from tests.simulation.faults import NAMES
from tests.simulation.lives import (
    Behind,
    Extended,
    Forged,
    Hung,
    Insistent,
    Meddled,
    Orphaned,
)
from tests.simulation.shifts import Shifts
from tests.simulation.shrink import story as story_of
from tests.simulation.watched import Watched
from tests.simulation.world import World

SEEDS = 1_200  # `make simulate` has more
AT_ONCE = 200
seen: Counter[str] = Counter()  # by all lives together


def told(failed: dict[int, str], lives: type[World] = World) -> str:
    """What is said of lives that failed: each one's first mistake, and the first one's story."""
    mistakes = [f"seed {seed}: {wrong}" for seed, wrong in failed.items()]
    return "\n".join(["", *mistakes, "", *story_of(min(failed), lives)])


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_promise_is_kept_whatever_breaks(first: int) -> None:
    failed = {}
    for seed in range(first, first + AT_ONCE):
        world = World(seed)
        wrong = world.run()
        seen.update(world.faults.seen)
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed)


def test_rows_that_are_deleted_when_it_hurts_cost_nobody_access() -> None:
    wrong = {seed: found[0] for seed in range(AT_ONCE) if (found := Meddled(seed).run())}
    assert not wrong, told(wrong, Meddled)


def test_whatever_hangs_people_hear_of_it_and_of_nothing_twice() -> None:
    failed = {}
    for seed in range(2 * AT_ONCE):
        world = Hung(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each.endswith("hangs"))
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Hung)


def test_short_sessions_one_after_another_are_told_apart_though_lists_are_behind() -> None:
    failed = {}
    for seed in range(2 * AT_ONCE):
        world = Behind(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each.startswith("assignment"))
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Behind)


def test_whoever_waits_behind_a_session_whose_row_is_deleted_keeps_what_they_get() -> None:
    wrong = {seed: found[0] for seed in range(AT_ONCE) if (found := Orphaned(seed).run())}
    assert not wrong, told(wrong, Orphaned)


def test_access_lasts_as_its_glass_says_however_it_is_chosen_and_extended() -> None:
    outcomes: Counter[str] = Counter()
    failed = {}
    for seed in range(AT_ONCE):
        world = Extended(seed)
        wrong = world.run()
        outcomes.update(ask.outcome for ask in world.rows.decided.values())
        rows = world.rows.sessions.values()
        outcomes.update("twice" for row in rows if row.extended > 1)
        outcomes.update("as far as it may" for row in rows if row.extended and row.extend_to
                        and row.duration and row.allowed_at and row.deadline
                        and row.deadline == row.allowed_at + row.extend_to)  # fmt: skip
        outcomes.update("chosen" for row in rows if row.chosen in ("30s", "400s")
                        and row.duration.total_seconds() == int(row.chosen[:-1]))  # fmt: skip
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Extended)
    happened = ("extended", "not extended", "too late", "twice", "as far as it may", "chosen")
    assert [each for each in happened if outcomes[each] < 10] == [], outcomes


def test_who_forges_whatever_may_be_asked_for_is_given_nothing() -> None:
    failed = {}
    for seed in range(AT_ONCE):
        world = Forged(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each.startswith("forged"))
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Forged)


def test_nobody_is_let_in_whom_no_other_has_approved_and_nobody_stays_unacknowledged() -> None:
    failed = {}
    for seed in range(2 * AT_ONCE):
        world = Watched(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each.startswith("session row deleted"))
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Watched)


def test_however_often_somebody_asks_access_ends_when_it_should() -> None:
    failed = {}
    for seed in range(AT_ONCE // 10):
        world = Insistent(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each == "Reason")
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Insistent)


def test_nobody_gets_in_who_is_not_on_call_whoever_comes_and_goes_meanwhile() -> None:
    failed = {}
    for seed in range(AT_ONCE):
        world = Shifts(seed)
        wrong = world.run()
        seen.update(each for each in world.faults.seen if each.startswith("on call"))
        if wrong:
            failed[seed] = wrong[0]
    assert not failed, told(failed, Shifts)


def test_no_fault_is_dead_and_no_hand_idle() -> None:
    """Each is drawn by the lives of the tests above: what never strikes proves nothing."""
    if seen["press"] < SEEDS:
        pytest.skip("not all lives were lived here")
    assert [name for name in NAMES if not seen[name]] == []
    assert seen.keys() <= set(NAMES)


def test_a_seed_is_always_the_same_story() -> None:
    stories: list[list[str]] = [[], []]
    for story in stories:
        World(22, told=story.append).run()
    assert stories[0]
    assert stories[0] == stories[1]


@pytest.mark.parametrize("case", ["deadline", "standing", "End now", "Extend"])
def test_no_interleaving_leaves_access_behind(case: str) -> None:
    """Every one of the bounded case with one press, to the end; `make simulate` has the rest."""
    bounds, _ = CASES[case]
    found = Explorer(replace(bounds, faults=0, press=False)).explore()
    print(found)
    assert found.complete, "\n".join([found.wrong, *found.story])
