"""What is watched, and that what it watches is really said."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.deploy import alarms
from chalicelib.operations import metrics
from chalicelib.operations.log import NAMESPACE
from chalicelib.triggers.common import FAILED
from chalicelib.workflow.oncall import OLD_LISTS
from tests.support import stories

MADE = alarms.alarms("break-glass", "prod", "wake-ups", ("arn:aws:sns:eu-west-1:1:oncall",))


def test_each_alarm_tells_whoever_is_to_know_when_it_begins_and_when_it_is_over() -> None:
    for alarm in MADE:
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["arn:aws:sns:eu-west-1:1:oncall"]
    assert all("AlarmActions" not in each for each in alarms.alarms("a", "b", "c"))


def test_a_stages_alarms_and_its_dashboard_watch_its_own_figures() -> None:
    own = alarms.alarms("break-glass", "prod", "q", (), "BreakGlass/prod")
    assert {"BreakGlass/prod"} == {each["Namespace"] for each in own} - {
        "AWS/SQS", "AWS/Lambda", "AWS/ApiGateway"}  # fmt: skip
    board = alarms.dashboard("break-glass", "prod", "q", "eu-west-1", "BreakGlass/prod")
    assert '"BreakGlass/prod"' in board
    assert '"BreakGlass"' not in board


def test_each_alarm_says_what_to_do() -> None:
    assert all(len(alarm["AlarmDescription"]) > 60 for alarm in MADE)


def test_what_our_own_alarms_watch_is_said_by_the_app() -> None:
    said = {*metrics.standing([stories.active()], stories.NOON), *FAILED, OLD_LISTS}
    assert {each["MetricName"] for each in MADE if each["Namespace"] == NAMESPACE} == said


@pytest.mark.parametrize(
    "name",
    [
        "overdue",
        "dead-letters",
        "no-sweep",
        "failed-looks",
        "late-report",
        "old-on-call-list",
        "overdue-review",
        "worker-errors",
        "api-handler-throttles",
        "route-failures",
    ],
)
def test_there_is_an_alarm_for(name: str) -> None:
    assert f"break-glass-prod-{name}" in {each["AlarmName"] for each in MADE}


def test_a_sweep_that_is_silent_is_an_alarm_by_its_silence() -> None:
    (alarm,) = [each for each in MADE if each["AlarmName"].endswith("no-sweep")]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("SampleCount", "LessThanThreshold")


def test_silence_is_no_alarm_anywhere_else() -> None:
    others = [each for each in MADE if not each["AlarmName"].endswith("no-sweep")]
    assert {each["TreatMissingData"] for each in others} == {"notBreaching"}


def test_every_function_is_watched() -> None:
    config = json.loads(Path(__file__).parents[2].joinpath(".chalice/config.json").read_text())
    assert set(config["lambda_functions"]) == set(alarms.FUNCTIONS)
    watched = {d["Value"] for each in MADE for d in each.get("Dimensions", [])}
    assert {alarms.function_name("break-glass", "prod", f) for f in alarms.FUNCTIONS} <= watched


def test_the_dashboard_shows_each_figure_without_overlap() -> None:
    board = json.loads(alarms.dashboard("break-glass", "prod", "wake-ups", "eu-west-1"))
    places = {(each["x"], each["y"]) for each in board["widgets"]}
    assert len(places) == len(board["widgets"]) == 8
    shown = json.dumps(board)
    for name in ("Presses", "Grants", "Refusals", "TimeToAccessSeconds", "RevocationLagSeconds",
                 "OpenSessions", "OverdueSessions", "LateReports", "OldOnCallLists",
                 "OverdueReviews"):  # fmt: skip
        assert f'"{name}"' in shown


def test_the_commands_that_an_alarm_names_are_about_its_stage() -> None:
    """Whoever is woken by it has one stage of several to look at."""
    told = [each["AlarmDescription"] for each in MADE]
    named = re.findall(r"python -m tools \w+(.{13})", " ".join(told))
    assert len(named) > 10
    assert set(named) == {" --stage prod"}
