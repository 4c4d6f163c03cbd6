"""The soak's plan comes from the seed alone, and its faults are settings that the world knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator.faults import UnknownSetting
from simulator.outages import WAYS, Outages
from simulator.soak import faults, plan
from simulator.soak.faults import EVERY, Fault

# ---- the plan -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [plan.short, lambda seed: plan.make(seed, 12)])
def test_the_same_seed_makes_the_same_plan_and_another_makes_another(
    make: Callable[[int], plan.Plan],
) -> None:
    assert make(7) == make(7)
    assert make(7).steps != make(8).steps


def test_a_long_soak_has_everything_in_it() -> None:
    steps = plan.make(1, 60).steps
    assert {each.do for each in steps} == {
        "press", "fault", "cold", "side", "kill", "stop", "hand", "end", "extend", "redeploy",
    }  # fmt: skip
    failed = [each for each in steps if each.do == "fault"]
    assert {each.what[0] for each in failed} == set(faults.TARGETS)
    assert {each.what[1] for each in failed} >= set(WAYS)
    starts = [each.at for each in failed]
    assert any(starts.count(at) > 1 for at in starts), "in pairs"
    assert any(starts.count(at) == 1 for at in starts), "alone"
    long = [each for each in failed if each.seconds >= 150]
    assert any(each.what[0] in faults.HOLDING for each in long)


@pytest.mark.parametrize("seed", range(20))
def test_every_soak_of_five_minutes_has_an_outage_of_which_people_must_hear(seed: int) -> None:
    steps = plan.make(seed, 5).steps
    held = [each for each in steps if each.do == "fault" and each.what[0] in faults.HOLDING]
    assert max(each.seconds for each in held) >= 150


def test_a_soak_of_some_faults_has_no_others() -> None:
    only = [Fault("delete", "error"), Fault("slack", "slow")]
    failed = [each for each in plan.make(1, 20, only).steps if each.do == "fault"]
    assert {Fault(*each.what[:2]) for each in failed} == set(only)
    assert all(each.what[0] == "delete" for each in failed if each.seconds >= 300)


@pytest.mark.parametrize(("minutes", "seconds"), [(20, 300), (60, 900)])
def test_longer_soaks_have_outages_of_which_people_hear_again(minutes: int, seconds: int) -> None:
    held = [each for each in plan.make(1, minutes).steps if each.do == "fault"]
    assert max(each.seconds for each in held) > seconds + 30


def test_every_fault_comes_once_before_any_comes_again() -> None:
    deck = plan._deck(plan.Random(3), EVERY)
    assert sorted(map(str, (next(deck) for _ in EVERY))) == sorted(map(str, EVERY))


def test_everything_ends_within_the_plan_and_nobody_is_pressed_twice_in_a_row() -> None:
    made = plan.make(5, 10)
    assert all(each.at <= made.seconds for each in made.steps)
    presses = [each.what for each in made.steps if each.do == "press"]
    assert len(set(presses[:40])) == 40


# ---- the faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.name)
def test_every_fault_is_a_setting_that_the_world_knows(fault: Fault) -> None:
    settings = faults.settings([fault])
    Outages().change(**settings["outages"])
    assert settings != faults.settings([])


def test_two_faults_are_set_together_and_none_heals_all() -> None:
    both = faults.settings([Fault("delete", "lost"), Fault("slack", "error")])
    assert both["outages"]["calls"] == {
        "sso:DeleteAccountAssignment": {"way": "lost", "seconds": faults.HANGS}
    }
    assert both["slack"]["down"] == "500"
    healed = faults.settings([])
    assert healed["outages"] == {"calls": {}}
    assert healed["slack"]["down"] == ""


def test_an_outage_is_of_one_call_or_of_a_whole_service() -> None:
    outages = Outages()
    outages.change(calls={"sso:*": {"way": "error"}, "sso:ListInstances": {"way": "never"}})
    assert outages.of("sso", "ListInstances").way == "never"  # type: ignore[union-attr]
    assert outages.of("sso", "DescribeInstance").way == "error"  # type: ignore[union-attr]
    assert outages.of("sqs", "SendMessage") is None


@pytest.mark.parametrize(
    "calls", [{"sso": {"way": "lost"}}, {"s3:*": {"way": "lost"}}, {"sso:*": {"way": "odd"}}, []]
)
def test_an_outage_that_does_not_exist_is_refused(calls: Any) -> None:
    outages = Outages()
    with pytest.raises(UnknownSetting):
        outages.change(calls=calls)
    assert outages.calls == {}
