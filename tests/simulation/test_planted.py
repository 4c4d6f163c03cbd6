"""A fault is planted where it says, for as long as it says, or it says that it cannot be."""

from dataclasses import replace

import pytest

from chalicelib.domain import verdict
from chalicelib.domain.verdict import Facts, Verdict
from chalicelib.workflow import asks, calls, grant, reconcile
from chalicelib.workflow.grant import Grant
from chalicelib.workflow.timing import NOTHING
from tests.fakes.table import Rows
from tests.simulation import __main__ as commands
from tests.simulation import faulty
from tests.simulation.explorer import TICK, Bounds, ticking
from tests.simulation.mutants import MUTANTS, Mutant, judge
from tests.simulation.planted import Outdated, Swap, constants, swapped


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_each_fault_has_its_place_in_our_code(mutant: Mutant) -> None:
    mutant.applies()
    assert mutant.swaps or mutant.patches or mutant.rows is not Rows


class OfAnotherName(Rows):
    def written(self) -> None:
        """Nobody calls it."""


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ({"swaps": (Swap(lambda: Grant.nonesuch, faulty.no),)}, "Grant.nonesuch"),
        ({"swaps": (Swap(lambda: Granted.create, faulty.no),)}, "Granted.create"),  # noqa: F821
        ({"patches": (("revoke", "def nonesuch(", ""),)}, "def nonesuch("),
        ({"rows": OfAnotherName}, "Rows.written"),
    ],
)
def test_a_fault_whose_place_is_gone_is_named(gone: dict[str, object], what: str) -> None:
    mutant = replace(Mutant("no such rule"), **gone)
    with pytest.raises(Outdated, match="“no such rule” is planted nowhere") as outdated:
        mutant.applies()
    assert what in str(outdated.value)
    judged = judge(mutant, seeds=5)
    assert judged.found_by == ""
    assert judged.outcome == str(outdated.value)


def test_a_swap_stands_in_for_as_long_as_it_takes_and_no_longer() -> None:
    real, network = Grant._create, calls.NETWORK_DELAY
    swaps = Swap(lambda: Grant._create, faulty.no), Swap(lambda: calls.NETWORK_DELAY, NOTHING)

    def fails() -> None:
        with swapped(*swaps):
            assert Grant._create(None) is False
            assert calls.NETWORK_DELAY is NOTHING
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert Grant._create is real
    assert calls.NETWORK_DELAY is network


def test_where_one_of_them_is_gone_none_is_left() -> None:
    real = grant.became
    swaps = Swap(lambda: grant.became, faulty.no), Swap(lambda: Grant.nonesuch, faulty.no)
    with pytest.raises(Outdated, match=r"Grant\.nonesuch"), swapped(*swaps):
        pytest.fail("it is not begun")
    assert grant.became is real


def test_a_function_is_swapped_in_every_module_that_has_it() -> None:
    unknown = Facts(live=False, noted=None, stood_in=None)
    everywhere = Swap(lambda: verdict.judge, lambda real, facts: Verdict.LIVE, everywhere=True)
    with swapped(everywhere):
        assert {m.judge(unknown) for m in (verdict, reconcile, asks)} == {Verdict.LIVE}
    assert {m.judge(unknown) for m in (verdict, reconcile, asks)} == {Verdict.FOUND}


def test_the_runners_constants_are_its_own_again() -> None:
    network = calls.NETWORK_DELAY
    with constants(**ticking(Bounds())):
        assert calls.NETWORK_DELAY is TICK
    assert calls.NETWORK_DELAY is network


def test_a_fault_is_swapped_or_patched() -> None:
    with pytest.raises(ValueError, match="both ways: what is patched"):
        Mutant(
            "both ways",
            swaps=(Swap(lambda: Grant._create, faulty.no),),
            patches=(("revoke", "def ", ""),),
        )


def test_faults_are_chosen_by_a_word_and_told_in_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.plant(["standing ignored", "orphaned lease"], cores=2) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1].split()[:6] == ["standing", "ignored", "when", "revoking", "seed", "12"]
    assert told[2].startswith("an orphaned lease is not mended")
    assert told[-1] == "2 rules left out one at a time, 0 of them unnoticed"
