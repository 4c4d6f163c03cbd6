"""Where an error came from, in places alone: its words may be anybody's."""

import re
from collections.abc import Callable

from chalicelib.operations.trace import DEEPEST, trace

PLACE = r"[\w.<>-]+\.py:\d+ [\w<>]+"
SECRET = "xoxb-1234-secret"


def fails(secret: str) -> None:
    token = secret * 2
    raise ValueError(f"refused: {token}")


def calls(secret: str) -> None:
    fails(secret)


def deep(left: int) -> None:
    if not left:
        raise KeyError(SECRET)
    deep(left - 1)


def caught(act: Callable[..., None], *args: object) -> str:
    try:
        act(*args)
    except Exception as error:
        return trace(error)
    raise AssertionError("it did not fail")


def test_the_places_are_told_the_outermost_first() -> None:
    said = caught(calls, SECRET)
    assert re.fullmatch(rf"{PLACE}( < {PLACE})*", said)
    names = [place.split(" ")[1] for place in said.split(" < ")]
    assert names == ["caught", "calls", "fails"]
    assert all(place.startswith("test_trace.py:") for place in said.split(" < "))


def test_nothing_of_the_error_and_no_value_is_in_it() -> None:
    said = caught(calls, SECRET)
    for part in (SECRET, "xoxb", "refused", "ValueError", "token", "raise", "/"):
        assert part not in said


def test_what_caused_it_and_what_stood_in_its_notes_is_not_told_either() -> None:
    def act() -> None:
        try:
            fails(SECRET)
        except ValueError as error:
            other = RuntimeError(SECRET)
            other.add_note(SECRET)
            raise other from error

    said = caught(act)
    assert SECRET not in said
    assert [place.split(" ")[1] for place in said.split(" < ")] == ["caught", "act"]


def test_only_the_innermost_places_of_a_deep_fall_are_told() -> None:
    places = caught(deep, 100).split(" < ")
    assert len(places) == DEEPEST
    assert {place.split(" ")[1] for place in places} == {"deep"}


def test_an_error_that_was_never_raised_comes_from_nowhere() -> None:
    assert trace(ValueError(SECRET)) == ""
