"""The three sides from which sessions are looked at: the queue, the stream, the sweep."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chalicelib import wiring
from chalicelib.domain import ask
from chalicelib.domain.errors import ExternalError, Unreadable
from chalicelib.domain.machine import OPEN
from chalicelib.domain.schedule import EARLY
from chalicelib.domain.session import Session, from_iso
from chalicelib.operations import metrics
from chalicelib.operations.log import log
from chalicelib.operations.trace import trace
from chalicelib.triggers.records import Wake, wake
from chalicelib.workflow.answers import Rest, Turn
from chalicelib.workflow.timing import POLL

Remaining = Callable[[], timedelta]
NOW = timedelta(0)
A_GRANT_TAKES = timedelta(seconds=5)
OTHERS_WAIT = timedelta(seconds=5)  # behind the looks at a batch of the stream, not much longer
A_LOOK_TAKES = timedelta(seconds=3)  # at the most, where nothing hangs
SAYING_TAKES = timedelta(seconds=5)
SAYING_HANGS = timedelta(seconds=9)  # as Slack may
SAID_IN_ANY_CASE = 3
SOON = 4  # times that a look that failed is tried again in seconds, before SQS brings it again
FAILED = {"FailedLooks": 1}  # a figure with an alarm on it
Told = tuple[Wake, Mapping[str, Any]]  # what a stream's record asks for, and the record
Failures = dict[str, list[dict[str, str]]]  # what is to come again, as Lambda wants it said


def work_through(messages: Iterable[Mapping[str, Any]], remaining: Remaining) -> Failures:
    """The queue's side. SQS brings again those messages only whose looks have failed."""
    failed = []
    for message in messages:
        try:
            work(message["body"], remaining)
        except Exception:  # work() has said what
            failed.append(message["messageId"])
    return _again(failed)


def work(body: str, remaining: Remaining) -> None:
    """One message, one row; or a hop on the message's way, for which no row is read.

    What can never be read goes to the dead-letter queue at once. What fails comes again in seconds,
    a few times; after that it is raised, so that SQS keeps the message, and brings it again.
    """
    try:
        told = json.loads(body)
        row_id = told["session"]
        if not isinstance(row_id, str) or not row_id:
            raise ValueError("no session in it")
        at = from_iso(told["at"]) if "at" in told else None
        tried = int(told.get("tried", 0))
        left = at - wiring.CLOCK.now() if at else NOW
    except (ValueError, TypeError, KeyError):
        log("error", "a message that is no wake-up")
        wiring.queue().bury(body)
        return
    try:
        if left > EARLY:
            wiring.queue().send(row_id, left, at)
        else:
            wiring.runner().advance(row_id, Turn("queue", remaining, POLL))
    except Unreadable as unreadable:
        log("error", "a row that cannot be read", session=row_id, error=str(unreadable))
        wiring.queue().bury(body)
    except Exception as error:
        _failed(row_id, error)
        if tried >= SOON or not _send_again(row_id, tried + 1):
            raise


def _send_again(row_id: str, tried: int) -> bool:
    try:
        wiring.queue().send(row_id, timedelta(seconds=2**tried), tried=tried)
    except ExternalError:
        return False
    return True


def follow(
    records: Sequence[Mapping[str, Any]], remaining: Remaining, patience: timedelta
) -> Failures:
    """The stream's side. Never raises: one bad record would hold up its whole shard.

    What can be neither handled nor kept for an operator is to come again, a few times.

    An ask is forwarded to the queue, so that many are handled side by side; one that ends access
    is looked at here too, where that needs nobody's answer, in case nobody takes what the queue
    holds. Where a lease is gone we look here: that record may be all that is left to end access,
    so no number of asks is looked at before it. What does not end soon is the queue's, though:
    the next records wait for these, and somebody's access must not wait for another's to end.
    """
    whole = remaining()

    def others_wait() -> bool:
        return whole - remaining() > OTHERS_WAIT

    gone, forwarded, refused, left = list[Told](), list[Told](), list[Told](), list[Wake]()
    failed: list[str] = []
    for record in records:
        try:
            found = wake(record)
            if found is None:
                continue
            if found.alone:
                gone.append((found, record))
            elif refused or not _forward(found):  # once refused, the rest is tried again below
                refused.append((found, record))
            else:
                forwarded.append((found, record))
        except Exception as error:
            what, kind = "a stream record that cannot be handled", type(error).__name__
            log("error", what, error=kind, trace=trace(error))
            if not _bury(record):
                failed.append(_number(record))
    for found, record in gone:
        if others_wait() and _forward(found):
            left.append(found)
        elif not _see_to(found, remaining, patience):
            failed.append(_number(record))
    for found, record in refused:
        if _forward(found):
            forwarded.append((found, record))
        elif not _look(found, remaining, min(patience, A_GRANT_TAKES)):
            failed.append(_number(record))
    for found, _ in forwarded:
        if found.ends and not others_wait():
            _end_here(found, remaining)
    for found in left:  # once each, in case nobody takes what the queue holds
        if remaining() > A_GRANT_TAKES:
            _look(found, remaining, NOW)
    for record in records:
        _count(record)
    return _again(failed)


def _end_here(found: Wake, remaining: Remaining) -> None:
    """The queue has it as well, so what fails here is lost to nobody."""
    turn = Turn("stream", remaining, POLL, asks_nobody=True)
    try:
        wiring.runner().advance(found.row_id, turn)
    except Exception as error:
        _failed(found.row_id, error)


def sweep_once(
    remaining: Remaining, leaves: timedelta, most: int, patience: timedelta = NOW
) -> None:
    """The sweep's side: looks by itself at whatever is due, the longest due first.

    Also at whatever is open and has lost its lease, for the record that tells of it may be lost;
    and then at asks, which come last, for anybody can make many of them. Where that was somebody's
    access it sees to it, for as long as its patience lasts: nobody else may come. What is to be
    said is said when everything has been looked at, or when no more time is left than that takes:
    where each look hangs, people hear of it all the same. In the end it says how things stand,
    which is also the sign that it came to its end.
    """
    pending: dict[str, datetime] = {}
    untold: list[str] = []
    table, give_up = wiring.table(), wiring.CLOCK.now() + patience
    whole, looked = remaining(), 0

    def look_quietly(row_id: str) -> None:
        nonlocal looked
        looked += 1
        _sweep(row_id, remaining, pending, untold)

    def time_is_up() -> bool:
        """Where looks hang, but for what is to be said of some: else people never hear of it."""
        hangs = whole - remaining() > looked * A_LOOK_TAKES
        said = min(len(set(untold)), SAID_IN_ANY_CASE) if hangs else 0
        return remaining() < leaves + said * SAYING_HANGS

    def look_at(row_ids: Iterable[str]) -> None:
        for row_id in row_ids:
            if time_is_up():
                tell()
                if time_is_up() or remaining() < leaves + SAYING_TAKES:
                    log("warning", "the sweep leaves some for the next")
                    return
            look_quietly(row_id)

    def see_through() -> None:
        while pending and not time_is_up():
            row_id, due = min(pending.items(), key=lambda each: each[1])
            if due > give_up:
                return
            wiring.CLOCK.sleep(max(due - wiring.CLOCK.now(), NOW))
            del pending[row_id]
            look_quietly(row_id)

    def tell() -> None:
        told = list(dict.fromkeys(untold))
        untold.clear()
        for row_id in told:
            if remaining() > SAYING_TAKES:
                _sweep(row_id, remaining, pending)

    untold += _note_alarms()
    look_at(table.due(wiring.CLOCK.now(), most))
    try:
        unfinished = table.unfinished()
        look_at(one.id for one, leased in unfinished if one.state in OPEN and not leased)
        see_through()
        asked = table.asks_due(wiring.CLOCK.now(), most)
        look_at(row_id for row_id in asked if not ask.is_decided(row_id))
        see_through()
        answered = (row_id for row_id in asked if ask.kind_of(row_id) in ask.ANSWERED)
        untold += map(ask.decided_as, answered)
    except Exception:  # no list that cannot be read keeps unsaid what was just found to be said
        tell()
        raise
    for one, leased in unfinished:
        warns = leased and one.warns_at and one.warns_at <= wiring.CLOCK.now()
        if warns and remaining() > SAYING_TAKES:
            _sweep(one.id, remaining, pending, known=one)
    tell()
    see_through()  # what had to be said first
    tell()
    stands = metrics.standing((session for session, _ in unfinished), wiring.CLOCK.now())
    log("info", "swept", metrics=stands)


def _sweep(
    row_id: str,
    remaining: Remaining,
    pending: dict[str, datetime],
    untold: list[str] | None = None,
    known: Session | None = None,
) -> None:
    """One turn; a quiet one where `untold` is given, which then has what is still to be said."""
    turn = Turn("sweep", remaining, quiet=untold is not None, says_first=untold is None)
    try:
        rest = wiring.runner().advance(row_id, turn, known)
    except Exception as error:
        _failed(row_id, error)
        _alarm(row_id, error)
        return
    if rest is not None and rest.tells and untold is not None:
        untold.append(row_id)
    elif rest is not None and rest.urgent:
        pending[row_id] = rest.until


def _alarm(row_id: str, error: Exception) -> None:
    """Where not even the row can be written, people hear of access that should be over."""
    try:
        wiring.runner().alarm(row_id, str(error) if isinstance(error, ExternalError) else "")
    except Exception as failed:
        _noted("no alarm either", row_id, failed)


def _note_alarms() -> list[str]:
    """Who heard an alarm that no row had hears of its end."""
    try:
        return wiring.runner().note_alarms()
    except Exception as error:
        _noted("alarms not noted", "", error)
        return []


def _count(record: Mapping[str, Any]) -> None:
    """A session that begins, once in the log; steps.py sees to what comes then."""
    with suppress(KeyError, TypeError, ValueError, AttributeError):  # said already, of that record
        session_id = metrics.pressed(record)
        if session_id:
            glass = metrics.glass(record)
            log("info", "REQUESTED", metrics={"Presses": 1}, session=session_id, glass=glass)


def _forward(found: Wake) -> bool:
    """Whether the queue has taken it. Where it has not we look here, until access has come, for
    nobody else may see to it; others wait behind, so not for long."""
    try:
        wiring.queue().send(found.row_id, NOW)
    except Exception as error:
        if not isinstance(error, ExternalError):
            _noted("not forwarded", found.row_id, error)
        return False
    return True


def _see_to(found: Wake, remaining: Remaining, patience: timedelta) -> bool:
    """Until access has ended; here for long only where the queue takes nothing."""
    rests: list[Rest | None] = []
    if not _look(found, remaining, min(patience, A_GRANT_TAKES), rests.append):
        return False
    still = any(
        rest is not None and (rest.urgent or (rest.known is not None and rest.known.live))
        for rest in rests
    )
    more = max(patience - A_GRANT_TAKES, NOW)
    return not still or _forward(found) or _look(found, remaining, more)


def _look(
    found: Wake,
    remaining: Remaining,
    patience: timedelta,
    rests: Callable[[Rest | None], None] = lambda _: None,
) -> bool:
    try:
        rests(wiring.runner().advance(found.row_id, Turn("stream", remaining, patience)))
    except Exception as error:
        _failed(found.row_id, error)
        gone_wrong = isinstance(error, Unreadable) or not _send_again(found.row_id, 1)
        return not gone_wrong or _bury({"session": found.row_id})
    return True


def _failed(row_id: str, error: Exception) -> None:
    _noted("a look failed", row_id, error, metrics=FAILED)


def _noted(what: str, row_id: str, error: Exception, **more: Any) -> None:
    """What can be foreseen (AWS does not answer, a lost race) is no mistake of ours."""
    foreseen = isinstance(error, ExternalError)
    facts: dict[str, Any] = {"session": row_id, "error": type(error).__name__} | more
    if not foreseen:
        facts["trace"] = trace(error)
    log("warning" if foreseen else "error", what, **facts)


def _again(failed: Iterable[str]) -> Failures:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _number(record: Mapping[str, Any]) -> str:
    """The record's name in its shard; without one Lambda takes all of the batch for failed."""
    image = record.get("dynamodb")
    return str(image.get("SequenceNumber", "")) if isinstance(image, Mapping) else ""


def _bury(record: Mapping[str, Any]) -> bool:
    """Keeps what could not be handled where an operator finds it. Only its keys: no contents."""
    kept = {"session": record["session"]} if "session" in record else _keys(record)
    try:
        wiring.queue().bury(json.dumps(kept, default=str))
    except ExternalError as trouble:
        log("error", "not kept for the operator either", error=str(trouble))
        return False
    return True


def _keys(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record.get("dynamodb")
    keys = image.get("Keys") if isinstance(image, Mapping) else None
    return {"event": str(record.get("eventID", "")), "keys": keys}
