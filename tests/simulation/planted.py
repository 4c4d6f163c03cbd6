"""Loads the runner with a fault planted in it, or with other constants, beside the real one."""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from types import FunctionType
from typing import Any

Patch = tuple[str, str, str]  # module, what stands there once, what shall stand there


class Outdated(Exception):
    """The code has changed, and the fault does not fit it any more. Plant it anew."""


def load(patches: Iterable[Patch] = (), **constants: Any) -> Mapping[str, Any]:
    """The names of a fresh chalicelib.runner with these patches and constants.

    Functions of chalicelib.session that a patch changes are given to it in place of the real ones.
    """
    texts: dict[str, str] = {}
    for module, old, new in patches:
        text = texts.get(module) or source(module)
        if text.count(old) != 1:
            raise Outdated(f"{module} has {text.count(old)} times:\n{old}")
        texts[module] = text.replace(old, new)
    names = executed("runner", texts.pop("runner", None) or source("runner"))
    for module, text in texts.items():
        changed = executed(module, text)
        for name, value in changed.items():
            if isinstance(value, FunctionType) and name in names:
                names[name] = value
    names.update(constants)
    return names


@cache
def source(module: str) -> str:
    return inspect.getsource(importlib.import_module(f"chalicelib.{module}"))


def executed(module: str, text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"chalicelib.{module}"}
    exec(compile(text, f"chalicelib/{module}.py", "exec"), names)
    return names
