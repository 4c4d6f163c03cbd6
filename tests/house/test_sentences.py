"""What people read stands in chalicelib/words/: where sessions move there is no sentence."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = 3  # so many make a sentence
LOGS = {"log", "failed"}  # what these are called with only operators read, in the log
LEFT = {  # what still stands where it is made; of the last two only the log has it
    "workflow/asks.py": {" asks for a session, and is not one"},
    "triggers/queue.py": {"no session in it"},
}


def unread(tree: ast.Module) -> Iterator[ast.AST]:
    """What is no sentence to anybody: docstrings, types, assertions and lines of the log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        if isinstance(node, ast.Assert) and node.msg is not None:
            yield node.msg
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.returns
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield from [each for each in node.args if called in LOGS]


def sentences(source: str) -> set[str]:
    tree = ast.parse(source)
    skipped = {id(each) for top in unread(tree) for each in ast.walk(top)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
        and len(node.value.split()) >= WORDS
    }


@pytest.mark.parametrize("part", ["workflow", "route", "triggers", "report/reading.py",
                                  "report/gathered.py", "report/progress.py"])  # fmt: skip
def test_no_sentence_stands_outside_the_words(part: str) -> None:
    of = ROOT / "chalicelib" / part
    for path in sorted(of.glob("*.py")) or [of]:
        name = str(path.relative_to(ROOT / "chalicelib"))
        found = sentences(path.read_text())
        assert found - LEFT.get(name, set()) == set(), f"{name}: to chalicelib/words/"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""What it is for."""', set()),
        ('def f() -> "Rest | None":\n    "Says it well."', set()),
        ('self.log("info", f"{x} is not done", why="not a line of it")', {"not a line of it"}),
        ('self.failed("could not be noted", error)', set()),
        ('assert x, "that cannot be so"', set()),
        ('raise Refused(f"{who} may not do that")', {" may not do that"}),
        ('became(reason="it is gone")', {"it is gone"}),
    ],
)
def test_what_is_taken_for_a_sentence(source: str, found: set[str]) -> None:
    assert sentences(source) == found
