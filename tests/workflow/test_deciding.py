"""Who may, asked at the moment of the act; and what the asking costs."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.glass import Glass
from chalicelib.domain.session import TAKE_BACK_WITHIN, PermissionSet, Session
from chalicelib.words import messages, refusals
from chalicelib.workflow import deciding
from chalicelib.workflow.deciding import REMEMBERED, Decider, Glasses, May
from tests.fakes.outside import World
from tests.support.stories import HOUR, NOON, SET, active, glass, granting, requested

SECOND = timedelta(seconds=1)


def decider(world: World, *, takes_back: bool = True) -> Decider:
    glasses = Glasses(world.glasses, world.people, takes_back)
    return Decider(glasses, world, world, world, world)


# ---- a press ------------------------------------------------------------------------------------


def test_who_may_is_known_with_all_that_the_glass_gives(world: World) -> None:
    known, refusal = decider(world).known(requested())
    assert refusal is None
    assert known.access == granting().access
    assert (known.person, known.email, known.duration) == ("alice@example.com",) * 2 + (HOUR,)
    assert (known.report_to, known.extend) == (glass().report_to, glass().extend)


def test_whoever_is_refused_is_known_as_far_as_it_went(world: World) -> None:
    known, refusal = decider(world).known(requested(slack_user="U0MALLORY"))
    assert refusal == refusals.not_among(glass(), "mallory@example.com")
    assert (known.email, known.principal_id) == ("mallory@example.com", "mallory-id")
    world.says = {"person": [None]}
    known, refusal = decider(world).known(requested())
    assert refusal == refusals.unknown(glass(), known.email)
    assert (known.email, known.principal_id, known.report_to) == ("alice@example.com", "", ())


def test_only_who_is_not_named_is_looked_for_in_the_groups(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(world, "groups_of", lambda who, _: asked.append(who) or {"sre"})
    assert decider(world).known(requested(slack_user="U0BOB"))[1] is None
    assert decider(world).known(requested())[1] is None
    assert asked == ["bob-id"]


def test_a_glass_is_known_by_account_and_permission_set_where_no_name_is_given(
    world: World,
) -> None:
    nameless = {"glass": "", "account_id": "111122223333"}
    known, refusal = decider(world).known(requested(**nameless, permission_set_arn=SET))
    assert (known.glass, refusal) == ("prod", None)
    for odd in ({"permission_set_arn": SET[:-1] + "9"}, {"account_id": "999999999999"}):
        known, refusal = decider(world).known(requested(**nameless | odd))
        assert refusal == messages.no_such_glass(known)


@pytest.mark.parametrize("call", ["email", "person", "permission_set"])
def test_an_answer_that_does_not_come_refuses_nobody(world: World, call: str) -> None:
    world.says = {call: [Unavailable("down")]}
    with pytest.raises(Unavailable):
        decider(world).known(requested())


def test_a_glass_on_the_management_account_is_refused_by_name(world: World) -> None:
    """There the role would be made with our own IAM rights, and we have none."""
    world.glasses = {"prod": glass(account_id=world.owner())}
    known, refusal = decider(world).known(requested())
    assert known.principal_id == "", "nothing of what a grant needs is known"
    assert refusal == (
        "“prod” is on the organisation's management account 000000000000, where Break Glass gives "
        "no access. Nothing was given: use your second way in."
    )
    assert decider(world).still_refused(granting()) == refusal, "nor before the assignment is asked"
    assert decider(world).found(found(account_id=world.owner())) is None, "nor is it taken back"


def test_two_people_with_one_e_mail_are_refused_and_not_asked_about_again(world: World) -> None:
    world.says = {"person": [Refused("two of them", lasting=True)] * 2}
    assert decider(world).known(requested())[1] == "two of them"
    session = active(slack_user="U0SOMEBODY")
    assert decider(world).may_touch(session, "U0ALICE") == May("alice@example.com", "two of them")


def test_a_directory_that_refuses_for_now_refuses_nobody(world: World) -> None:
    world.says = {"person": [Refused("too many")]}
    with pytest.raises(Refused):
        decider(world).known(requested())


# ---- what was found -----------------------------------------------------------------------------


def found(**changes: Any) -> Any:
    facts = {"shape": "found", "principal_id": "steve-id", "permission_set_arn": SET}
    return requested(slack_user="", duration=TAKE_BACK_WITHIN, **facts | changes)


def test_what_was_found_behind_a_glass_is_taken_back(world: World) -> None:
    back = decider(world).found(found())
    assert back is not None
    assert back.access.principal_id == "steve-id"
    assert (back.email, back.person) == ("steve@example.com",) * 2
    assert (back.duration, back.extend) == (TAKE_BACK_WITHIN, timedelta(0))
    assert back.report_to == glass().report_to


def test_who_was_deleted_from_the_directory_is_taken_back_from_as_well(world: World) -> None:
    world.says = {"person": [None]}
    back = decider(world).found(found())
    assert back is not None
    assert (back.person, back.email) == ("steve-id", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"glass": ""},
        {"glass": "nonesuch"},
        {"account_id": "999999999999"},
        {"permission_set_arn": SET[:-1] + "9"},
        {"permission_set_arn": ""},
    ],
)
def test_what_is_behind_no_glass_is_left_alone(world: World, changes: dict[str, Any]) -> None:
    """Whoever forges such an ask deletes nothing but what reconciliation would delete."""
    assert decider(world).found(found(**changes)) is None


def test_nothing_is_taken_back_where_the_settings_say_report(world: World) -> None:
    assert decider(world, takes_back=False).found(found()) is None
    assert world.asked == []


def test_a_permission_set_that_is_gone_has_nothing_to_be_taken_back(world: World) -> None:
    world.says = {"permission_set": [None]}
    assert decider(world).found(found()) is None


# ---- before it is given -------------------------------------------------------------------------


def test_what_the_glass_still_allows_is_not_refused(world: World) -> None:
    assert decider(world).still_refused(granting()) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"may": ("bob@example.com",)}, "not among those"),
        ({"account_id": "999999999999"}, "another account"),
        (None, messages.no_such_glass(requested())),
    ],
)
def test_what_the_glass_no_longer_allows_is_refused(
    world: World, change: dict[str, Any] | None, why: str
) -> None:
    world.glasses = {"prod": glass(**change)} if change else {}
    assert why in (decider(world).still_refused(granting()) or "")


@pytest.mark.parametrize(
    "forged",
    [
        {"account_id": "999999999999"},
        {"principal_id": "mallory-id"},
        {"permission_set_arn": SET[:-1] + "9"},
        {"slack_user": "U0MALLORY"},
        {"slack_user": "U0BOB"},  # who may, but for himself
        {"slack_user": ""},
    ],
)
def test_no_row_alone_brings_about_another_access(world: World, forged: dict[str, Any]) -> None:
    assert decider(world).still_refused(granting(**forged))


def test_a_permission_set_made_anew_under_its_name_is_another(world: World) -> None:
    world.says = {"permission_set": [PermissionSet(SET[:-1] + "9", "BreakGlassAdmin", HOUR)]}
    assert decider(world).still_refused(granting()) == refusals.GLASS_CHANGED


# ---- who may end or extend ----------------------------------------------------------------------


def test_who_holds_it_may_and_nobody_is_asked(world: World) -> None:
    world.says = {"email": [Unavailable("down")]}
    assert decider(world).may_touch(active(), "U0ALICE") == May("alice@example.com")
    assert world.asked == []


def test_whom_the_glass_allows_may_and_is_asked_for_each_time(world: World) -> None:
    decide = decider(world)
    for _ in range(2):
        assert decide.may_touch(active(), "U0BOB") == May("bob@example.com")
    assert world.asked == ["email", "person"] * 2
    world.groups = {}
    assert decide.may_touch(active(), "U0BOB").refusal


def test_who_may_not_is_asked_for_once_in_half_a_minute(world: World) -> None:
    """They may press and press: nobody waits for them."""
    decide = decider(world)
    first = decide.may_touch(active(), "U0MALLORY")
    assert (first.email, bool(first.refusal)) == ("mallory@example.com", True)
    for _ in range(50):
        assert decide.may_touch(active(), "U0MALLORY") == first
    assert world.asked == ["email", "person"]
    world.time = NOON + REMEMBERED - SECOND
    decide.may_touch(active(), "U0MALLORY")
    assert len(world.asked) == 2
    world.glasses = decide.glasses.by_name
    world.glasses["prod"] = glass(may=("mallory@example.com",))
    world.time = NOON + REMEMBERED
    assert decide.may_touch(active(), "U0MALLORY") == May("mallory@example.com")


def test_who_may_not_here_is_asked_for_anew_at_another_glass(world: World) -> None:
    world.glasses["data"] = glass(name="data", may=("mallory@example.com",))
    decide = decider(world)
    assert decide.may_touch(active(), "U0MALLORY").refusal
    assert decide.may_touch(active(glass="data"), "U0MALLORY") == May("mallory@example.com")


def test_an_answer_that_does_not_come_is_no_refusal_and_is_not_remembered(world: World) -> None:
    decide = decider(world)
    world.says = {"email": [Unavailable("down")]}
    with pytest.raises(Unavailable):
        decide.may_touch(active(), "U0BOB")
    assert decide.may_touch(active(), "U0BOB") == May("bob@example.com")


def test_of_many_who_may_not_no_more_than_so_many_are_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "MOST", 3)
    decide = decider(world)
    for number in range(10):
        assert decide.may_touch(active(), f"U0EVE{number}").refusal
        assert len(decide._may_not._known) <= 3


@pytest.mark.parametrize(
    ("who", "says", "email"),
    [
        ("U0NOBODY", {}, "U0NOBODY"),
        ("U0EVE", {"email": [Refused("Slack has no e-mail", lasting=True)]}, "U0EVE"),
        ("U0BOB", {"person": [None]}, "bob@example.com"),
    ],
)
def test_who_is_nobody_may_not_and_the_log_has_what_is_known(
    world: World, who: str, says: dict[str, Any], email: str
) -> None:
    world.says = says
    may = decider(world).may_touch(active(), who)
    assert may.email == email
    assert may.refusal


def test_where_the_glass_is_gone_only_who_holds_it_may(world: World) -> None:
    world.glasses = {}
    assert decider(world).may_touch(active(), "U0BOB").refusal
    assert not decider(world).may_touch(active(), "U0ALICE").refusal


def test_a_session_is_given_all_that_it_has_of_its_glass(world: World) -> None:
    """A setting that a session has a field for, and that nobody copies, would never be heeded."""
    session, _ = decider(world).known(requested())
    permission_set = world.permission_set(session.permission_set_arn)
    assert permission_set is not None
    given = decider(world)._given(glass(), permission_set)
    both = {each.name for each in fields(Glass)} & {each.name for each in fields(Session)}
    others = {"name", "reason"}  # of a session the person's, and why it was denied
    assert both - others - given.keys() == set(), "workflow/deciding.py: _given"


def test_what_is_anothers_to_ask_nobody_asks_for_themselves(world: World) -> None:
    """Whatever kind of ask comes next: by the Slack user, and by the directory's."""
    assert decider(world).may_touch(active(), "U0ALICE", Kind.APPROVE).refusal == messages.YOUR_OWN
    alias = active(slack_user="U0ANOTHER")
    assert decider(world).may_touch(alias, "U0ALICE", Kind.APPROVE).refusal == messages.YOUR_OWN
    assert decider(world).may_touch(alias, "U0ALICE") == May("alice@example.com")
    assert decider(world).may_touch(active(), "U0BOB", Kind.APPROVE) == May("bob@example.com")
    assert set(ask.OF_THEIR_OWN) == {Kind.BYPASS, Kind.END, Kind.EXTEND, Kind.REASON}
