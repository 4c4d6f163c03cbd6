"""Makes again what of the documents is made from the code, between markers such as these:

    <!-- generated: settings -->
    <!-- end -->

With --check nothing is written; it fails where a document no longer says what the code does.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable
from pathlib import Path

from tools._project import ROOT, Problem

SUMMARY = "makes again what of the documents is made from the code; --check only looks"
MARKED = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="only say what is out of date")


def run(args: argparse.Namespace) -> int:
    stale = [path for path in documents() if path.read_text() != renewed(path)]
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if not stale:
        print("the documents say what the code does")
        return 0
    if args.check:
        print(f"out of date: {names}; `make docs` makes them again")
        return 1
    for path in stale:
        path.write_text(renewed(path))
    print(f"made again: {names}")
    return 0


def documents() -> list[Path]:
    """Every document of the project that may have a generated part."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def renewed(path: Path) -> str:
    """What the document should say. Raises Problem at a marker that nothing is known for."""

    def fill(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in PARTS:
            raise Problem(f"{path.name}: nothing makes “{name}”; known are {', '.join(PARTS)}")
        return f"{found['begin']}{PARTS[name]()}{found['end']}"

    return MARKED.sub(fill, path.read_text())


def _diagram() -> str:
    from chalicelib.domain.machine import diagram

    return f"```mermaid\n{diagram()}```\n"


def _transitions() -> str:
    """A row for each state: what is done in it, where each event leads, what time brings."""
    from chalicelib.domain.machine import ROWS

    lines = ["", "| from | duty | asks | event → to | by itself |", "|---|---|---|---|---|"]
    for state, row in ROWS.items():
        targets: dict[str, list[str]] = {}
        for event, target in row.leads.items():
            targets.setdefault(target, []).append(event)
        leads = " · ".join(f"{', '.join(events)} → {to}" for to, events in targets.items())
        alone = f"{row.then} at `{row.until}`" if row.then else ""
        cells = (str(state), row.duty or "", ", ".join(row.asks), leads or "over", alone)
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return "\n".join(lines) + "\n\n"


def _reasons() -> str:
    from chalicelib.judge.rules import SEVERITIES, standard

    book = standard()
    lines = ["", "| reason | severity | for example |", "|---|---|---|"]
    for reason in book.kinds:
        mine = [rule for rule in book.rules if rule.reason == reason and not rule.instead_of]
        mine = [rule for rule in mine if rule.severity != "none"]
        if mine:
            mine.sort(key=lambda rule: -SEVERITIES.index(rule.severity))
            words = dict.fromkeys(rule.severity for rule in mine)
            lines.append(f"| {reason} | {', '.join(words)} | `{mine[0].example.split(', ')[0]}` |")
    return "\n".join(lines) + "\n\n"


def _settings() -> str:
    from chalicelib.config.keys import table

    return f"\n{table()}\n"


def _commands() -> str:
    from tools.__main__ import summaries

    rows = [f"| `python -m tools {name}` | {summary} |" for name, summary in summaries().items()]
    return "\n".join(["", "| command | what it does |", "|---|---|", *rows, "", ""])


def _house() -> str:
    """The packages of what ships, each with its docstring's first line and whom it imports."""
    lines = ["", "| package | what is in it | it imports |", "|---|---|---|"]
    for path in sorted((ROOT / "chalicelib").glob("*/__init__.py")):
        says = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        files = ", ".join(
            f"`{each.stem}`"
            for each in sorted(path.parent.glob("[a-z]*"))
            if not each.name.endswith((".toml", "templates"))
        )
        others = ", ".join(sorted(_imported(path.parent))) or "none of the others"
        lines.append(f"| `{path.parent.name}/` | {says} {files} | {others} |")
    return "\n".join(lines) + "\n\n"


def _imported(package: Path) -> set[str]:
    """The other packages that something of this one imports, but for its types alone."""
    named: set[str] = set()
    for path in package.rglob("*.py"):
        ahead: list[ast.AST] = [ast.parse(path.read_text())]
        while ahead:
            node = ahead.pop()
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
                continue
            ahead += ast.iter_child_nodes(node)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chalicelib."):
                named.add((node.module or "").split(".")[1])
    return named - {package.name}


def _rules() -> str:
    from tools._rules import PROTOCOL, kept, table

    return table(PROTOCOL.read_text(), kept())


PARTS: dict[str, Callable[[], str]] = {
    "diagram": _diagram,
    "transitions": _transitions,
    "reasons": _reasons,
    "settings": _settings,
    "commands": _commands,
    "house": _house,
    "rules": _rules,
}
