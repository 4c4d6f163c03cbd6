"""The checks of `doctor`: each looks at one thing, read-only, and says the cure where it fails.

A check yields findings. Whatever AWS refuses to tell becomes a finding too; nothing is assumed.
"""

from __future__ import annotations

from tools.checks.access import (
    accounts,
    clock,
    credentials,
    identity_center,
    people,
    reach,
    second_way,
    settings,
)
from tools.checks.deployed import (
    concurrency,
    event_sources,
    functions,
    logs,
    queues,
    route,
    route_settings,
    schedule,
    table,
    watch,
)
from tools.checks.on_call import on_call
from tools.checks.patient import Check
from tools.checks.rights import rights
from tools.checks.sets import permission_sets
from tools.checks.told import channels, mail, overdue, slack, trail

CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", settings),
    ("credentials", credentials),
    ("clock", clock),
    ("Identity Center", identity_center),
    ("reach", reach),
    ("accounts", accounts),
    ("permission sets", permission_sets),
    ("people", people),
    ("second way", second_way),
    ("functions", functions),
    ("rights", rights),
    ("table", table),
    ("queues", queues),
    ("event sources", event_sources),
    ("concurrency", concurrency),
    ("schedules", schedule),
    ("route", route),
    ("route's settings", route_settings),
    ("logs", logs),
    ("alarms", watch),
    ("deadlines", overdue),
    ("trail", trail),
    ("mail", mail),
    ("Slack", slack),
    ("channels", channels),
    ("on call", on_call),
)
