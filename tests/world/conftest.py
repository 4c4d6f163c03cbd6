"""One world for all end-to-end tests of the app, and tests that run beside one another in it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext

import pytest

from simulator import company
from simulator.world import World
from tests.world.scene import GLASSES, Scene


@contextmanager
def our_glasses() -> Iterator[None]:
    before = company.GLASSES
    company.GLASSES = list(GLASSES)
    try:
        yield
    finally:
        company.GLASSES = before


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        with our_glasses():
            world = stack.enter_context(World.start())
        yield Scene(world)


@pytest.fixture(scope="module", autouse=True)
def _glasses_of_the_scene(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modules that play in the scene have its glasses, the others those of the company."""
    mine = [item for item in request.session.items if item.module is request.module]
    plays = any("scene" in item.fixturenames for item in mine)
    with our_glasses() if plays else nullcontext():
        yield


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
