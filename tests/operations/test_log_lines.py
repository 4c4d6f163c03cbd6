"""A line of the log is one JSON object; figures in it are metrics to CloudWatch."""

import json

import pytest

from chalicelib.domain.text import lines
from chalicelib.operations.log import JsonLog, embedded, namespace


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLog()("warning", "two\nlines", session="bg-1")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"level": "WARNING", "message": "two\nlines", "session": "bg-1"}


@pytest.mark.parametrize("text", ["half \ud800", "\x1b[2J\x9b", "\u202egnp.exe", "x" * 9_000])
def test_whatever_it_is_given_is_a_line_that_harms_nobody(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    JsonLog()("error", text, error=text, keys={text: (text, {text}, ValueError(text))})
    out = capsys.readouterr().out
    out.encode()
    assert not {"\ud800", "\x1b", "\x9b", "\u202e"} & set(out)
    assert json.loads(out)["error"] == lines(text, 2_000)
    assert len(out) < 15_000


def test_figures_are_metrics_altogether_and_by_glass(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLog()("error", "late", metrics={"OverdueSeconds": 120.5, "Alarms": 1}, glass="prod", id="1")
    line = json.loads(capsys.readouterr().out)
    assert (line["OverdueSeconds"], line["Alarms"], line["glass"]) == (120.5, 1, "prod")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "BreakGlass"
    assert directive["Dimensions"] == [[], ["glass"]]
    assert directive["Metrics"] == [
        {"Name": "OverdueSeconds", "Unit": "Seconds"},
        {"Name": "Alarms", "Unit": "Count"},
    ]


def test_a_figure_without_a_glass_has_no_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLog()("info", "SweepBacklog", metrics={"SweepBacklog": 7})
    line = json.loads(capsys.readouterr().out)
    assert line["SweepBacklog"] == 7
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


def test_a_stage_with_a_table_of_its_own_has_figures_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for table, where in (("", "BreakGlass"), ("break-glass", "BreakGlass"),
                         ("break-glass-prod", "BreakGlass/break-glass-prod")):  # fmt: skip
        JsonLog(lambda table=table: table)("info", "counted", metrics={"A": 1})
        (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == namespace(table) == where


def test_the_time_of_a_metric_is_in_milliseconds() -> None:
    assert embedded({"A": 1}, {}, 1763812800.5, "BreakGlass")["_aws"]["Timestamp"] == 1763812800500
