"""A life that breaks a promise is told by as few of its draws as break the same one."""

import re
from collections.abc import Iterator
from random import Random

import pytest

from tests.simulation import __main__ as commands
from tests.simulation.lives import Meddled
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.planted import swapped
from tests.simulation.shrink import Life, Tape, kind, short_story
from tests.simulation.world import World

SEEDS = range(10_000)
FEW = 12  # draws, to which a life is shrunk
UNDECIDED = "was not decided in time although nothing was in its way"


def planted(rule: str) -> Mutant:
    (mutant,) = (each for each in MUTANTS if each.rule == rule)
    return mutant


def breaking(mutant: Mutant, says: str, seeds: range = SEEDS) -> Iterator[Life]:
    """Lives that the fault breaks so: the known one first, and others once draws have changed."""
    for seed in (mutant.seed or 0, *seeds):
        life = Life(seed, mutant.lives, mutant.parts())
        if life.wrong and says in life.wrong[0]:
            yield life


DELETED = "deletes the row of bg-"
STAYS_SHUT = planted("a lock whose session is gone stays shut")


@pytest.fixture(scope="module")
def found() -> tuple[Life, tuple[int, ...]]:
    """Somebody waits for ever behind a lock whose session's row an operator has deleted."""
    with swapped(*STAYS_SHUT.swaps):
        shrunk = ((life, life.shrunk()) for life in breaking(STAYS_SHUT, UNDECIDED))
        few = ((life, kept) for life, kept in shrunk if len(kept) < FEW)
        return next(each for each in few if any(DELETED in line for line in each[0].told(each[1])))


@pytest.fixture
def waiting(found: tuple[Life, tuple[int, ...]]) -> Iterator[tuple[Life, tuple[int, ...]]]:
    """The same, while the fault is there; no other test meets it."""
    with swapped(*STAYS_SHUT.swaps):
        yield found


def test_a_life_full_of_faults_is_shrunk_to_what_breaks_the_same_promise(
    waiting: tuple[Life, tuple[int, ...]],
) -> None:
    life, kept = waiting
    assert len(life.tape.draws) > 100
    assert len(kept) < FEW
    wrong, _ = life.live(kept)
    assert life.promise in map(kind, wrong)
    for left_out in kept:  # each is needed
        fewer, _ = life.live(number for number in kept if number != left_out)
        assert life.promise not in map(kind, fewer)


def test_its_story_is_short_and_says_when_what_happened_and_how_to_have_it_again(
    waiting: tuple[Life, tuple[int, ...]],
) -> None:
    life, kept = waiting
    told = life.told(kept)
    assert len(told) < 50
    assert UNDECIDED in told[0]
    assert f"{len(kept)} of its {len(life.tape.draws)} draws are left" in told[1]
    deleted = next(line for line in told if DELETED in line)
    assert deleted.startswith("»")
    assert re.fullmatch(r"\d+:\d\d\.\d{3}", deleted.split()[1])  # its moment
    assert any("LockTaken" in line and "times, until" in line for line in told)
    numbers = told[-1].removeprefix(
        f"again: python -m tests.simulation replay --seed {life.seed} --draws "
    )
    assert commands.numbers(numbers) == kept


def test_shrinking_is_the_same_each_time_and_within_so_many_lives() -> None:
    mutant = planted("no claim before Create")
    with swapped(*mutant.swaps):
        in_haste = ((life, life.shrunk(tries=3)) for life in breaking(mutant, ""))
        hasty, few = next((life, few) for life, few in in_haste if len(few) < len(life.tape.draws))
        first, again = (Life(hasty.seed, parts=mutant.parts()) for _ in range(2))
        assert first.shrunk() == again.shrunk()
        assert first.told(first.shrunk()) == again.told(again.shrunk())
    assert len(hasty.tried) == 3
    assert len(first.shrunk()) < len(few)


@pytest.mark.parametrize(("lives", "seed"), [(World, 22), (World, 7), (Meddled, 3)])
def test_writing_down_what_is_drawn_changes_nothing(lives: type[World], seed: int) -> None:
    as_it_runs: list[str] = []
    lives(seed, told=as_it_runs.append).run()
    life = Life(seed, lives)
    taped: list[str] = []
    life._with(Tape(Random(seed)), told=taped.append).run()
    assert taped == as_it_runs
    assert life.wrong == []


def test_a_life_that_keeps_its_promises_is_never_shrunk(capsys: pytest.CaptureFixture[str]) -> None:
    life = Life(22)
    assert life.shrunk() == tuple(range(len(life.tape.draws)))
    assert life.tried == {}
    assert commands.tell_small(22, World, None) == 0
    told = capsys.readouterr().out
    assert told.startswith("seed 22, faults: ")
    assert "draws are left" not in told


def test_a_seeds_draws_are_given_by_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.tell_small(22, World, (10_000,)) == 2
    assert "--draws counts them from 0" in capsys.readouterr().out
    assert commands.tell_small(22, World, ()) == 0
    told = capsys.readouterr().out
    assert "seed 22: every promise is kept" in told
    assert told.endswith("--seed 22 --draws none\n")


def test_a_failing_life_is_told_shrunk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here one whose people may keep access for no time at all after it should be over."""
    monkeypatch.setattr("tests.simulation.promises.PROMPT", -1)
    monkeypatch.setattr("tests.simulation.promises.CLOSES_WITHIN", -1)
    seed = next(seed for seed in range(50) if World(seed).run())
    assert commands.tell_small(seed, World, None) == 1
    told = capsys.readouterr().out
    assert f"seed {seed}: bg-" in told
    assert "draws are left (»)" in told


def test_the_same_promise_is_the_same_whoever_and_whenever() -> None:
    assert kind("bg-00a1 kept access for 301 s after all was well") == kind(
        "bg-00f2 kept access for 4,012.5 s after all was well"
    )
    assert kind("queue#3 raised KeyError: x") == kind("sweep#12 raised KeyError: x")
    assert kind("bg-1 keeps access") != kind("bg-1 is still REVOKING")


def test_what_comes_again_is_told_once() -> None:
    lines = [
        "   0:01.000  UANN        presses “prod”: session bg-000000000000000000000004",
        "   0:02.000  queue#1     delete: Unknown: no answer",
        "   0:03.000  queue#2     delete: Unknown: no answer",
    ]
    assert short_story(lines) == [
        "»   0:01.000  UANN         presses “prod”: session bg-4",
        "    0:02.000  queue#1      delete: Unknown: no answer (2 times, until 0:03.000)",
    ]
