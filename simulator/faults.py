"""Settings that may be changed while the world runs, and put back with one call."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields


class UnknownSetting(ValueError):
    """The control address was asked to change something that does not exist."""


@dataclass
class Faults:
    """Base of each service's settings; the defaults are a healthy service."""

    def change(self, **settings: object) -> None:
        """Set several at once; raises UnknownSetting and changes nothing if one is unknown."""
        known = {each.name for each in fields(self)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise UnknownSetting(f"no such setting: {', '.join(unknown)}; there are {known}")
        for name, value in settings.items():
            setattr(self, name, value)

    def heal(self) -> None:
        for each in fields(self):
            if each.default is not MISSING:
                setattr(self, each.name, each.default)
            elif each.default_factory is not MISSING:
                setattr(self, each.name, each.default_factory())

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


_next_lock = threading.Lock()


def next_outcome(outcomes: Mapping[str, list[str]], *names: str) -> str | None:
    """Take the next planned outcome of the first of these names that has one left."""
    with _next_lock:
        for name in names:
            planned = outcomes.get(name)
            if planned:
                return planned.pop(0)
    return None
