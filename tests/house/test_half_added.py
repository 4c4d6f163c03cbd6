"""What would be forgotten when a state or an ask is added: each place is named by a light check.

The exercise of docs/add-a-state.md is done here on a copy, one place after the other.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain import ask
from chalicelib.domain.ask import Kind, Outcome
from chalicelib.domain.machine import OPEN, ROWS, State
from chalicelib.route import press
from chalicelib.words import answers, cards
from tests.support.stories import active
from tools import _rows

ROOT = Path(__file__).parents[2]


def test_every_ask_of_a_session_has_a_button_words_and_a_name_in_the_log() -> None:
    assert {*press.ON_A_SESSION.values(), Kind.REASON} == ask.ANSWERED, "route/press.py"
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


@pytest.mark.parametrize("state", sorted(OPEN))
def test_what_a_state_knows_to_be_asked_has_its_button_on_the_card(state: State) -> None:
    session = active(extend=timedelta(minutes=30)).with_(state=state)
    shown = cards.actions(session, cards.Phase.OPEN)["elements"]
    kinds = {press.ON_A_SESSION.get(button["action_id"]) for button in shown}
    assert set(ROWS[state].asks) <= kinds, "words/cards.py: actions"


# ---- the exercise --------------------------------------------------------------------------------

STEPS = {  # what is added, in the order of docs/add-a-state.md: file → (before what, what)
    "the state": ("domain/machine.py", '    GRANTING = "', '    WAITING = "WAITING"\n'),
    "its events": (
        "domain/machine.py",
        '    GRANTED = "',
        '    APPROVED = "approved"\n    NOT_APPROVED = "not approved"\n',
    ),
    "its row": (
        "domain/machine.py",
        "    State.GRANTING: Row(\n",
        """    State.WAITING: Row(
        words="Waiting for approval",
        says="Waiting for a second person.",
        leads={Event.APPROVED: State.GRANTING, Event.NOT_APPROVED: State.DENIED},
        then=Event.NOT_APPROVED,
        until="approve_until",
        waits="Denied, if nobody approves, in",
        asks=("approve",),
        colour=_YELLOW,
    ),
""",
    ),
    "the way to it": (
        "domain/machine.py",
        "            Event.REFUSED: State.DENIED,\n",
        "            Event.APPROVED: State.WAITING,\n",
    ),
    "its time": (
        "domain/session.py",
        "    deadline: datetime | None",
        "    approve_until: datetime | None = None\n",
    ),
    "the ask": ("domain/ask.py", "    REASON = ", '    APPROVE = "approve"\n'),
    "who hears of it": ("domain/ask.py", "    {Kind.END, Kind.EXTEND,", None),
    "its reading": ("domain/ask.py", "        case Kind.END | Kind.EXTEND | Kind.REASON:\n", None),
    "its decision": (
        "workflow/asks.py",
        "            case Kind.BREAK | Kind.FOUND:\n",
        "            case Kind.APPROVE:\n                return decided, session\n",
    ),
    "its button": ("route/press.py", 'ON_A_SESSION = {"end_now"', None),
    "its refusal": ("words/answers.py", "MAY_NOT = {", None),
    "its name in the log": (
        "tools/_rows.py",
        "    Kind.FOUND: ",
        '    Kind.APPROVE: "approve",\n',
    ),
    "its permission": (".chalice/policy-slack.json", '            "ask/bg-*"', None),
}
INSERTED = {
    "its reading": ("case Kind.END |", "case Kind.APPROVE | Kind.END |"),
    "who hears of it": ("{Kind.END,", "{Kind.APPROVE, Kind.END,"),
    "its button": ('{"end_now"', '{"approve": Kind.APPROVE, "end_now"'),
    "its refusal": ("MAY_NOT = {", 'MAY_NOT = {Kind.APPROVE: "approve", '),
    "its permission": ('"ask/bg-*"', '"ask/approve-*",\n            "ask/bg-*"'),
}
# Left out, each by itself: what then names the place.
MISSED = {
    "its row": ("machine", "WAITING"),
    "the way to it": ("machine", "WAITING"),
    "its time": ("machine", "approve_until"),
    "the ask": ("", "APPROVE"),
    "its reading": ("ask", "approve"),
    "who hears of it": ("half_added", "route/press.py"),
    "its button": ("half_added", "route/press.py"),
    "its refusal": ("half_added", "words/answers.py: MAY_NOT"),
    "its name in the log": ("half_added", "tools/_rows.py: WHAT"),
    "its permission": ("half_added", ".chalice/policy-slack.json"),
}


def place_of(step: str) -> Path:
    name = STEPS[step][0]
    return Path(name) if name.startswith((".", "tools")) else Path("chalicelib") / name


def copied(to: Path, without: str = "") -> Path:
    """The project with the made-up state, but one of the places."""
    for name in ("chalicelib", "tools", "tests", ".chalice"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, to)
    for step, (_, before, added) in STEPS.items():
        if step == without:
            continue
        path = to / place_of(step)
        text = path.read_text()
        assert text.count(before) == 1, f"{path.name} has not once what “{step}” stands before"
        old, new = INSERTED[step] if added is None else (before, added + before)
        path.write_text(text.replace(old, new, 1) if added is None else text.replace(before, new))
    return to


def checked(project: Path) -> str:
    """What the light checks say of it; nothing where they pass."""
    tests = [
        "tests/domain/test_machine.py",
        "tests/house/test_half_added.py",
        "tests/domain/test_ask.py",
    ]
    command = ["pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not exercise", *tests]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode else ""


def test_the_exercise_done_whole_passes(tmp_path: Path) -> None:
    assert checked(copied(tmp_path)) == ""


@pytest.mark.parametrize("step", MISSED)
def test_the_exercise_with_one_place_forgotten_names_it(tmp_path: Path, step: str) -> None:
    said = checked(copied(tmp_path, without=step))
    where, what = MISSED[step]
    assert f"test_{where}" in said
    assert what in said


def test_the_exercise_with_an_ask_that_nobody_decides_does_not_pass_the_types(
    tmp_path: Path,
) -> None:
    """It must never be taken for another ask: that would be an approval by whoever asked."""
    project = copied(tmp_path, without="its decision")
    command = [sys.executable, "-m", "mypy", "chalicelib/workflow/asks.py", "chalicelib/domain"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert "chalicelib/workflow/asks.py" in done.stdout
    assert "APPROVE" in done.stdout


def test_the_exercise_touches_fewer_than_ten_places_and_the_document_has_them_all() -> None:
    text = (ROOT / "docs/add-a-state.md").read_text()
    named = set(re.findall(r"^\| `([^`]+)` \|", text, re.M))
    assert named == {str(place_of(step)) for step in STEPS}
    assert len(named) < 10
