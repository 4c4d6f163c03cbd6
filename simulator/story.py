"""`python -m simulator.story`: the whole journey, once, judged from the outside.

Alice presses *Break Glass Prod*. What follows is read where AWS, Slack and the mailbox show it:
access was granted, taken back, read back as gone, and the report arrived; only then it exits 0.
Each function is held to its IAM policy, unless AUTH=false is in the environment.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from simulator import company
from simulator.world import World, WorldError

_POLL_SECONDS = 0.2
WHO, GLASS = "alice", "prod"


class Failed(Exception):
    """A step of the journey did not happen in its time."""


def main() -> int:
    try:
        return _play()
    except WorldError as error:
        print(error, file=sys.stderr)
        return 1


def _play() -> int:
    began = time.monotonic()
    _say(0, "building a world and deploying the app into it")
    auth = os.environ.get("AUTH", "").lower() != "false"
    with World.start(auth=auth) as world:
        _say(time.monotonic() - began, "the app is deployed")
        try:
            journey = Journey(world)
            journey.play()
        except Failed as problem:
            print(f"\nFAILED: {problem}\n", flush=True)
            _evidence(world)
            return 1
    print()
    for what, seconds in journey.figures.items():
        print(f"{what:20} {seconds:6.2f} s")
    took = time.monotonic() - began
    print(f"\nGranted, revoked, read back as gone, reported: {took:.0f} s in all.")
    return 0


class Journey:
    """One press and everything that must come of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.glass = company.glass(GLASS)
        self.person = company.person(WHO)
        self.sso = world.aws("sso-admin")
        self.pressed_at = 0.0
        self.figures: dict[str, float] = {}  # seconds

    def play(self) -> None:
        if self._has_access():
            raise Failed(f"{WHO} had access before the press")
        self.pressed_at = time.time()
        reply = self.world.press(WHO, GLASS)
        if reply.status != 200:
            raise Failed(f"the press was answered {reply.status}: {reply.text}")
        answered = f"{reply.status} in {reply.milliseconds:.0f} ms"
        self._step(f"press answered {answered}, from a cold start")
        self.figures["press → answer"] = reply.milliseconds / 1000
        told = self._until("the person was told", self._told, 10)
        self._step(f"{WHO} reads: {_first_line(told['text'])}", _epoch(told["at"]))
        self._until("access was granted", self._has_access, 60)
        self.figures["press → granted"] = time.time() - self.pressed_at
        self._step("access granted: ListAccountAssignments shows it")
        row = self._until("the row is ACTIVE", lambda: self._row("ACTIVE"), 30)
        deadline = _epoch(row["deadline"])
        self._step(f"the row says ACTIVE until {row['deadline']}")
        self._until("access was revoked", lambda: not self._has_access(), self._left(deadline) + 60)
        self.figures["deadline → revoked"] = time.time() - deadline
        self._step("access revoked: ListAccountAssignments no longer shows it")
        gone = self._until("the row has gone_at", lambda: self._row(having="gone_at"), 60)
        self._step(f"read back as gone at {gone['gone_at']}", _epoch(gone["gone_at"]))
        mail = self._until("the report arrived", self._report, 90)
        self.figures["revoked → report"] = time.time() - _epoch(gone["gone_at"])
        self._step(f"report arrived: {mail['subject']!r} to {', '.join(mail['to'])}")
        if self._has_access():
            raise Failed(f"{WHO} has access after the report")
        row = self._row() or {}
        self._step(f"the row is {row.get('state')}, and {WHO} still has no access")

    def _has_access(self) -> bool:
        pages = self.sso.get_paginator("list_account_assignments").paginate(
            InstanceArn=company.INSTANCE_ARN,
            AccountId=self.glass.account_id,
            PermissionSetArn=self.glass.permission_set.arn,
        )
        return any(
            each["PrincipalId"] == self.person.user.user_id
            for page in pages
            for each in page["AccountAssignments"]
        )

    def _told(self) -> dict[str, Any] | None:
        said = [each for each in self.world.messages() if each["via"] == "response_url"]
        return said[0] if said else None

    def _row(self, state: str | None = None, having: str | None = None) -> dict[str, Any] | None:
        for row in self.world.rows():
            if row.get("email") != self.person.user.email:
                continue
            if state in (None, row.get("state")) and (having is None or row.get(having)):
                return row
        return None

    def _report(self) -> dict[str, Any] | None:
        mails = self.world.mailbox()
        return next((mail for mail in mails if mail["text"].startswith("Report of")), None)

    def _until(self, what: str, look: Callable[[], Any], seconds: float) -> Any:
        end = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _left(self, until: float) -> float:
        return max(0.0, until - time.time())

    def _step(self, what: str, at: float | None = None) -> None:
        _say((at or time.time()) - self.pressed_at, what)


def _evidence(world: World) -> None:
    """What the outside saw, for whoever has to find out why."""
    for row in world.rows(None) if world.facts["slack_url"] else []:
        print("row:    ", row)
    for entry in world.history():
        print("truth:  ", entry)
    for message in world.messages():
        print("message:", message["via"], message["text"])
    for mail in world.mailbox():
        print("mail:   ", mail["subject"])
    print(_last_words(world))


def _last_words(world: World) -> str:
    """The end of each function's log."""
    logs, found = world.aws("logs"), []
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
        name = group["logGroupName"]
        events = logs.filter_log_events(logGroupName=name)["events"]
        lines = [each["message"].rstrip() for each in events]
        found.append(f"--- {name}\n" + "\n".join("\n".join(lines).splitlines()[-40:]))
    return "\n".join(found)


def _say(seconds: float, what: str) -> None:
    print(f"{seconds:7.2f} s  {what}", flush=True)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
