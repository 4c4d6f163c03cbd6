"""The simulation is tested too: each rule of the protocol, left out of our code, is missed."""

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, judge


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_rule_left_out_is_noticed_by_what_comes_of_it(mutant: Mutant) -> None:
    verdict = judge(mutant, seeds=0 if mutant.harmless else 3_000)
    assert bool(verdict.found_by) is not bool(mutant.harmless), verdict.outcome
