"""Who may break which glass."""

from datetime import timedelta

import pytest

from chalicelib.domain.ask import Kind
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.glass import groups_among, lists_among
from chalicelib.domain.oncall import LAST_KNOWN, LOST_AFTER, OLD_AFTER, REFUSE, OnCall
from chalicelib.words import messages
from chalicelib.workflow.policy import identify, in_group, key, named, on_call, those
from tests.support.stories import NOON, glass

PEOPLE = {"U0ALICE": "alice@example.com"}  # [people] of glasses.toml


def test_who_is_named_may() -> None:
    assert named(glass(), "alice@example.com") == "alice@example.com"


def test_case_does_not_matter_in_an_e_mail() -> None:
    assert named(glass(may=("Alice@Example.com",)), "aLICE@example.com") == "Alice@Example.com"


@pytest.mark.parametrize(
    ("named_as", "other"),
    [
        ("weiss@example.com", "weiß@example.com"),
        ("kate@example.com", "\u212aate@example.com"),  # the Kelvin sign
        ("i@example.com", "\u0130@example.com"),
        ("zoë@example.com", "ZOË@example.com"),
    ],
)
def test_nothing_but_a_to_z_is_the_same_in_capitals(named_as: str, other: str) -> None:
    for one, another in ((named_as, other), (other, named_as)):
        assert not named(glass(may=(one,)), another)
        assert key(one) != key(another)


def test_a_pinned_person_is_known_by_the_pin_and_slack_is_not_asked() -> None:
    assert identify("U0ALICE", PEOPLE, {}.__getitem__) == ("alice@example.com", "")


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.com"])
def test_nobody_else_is_taken_for_a_pinned_person(email: str) -> None:
    who, why = identify("U0EVE", PEOPLE, lambda user: email)
    assert (who, why) == ("", messages.PINNED)


def test_others_are_known_by_what_slack_says() -> None:
    assert identify("U0BOB", PEOPLE, lambda user: "Bob@example.com") == ("Bob@example.com", "")
    assert identify("U0X", PEOPLE, lambda user: None)[1] == messages.NOBODY


def test_a_refusal_that_lasts_is_the_reason_and_any_other_trouble_is_raised() -> None:
    def refused(lasting: bool) -> str:
        raise Refused("no e-mail", lasting=lasting)

    def down(user: str) -> str:
        raise Unavailable("down")

    assert identify("U0X", {}, lambda user: refused(lasting=True)) == ("", "no e-mail")
    with pytest.raises(Refused):
        identify("U0X", {}, lambda user: refused(lasting=False))
    with pytest.raises(Unavailable):
        identify("U0X", {}, down)


def test_a_member_of_a_group_may() -> None:
    assert in_group(glass(), {"sre"}) == "group:sre"


def test_another_group_does_not_help() -> None:
    assert in_group(glass(), {"sre-interns"}) == ""


def test_everyone_means_everyone() -> None:
    assert named(glass(may=("everyone",)), "dave@example.com") == "everyone"


def test_others_may_not() -> None:
    assert named(glass(), "alice@example.com.evil") == ""


def test_a_group_is_not_taken_for_an_e_mail() -> None:
    assert not named(glass(may=("group:alice@example.com",)), "alice@example.com")
    assert groups_among(("group:sre", "a@b.c")) == ("sre",)


# ---- on call ------------------------------------------------------------------------------------

GROUP = "S0ONCALL"
HEARD = OnCall(id=GROUP, found_at=NOON, members=("U0BOB",))
LISTS = {"S0OTHER": None, GROUP: HEARD}
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("stale", "after", "may"),
    [
        (LAST_KNOWN, 0 * MINUTE, True),
        (REFUSE, 0 * MINUTE, True),
        (REFUSE, OLD_AFTER, True),
        (REFUSE, OLD_AFTER + MINUTE, False),
        (LAST_KNOWN, OLD_AFTER + MINUTE, True),
        (LAST_KNOWN, LOST_AFTER, True),
        (LAST_KNOWN, LOST_AFTER + MINUTE, False),
        (REFUSE, LOST_AFTER + MINUTE, False),
    ],
)
def test_an_old_list_means_what_the_glass_says_and_a_lost_one_nothing(
    stale: str, after: timedelta, may: bool
) -> None:
    opened = glass(may=("slack:S0OTHER", f"slack:{GROUP}"), stale_oncall=stale)
    by = on_call(opened, "U0BOB", LISTS, NOON + after)
    assert by == ("slack:S0ONCALL as of 2026-11-22 12:00:00 UTC" if may else "")


def test_whoever_is_on_no_list_is_let_in_by_none() -> None:
    opened = glass(may=(f"slack:{GROUP}",))
    for who in ("U0ALICE", "u0bob", "", "U0BO"):
        assert on_call(opened, who, LISTS, NOON) == ""
    assert on_call(opened, "U0BOB", {GROUP: None}, NOON) == ""


def test_a_slack_group_is_neither_an_e_mail_nor_a_group_of_identity_center() -> None:
    opened = glass(may=("slack:S0ONCALL", "group:sre", "a@b.c"))
    assert (lists_among(opened.may), groups_among(opened.may)) == (("S0ONCALL",), ("sre",))
    assert opened.on_call == ("S0ONCALL",)
    assert in_group(opened, {"S0ONCALL", "slack:S0ONCALL"}) == ""


@pytest.mark.parametrize("kind", Kind)
def test_whose_it_is_to_ask_is_said_for_each_kind_and_none_is_anybodys_by_chance(
    kind: Kind,
) -> None:
    """Each right has people of its own here, so that whoever is forgotten is missed."""
    own = glass(
        may=("may@example.com",),
        approvers=("approves@example.com",),
        bypass=("bypasses@example.com",),
        reviewers=("reviews@example.com",),
    )
    whose = {
        Kind.APPROVE: "approves", Kind.DECLINE: "approves", Kind.ACKNOWLEDGE: "approves",
        Kind.BYPASS: "bypasses", Kind.EXPECTED: "reviews", Kind.FOLLOWUP: "reviews",
    }  # fmt: skip
    assert those(own, kind) == (f"{whose.get(kind, 'may')}@example.com",)
