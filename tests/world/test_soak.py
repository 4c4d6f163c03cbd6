"""A short soak in the really deployed app; `make soak` runs longer ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator import company
from simulator.soak import lags, plan
from simulator.soak.drive import Drive
from simulator.soak.evidence import Evidence
from simulator.soak.judge import VERDICTS, judge
from simulator.world import World

pytestmark = pytest.mark.world

SEED = 1


@pytest.fixture(scope="module")
def seen() -> Iterator[Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", list(plan.GLASSES))
        with World.start() as world:
            yield Drive(world, plan.short(SEED)).run()


@pytest.fixture(scope="module")
def found(seen: Evidence) -> dict[str, list[str]]:
    return {promise: [str(each) for each in findings] for promise, findings in judge(seen).items()}


def test_it_has_sessions_faults_and_cold_functions(seen: Evidence) -> None:
    assert sum(bool(each.spans) for each in seen.sessions) >= 5
    assert lags.lags(seen)
    names = {each.name for each in seen.windows}
    assert {"delete: lost", "slack: slow", "identity center: error", "cold"} <= names


@pytest.mark.parametrize("promise", VERDICTS)
def test_in_it(promise: str, found: dict[str, list[str]]) -> None:
    assert found[promise] == []
