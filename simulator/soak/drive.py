"""Does to a world what a plan says, when it says it, and brings back what was seen."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from random import Random
from typing import Any

from simulator import company
from simulator.breakage import Breakage
from simulator.soak import faults
from simulator.soak.evidence import FINAL, Access, Evidence, Hand, Pressed, Window
from simulator.soak.hands import NONSENSE, Hands
from simulator.soak.plan import Plan, Step
from simulator.world import World, WorldError

DRAINS = 300.0  # seconds at the most, until everything is closed and said
QUIET = 8.0  # seconds in which nothing more is said
LOOKS = 1.0
KILLED = 1.0  # seconds that a kill is taken to last

Say = Callable[[str], None]


class Drive:
    """One soak of one world."""

    def __init__(self, world: World, plan: Plan, say: Say = print) -> None:
        self.world, self.plan, self.say = world, plan, say
        self.evidence = Evidence(standing=tuple(
            Access(each.account_id, each.permission_set_arn, each.principal_id)
            for each in company.STANDING
        ))  # fmt: skip
        self.hands = Hands(world, Random(plan.seed), self._handled)
        self.breakage = Breakage(world)
        self._active: list[faults.Fault] = []
        self._cold = 0
        self._loads: list[float] = []
        self._began = 0.0
        self._order = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []

    def run(self) -> Evidence:
        """The whole plan, then everything healthy, until all is closed and said."""
        self._began = time.monotonic()
        for step in self.plan.steps:
            self._at(step.at, partial(self._begin, step))
        with ThreadPoolExecutor(24) as self._pool:
            self._jobs: list[Any] = []
            try:
                while self._later:
                    at, _, act = heapq.heappop(self._later)
                    time.sleep(max(0.0, self._began + at - time.monotonic()))
                    act()
                wait(self._jobs)
            finally:
                self.breakage.heal()
        for job in self._jobs:
            if job.exception() is not None:
                self.evidence.troubles.append(repr(job.exception()))
        self.evidence.windows += self.hands.spoiled
        self._drain()
        return self._collect()

    # What the steps do

    def _begin(self, step: Step) -> None:
        self._loads.append(os.getloadavg()[0])
        match step.do:
            case "press":
                self._aside(lambda: self._press(*step.what))
            case "fault":
                self._fault(faults.Fault(*step.what), step)
            case "cold":
                self._make_cold(step)
            case "side":
                self._side(step)
            case "kill":
                self._kill(*step.what)
            case "stop":
                self._stop(step)
            case "hand":
                self._aside(lambda: self.hands.act(*step.what))
            case "end" | "extend":
                self._aside(lambda: self.hands.press(step.do))
            case "redeploy":
                self._aside(self._redeploy)
            case _:
                raise ValueError(f"no such step: {step.do}")

    def _press(self, who: str, glass: str) -> None:
        began = time.time()
        try:
            reply = self.world.press(who, glass)
        except OSError as problem:
            self._told(f"press of {who} on {glass}: {type(problem).__name__}")
            return
        path = reply.response_url.removeprefix(self.world.facts["slack_api"])
        user = company.person(who).slack_id
        if "incoming" not in reply.text and reply.text.startswith("{"):
            return  # told at once that nothing comes of it
        self.evidence.presses.append(Pressed(user, glass, began, time.time(), reply.status, path))

    def _fault(self, fault: faults.Fault, step: Step) -> None:
        target = faults.TARGETS[fault.target]
        began = time.time()
        self._active.append(fault)
        self._set_faults()
        self._told(f"{fault.name} for {step.seconds:.0f} s")

        silent = ("lost",) if fault.target == "slack" else ("lost", "hang")

        def heal() -> None:
            self._active.remove(fault)
            self._set_faults()
            self._over(
                Window(
                    fault.name, began, time.time(), holds=target.holds, outage=True,
                    carries=target.carries if fault.way != "slow" else "",
                    unheard=fault.way in silent,
                )
            )  # fmt: skip

        self._at(step.at + step.seconds, heal)

    def _set_faults(self) -> None:
        for service, ask in faults.settings(self._active).items():
            self.world.control(service, **ask)

    def _make_cold(self, step: Step) -> None:
        began = time.time()
        self._cold += 1
        self.world.control("functions", cold=True)

        def warm() -> None:
            self._cold -= 1
            self.world.control("functions", cold=self._cold > 0)
            self._over(Window("cold", began, time.time(), cold=True))

        self._at(step.at + step.seconds, warm)

    def _side(self, step: Step) -> None:
        """One of the three sides that look is gone."""
        began, (side,) = time.time(), step.what
        self._aside(lambda: self.breakage.turn(side, True))
        self._told(f"without the {side} for {step.seconds:.0f} s")

        def back() -> None:
            self._aside(lambda: self.breakage.turn(side, False))
            self._over(Window(f"without the {side}", began, time.time(), outage=True))

        self._at(step.at + step.seconds, back)

    def _kill(self, function: str) -> None:
        began = time.time()
        if self.world.control("kill-worker", function=function)["killed"]:
            self._over(Window(f"{function} killed", began, began + KILLED, breaks=True))

    def _stop(self, step: Step) -> None:
        began, (function,) = time.time(), step.what
        if not self.world.control("stop-worker", function=function)["stopped"]:
            return

        def go_on() -> None:
            self.world.control("continue-worker", function=function)
            stopped = Window(
                f"{function} stopped", began, time.time(), holds=function == "worker", breaks=True
            )
            self._over(stopped)

        self._at(step.at + step.seconds, go_on)

    def _redeploy(self) -> None:
        began = time.time()
        try:
            took = self.world.redeploy()
        except WorldError as problem:  # an operator tries again
            self._told(f"the redeployment failed, and is repeated: {str(problem)[-300:]}")
            took = self.world.redeploy()
        self._told(f"redeployed in {took:.0f} s")
        self._over(Window("redeployment", began, time.time(), breaks=True))

    # The end

    def _drain(self) -> None:
        """Until every session is closed, nothing is left to do, and nobody says any more."""
        self.hands.tidy()
        end, heard, since = time.monotonic() + DRAINS, -1, time.monotonic()
        while time.monotonic() < end:
            self._loads.append(os.getloadavg()[0])
            rows = [each for each in self.world.rows(None) if each["id"] != NONSENSE]
            said = len(self.world.messages()) + len(self.world.mailbox())
            busy = [each for each in rows if unfinished(each)]
            if said != heard or busy:
                heard, since = said, time.monotonic()
            elif time.monotonic() > since + QUIET:
                break
            time.sleep(LOOKS)
        self._told("what was begun has come to its end")
        if any(each.kind == "row" for each in self.evidence.hands):
            self._reconcile()

    def _reconcile(self) -> None:
        """As its schedule would; it speaks of access whose row is gone."""
        name = self.world.function_name("reconcile")
        event = {"time": "2026-01-01T00:00:00Z", "region": company.REGION, "detail": {},
                 "source": "aws.events", "account": company.HOME_ACCOUNT, "resources": [],
                 "detail-type": "Scheduled Event", "version": "0", "id": "now"}  # fmt: skip
        self.world.aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event))

    def _collect(self) -> Evidence:
        seen = self.evidence
        rows = {each["id"]: each for each in self.world.rows() if each["id"] != NONSENSE}
        seen.rows = [*rows.values(), *(e for e in self.hands.deleted if e["id"] not in rows)]
        seen.history, seen.messages = self.world.history(), self.world.messages()
        seen.mails, seen.until = self.world.mailbox(), time.time()
        for each in self.world.control("timeouts"):
            name = f"{each['function'].rpartition('-')[2]} timed out"
            self._over(Window(name, each["began"], each["at"], breaks=True))
        seen.load = max(self._loads, default=0.0)
        return seen

    # Keeping

    def _at(self, at: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (at, next(self._order), act))

    def _aside(self, act: Callable[[], None]) -> None:
        """What takes its time must hold up nothing else."""
        self._jobs.append(self._pool.submit(act))

    def _over(self, window: Window) -> None:
        self.evidence.windows.append(window)

    def _handled(self, hand: Hand) -> None:
        self.evidence.hands.append(hand)
        if hand.kind in ("lease", "lock", "row"):
            name = f"{hand.kind} deleted"
            self._over(Window(name, hand.at, hand.at + 1, session=hand.session))

    def _told(self, what: str) -> None:
        self.say(f"{time.monotonic() - self._began:7.1f} s  {what}")


def unfinished(row: dict[str, Any]) -> bool:
    """Whether a session is not over, or an ask is not decided or not answered."""
    if row.get("kind") == "session":
        return row["state"] not in FINAL or bool(row.get("look_at"))
    return row.get("kind") == "ask" and bool(row.get("open"))
