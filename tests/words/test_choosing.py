"""The select beside the button, and what is said of a choice."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain.lasting import span_in
from chalicelib.words.choosing import how_long, not_had, span
from tests.support.stories import HOUR, active

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
THREE = (30 * MINUTE, HOUR, 4 * HOUR)


@pytest.mark.parametrize(
    ("length", "says"),
    [(45 * SECOND, "45 s"), (30 * MINUTE, "30 min"), (HOUR, "1 h"), (90 * MINUTE, "1 h 30 min"),
     (90 * SECOND, "1 min 30 s"), (timedelta(0), "0 s")],
)  # fmt: skip
def test_a_length_of_time_reads_as_people_say_it(length: timedelta, says: str) -> None:
    assert span(length) == says


def test_one_duration_is_no_choice() -> None:
    assert how_long([HOUR]) == how_long([]) == []


@pytest.mark.parametrize(
    ("chosen", "shows"), [("", "30m"), ("4h", "4h"), ("240m", "4h"), ("5h", "30m"), ("x", "30m")]
)
def test_the_select_shows_what_was_chosen_before_else_the_first(chosen: str, shows: str) -> None:
    (block,) = how_long(THREE, chosen)
    select = block["element"]
    assert select["initial_option"] in select["options"]
    assert select["initial_option"]["value"] == shows
    assert block["block_id"] == f"how_long {shows}"
    assert tuple(span_in(each["value"]) for each in select["options"]) == THREE


def test_an_odd_length_is_read_as_it_was_written() -> None:
    lengths = (HOUR + MINUTE + SECOND, 90 * SECOND)
    (block,) = how_long(lengths)
    assert tuple(span_in(each["value"]) for each in block["element"]["options"]) == lengths


def test_only_who_did_not_get_what_they_chose_is_told_so() -> None:
    assert not_had(active()) == not_had(active(chosen="1h")) == not_had(active(chosen="60m")) == ""
    assert not_had(active(chosen="4h")) == (
        "You chose 4 h, which this glass does not have: you got 1 h. "
    )
    assert "You chose &lt;!channel&gt;, which" in not_had(active(chosen="<!channel>"))


def test_the_select_to_copy_is_the_one_that_we_make() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (copied,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    assert [json.loads(copied)] == how_long(THREE)
