"""What is watched, and on whose behalf: CloudWatch's alarms and the dashboard, as literals.

Pure: `chalice deploy` and the CloudFormation template make the same of them.
"""

import json
from typing import Any, Final

from chalicelib.operations.log import NAMESPACE

FUNCTIONS: Final = ("api_handler", "stream", "worker", "sweep", "reconcile")
MINUTE: Final = 60


def function_name(app: str, stage: str, handler: str) -> str:
    """As chalice names it in AWS."""
    return f"{app}-{stage}" if handler == "api_handler" else f"{app}-{stage}-{handler}"


def api_name(app: str, stage: str) -> str:
    """The route's, by which API Gateway counts."""
    return f"{app}-{stage}"


def alarms(
    app: str,
    stage: str,
    queue: str,
    targets: tuple[str, ...] = (),
    figures: str = NAMESPACE,
) -> list[dict[str, Any]]:
    """Each alarm as PutMetricAlarm takes it, and AWS::CloudWatch::Alarm too.

    `targets` are told when it goes off and when it is over; there may be none. `figures`: the
    namespace of the stage's own.
    """
    prefix = f"{app}-{stage}"
    found = [
        {
            "AlarmName": f"{prefix}-overdue",
            "AlarmDescription": "Somebody may have access more than two minutes past the deadline. "
            "The session's message in Slack has the command that takes it back by hand.",
            **_own(figures, "OverdueSessions", "Maximum"),
            **_above(0),
        },
        {
            "AlarmName": f"{prefix}-dead-letters",
            "AlarmDescription": "A wake-up was given up on. Its session goes on by the sweep; the "
            f"message in {queue}-dlq says which: python -m tools log --stage {stage} SESSION_ID",
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": f"{queue}-dlq"}],
            "Statistic": "Maximum",
            **_above(0),
        },
        {
            "AlarmName": f"{prefix}-no-sweep",
            "AlarmDescription": "The sweep has not come to its end for three minutes: one of three "
            f"that end access is missing. python -m tools doctor --stage {stage} says why.",
            **_own(figures, "OpenSessions", "SampleCount"),
            **_above(0, periods=3, missing="breaching"),
            "ComparisonOperator": "LessThanThreshold",
            "Threshold": 1,
        },
        {
            "AlarmName": f"{prefix}-failed-looks",
            "AlarmDescription": "A look at a session failed: the table did not answer, or in a way "
            "that nobody foresaw. It is repeated; "
            f"python -m tools logs --stage {stage} --level WARNING says why.",
            **_own(figures, "FailedLooks", "Sum"),
            **_above(0),
        },
        {
            "AlarmName": f"{prefix}-late-report",
            "AlarmDescription": "A report is more than ten minutes late. It is tried again until "
            "it is sent: "
            f"python -m tools logs --stage {stage} --level WARNING says what is in the way.",
            **_own(figures, "LateReports", "Maximum"),
            **_above(0),
        },
        {
            "AlarmName": f"{prefix}-old-on-call-list",
            "AlarmDescription": "For more than 15 minutes Slack has not said who is on call, so "
            "presses go by the list last known, or are refused, as the glass says. "
            f"python -m tools doctor --stage {stage} says why.",
            **_own(figures, "OldOnCallLists", "Maximum"),
            **_above(0),
        },
        {
            "AlarmName": f"{prefix}-overdue-review",
            "AlarmDescription": "Nobody has reviewed in time what somebody did with their access: "
            f"python -m tools log --stage {stage} --unreviewed says whose.",
            **_own(figures, "OverdueReviews", "Maximum"),
            **_above(0),
        },
    ]
    found += [
        {
            "AlarmName": f"{prefix}-{handler.replace('_', '-')}-errors",
            "AlarmDescription": f"The function {handler} failed or timed out. What it was about is "
            f"repeated; python -m tools logs --stage {stage} shows it.",
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "FunctionName", "Value": function_name(app, stage, handler)}],
            "Statistic": "Sum",
            **_above(0),
        }
        for handler in FUNCTIONS
    ]
    found += [
        {
            "AlarmName": f"{prefix}-{handler.replace('_', '-')}-throttles",
            "AlarmDescription": f"Lambda had no room to run the function {handler}: the account "
            "runs as many functions at once as it may. Presses are refused then, and looks come "
            f"late. python -m tools doctor --stage {stage} says how many that are, and how to have "
            "more.",
            "Namespace": "AWS/Lambda",
            "MetricName": "Throttles",
            "Dimensions": [{"Name": "FunctionName", "Value": function_name(app, stage, handler)}],
            "Statistic": "Sum",
            **_above(0),
        }
        for handler in FUNCTIONS
    ]
    found.append(
        {
            "AlarmName": f"{prefix}-route-failures",
            "AlarmDescription": "Somebody pressed a button and got no answer: API Gateway answered "
            "with a 5xx. Their press may be lost; they can press again. "
            f"python -m tools logs --stage {stage} --function api_handler, or the throttles, "
            "say why.",
            "Namespace": "AWS/ApiGateway",
            "MetricName": "5XXError",
            "Dimensions": [{"Name": "ApiName", "Value": api_name(app, stage)}],
            "Statistic": "Sum",
            **_above(0),
        }
    )
    actions = {"AlarmActions": list(targets), "OKActions": list(targets)} if targets else {}
    return [alarm | actions for alarm in found]


def dashboard(app: str, stage: str, queue: str, region: str, figures: str = NAMESPACE) -> str:
    """The dashboard's body, as PutDashboard takes it: JSON."""
    functions = [function_name(app, stage, handler) for handler in FUNCTIONS]
    lambdas = [["AWS/Lambda", "Errors", "FunctionName", name] for name in functions]
    throttles = [["AWS/Lambda", "Throttles", "FunctionName", name] for name in functions]
    durations = [["AWS/Lambda", "Duration", "FunctionName", name] for name in functions]
    letters = f"{queue}-dlq"
    graphs = (
        ("Open sessions", "Maximum", [[figures, "OpenSessions"]]),
        ("Past their deadline · late reports · old on-call lists · overdue reviews", "Maximum",
         [[figures, "OverdueSessions"], [figures, "LateReports"], [figures, "OldOnCallLists"],
          [figures, "OverdueReviews"]]),
        ("Presses · grants · refusals", "Sum",
         [[figures, "Presses"], [figures, "Grants"], [figures, "Refusals"]]),
        ("From the press to access, seconds", "p95", [[figures, "TimeToAccessSeconds"]]),
        ("From the end to its being gone, seconds", "Maximum",
         [[figures, "RevocationLagSeconds"]]),
        ("Dead letters · failed looks", "Maximum",
         [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", letters],
          [figures, "FailedLooks"]]),
        ("Errors · throttles", "Sum", lambdas + throttles),
        ("Duration, milliseconds", "p95", durations),
    )  # fmt: skip
    widgets = [
        {
            "type": "metric",
            "x": 12 * (number % 2),
            "y": 6 * (number // 2),
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "stat": statistic,
                "period": MINUTE,
                "region": region,
                "metrics": metrics,
            },
        }
        for number, (title, statistic, metrics) in enumerate(graphs)
    ]
    return json.dumps({"widgets": widgets}, separators=(",", ":"), ensure_ascii=False)


def _own(figures: str, name: str, statistic: str) -> dict[str, Any]:
    return {"Namespace": figures, "MetricName": name, "Statistic": statistic}


def _above(threshold: float, periods: int = 1, missing: str = "notBreaching") -> dict[str, Any]:
    return {
        "Period": MINUTE,
        "EvaluationPeriods": periods,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": missing,
    }
