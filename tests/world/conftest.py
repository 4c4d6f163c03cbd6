"""A world for the end-to-end tests of a module, and tests that run beside one another in it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from simulator import company
from simulator.world import World
from tests.world.scene import GLASSES, Scene


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A world with the module's glasses, or those of most; functions are held to their policies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", list(getattr(request.module, "GLASSES", GLASSES)))
        with World.start() as world:
            yield Scene(world)
            assert [each for each in world.control("permissions") if not each["allowed"]] == []


@pytest.fixture(scope="module")
def acts(request: pytest.FixtureRequest, scene: Scene) -> Iterator[dict[str, Future[None]]]:
    """The module's tests that are marked `together`, all begun; each test waits for its own."""
    chosen = {
        item.function.act
        for item in request.session.items
        if item.module is request.module and hasattr(item.function, "act")
    }
    with ThreadPoolExecutor(max(1, len(chosen))) as pool:
        yield {act.__name__: pool.submit(act, scene) for act in chosen}
