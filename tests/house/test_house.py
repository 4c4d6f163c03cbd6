"""No file is longer than a stranger reads in one go; what a docstring says is raised exists."""

import ast
import builtins
import re

import pytest

from simulator.world import ROOT

LONGEST = 400  # lines
COPIED = 110  # signs of a body: below that it is a turn of phrase


@pytest.mark.parametrize("folder", ["chalicelib", "simulator", "tools", "bench"])
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


def test_no_test_imports_from_another() -> None:
    """What several need stands in a file that is no test: one test can be run without the other."""
    wanted = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("tests", "bench", "simulator", "tools")
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(ast.parse(path.read_text()))
        if re.match(r"tests\.(\w+\.)*(test_\w+|conftest)(\.|$)", name)
    }
    assert wanted == set()


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return found


def test_nothing_is_written_down_twice() -> None:
    """The same body in two files: one of them is changed one day, and the other is not."""
    bodies: dict[str, set[str]] = {}
    for folder in ("chalicelib", "simulator", "tools", "tests", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    says = ast.get_docstring(node) is not None  # told otherwise, it is a copy still
                    body = "\n".join(ast.unparse(each) for each in node.body[says:])
                    if len(body) > COPIED:
                        where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                        bodies.setdefault(body, set()).add(where)
    assert [sorted(where) for where in bodies.values() if len(where) > 1] == []


def test_one_place_reads_the_environment() -> None:
    """Where things are put together; what deploys runs under another's command."""
    own = [ROOT / "chalicelib/wiring.py", *(ROOT / "chalicelib/deploy").glob("*.py")]
    readers = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "chalicelib").rglob("*.py")
        if path not in own and re.search(r"\bos\.(environ|getenv)\b", path.read_text())
    ]
    assert readers == []
