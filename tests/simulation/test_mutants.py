"""The simulation is tested too: each rule of the protocol, left out of our code, is missed.

Here those that one known life finds; `make mutants` has all of them.
"""

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, judge


@pytest.mark.parametrize(
    "mutant", [each for each in MUTANTS if each.seed is not None], ids=lambda mutant: mutant.rule
)
def test_a_rule_left_out_is_noticed_by_what_comes_of_it(mutant: Mutant) -> None:
    verdict = judge(mutant, seeds=0)
    assert verdict.found_by == f"seed {mutant.seed}", verdict.outcome
    assert mutant.lives(mutant.seed or 0).run() == []  # and with the rule all is well
