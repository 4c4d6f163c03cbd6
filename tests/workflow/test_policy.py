"""Who may break which glass."""

import pytest

from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.glass import groups_among
from chalicelib.words import messages
from chalicelib.workflow.policy import identify, key, named, refusal
from tests.support.stories import glass

PEOPLE = {"U0ALICE": "alice@example.com"}  # [people] of glasses.toml


def test_who_is_named_may() -> None:
    assert refusal(glass(), "alice@example.com", ()) is None


def test_case_does_not_matter_in_an_e_mail() -> None:
    assert refusal(glass(may=("Alice@Example.com",)), "aLICE@example.com", ()) is None


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
    assert refusal(glass(), "dave@example.com", {"sre"}) is None


def test_another_group_does_not_help() -> None:
    assert refusal(glass(), "dave@example.com", {"sre-interns"}) is not None


def test_everyone_means_everyone() -> None:
    assert refusal(glass(may=("everyone",)), "dave@example.com", ()) is None


def test_others_may_not_and_are_told_which_glass() -> None:
    why = refusal(glass(), "alice@example.com.evil", ())
    assert why is not None
    assert "prod" in why


def test_a_group_is_not_taken_for_an_e_mail() -> None:
    assert not named(glass(may=("group:alice@example.com",)), "alice@example.com")
    assert groups_among(("group:sre", "a@b.c")) == ("sre",)
