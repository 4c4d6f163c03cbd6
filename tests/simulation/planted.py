"""Loads the runner or the reconciliation with a fault planted in it, or with other constants."""

import importlib
import inspect
from collections.abc import Iterable
from functools import cache
from types import FunctionType
from typing import Any

Patch = tuple[str, str, str]  # module, what stands there once, what shall stand there


HOMES = {  # where the modules are that faults are planted in
    "runner": "workflow.runner",
    "reconcile": "workflow.reconcile",
    "looks": "triggers.looks",
    "schedule": "domain.schedule",
    "verdict": "domain.verdict",
}


class Outdated(Exception):
    """The code has changed, and the fault does not fit it any more. Plant it anew."""


def load(patches: Iterable[Patch] = (), into: str = "runner", **constants: Any) -> dict[str, Any]:
    """The names of a fresh chalicelib.workflow.runner (or `into`) with these patches and constants.

    Functions of other modules that a patch changes are given to it in place of the real ones.
    """
    texts = {into: source(into)} | patched(patches)
    names = executed(into, texts.pop(into))
    for module, text in texts.items():
        for name, value in executed(module, text).items():
            if isinstance(value, FunctionType) and name in names:
                names[name] = value
    names.update(constants)
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
    names: dict[str, Any] = {"__name__": f"chalicelib.{HOMES[module]}"}
    exec(compile(text, f"chalicelib/{module}.py", "exec"), names)
    return names
