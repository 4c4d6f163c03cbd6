"""The figures: what is printed says what was measured, and a burst is over in its time."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import burst, burst_ports, figures, log, prices, reading
from bench.figures import Figure, Report


def test_a_figure_has_its_median_and_its_spread():
    figure = figures.of("lag", [float(n) for n in range(1, 101)], "s", aim=60)
    assert (figure.value, figure.kept) == (50.5, True)
    assert figure.spread == "1 … p95 95 … 100, n=100"


def test_a_run_is_compared_with_the_recorded_one(tmp_path: Path, capsys):
    record = tmp_path / "bench.json"
    first = Report(record)
    first.add(Figure("lag", 0.5, "s", aim=0.4))
    first.keep()
    Report(record).add(Figure("lag", 0.3, "s", aim=0.4))
    first.summary()
    said = capsys.readouterr().out
    assert "MISSED (aim ≤ 0.4)" in said
    assert "ok (aim ≤ 0.4)  last 0.5" in said
    assert "0 of 1 aims kept" in said


@pytest.mark.parametrize(("calls", "outstanding"), [(20, 10), (20, 5), (10, 10)])
def test_a_burst_is_revoked_close_to_the_limits_own_floor(calls: int, outstanding: int):
    limits = replace(burst.Limits(), sessions=150, calls=calls, outstanding=outstanding)
    found = burst.World(limits).play()
    assert len(found.gone) == 150
    assert found.seconds < 1.3 * limits.floor + 12  # what it takes to begin and to end
    assert max(found.messages.values()) < 20


def test_without_the_queue_the_sweep_takes_all_of_it_back():
    found = burst.World(burst.Limits(sessions=100, queue=False)).play()
    assert len(found.gone) == 100


def test_others_end_on_time_while_long_reports_are_read():
    alone = burst.World(burst.Limits(sessions=100)).play()
    busy = burst.World(burst.Limits(sessions=100, reports=3)).play()
    assert len(busy.gone) == 100
    assert max(busy.gone) < max(alone.gone) + 5  # virtual seconds
    assert busy.reported == 3
    assert all(
        count == burst_ports.PIECES for count in busy.pieces.values()
    )  # nobody did one twice


def test_neither_sweep_nor_log_feels_the_size_of_the_log():
    last = "2027"
    few, many = log.build(1_000), log.build(10_000)
    for index, key in (("due", "yes"), ("by-person", "p1"), ("by-account", "100000000001")):
        assert few[index].read(key, last, 20) == many[index].read(key, last, 20) > 0


def test_an_idle_month_costs_less_than_a_dollar():
    assert 0 < prices.idle() < 1


def test_a_report_of_many_events_is_played_through():
    found = reading.play(3_000)
    assert found["events"] == 3_000
    assert found["queries"] == 2  # of the person, and of the role that was taken on
