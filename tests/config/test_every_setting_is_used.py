"""A setting that is read, checked and kept, and that nobody asks for, is a promise nobody keeps."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

from chalicelib.config.settings import Settings
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import State
from tests.fakes.outside import World
from tests.fakes.rows import asked, pressed
from tests.support.stories import HOUR, glass

ROOT = Path(__file__).parents[2]


class Watched(Glass):
    """A glass that keeps which of its settings it was asked for."""

    __slots__ = ()
    asked: set[str] = set()  # noqa: RUF012 - shared on purpose: a glass is frozen

    def __getattribute__(self, name: str) -> object:
        Watched.asked.add(name)
        return super().__getattribute__(name)


def watched(**changes: object) -> Watched:
    plain = glass(**changes)
    made = Watched(**{each.name: getattr(plain, each.name) for each in fields(Glass)})
    Watched.asked = set()
    return made


def test_every_setting_of_a_glass_is_asked_for_where_sessions_move() -> None:
    """Copied into the session that it allows, or read as it stands."""
    world = World(glasses={"prod": watched(approve=HOUR, bypass=("alice@example.com",))})
    waits = world.look(pressed(world))
    world.ask(asked(waits, "approve", "U0BOB"))
    assert world.row(waits.id).state is not State.DENIED
    mallory = pressed(world, id="bg-111111111111111111111111", slack_user="U0MALLORY")
    assert world.look(mallory).state is State.DENIED
    unused = {each.name for each in fields(Glass)} - Watched.asked
    assert unused == set(), "nobody reads it; a session copies it in workflow/deciding.py: _given()"


def test_a_setting_that_nobody_asks_for_is_seen() -> None:
    made = watched()
    assert not Watched.asked
    assert made.second == made.may
    assert Watched.asked == {"second", "approvers", "may"}


def test_every_other_setting_is_asked_for_by_what_ships_or_by_a_command() -> None:
    places = [ROOT / "chalicelib/wiring.py", *(ROOT / "chalicelib/deploy").glob("*.py"),
              *(ROOT / "tools").rglob("*.py"), ROOT / "app.py"]  # fmt: skip
    asked = {name for path in places for name in read_of_settings(path.read_text())}
    for inside in ast.parse((ROOT / "chalicelib/config/settings.py").read_text()).body:
        if isinstance(inside, ast.ClassDef) and inside.name == Settings.__name__:
            asked |= set(re.findall(r"\bself\.(\w+)", ast.unparse(inside)))
    assert {each.name for each in fields(Settings)} - asked == set()


def read_of_settings(source: str) -> set[str]:
    """Attributes of `known`, `settings` or `settings()`, as settings are called everywhere."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"(\w+\.)?(known|settings)(\(\))?", ast.unparse(node.value))
    }
