"""The rules of docs/protocol.md and of reconciliation, each left out of our own code in turn.

A fault is found by what comes of it (somebody keeps access, another's access is lost, a session is
stuck), never by a look at the step itself.
"""
# ruff: noqa: E501, ISC004 -- the patches read best as the lines that they change

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Stale
from chalicelib.domain.machine import OPEN, TRANSITIONS, State
from chalicelib.domain.session import Access, Lock, Session
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.runner import Runner
from tests.simulation.explorer import Bounds, Explorer
from tests.simulation.planted import Patch, load
from tests.simulation.rows import Rows
from tests.simulation.world import Behind, Forged, Hung, Meddled, Orphaned, World, shipped

SMALL = Bounds(faults=1, duration=1, waits=1, end=False, extend=False)
CALM = replace(SMALL, faults=0)
ENDING = replace(SMALL, end=True)
EXTENDING = replace(SMALL, faults=0, extend=True)
LAGGING = replace(SMALL, lags=True)
TIMING_OUT = replace(SMALL, unknown=True)
ALONE = replace(TIMING_OUT, crash=False, refuses=False, hand_lease=False)


@dataclass(frozen=True)
class Mutant:
    """One rule left out: by patches of the source, or in the table's conditions."""

    rule: str
    patches: tuple[Patch, ...] = ()
    rows: type[Rows] = Rows
    bounds: Bounds | None = None  # within which the explorer finds it
    seed: int | None = None  # with which the simulation finds it
    lives: type[World] = World
    reduced: bool = True  # whether the explorer may count on acts that follow conditional writes

    def runner(self) -> type[Runner]:
        patches = [patch for patch in self.patches if patch[0] not in ("reconcile", "sweep")]
        found: type[Runner] = load(patches)["Runner"]
        return found

    def reconciler(self) -> type[Reconciler]:
        patches = [patch for patch in self.patches if patch[0] in ("reconcile", "verdict")]
        found: type[Reconciler] = load(patches, into="reconcile")["Reconciler"]
        return found

    def triggers(self) -> dict[str, Any]:
        patches = [patch for patch in self.patches if patch[0] == "sweep"]
        return shipped() | {"sweep": load(patches, into="sweep")["Sweep"]}


@dataclass(frozen=True)
class Verdict:
    """How a planted fault came to light."""

    mutant: Mutant
    found_by: str  # empty: it was not
    outcome: str
    seconds: float


def judge(mutant: Mutant, seeds: int = 3_000, seconds: float = 400) -> Verdict:
    """Looks where it was found before, and only then elsewhere."""
    began = monotonic()
    for found_by, outcome in _looks(mutant, seeds, seconds):
        if outcome:
            return Verdict(mutant, found_by, outcome, monotonic() - began)
    return Verdict(mutant, "", "survives", monotonic() - began)


def _looks(mutant: Mutant, seeds: int, seconds: float) -> Iterator[tuple[str, str]]:
    runner, reconciler, triggers = mutant.runner(), mutant.reconciler(), mutant.triggers()

    def simulated(seed: int) -> str:
        wrong = mutant.lives(seed, runner, mutant.rows, reconciler, triggers).run()
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


class LockFreedOnRevoking(Rows):
    def _put(self, session: Session) -> None:
        old = self.sessions.get(session.id)
        if old is not None and old.state in OPEN and session.state is State.REVOKING:
            self.free(session.access, Lock(session.id))
        super()._put(session)


class LockFreedOnAsking(Rows):
    def _put(self, session: Session) -> None:
        if session.state is State.REVOKING and session.revoke_call not in ("", "?", "done"):
            self.free(session.access, Lock(session.id))
        super()._put(session)


class LockFreedThoughADeleteMayLand(Rows):
    def release(self, session: Session) -> None:
        super().release(session.with_(revoke_late_until=None))


class LockFreedBlindly(Rows):
    """Whatever has become of the lock since it was looked at."""

    def free(self, access: Access, lock: Lock) -> None:
        if self.locks.get(access.key) == lock.holder:
            self.unlock(access.key)


class LockUnconditional(Rows):
    def allow(self, session: Session) -> None:
        self.expect(session)
        self.locks.pop(session.access.key, None)
        super().allow(session)


class ExtendWithoutVersion(Rows):
    def decide(self, ask: Ask, session: Session | None = None) -> None:
        super().decide(ask, session)
        if session is not None and ask.outcome == "extended":
            row = self.sessions[session.id]
            self.sessions[session.id] = replace(row, version=session.version)


class ExtendWithoutLease(Rows):
    def decide(self, ask: Ask, session: Session | None = None) -> None:
        before = dict(self.leases)
        if session is not None:
            self.leases.setdefault(session.id, 0)
        try:
            super().decide(ask, session)
        finally:
            self.leases = before


class TakesOverAnyway(Rows):
    """Neither a taken lock nor an accepted assignment keeps reconciliation from taking it back."""

    def take_over(self, session: Session) -> None:
        self.locks.pop(session.access.key, None)
        self.notes_of.pop(session.access, None)
        super().take_over(session)


# ---- all of them -----------------------------------------------------------------------------------

_NO_CLAIM = """
    def unclaimed(self, session, turn, late="", **changes):
        claimed = session.with_(**changes)
        self.store.write(claimed)
        return claimed.with_(version=session.version + 1)

    def claim(self, session: Session, turn: Turn, late"""
_CLAIM = "\n    def claim(self, session: Session, turn: Turn, late"
_CLAIMS_CREATE = 'self.calls.claim(session, turn, "grant_late_until", **asked)'
_CLAIMS_DELETE = "claimed = self.calls.claim(\n            session,\n            turn,\n"
_ASKS_CREATE = """        claimed = self.calls.claim(session, turn, "grant_late_until", **asked)
        if claimed is None:
            return self.commit.leave(session, now)
        return self.calls.held(claimed, lambda: self._asks_create(claimed, turn))
"""
_SETTLE_GRANT = """        grant = self.calls.settled(session, session.grant_call)
        if grant is None:
            return self._revoke_early(session, now, turn, changes)
"""
_SETTLE_REVOKE = "call = self.calls.settled(session, session.revoke_call, deletion=True)\n"
_READ_BACK = "        if self.identity_center.assigned(session.access):\n            listed"
_RELEASES = "        return self._release(session.with_(**changes), turn)\n"
_LIVES = """            if self._another_lives(session):
                reason = "Another"""
_UNKNOWN_CREATE = """        except Unknown as unknown:
            return self.calls.outcome(claimed, unknown)
"""
_MAY_LAND = """            if not deletion and not reached(session.grant_late_until or now, now):
                return None
"""
_IN_THE_WAY = (
    "        if late or aws.creating(session.access, since) or "
    "aws.deleting(session.access, since):\n"
)

_BLIND = (
    "reconcile",
    "            if session is not None and session.live and session.access == access:\n"
    "                return True\n",
    "",
)
_UNACCEPTED = (
    "verdict",
    "    if noted.standing and (noted.accepted_by or noted.gone_at is None):\n"
    "        return Verdict.STANDING\n",
    "",
)

MUTANTS = (
    Mutant(
        "no claim before Create",
        (("calls", _CLAIM, _NO_CLAIM),
         ("grant", _CLAIMS_CREATE, _CLAIMS_CREATE.replace("claim(", "unclaimed("))),
        bounds=CALM,
        seed=338,
    ),
    Mutant(
        "no claim before Delete",
        (("calls", _CLAIM, _NO_CLAIM),
         ("revoke", _CLAIMS_DELETE, _CLAIMS_DELETE.replace("claim(", "unclaimed("))),
        bounds=CALM,
    ),
    Mutant(
        "the claim a tick short",
        (("calls", "+ left + NETWORK_DELAY + CLOCK_SKEW", "+ left + CLOCK_SKEW"),),
        bounds=SMALL,
    ),
    Mutant(
        "no skew margin",
        (("calls", "+ left + NETWORK_DELAY + CLOCK_SKEW", "+ left + NETWORK_DELAY"),),
        bounds=replace(SMALL, skew=1),
    ),
    Mutant(
        "grant not settled",
        (("revoke", _SETTLE_GRANT, "        grant = NO_CALL\n"),),
        bounds=CALM,
    ),
    Mutant(
        "“?” grant ignored",
        (("calls", "        if call == UNKNOWN:\n",
          "        if call == UNKNOWN and not deletion:\n            return NO_CALL\n"
          "        if call == UNKNOWN:\n"),),
        bounds=SMALL,
        seed=338,
    ),
    Mutant(
        "a create that may be on its way is not waited for",
        (("calls", _MAY_LAND, ""),),
        bounds=TIMING_OUT,
        seed=338,
    ),
    Mutant(
        "revoke not settled",
        (("revoke", _SETTLE_REVOKE, "call = NO_CALL\n"),),
        bounds=SMALL,
    ),
    Mutant(
        "standing observed again",
        (("grant", '        if session.standing == Prior.UNKNOWN:\n            if self._another',
          "        if True:\n            if self._another"),),
        bounds=CALM,
        seed=1,
    ),
    Mutant(
        "standing ignored when revoking",
        (("revoke", 'if session.standing != Prior.NONE:', 'if session.standing == "":'),),
        bounds=replace(CALM, standing=True),
        seed=12,
    ),
    Mutant(
        "act before intent",
        (("grant", _ASKS_CREATE,
          """        try:
            request_id = self.identity_center.create(session.access)
        except (Refused, Unknown):
            return self.commit.leave(session, now)
        claimed = self.calls.claim(session, turn, "grant_late_until", **asked)
        if claimed is None:
            return self.commit.leave(session, now)
        return self.calls.outcome(claimed, turn=turn, grant_late_until=None, grant_call=request_id)
"""),),
        reduced=False,
        bounds=SMALL,
        seed=61,
    ),
    Mutant("claim written unconditionally", rows=ClaimUnconditional, reduced=False, bounds=SMALL),
    Mutant("conditions on state only", rows=OnStateOnly, reduced=False, bounds=SMALL),
    Mutant("no conditions", rows=Unconditional, reduced=False, bounds=SMALL),
    Mutant("lock freed on entering REVOKING", rows=LockFreedOnRevoking, bounds=CALM, seed=14),
    Mutant("lock freed when the delete is asked", rows=LockFreedOnAsking, bounds=CALM, seed=61),
    Mutant("lock freed though a delete may land", rows=LockFreedThoughADeleteMayLand, bounds=SMALL),
    Mutant("a lock that has changed is freed", rows=LockFreedBlindly, bounds=ALONE),
    Mutant(
        "what may land is forgotten with an unknown delete",
        (("revoke", "                known = {}  # from now on a delete of ours may be under way\n",
          "                claimed = claimed.with_(revoke_late_until=None)\n"),),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "an earlier delete's time is forgotten",
        (("revoke", '{"revoke_late_until": before}', '{"revoke_late_until": None}'),),
        bounds=SMALL,
    ),
    Mutant(
        "what an early delete came to is believed",
        (("revoke", "        early = was_asked_early(session)\n", "        early = False\n"),),
        lives=Behind,
        seed=203139,
    ),
    Mutant("lock put unconditionally", rows=LockUnconditional, bounds=CALM, seed=4),
    Mutant(
        "no read-back (where listing lags)",
        (("revoke", _READ_BACK, "        if False:\n            listed"),),
        bounds=replace(CALM, lags=True),
        seed=372,
    ),
    Mutant(
        "delete not confirmed (where listing lags)",
        (("revoke", _SETTLE_REVOKE,
          'call = (\n            Call("SUCCEEDED")\n'
          '            if session.revoke_call not in ("", UNKNOWN)\n'
          "            else self.calls.settled(session, session.revoke_call, deletion=True)\n"
          "        )\n"),),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "Delete before the grant is settled",
        (("revoke", _SETTLE_GRANT, "        grant = NO_CALL\n"),
         ("revoke", _READ_BACK, _SETTLE_GRANT + _READ_BACK)),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "list before the grant is settled",
        (("revoke", _SETTLE_GRANT, "        grant = NO_CALL\n"),
         ("revoke", _RELEASES, _SETTLE_GRANT + _RELEASES)),
        bounds=CALM,
    ),
    Mutant(
        "no “expired” in GRANTING",
        (("schedule", "    if due is not None and now >= due:\n        return ROWS",
          "    if due is not None and now >= due and session.state is not State.GRANTING:\n"
          "        return ROWS"),),
        bounds=CALM,
    ),
    Mutant(
        "clock not read again at the claim",
        (
            ("runner", "            now = self.clock.now()\n            due = asks(",
             "            now = Session.read_at = self.clock.now()\n            due = asks("),
            ("grant", "        now = self.clock.now()  # the look-ups took time: the deadline may "
             "have passed\n", "        now = Session.read_at\n"),
            ("calls", "        now = self.clock.now()\n        until = now + left",
             "        now = Session.read_at\n        until = now + left"),
        ),
        bounds=CALM,
    ),
    Mutant(
        "lease deletion ignored",
        (("schedule", "    if ROWS[session.state].open and not leased:\n", "    if False:\n"),),
        bounds=replace(SMALL, duration=2),
    ),
    Mutant(
        "grant_failed straight to DENIED",
        (("grant", "            return became(session, Event.GRANT_FAILED)\n",
          "            self.store.release(session.with_(state=State.DENIED, look_at=None))\n            return None\n"),),
        bounds=LAGGING,
    ),
    Mutant(
        "claim cleared on unknown outcome",
        (("grant", _UNKNOWN_CREATE,
          _UNKNOWN_CREATE.replace("unknown)", "unknown, grant_late_until=None)")),),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "unknown outcome recorded as refused",
        (("grant", _UNKNOWN_CREATE, _UNKNOWN_CREATE.replace("unknown)", "unknown, grant_call='')")),),
        bounds=TIMING_OUT,
    ),
    Mutant("Extend without version bump", rows=ExtendWithoutVersion, bounds=EXTENDING),
    Mutant("Extend without the lease", rows=ExtendWithoutLease, bounds=EXTENDING),
    Mutant(
        "whoever asks may end and extend it",
        (("asks", "        if may.refusal:\n            return decided", "        if False:\n            return decided"),),
        seed=15,
    ),
    Mutant(
        "what a row says is granted",
        (("grant", "        if not proven:\n            lock", "        if False:\n            lock"),),
        lives=Forged,
        seed=1,
    ),
    Mutant(
        "what is asked to be taken back is taken back",
        (("asks", "            back = self.decider.found(found) if self._unexplained(found.access) else None\n", "            back = found\n"),),
        lives=Forged,
        seed=129,
    ),
    Mutant(
        "alarms wait for the claim",
        (("runner", "            if reached(escalates_at(session), now):",
          "            if not busy(session, now) and reached(escalates_at(session), now):"),),
        lives=Hung,
        seed=117,
    ),
    Mutant(
        "alarms wait for the duty",
        (("runner", "            if reached(escalates_at(session), now):",
          "            if due is None and reached(escalates_at(session), now):"),),
        seed=904,
    ),
    Mutant(
        "a try rests from when it was begun",
        (("commit", "        now = max(now, self.clock.now())\n        error = str(trouble)\n",
          "        error = str(trouble)\n"),),
        lives=Hung,
        seed=8,
    ),
    Mutant(
        "where looks hang no time is kept to say it",
        (("sweep", "            hangs = whole - remaining() > looked * A_LOOK_TAKES\n",
          "            hangs = False\n"),),
        lives=Hung,
        seed=62,
    ),
    Mutant(
        "what could not be said comes after another try",
        (("runner", "not (says and turn.says_first)", "True"),),
        lives=Hung,
        seed=109,
    ),
    Mutant(
        "who repeats a try to tell does not keep others from it",
        (("changes", "    return bool(session.tell_token) and session.tell_at is not None",
          "    return session.tell_tries == 0 and session.tell_at is not None"),),
        lives=Hung,
        seed=62,
    ),
    Mutant(
        "what is to be discovered comes before the row is read",
        (("runner", "            session, leased = (known, True) if known",
          "            self.calls.identity_center.permission_set(ARN)\n"
          "            session, leased = (known, True) if known"),
         ("runner", "STEPS = ", "ARN = 'arn:aws:sso:::permissionSet/ssoins-1/ps-1'\nSTEPS = ")),
        seed=1,
    ),
    Mutant(
        "by-access look left out",
        (("grant", _LIVES, _LIVES.replace("self._another_lives(session)", "False")),),
        bounds=replace(SMALL, lock_deleted=True),
    ),
    Mutant(
        "by-access look made before the lock is taken",
        (
            ("grant", _LIVES, _LIVES.replace("self._another_lives(session)", "False")),
            ("decide", "        try:\n            self.store.allow(allowed)\n",
             "        others = (each for each in self.store.living(session.access) if each != session.id)\n"
             "        if any(other and other.live for other, _ in map(self.store.read, others)):\n"
             "            return self._deny(session, 'open', now)\n"
             "        try:\n            self.store.allow(allowed)\n"),
        ),
        bounds=replace(SMALL, lock_deleted=True),
    ),
    Mutant(
        "re-create without settling",
        (("grant", "        call = self.calls.settled(session, session.grant_call)\n",
          "        call = NO_CALL\n"),),
        bounds=CALM,
    ),
    Mutant(
        "a late-granted edge back from SETTLING",
        (("runner", "            due = asks(session, leased, now)\n",
          "            due = asks(session, leased, now)\n"
          "            settling = session.state is State.SETTLING and session.standing == 'no'\n"
          "            if settling and self.calls.identity_center.assigned(session.access):\n"
          "                back = session.with_(state=State.REVOKING, revoke_call='')\n"
          "                return self.commit.write(back, now)\n"),),
    ),
    Mutant(
        "Extend by what the settings say now",
        (("asks", "return extended(decided, session, may.email, now)",
          "return extended(decided, session.with_(extend=getattr(\n"
          "                    self.decider.glasses.by_name.get(session.glass), 'duration',\n"
          "                    session.extend)), may.email, now)"),),
    ),
    Mutant(
        "a lock whose session is gone is waited for since the press",
        (("decide", "session.orphan_at + LONGEST_CLAIM", "session.asked_at + LONGEST_CLAIM"),),
        lives=Orphaned,
        seed=268,
    ),
    Mutant(
        "a lock whose session is gone stays shut",
        (("decide", "        late = not reached(free_at, now)\n", "        late = True\n"),),
        seed=272,
    ),
    Mutant(
        "a lock whose session is gone is free at once",
        (("decide", _IN_THE_WAY, "        if False:\n"),),
        lives=Meddled,
    ),
    Mutant(
        "read back by a listing from before the grant",
        (("revoke", "        if not grant.failed and never_seen(session.with_(**changes), now):\n",
          "        if False:\n"),),
        lives=Behind,
        seed=28,
    ),
    Mutant(
        "granted before the listing shows it",
        (("grant", "        if self.identity_center.assigned(session.access):\n            return self._granted(",
          "        if (call and call.succeeded) or self.identity_center.assigned(session.access):\n            return self._granted("),),
        lives=Behind,
        seed=71,
    ),
    Mutant(
        "what is just being deleted is taken for standing",
        (("grant", "            if stands and self.identity_center.deleting(session.access, "
          "now - AWS_FORGETS_AFTER):\n", "            if False:\n"),),
        lives=Behind,
        seed=52,
    ),
    Mutant(
        "what a session gave that is gone is taken for standing",
        (("grant", 'standing=Prior.UNEXPLAINED if session.orphan_at else Prior.EXPLAINED', 'standing="yes"'),),
        seed=248,
    ),
    Mutant("reconciliation ignores live sessions", (_BLIND,), seed=30),
    Mutant("what was accepted is ignored", (_UNACCEPTED,), seed=32),
    Mutant(
        "what a session saw standing is ignored",
        (("reconcile", "self.books.session_that_saw(access) if search else None", "None"),),
        seed=29,
    ),
    Mutant("what was accepted is taken back", (_UNACCEPTED,), rows=TakesOverAnyway, seed=0),
    Mutant(
        "taken back past the lock, and at once",
        (
            _BLIND,
            ("asks", "            back, _ = scheduled(back, now)\n",
             "            back = back.entered(Event.ENDED, now, turn.seen_by, standing='no')\n            back, _ = scheduled(back, now)\n"),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "taken back past the lock, no look by access",
        (
            _BLIND,
            ("grant", _LIVES, _LIVES.replace("self._another", "not session.found and self._another")),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "an acceptance is overwritten",
        (("reconcile", "        if judge(Facts(False, known, None)) is not Verdict.FOUND:\n"
          "            return  # accepted by name, or noted by another run, since we looked\n", ""),),
        seed=4453,
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
        (("reconcile", "if verdict in UNEXPLAINED]", "if verdict is Verdict.FOUND]"),),
        seed=50,
    ),
    Mutant(
        "taken back, and nobody hears of it",
        (("revoke", "            owed=(\n                *notifications.still_true(session),",
          "            owed=() if session.found else (\n                *notifications.still_true(session),"),),
        seed=0,
    ),
    Mutant(
        "an orphaned lock is not mended",
        (("reconcile", "            self.books.free(access, lock)\n", ""),),
        seed=144,
    ),
    Mutant(
        "an orphaned lease is not mended",
        (("reconcile", "            self.books.drop(session_id)\n", ""),),
        seed=96,
    ),
    Mutant(
        "the lock of a live session is mended away",
        (("reconcile", "        if lock_is_wrong(holder, access) and", "        if"),),
        seed=38,
    ),
    Mutant(
        "the lease of a live session is mended away",
        (("reconcile", "        if lease_is_wrong(session, leased):", "        if leased:"),),
        seed=0,
    ),
    Mutant(
        "a spoiled row ends the sweep",
        (("sweep", "            self._alarm(row_id, error)\n            return\n        if rest",
          "            self._alarm(row_id, error)\n            raise\n        if rest"),),
        seed=105,
    ),
    Mutant(
        "a spoiled row holds up its whole glass",
        (("reconcile", "            return Verdict.UNREADABLE\n", "            raise\n"),), lives=Meddled,
    ),
)  # fmt: skip
