"""What is measured on the local AWS: presses over HTTP, the way to access, and the way back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import cold
from bench.counting import counting
from chalicelib.domain.ask import OPEN, Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.outside import SIGNING_SECRET
from simulator.press import press
from simulator.world import World

WHO = ("alice", "bob", "grace")  # each may break each glass
GLASSES = ("prod", "staging", "audit")
ACCESSES = list(itertools.product(WHO, GLASSES))
FUNCTIONS = {"app": "slack", "stream": "stream", "worker": "worker", "sweep": "sweep"}


def still(world: World) -> None:
    """Stops whatever would call functions by itself."""
    _sources(world, enabled=False)
    events = world.aws("events")
    for rule in events.list_rules()["Rules"]:
        events.disable_rule(Name=rule["Name"])


def go_on(world: World) -> None:
    _sources(world, enabled=True)
    events = world.aws("events")
    for rule in events.list_rules()["Rules"]:
        events.enable_rule(Name=rule["Name"])


def clear(world: World) -> None:
    """No rows, no messages, no access but what stands for good."""
    table = world.aws("dynamodb")
    for row in world.rows(None):
        table.delete_item(TableName=world.facts["table"], Key={"id": {"S": row["id"]}})
    queue = world.aws("sqs")
    url = queue.get_queue_url(QueueName="break-glass")["QueueUrl"]
    queue.purge_queue(QueueUrl=url)
    for held in world.control("open"):
        access = {name: held[name] for name in held if name != "since"}
        if tuple(access.values()) not in company.STANDING:
            world.control("unassign", **access)


def cold_starts(world: World, folder: Path, most: int) -> dict[str, list[dict[str, Any]]]:
    """Each function's first useful work in a fresh process, over so many presses."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in FUNCTIONS.values()}
    environ = cold.environ_for(world)
    table = world.aws("dynamodb")
    for who, glass in itertools.islice(itertools.cycle(ACCESSES), most):
        signed = press(who, glass, "block_actions", world.facts["slack_api"], SIGNING_SECRET)
        found["slack"].append(cold.run(folder, "app", [cold.press_event(signed)], environ))
        asked = OPEN + ask_id(Kind.BREAK, signed.body)
        row = table.get_item(TableName=world.facts["table"], Key={"id": {"S": asked}})["Item"]
        for handler, event in (
            ("stream", cold.stream_event(row)),
            ("worker", cold.queue_event(asked)),
            ("sweep", cold.schedule_event()),
        ):
            found[handler].append(cold.run(folder, handler, [event], environ))
        clear(world)
    return found


def warm_presses(world: World, folder: Path, most: int) -> tuple[list[float], list[list[str]]]:
    """CPU seconds of each warm press, and what each press of another process asked of whom."""

    def presses(count: int, slack: str) -> list[dict[str, Any]]:
        return [
            cold.press_event(press(f"U0WARM{n}", "prod", "block_actions", slack, SIGNING_SECRET))
            for n in range(count)
        ]  # fmt: skip

    environ = cold.environ_for(world)
    spent = cold.run(folder, "app", presses(most + 1, world.facts["slack_api"]), environ)["warm"]
    calls = []
    with (
        counting(world.facts["endpoint"]) as aws,
        counting(world.facts["slack_api"], "Slack") as slack,
    ):
        environ |= {"AWS_ENDPOINT_URL": aws.url, "SLACK_API_URL": f"{slack.url}/api/"}
        for count in (1, 2):  # cold alone; then what the second adds
            cold.run(folder, "app", presses(count, slack.url), environ)
            calls.append([f"{who} {what}" for who, what in (*aws.take(), *slack.take())])
    clear(world)
    warm = list(calls[1])
    for each in calls[0]:
        warm.remove(each)
    return spent, [calls[0], warm]


def over_http(world: World, most: int, *, cold_start: bool) -> list[float]:
    """Milliseconds of presses over HTTP, each with no worker running, or each with one."""
    name = world.function_name("api_handler").removesuffix("-api_handler")
    found = []
    for number in range(most + 1):
        if cold_start:
            world.control("kill-worker", function=name)
            time.sleep(0.3)
        found.append(world.press(f"U0HTTP{number}", "prod").milliseconds)
    return found[1:]


@dataclass(frozen=True)
class Journey:
    """One session's times, in epoch seconds."""

    pressed: float
    answered: float
    row: dict[str, Any]
    removed: float | None  # Identity Center's truth

    def at(self, name: str) -> float:
        return datetime.fromisoformat(self.row[name]).timestamp()


def journeys(world: World, rounds: int, queue_off: bool = False) -> Iterator[Journey]:
    """Sessions from press to read-back; with `queue_off` it is off from ACTIVE to the end."""
    for _ in range(rounds):
        pressed: dict[str, tuple[float, float]] = {}
        for who, glass in ACCESSES:
            signed = press(who, glass, "block_actions", world.facts["slack_api"], SIGNING_SECRET)
            began = time.time()
            world.post(signed.body, signed.headers)
            pressed[ask_id(Kind.BREAK, signed.body)] = (began, time.time())
            time.sleep(0.2)
        if queue_off:
            _until(world, pressed, "granted_at", 20)
            _sources(world, enabled=False)
        rows = _until(world, pressed, "gone_at", 120)
        if queue_off:
            _sources(world, enabled=True)
        removed = _removed(world)
        for name, (began, answered) in pressed.items():
            row = rows.get(name, {})
            if "gone_at" in row:
                access = (row["account_id"], row["permission_set_arn"], row["principal_id"])
                yield Journey(began, answered, row, removed.get(access))


def _until(
    world: World, wanted: dict[str, Any], field: str, seconds: float
) -> dict[str, dict[str, Any]]:
    end = time.monotonic() + seconds
    while True:
        rows = {row["id"]: row for row in world.rows() if row["id"] in wanted}
        done = [row for row in rows.values() if field in row or row["state"] == "DENIED"]
        if len(done) == len(wanted) or time.monotonic() > end:
            return rows
        time.sleep(0.3)


def _removed(world: World) -> dict[tuple[str, str, str], float]:
    """When each access went the last time."""
    return {
        (each["account_id"], each["permission_set_arn"], each["principal_id"]): each["at"]
        for each in world.history()
        if each["event"] == "disappeared"
    }


def _sources(world: World, enabled: bool) -> None:
    functions = world.aws("lambda")
    for source in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=enabled)
