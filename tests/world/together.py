"""Tests that wait most of their time, run beside one another in one world."""

from collections.abc import Callable
from concurrent.futures import Future

from tests.world.scene import Scene

Act = Callable[[Scene], None]


def together(act: Act) -> Callable[[dict[str, Future[None]]], None]:
    """Runs the test at the same time as all others of its module that are marked so.

    Each uses people and glasses of its own. See the fixture `acts`.
    """

    def test(acts: dict[str, Future[None]]) -> None:
        acts[act.__name__].result()

    test.__name__, test.__doc__, test.__module__ = act.__name__, act.__doc__, act.__module__
    test.act = act  # type: ignore[attr-defined]
    return test
