"""The rules of docs/protocol.md, and where in the code each is kept: what keeps one names it, [A4].

A rule that has parts (GRANTING 2) is kept where its parts are.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools._project import ROOT, Problem

PROTOCOL = ROOT / "docs/protocol.md"
LABEL = r"A\d|[A-Z]{4,} \d[a-z]?"
STATED = re.compile(rf"^ *- \*\*({LABEL})\*\*", re.M)
NAMED = re.compile(rf"\[({LABEL})\]")


class Place(NamedTuple):
    """A function or a class, in a file of ours."""

    file: str
    name: str


def stated(text: str) -> list[str]:
    """The rules that the document states, in its order. Raises Problem where one stands twice."""
    found = STATED.findall(text)
    for each in found:
        if found.count(each) > 1:
            raise Problem(f"docs/protocol.md states {each} twice")
    return [each for each in found if not any(other.startswith(each) for other in found
                                              if other != each)]  # fmt: skip


def kept() -> dict[str, list[Place]]:
    """By rule, what names it."""
    found: dict[str, list[Place]] = {}
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        file = str(path.relative_to(ROOT))
        for rule, name in named(path.read_text()):
            places = found.setdefault(rule, [])
            if Place(file, name) not in places:
                places.append(Place(file, name))
    return found


def named(source: str) -> Iterator[tuple[str, str]]:
    """Each rule that a comment or a docstring names, and what it stands in; "" is the file."""
    if not NAMED.search(source):
        return
    whole = dict(_spans(ast.parse(source)))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.STRING):
            continue
        line = token.start[0]
        inside = [name for name, (first, last) in whole.items() if first <= line <= last]
        for rule in NAMED.findall(token.string):
            yield rule, max(inside, key=len, default="")


def _spans(tree: ast.Module) -> Iterator[tuple[str, tuple[int, int]]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            called = "()" if isinstance(node, ast.FunctionDef) else ""
            yield f"{node.name}{called}", (node.lineno, node.end_lineno or node.lineno)
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield f"{node.name}.{each.name}()", (each.lineno, each.end_lineno or 0)


def table(text: str, places: dict[str, list[Place]]) -> str:
    """A row for each rule, with links. Raises Problem where document and code do not agree."""
    rules = stated(text)
    if astray := sorted(places.keys() - set(rules)):
        where = ", ".join(f"{rule} in {places[rule][0].file}" for rule in astray)
        raise Problem(f"docs/protocol.md does not state {where}")
    if lost := [rule for rule in rules if rule not in places]:
        raise Problem(f"nothing in chalicelib/ names {', '.join(lost)} of docs/protocol.md")
    lines = ["", "| rule | kept by |", "|---|---|"]
    for rule in rules:
        lines.append(f"| {rule} | {', '.join(_link(each) for each in places[rule])} |")
    return "\n".join(lines) + "\n\n"


def _link(place: Place) -> str:
    return f"[`{place.name or Path(place.file).name}`](../{place.file})"
