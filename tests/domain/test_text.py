"""Text from outside, wherever it goes: no sign that steers, half a sign, or more than fits."""

import re
import sys
import unicodedata

import pytest

from chalicelib.domain.text import cell, clean, lines, quoted
from chalicelib.words import markup

SEEN = {*range(0x600, 0x606), 0x6DD, 0x890, 0x891, 0x8E2}  # Arabic's marks before numbers
STEERING = [
    chr(n)
    for n in range(sys.maxunicode + 1)
    if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and n not in SEEN
]


def test_no_sign_that_unicode_calls_control_direction_or_separator_passes() -> None:
    for sign in STEERING:
        assert sign not in clean(f"a{sign}b"), hex(ord(sign))
        assert sign not in lines(f"a{sign}b") or sign in "\n\t", hex(ord(sign))
        clean(f"a{sign}b").encode()


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Müller-Łukasz",
        "山田 太郎",
        "عبد الله",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d🚒 Ann",
        "O’Neil ❤️",
    ],
)
def test_names_of_all_scripts_stay_as_they_are(name: str) -> None:
    assert clean(name) == name


@pytest.mark.parametrize(
    "blank", ["\u3164", "\u115f", "\uffa0", "ali\u200dce", "\u200cx", "x\u200d"]
)
def test_what_shows_nothing_is_shown(blank: str) -> None:
    assert "\ufffd" in clean(blank)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_a_name_is_one_line(end: str) -> None:
    assert clean(f"one{end}two") == "one two"
    assert len(clean(f"one{end}two").splitlines()) == 1


def test_a_text_keeps_its_lines_and_nothing_else_that_steers() -> None:
    assert lines("a\r\n\tb\rc\u2028d\x1b[2J\u202e") == "a\n\tb\nc\nd\ufffd[2J\ufffd"
    assert lines("abcdef", 4) == "abc…"


def test_what_is_too_long_says_that_there_was_more() -> None:
    assert clean("x" * 1024, 10) == "x" * 9 + "…"
    assert clean("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize("text", ["=1+1", " =1", "\t=1", "\r\n@x", "+1", "-1", "|x", "＝1", "%0"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    assert cell(text).startswith("'")


def test_other_peoples_words_neither_link_nor_mention_nor_emphasise() -> None:
    said = markup.escape("<!channel> *x* `y` ~z~ & ```")
    assert said == "&lt;!channel&gt; ∗x∗ ˋyˋ ∼z∼ &amp; ˋˋˋ"


@pytest.mark.parametrize("said", ["_x_", "see _x y_ z", "(_x_)", "__init__", "é_x_", "-_x_-"])
def test_no_underscore_of_others_begins_italics(said: str) -> None:
    shown = markup.escape(said)
    assert not re.search(r"(?<![A-Za-z0-9])_\S", shown)
    assert shown.replace("ˍ", "_") == said


@pytest.mark.parametrize("name", ["first_last@example.com", "AWS_ERROR_X", "x_", "a_ b", "_ _"])
def test_a_name_that_begins_none_stays_as_it_is_copied(name: str) -> None:
    assert markup.escape(name) == name


def test_what_is_to_be_copied_from_a_block_of_code_is_as_it_was_and_stays_in_it() -> None:
    assert markup.code("_role_* ~/x") == "_role_* ~/x"
    assert markup.code("a```b <x>") == "aˋˋˋb &lt;x&gt;"


def test_a_time_in_others_words_reads_the_same_and_is_not_taken_for_one_of_ours() -> None:
    theirs = "bucket 2026-11-22 15:04 UTC"
    ours = f"{quoted(theirs)}, 2026-11-22 15:05 UTC"
    assert markup.local(ours) == (
        "bucket 2026-11-22 15:04\xa0UTC, <!date^1795359900^{time}|15:05 UTC>"
    )


@pytest.mark.parametrize("room", range(1, 40))
def test_a_cut_splits_no_entity_and_no_token_and_closes_the_code(room: int) -> None:
    whole = "a &amp; <!date^1^{time}|15:04 UTC> ```x &lt; y``` 👩 z"
    said = markup.fitting(whole, room)
    assert len(said.encode("utf-16-le")) // 2 <= room
    assert said.endswith(("…", "…```"))
    assert said.count("```") % 2 == 0
    rest = said.replace("&amp;", "").replace("&lt;", "").replace("<!date^1^{time}|15:04 UTC>", "")
    assert not set("&<>") & set(rest)


def test_what_fits_is_not_touched() -> None:
    assert markup.fitting("x" * markup.TEXT) == "x" * markup.TEXT
