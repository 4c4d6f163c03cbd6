"""Whatever breaks, repeats, reorders or fails: nobody keeps access, and nothing is lost.

`python -m tests.simulation replay --seed N` tells the story of a seed that fails here.
"""

import pytest

from tests.simulation.__main__ import bounded
from tests.simulation.explorer import Explorer
from tests.simulation.world import World

SEEDS = 4_000
AT_ONCE = 500


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_promise_is_kept_whatever_breaks(first: int) -> None:
    failed = {}
    for seed in range(first, first + AT_ONCE):
        wrong = World(seed).run()
        if wrong:
            failed[seed] = wrong[0]
    assert not failed


def test_a_seed_is_always_the_same_story() -> None:
    stories: list[list[str]] = [[], []]
    for story in stories:
        World(22, told=story.append).run()
    assert stories[0]
    assert stories[0] == stories[1]


@pytest.mark.parametrize("case", ["deadline", "End now", "Extend"])
def test_no_interleaving_leaves_access_behind(case: str) -> None:
    """Every one of the bounded case, to the end; one fault, or none beside the wishes."""
    found = Explorer(bounded(case, 1)).explore()
    print(found)
    assert found.complete, "\n".join([found.wrong, *found.story])
