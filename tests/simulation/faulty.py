"""What stands in for pieces of our own code while a fault is planted: each leaves one rule out.

A function is given the real one first, and otherwise what that is given.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.ask import OF_A_REVIEW, Ask, Kind
from chalicelib.domain.errors import Refused, Unknown
from chalicelib.domain.lasting import span_in
from chalicelib.domain.machine import Event, State
from chalicelib.domain.ports import CallStatus
from chalicelib.domain.session import CallMark, Session
from chalicelib.domain.verdict import Verdict
from chalicelib.workflow import calls, changes, reconcile, revoke
from chalicelib.workflow.answers import Became, Came, Rest
from chalicelib.workflow.calls import NO_CALL, Calls
from chalicelib.workflow.oncall import Renewal
from chalicelib.workflow.reconcile import Reconciler
from chalicelib.workflow.timing import LONGEST_CLAIM
from tests.simulation.planted import Swap, swapped

Real = Callable[..., Any]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
ARN = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"


class Otherwise:
    """A port, or the table, of which some calls bring something else."""

    def __init__(self, real: Any, **calls: Any) -> None:
        self._real = real
        vars(self).update(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Instead:
    """For as long as it lasts a part of ours has another port, or clock."""

    def __init__(self, whose: Any, **ports: Any) -> None:
        self.whose, self.ports = whose, ports

    def __enter__(self) -> None:
        self.was = {name: getattr(self.whose, name) for name in self.ports}
        vars(self.whose).update(self.ports)

    def __exit__(self, *_: object) -> None:
        vars(self.whose).update(self.was)


def stopped(part: Any, now: datetime) -> Instead:
    """For as long as it lasts the part reads no later time."""
    return Instead(part, clock=Otherwise(part.clock, now=lambda: now))


def yes(real: Real, *_: Any) -> bool:
    return True


def no(real: Real, *_: Any) -> bool:
    return False


def does_and_says_no(real: Real, *args: Any) -> bool:
    real(*args)
    return False


def nothing(real: Real, *_: Any) -> None:
    return None


def is_there(real: Real, kept: Any, *_: Any) -> bool:
    return kept is not None


def keeps_who_was_on_call(real: Real, self: Renewal, group: str, kept: Any, now: datetime) -> Any:
    """What Slack says of a group that is not there is taken for no answer."""
    known = kept.members if kept else ()
    had = Otherwise(self.groups, members=lambda each: self.groups.members(each) or known)
    return real(Renewal((), self.lists, had, self.clock, self.log), group, kept, now)


# ---- calls


def writes_without_claim(state: State) -> Real:
    def claim(real: Real, self: Calls, session: Session, *args: Any, **changes: Any) -> Any:
        if session.state is not state:
            return real(self, session, *args, **changes)
        claimed = session.with_(**changes)
        self.store.write(claimed)
        return claimed.with_(version=session.version + 1)

    return claim


def claims_without_skew(real: Real, *args: Any, **changes: Any) -> Any:
    with swapped(Swap(lambda: calls.CLOCK_SKEW, timedelta(0))):
        return real(*args, **changes)


def asks_before_it_claims(
    real: Real, self: Calls, session: Session, *args: Any, **changes: Any
) -> Any:
    if session.state is not State.GRANTING:
        return real(self, session, *args, **changes)
    try:
        request_id = self.identity_center.create(session.access)
    except (Refused, Unknown):
        return None
    claimed = real(self, session, *args, **changes)
    return claimed and claimed.with_(grant_call=request_id)


def has_asked_already(real: Real, self: Any, claimed: Session, look: Any) -> Any:
    known = {"grant_late_until": None, "grant_call": claimed.grant_call}
    return Came(claimed, turn=look, changes=known)


def settles_no_grant_of(state: State) -> Real:
    def settled(
        real: Real, self: Calls, session: Session, call: str, *, deletion: bool = False
    ) -> Any:
        if session.state is state and not deletion:
            return NO_CALL
        return real(self, session, call, deletion=deletion)

    return settled


def settles_no_unknown_grant(
    real: Real, self: Calls, session: Session, call: str, *, deletion: bool = False
) -> Any:
    if call == CallMark.UNKNOWN and not deletion:
        return NO_CALL
    return real(self, session, call, deletion=deletion)


def waits_for_no_grant(
    real: Real, self: Calls, session: Session, call: str, *, deletion: bool = False
) -> Any:
    if not deletion:
        session = session.with_(grant_late_until=None)
    return real(self, session, call, deletion=deletion)


def settles_no_revoke(
    real: Real, self: Calls, session: Session, call: str, *, deletion: bool = False
) -> Any:
    return NO_CALL if deletion else real(self, session, call)


def confirms_no_revoke(
    real: Real, self: Calls, session: Session, call: str, *, deletion: bool = False
) -> Any:
    if deletion and call not in ("", CallMark.UNKNOWN):
        return CallStatus("SUCCEEDED")
    return real(self, session, call, deletion=deletion)


def writes_of_an_unknown(state: State, **known: Any) -> Real:
    """What a call came to that nobody knows, as if this was known."""

    def outcome(
        real: Real, self: Calls, claimed: Session, trouble: Any = None, *args: Any, **changes: Any
    ) -> Any:
        if isinstance(trouble, Unknown) and claimed.state is state:
            claimed, changes = claimed.with_(**known), changes | known
        return real(self, claimed, trouble, *args, **changes)

    return outcome


# ---- duties


def observes_again(real: Real, self: Any, session: Session, *args: Any, **how: Any) -> Any:
    return real(self, session.with_(standing=""), *args, **how)


def revokes_what_stood(real: Real, self: Any, session: Session, *args: Any) -> Any:
    return real(self, session.with_(standing="no" if session.standing else ""), *args)


def never_reads_back(real: Real, self: Any, session: Session, *args: Any) -> Any:
    centre = Otherwise(self.identity_center, assigned=lambda access: False)
    with Instead(self, identity_center=centre):
        return real(self, session, *args)


def reads_before_the_delete(real: Real, self: Any, *args: Any) -> Any:
    """What is looked for while the grant may land is no read-back."""
    with Instead(self, identity_center=self.identity_center._real):
        return real(self, *args)


def forgets_what_may_land(real: Real, self: Any, *args: Any) -> Any:
    """From the first delete on that nobody knows the outcome of, whatever comes of the next."""
    delete, unknown = self.identity_center.delete, list[str]()

    def deletes(access: Any) -> Any:
        try:
            return delete(access)
        except Unknown:
            unknown.append("one")
            raise

    with Instead(self, identity_center=Otherwise(self.identity_center, delete=deletes)):
        came = real(self, *args)
    forgotten = came.claimed.with_(revoke_late_until=None)
    return replace(came, claimed=forgotten) if unknown else came


def forgets_before(real: Real, self: Any, claimed: Session, look: Any, before: Any) -> Any:
    return real(self, claimed, look, None)


def knows_what_was_early(real: Real, *args: Any) -> Any:
    """How long is waited after it is another rule's."""
    early = changes.was_asked_early
    with swapped(Swap(lambda: revoke.was_asked_early, lambda _, session: early(session))):
        return real(*args)


def denies_at_once(real: Real, self: Any, session: Session, *args: Any, **how: Any) -> Any:
    answer = real(self, session, *args, **how)
    failed = isinstance(answer, Became) and answer.event is Event.GRANT_FAILED
    if failed and session.grant_call == CallMark.REFUSED:
        self.store.release(session.with_(state=State.DENIED, look_at=None))
        return None
    return answer


def believes_the_row(real: Real, self: Any, session: Session, look: Any, **_: Any) -> Any:
    return real(self, session, look, proven=True)


class _Succeeded(Exception):
    """A create of ours, as AWS says."""


def raises_what_succeeded(real: Real, self: Calls, session: Session, *args: Any, **how: Any) -> Any:
    call = real(self, session, *args, **how)
    if session.state is State.GRANTING and call and call.succeeded:
        raise _Succeeded
    return call


def grants_what_succeeded(
    real: Real, self: Any, session: Session, now: datetime, *args: Any, **how: Any
) -> Any:
    try:
        return real(self, session, now, *args, **how)
    except _Succeeded:
        return self._granted(session, now)


def sees_no_deleting(real: Real, self: Any, *args: Any, **how: Any) -> Any:
    centre = Otherwise(self.identity_center, deleting=lambda access, since: False)
    with Instead(self, identity_center=centre):
        return real(self, *args, **how)


def takes_it_for_standing(
    real: Real, self: Any, session: Session, now: datetime, standing: str = "no", **how: Any
) -> Any:
    return real(self, session, now, "yes" if standing == "left" else standing, **how)


def lives_unless_found(real: Real, self: Any, session: Session) -> bool:
    return not session.found and bool(real(self, session))


def tells_nothing_of_what_was_found(real: Real, session: Session) -> tuple[str, ...]:
    return () if session.found else real(session)


# ---- deciding


class _Lives(Exception):
    """Another session has this access."""


def looks_before_the_lock(real: Real, self: Any, session: Session, now: datetime, look: Any) -> Any:
    store = self.store

    def allow(allowed: Session) -> None:
        others = (each for each in store.living(allowed.access) if each != allowed.id)
        if any(other and other.live for other, _ in map(store.read, others)):
            raise _Lives
        store.allow(allowed)

    try:
        with Instead(self, store=Otherwise(store, allow=allow)):
            return real(self, session, now, look)
    except _Lives:
        return self._deny(session, "open", now)


def waits_since_the_press(real: Real, self: Any, session: Session, lock: Any, now: datetime) -> Any:
    if session.orphan_at is None:
        return real(self, session, lock, now)
    return self._freed(session, lock, session.asked_at + LONGEST_CLAIM, now)


def waits_for_ever(
    real: Real, self: Any, session: Session, lock: Any, free_at: datetime, now: datetime
) -> Any:
    return real(self, session, lock, NEVER, now)


def frees_at_once(
    real: Real, self: Any, session: Session, lock: Any, free_at: datetime, now: datetime
) -> Any:
    self.store.free(session.access, lock)
    return Rest(now, known=session)


def refuses_nobody(real: Real, *args: Any, **_: Any) -> Any:
    return replace(real(*args), refusal="")


def takes_nobody_for_the_same(real: Real, self: Any, session: Session, *who: Any) -> Any:
    return real(self, replace(session, principal_id=""), *who)


def takes_their_own_word(real: Real, self: Any, session: Session, *who: Any) -> Any:
    return real(self, replace(session, slack_user="", principal_id=""), *who)


def reviews_their_own(real: Real, self: Any, session: Session, who: str, kind: Kind) -> Any:
    own = kind in OF_A_REVIEW
    return real(
        self, replace(session, slack_user="", principal_id="") if own else session, who, kind
    )


def some_word(real: Real, *args: Any) -> str:
    return real(*args) or "."


def takes_what_is_asked(real: Real, self: Any, found: Session) -> Session:
    return found


def extends_by_the_settings(
    real: Real, self: Any, ask: Any, session: Session | None, *args: Any
) -> Any:
    glass = self.decider.glasses.by_name.get(session.glass) if session else None
    if session is None or glass is None or not session.extend:
        return real(self, ask, session, *args)
    decided, after = real(self, ask, session.with_(extend=glass.duration), *args)
    return decided, after and after.with_(extend=session.extend)


def extends_without_end(real: Real, session: Session) -> timedelta:
    return session.extend


def extends_past_the_rest(real: Real, session: Session) -> timedelta:
    return session.extend if real(session) else timedelta(0)


def believes_the_press(real: Real, glass: Any, chosen: str) -> timedelta:
    return span_in(chosen) or real(glass, chosen)


def ended_when_allowed(real: Real, session: Session, now: datetime) -> Any:
    if session.found and session.state is State.GRANTING:
        session = session.entered(Event.ENDED, now, standing="no")
    return real(session, now)


# ---- the runner


class Begun:
    """What the step at hand began with: the faults below remember it where they should not."""

    now: datetime
    due: Any


def asks_and_remembers(real: Real, session: Session, leased: bool, now: datetime) -> Any:
    Begun.now, Begun.due = now, real(session, leased, now)
    return Begun.due


def with_the_step_s_time(real: Real, self: Any, *args: Any, **how: Any) -> Any:
    with stopped(self, Begun.now):
        return real(self, *args, **how)


def never_expires_while_granting(real: Real, session: Session, leased: bool, now: datetime) -> Any:
    if session.state is State.GRANTING:
        session = session.with_(deadline=None)
    return real(session, leased, now)


def misses_no_lease(real: Real, session: Session, leased: bool, now: datetime) -> Any:
    return real(session, True, now)


def escalates_unclaimed(real: Real, session: Session) -> datetime | None:
    at: datetime | None = real(session)
    return max(at, session.busy_until) if at and session.busy_until else at


def escalates_undone(real: Real, session: Session) -> datetime | None:
    at: datetime | None = real(session)
    return at if Begun.due is None else None


def rests_from_its_beginning(
    real: Real, self: Any, session: Session, now: datetime, *args: Any, **changes: Any
) -> Any:
    with stopped(self, now):
        return real(self, session, now, *args, **changes)


def says_last(real: Real, self: Any, session_id: str, look: Any, *args: Any) -> Any:
    return real(self, session_id, replace(look, says_first=False), *args)


def tells_at_first_only(real: Real, session: Session, now: datetime) -> bool:
    return session.tell_tries == 0 and session.tell_at is not None and now < session.tell_at


def discovers_first(real: Real, self: Any, *args: Any) -> Any:
    self.calls.identity_center.permission_set(ARN)
    return real(self, *args)


def raises_after_the_alarm(real: Real, self: Any, row_id: str, error: Exception) -> None:
    real(self, row_id, error)
    raise error


# ---- reconciliation


def nothing_stands(real: Real, facts: Any) -> Verdict:
    verdict: Verdict = real(facts)
    return Verdict.FOUND if verdict is Verdict.STANDING else verdict


def with_other_books(**calls: Any) -> Real:
    """Reconciliation's step, its books as they are but for these calls."""

    def step(real: Real, self: Reconciler, *args: Any) -> Any:
        return real(replace(self, books=Otherwise(self.books, **calls)), *args)

    return step


def looks_for_no_note(real: Real, *args: Any) -> None:
    with swapped(Swap(lambda: reconcile.judge, lambda real, facts: Verdict.FOUND)):
        real(*args)


def remembers(change: Real) -> Real:
    """Reconciliation's step, which changes what it remembers of an assignment."""

    def step(real: Real, *args: Any) -> None:
        with swapped(Swap(lambda: Reconciler._remember, change)):
            real(*args)

    return step


def owes_nothing(real: Real, self: Reconciler, noted: Any) -> None:
    real(self, noted.with_(owed=()))


def judges_without_care(real: Real, self: Reconciler, access: Any, place: Any) -> Verdict:
    return self._judged(access, place)


def whatever_it_is_of(real: Real, session: Session | None, leased: bool) -> bool:
    return leased


def notes_each_reason(real: Any, decided: Ask, session: Session) -> Any:
    """Also where one was given."""
    return real(decided, session.with_(why=""))
