"""The list of doctor's checks: each that is written is on it, once, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

from simulator.world import ROOT
from tools import checks
from tools.checks.every import CHECKS
from tools.checks.patient import Check
from tools.doctor import FIRST


def written() -> set[Check]:
    """Every public function in tools/checks that takes the patient alone and yields findings."""
    found = set()
    for module in pkgutil.iter_modules(checks.__path__):
        there = importlib.import_module(f"tools.checks.{module.name}")
        for name, each in inspect.getmembers(there, inspect.isfunction):
            takes = inspect.signature(each)
            yields = takes.return_annotation == "Iterator[Finding]"
            if yields and [*takes.parameters] == ["patient"] and not name.startswith("_"):
                found.add(each)
    return found


def test_every_check_that_is_written_is_made() -> None:
    assert len(CHECKS) > 20
    listed = {check for _, check in CHECKS}
    forgotten, surplus = written() - listed, listed - written()
    assert {each.__name__ for each in forgotten} == set(), "tools/checks/every.py: CHECKS"
    assert {each.__name__ for each in surplus} == set(), "tools/checks/every.py: CHECKS"


def test_no_check_is_made_twice_and_each_has_a_name_of_its_own() -> None:
    titles = [title for title, _ in CHECKS]
    assert len(set(titles)) == len({check for _, check in CHECKS}) == len(CHECKS)


def test_what_nothing_can_be_looked_at_without_comes_first() -> None:
    assert tuple(title for title, _ in CHECKS[: len(FIRST)]) == FIRST


def test_what_the_documents_call_by_name_is_one_of_them() -> None:
    """`doctor --only NAME`."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for wanted in re.findall(r"doctor --only [\"“]?([\w' ]+?)[\"”`]", page.read_text()):
            assert any(wanted.lower() in title.lower() for title, _ in CHECKS), (page.name, wanted)
