"""Each function may do what it must, and nothing besides.

The app lives through everything it can meet, with IAM enforced, while the world keeps what each
role was asked for. Then each action of each statement is taken away in turn, and the same calls are
put before the same judge again: one of them at least is refused then. So nothing is spare.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chalicelib.press import session_id
from simulator import company
from simulator.outside import SIGNING_SECRET
from simulator.press import press
from simulator.world import ROOT, World

pytestmark = pytest.mark.world

POLICIES = {
    "api_handler": "slack",
    "stream": "stream",
    "worker": "worker",
    "sweep": "sweep",
    "reconcile": "reconcile",
}
LOOKERS = ("worker", "sweep", "stream")
PATIENCE = 90

Call = tuple[str, str]  # action, resource


def policy(handler: str) -> dict[str, Any]:
    file = ROOT / ".chalice" / f"policy-{POLICIES[handler]}.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    listed = statement["Action"]
    return [listed] if isinstance(listed, str) else listed


def resources(statement: dict[str, Any]) -> list[str]:
    listed = statement["Resource"]
    return [listed] if isinstance(listed, str) else listed


# A life with everything in it ---------------------------------------------------------------------


class Life:
    """Sessions that one function alone carries from the press to the end."""

    def __init__(self, world: World, looker: str) -> None:
        self.world, self.looker = world, looker

    def press(self, who: str, glass: str) -> str:
        made = press(who, glass, "block_actions", self.world.facts["slack_api"], SIGNING_SECRET)
        assert self.world.post(made.body, made.headers).status == 200
        return session_id(made.body)

    def wish(self, who: str, kind: str, session: str) -> None:
        self.world.press(who, session, action=kind)

    def look(self, session: str) -> None:
        """One look from the looker's side, as its event source has it."""
        events: dict[str, dict[str, Any]] = {
            "worker": {"Records": [{"messageId": "1", "body": json.dumps({"session": session})}]},
            "stream": {"Records": [_lease_gone(session)]},
            "sweep": {"time": "", "source": "aws.events", "resources": [], "detail": {}},
        }
        common = {"id": "1", "account": "", "region": "", "version": "0", "detail-type": ""}
        event = events[self.looker] | (common if self.looker == "sweep" else {})
        self.invoke(self.looker, event)

    def invoke(self, handler: str, event: dict[str, Any]) -> dict[str, Any]:
        name = self.world.function_name(handler)
        answer = self.world.aws("lambda", read_timeout=120).invoke(
            FunctionName=name, Payload=json.dumps(event)
        )
        return dict(answer)

    def row(self, session: str) -> dict[str, Any]:
        return next((row for row in self.world.rows() if row["id"] == session), {})

    def until(self, session: str, done: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Looks and looks, until the row is as wanted."""
        end = time.monotonic() + PATIENCE
        while not done(row := self.row(session)):
            assert time.monotonic() < end, f"{self.looker}: {row}"
            if "?" in (row.get("grant_call"), row.get("revoke_call")) and row.get("busy_until"):
                self.let_the_claim_run_out(row)
            self.look(session)
            time.sleep(0.3)
        return row

    def let_the_claim_run_out(self, row: dict[str, Any]) -> None:
        """After a call whose outcome is unknown nobody acts for a minute; here, for a moment."""
        self.world.aws("dynamodb").update_item(
            TableName="break-glass",
            Key={"id": {"S": row["id"]}},
            UpdateExpression="SET busy_until = :past, look_at = :past ADD version :one",
            ExpressionAttributeValues={
                ":past": {"S": "2026-01-01T00:00:00.000Z"},
                ":one": {"N": "1"},
            },
        )

    def live(self) -> None:
        """From the press to the report, with what may come between."""
        world = self.world
        closed = lambda row: row.get("state") == "CLOSED"  # noqa: E731
        denied = self.press("mallory", "prod")  # nobody of the glass: its group is asked for, too
        self.until(denied, lambda row: row.get("state") == "DENIED" and not row.get("owed"))
        # A call whose answer is lost has to be looked for.
        lost = {"CreateAccountAssignment": ["LOST"], "DeleteAccountAssignment": ["LOST"]}
        world.control("identity_center", outcomes=lost)
        session = self.press("carol", "audit")
        self.until(session, lambda row: row.get("state") in ("ACTIVE", "REVOKING"))
        self.until(session, closed)
        world.control("heal", change=True)
        # Somebody ends it while the grant is being asked for: the outcome is written by its token.
        world.control("identity_center", slow=1.0)
        hasty = self.press("grace", "prod")
        looking = threading.Thread(target=self.look, args=(hasty,))
        looking.start()
        end = time.monotonic() + PATIENCE
        while self.row(hasty).get("grant_call") != "?":
            assert time.monotonic() < end
            if not looking.is_alive():
                looking = threading.Thread(target=self.look, args=(hasty,))
                looking.start()
            time.sleep(0.05)
        self.wish("grace", "end_now", hasty)
        looking.join()
        world.control("heal", change=True)
        self.until(hasty, closed)


def _lease_gone(session: str) -> dict[str, Any]:
    return {
        "eventID": "1",
        "eventName": "REMOVE",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {"Keys": {"id": {"S": f"lease/{session}"}}, "SequenceNumber": "1"},
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start() as world:
        yield world


@pytest.fixture(scope="module")
def asked(world: World) -> dict[str, list[Call]]:
    """What each function's role was asked for, over all of that. Nothing of it was refused."""
    functions, rules = world.aws("lambda"), world.aws("events")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for handler in ("sweep", "reconcile"):
        rules.disable_rule(Name=f"{world.function_name(handler)}-event")
    for looker in LOOKERS:
        Life(world, looker).live()
    # What cannot be handled is kept, and what the queue does not take is looked at in place.
    Life(world, "worker").invoke("worker", {"Records": [{"messageId": "1", "body": "{}"}]})
    Life(world, "stream").invoke("stream", {"Records": [{"eventName": "INSERT", "dynamodb": 1}]})
    _reconcile(world)
    for mapping in mappings:
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
        found[handler].append((each["action"], each["resource"]))
        if not each["allowed"]:
            refused.append(each)
    assert refused == []
    return found


def _reconcile(world: World) -> None:
    """What it can find: an assignment that no session explains, a door without a session, a
    session without its door, and one that nobody looks at any more."""
    life, worker, table = Life(world, "reconcile"), Life(world, "worker"), world.aws("dynamodb")
    door = {"id": {"S": f"door/{company.PRODUCTION}/{company.AUDITOR.arn}/nobody"},
            "kind": {"S": "door"}, "session_id": {"S": "bg-nobody"}, "open": {"S": "door"},
            "look_at": {"S": "2026-01-01T00:00:00.000Z"}}  # fmt: skip
    table.put_item(TableName="break-glass", Item=door)
    lonely = worker.press("alice", "prod")
    row = worker.until(lonely, lambda row: row.get("state") == "ACTIVE")
    where = f"{row['account_id']}/{row['permission_set_arn']}/{row['principal_id']}"
    table.delete_item(TableName="break-glass", Key={"id": {"S": f"door/{where}"}})
    worker.let_the_claim_run_out(row)
    event = {"id": "1", "account": "", "region": "", "version": "0", "detail-type": "",
             "time": "", "source": "aws.events", "resources": [], "detail": {}}  # fmt: skip
    stray = {
        "account_id": company.PRODUCTION,
        "permission_set_arn": company.ADMIN.arn,
        "principal_id": company.person("bob").user.user_id,
    }
    world.control("assign", **stray)
    assert "FunctionError" not in life.invoke("reconcile", event)
    world.control("unassign", **stray)
    assert "FunctionError" not in life.invoke("reconcile", event)
    worker.until(lonely, lambda row: row.get("state") == "CLOSED")


# Where the sender has a default configuration set, SES checks the permission on that, too.
SOMETIMES = {"Reports: arn:aws:ses:*:*:configuration-set/*"}


# What is promised ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("handler", POLICIES)
def test_no_permission_is_spare(asked: dict[str, list[Call]], handler: str) -> None:
    whole, calls = policy(handler), asked[handler]
    assert all(allowed(whole, call) for call in calls)
    spare = []
    for number, statement in enumerate(whole["Statement"]):
        for action in actions(statement):
            without = deepcopy(whole)
            without["Statement"][number]["Action"] = [a for a in actions(statement) if a != action]
            if all(allowed(without, call) for call in calls):
                spare.append(f"{statement['Sid']}: {action}")
        for resource in resources(statement):
            without = deepcopy(whole)
            rest = [r for r in resources(statement) if r != resource]
            without["Statement"][number]["Resource"] = rest
            if all(allowed(without, call) for call in calls):
                spare.append(f"{statement['Sid']}: {resource}")
    assert spare == [each for each in spare if each in SOMETIMES]


def test_the_route_writes_sessions_and_reads_one_secret_and_nothing_else() -> None:
    may = {
        action for statement in policy("api_handler")["Statement"] for action in actions(statement)
    }
    assert may == {
        "dynamodb:PutItem", "dynamodb:UpdateItem", "ssm:GetParameter", "logs:CreateLogStream",
        "logs:PutLogEvents",
    }  # fmt: skip
    secret = "arn:aws:ssm:us-east-1:1:parameter/break-glass"
    assert allowed(policy("api_handler"), ("ssm:GetParameter", f"{secret}/signing-secret"))
    assert not allowed(policy("api_handler"), ("ssm:GetParameter", f"{secret}/bot-token"))
    table = ("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:1:table/break-glass")
    assert allowed(policy("api_handler"), table, {"dynamodb:leadingkeys": ["bg-1"]})
    for row in ("lease/bg-1", "door/1/2/3"):
        assert not allowed(policy("api_handler"), table, {"dynamodb:leadingkeys": [row]})


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
UNNAMED = {"sso:ListInstances", "dynamodb:ListStreams", "logs:GetQueryResults"}


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
                fits = any(_kind(resource) == _kind(each) for each in kinds)
                assert resource == "*" or fits or len(resources(statement)) > 1, (action, resource)


def _kind(arn: str) -> tuple[str, str]:
    """Service, and the first word of what is named: (`dynamodb`, `table`)."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn, ""
    name = parts[5].split("/")[0].split(":")[0]
    return parts[2], "" if parts[2] == "sqs" else name


def test_no_policy_is_larger_than_iam_takes() -> None:
    for handler in POLICIES:
        assert len(json.dumps(policy(handler), separators=(",", ":"))) < 10_240


def test_every_function_has_its_policy() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    named = {name: each["iam_policy_file"] for name, each in config["lambda_functions"].items()}
    assert named == {handler: f"policy-{name}.json" for handler, name in POLICIES.items()}
    assert {path.name for path in Path(ROOT / ".chalice").glob("policy-*")} == set(named.values())


# Below --------------------------------------------------------------------------------------------


def allowed(document: dict[str, Any], call: Call, keys: dict[str, Any] | None = None) -> bool:
    """As the local AWS judges, which enforces the same."""
    from ministack.core import iam_evaluator

    action, resource = call
    asked = iam_evaluator.EvalContext(
        principal_arn="arn:aws:iam::000000000000:role/r",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action=action,
        resource_arn=resource,
        region="us-east-1",
        service_context=keys or {},
        principal_keys={},
    )
    kept = [s for s in document["Statement"] if s["Action"] and s["Resource"]]
    parsed = iam_evaluator.parse_policy_document({**document, "Statement": kept})
    return bool(iam_evaluator.evaluate(asked, [parsed]).decision == "Allow")
