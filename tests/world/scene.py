"""What the end-to-end tests see of a running world: presses, rows, assignments, words, mails."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer

from chalicelib.domain.ask import Kind
from chalicelib.route.press import ask_id
from simulator import company
from simulator.press import press
from simulator.world import Reply, World
from tests.support.states import OVER

PATIENCE = 240.0  # seconds; on a loaded machine everything takes longer, and nothing less is proven
POLL = 0.25
T = TypeVar("T")

# Every account with every permission set, so that many sessions live side by side.
GLASSES = [
    company.Glass("admin", company.PRODUCTION, company.ADMIN, 8, ("everyone",)),
    company.Glass("operator", company.PRODUCTION, company.OPERATOR, 8, ("everyone",)),
    company.Glass(
        "long",
        company.PRODUCTION,
        company.AUDITOR,
        75,
        ("alice@example.com", "group:sre"),
        extend="20s",
    ),
    company.Glass("s-admin", company.STAGING, company.ADMIN, 8, ("everyone",), by_name=True),
    company.Glass("s-operator", company.STAGING, company.OPERATOR, 8, ("everyone",)),
    company.Glass("s-audit", company.STAGING, company.AUDITOR, 15, ("everyone",)),
]


@dataclass(frozen=True)
class Press:
    """One press, its answer, and how to look at what comes of it."""

    scene: Scene
    who: company.Person
    glass: company.Glass
    id: str
    reply: Reply
    body: bytes
    headers: dict[str, str]

    @property
    def row(self) -> dict[str, Any]:
        """The session's; empty while nobody has decided the press."""
        return self.scene.row(self.id) or {}

    @property
    def recorded(self) -> dict[str, Any]:
        """The press as the route has written it, or the session that it became."""
        return self.scene.row(f"ask/{self.id}") or self.row

    def until(self, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The row, once it is in one of the states."""

        def look() -> dict[str, Any] | None:
            row = self.row
            return row if row.get("state") in states else None

        return self.scene.until(
            f"{self.who.user.user_name} on {self.glass.name} is {' or '.join(states)}",
            look,
            seconds,
            lambda: self.row,
        )

    def has(self, name: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The row, once it has the attribute."""
        return self.scene.until(
            f"{self.id} has {name}",
            lambda: row if (row := self.row).get(name) else None,
            seconds,
            lambda: self.row,
        )

    @property
    def assigned(self) -> bool:
        return self.scene.assigned(self.glass, self.who)

    @property
    def heard(self) -> list[str]:
        """What only they read of this press, and on the session's own card."""
        return self.scene.heard(self.reply, str(self.row.get("mine_ts", "")))

    def hears(self, *words: str, seconds: float = PATIENCE) -> str:
        return self.scene.until(
            f"{self.who.user.user_name} reads {words}",
            lambda: next((t for t in self.heard if all(word in t for word in words)), None),
            seconds,
            lambda: self.heard,
        )

    @property
    def truth(self) -> list[dict[str, Any]]:
        """Identity Center's own history of this access since the press."""
        return [
            each
            for each in self.scene.history(self.glass, self.who)
            if each["at"] >= at(self.row["asked_at"]).timestamp() - 0.1
        ]

    def closes(self) -> dict[str, Any]:
        """Waits until the assignment is gone; the receipt must say when, and who looked."""
        row = self.until(*OVER)
        assert not self.assigned
        for name in ("deadline", "ended_look", "gone_at", "gone_look"):
            assert row[name], row
        return row


class Scene:
    """A world with its clients kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._read = TypeDeserializer().deserialize

    def aws(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.world.aws(service, max_pool_connections=30)
            return self._clients[service]

    def press(self, who: str, glass: str, shape: str = "block_actions", chosen: str = "") -> Press:
        made = press(who, glass, shape, *self._slack, chosen=chosen)
        reply = self.world.post(made.body, made.headers, made.response_url)
        known = Press(self, company.person(who), company.glass(glass), session_id(made.body),
                      reply, made.body, made.headers)  # fmt: skip
        assert reply.status == 200, reply
        return known

    def ask(self, who: str, action: str, press_id: str) -> Reply:
        """*End now* or *Extend*, on the session of that id."""
        made = press(who, press_id, "block_actions", *self._slack, action=action)
        return self.world.post(made.body, made.headers, made.response_url)

    def heard(self, reply: Reply, card: str = "") -> list[str]:
        """What only whoever pressed reads: by the response_url, in the answer's body, and on the
        card of that ts, each time that it was edited."""
        path = reply.response_url.removeprefix(self.world.facts["slack_api"])
        said = [
            each["text"]
            for each in self.messages()
            if each["path"] == path or (card and each["ts"] == card)
        ]
        if reply.text.startswith("{"):
            said.insert(0, reply.json.get("text", ""))
        return said

    def hears(self, reply: Reply, *words: str, seconds: float = PATIENCE) -> str:
        found: str = self.until(
            f"whoever pressed reads {words}",
            lambda: next((t for t in self.heard(reply) if all(word in t for word in words)), None),
            seconds,
            lambda: self.heard(reply),
        )
        return found

    @property
    def _slack(self) -> tuple[str, str]:
        return self.world.facts["slack_api"], self.world.facts["signing_secret"]

    def row(self, row_id: str) -> dict[str, Any] | None:
        got = self.aws("dynamodb").get_item(
            TableName=self.world.facts["table"], Key={"id": {"S": row_id}}, ConsistentRead=True
        )
        return {k: self._read(v) for k, v in got["Item"].items()} if "Item" in got else None

    def assigned(self, glass: company.Glass, who: company.Person) -> bool:
        """As ListAccountAssignments has it."""
        pages = (
            self.aws("sso-admin")
            .get_paginator("list_account_assignments")
            .paginate(
                InstanceArn=company.INSTANCE_ARN,
                AccountId=glass.account_id,
                PermissionSetArn=glass.permission_set.arn,
            )
        )
        return any(
            each["PrincipalId"] == who.user.user_id
            for page in pages
            for each in page["AccountAssignments"]
        )

    def history(self, glass: company.Glass, who: company.Person) -> list[dict[str, Any]]:
        wanted = (glass.account_id, glass.permission_set.arn, who.user.user_id)
        return [
            each
            for each in self.world.history()
            if (each["account_id"], each["permission_set_arn"], each["principal_id"]) == wanted
        ]

    def messages(self) -> list[dict[str, Any]]:
        return self.world.messages()

    def posted(self, channel: str, *words: str) -> str | None:
        """What the bot said in a channel, or to a person by their Slack id."""
        for each in self.messages():
            text = each["text"] or ""
            if each["channel"] == channel and all(word in text for word in words):
                return text
        return None

    def mails(self, *words: str) -> list[dict[str, Any]]:
        return [
            each
            for each in self.world.mailbox()
            if all(word in each["subject"] + each["text"] for word in words)
        ]

    def logs(self, function: str = "") -> Iterable[str]:
        """Every line of every function's log group, or of one's."""
        logs = self.aws("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
            if function and not group["logGroupName"].endswith(f"-{function}"):
                continue
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"]
            )
            for page in pages:
                for event in page["events"]:
                    yield event["message"]

    def invoke(self, function: str) -> None:
        """Runs a function now, as its schedule would."""
        name = self.world.function_name(function)
        event = {"time": datetime.now(UTC).isoformat(), "region": company.REGION, "detail": {},
                 "source": "aws.events", "account": company.HOME_ACCOUNT, "resources": [],
                 "detail-type": "Scheduled Event", "version": "0", "id": "now"}  # fmt: skip
        answer = self.aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def until(
        self,
        what: str,
        look: Callable[[], T | None],
        seconds: float = PATIENCE,
        evidence: Callable[[], Any] = lambda: "",
    ) -> T:
        end = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds:.0f} s; {evidence()}")
            time.sleep(POLL)

    # Breaking it

    def switch_queue(self, on: bool) -> None:
        self._switch_mapping("worker", on)

    def switch_stream(self, on: bool) -> None:
        """The stream's mapping, and with it what TTL deletes."""
        self._switch_mapping("stream", on)
        self.world.control("ttl", period=1.0 if on else 0)

    def switch_sweep(self, on: bool) -> None:
        """The schedule; and a run that is under way stands still, for it sees sessions through."""
        events = self.aws("events")
        (name,) = (
            rule["Name"]
            for rule in events.list_rules()["Rules"]
            if rule["Name"].startswith(self.world.function_name("sweep"))
        )
        (events.enable_rule if on else events.disable_rule)(Name=name)
        self.world.control("continue-worker" if on else "stop-worker", function="sweep")

    def _switch_mapping(self, function: str, on: bool) -> None:
        functions = self.aws("lambda")
        name = self.world.function_name(function)
        for each in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=each["UUID"], Enabled=on)

    def queue_exists(self) -> bool:
        queues = self.aws("sqs").list_queues(QueueNamePrefix="break-glass").get("QueueUrls", [])
        return any(url.endswith("/break-glass") for url in queues)

    def dead_letters(self) -> list[str]:
        sqs = self.aws("sqs")
        url = sqs.get_queue_url(QueueName="break-glass-dlq")["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [each["Body"] for each in found.get("Messages", [])]


def session_id(body: bytes) -> str:
    """The session that a press of that body becomes."""
    return ask_id(Kind.BREAK, body)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seconds(delta: timedelta) -> float:
    return delta.total_seconds()
