"""Which states there are, the machine's table alone says: nobody keeps a list of their own."""

import ast
from collections.abc import Iterator

import pytest

from chalicelib.domain.machine import State
from simulator.world import ROOT

ONE_BY_ONE = 3  # so many states side by side are a list of its own, which a new state is not on


def listed(source: str) -> Iterator[tuple[int, set[str]]]:
    """Where states stand side by side: in a literal, in a case, or as a call's arguments."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Tuple(elts=each) | ast.List(elts=each) | ast.Set(elts=each):
                pass
            case ast.Call(args=each):
                pass
            case _:
                continue
        found = {name for part in each for name in named(part)}
        if len(found) >= ONE_BY_ONE:
            yield node.lineno, found


def named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="State"), attr=name):
            yield name
        case ast.Constant(value=str(name)) if name in State.__members__:
            yield name


@pytest.mark.parametrize("folder", ["tests", "bench", "simulator", "tools"])
def test_nobody_keeps_a_list_of_states_by_hand(folder: str) -> None:
    """`tests/support/states.py` has those that are often asked for."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {', '.join(sorted(names))}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, names in listed(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lists"),
    [
        ("[State.GRANTING, State.ACTIVE, State.REVOKING]", 1),
        ('until("SETTLING", "TAILING", "CLOSED")', 1),
        ('{State.GRANTING, "ACTIVE", State.CLOSED}', 1),
        ("(State.GRANTING, State.ACTIVE)", 0),
        ("until(*OVER)", 0),
        ('("ACTIVE", "ACTIVE", "ACTIVE")', 0),
    ],
)
def test_what_is_taken_for_a_list_of_states(source: str, lists: int) -> None:
    assert len([*listed(source)]) == lists
