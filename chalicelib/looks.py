"""The three sides from which sessions are looked at: the queue, the stream, the sweep."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chalicelib import figures, wiring
from chalicelib.journal import journal
from chalicelib.machine import OPEN
from chalicelib.ports import Trouble, Unreadable
from chalicelib.records import Wake, wake
from chalicelib.runner import POLL, Look
from chalicelib.session import EARLY, from_iso

Remaining = Callable[[], timedelta]
NOW = timedelta(0)
A_GRANT_TAKES = timedelta(seconds=5)
FAILED = {"FailedLooks": 1}  # a figure with an alarm on it
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
    """One message, one session; or a hop on the message's way, for which no row is read.

    What can never be read goes to the dead-letter queue at once; anything else that fails is
    raised, so that SQS brings the message again.
    """
    try:
        told = json.loads(body)
        session_id = told["session"]
        if not isinstance(session_id, str) or not session_id:
            raise ValueError("no session in it")
        at = from_iso(told["at"]) if "at" in told else None
        left = at - wiring.CLOCK.now() if at else NOW
    except (ValueError, TypeError, KeyError):
        journal("error", "a message that is no wake-up")
        wiring.queue().bury(body)
        return
    try:
        if left > EARLY:
            wiring.queue().send(session_id, left, at)
        else:
            wiring.runner().advance(session_id, Look("queue", remaining, POLL))
    except Unreadable as unreadable:
        journal("error", "a row that cannot be read", session=session_id, error=str(unreadable))
        wiring.queue().bury(body)
    except Exception as error:
        _failed(session_id, error)
        raise


def follow(
    records: Sequence[Mapping[str, Any]], remaining: Remaining, patience: timedelta
) -> Failures:
    """The stream's side. Never raises: one bad record would hold up its whole shard.

    What can be neither handled nor kept for an operator is to come again, a few times.

    A new session is forwarded to the queue, so that many presses are handled side by side. Where a
    lease is gone we look here: that record may be all that is left to end somebody's access.
    """
    lone: list[tuple[Wake, Mapping[str, Any]]] = []
    failed: list[str] = []
    for record in records:
        try:
            found = wake(record)
            if found is None:
                continue
            if found.alone:
                lone.append((found, record))
            elif not _forward(found, remaining, patience):
                failed.append(_number(record))
        except Exception as error:
            journal("error", "a stream record that cannot be handled", error=type(error).__name__)
            if not _bury(record):
                failed.append(_number(record))
    failed += [_number(record) for found, record in lone if not _look(found, remaining, patience)]
    for record in records:
        _count(record)
    return _again(failed)


def sweep_once(
    remaining: Remaining, leaves: timedelta, most: int, patience: timedelta = NOW
) -> None:
    """The sweep's side: looks by itself at whatever is due, the longest due first.

    Also at whatever is open and has lost its lease, for the record that tells of it may be lost.
    Where that was somebody's access it sees to it, for as long as its patience lasts: nobody else
    may come. In the end it says how things stand, which is also the sign that it came to its end.
    """
    pending: dict[str, datetime] = {}
    table = wiring.table()
    for session_id in table.due(wiring.CLOCK.now(), most):
        if remaining() < leaves:
            journal("warning", "the sweep leaves some for the next")
            break
        _sweep(session_id, remaining, pending)
    unfinished = table.unfinished()
    for session, leased in unfinished:
        if session.state in OPEN and not leased and remaining() > leaves:
            _sweep(session.id, remaining, pending)
    give_up = wiring.CLOCK.now() + patience
    while pending and remaining() > leaves:
        session_id, due = min(pending.items(), key=lambda each: each[1])
        if due > give_up:
            break
        wiring.CLOCK.sleep(max(due - wiring.CLOCK.now(), NOW))
        del pending[session_id]
        _sweep(session_id, remaining, pending)
    stands = figures.standing((session for session, _ in unfinished), wiring.CLOCK.now())
    journal("info", "swept", metrics=stands)


def _sweep(session_id: str, remaining: Remaining, pending: dict[str, datetime]) -> None:
    try:
        rest = wiring.runner().advance(session_id, Look("sweep", remaining))
    except Exception as error:
        _failed(session_id, error)
        return
    if rest is not None and rest.urgent:
        pending[session_id] = rest.until


def _count(record: Mapping[str, Any]) -> None:
    """A session that begins, once in the log; steps.py sees to what comes then."""
    with suppress(KeyError, TypeError, ValueError, AttributeError):  # said already, of that record
        state = figures.pressed(record)
        if state is not None:
            session_id = record["dynamodb"]["Keys"]["id"]["S"]
            counts = figures.begun(record)
            journal("info", state, metrics=counts, session=session_id, glass=figures.glass(record))


def _forward(found: Wake, remaining: Remaining, patience: timedelta) -> bool:
    """Where the queue refuses we look here, until access has come, for nobody else may see to it.

    Others wait behind: so not for long.
    """
    try:
        wiring.queue().send(found.session_id, NOW)
    except Trouble:
        return _look(found, remaining, min(patience, A_GRANT_TAKES))
    return True


def _look(found: Wake, remaining: Remaining, patience: timedelta) -> bool:
    try:
        wiring.runner().advance(found.session_id, Look("stream", remaining, patience))
    except Exception as error:
        _failed(found.session_id, error)
        return _bury({"session": found.session_id})
    return True


def _failed(session_id: str, error: Exception) -> None:
    journal(
        "error", "a look failed", metrics=FAILED, session=session_id, error=type(error).__name__
    )


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
    except Trouble as trouble:
        journal("error", "not kept for the operator either", error=str(trouble))
        return False
    return True


def _keys(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record.get("dynamodb")
    keys = image.get("Keys") if isinstance(image, Mapping) else None
    return {"event": str(record.get("eventID", "")), "keys": keys}
