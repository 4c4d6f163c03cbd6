"""What would be forgotten when a state or an ask is added: each place is named by a light check.

The exercise of docs/add-a-state.md is done here on a copy: whole, where a session lives through the
new state (change_freeze.py), and with one step after the other left out. What is added, and
where, stands in change_freeze.diff.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind, Outcome
from chalicelib.domain.machine import ROWS, State
from chalicelib.route import press
from chalicelib.words import answers
from chalicelib.workflow import asked
from tests.fakes.outside import World
from tools import _rows

ROOT = Path(__file__).parents[2]


def test_every_ask_of_a_session_has_a_button_words_and_a_name_in_the_log() -> None:
    assert set(Kind) - {Kind.BREAK, Kind.FOUND} == ask.ANSWERED, "domain/ask.py: ANSWERED"
    assert {*press.ON_A_SESSION.values(), Kind.REASON} == ask.ANSWERED, "route/press.py"
    assert {*asked.DECIDES, Kind.REASON} == ask.ANSWERED, "workflow/asked.py: DECIDES"
    assert answers.MAY_NOT.keys() == ask.ANSWERED, "words/answers.py: MAY_NOT"
    assert answers.ANSWERS.keys() == set(Outcome), "words/answers.py: ANSWERS"
    assert _rows.WHAT.keys() == set(Kind), "tools/_rows.py: WHAT"


def test_the_route_may_write_every_ask_that_a_person_sends_and_no_other() -> None:
    policy = json.loads((ROOT / ".chalice/policy-slack.json").read_text())
    (keys,) = (
        statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for statement in policy["Statement"]
        if statement["Action"] == "dynamodb:PutItem"
    )
    sent = {Kind.BREAK, *ask.ANSWERED}
    assert set(keys) == {f"{ask.OPEN}{kind}-*" for kind in sent}, ".chalice/policy-slack.json"


@pytest.mark.parametrize("state", ROWS)
def test_every_way_out_of_a_state_is_taken_by_time_its_duty_or_an_ask(state: State) -> None:
    """Else it leads somewhere in the picture alone."""
    row = ROWS[state]
    files = [*(ROOT / "chalicelib/workflow").glob("*.py"), ROOT / "chalicelib/domain/schedule.py"]
    taken = set(re.findall(r"\bEvent\.([A-Z_]+)", "\n".join(each.read_text() for each in files)))
    duty = World().runner()._duties[row.duty] if row.duty else None
    where = type(duty).__module__.replace(".", "/") if duty else "chalicelib/workflow/asks"
    ways = {event for event in row.leads if event is not row.then}
    assert {str(each) for each in ways if each.name not in taken} == set(), f"{where}.py"


# ---- the exercise --------------------------------------------------------------------------------


EXERCISE = (Path(__file__).parent / "change_freeze.diff").read_text()
TESTS = {  # what is run on the copy
    "test_machine": "tests/domain/test_machine.py",
    "test_ask": "tests/domain/test_ask.py",
    "test_half_added": "tests/house/test_half_added.py",
    "test_every_state": "tests/workflow/test_every_state.py",
    "its story": "tests/house/change_freeze.py",
}


class Step(NamedTuple):
    """Something that is added to one file."""

    file: str
    hunks: list[str]  # lines that are there (“ ”), go (“-”) and come (“+”)

    def put(self, text: str) -> str:
        for hunk in self.hunks:
            old, new = (_with(hunk, signs) for signs in (" -", " +"))
            assert text.count(old) == 1, f"{self.file} has not once:\n{old}"
            text = text.replace(old, new)
        return text


def _with(hunk: str, signs: str) -> str:
    return "".join(f"\n{line[1:]}" for line in hunk.splitlines() if line[0] in signs)


def steps() -> dict[str, Step]:
    found = {}
    for part in EXERCISE.split("\n## ")[1:]:
        title, _, hunks = part.partition("\n")
        name, _, file = title.partition(": ")
        found[name] = Step(file, hunks.strip("\n").split("\n@@\n"))
    return found


STEPS = steps()
TYPES = {  # no `match` leaves a member out: the types say so, and the place
    "its reading": "chalicelib/domain/ask.py",
    "whose it is": "chalicelib/workflow/policy.py",
    "what a card says meanwhile": "chalicelib/words/cards.py",
}
MISSED = {  # left out, each by itself: the check that is red, and the place as it names it
    "the state": ("test_machine", "FROZEN"),
    "its events": ("test_machine", "FROZE"),
    "its row": ("test_machine", "FROZEN"),
    "the way to it": ("test_machine", "FROZEN"),
    "its time": ("test_machine", "frozen_until"),
    "what sends a session there": ("test_half_added", "chalicelib/workflow/decide.py"),
    "the ask": ("test_machine", "thaw"),
    "its reading": ("test_ask", "thaw"),
    "what it does": ("its story", "thawed"),
    "its decision": ("test_half_added", "workflow/asked.py: DECIDES"),
    "its refusal": ("test_half_added", "words/answers.py: MAY_NOT"),
    "whose it is": ("its story", "THAW"),
    "its answer": ("test_half_added", "words/answers.py: ANSWERS"),
    "what a card is meanwhile": ("test_every_state", "words/cards.py: phase()"),
    "what a card says meanwhile": ("test_every_state", "FROZEN"),
    "its button": ("test_every_state", "words/cards.py"),
    "its permission": ("test_half_added", ".chalice/policy-slack.json"),
}


def copied(to: Path, without: str = "") -> Path:
    """The project with the made-up state, but one of the steps."""
    for name in ("chalicelib", "tools", "tests", "simulator", ".chalice"):
        shutil.copytree(ROOT / name, to / name)  # with what is compiled of it, which saves seconds
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, to)
    for name, step in STEPS.items():
        if name != without:
            path = to / step.file
            path.write_text(step.put(path.read_text()))
    return to


def checked(project: Path, *tests: str) -> str:
    """What the light checks say of it; nothing where they pass."""
    without = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]  # which takes a second
    command = ["pytest", "-q", "-x", *without, "-k", "not exercise", *tests]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode else ""


def test_the_exercise_done_whole_passes_and_a_session_lives_through_it(tmp_path: Path) -> None:
    assert checked(copied(tmp_path), *TESTS.values()) == ""


def test_the_exercise_leaves_out_every_step() -> None:
    assert MISSED.keys() == STEPS.keys() >= TYPES.keys()


@pytest.mark.parametrize("step", MISSED)
def test_the_exercise_with_one_step_forgotten_names_its_place(tmp_path: Path, step: str) -> None:
    test, place = MISSED[step]
    assert place in checked(copied(tmp_path, without=step), TESTS[test])


@pytest.mark.parametrize("step", TYPES)
def test_the_exercise_with_a_match_that_leaves_it_out_does_not_pass_the_types(
    tmp_path: Path, step: str
) -> None:
    """None is taken for another because nobody has thought of it."""
    project = copied(tmp_path, without=step)
    command = [sys.executable, "-m", "mypy", TYPES[step]]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert TYPES[step] in done.stdout


def test_the_exercise_touches_fewer_than_ten_places_and_the_document_has_them_all() -> None:
    text = (ROOT / "docs/add-a-state.md").read_text()
    named = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    assert named == [*dict.fromkeys(step.file for step in STEPS.values())]
    assert len(named) < 10
