"""Loads the runner or the reconciliation with a fault planted in it, or with other constants."""

import importlib
import inspect
from collections.abc import Iterable
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
