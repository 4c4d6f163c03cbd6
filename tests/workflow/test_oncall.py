"""Who is on call is heard ahead, kept, and decided by; and whatever fails, nobody else gets in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.glass import Glass
from chalicelib.domain.oncall import FRESH_FOR, LAST_KNOWN, LOST_AFTER, OLD_AFTER, REFUSE, OnCall
from chalicelib.workflow.oncall import A_GROUP_TAKES, Renewal
from tests.fakes.outside import World
from tests.support.stories import NOON, active, glass, granting, requested

GROUP = "S0ONCALL"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
DOWN = Unavailable("Slack: TimeoutError")


def on_call_glass(**changes: object) -> Glass:
    return glass(may=("alice@example.com", f"slack:{GROUP}"), **changes)


@pytest.fixture
def world() -> World:
    made = World(glasses={"prod": on_call_glass()}, on_call={GROUP: ("U0BOB",)})
    made.emails["U0BOBBY"] = "bob@example.com"  # another Slack user of the same person
    return made


def renew(world: World, left: timedelta = MINUTE) -> dict[str, float]:
    """As the sweep does it, and how many calls of Slack it was."""
    return world.runner().renew_lists(lambda: left)


def calls(world: World) -> list[str]:
    return [each for each in world.asked if each in ("members", "handle")]


def let_in(world: World, slack_user: str = "U0BOB") -> tuple[str, str | None]:
    session = requested(slack_user=slack_user)
    known, refusal = world.runner().decider.known(session)
    return known.let_in_by, refusal


# ---- the list is heard --------------------------------------------------------------------------


def test_what_slack_says_is_kept_with_its_time_and_its_name(world: World) -> None:
    assert renew(world) == {"OldOnCallLists": 0}
    kept = OnCall(id=GROUP, found_at=NOON, members=("U0BOB",), name="sre-oncall")
    assert world.lists.kept == {GROUP: kept}


def test_a_fresh_list_is_not_asked_for_again_and_the_name_only_once(world: World) -> None:
    renew(world)
    world.time += FRESH_FOR - SECOND
    renew(world)
    assert calls(world) == ["handle", "members"][::-1]
    world.time += SECOND
    renew(world)
    assert calls(world) == ["members", "handle", "members"]
    assert world.lists.kept[GROUP].name == "sre-oncall"


def test_a_name_that_slack_does_not_tell_keeps_nobody_from_the_list(world: World) -> None:
    world.says = {"handle": [DOWN, Refused("no"), "night-shift"]}
    for name in ("", "", "night-shift"):
        renew(world)
        kept = world.lists.kept[GROUP]
        assert (kept.name, kept.members) == (name, ("U0BOB",))
        world.time += FRESH_FOR


def test_without_such_a_glass_nothing_is_asked_and_no_figure_made(world: World) -> None:
    world.glasses = {"prod": glass()}
    assert renew(world) == {}
    assert (world.asked, world.lists.reads) == ([], [])


@pytest.mark.parametrize("trouble", [DOWN, Unavailable("Slack: missing_scope")])
def test_what_cannot_be_heard_stays_as_it_was_last_known_and_is_said(
    world: World, trouble: Exception
) -> None:
    renew(world)
    before = dict(world.lists.kept)
    world.says = {"members": [trouble] * 3}
    for after, old in ((FRESH_FOR, 0), (OLD_AFTER - FRESH_FOR, 0), (SECOND, 1)):
        world.time += after
        assert renew(world) == {"OldOnCallLists": old}
        assert world.lists.kept == before
    level, what, facts = world.lines[-1]
    assert (level, what) == ("warning", "who is on call was not heard")
    known = "2026-11-22T12:00:00.000Z"
    assert facts == {"group": GROUP, "error": str(trouble), "last_known": known}


def test_a_list_from_the_future_lets_nobody_in_and_is_written_anew(world: World) -> None:
    """A hand has written it, and nothing else would ever renew it."""
    ever = OnCall(id=GROUP, found_at=NOON + 2 * LOST_AFTER, members=("U0MALLORY",))
    world.lists.keep(ever)
    assert let_in(world, "U0MALLORY")[0] == ""
    assert renew(world) == {"OldOnCallLists": 0}
    assert world.lists.kept[GROUP].members == ("U0BOB",)


def test_a_list_that_was_never_heard_counts_as_old(world: World) -> None:
    world.says = {"members": [DOWN]}
    assert renew(world) == {"OldOnCallLists": 1}
    assert world.lines[-1][2]["last_known"] == "never"


@pytest.mark.parametrize(("members", "exists"), [(None, False), ((), True)])
def test_a_group_that_is_gone_or_empty_lets_nobody_in_and_it_is_said(
    world: World, members: tuple[str, ...] | None, exists: bool
) -> None:
    renew(world)
    assert let_in(world)[1] is None
    world.time += FRESH_FOR
    world.says = {"members": [members]}
    assert renew(world) == {"OldOnCallLists": 0}
    by, refusal = let_in(world)
    said = "nobody as of 12:02 UTC" if exists else "which is disabled or gone"
    assert by == ""
    assert refusal is not None
    assert f"ask whoever is on call (Slack group sre-oncall, {said})" in refusal
    facts = {"group": GROUP, "exists": exists}
    assert world.lines[-1] == ("warning", "nobody is on call", facts)


# ---- bounds -------------------------------------------------------------------------------------


def many(world: World, number: int) -> list[str]:
    groups = [f"S0{n:02}" for n in range(number)]
    world.glasses = {"prod": glass(may=tuple(f"slack:{group}" for group in groups))}
    world.on_call = dict.fromkeys(groups, ("U0BOB",))
    return groups


def test_where_slack_is_down_it_is_asked_twice_and_no_more(world: World) -> None:
    many(world, 20)
    world.says = {"members": [DOWN] * 20}
    assert renew(world) == {"OldOnCallLists": 20}
    assert calls(world) == ["members"] * 2


def test_one_odd_group_holds_up_no_other(world: World) -> None:
    groups = many(world, 5)
    world.says = {"members": [DOWN]}
    assert renew(world) == {"OldOnCallLists": 1}
    assert [*world.lists.kept] == groups[1:]


def test_each_minute_another_group_is_the_first(world: World) -> None:
    """So each has its turn where there is time for one alone."""
    groups = many(world, 3)
    for _ in groups:
        left = iter([MINUTE, A_GROUP_TAKES, A_GROUP_TAKES])
        world.runner().renew_lists(lambda left=left: next(left))
        world.time += MINUTE
    assert sorted(world.lists.kept) == groups


def test_at_the_sweeps_end_nothing_is_asked_any_more(world: World) -> None:
    assert renew(world, left=A_GROUP_TAKES) == {"OldOnCallLists": 1}
    assert calls(world) == []


def test_a_table_that_does_not_answer_is_the_callers_to_say(world: World) -> None:
    world.lists.trouble = Unavailable("DynamoDB: down")
    with pytest.raises(Unavailable):
        renew(world)


def test_a_group_of_two_glasses_is_asked_for_once(world: World) -> None:
    glasses = {"a": on_call_glass(name="a"), "b": on_call_glass(name="b")}.values()
    renewal = Renewal(glasses, world.lists, world, world, lambda *_, **__: None)
    assert renewal.names == [GROUP]


# ---- and decided by -----------------------------------------------------------------------------


def test_the_row_says_which_list_let_the_person_in_and_slack_is_not_asked_for_it(
    world: World,
) -> None:
    renew(world)
    world.asked.clear()
    world.time += 10 * MINUTE
    assert let_in(world) == ("slack:S0ONCALL as of 2026-11-22 12:00:00 UTC", None)
    assert calls(world) == []


def test_no_list_is_read_for_whom_the_glass_names_and_none_is_said_to_have_let_them_in(
    world: World,
) -> None:
    assert let_in(world, "U0ALICE") == ("", None)
    world.glasses = {"prod": glass(may=("everyone",))}
    assert let_in(world) == ("", None)
    world.glasses = {"prod": glass()}
    assert let_in(world) == ("", None)
    assert world.lists.reads == []


def test_who_is_on_call_may_approve_and_go_in_without_where_the_glass_says_so(
    world: World,
) -> None:
    renew(world)
    session = active(slack_user="U0ALICE")
    second = {"approve": MINUTE, "approvers": (f"slack:{GROUP}",), "bypass": (f"slack:{GROUP}",)}
    world.glasses["prod"] = glass(**second)
    assert world.glasses["prod"].on_call == (GROUP, GROUP)
    decider = world.runner().decider
    for kind in (Kind.APPROVE, Kind.DECLINE, Kind.ACKNOWLEDGE):
        assert decider.may_touch(session, "U0BOB", kind).refusal == ""
        refusal = decider.may_touch(session, "U0MALLORY", kind).refusal
        assert "ask whoever is on call (Slack group sre-oncall, as of 12:00 UTC)" in refusal
    bobs = granting(slack_user="U0BOB", email="bob@example.com", principal_id="bob-id")
    assert decider.may_touch(bobs, "U0BOB", Kind.BYPASS).refusal == ""
    waits = decider.waits(bobs, NOON)
    assert waits is not None
    assert waits["may_bypass"] == "yes"
    world.lists.kept[GROUP] = replace(world.lists.kept[GROUP], members=())
    decider = world.runner().decider
    assert decider.may_touch(session, "U0BOB", Kind.APPROVE).refusal != ""
    assert (decider.waits(bobs, NOON) or {})["may_bypass"] == ""


def test_whoever_is_on_the_list_waits_for_no_directory_group(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew(world)
    world.glasses = {"prod": glass(may=("group:dba", f"slack:{GROUP}"))}
    asked: list[str] = []
    monkeypatch.setattr(world, "groups_of", lambda who, _: asked.append(who) or frozenset())
    assert let_in(world)[1] is None
    assert asked == []
    refusal = let_in(world, "U0MALLORY")[1] or ""
    assert "whoever is on call (Slack group sre-oncall, as of 12:00 UTC) or somebody of the" in (
        refusal
    )
    assert asked == ["mallory-id"]


def test_a_list_that_nobody_has_heard_lets_nobody_in(world: World) -> None:
    by, refusal = let_in(world)
    assert (by, "S0ONCALL, whose list is not known yet" in (refusal or "")) == ("", True)


@pytest.mark.parametrize(
    ("stale", "after", "said"),
    [
        (LAST_KNOWN, OLD_AFTER + MINUTE, ""),
        (REFUSE, OLD_AFTER, ""),
        (REFUSE, OLD_AFTER + MINUTE, "as of 2026-11-22 12:00 UTC, too old to go by"),
        (LAST_KNOWN, LOST_AFTER + MINUTE, "whose list is not known yet"),
    ],
)
def test_an_old_list_means_what_the_glass_says(
    world: World, stale: str, after: timedelta, said: str
) -> None:
    renew(world)
    world.glasses = {"prod": on_call_glass(stale_oncall=stale)}
    world.time += after
    by, refusal = let_in(world)
    assert bool(by) is (refusal is None) is (said == "")
    assert said in (refusal or "")


def test_a_press_waits_while_the_kept_list_cannot_be_read(world: World) -> None:
    world.lists.trouble = Unavailable("DynamoDB: down")
    with pytest.raises(Unavailable):
        let_in(world)


# ---- who it is ----------------------------------------------------------------------------------


def test_it_is_the_slack_user_on_the_list_and_not_another_of_the_same_person(
    world: World,
) -> None:
    """Both have one e-mail and are one person of the directory; one of them has the shift."""
    renew(world)
    assert let_in(world, "U0BOB")[1] is None
    by, refusal = let_in(world, "U0BOBBY")
    assert by == ""
    assert refusal is not None
    assert refusal.startswith("bob@example.com is not among those who may break “prod”")


def test_a_pin_says_who_somebody_on_the_list_is_and_nobody_else_is_that(world: World) -> None:
    world.on_call = {GROUP: ("U0BOB", "U0MALLORY")}
    renew(world)
    world.people = {"U0BOB": "robert@example.com"}
    known, refusal = world.runner().decider.known(requested(slack_user="U0BOB"))
    assert (known.email, refusal) == ("robert@example.com", None)
    world.emails["U0MALLORY"] = "robert@example.com"  # as she has set it in Slack
    known, refusal = world.runner().decider.known(requested(slack_user="U0MALLORY"))
    assert (known.email, known.let_in_by) == ("", "")
    assert refusal is not None


def test_whoever_slack_has_deactivated_is_nobody_though_on_the_list(world: World) -> None:
    """As guests of a shared channel are, and users whom the directory does not know."""
    renew(world)
    del world.emails["U0BOB"]
    assert let_in(world)[0] == ""
    world.emails["U0BOB"] = "bob@example.com"
    world.says = {"person": [None]}
    by, refusal = let_in(world)
    assert by == ""
    assert refusal is not None
    assert "ask whoever is on call (Slack group S0ONCALL)" in refusal


# ---- later than the press -----------------------------------------------------------------------


def test_whose_shift_is_over_before_the_grant_is_asked_gets_none(world: World) -> None:
    renew(world)
    session = granting(slack_user="U0BOB", email="bob@example.com", principal_id="bob-id")
    assert world.runner().decider.still_refused(session) is None
    world.on_call = {GROUP: ("U0ALICE",)}
    world.time += FRESH_FOR
    renew(world)
    refusal = world.runner().decider.still_refused(session)
    assert refusal is not None
    assert "as of 12:02 UTC" in refusal


def test_who_is_on_call_may_end_anothers_session_by_the_same_list(world: World) -> None:
    renew(world)
    session = active()
    assert world.runner().decider.may_touch(session, "U0BOB").refusal == ""
    assert world.runner().decider.may_touch(session, "U0BOBBY").refusal != ""
    world.lists.kept[GROUP] = replace(world.lists.kept[GROUP], members=())
    assert world.runner().decider.may_touch(session, "U0BOB").refusal != ""
