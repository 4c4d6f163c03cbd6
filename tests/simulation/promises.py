"""What must hold at the end of every run, seen from outside: Identity Center, Slack, the mail."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.machine import LIVE, State
from chalicelib.domain.session import Session
from tests.fakes.table import short
from tests.simulation.actors import ACCESSES, HOUR, MINUTE, SECOND, SKEW_MS, START, ms_of
from tests.simulation.lives import Hung
from tests.simulation.world import World

CLOSES_WITHIN = 5 * MINUTE  # of the deadline, or of the moment from which all was well
NOTICED = CLOSES_WITHIN + 2 * MINUTE  # of a lease deleted by hand, where its record is lost
PROMPT = 15 * SECOND  # where nothing ever went wrong
SAID_WITHIN = HOUR + 10 * MINUTE  # of the last that happened; then nothing is new
HEARD_OF = 8 * MINUTE  # where up to six sessions hang at once, and one way to people too
REPORTS = ("is late", "report delayed")
ALARMS = ("MAY STILL HAVE", "ACTION NEEDED", "is not closed", *REPORTS)
ANSWERS = (
    "You have",
    "You go into",
    "Nothing was changed",
    "There is nothing left",
    "That is recorded",
    "The access to",
)  # to who asks, as often as they do
WAKE_UPS = 40  # for one session, in any one minute


def broken(world: World) -> Iterator[str]:
    """Each promise that was not kept, as a sentence."""
    yield from _access(world)
    yield from _lasted(world)
    for session in world.readable():
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
    for key, holder in world.rows.locks.items():
        if key in world.rows.free_at or (world.hands.forging and not world.mode):
            continue  # it is free for whoever comes, once nothing can land any more
        if holder not in world.rows.unreadable and (world.mode or holder not in world.ghosts):
            yield f"the lock {short(key)} is still held by {holder}"
    for session_id in world.rows.leases.keys() - world.rows.unreadable:
        if world.mode or session_id not in world.ghosts:
            yield f"the lease of {session_id} is still there"
    yield from _reconciled(world)
    yield from _once(world)
    yield from _alarmed(world)


def _access(world: World) -> Iterator[str]:
    for owner in world.truth.values():
        if owner in world.rows.sessions.keys() - world.rows.unreadable:
            yield f"{owner} keeps access"
    explained = world.explained
    for key in {*world.stood, *explained.since} - world.truth.keys():
        if key not in explained.taken_by_hand | explained.mixed | explained.taken_back:
            yield f"standing access {short(key)} is gone"
    if world.pending:
        yield "Identity Center has requests under way"
    assert world.healed_at is not None
    cut = world.faults.seen.get("redeploy that cuts workers off")  # its claim has to run out
    calm = not world.faults.any and len(world.skews) == 1 and not cut
    for held in world.held:
        session = world.rows.sessions.get(held.session_id)
        if session is None or session.id in world.rows.unreadable:
            continue
        if held.until is None or session.deadline is None:
            continue
        over = ms_of(session.over_since or session.deadline)
        late = held.until - max(over, held.since)
        readable = world.readable_at.get(session.id, 0)
        if calm and not readable and late > PROMPT:
            yield f"{session.id} kept access {late / 1000:.0f} s although nothing went wrong"
        late = held.until - max(over, held.since, world.healed_at, readable)
        if late > CLOSES_WITHIN:
            yield f"{session.id} kept access for {late / 1000:.0f} s after all was well"
        gone = world.lease_gone.get(session.id)
        since = max(gone or 0, held.since, world.healed_at, readable)
        if gone is not None and held.until - since > NOTICED:
            yield f"{session.id} kept access although its lease was deleted"
        asked = world.holder_ends.get(session.id)
        since = max(asked or 0, held.since, world.healed_at, readable)
        if asked is not None and held.until - since > CLOSES_WITHIN:
            yield f"{session.id} kept access although its holder had asked to end it"


def _lasted(world: World) -> Iterator[str]:
    """No access lasts as no glass says, or longer than it may by extending."""
    if world.hands.forging:  # perhaps the row itself
        return
    deployed = [*world.glasses_before, *world.glasses.values()]
    for session in world.readable():
        if session.allowed_at is None or session.deadline is None or session.found:
            continue
        lasts = {each for glass in deployed if glass.name == session.glass
                 for each in (glass.duration, *glass.others)}  # fmt: skip
        if session.duration not in lasts:
            yield f"{session.id} lasts {session.duration}, as its glass never said"
        once = session.duration + session.extend
        if session.deadline > session.allowed_at + max(session.duration, session.extend_to or once):
            yield f"{session.id} was extended further than its glass allows"
    extended = (ask for ask in world.rows.decided.values() if ask.outcome == "extended")
    before: dict[str, datetime] = {}
    for ask in sorted(extended, key=lambda ask: ask.deadline_after or ask.asked_at):
        if ask.asked_at <= before.get(ask.session_id, START):
            yield f"{ask.session_id} was extended once more by who had not seen the last time"
        before[ask.session_id] = ask.decided_at or ask.asked_at


def _reconciled(world: World) -> Iterator[str]:
    """Nobody keeps access unexplained: it is said, or it is taken back."""
    explained, settled, calm = world.explained, world.settled_at, not world.faults.any
    unreadable = world.rows.unreadable
    spoiled = {world.rows.sessions[session_id].access for session_id in unreadable}
    spoiled |= {a for a in ACCESSES if world.rows.locks.get(a.key) in unreadable}
    for access in ACCESSES:
        key, owner = access.key, world.truth.get(access.key)
        covered = any(
            glass.permission_set == access.permission_set_arn for glass in world.glasses.values()
        )
        known = owner is None or access in spoiled or explained.stands(access)
        if world.mode and covered and not known:
            if world.mode == "revoke":
                yield f"{short(key)} ({owner}'s) is still there, and nobody accounts for it"
            elif key not in explained.said:
                yield f"{short(key)} ({owner}'s) is nobody's, and nobody was told"
        said = explained.said[key]
        if said and said[-1] > max(settled, explained.over_at.get(key, 0)) + SAID_WITHIN:
            yield f"{short(key)} is said to be nobody's again and again"
        if calm and len(said) > 2 * explained.stretches[key]:  # twice by two runs at once
            yield f"{short(key)} was said to be nobody's {len(said)} times"
    for access in explained.accepted_at:
        if not world.rows.notes_of[access].accepted_by:
            yield f"{short(access.key)} was accepted by name, and nobody knows"
    for session in world.readable():
        took = session.found and session.final and session.standing == "no"
        mails = world.mails[session.id]
        if took and not any("taken back" in subject for subject in mails):
            yield f"{session.id} took access back, and nobody was told"


def _told(world: World, session: Session) -> Iterator[str]:
    heard = world.heard[session.id]
    told = session.id not in world.unheard
    mails = [subject for subject in world.mails[session.id] if subject.startswith("report")]
    had = session.id in world.was_active or any(h.session_id == session.id for h in world.held)
    no = ("never came",) if session.approve_until else ("No access",)
    if session.state is State.DENIED and told and not _heard(heard, *no):
        yield f"{session.id} was denied, and nobody said so"
    if session.state is State.DENIED and _undecided(world, session):
        yield f"{session.id} was not decided in time although nothing was in its way"
    if session.state is State.DENIED and had:
        yield f"{session.id} was denied, and had access"
    if had and not mails:
        yield f"{session.id} had access, and no report was mailed"
    if had and told and not _heard(heard, "closed", "stays", "never came"):
        yield f"{session.id} was not told that it is over"
    if not world.faults.any and len(mails) > 2:
        yield f"{session.id} was reported {len(mails)} times although nothing went wrong"


def _once(world: World) -> Iterator[str]:
    """Each piece of news is said once, unless whoever said it could not write that it was."""
    meddled = any(name.startswith(("session row", "forged")) for name in world.faults.seen)
    for (session_id, to, text), said in world.said.items():
        may = 1
        if text.startswith(ANSWERS):
            may = len(world.rows.decided)
        if any(words in text for words in ALARMS):  # which get louder
            live = not any(words in text for words in REPORTS)
            mine = (each for each in world.alarms.items() if each[0][0] == session_id)
            may = sum(number for (_, state), number in mine if (state in LIVE) is live)
        failed = meddled or any(each.worker.failed_at >= 0 for each in said)
        failed |= session_id in world.unheard  # a card that Slack does not edit is posted anew
        if len(said) > may and not failed and session_id.startswith("bg-"):
            yield f"{session_id}: “{text[:40]}” was said to {to} {len(said)} times"


def _alarmed(world: World) -> Iterator[str]:
    """Whatever hangs, people hear of access that should be over, where a way to them is open."""
    if not isinstance(world, Hung) or "table" in world.hung:
        return
    for held in world.held:
        session = world.rows.sessions[held.session_id]
        ways = {"mail", "slack"} if session.channel else {"mail"}
        over = ms_of(session.over_since or START)
        late = min(held.until or world.now, world.ends) - over
        told = [said.at for (about, _, text), all_of_it in world.said.items() for said in all_of_it
                if about == session.id and any(words in text for words in ALARMS)]  # fmt: skip
        if (
            late > HEARD_OF
            and ways - {*world.hung}
            and min(told, default=world.now) > over + HEARD_OF
        ):
            yield f"{session.id} was {late / 1000:.0f} s late while something hung, and nobody knew"


def _undecided(world: World, session: Session) -> bool:
    """Where all is well, nothing but a row that nobody can read keeps a press from its decision."""
    assert world.healed_at is not None
    late = "decided in time" in session.reason
    spoiled = any(name.startswith("session row spoiled") for name in world.faults.seen)
    well = not world.faults.any or ms_of(session.asked_at) > world.healed_at + CLOSES_WITHIN
    return late and well and not spoiled


def _heard(heard: list[str], *words: str) -> bool:
    return any(word in text for text in heard for word in words)


def _receipt(world: World, session: Session) -> Iterator[str]:
    if session.gone_at is None or session.standing != "no":
        return
    for held in world.held:
        mine = held.session_id == session.id and held.until is not None
        if mine and ms_of(session.gone_at) + SKEW_MS < held.until:
            yield f"{session.id} says gone at {session.gone_at}, before it was"
