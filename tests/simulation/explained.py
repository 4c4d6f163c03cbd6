"""Who accounts for each assignment, as an onlooker knows it who sees everything at once.

An assignment is explained by a live session, by being accepted by name, or by a session's row that
saw it standing before it began. All else is reconciliation's to say or to take back.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from chalicelib.domain.session import Access, Session
from chalicelib.words.messages import delete_command
from chalicelib.workflow.timing import CLOCK_SKEW
from tests.fakes.table import short

if TYPE_CHECKING:
    from tests.simulation.actors import Request
    from tests.simulation.world import World


SKEW_MS = int(CLOCK_SKEW.total_seconds() * 1_000)


class Explained:
    """What is true of each access (by its key), and what reconciliation has made of it."""

    def __init__(self, world: "World", accesses: list[Access]) -> None:
        self.world = world
        self.commands = {delete_command(access): access for access in accesses}
        self.since: dict[str, int] = {}  # since when it is accepted, or was seen standing
        self.ever_doubtful: set[str] = set()  # at some time nobody accounted for it
        self.taken_by_hand: set[str] = set()  # itself, or the row that knew of the taking
        self.mixed: set[str] = set()  # given by hand during a session: nothing tells them apart
        self.taken_back: set[str] = set()
        self.said: defaultdict[str, list[int]] = defaultdict(list)
        self.stretches: defaultdict[str, int] = defaultdict(int)  # how often it became doubtful
        self.began: dict[str, int] = {}  # found session → when the run began that made it
        self.made: dict[str, int] = {}  # found session → when it was made
        self.accepted_at: dict[Access, int] = {}
        self.over_at: dict[str, int] = {}  # when a session of it was last over
        self.found_began: dict[str, int] = {}  # when the run began that found it
        self.left_at = 0  # when a session was last over that had left alone what nobody explains

    def stands(self, access: Access) -> bool:
        """Whether it is known as standing: by name, or by a session that saw it.

        What was found before a session saw it stays found: a press explains nothing away. Nor does
        a session account for what it saw behind the lock of one whose row is gone.
        """
        note = self.world.rows.notes_of.get(access)
        sessions = self.world.rows.sessions
        if note is not None:
            witness = sessions.get(note.session_id)
            saw = note.gone_at is None and not (witness and witness.orphan_at)
            return note.standing and (bool(note.accepted_by) or saw)
        rows = sessions.values()
        saw = (row for row in rows if row.standing == "yes" and not row.orphan_at)
        return any(row.access == access for row in saw)

    def lives(self, access: Access, before: int | None = None) -> bool:
        """Whether a session of it lives; one that was allowed before then, where that is said."""
        return any(
            row.live and row.access == access and not row.found
            for row in self.world.rows.sessions.values()
            if before is None or (row.allowed_at and self.world.ms(row.allowed_at) < before)
        )

    # ---- what happens

    def doubtful(self, access: Access) -> None:
        """From now on nobody may account for it."""
        if not self.stands(access):
            self.since.pop(access.key, None)
            self.ever_doubtful.add(access.key)
            self.stretches[access.key] += 1

    def accepted(self, access: Access) -> None:
        self.since.setdefault(access.key, self.world.now)
        self.accepted_at.setdefault(access, self.world.now)

    def given(self, access: Access, during: bool) -> None:
        if during:
            self.mixed.add(access.key)
        self.doubtful(access)

    def taken(self, access: Access) -> None:
        self.taken_by_hand.add(access.key)
        note = self.world.rows.notes_of.get(access)
        if note is None or not note.accepted_by:
            self.since.pop(access.key, None)

    def wrote(self, old: Session | None, new: Session) -> None:
        world = self.world
        if old is None and new.found:
            assert world.current is not None
            self.began.setdefault(new.id, world.current.began)
            self.made[new.id] = world.now
            world.faults.saw("reconciliation takes back")
        if new.standing == "no" and old is not None and old.standing == "" and not new.found:
            self._unseen(new)
        if new.standing == "yes" and (old is None or old.standing != "yes"):
            if self.stands(new.access):
                self.since.setdefault(new.access.key, world.now)
            orphan = world.truth.get(new.access.key) in world.ghosts
            thing = "orphan" if orphan else "standing"
            world.faults.saw(f"{thing} seen{' standing' if orphan else ''} by a session")
        if new.standing == "left" and (old is None or old.standing != "left"):
            world.faults.saw("orphan left to reconciliation by a session")
        if old is not None and old.live and not new.live:
            self.over_at[new.access.key] = world.now
        over = old is not None and old.live and not new.live
        if over and new.stands and not self.stands(new.access):
            self.left_at = world.now  # it could not be told, nor taken back, while that lived
            self.doubtful(new.access)

    def _unseen(self, session: Session) -> None:
        """What is listed only after the session was let in is as if it were given during it."""
        shown_since, shown = self.world.listing.get(session.access.key, [(0, False)])[-1]
        assert session.allowed_at is not None
        if shown and shown_since + SKEW_MS >= self.world.ms(session.allowed_at):
            self.mixed.add(session.access.key)

    # ---- what reconciliation does, and must not

    def takes(self, request: "Request", owner: str) -> None:
        """A found session's delete lands on this owner's access."""
        key, world = request.access.key, self.world
        since = self.since.get(key)
        accepted = self.accepted_at.get(request.access, world.now) < self.made[request.session_id]
        found = self.found_began.get(key)  # what was found first, no session explains away
        stood = since is not None and (found is None or since < found)
        if accepted or (stood and since < self.began[request.session_id]):
            world.fail(f"{request.session_id} took back {owner}'s access, which was to stand")
        row = world.rows.sessions.get(owner)
        if row is not None and row.live and not row.found:
            world.fail(f"{request.session_id} took the access of {owner}, which is {row.state}")
        self.taken_back.add(key)

    def hears(self, text: str) -> None:
        """A mail of reconciliation's, about these accesses."""
        world = self.world
        assert world.current is not None
        began = world.current.began
        for command, access in self.commands.items():
            if command not in text.splitlines() and f"  {command}" not in text.splitlines():
                continue
            world.faults.saw("reconciliation says what it found")
            self.said[access.key].append(world.now)
            if access.key in self.ever_doubtful:
                continue
            if self.lives(access, before=began):
                world.fail(f"{short(access.key)} is said to be nobody's, and a session's own")
            if self.since.get(access.key, began) < began:
                world.fail(f"{short(access.key)} is said to be nobody's, and was to stand")

    def log(self, what: str, facts: dict[str, Any]) -> None:
        if what == "left to another":
            self.world.faults.saw("reconciliation lets go")
        if "RowsMended" in facts.get("metrics", ()):
            self.world.faults.saw("row mended by reconciliation")
