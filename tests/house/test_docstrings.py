"""What docstrings have to say: which of our own errors come, and what a name does not say.

What keeps a port's promises (its docstring says so: "see ports.Store") need not say them again.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text())
    for path in sorted((ROOT / "chalicelib").rglob("*.py"))
}
Function = ast.FunctionDef
PROMISED = {  # what the ports say, by the port's name, and the method's behind it
    name: ast.get_docstring(node) or ""
    for port in TREES["chalicelib/domain/ports.py"].body
    if isinstance(port, ast.ClassDef)
    for name, node in [
        (port.name, port),
        *((f"{port.name}.{each.name}", each) for each in port.body if isinstance(each, Function)),
    ]
}


def name_of(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def errors(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Each of our own errors, with itself and all that it is one of."""
    bases = {
        node.name: [name_of(base) for base in node.bases]
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def kinds(name: str) -> set[str]:
        return {name}.union(*(kinds(base) for base in bases.get(name, ()) if base != name))

    all_kinds = {name: kinds(name) for name in bases}
    return {name: each for name, each in all_kinds.items() if each & {"Exception", "ValueError"}}


@dataclass
class Module:
    """The functions of a module, by name; a method's has its class before it."""

    tree: ast.Module
    ours: dict[str, set[str]]
    functions: dict[str, tuple[Function, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.tree.body:
            if isinstance(node, Function):
                self.functions[node.name] = node, ""
            if isinstance(node, ast.ClassDef):
                said = ast.get_docstring(node) or ""
                for each in node.body:
                    if isinstance(each, Function):
                        self.functions[f"{node.name}.{each.name}"] = each, said

    def raised(self, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """Which of our errors get out of it, also from what is private to this module."""
        if name in seen:
            return set()
        return set(self._out_of(self.functions[name][0].body, name, seen | {name}))

    def _out_of(self, nodes: list[ast.stmt], name: str, seen: frozenset[str]) -> Iterator[str]:
        for node in nodes:
            yield from self._of(node, name, seen)

    def _of(self, node: ast.AST, name: str, seen: frozenset[str]) -> Iterator[str]:
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            return
        if isinstance(node, ast.Try):
            caught = {name_of(each) for handler in node.handlers for each in types_of(handler)}
            for error in self._out_of(node.body, name, seen):
                if not self.ours[error] & caught:
                    yield error
            for handler in node.handlers:
                yield from self._out_of(handler.body, name, seen)
            yield from self._out_of([*node.orelse, *node.finalbody], name, seen)
            return
        if isinstance(node, ast.Raise) and node.exc is not None:
            made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if name_of(made) in self.ours:
                yield name_of(made)
        if isinstance(node, ast.Call) and name_of(node.func).startswith("_"):
            owner = name.rpartition(".")[0]
            own = isinstance(node.func, ast.Attribute) and name_of(node.func.value) == "self"
            called = f"{owner}.{name_of(node.func)}" if own else name_of(node.func)
            if called in self.functions:
                yield from self.raised(called, seen)
        for child in ast.iter_child_nodes(node):
            yield from self._of(child, name, seen)

    def unnamed(self) -> Iterator[tuple[str, str]]:
        """Public functions, each with an error that neither they nor their class names."""
        for name, (function, of_class) in self.functions.items():
            if any(part.startswith("_") for part in name.split(".")):
                continue
            said = f"{ast.get_docstring(function) or ''} {of_class}"
            said += "".join(
                PROMISED.get(f"{port}{each}", "")
                for port in re.findall(r"\bports\.(\w+)", of_class)
                for each in ("", f".{function.name}")
            )
            for error in sorted(self.raised(name)):
                if not any(re.search(rf"\b{kind}\b", said) for kind in self.ours[error]):
                    yield name, error


def types_of(handler: ast.ExceptHandler) -> list[ast.expr]:
    """What it catches; a bare one catches every exception."""
    if handler.type is None:
        return [ast.Name("Exception")]
    return handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]


def test_each_public_function_names_the_errors_that_it_raises() -> None:
    ours = errors(TREES)
    assert {"Unavailable", "Stale", "NoPayload", "BadRule"} <= ours.keys()
    found = {
        f"{path}: {name} raises {error}"
        for path, tree in TREES.items()
        for name, error in Module(tree, ours).unnamed()
    }
    assert found == set()


def untold(tree: ast.Module) -> Iterator[str]:
    """Public classes, and functions that do more than one thing, without a docstring.

    The name says all of what does one thing, of a port's method (the port says it), of a pair
    to_json and from_json, and of what PynamoDB wants.
    """
    for node in tree.body:
        if isinstance(node, Function) and _needs_one(node):
            yield node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            said = ast.get_docstring(node)
            if not said:
                yield node.name
            if "ports." not in (said or ""):
                yield from (
                    f"{node.name}.{each.name}"
                    for each in node.body
                    if isinstance(each, Function) and _needs_one(each)
                )


def _needs_one(function: Function) -> bool:
    named = function.name.startswith("_") or function.name in SAYS_ALL
    return len(function.body) > 1 and not named and not ast.get_docstring(function)


SAYS_ALL = {"to_json", "from_json", "serialize", "deserialize"}


def test_a_public_name_that_does_not_say_all_is_told_of() -> None:
    found = {f"{path}: {name}" for path, tree in TREES.items() for name in untold(tree)}
    assert found == set()


def test_what_needs_a_docstring() -> None:
    source = """
class Part:
    def name(self):
        return "it"
    def does(self):
        self.name()
        return 1
class Kept:
    "The table; see ports.Store."
    def does(self):
        self.name()
        return 1
def does():
    "It."
    return 1
def goes():
    does()
    return 1
def _goes():
    does()
    return 1
"""
    assert [*untold(ast.parse(source))] == ["Part", "Part.does", "goes"]


def test_what_is_found_to_be_raised() -> None:
    source = """
class Wrong(Exception): ...
class Worse(Wrong): ...
def says():
    "Raises Wrong."
    raise Worse
def says_not():
    "Does it."
    _does()
def catches():
    try:
        _does()
    except Wrong:
        return
def _does():
    raise Worse("it is")
class Part:
    def goes(self):
        self._goes()
    def _goes(self):
        raise Wrong
"""
    tree = ast.parse(source)
    found = set(Module(tree, errors({"": tree})).unnamed())
    assert found == {("says_not", "Worse"), ("Part.goes", "Wrong")}
