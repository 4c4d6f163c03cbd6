"""No file is longer than a stranger reads in one go; what a docstring says is raised exists."""

import ast
import builtins
import re

import pytest

from simulator.world import ROOT

LONGEST = 400  # lines


@pytest.mark.parametrize("folder", ["chalicelib", "simulator", "tools"])
def test_no_file_is_too_long(folder: str) -> None:
    files = [ROOT / "app.py", *(ROOT / folder).rglob("*.py")]
    lengths = {str(each.relative_to(ROOT)): len(each.read_text().splitlines()) for each in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_what_a_docstring_says_is_raised_is_there() -> None:
    trees = {each: ast.parse(each.read_text()) for each in (ROOT / "chalicelib").rglob("*.py")}
    docs, known = [], {*dir(builtins), "ClickException"}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                known.add(node.name)
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                docs.append((f"{path.name}: {node.name}", ast.get_docstring(node) or ""))
    said = {(where, name) for where, doc in docs for name in re.findall(r"Raises ([A-Z]\w+)", doc)}
    assert len(said) > 20
    assert {each for each in said if each[1] not in known} == set()
