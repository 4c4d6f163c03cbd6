"""What must hold at the end of every run, seen from outside: Identity Center, Slack, the mail."""

from collections.abc import Iterator

from chalicelib.machine import State
from chalicelib.session import Session
from tests.simulation.world import MINUTE, SECOND, SKEW_MS, World, ms_of

CLOSES_WITHIN = 5 * MINUTE  # of the deadline, or of the moment from which all was well
NOTICED = CLOSES_WITHIN + 5 * MINUTE  # of a lease deleted by hand, where its record is lost
PROMPT = 15 * SECOND  # where nothing ever went wrong
WAKE_UPS = 40  # for one session, in any one minute


def broken(world: World) -> Iterator[str]:
    """Each promise that was not kept, as a sentence."""
    yield from _access(world)
    for session in world.rows.sessions.values():
        if not session.final:
            yield f"{session.id} is still {session.state}"
        if session.final and session.owed:
            yield f"{session.id} still owes {session.owed}"
        if session.final and session.look_at is not None:
            yield f"{session.id} is {session.state} and is still looked at"
        yield from _told(world, session)
        yield from _receipt(world, session)
        sent = world.sent[session.id]
        if any(late - soon < MINUTE for soon, late in zip(sent, sent[WAKE_UPS:], strict=False)):
            yield f"{session.id} was woken more than {WAKE_UPS} times in a minute"
    for key, holder in world.rows.doors.items():
        yield f"the door {key} is still held by {holder}"
    for session_id in world.rows.leases:
        yield f"the lease of {session_id} is still there"


def _access(world: World) -> Iterator[str]:
    for key, owner in world.truth.items():
        if world.stood.get(key) != owner:
            yield f"{owner} keeps access"
    for key in world.stood:
        if key not in world.truth:
            yield f"standing access {key} is gone"
    if world.pending:
        yield "Identity Center has requests under way"
    assert world.healed_at is not None
    calm = not world.faults.any and len(world.skews) == 1
    for held in world.held:
        session = world.rows.sessions[held.session_id]
        if held.until is None or session.deadline is None:
            continue
        over = ms_of(session.over_since or session.deadline)
        late = held.until - max(over, held.since)
        if calm and late > PROMPT:
            yield f"{session.id} kept access {late / 1000:.0f} s although nothing went wrong"
        late = held.until - max(over, held.since, world.healed_at)
        if late > CLOSES_WITHIN:
            yield f"{session.id} kept access for {late / 1000:.0f} s after all was well"
        gone = world.lease_gone.get(session.id)
        if gone is not None and held.until - max(gone, held.since, world.healed_at) > NOTICED:
            yield f"{session.id} kept access although its lease was deleted"


def _told(world: World, session: Session) -> Iterator[str]:
    heard = world.heard[session.id]
    told = session.id not in world.unheard
    mails = [subject for subject in world.mails[session.id] if subject.startswith("report")]
    had = session.id in world.was_active or any(h.session_id == session.id for h in world.held)
    if session.state is State.DENIED and told and not _heard(heard, "No access"):
        yield f"{session.id} was denied, and nobody said so"
    if session.state is State.DENIED and had:
        yield f"{session.id} was denied, and had access"
    if had and not mails:
        yield f"{session.id} had access, and no report was mailed"
    if had and told and not _heard(heard, "closed", "stays", "never came"):
        yield f"{session.id} was not told that it is over"
    if not world.faults.any:
        if len(mails) > 2:
            yield f"{session.id} was reported {len(mails)} times although nothing went wrong"
        if sum("You are in" in text for text in heard) > 1:
            yield f"{session.id} was told twice that access has come"


def _heard(heard: list[str], *words: str) -> bool:
    return any(word in text for text in heard for word in words)


def _receipt(world: World, session: Session) -> Iterator[str]:
    if session.gone_at is None or session.standing != "no":
        return
    for held in world.held:
        mine = held.session_id == session.id and held.until is not None
        if mine and ms_of(session.gone_at) + SKEW_MS < held.until:
            yield f"{session.id} says gone at {session.gone_at}, before it was"
