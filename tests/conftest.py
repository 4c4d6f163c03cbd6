"""What every test gets: no network but this machine's own, and no AWS settings from outside."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files run beside one another those that wait for a world begin: they take longest."""
    if hasattr(config, "workerinput"):  # one of several, as `make test` has them
        items.sort(key=lambda item: item.get_closest_marker("world") is None)


@pytest.fixture(autouse=True)
def _unmeasured(request: pytest.FixtureRequest) -> Iterator[None]:
    """What runs the same lines by the million is not measured: it would take thrice as long.

    pytest-cov's own `no_cover` does not stop it where tests run beside one another.
    """
    measuring = sys.gettrace()
    many = request.path.name in ("test_simulation.py", "test_mutants.py")
    if many:
        sys.settrace(None)
    yield
    if many:
        sys.settrace(measuring)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test asked for {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("AWS_", "BREAK_GLASS_", "SLACK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def snapshot() -> Any:
    """Compares a text with the one kept in tests/snapshots; UPDATE_SNAPSHOTS=1 keeps a new one."""

    def same(name: str, text: str) -> None:
        kept = SNAPSHOTS / name
        if os.environ.get("UPDATE_SNAPSHOTS"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(text)
        assert kept.exists(), f"{name} is new: look at it, then UPDATE_SNAPSHOTS=1 keeps it"
        assert text == kept.read_text()

    return same
