"""What a deployment waits for between two tries takes no second here."""

import time

import pytest

from chalicelib.deploy import patience


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    given = patience.patiently.__defaults__ or ()
    assert time.sleep in given
    awake = tuple((lambda _: None) if each is time.sleep else each for each in given)
    monkeypatch.setattr(patience.patiently, "__defaults__", awake)
