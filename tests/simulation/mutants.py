"""The rules of docs/protocol.md and of reconciliation, each left out of our own code in turn.

A fault is found by what comes of it (somebody keeps access, another's access is lost, a session is
stuck), never by a look at the step itself.
"""
# ruff: noqa: E501, ISC004 -- the patches read best as the lines that they change

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from chalicelib.machine import OPEN, TRANSITIONS, State
from chalicelib.ports import Stale
from chalicelib.reconcile import Reconciler
from chalicelib.runner import Runner
from chalicelib.session import Session
from tests.simulation.explorer import Bounds, Explorer
from tests.simulation.planted import Patch, load
from tests.simulation.rows import Rows
from tests.simulation.world import Meddled, World

SMALL = Bounds(faults=1, duration=1, waits=1, end=False, extend=False)
CALM = replace(SMALL, faults=0)
ENDING = replace(SMALL, end=True)
EXTENDING = replace(SMALL, faults=0, extend=True)
LAGGING = replace(SMALL, lags=True)
TIMING_OUT = replace(SMALL, unknown=True)


@dataclass(frozen=True)
class Mutant:
    """One rule left out: by patches of the source, or in the table's conditions."""

    rule: str
    patches: tuple[Patch, ...] = ()
    rows: type[Rows] = Rows
    bounds: Bounds | None = None  # within which the explorer finds it
    seed: int | None = None  # with which the simulation finds it
    lives: type[World] = World
    harmless: str = ""  # why our code is sound without the rule, where it is
    reduced: bool = True  # whether the explorer may count on acts that follow conditional writes

    def runner(self) -> type[Runner]:
        patches = [patch for patch in self.patches if patch[0] not in ("reconcile", "looks")]
        found: type[Runner] = load(patches)["Runner"]
        return found

    def reconciler(self) -> type[Reconciler]:
        patches = [patch for patch in self.patches if patch[0] == "reconcile"]
        found: type[Reconciler] = load(patches, into="reconcile")["Reconciler"]
        return found

    def looks(self) -> dict[str, Any]:
        patches = [patch for patch in self.patches if patch[0] == "looks"]
        return load(patches, into="looks")


@dataclass(frozen=True)
class Verdict:
    """How a planted fault came to light."""

    mutant: Mutant
    found_by: str  # empty: it was not
    outcome: str
    seconds: float


def judge(mutant: Mutant, seeds: int = 3_000, seconds: float = 120) -> Verdict:
    """Looks where it was found before, and only then elsewhere."""
    began = monotonic()
    for found_by, outcome in _looks(mutant, seeds, seconds):
        if outcome:
            return Verdict(mutant, found_by, outcome, monotonic() - began)
    return Verdict(mutant, "", "survives", monotonic() - began)


def _looks(mutant: Mutant, seeds: int, seconds: float) -> Iterator[tuple[str, str]]:
    runner, reconciler, looks = mutant.runner(), mutant.reconciler(), mutant.looks()

    def simulated(seed: int) -> str:
        wrong = mutant.lives(seed, runner, mutant.rows, reconciler, looks).run()
        return next((what for what in wrong if " raised " not in what), "")

    if mutant.seed is not None:
        yield f"seed {mutant.seed}", simulated(mutant.seed)
    if mutant.bounds is not None:
        found = Explorer(
            mutant.bounds, rows=mutant.rows, patches=mutant.patches, reduced=mutant.reduced
        ).explore(seconds=seconds)
        yield f"{found.states:,} states", found.wrong
    for seed in range(seeds):
        yield f"seed {seed}", simulated(seed)


# ---- faults of the table ---------------------------------------------------------------------------


class Unconditional(Rows):
    """Every write lands."""

    def expect(self, session: Session) -> None:
        if session.id not in self.sessions:
            raise Stale(session.id)

    def _put(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        version = max(row.version, session.version) if row else session.version
        super()._put(replace(session, version=version))


class OnStateOnly(Unconditional):
    """Writes ask for the state that they lead from, not for the version."""

    def expect(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        if row is None or session.state not in {row.state, *TRANSITIONS[row.state].values()}:
            raise Stale(session.id)


class ClaimUnconditional(Unconditional):
    """Only the claim's write lands whatever the version."""

    def expect(self, session: Session) -> None:
        row = self.sessions.get(session.id)
        claims = row is not None and session.busy_token not in ("", row.busy_token)
        if not claims and (row is None or row.version != session.version):
            raise Stale(session.id)


class DoorFreedOnRevoking(Rows):
    def _put(self, session: Session) -> None:
        old = self.sessions.get(session.id)
        if old is not None and old.state in OPEN and session.state is State.REVOKING:
            self.free(session.access, session.id)
        super()._put(session)


class DoorFreedOnAsking(Rows):
    def _put(self, session: Session) -> None:
        if session.state is State.REVOKING and session.revoke_call not in ("", "?", "done"):
            self.free(session.access, session.id)
        super()._put(session)


class DoorUnconditional(Rows):
    def allow(self, session: Session) -> None:
        self.expect(session)
        self.doors.pop(session.access.key, None)
        super().allow(session)


class OneWish(Rows):
    def wish(self, session_id: str, kind: str, slack_user: str, now: datetime) -> bool:
        row = self.sessions.get(session_id)
        if row is not None:
            self.sessions[session_id] = replace(row, **{f"{kind}_askers": ()})
        return super().wish(session_id, kind, slack_user, now)


class ExtendWithoutVersion(Rows):
    def extend(self, session: Session) -> None:
        self.expect(session)
        if session.id not in self.leases:
            raise Stale(session.id)
        self._lease(session)
        self._put(replace(session, version=session.version - 1))


class ExtendWithoutLease(Rows):
    def extend(self, session: Session) -> None:
        self.expect(session)
        self._put(session)


class TakesOverAnyway(Rows):
    """Neither a taken door nor an accepted assignment keeps reconciliation from taking it back."""

    def take_over(self, session: Session) -> None:
        self.doors.pop(session.access.key, None)
        self.notes_of.pop(session.access, None)
        super().take_over(session)


# ---- all of them -----------------------------------------------------------------------------------

_NO_CLAIM = """
    def _unclaimed(self, session, look, **changes):
        claimed = session.with_(**changes)
        self.store.write(claimed)
        return claimed.with_(version=session.version + 1)

    def _claim("""
_CLAIM = "\n    def _claim("
_ASKS_CREATE = """        claimed = self._claim(session, look, **asked)
        if claimed is None:
            return self._leave(session, now)
        try:
            request_id = self.identity_center.create(session.access)
"""
_SETTLE_GRANT = """            grant = self._settled(session, session.grant_call)
            if grant is None:
                return self._poll(session, now, session.grant_asked_at)
"""
_SETTLE_REVOKE = "call = self._settled(session, session.revoke_call, deletion=True)\n"
_READ_BACK = "            if self.identity_center.assigned(session.access):\n                text"
_RELEASES = "        return self._release(session, now, look, **changes)\n"
_LIVES = """                if self._another_lives(session):
                    reason = "Another"""
_UNKNOWN = (
    "            busy_until=claimed.busy_until,\n            busy_token=claimed.busy_token,\n"
)

_BLIND = (
    "reconcile",
    "            if session is not None and session.live and session.access == access:\n"
    "                return True\n",
    "",
)
_UNACCEPTED = (
    "reconcile",
    "    if noted.standing and (noted.accepted_by or noted.gone_at is None):\n"
    "        return Verdict.STANDING\n",
    "",
)

MUTANTS = (
    Mutant(
        "no claim before Create",
        (
            ("runner", _CLAIM, _NO_CLAIM),
            ("runner", "self._claim(session, look, **asked)",
             "self._unclaimed(session, look, **asked)"),
        ),
        bounds=CALM,
    ),
    Mutant(
        "no claim before Delete",
        (
            ("runner", _CLAIM, _NO_CLAIM),
            ("runner", "claimed = self._claim(\n            session,\n            look,\n",
             "claimed = self._unclaimed(\n            session,\n            look,\n"),
        ),
        bounds=CALM,
    ),
    Mutant(
        "others ignore busy_until",
        (("session", "return session.busy_until is not None and now < session.busy_until",
          "return False"),),
        bounds=CALM,
    ),
    Mutant(
        "the claim a tick short",
        (("runner", "+ left + NETWORK + SKEW", "+ left + SKEW"),),
        bounds=CALM,
    ),
    Mutant(
        "no skew margin",
        (("runner", "+ left + NETWORK + SKEW", "+ left + NETWORK"),),
        bounds=replace(CALM, skew=1),
    ),
    Mutant(
        "grant not settled",
        (("runner", _SETTLE_GRANT, "            grant = NO_CALL\n"),),
        seed=8, bounds=CALM,
    ),
    Mutant(
        "“?” grant ignored",
        (("runner", "        if call == UNKNOWN:\n",
          "        if call == UNKNOWN and not deletion:\n            return NO_CALL\n"
          "        if call == UNKNOWN:\n"),),
        bounds=SMALL,
    ),
    Mutant(
        "revoke not settled",
        (("runner", _SETTLE_REVOKE, "call = NO_CALL\n"),),
        bounds=CALM,
    ),
    Mutant(
        "“?” delete ignored",
        (("runner", "        if call == UNKNOWN:\n",
          "        if call == UNKNOWN and deletion:\n            return NO_CALL\n"
          "        if call == UNKNOWN:\n"),),
        bounds=SMALL,
    ),
    Mutant(
        "standing observed again",
        (("runner", '            if session.standing == "":\n', "            if True:\n"),),
        seed=0, bounds=CALM,
    ),
    Mutant(
        "standing ignored when revoking",
        (("runner", 'if session.standing != "no":', 'if session.standing == "":'),),
        seed=0, bounds=replace(CALM, standing=True),
    ),
    Mutant(
        "act before intent",
        (("runner", _ASKS_CREATE,
          """        try:
            request_id = self.identity_center.create(session.access)
        except (Refused, Unknown):
            return self._leave(session, now)
        claimed = self._claim(session, look, **asked)
        if claimed is None:
            return self._leave(session, now)
        try:
            pass
"""),),
        reduced=False,
        bounds=SMALL,
    ),
    Mutant("claim written unconditionally", rows=ClaimUnconditional, reduced=False, bounds=SMALL),
    Mutant("conditions on state only", rows=OnStateOnly, reduced=False, bounds=SMALL),
    Mutant("no conditions", rows=Unconditional, reduced=False, bounds=SMALL),
    Mutant("door freed on entering REVOKING", rows=DoorFreedOnRevoking, bounds=CALM),
    Mutant("door freed when the delete is asked", rows=DoorFreedOnAsking, bounds=CALM),
    Mutant("door put unconditionally", rows=DoorUnconditional, bounds=CALM),
    Mutant(
        "no read-back (where listing lags)",
        (("runner", _READ_BACK, "            if False:\n                text"),),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "delete not confirmed (where listing lags)",
        (("runner", _SETTLE_REVOKE,
          'call = (\n                    Call("SUCCEEDED")\n'
          '                    if session.revoke_call not in ("", UNKNOWN)\n'
          "                    else self._settled(session, session.revoke_call, deletion=True)\n"
          "                )\n"),),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "Delete before the grant is settled",
        (
            ("runner", _SETTLE_GRANT, "            grant = NO_CALL\n"),
            ("runner", _READ_BACK, _SETTLE_GRANT + _READ_BACK),
        ),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "list before the grant is settled",
        (
            ("runner", _SETTLE_GRANT, "            grant = NO_CALL\n"),
            ("runner", _RELEASES,
             "".join(line[4:] + "\n" for line in _SETTLE_GRANT.splitlines()) + _RELEASES),
        ),
        bounds=CALM,
    ),
    Mutant(
        "no “expired” in GRANTING",
        (("session", "    if due is not None and now >= due:\n        return TIMEOUTS",
          "    if due is not None and now >= due and session.state is not State.GRANTING:\n"
          "        return TIMEOUTS"),),
        seed=55, bounds=CALM,
    ),
    Mutant(
        "clock not read again at the claim",
        (
            ("runner", "            now = self.clock.now()\n            ask = asks(",
             "            now = self.read_at = self.clock.now()\n            ask = asks("),
            ("runner", "        now = self.clock.now()  # the look-ups took time: the deadline may "
             "have passed\n", "        now = self.read_at\n"),
            ("runner", "until = self.clock.now() + left", "until = self.read_at + left"),
        ),
        bounds=CALM,
    ),
    Mutant(
        "lease deletion ignored",
        (("session", "    if session.state in OPEN and not leased:\n", "    if False:\n"),),
        seed=25, bounds=replace(SMALL, duration=2),
    ),
    Mutant(
        "grant_failed straight to DENIED",
        (("runner", "            return self._happened(session, Event.GRANT_FAILED, now, look, "
          "reason=session.last_error)\n",
          "            self.store.release(session.with_(state=State.DENIED, look_at=None))\n            return None\n"),),
        bounds=LAGGING,
    ),
    Mutant(
        "claim cleared on unknown outcome",
        (("runner", _UNKNOWN, ""),),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "unknown outcome recorded as refused",
        (("runner", _UNKNOWN,
          "            **{'grant_call' if claimed.state is State.GRANTING else 'revoke_call': ''},\n"),),
        bounds=TIMING_OUT,
    ),
    Mutant("a wish takes the place of another's", rows=OneWish, seed=1086),
    Mutant("Extend without version bump", rows=ExtendWithoutVersion, bounds=EXTENDING),
    Mutant("Extend without the lease", rows=ExtendWithoutLease, bounds=EXTENDING),
    Mutant(
        "by-access look left out",
        (("runner", _LIVES, _LIVES.replace("self._another_lives(session)", "False")),),
        bounds=replace(SMALL, hand_door=True),
    ),
    Mutant(
        "by-access look made before the door is taken",
        (
            ("runner", _LIVES, _LIVES.replace("self._another_lives(session)", "False")),
            ("runner", "            try:\n                self.store.allow(allowed)\n",
             "            if self._another_lives(session):\n"
             "                return self._deny(session, 'open', now, look)\n"
             "            try:\n                self.store.allow(allowed)\n"),
        ),
        bounds=replace(SMALL, hand_door=True),
    ),
    Mutant(
        "re-create without settling",
        (("runner", "            call = self._settled(session, session.grant_call)\n",
          "            call = NO_CALL\n"),),
        seed=41, bounds=CALM,
    ),
    Mutant(
        "a late-granted edge back from SETTLING",
        (("runner", "            ask = asks(session, leased, now)\n",
          "            ask = asks(session, leased, now)\n"
          "            settling = session.state is State.SETTLING and session.standing == 'no'\n"
          "            if settling and self.identity_center.assigned(session.access):\n"
          "                back = session.with_(state=State.REVOKING, revoke_call='')\n"
          "                return self._write(back, now)\n"),),
        seed=7,
    ),
    Mutant(
        "Extend by what the settings say now",
        (("runner", "deadline=session.deadline + session.extend,",
          "deadline=session.deadline + getattr(\n"
          "                self.glasses.by_name.get(session.glass), 'duration', session.extend),"),),
        seed=322,
    ),
    Mutant(
        "a door whose session is gone is waited for since the press",
        (("runner", "not _reached(session.orphan_at + LONGEST_CLAIM, now)", "not _reached(session.asked_at + LONGEST_CLAIM, now)"),),
        seed=6019,
        lives=Meddled,
    ),
    Mutant(
        "a door whose session is gone stays shut",
        (("runner", "        claimed = not _reached(session.orphan_at + LONGEST_CLAIM, now)\n",
          "        claimed = True\n"),),
        seed=248,
    ),
    Mutant(
        "a door whose session is gone is free at once",
        (("runner", "        if claimed or aws.creating(session.access, since) or "
          "aws.deleting(session.access, since):\n", "        if False:\n"),),
        seed=118,
        lives=Meddled,
    ),
    Mutant(
        "read back by a listing from before the grant",
        (("runner", "            if not grant.failed and _unseen(session, now):\n", "            if False:\n"),),
        seed=41765,
    ),
    Mutant(
        "granted before the listing shows it",
        (("runner", "            if self.identity_center.assigned(session.access):\n                return self._granted(session, now, look)\n",
          "            if call.succeeded or self.identity_center.assigned(session.access):\n                return self._granted(session, now, look)\n"),),
        seed=9891,
    ),
    Mutant(
        "what is just being deleted is taken for standing",
        (("runner", "                if stands and self.identity_center.deleting(session.access, "
          "now - FORGETS):\n", "                if False:\n"),),
        seed=248,
        lives=Meddled,
    ),
    Mutant(
        "what a session gave that is gone is taken for standing",
        (("runner", 'standing="left" if session.orphan_at else "yes"', 'standing="yes"'),),
        seed=101,
    ),
    Mutant("reconciliation ignores live sessions", (_BLIND,), seed=30),
    Mutant("what was accepted is ignored", (_UNACCEPTED,), seed=0),
    Mutant(
        "what a session saw standing is ignored",
        (("reconcile", "self.books.stood(access) if search else None", "None"),),
        seed=0,
    ),
    Mutant("what was accepted is taken back", (_UNACCEPTED,), rows=TakesOverAnyway, seed=0),
    Mutant(
        "taken back past the door, and at once",
        (
            _BLIND,
            ("reconcile", ").entered(Event.ALLOWED, now, SIDE)",
             ").entered(Event.ALLOWED, now, SIDE).entered(Event.ENDED, now, SIDE, standing='no')"),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "taken back past the door, no look by access",
        (
            _BLIND,
            ("runner", _LIVES, _LIVES.replace("self._another", "not session.found and self._another")),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "an acceptance is overwritten",
        (("reconcile", "        if judge(Facts(False, known, None)) is not Verdict.FOUND:\n"
          "            return  # accepted by name, or noted by another run, since we looked\n", ""),),
        seed=3828,
    ),
    Mutant(
        "what was found is said to nobody",
        (("reconcile", 'owed = ("channel", "mail") if place.glass.channel else ("mail",)', "owed = ()"),),
        seed=32,
    ),
    Mutant(
        "what was found is said in every run",
        (("reconcile", "            self._remember(noted.with_(owed=tuple(to for to in noted.owed if to not in said)))\n",
          "            pass\n"),),
        seed=30,
    ),
    Mutant(
        "what was said is not taken back",
        (("reconcile", "UNEXPLAINED: Final = (Verdict.FOUND, Verdict.SAID)",
          "UNEXPLAINED: Final = (Verdict.FOUND,)"),),
        seed=30,
    ),
    Mutant(
        "taken back, and nobody hears of it",
        (("runner", "owed=(*messages.still_true(session.owed), *messages.news_of_the_end(session)),",
          "owed=() if session.found else (\n                *messages.still_true(session.owed), *messages.news_of_the_end(session)),"),),
        seed=0,
    ),
    Mutant(
        "an orphaned door is not mended",
        (("reconcile", "            self.books.free(access, holder_id)\n", ""),),
        seed=144,
    ),
    Mutant(
        "an orphaned lease is not mended",
        (("reconcile", "            self.books.drop(session_id)\n", ""),),
        seed=96,
    ),
    Mutant(
        "the door of a live session is mended away",
        (("reconcile", "        if door_is_wrong(holder, access) and", "        if"),),
        seed=46,
    ),
    Mutant(
        "the lease of a live session is mended away",
        (("reconcile", "        if lease_is_wrong(session, leased):", "        if leased:"),),
        seed=0,
    ),
    Mutant(
        "a spoiled row ends the sweep",
        (("looks", "        _failed(session_id, error)\n        return\n    if rest",
          "        _failed(session_id, error)\n        raise\n    if rest"),),
        seed=22,
    ),
    Mutant(
        "a spoiled row holds up its whole glass",
        (("reconcile", "            return Verdict.UNREADABLE\n", "            raise\n"),),
        seed=241,
    ),
)  # fmt: skip
