"""Where a session was signed in and worked from: each address with what its events tell of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.session import from_iso, iso
from chalicelib.trail.event import Event

ADDRESSES = 5_000  # that are told apart
AGENT = 120  # signs
ADDRESS = 300
TIMELESS = "~"  # after every time


@dataclass(frozen=True, slots=True)
class Origin:
    """An address; `agent` is what the first event from there was made with."""

    address: str
    agent: str
    first: datetime | None
    signed_in: bool
    calls: int  # in the account


@dataclass(slots=True)
class _From:
    seen: tuple[str, str]  # the first event's time and client: the same in whatever order they come
    signed_in: bool = False
    calls: int = 0


class Whence:
    """Takes events one by one; services that call in somebody's name come from no address."""

    def __init__(self) -> None:
        self.known: dict[str, _From] = {}
        self.more = False  # there were calls from addresses beyond those that are told apart

    def add(self, event: Event) -> None:
        """Counts an event to the address that it came from."""
        if not event.address or event.by_service:
            return
        address = event.address[:ADDRESS]
        seen = (iso(event.time) if event.time else TIMELESS, event.agent[:AGENT])
        known = self.known.get(address)
        if known is None:
            if len(self.known) >= ADDRESSES:
                self.more = self.more or event.place == "account"
                return
            known = self.known[address] = _From(seen)
        known.seen = min(known.seen, seen)
        known.signed_in |= event.sign_in
        known.calls += event.place == "account"

    def origins(self) -> tuple[Origin, ...]:
        """Those that were signed in from first, then in the order of their first event."""
        ordered = sorted(
            self.known.items(), key=lambda each: (not each[1].signed_in, each[1].seen, each[0])
        )
        return tuple(
            Origin(
                address,
                known.seen[1],
                None if known.seen[0] == TIMELESS else from_iso(known.seen[0]),
                known.signed_in,
                known.calls,
            )
            for address, known in ordered
        )

    def to_json(self) -> list[Any]:
        said = [[name, *each.seen, each.signed_in, each.calls] for name, each in self.known.items()]
        return [self.more, said]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        whence = cls()
        whence.more, said = value
        for name, first, agent, signed_in, calls in said:
            whence.known[name] = _From((first, agent), signed_in, calls)
        return whence
