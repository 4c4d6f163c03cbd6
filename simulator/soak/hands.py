"""What operators and people do to sessions as they run: to rows, locks and leases, and buttons."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

from chalicelib.domain.machine import OPEN
from simulator.soak.evidence import Hand, Window
from simulator.world import World

SPOILED = "spoiled by hand"
SPOILED_FOR = 15.0  # seconds, until somebody makes it good again
NONSENSE = "bg-soak-nonsense"


class Hands:
    """Picks a session by `random`, and answers what was done, or None where there was none."""

    def __init__(self, world: World, random: Random, seen: Callable[[Hand], None]) -> None:
        self.world, self.random, self._seen = world, random, seen
        self.table = world.aws("dynamodb")
        self.queue = world.aws("sqs")
        self.name = world.facts["table"]
        self.deleted: list[dict[str, Any]] = []  # rows as they were before
        self.spoiled: list[Window] = []

    def act(self, kind: str) -> None:
        """One hand of that kind, on a session that is open."""
        if kind == "nonsense":
            self._nonsense()
            return
        row = self._some_row()
        if row is None:
            return
        {"lease": self._lease, "lock": self._lock, "row": self._row, "spoil": self._spoil}[kind](
            row
        )

    def press(self, kind: str) -> None:
        """*End now* or *Extend*, by whoever holds a session."""
        row = self._some_row()
        if row is not None:
            button = {"end": "end_now", "extend": "extend"}[kind]
            at = time.time()
            if self.world.press(row["slack_user"], row["id"], action=button).status == 200:
                self._seen(Hand(kind, row["id"], at))

    def tidy(self) -> None:
        """Takes away what only stood in the way."""
        self._delete(NONSENSE)

    def _some_row(self) -> dict[str, Any] | None:
        rows = [each for each in self.world.rows() if each.get("state") in OPEN]
        good = [each for each in rows if each["id"] != NONSENSE and each.get("slack_user")]
        good = [each for each in good if each.get("deadline") not in (None, SPOILED)]
        return self.random.choice(sorted(good, key=lambda each: each["id"])) if good else None

    def _lease(self, row: dict[str, Any]) -> None:
        self._seen(Hand("lease", row["id"], time.time()))
        for each in self._held_by(row, "lease"):
            self._delete(each["id"])

    def _lock(self, row: dict[str, Any]) -> None:
        """Whatever names the session, but for its lease: the row that keeps others out."""
        self._seen(Hand("lock", row["id"], time.time()))
        for each in self._held_by(row, "door", "lock"):
            self._delete(each["id"])

    def _row(self, row: dict[str, Any]) -> None:
        """Its lock stays: without both, nobody could tell that it was ours."""
        if not self._held_by(row, "door", "lock"):
            return
        self._seen(Hand("row", row["id"], time.time()))
        self.deleted.append(row)
        self._delete(row["id"])

    def _spoil(self, row: dict[str, Any]) -> None:
        """No look can read the row, until somebody makes it good again."""
        began = time.time()
        self._seen(Hand("spoil", row["id"], began))
        self._set_deadline(row["id"], SPOILED, row["deadline"])
        time.sleep(SPOILED_FOR)
        self._set_deadline(row["id"], row["deadline"], SPOILED)
        self.spoiled.append(
            Window("row spoiled", began, time.time(), holds=True, session=row["id"])
        )

    def _set_deadline(self, session_id: str, value: str, before: str) -> None:
        """Only where nobody has written it meanwhile."""
        gone = self.table.exceptions.ConditionalCheckFailedException
        try:
            self.table.update_item(
                TableName=self.name,
                Key={"id": {"S": session_id}},
                UpdateExpression="SET deadline = :value",
                ConditionExpression="deadline = :before",
                ExpressionAttributeValues={":value": {"S": value}, ":before": {"S": before}},
            )
        except gone:
            return

    def _nonsense(self) -> None:
        """A message that says nothing, and a row that nobody can read, due since long ago."""
        url = self.queue.get_queue_url(QueueName="break-glass")["QueueUrl"]
        for body in ("not JSON", json.dumps({"session": 7}), json.dumps({"session": NONSENSE})):
            self.queue.send_message(QueueUrl=url, MessageBody=body)
        spoiled = {"kind": "session", "state": "NO SUCH STATE", "open": "yes", "look_at": "2020"}
        item = {name: {"S": value} for name, value in {"id": NONSENSE, **spoiled}.items()}
        self.table.put_item(TableName=self.name, Item=item)

    def _held_by(self, row: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
        rows = self.world.rows(None)
        return [
            each
            for each in rows
            if each.get("kind") in kinds and each.get("session_id") == row["id"]
        ]

    def _delete(self, row_id: str) -> None:
        self.table.delete_item(TableName=self.name, Key={"id": {"S": row_id}})
