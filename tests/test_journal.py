"""What is logged is one JSON object a line, and a figure is one that CloudWatch can read."""

import json
import time
from typing import Any

from chalicelib.journal import journal, metric


def test_a_line_is_one_json_object_with_its_session(capsys: Any) -> None:
    journal("warning", "try later", session="bg-1", error="two\nlines “quoted”")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "level": "WARNING",
        "message": "try later",
        "session": "bg-1",
        "error": "two\nlines “quoted”",
    }


def test_a_figure_is_in_the_embedded_metric_format(capsys: Any) -> None:
    metric("RevocationLag", 1.25, "Seconds", session="bg-1")
    line = json.loads(capsys.readouterr().out)
    assert line["RevocationLag"] == 1.25
    assert line["session"] == "bg-1"
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "BreakGlass"
    assert directive["Metrics"] == [{"Name": "RevocationLag", "Unit": "Seconds"}]
    assert directive["Dimensions"] == [[]], "a session's id as a dimension would cost a metric each"
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
