"""Each function may do what it must, and nothing besides.

The app lives through everything it can meet, with IAM enforced, while the world keeps what each
role was asked for. Then each action of each statement is taken away in turn, and the same calls are
put before the same judge again: one of them at least is refused then. So nothing is spare.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from simulator import company
from simulator.world import ROOT, World
from tests.support.policies import POLICIES, actions, allowed, each_less, kind_of, policy, resources
from tests.world.life import KEPT, PATIENCE, SCHEDULED, STRAY, Life, quiet

pytestmark = pytest.mark.world

LOOKERS = ("worker", "sweep", "stream")
Call = tuple[str, str, dict[str, list[str]]]  # action, resource, the conditions' keys


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    topic = f"arn:aws:sns:{company.REGION}:{company.HOME_ACCOUNT}:break-glass-use"
    told = [replace(each, tell_to=topic) if each.name == "audit" else each
            for each in company.GLASSES]  # fmt: skip
    with mock.patch.object(company, "GLASSES", told), World.start() as world:
        assert world.aws("sns").create_topic(Name="break-glass-use")["TopicArn"] == topic
        yield world


@pytest.fixture(scope="module")
def asked(world: World) -> dict[str, list[Call]]:
    """What each function's role was asked for, over all of that. Nothing of it was refused."""
    quiet(world)
    for looker in LOOKERS:
        Life(world, looker).live()
    # What cannot be handled is kept, and what the queue does not take is looked at in place.
    Life(world, "worker").invoke("worker", {"Records": [{"messageId": "1", "body": "{}"}]})
    Life(world, "stream").invoke("stream", {"Records": [{"eventName": "INSERT", "dynamodb": 1}]})
    _reconcile(world)
    toml = company.glasses_toml()
    revoking = f'reconcile = "revoke"\n{toml}'
    with mock.patch.object(company, "glasses_toml", return_value=revoking):
        world.redeploy()
    quiet(world)
    for looker in LOOKERS:
        Life(world, looker).take_back()
    functions = world.aws("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    whole = Life(world, "worker").press("bob", "staging")
    end = time.monotonic() + PATIENCE
    while Life(world, "worker").row(whole).get("state") != "CLOSED":
        assert time.monotonic() < end
        time.sleep(0.5)
    found: dict[str, list[Call]] = {handler: [] for handler in POLICIES}
    refused = []
    for each in world.control("permissions"):
        handler = each["role"].removeprefix("break-glass-local-")
        found[handler].append((each["action"], each["resource"], each["keys"]))
        if not each["allowed"]:
            refused.append(each)
    assert refused == []
    return found


def _reconcile(world: World) -> None:
    """What it can find: an assignment that no session explains, a lock and a lease without a
    session, a session without its lock, and one that nobody looks at any more."""
    life, worker, table = Life(world, "reconcile"), Life(world, "worker"), world.aws("dynamodb")
    for kind, what in (("door", f"{company.PRODUCTION}/{company.AUDITOR.arn}/nobody"),
                       ("lease", "bg-nobody")):  # fmt: skip
        row = {"id": {"S": f"{kind}/{what}"}, "kind": {"S": kind}, "open": {"S": kind},
               "session_id": {"S": "bg-nobody"},
               "look_at": {"S": "2026-01-01T00:00:00.000Z"}}  # fmt: skip
        table.put_item(TableName="break-glass", Item=row)
    lonely = worker.press("alice", "prod")
    row = worker.until(lonely, lambda row: row.get("state") == "ACTIVE")
    where = f"{row['account_id']}/{row['permission_set_arn']}/{row['principal_id']}"
    table.delete_item(TableName="break-glass", Key={"id": {"S": f"door/{where}"}})
    worker.let_the_claim_run_out(row)
    life.forget(KEPT)
    world.control("assign", **STRAY)
    assert "FunctionError" not in life.invoke("reconcile", SCHEDULED)
    world.control("unassign", **STRAY)
    assert "FunctionError" not in life.invoke("reconcile", SCHEDULED)
    worker.until(lonely, lambda row: row.get("state") == "CLOSED")


# Where the sender has a default configuration set, SES checks the permission on that, too.
# Another account's trail is read by a role; test_trail_elsewhere.py has that.
# A query of the trail is stopped after an hour, and looked for where a worker has died over it.
SOMETIMES = {
    "Reports: arn:aws:ses:*:*:configuration-set/*",
    "TrailElsewhere: sts:AssumeRole",
    "TrailElsewhere: arn:aws:iam::*:role/break-glass-trail*",
    "TrailGivenUp: logs:DescribeQueries",
    "TrailGivenUp: logs:StopQuery",
    "TrailGivenUp: *",
}


# What is promised ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("handler", POLICIES)
def test_no_permission_is_spare(asked: dict[str, list[Call]], handler: str) -> None:
    whole, calls = policy(handler), asked[handler]
    assert all(allowed(whole, *call) for call in calls)
    spare = [said for said, without in each_less(whole)
             if all(allowed(without, *call) for call in calls)]  # fmt: skip
    assert spare == [each for each in spare if each in SOMETIMES]


def test_the_route_writes_asks_and_reads_one_secret_and_nothing_else() -> None:
    may = {
        action for statement in policy("api_handler")["Statement"] for action in actions(statement)
    }
    assert may == {
        "dynamodb:PutItem", "ssm:GetParameter", "logs:CreateLogStream", "logs:PutLogEvents",
    }  # fmt: skip
    secret = "arn:aws:ssm:us-east-1:1:parameter/break-glass"
    assert allowed(policy("api_handler"), "ssm:GetParameter", f"{secret}/signing-secret")
    assert not allowed(policy("api_handler"), "ssm:GetParameter", f"{secret}/bot-token")


@pytest.mark.slow
def test_a_statement_that_is_taken_away_is_missed_in_the_running_app(world: World) -> None:
    """The replay above is not fooling itself: once, it is done for real."""
    iam, name = world.aws("iam"), world.function_name("worker")
    whole = policy("worker")
    without = deepcopy(whole)
    without["Statement"] = [s for s in whole["Statement"] if s["Sid"] != "Assignments"]

    def put(document: dict[str, Any]) -> None:
        (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        ask = {"RoleName": name, "PolicyName": inline}
        iam.put_role_policy(**ask, PolicyDocument=json.dumps(document))

    put(without)
    try:
        life = Life(world, "worker")
        session = life.press("alice", "staging")
        end = time.monotonic() + PATIENCE
        while "AccessDenied" not in life.row(session).get("last_error", ""):
            assert time.monotonic() < end, life.row(session)
            time.sleep(0.5)
    finally:
        put(whole)


# Linted -------------------------------------------------------------------------------------------

# AWS lists a log group for GetQueryResults, and answers to a query's id without one.
UNNAMED = {
    "sso:ListInstances", "dynamodb:ListStreams", "logs:GetQueryResults", "logs:StopQuery",
    "logs:DescribeQueries",
}  # fmt: skip


@pytest.mark.parametrize("handler", POLICIES)
def test_every_action_exists_and_names_its_resources(handler: str) -> None:
    from policy_sentry.querying.actions import get_action_data

    for statement in policy(handler)["Statement"]:
        for action in actions(statement):
            service, _, name = action.partition(":")
            known = get_action_data(service, name)
            assert known, f"{action} does not exist"
            kinds = {row["resource_arn_format"] for row in known[service]}
            if statement["Resource"] == "*":
                assert action in UNNAMED, f"{action} can name its resources: {kinds}"
            for resource in resources(statement):
                fits = any(kind_of(resource) == kind_of(each) for each in kinds)
                assert resource == "*" or fits or len(resources(statement)) > 1, (action, resource)


def test_no_policy_is_larger_than_iam_takes() -> None:
    for handler in POLICIES:
        assert len(json.dumps(policy(handler), separators=(",", ":"))) < 10_240


def test_every_function_has_its_policy() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    named = {name: each["iam_policy_file"] for name, each in config["lambda_functions"].items()}
    assert named == {handler: f"policy-{name}.json" for handler, name in POLICIES.items()}
    assert {path.name for path in Path(ROOT / ".chalice").glob("policy-*")} == set(named.values())
