"""Plants a fault in the runner or the reconciliation, or other constants.

Most are swaps: a faulty function in the place of a real one. Where that would be the copy of a long
function, a patch changes the text of a module, which is then made afresh.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from chalicelib.domain import machine
from chalicelib.workflow import calls, changes

Patch = tuple[str, str, str]  # module, what stands there once, what shall stand there


CHAIN = (  # the runner and what it is made of, each importing only those before it
    "timing", "changes", "commit", "outbox", "calls", "alarms", "asked", "asks", "decide", "grant",
    "revoke", "reports", "runner",
)  # fmt: skip
HOMES = {  # where the modules are that faults are planted in
    **{name: f"workflow.{name}" for name in CHAIN},
    "reconcile": "workflow.reconcile",
    "sweep": "triggers.sweep",
    "schedule": "domain.schedule",
    "verdict": "domain.verdict",
}


class Outdated(Exception):
    """The code has changed, and the fault does not fit it any more. Plant it anew."""


def load(patches: Iterable[Patch] = (), into: str = "runner", **constants: Any) -> dict[str, Any]:
    """The names of a fresh chalicelib.workflow.runner (or `into`) with these patches and constants.

    What the runner is made of is made afresh as well. Functions of other modules that a patch
    changes are given to them in place of the real ones.
    """
    texts = patched(patches)
    modules = CHAIN if into == "runner" else (into,)
    fresh: dict[str, Any] = {}
    for module in [each for each in texts if each not in modules]:
        names = executed(module, texts[module])
        fresh |= {name: value for name, value in names.items() if isinstance(value, FunctionType)}
    names = {}
    for module in modules:
        names = executed(module, texts.get(module) or source(module))
        own = f"chalicelib.{HOMES[module]}"
        for name, value in fresh.items():
            if name in names and getattr(names[name], "__module__", "") != own:
                names[name] = value
        for name, table in names.items():  # of functions, which it had before they were changed
            if isinstance(table, dict) and not name.startswith("__"):
                was = {key: getattr(each, "__name__", "") for key, each in table.items()}
                names[name] = {key: fresh.get(was[key], each) for key, each in table.items()}
        names |= {name: value for name, value in constants.items() if name in names}
        fresh |= {
            name: value
            for name, value in names.items()
            if isinstance(value, FunctionType | type) and value.__module__ == own
        }
    return names


def patched(patches: Iterable[Patch]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for module, old, new in patches:
        text = texts.get(module) or source(module)
        if text.count(old) != 1:
            raise Outdated(f"{module} has {text.count(old)} times:\n{old}")
        texts[module] = text.replace(old, new)
    return texts


@cache
def source(module: str) -> str:
    return inspect.getsource(importlib.import_module(f"chalicelib.{HOMES[module]}"))


def executed(module: str, text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for other in (machine, calls, changes):  # a fault may need what the module does without
        names |= {name: value for name, value in vars(other).items() if not name.startswith("__")}
    names["__name__"] = f"chalicelib.{HOMES[module]}"
    exec(compile(text, f"chalicelib/{module}.py", "exec"), names)
    return names


# ---- swaps


@dataclass(frozen=True)
class Swap:
    """A method, function, constant or row in whose place stands another while a fault is planted.

    `at` says where it stands, as code: `lambda: Grant._create`, or `lambda: revoke.never_seen` for
    the name as that module has it. So whoever renames it renames it here too.
    """

    at: Callable[[], Any]
    by: Any  # a function, which is given the real one first; or anything else, as it is
    everywhere: bool = False  # for a function: in each module that has imported it

    @property
    def path(self) -> tuple[Any, str]:
        """What has it, and under which name."""
        first, *rest, name = self.at.__code__.co_names
        owner = self.at.__globals__[first]
        for each in rest:
            owner = getattr(owner, each)
        return owner, name

    @property
    def named(self) -> str:
        return ".".join(self.at.__code__.co_names)

    def places(self) -> list[tuple[Any, str]]:
        """Raises Outdated where the code has no such thing any more."""
        try:
            owner, name = self.path
            real = getattr(owner, name)
        except (AttributeError, KeyError) as error:
            raise Outdated(f"there is no {self.named} any more") from error
        if not self.everywhere:
            return [(owner, name)]
        modules = [each for key, each in sys.modules.items() if key.startswith("chalicelib.")]
        return [(each, name) for each in modules if vars(each).get(name) is real]

    def made(self, real: Any) -> Any:
        """What stands in the real one's place."""
        by = self.by
        if not isinstance(by, FunctionType):
            return by

        def faulty(*args: Any, **changes: Any) -> Any:
            return by(real, *args, **changes)

        return faulty


@contextmanager
def swapped(*swaps: Swap) -> Iterator[None]:
    """These stand in the place of the real ones until it is over; then everything is as it was."""
    was: list[tuple[Any, str, Any]] = []
    try:
        for swap in swaps:
            for owner, name in swap.places():
                real = vars(owner)[name]
                was.append((owner, name, real))
                setattr(owner, name, swap.made(real))
        yield
    finally:
        for owner, name, real in reversed(was):
            setattr(owner, name, real)


@contextmanager
def constants(**values: Any) -> Iterator[None]:
    """The runner's own modules with other constants, as `load` makes them."""
    modules = [importlib.import_module(f"chalicelib.{HOMES[name]}") for name in CHAIN]
    was = [(module, name, vars(module)[name])
           for module in modules for name in values if name in vars(module)]  # fmt: skip
    try:
        for module, name, _ in was:
            setattr(module, name, values[name])
        yield
    finally:
        for module, name, real in was:
            setattr(module, name, real)
