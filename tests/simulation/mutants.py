"""The rules of docs/protocol.md and of reconciliation, each left out of our own code in turn.

A fault is found by what comes of it (somebody keeps access, another's access is lost, a session is
stuck), never by a look at the step itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import Any

from chalicelib.domain import lasting, oncall, verdict
from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Stale
from chalicelib.domain.machine import OPEN, TRANSITIONS, State
from chalicelib.domain.session import Access, Lock, Session
from chalicelib.domain.verdict import Verdict
from chalicelib.triggers import sweep
from chalicelib.triggers.sweep import Sweep
from chalicelib.workflow import (
    asked,
    asks,
    calls,
    changes,
    notifications,
    policy,
    reconcile,
    revoke,
    runner,
)
from chalicelib.workflow.asks import Asks
from chalicelib.workflow.calls import Calls
from chalicelib.workflow.commit import Commit
from chalicelib.workflow.decide import Decide
from chalicelib.workflow.deciding import Decider
from chalicelib.workflow.grant import Grant
from chalicelib.workflow.oncall import Renewal
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.revoke import Revoke
from chalicelib.workflow.runner import Runner
from chalicelib.workflow.timing import NOTHING
from tests.fakes.table import Rows
from tests.simulation import faulty
from tests.simulation.explorer import Bounds, Explorer, Found, ticking
from tests.simulation.lives import (
    Behind,
    Extended,
    Forged,
    Hung,
    Insistent,
    Meddled,
    Orphaned,
)
from tests.simulation.planted import Outdated, Patch, Swap, constants, load, patched, swapped
from tests.simulation.shifts import Shifts
from tests.simulation.watched import Watched
from tests.simulation.world import World

SMALL = Bounds(faults=1, duration=1, waits=1, end=False, extend=False)
CALM = replace(SMALL, faults=0)
ENDING = replace(SMALL, end=True)
EXTENDING = replace(SMALL, faults=0, extend=True)
LAGGING = replace(SMALL, lags=True)
TIMING_OUT = replace(SMALL, unknown=True)
ALONE = replace(TIMING_OUT, crash=False, refuses=False, hand_lease=False)


@dataclass(frozen=True)
class Mutant:
    """One rule left out: by what stands in for our code, or in the table's conditions."""

    rule: str
    swaps: tuple[Swap, ...] = ()
    patches: tuple[Patch, ...] = ()  # of the text, where a swap would be a copy of it
    rows: type[Rows] = Rows
    bounds: Bounds | None = None  # within which the explorer finds it
    seed: int | None = None  # with which the simulation finds it
    lives: type[World] = World
    reduced: bool = True  # whether the explorer may count on acts that follow conditional writes

    def __post_init__(self) -> None:
        if self.swaps and self.patches:
            raise ValueError(f"{self.rule}: what is patched is made afresh, without the swaps")

    def runner(self) -> type[Runner]:
        found: type[Runner] = load(self.patches)["Runner"] if self.patches else Runner
        return found

    def applies(self) -> None:
        """Raises Outdated, with the rule's name, where our code has not what is replaced."""
        try:
            for swap in self.swaps:
                swap.places()
            patched(self.patches)
            for kind in self.rows.__mro__[: self.rows.__mro__.index(Rows)]:
                for name in vars(kind).keys() - vars(type("Empty", (), {})).keys():
                    if not hasattr(Rows, name):
                        raise Outdated(f"there is no Rows.{name} any more")
        except Outdated as outdated:
            raise Outdated(f"“{self.rule}” is planted nowhere: {outdated}") from outdated

    def parts(self) -> dict[str, Any]:
        """What a life is made of besides its seed; it is to be lived while `swaps` stand in."""
        return {
            "runner": self.runner(),
            "rows": self.rows,
            "reconciler": Reconciler,
        }

    def explored(self, seconds: float) -> Found:
        """Every interleaving within the bounds, with the fault in each."""
        assert self.bounds is not None
        if self.patches:
            explorer = Explorer(self.bounds, self.rows, self.patches, self.reduced)
            return explorer.explore(seconds=seconds)
        with constants(**ticking(self.bounds)), swapped(*self.swaps):
            names = {**vars(runner)}
            return Explorer(self.bounds, self.rows, (), self.reduced, names).explore(seconds)


@dataclass(frozen=True)
class Judged:
    """How a planted fault came to light."""

    mutant: Mutant
    found_by: str  # empty: it was not
    outcome: str
    seconds: float


def judge(mutant: Mutant, seeds: int = 3_000, seconds: float = 400) -> Judged:
    """Looks where it was found before, and only then elsewhere."""
    began = monotonic()
    try:
        mutant.applies()
    except Outdated as outdated:
        return Judged(mutant, "", str(outdated), 0)
    for found_by, outcome in _looks(mutant, seeds, seconds):
        if outcome:
            return Judged(mutant, found_by, outcome, monotonic() - began)
    return Judged(mutant, "", "survives", monotonic() - began)


def _looks(mutant: Mutant, seeds: int, seconds: float) -> Iterator[tuple[str, str]]:
    parts = mutant.parts()

    def simulated(seed: int) -> str:
        with swapped(*mutant.swaps):
            wrong = mutant.lives(seed, **parts).run()
        return next((what for what in wrong if " raised " not in what), "")

    if mutant.seed is not None:
        yield f"seed {mutant.seed}", simulated(mutant.seed)
    if mutant.bounds is not None:
        found = mutant.explored(seconds)
        yield f"{found.states:,} states", found.wrong
    for seed in range(seeds):
        yield f"seed {seed}", simulated(seed)


# ---- faults of the table


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


# ---- all of them

# Three put something in the middle of Revoke.__call__ or of Runner.step. To swap it would be to
# copy all of that function, so these are patches of the text.
_SETTLE_GRANT = """        grant = self.calls.settled(session, session.grant_call)
        if grant is None:
            return self._revoke_early(session, now, turn, changes)
"""
_READ_BACK = "        if self.identity_center.assigned(session.access):\n            listed"
_RELEASES = "        return self._release(session.with_(**changes), turn)\n"

_LATE_GRANT = """            due = what_is_due(session, leased, now)
            settling = session.state is State.SETTLING and session.standing == "no"
            if settling and self.calls.identity_center.assigned(session.access):
                back = session.with_(state=State.REVOKING, revoke_call="")
                return self.commit.write(back, now)
"""

_BLIND = Swap(lambda: Reconciler._lives, faulty.does_and_says_no)
_UNACCEPTED = Swap(lambda: verdict.judge, faulty.nothing_stands, everywhere=True)

MUTANTS = (
    Mutant(
        "no claim before Create",
        swaps=(Swap(lambda: Calls.claim, faulty.writes_without_claim(State.GRANTING)),),
        bounds=CALM,
        seed=338,
    ),
    Mutant(
        "no claim before Delete",
        swaps=(Swap(lambda: Calls.claim, faulty.writes_without_claim(State.REVOKING)),),
        bounds=CALM,
    ),
    Mutant(
        "the claim a tick short",
        swaps=(Swap(lambda: calls.NETWORK_DELAY, NOTHING),),
        bounds=SMALL,
    ),
    Mutant(
        "no skew margin",
        swaps=(Swap(lambda: Calls.claim, faulty.claims_without_skew),),
        bounds=replace(SMALL, skew=1),
    ),
    Mutant(
        "grant not settled",
        swaps=(Swap(lambda: Calls.settled, faulty.settles_no_grant_of(State.REVOKING)),),
        bounds=CALM,
    ),
    Mutant(
        "“?” grant ignored",
        swaps=(Swap(lambda: Calls.settled, faulty.settles_no_unknown_grant),),
        bounds=SMALL,
        seed=338,
    ),
    Mutant(
        "a create that may be on its way is not waited for",
        swaps=(Swap(lambda: Calls.settled, faulty.waits_for_no_grant),),
        bounds=TIMING_OUT,
        seed=338,
    ),
    Mutant(
        "revoke not settled",
        swaps=(Swap(lambda: Calls.settled, faulty.settles_no_revoke),),
        bounds=SMALL,
    ),
    Mutant(
        "standing observed again",
        swaps=(Swap(lambda: Grant.__call__, faulty.observes_again),),
        bounds=CALM,
        seed=1,
    ),
    Mutant(
        "standing ignored when revoking",
        swaps=(Swap(lambda: Revoke.__call__, faulty.revokes_what_stood),),
        bounds=replace(CALM, standing=True),
        seed=12,
    ),
    Mutant(
        "act before intent",
        swaps=(
            Swap(lambda: Calls.claim, faulty.asks_before_it_claims),
            Swap(lambda: Grant._asks_create, faulty.has_asked_already),
        ),
        reduced=False,
        bounds=SMALL,
        seed=61,
    ),
    Mutant(
        "claim written unconditionally",
        rows=ClaimUnconditional,
        reduced=False,
        bounds=SMALL,
    ),
    Mutant(
        "conditions on state only",
        rows=OnStateOnly,
        reduced=False,
        bounds=SMALL,
    ),
    Mutant(
        "no conditions",
        rows=Unconditional,
        reduced=False,
        bounds=SMALL,
    ),
    Mutant(
        "lock freed on entering REVOKING",
        rows=LockFreedOnRevoking,
        bounds=CALM,
        seed=14,
    ),
    Mutant(
        "lock freed when the delete is asked",
        rows=LockFreedOnAsking,
        bounds=CALM,
        seed=61,
    ),
    Mutant(
        "lock freed though a delete may land",
        rows=LockFreedThoughADeleteMayLand,
        bounds=SMALL,
    ),
    Mutant(
        "a lock that has changed is freed",
        rows=LockFreedBlindly,
        bounds=ALONE,
    ),
    Mutant(
        "what may land is forgotten with an unknown delete",
        swaps=(Swap(lambda: Revoke._asks_delete, faulty.forgets_what_may_land),),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "an earlier delete's time is forgotten",
        swaps=(Swap(lambda: Revoke._asks_delete, faulty.forgets_before),),
        bounds=SMALL,
    ),
    Mutant(
        "what an early delete came to is believed",
        swaps=(
            Swap(lambda: revoke.was_asked_early, faulty.no),
            Swap(lambda: Revoke._asks_delete, faulty.knows_what_was_early),
        ),
        lives=Behind,
        seed=203139,
    ),
    Mutant(
        "lock put unconditionally",
        rows=LockUnconditional,
        bounds=CALM,
        seed=4,
    ),
    Mutant(
        "no read-back (where listing lags)",
        swaps=(
            Swap(lambda: Revoke.__call__, faulty.never_reads_back),
            Swap(lambda: Revoke._revoke_early, faulty.reads_before_the_delete),
        ),
        bounds=replace(CALM, lags=True),
        seed=372,
    ),
    Mutant(
        "delete not confirmed (where listing lags)",
        swaps=(Swap(lambda: Calls.settled, faulty.confirms_no_revoke),),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "Delete before the grant is settled",
        patches=(
            ("revoke", _SETTLE_GRANT, "        grant = NO_CALL\n"),
            ("revoke", _READ_BACK, _SETTLE_GRANT + _READ_BACK),
        ),
        bounds=replace(CALM, lags=True),
    ),
    Mutant(
        "list before the grant is settled",
        patches=(
            ("revoke", _SETTLE_GRANT, "        grant = NO_CALL\n"),
            ("revoke", _RELEASES, _SETTLE_GRANT + _RELEASES),
        ),
        bounds=CALM,
    ),
    Mutant(
        "no “expired” in GRANTING",
        swaps=(Swap(lambda: runner.what_is_due, faulty.never_expires_while_granting),),
        bounds=CALM,
    ),
    Mutant(
        "clock not read again at the claim",
        swaps=(
            Swap(lambda: runner.what_is_due, faulty.asks_and_remembers),
            Swap(lambda: Grant._create, faulty.with_the_step_s_time),
            Swap(lambda: Calls.claim, faulty.with_the_step_s_time),
        ),
        bounds=CALM,
    ),
    Mutant(
        "lease deletion ignored",
        swaps=(Swap(lambda: runner.what_is_due, faulty.misses_no_lease),),
        bounds=replace(SMALL, duration=2),
    ),
    Mutant(
        "grant_failed straight to DENIED",
        swaps=(Swap(lambda: Grant.__call__, faulty.denies_at_once),),
        bounds=LAGGING,
    ),
    Mutant(
        "claim cleared on unknown outcome",
        swaps=(
            Swap(
                lambda: Calls.outcome,
                faulty.writes_of_an_unknown(State.GRANTING, grant_late_until=None),
            ),
        ),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "unknown outcome recorded as refused",
        swaps=(
            Swap(lambda: Calls.outcome, faulty.writes_of_an_unknown(State.GRANTING, grant_call="")),
        ),
        bounds=TIMING_OUT,
    ),
    Mutant(
        "Extend without version bump",
        rows=ExtendWithoutVersion,
        bounds=EXTENDING,
    ),
    Mutant(
        "Extend without the lease",
        rows=ExtendWithoutLease,
        bounds=EXTENDING,
    ),
    Mutant(
        "whoever asks may end and extend it",
        swaps=(Swap(lambda: Decider.may_touch, faulty.refuses_nobody),),
        seed=15,
    ),
    Mutant(
        "somebody approves for themselves, as another user of Slack",
        swaps=(Swap(lambda: Decider._may_touch, faulty.takes_nobody_for_the_same),),
        lives=Watched,
        seed=39,
    ),
    Mutant(
        "somebody approves and acknowledges for themselves",
        swaps=(Swap(lambda: Decider.may_touch, faulty.takes_their_own_word),),
        lives=Watched,
        seed=18,
    ),
    Mutant(
        "somebody reviews what they did themselves",
        swaps=(Swap(lambda: Decider.may_touch, faulty.reviews_their_own),),
        lives=Watched,
        seed=14,
    ),
    Mutant(
        "closed without the review that is owed",
        patches=(("reports", "session.review and session.granted_at", "session.review is None"),),
        lives=Watched,
        seed=1,
    ),
    Mutant(
        "approved when its time was up",
        patches=(("asks", "reached(session.times_out_at, now)", "reached(session.deadline, now)"),),
        lives=Watched,
        seed=11,
    ),
    Mutant(
        "let in without approval",
        swaps=(Swap(lambda: Decider.waits, faulty.nothing),),
        lives=Watched,
        seed=1,
    ),
    Mutant(
        "whoever asks goes in without approval",
        swaps=(Swap(lambda: Decider._may_touch, faulty.refuses_nobody),),
        lives=Watched,
        seed=13,
    ),
    Mutant(
        "in without approval and without a reason",
        swaps=(Swap(lambda: asked.why_now, faulty.some_word),),
        lives=Watched,
        seed=35,
    ),
    Mutant(
        "a reason again and again",
        swaps=(Swap(lambda: asks.reasoned, faulty.notes_each_reason),),
        lives=Insistent,
        seed=0,
    ),
    Mutant(
        "what a row says is granted",
        swaps=(Swap(lambda: Grant._create, faulty.believes_the_row),),
        lives=Forged,
        seed=1,
    ),
    Mutant(
        "what is asked to be taken back is taken back",
        swaps=(
            Swap(lambda: Asks._unexplained, faulty.yes),
            Swap(lambda: Decider.found, faulty.takes_what_is_asked),
        ),
        lives=Forged,
        seed=129,
    ),
    Mutant(
        "whoever presses is on call",
        swaps=(Swap(lambda: policy.admits, faulty.yes),),
        lives=Shifts,
        seed=0,
    ),
    Mutant(
        "an old list of who is on call is as good as a fresh one",
        swaps=(Swap(lambda: oncall.fresh, faulty.is_there),),
        lives=Shifts,
        seed=39,
    ),
    Mutant(
        "a group that is gone keeps its list",
        swaps=(Swap(lambda: Renewal._heard, faulty.keeps_who_was_on_call),),
        lives=Shifts,
        seed=9,
    ),
    Mutant(
        "who was on call at the press is, at the grant",
        swaps=(Swap(lambda: Decider.still_refused, faulty.nothing),),
        lives=Shifts,
        seed=23,
    ),
    Mutant(
        "alarms wait for the claim",
        swaps=(Swap(lambda: runner.escalates_at, faulty.escalates_unclaimed),),
        lives=Hung,
        seed=117,
    ),
    Mutant(
        "alarms wait for the duty",
        swaps=(
            Swap(lambda: runner.what_is_due, faulty.asks_and_remembers),
            Swap(lambda: runner.escalates_at, faulty.escalates_undone),
        ),
        seed=193,
    ),
    Mutant(
        "a try rests from when it was begun",
        swaps=(Swap(lambda: Commit.try_later, faulty.rests_from_its_beginning),),
        lives=Hung,
        seed=8,
    ),
    Mutant(
        "where looks hang no time is kept to say it",
        swaps=(Swap(lambda: sweep.A_LOOK_TAKES, timedelta(days=1)),),
        lives=Hung,
        seed=62,
    ),
    Mutant(
        "what could not be said comes after another try",
        swaps=(Swap(lambda: Runner.step, faulty.says_last),),
        lives=Hung,
        seed=109,
    ),
    Mutant(
        "who repeats a try to tell does not keep others from it",
        swaps=(Swap(lambda: changes.being_told, faulty.tells_at_first_only, everywhere=True),),
        lives=Hung,
        seed=3479,
    ),
    Mutant(
        "what is to be discovered comes before the row is read",
        swaps=(Swap(lambda: Runner.step, faulty.discovers_first),),
        seed=1,
    ),
    Mutant(
        "by-access look left out",
        swaps=(Swap(lambda: Grant._another_lives, faulty.no),),
        bounds=replace(SMALL, lock_deleted=True),
    ),
    Mutant(
        "by-access look made before the lock is taken",
        swaps=(
            Swap(lambda: Grant._another_lives, faulty.no),
            Swap(lambda: Decide.__call__, faulty.looks_before_the_lock),
        ),
        bounds=replace(SMALL, lock_deleted=True),
    ),
    Mutant(
        "re-create without settling",
        swaps=(Swap(lambda: Calls.settled, faulty.settles_no_grant_of(State.GRANTING)),),
        bounds=CALM,
    ),
    Mutant(
        "a late-granted edge back from SETTLING",
        patches=(
            (
                "runner",
                "            due = what_is_due(session, leased, now)\n",
                _LATE_GRANT,
            ),
        ),
    ),
    Mutant(
        "Extend by what the settings say now",
        swaps=(Swap(lambda: Asks._judged, faulty.extends_by_the_settings),),
    ),
    Mutant(
        "extended without end",
        swaps=(Swap(lambda: asked.extends_by, faulty.extends_without_end),),
        lives=Extended,
        seed=1,
    ),
    Mutant(
        "extended by more than is left",
        swaps=(Swap(lambda: asked.extends_by, faulty.extends_past_the_rest),),
        lives=Extended,
        seed=1,
    ),
    Mutant(
        "who has not seen the last extension adds one",
        patches=(("asked", "if not longer or unseen or session", "if not longer or session"),),
        lives=Extended,
        seed=7,
    ),
    Mutant(
        "access lasts as the press says",
        swaps=(Swap(lambda: lasting.lasts, faulty.believes_the_press),),
        lives=Extended,
        seed=2,
    ),
    Mutant(
        "a lock whose session is gone is waited for since the press",
        swaps=(Swap(lambda: Decide._orphaned, faulty.waits_since_the_press),),
        lives=Orphaned,
        seed=268,
    ),
    Mutant(
        "a lock whose session is gone stays shut",
        swaps=(Swap(lambda: Decide._freed, faulty.waits_for_ever),),
        seed=406,
    ),
    Mutant(
        "a lock whose session is gone is free at once",
        swaps=(Swap(lambda: Decide._freed, faulty.frees_at_once),),
        lives=Meddled,
    ),
    Mutant(
        "read back by a listing from before the grant",
        swaps=(Swap(lambda: revoke.never_seen, faulty.no),),
        lives=Behind,
        seed=28,
    ),
    Mutant(
        "granted before the listing shows it",
        swaps=(
            Swap(lambda: Calls.settled, faulty.raises_what_succeeded),
            Swap(lambda: Grant.__call__, faulty.grants_what_succeeded),
        ),
        lives=Behind,
        seed=71,
    ),
    Mutant(
        "what is just being deleted is taken for standing",
        swaps=(Swap(lambda: Grant.__call__, faulty.sees_no_deleting),),
        lives=Behind,
        seed=52,
    ),
    Mutant(
        "what a session gave that is gone is taken for standing",
        swaps=(Swap(lambda: Grant._granted, faulty.takes_it_for_standing),),
        seed=248,
    ),
    Mutant(
        "reconciliation ignores live sessions",
        swaps=(_BLIND,),
        seed=30,
    ),
    Mutant(
        "what was accepted is ignored",
        swaps=(_UNACCEPTED,),
        seed=32,
    ),
    Mutant(
        "what a session saw standing is ignored",
        swaps=(
            Swap(
                lambda: Reconciler._judged,
                faulty.with_other_books(session_that_saw=lambda access: None),
            ),
        ),
        seed=29,
    ),
    Mutant(
        "what was accepted is taken back",
        swaps=(_UNACCEPTED,),
        rows=TakesOverAnyway,
        seed=0,
    ),
    Mutant(
        "taken back past the lock, and at once",
        swaps=(
            _BLIND,
            Swap(lambda: asks.scheduled, faulty.ended_when_allowed),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "taken back past the lock, no look by access",
        swaps=(
            _BLIND,
            Swap(lambda: Grant._another_lives, faulty.lives_unless_found),
        ),
        rows=TakesOverAnyway,
        seed=2,
    ),
    Mutant(
        "an acceptance is overwritten",
        swaps=(Swap(lambda: Reconciler._note, faulty.looks_for_no_note),),
        seed=4453,
    ),
    Mutant(
        "what was found is said to nobody",
        swaps=(Swap(lambda: Reconciler._note, faulty.remembers(faulty.owes_nothing)),),
        seed=32,
    ),
    Mutant(
        "what was found is said in every run",
        swaps=(Swap(lambda: Reconciler._say, faulty.remembers(faulty.nothing)),),
        seed=30,
    ),
    Mutant(
        "what was said is not taken back",
        swaps=(Swap(lambda: reconcile.UNEXPLAINED, (Verdict.FOUND,)),),
        seed=50,
    ),
    Mutant(
        "taken back, and nobody hears of it",
        swaps=(
            Swap(lambda: notifications.of_the_end, faulty.tells_nothing_of_what_was_found),
            Swap(lambda: notifications.still_true, faulty.tells_nothing_of_what_was_found),
        ),
        seed=0,
    ),
    Mutant(
        "an orphaned lock is not mended",
        swaps=(Swap(lambda: Reconciler._mend_lock, faulty.with_other_books(free=lambda *_: None)),),
        seed=356,
    ),
    Mutant(
        "an orphaned lease is not mended",
        swaps=(
            Swap(lambda: Reconciler._mend_lease, faulty.with_other_books(drop=lambda *_: None)),
        ),
        seed=16,
    ),
    Mutant(
        "the lock of a live session is mended away",
        swaps=(Swap(lambda: reconcile.lock_is_wrong, faulty.yes),),
        seed=38,
    ),
    Mutant(
        "the lease of a live session is mended away",
        swaps=(Swap(lambda: reconcile.lease_is_wrong, faulty.whatever_it_is_of),),
        seed=0,
    ),
    Mutant(
        "a spoiled row ends the sweep",
        swaps=(Swap(lambda: Sweep._alarm, faulty.raises_after_the_alarm),),
        seed=105,
    ),
    Mutant(
        "a spoiled row holds up its whole glass",
        swaps=(Swap(lambda: Reconciler._verdict, faulty.judges_without_care),),
        lives=Meddled,
    ),
)
