"""Sessions that one function alone carries from the press to the end, with all that may come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from chalicelib.route.press import ON_A_SESSION
from simulator import company
from simulator.outside import SIGNING_SECRET
from simulator.press import press, sign
from simulator.world import World
from tests.world.scene import session_id

PATIENCE = 240


class Life:
    """Sessions that one function alone carries from the press to the end."""

    def __init__(self, world: World, looker: str) -> None:
        self.world, self.looker = world, looker

    def press(self, who: str, glass: str) -> str:
        made = press(who, glass, "block_actions", self.world.facts["slack_api"], SIGNING_SECRET)
        assert self.world.post(made.body, made.headers).status == 200
        return session_id(made.body)

    def say_why(self, who: str, session: str) -> None:
        """Enter in the card's field."""
        slack = self.world.facts["slack_api"]
        made = press(who, session, "block_actions", slack, SIGNING_SECRET, "say_why")
        payload = json.loads(dict(parse_qsl(made.body.decode()))["payload"])
        field = {"type": "plain_text_input", "block_id": f"say_why {session}", "value": "INC-4711"}
        payload["actions"][0] |= field
        body = urlencode({"payload": json.dumps(payload)}).encode()
        assert self.world.post(body, sign(body, SIGNING_SECRET)).status == 200

    def ask(self, who: str, kind: str, session: str) -> None:
        self.world.press(who, session, action=kind)

    def look(self, session: str) -> None:
        """A look at each ask, then at the session, from the looker's side."""
        asks = [row["id"] for row in self.world.rows("ask") if row["id"].startswith("ask/")]
        for row_id in [*asks, session]:
            self.invoke(self.looker, self.event(row_id))

    def event(self, row_id: str) -> dict[str, Any]:
        """As the looker's event source has it."""
        match self.looker:
            case "worker":
                return {"Records": [{"messageId": "1", "body": json.dumps({"session": row_id})}]}
            case "stream":
                return {"Records": [_lease_gone(row_id)]}  # what is looked at in place
        return SCHEDULED

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
            if "?" in (row.get("grant_call"), row.get("revoke_call")):
                self.let_the_claim_run_out(row)
            self.look(session)
            time.sleep(0.3)
        return row

    def let_the_claim_run_out(self, row: dict[str, Any]) -> None:
        """After a call whose outcome is unknown nobody acts for a minute; here, for a moment."""
        self.world.aws("dynamodb").update_item(
            TableName="break-glass",
            Key={"id": {"S": row["id"]}},
            UpdateExpression="SET busy_until = :past, grant_late_until = :past, look_at = :past, "
            "revoke_late_until = :past ADD version :one",
            ExpressionAttributeValues={
                ":past": {"S": "2026-01-01T00:00:00.000Z"},
                ":one": {"N": "1"},
            },
        )

    def written_by_another(self, session: str) -> None:
        self.world.aws("dynamodb").update_item(
            TableName="break-glass",
            Key={"id": {"S": session}},
            UpdateExpression="ADD version :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def forget(self, row_id: str) -> None:
        key = {"id": {"S": row_id}}
        self.world.aws("dynamodb").delete_item(TableName="break-glass", Key=key)

    def live(self) -> None:
        """From the press to the report, with what may come between."""
        world = self.world
        closed = lambda row: row.get("state") == "CLOSED"  # noqa: E731
        self.forget(KEPT)
        denied = self.press("mallory", "prod")  # nobody of the glass: its group is asked for, too
        self.until(denied, lambda row: row.get("state") == "DENIED" and not row.get("owed"))
        # A call whose answer is lost has to be looked for.
        lost = {"CreateAccountAssignment": ["LOST"], "DeleteAccountAssignment": UNHEARD}
        world.control("identity_center", outcomes=lost)
        session = self.press("carol", "audit")
        self.until(session, lambda row: row.get("state") in ("ACTIVE", "REVOKING"))
        for action in sorted(ON_A_SESSION.keys() - {"end_now"}):  # also what comes to nothing
            self.ask("carol", action, session)
        self.say_why("carol", session)
        if self.looker == "sweep":  # it reads the trail where the queue takes no message
            self.until(session, lambda row: row.get("state") == "REPORTING")
            world.aws("sqs").delete_queue(QueueUrl=self.queue)
        self.until(session, closed)
        world.control("heal", change=True)
        # Somebody writes while the grant is being asked for: the outcome is written by its token.
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
        self.written_by_another(hasty)
        looking.join()
        self.ask("grace", "end_now", hasty)
        world.control("heal", change=True)
        self.until(hasty, closed)
        if self.looker == "sweep":
            world.aws("sqs").create_queue(QueueName="break-glass")

    @property
    def queue(self) -> str:
        return str(self.world.aws("sqs").get_queue_url(QueueName="break-glass")["QueueUrl"])

    def take_back(self) -> None:
        """What reconciliation has found, and asks to have taken back."""
        before = {row["id"] for row in self.found()}
        self.world.control("assign", **STRAY)
        assert "FunctionError" not in self.invoke("reconcile", SCHEDULED)
        self.forget(NOTE)  # so it is searched for whether a session saw it standing
        end = time.monotonic() + PATIENCE
        while not (new := [row for row in self.found() if row["id"] not in before]):
            assert time.monotonic() < end, f"{self.looker}: {self.world.rows(None)}"
            self.look("bg-none")
        self.until(new[0]["id"], lambda row: row.get("state") == "CLOSED")

    def found(self) -> list[dict[str, Any]]:
        return [row for row in self.world.rows() if row.get("shape") == "found"]


# Whether they happened is unknown, and they did not: so each is asked again, to the last try.
UNHEARD = ["InternalServerException"] * 4
STRAY = {
    "account_id": company.PRODUCTION,
    "permission_set_arn": company.ADMIN.arn,
    "principal_id": company.person("bob").user.user_id,
}
NOTE = "assignment/{account_id}/{permission_set_arn}/{principal_id}".format(**STRAY)
KEPT = "kept/identity-center"  # whoever begins cold without it discovers it
SCHEDULED = {
    "time": "", "source": "aws.events", "resources": [], "detail": {}, "id": "1", "account": "",
    "region": "", "version": "0", "detail-type": "",
}  # fmt: skip


def _lease_gone(session: str) -> dict[str, Any]:
    return {
        "eventID": "1",
        "eventName": "REMOVE",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {"Keys": {"id": {"S": f"lease/{session}"}}, "SequenceNumber": "1"},
    }


def quiet(world: World) -> None:
    """Nothing runs by itself."""
    functions, rules = world.aws("lambda"), world.aws("events")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for handler in ("sweep", "reconcile"):
        rules.disable_rule(Name=f"{world.function_name(handler)}-event")
