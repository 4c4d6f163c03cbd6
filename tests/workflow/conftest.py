"""What every test of the workflow begins with."""

import pytest

from tests.fakes.outside import World


@pytest.fixture
def world() -> World:
    """Everything around a Runner, in memory, in which nothing has happened yet."""
    return World()
