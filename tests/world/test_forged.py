"""Somebody has the credentials of a role that only asks: that opens no lock, and keeps none open.

What they try is refused, or changes nothing. The credentials are the functions' own, and the local
AWS holds them to their policies as AWS does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3 import client
from botocore.exceptions import ClientError

from chalicelib.adapters.dynamodb.model import Row
from chalicelib.domain.machine import State
from chalicelib.domain.session import iso
from simulator import company
from simulator.world import World
from tests.support.policies import policy
from tests.support.states import OVER
from tests.world.scene import Press, Scene

pytestmark = pytest.mark.world

GLASSES = [
    company.Glass("held", company.PRODUCTION, company.ADMIN, 30, ("everyone",)),
    company.Glass("brief", company.STAGING, company.ADMIN, 8, ("alice@example.com",)),
    company.Glass("s-operator", company.STAGING, company.OPERATOR, 8, ("everyone",)),
]
ELSEWHERE = company.Glass("none", company.PRODUCTION, company.OPERATOR, 8, ())  # no glass of ours
NOW = "2026-11-22T15:04:05.000Z"
REFUSED = ("AccessDenied", "AccessDeniedException")
Call = Callable[[], Any]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A world in which the looking functions are refused nothing, whatever the thieves are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "GLASSES", list(GLASSES))
        with World.start() as world:
            yield Scene(world)
            asked = world.control("permissions")
            lookers = tuple(world.function_name(each) for each in ("worker", "stream", "sweep"))
            assert [e for e in asked if e["role"] in lookers and not e["allowed"]] == []
            allowed = {(each.account_id, each.permission_set.arn) for each in GLASSES}
            created = [e for e in world.history() if e["event"] == "create asked"]
            assert {(e["account_id"], e["permission_set_arn"]) for e in created} <= allowed


class Thief:
    """Whoever has a role's credentials."""

    def __init__(self, scene: Scene, handler: str) -> None:
        self.scene, self.table = scene, scene.world.facts["table"]
        role = f"arn:aws:iam::{company.HOME_ACCOUNT}:role/{scene.world.function_name(handler)}"
        got = scene.aws("sts").assume_role(RoleArn=role, RoleSessionName="thief")["Credentials"]
        self.keys = {
            "aws_access_key_id": got["AccessKeyId"],
            "aws_secret_access_key": got["SecretAccessKey"],
            "aws_session_token": got["SessionToken"],
        }
        self.db = self.aws("dynamodb")

    def aws(self, service: str) -> Any:
        endpoint = self.scene.world.facts["endpoint"]
        return client(service, endpoint_url=endpoint, region_name=company.REGION, **self.keys)

    def put(self, row_id: str, **values: str) -> None:
        self.db.put_item(TableName=self.table, Item=item(row_id, **values))

    def delete(self, row_id: str) -> None:
        self.db.delete_item(TableName=self.table, Key={"id": {"S": row_id}})


def item(row_id: str, **values: str) -> dict[str, Any]:
    return {"id": {"S": row_id}, **{name: {"S": value} for name, value in values.items()}}


def refused(call: Call) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSED
    return False


def all_refused(calls: dict[str, Call]) -> None:
    assert [name for name, call in calls.items() if not refused(call)] == []


def writes(thief: Thief, row_id: str) -> dict[str, Call]:
    """Every way to write a row."""
    table, key, row = thief.table, {"id": {"S": row_id}}, item(row_id, kind="session")
    update = {"UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": {"#s": "glass"},
              "ExpressionAttributeValues": {":s": {"S": "held"}}}  # fmt: skip
    db = thief.db
    mine = {"Put": {"TableName": table, "Item": item(f"ask/bg-{secrets.token_hex(12)}")}}

    def together(member: str, **what: Any) -> Call:
        """In one transaction with what they may do: each item is judged by itself."""
        items = [mine, {member: {"TableName": table, **what}}]
        return lambda: db.transact_write_items(TransactItems=items)

    return {
        f"put {row_id}": lambda: db.put_item(TableName=table, Item=row),
        f"update {row_id}": lambda: db.update_item(TableName=table, Key=key, **update),
        f"delete {row_id}": lambda: db.delete_item(TableName=table, Key=key),
        f"batch put {row_id}": lambda: db.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": row}}]}
        ),
        f"batch delete {row_id}": lambda: db.batch_write_item(
            RequestItems={table: [{"DeleteRequest": {"Key": key}}]}
        ),
        f"transact put {row_id}": together("Put", Item=row),
        f"transact update {row_id}": together("Update", Key=key, **update),
        f"transact delete {row_id}": together("Delete", Key=key),
        f"PartiQL {row_id}": lambda: db.execute_statement(
            Statement=f"DELETE FROM \"{table}\" WHERE id = '{row_id}'"
        ),
    }


def access_of(row: dict[str, Any]) -> str:
    return f"{row['account_id']}/{row['permission_set_arn']}/{row['principal_id']}"


@pytest.fixture(scope="module")
def route(scene: Scene) -> Thief:
    return Thief(scene, "api_handler")


@pytest.fixture(scope="module")
def reconciliation(scene: Scene) -> Thief:
    return Thief(scene, "reconcile")


@pytest.fixture(scope="module")
def over(scene: Scene) -> Press:
    """A session that is closed, and on which an ask was decided."""
    pressed = scene.press("alice", "brief")
    pressed.until("ACTIVE")
    scene.ask("mallory", "end_now", pressed.id)
    pressed.until("CLOSED")
    return pressed


def decided_on(scene: Scene, pressed: Press) -> dict[str, Any]:
    (found,) = [row for row in scene.world.rows("ask") if row.get("session_id") == pressed.id]
    return found


def rows_of(scene: Scene, pressed: Press) -> list[str]:
    """The ids of what hangs on a session, and of one of every other kind."""
    decided = decided_on(scene, pressed)["id"]
    access = access_of(pressed.row)
    return [pressed.id, f"door/{access}", f"lease/{pressed.id}", f"assignment/{access}", decided,
            "kept/identity-center", "oncall/S0ONCALL", f"report/{pressed.id}/1"]  # fmt: skip


# ---- the route's role


def reads(thief: Thief, row_id: str) -> dict[str, Call]:
    """Every way to read a row."""
    db, table = thief.db, thief.table
    key, row = {"id": {"S": row_id}}, item(row_id)
    one = {"TableName": table, "Key": key}
    there = {**one, "ConditionExpression": "attribute_exists(id)"}
    found = {
        "get": lambda: db.get_item(**one),
        "batch get": lambda: db.batch_get_item(RequestItems={table: {"Keys": [key]}}),
        "transact get": lambda: db.transact_get_items(TransactItems=[{"Get": one}]),
        "put and see": lambda: db.put_item(TableName=table, Item=row, ReturnValues="ALL_OLD"),
        "update and see": lambda: db.update_item(**one, ReturnValues="ALL_OLD"),
        "update and see new": lambda: db.update_item(**one, ReturnValues="ALL_NEW"),
        "delete and see": lambda: db.delete_item(**one, ReturnValues="ALL_OLD"),
        "check": lambda: db.transact_write_items(TransactItems=[{"ConditionCheck": there}]),
        "fail and see": lambda: db.put_item(
            TableName=table,
            Item=row,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
    }
    return {f"{name} {row_id}": call for name, call in found.items()}


def test_the_routes_role_reads_nothing(scene: Scene, route: Thief, over: Press) -> None:
    db, table = route.db, route.table
    for row_id in rows_of(scene, over):
        all_refused(reads(route, row_id))
    of_an_ask = reads(route, f"ask/bg-{secrets.token_hex(12)}")
    all_refused({name: call for name, call in of_an_ask.items() if not name.startswith("fail")})
    named = {"ExpressionAttributeNames": {"#k": "person"},
             "ExpressionAttributeValues": {":k": {"S": "alice@example.com"}}}  # fmt: skip
    all_refused({
        "scan": lambda: db.scan(TableName=table),
        "PartiQL": lambda: db.execute_statement(Statement=f'SELECT * FROM "{table}"'),
        **{f"query {index}": lambda index=index: db.query(
            TableName=table, IndexName=index, KeyConditionExpression="#k = :k", **named)
           for index in ("by-person", "by-account", "by-access", "due")},
    })  # fmt: skip


def test_the_routes_role_writes_asks_alone(scene: Scene, route: Thief, over: Press) -> None:
    rows = rows_of(scene, over)
    before = [scene.row(row_id) for row_id in rows]
    for row_id in rows:
        all_refused(writes(route, row_id))
    mine = writes(route, f"ask/bg-{secrets.token_hex(12)}")
    all_refused({name: call for name, call in mine.items()
                 if not name.startswith(("put", "transact put"))})  # fmt: skip
    assert [scene.row(row_id) for row_id in rows] == before


def test_the_routes_role_does_nothing_outside_the_table(scene: Scene, route: Thief) -> None:
    access = {"InstanceArn": company.INSTANCE_ARN, "TargetId": company.PRODUCTION,
              "TargetType": "AWS_ACCOUNT", "PermissionSetArn": company.ADMIN.arn,
              "PrincipalType": "USER",
              "PrincipalId": company.person("mallory").user.user_id}  # fmt: skip
    sso, queue = route.aws("sso-admin"), route.aws("sqs")
    all_refused({
        "assign": lambda: sso.create_account_assignment(**access),
        "unassign": lambda: sso.delete_account_assignment(**access),
        "bot token": lambda: route.aws("ssm").get_parameter(Name="/break-glass/bot-token"),
        "queue": lambda: queue.get_queue_url(QueueName="break-glass"),
    })  # fmt: skip


def test_a_live_sessions_row_cannot_be_put_over_nor_called_standing(
    scene: Scene, route: Thief, reconciliation: Thief
) -> None:
    """Both were done: somebody else was let in elsewhere, and then for good."""
    held = scene.press("bob", "held")
    before = held.until("ACTIVE")
    elsewhere = {"state": "GRANTING", "account_id": ELSEWHERE.account_id, "kind": "session",
                 "permission_set_arn": ELSEWHERE.permission_set.arn, "asked_at": NOW,
                 "principal_id": company.person("mallory").user.user_id,
                 "deadline": "2099-01-01T00:00:00.000Z"}  # fmt: skip
    standing = {"UpdateExpression": "SET standing = :yes",
                "ExpressionAttributeValues": {":yes": {"S": "yes"}}}  # fmt: skip
    for thief in (route, reconciliation):
        all_refused({
            "put over": lambda thief=thief: thief.put(held.id, **elsewhere),
            "put beside": lambda thief=thief: thief.put(f"bg-{'0' * 24}", **elsewhere),
            "call standing": lambda thief=thief: thief.db.update_item(
                TableName=thief.table, Key={"id": {"S": held.id}}, **standing),
            "delete": lambda thief=thief: thief.delete(held.id),
        })  # fmt: skip
    same = ("account_id", "permission_set_arn", "principal_id", "deadline", "standing")
    assert [held.row[name] for name in same] == [before[name] for name in same]
    held.closes()
    assert held.row["ended_how"] == "expired"
    assert not scene.assigned(ELSEWHERE, company.person("mallory"))


def test_an_ask_with_any_attribute_that_asks_have_not_is_refused(route: Thief) -> None:
    statements = {each["Sid"]: each for each in policy("api_handler")["Statement"]}
    bounds = statements["WriteAsks"]["Condition"]
    may = bounds["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    extra = {*Row.get_attributes(), "content", "anything"} - set(may)
    assert {"state", "live_access", "standing", "ttl", "deadline", "version"} <= extra
    row_id = f"ask/end-{secrets.token_hex(12)}"
    all_refused({name: lambda name=name: route.put(row_id, **{name: "x"}) for name in extra})


def test_a_forged_press_gives_what_a_glass_allows_to_that_person_and_no_more(
    scene: Scene, route: Thief
) -> None:
    def forged(**said: str) -> str:
        session_id = f"bg-{secrets.token_hex(12)}"
        asked_at = iso(datetime.now(UTC))
        own = {"asked_at": asked_at, "look_at": asked_at, "open": "ask", "kind": "ask"}
        route.put(f"ask/{session_id}", **own | said)
        return session_id

    reasons = {
        forged(slack_user="U0MALLORY", glass="brief"): "not among those who may break",
        forged(
            slack_user="U0ALICE",
            account_id=ELSEWHERE.account_id,
            permission_set_arn=ELSEWHERE.permission_set.arn,
        ): "No glass is set up",
        forged(slack_user="U0MALLORY", person="alice@example.com", glass="brief"): "not among",
        forged(slack_user="U0NORA", glass="held", kind="session", open="yes"): "knows no user",
    }
    for session_id, words in reasons.items():
        row = scene.until("it is decided", lambda s=session_id: scene.row(s))
        assert row["state"] == "DENIED"
        assert words in row["reason"]
    nobody = forged(glass="held", response_url="x" * 300_000)
    scene.until("it is dropped", lambda: scene.row(f"ask/{nobody}") is None)
    assert scene.row(nobody) is None
    allowed = forged(slack_user="U0ALICE", glass="brief", reason="x" * 1_000)
    scene.until("alice is in", lambda: (scene.row(allowed) or {}).get("granted_at"))
    scene.until("and out again", lambda: (scene.row(allowed) or {}).get("gone_at"))
    assert not scene.assigned(company.glass("brief"), company.person("alice"))


def test_a_forged_ask_over_a_session_changes_nothing_of_it(
    scene: Scene, route: Thief, over: Press
) -> None:
    held = scene.press("carol", "held")
    before = held.until("ACTIVE")
    now = iso(datetime.now(UTC))
    own = {"asked_at": now, "look_at": now, "open": "ask", "slack_user": "U0MALLORY"}
    decided = decided_on(scene, over)
    again = [f"ask/{held.id}", f"ask/{over.id}", decided["id"].replace("asked/", "ask/")]
    for row_id in again:
        route.put(row_id, **own, glass="held", session_id=held.id)
    refused_end = f"end-{secrets.token_hex(12)}"
    route.put(f"ask/{refused_end}", **own | {"slack_user": "U0NORA"}, session_id=held.id)
    row = scene.until("it is decided", lambda: scene.row(f"asked/{refused_end}"))
    assert row["outcome"] == "refused"
    for row_id in again:
        scene.until("it is dropped", lambda row_id=row_id: scene.row(row_id) is None)
    assert scene.row(decided["id"]) == decided
    same = ("asked_at", "slack_user", "deadline", "principal_id", "person")
    assert [held.row[name] for name in same] == [before[name] for name in same]
    held.closes()
    assert held.row["ended_how"] == "expired"


# ---- reconciliation's role


def test_reconciliations_role_writes_no_session_no_persons_ask_and_no_decision(
    scene: Scene, reconciliation: Thief, over: Press
) -> None:
    rows = rows_of(scene, over)
    before = [scene.row(row_id) for row_id in rows]
    session, lock, lease, note, decided, kept, on_call, report = rows
    people = [f"ask/{kind}-{secrets.token_hex(12)}" for kind in ("bg", "end", "extend")]
    for row_id in (session, decided, kept, on_call, report, *people):
        all_refused(writes(reconciliation, row_id))
    for row_id, may in ((lock, ("put", "delete")), (lease, ("delete",)), (note, ("put",))):
        tried = writes(reconciliation, row_id).items()
        all_refused({name: call for name, call in tried if not name.startswith(may)})
    access = {"InstanceArn": company.INSTANCE_ARN, "TargetId": company.PRODUCTION,
              "TargetType": "AWS_ACCOUNT", "PermissionSetArn": company.ADMIN.arn,
              "PrincipalType": "USER",
              "PrincipalId": company.person("mallory").user.user_id}  # fmt: skip
    sso = reconciliation.aws("sso-admin")
    all_refused({
        "assign": lambda: sso.create_account_assignment(**access),
        "unassign": lambda: sso.delete_account_assignment(**access),
        "secret": lambda: reconciliation.aws("ssm").get_parameter(
            Name="/break-glass/signing-secret"),
    })  # fmt: skip
    assert [scene.row(row_id) for row_id in rows] == before


def test_forged_locks_and_deleted_ones_let_nobody_in_and_keep_nobody_in(
    scene: Scene, reconciliation: Thief
) -> None:
    held = scene.press("steve", "held")
    lock = f"door/{access_of(held.until('ACTIVE'))}"
    reconciliation.delete(lock)
    again = scene.press("steve", "held")
    for holder in ("bg-nobody", f"bg-{'1' * 24}", held.id):
        reconciliation.put(lock, kind="door", session_id=holder, open="door", look_at=NOW)
    mallorys = company.person("mallory").user.user_id
    theirs = f"{ELSEWHERE.account_id}/{ELSEWHERE.permission_set.arn}/{mallorys}"
    reconciliation.put(f"door/{theirs}", kind="door", session_id=held.id, open="door", look_at=NOW)
    held.closes()
    assert held.row["ended_how"] == "expired"
    again.until(State.DENIED, *OVER)
    assert not held.assigned
    assert not scene.assigned(ELSEWHERE, company.person("mallory"))


def test_a_lease_that_is_deleted_ends_access(scene: Scene, reconciliation: Thief) -> None:
    held = scene.press("grace", "held")
    held.until("ACTIVE")
    reconciliation.delete(f"lease/{held.id}")
    row = held.closes()
    assert row["ended_how"] == "lease gone"
    assert row["gone_at"] < row["deadline"]


def test_a_forged_finding_gives_nothing_and_takes_nothing_where_nothing_is_to_be_taken(
    scene: Scene, reconciliation: Thief
) -> None:
    steve, operator = company.person("steve"), company.glass("s-operator")
    for glass, who in ((operator, steve), (ELSEWHERE, company.person("mallory"))):
        row_id = f"ask/found-{secrets.token_hex(12)}"
        now = iso(datetime.now(UTC))
        reconciliation.put(
            row_id, kind="ask", open="ask", asked_at=now, look_at=now, glass=glass.name,
            account_id=glass.account_id, permission_set_arn=glass.permission_set.arn,
            principal_id=who.user.user_id,
        )  # fmt: skip
        scene.until("it is dropped", lambda row_id=row_id: scene.row(row_id) is None)
    assert scene.assigned(operator, steve), "it stood before, and nothing is to be taken back"
    assert not scene.assigned(ELSEWHERE, company.person("mallory"))
    assert [row for row in scene.world.rows() if row.get("shape") == "found"] == []
