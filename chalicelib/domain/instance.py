"""Which Identity Center instance it is, asked for as late as can be, and remembered.

What was discovered once is kept in the table, so that a function that begins cold need not ask
while AWS does not answer.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.errors import Stale, Unavailable
from chalicelib.domain.ports import Clock
from chalicelib.domain.session import iso

FRESH = timedelta(days=1)  # then it is asked again; what is kept serves where nobody answers
RENEWS = timedelta(minutes=1)  # at the most so often where AWS says that it knows no such instance

Discovered = tuple[str, str, str]  # the instance's ARN, the store's id, the owner's account

ROW = "kept/identity-center"  # its row's id


def kept(found: Discovered, now: datetime) -> dict[str, str]:
    """What was discovered, as the attributes of its row."""
    arn, store_id, owner = found
    return {
        "id": ROW,
        "kind": "kept",
        "instance_arn": arn,
        "identity_store_id": store_id,
        "owner_account_id": owner,
        "found_at": iso(now),
    }


class Kept(Protocol):
    """Where it is kept. Raises Unavailable."""

    def instance(self) -> tuple[Discovered, datetime] | None: ...

    def keep_instance(self, found: Discovered, now: datetime) -> None: ...


class Instance:
    """`arn()` and `store_id()`, which raise Unavailable where it can be neither asked nor read, and
    `owner()`, which does not."""

    def __init__(
        self,
        said: tuple[str, str],
        discover: Callable[[str], Discovered],
        kept: Callable[[], Kept],
        clock: Clock,
        writes: bool = True,
    ) -> None:
        self._said, self._discover, self._kept, self._clock = said, discover, kept, clock
        self._writes = writes
        self._found: Discovered | None = (*said, "") if all(said) else None
        self._renewed: datetime | None = None
        self._owner: str | None = None

    def arn(self) -> str:
        """The instance's ARN. Raises Unavailable."""
        return self._said[0] or self._known()[0]

    def store_id(self) -> str:
        """The id of its identity store. Raises Unavailable."""
        return self._known()[1]

    def owner(self) -> str:
        """The account that it belongs to: of an organisation's instance, the management account.

        Found with all the rest. Where that is set, it is looked up once, and empty where nobody
        answers: so nobody is kept out for that. Never raises Unavailable.
        """
        if self._owner is None:
            with suppress(Unavailable):
                self._owner = (self._remembered() if all(self._said) else self._known())[2]
        return self._owner or ""

    def renew(self) -> bool:
        """AWS does not know it, or keeps it from us: asks at once which it is by now, whatever is
        kept. Whether it is another one. Never raises Unavailable."""
        now = self._clock.now()
        just = self._renewed is not None and now - self._renewed < RENEWS
        if all(self._said) or just:
            return False
        self._renewed, before = now, self._found
        try:
            self._found = self._discover(self._said[0])
        except Unavailable:
            return False
        self._owner = None
        if self._found == before:
            return False
        self._keep(self._found, now)
        return True

    def _known(self) -> Discovered:
        if self._found is None:
            self._found = self._remembered()
        return self._found

    def _remembered(self) -> Discovered:
        now = self._clock.now()
        try:
            kept = self._kept().instance()
        except Unavailable:
            kept = None
        fits = kept is not None and self._said[0] in ("", kept[0][0])
        if kept is not None and fits and kept[0][2] and now - kept[1] < FRESH:
            return kept[0]
        try:
            found = self._discover(self._said[0])
        except Unavailable:
            if kept is not None and fits:
                return kept[0]
            raise
        self._keep(found, now)
        return found

    def _keep(self, found: Discovered, now: datetime) -> None:
        if self._writes:
            with suppress(Unavailable, Stale):  # the next one discovers it as well
                self._kept().keep_instance(found, now)
