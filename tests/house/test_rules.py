"""Each rule of docs/protocol.md stands where it is kept, by its number; the page links it there."""

import re

import pytest

from tools import _rules
from tools._project import Problem
from tools._rules import LABEL, PROTOCOL, ROOT, Place, kept, named, stated, table
from tools.docs import renewed

MOST_PLACES = 3


def test_every_rule_is_named_by_what_keeps_it_and_nothing_names_another() -> None:
    rules = stated(PROTOCOL.read_text())
    assert {"A1", "A7", "GRANTING 2c", "REVOKING 6", "LOOKS 3"} <= set(rules)
    assert kept().keys() == set(rules)


def test_the_protocol_links_each_rule_to_where_it_is_kept() -> None:
    text = PROTOCOL.read_text()
    assert renewed(PROTOCOL) == text, "docs/protocol.md: make docs"
    for place in {each for places in kept().values() for each in places}:
        assert (PROTOCOL.parent / f"../{place.file}").exists()
        assert f"[`{place.name}`](../{place.file})" in text


def test_a_rule_is_kept_by_functions_and_by_few() -> None:
    for rule, places in kept().items():
        assert all(each.name.endswith("()") for each in places), f"{rule}: {places}"
        assert len(places) <= MOST_PLACES, f"{rule} stands in {places}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_a_page_names_no_rule_that_there_is_not(page) -> None:
    whole = set(re.findall(rf"\*\*({LABEL})\*\*", PROTOCOL.read_text()))
    words = "|".join({rule.split()[0] for rule in whole if " " in rule})
    named_here = set(re.findall(rf"\b(A\d|(?:{words}) \d[a-z]?)\b", page.read_text()))
    assert named_here - whole == set()


def test_what_is_stated() -> None:
    text = "- **A1** Read.\n- **NEWS 1** Say:\n  - **NEWS 1a** first.\n- **bold** not.\n"
    assert stated(text) == ["A1", "NEWS 1a"]
    with pytest.raises(Problem, match="A1 twice"):
        stated(text + "- **A1** Again.\n")


def test_what_is_named() -> None:
    source = '''
"""Of the file [A1]."""
first = rows["A2"][0]  # [A3] [NEWS 1a]
class Part:
    """Of all of it [A4]."""
    def does(self):
        def within():
            """Of it [A5]."""
        return A[7]
def goes():
    """Goes [A1]."""
'''
    of_the_file = [("A1", ""), ("A3", ""), ("NEWS 1a", "")]
    within = [("A4", "Part"), ("A5", "Part.does()"), ("A1", "goes()")]
    assert [*named(source)] == [*of_the_file, *within]


def test_neither_side_may_say_what_the_other_does_not() -> None:
    place = {"A1": [Place("chalicelib/x.py", "does()")]}
    assert "| A1 | [`does()`](../chalicelib/x.py) |" in table("- **A1** Do.\n", place)
    with pytest.raises(Problem, match=r"names A2 of"):
        table("- **A1** Do.\n- **A2** More.\n", place)
    with pytest.raises(Problem, match=r"state A1 in chalicelib/x\.py"):
        table("", place)
    assert _rules.kept()
