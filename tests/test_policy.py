"""Who may break which glass."""

from chalicelib.policy import named, refusal
from tests.stories import glass


def test_who_is_named_may() -> None:
    assert refusal(glass(), "alice@example.com", ()) is None


def test_case_does_not_matter_in_an_e_mail() -> None:
    assert refusal(glass(may=("Alice@Example.com",)), "aLICE@example.com", ()) is None


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
    assert glass(may=("group:sre", "a@b.c")).groups == ("sre",)
