"""Break something: the switches of the page, each with what it does and how it is undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, get_args

from chalicelib.workflow.answers import Side

LOOKS: tuple[str, ...] = get_args(Side)


class Breakable(Protocol):
    """What of a world the switches touch; simulator.world.World is one."""

    def aws(self, service: str) -> Any: ...

    def control(self, path: str = "", **settings: Any) -> Any: ...

    def function_name(self, handler: str) -> str: ...


@dataclass(frozen=True)
class Switch:
    """One thing that breaks while the switch is on."""

    name: str
    title: str
    says: str


SWITCHES = [
    Switch("identity", "Identity Center is down", "Every call is answered 503."),
    Switch(
        "answers",
        "Identity Center’s answers get lost",
        "What is asked happens, and most calls are answered 500.",
    ),
    Switch("slack", "Slack is down", "The app cannot say a word; buttons still work."),
    Switch("mail", "SES is down", "No report leaves."),
    Switch("queue", "Wake-ups vanish", "No message of the queue arrives, now or later."),
    Switch("sweep", "The sweep sleeps", "Nobody looks once a minute."),
    Switch("stream", "The stream is silent", "Table changes reach nobody; they come late."),
    Switch("ttl", "TTL is late", "Expired leases stay, as in life for minutes or days."),
]
_LOST = {"outcome": "LOST", "rate": 0.7}
_WRITES = ("CreateAccountAssignment", "DeleteAccountAssignment")
_SETTINGS: dict[str, tuple[str, str, Any, Any]] = {
    # switch: service of the control address, setting, broken, healthy
    "identity": ("identity_center", "down", "503", ""),
    "answers": ("identity_center", "rates", dict.fromkeys(_WRITES, _LOST), {}),
    "slack": ("slack", "down", "500", ""),
    "mail": ("mail", "down", True, False),
    "ttl": ("ttl", "period", 0, 1.0),
}


class Breakage:
    """Turns the switches of one world. What is broken in AWS itself is remembered here."""

    def __init__(self, world: Breakable) -> None:
        self._world = world
        self._broken: set[str] = set()

    def state(self) -> dict[str, bool]:
        settings = self._world.control()
        found = {name: name in self._broken for name in LOOKS}
        for name, (service, setting, _, healthy) in _SETTINGS.items():
            found[name] = settings[service][setting] != healthy
        return found

    def turn(self, name: str, broken: bool) -> None:
        """Safe to repeat. Raises KeyError where there is no such switch."""
        if name in _SETTINGS:
            service, setting, bad, good = _SETTINGS[name]
            self._world.control(service, **{setting: bad if broken else good})
            return
        {"queue": self._queue, "sweep": self._sweep, "stream": self._stream}[name](broken)
        (self._broken.add if broken else self._broken.discard)(name)

    def heal(self) -> None:
        self._world.control("heal", change=True)
        for name in sorted(self._broken):
            self.turn(name, False)

    def kill_worker(self) -> int:
        """Kill the worker's processes as they run; answers how many there were."""
        return int(self._world.control("kill-worker", function="worker")["killed"])

    def _queue(self, broken: bool) -> None:
        if not broken:  # what was sent meanwhile never arrives
            sqs = self._world.aws("sqs")
            sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName="break-glass")["QueueUrl"])
        self._mapping("worker", not broken)

    def _stream(self, broken: bool) -> None:
        self._mapping("stream", not broken)

    def _sweep(self, broken: bool) -> None:
        rule = f"{self._world.function_name('sweep')}-event"
        events = self._world.aws("events")
        (events.disable_rule if broken else events.enable_rule)(Name=rule)

    def _mapping(self, handler: str, enabled: bool) -> None:
        functions = self._world.aws("lambda")
        name = self._world.function_name(handler)
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            if mapping["FunctionArn"].endswith(f":{name}"):
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
