"""The three sides from which sessions are looked at: the queue, the stream, the sweep."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from chalicelib import wiring
from chalicelib.journal import journal
from chalicelib.ports import Trouble, Unreadable
from chalicelib.records import Wake, wake
from chalicelib.runner import Look

Remaining = Callable[[], timedelta]
NOW = timedelta(0)


def work(body: str, remaining: Remaining) -> None:
    """The queue's side: one message, one session.

    What can never be read goes to the dead-letter queue at once; anything else that fails is
    raised, so that SQS brings the message again.
    """
    try:
        session_id = json.loads(body)["session"]
        if not isinstance(session_id, str) or not session_id:
            raise ValueError("no session in it")
    except (ValueError, TypeError, KeyError):
        journal("error", "a message that is no wake-up")
        wiring.queue().bury(body)
        return
    try:
        wiring.runner().advance(session_id, Look("queue", remaining))
    except Unreadable as unreadable:
        journal("error", "a row that cannot be read", session=session_id, error=str(unreadable))
        wiring.queue().bury(body)
    except Exception as error:
        journal("error", "a look failed", session=session_id, error=type(error).__name__)
        raise


def follow(records: Iterable[Mapping[str, Any]], remaining: Remaining, patience: timedelta) -> None:
    """The stream's side. Never raises: one bad record would hold up its whole shard for a day.

    A new session is forwarded to the queue, so that many presses are handled side by side. Where a
    lease is gone we look here: that record may be all that is left to end somebody's access.
    """
    lone: list[Wake] = []
    for record in records:
        try:
            found = wake(record)
            if found is None:
                continue
            if found.alone:
                lone.append(found)
            else:
                _forward(found, remaining)
        except Exception as error:
            journal("error", "a stream record that cannot be handled", error=type(error).__name__)
            _bury(record)
    for found in lone:
        _look(found, remaining, patience)


def sweep_once(remaining: Remaining, leaves: timedelta, most: int) -> None:
    """The sweep's side: looks by itself at whatever is due, the longest due first."""
    for session_id in wiring.table().due(wiring.CLOCK.now(), most):
        if remaining() < leaves:
            journal("warning", "the sweep leaves some for the next")
            return
        try:
            wiring.runner().advance(session_id, Look("sweep", remaining))
        except Exception as error:
            journal("error", "a look failed", session=session_id, error=type(error).__name__)


def _forward(found: Wake, remaining: Remaining) -> None:
    try:
        wiring.queue().send(found.session_id, NOW)
    except Trouble:
        _look(found, remaining, NOW)


def _look(found: Wake, remaining: Remaining, patience: timedelta) -> None:
    try:
        wiring.runner().advance(found.session_id, Look("stream", remaining, patience))
    except Exception as error:
        journal("error", "a look failed", session=found.session_id, error=type(error).__name__)
        _bury({"session": found.session_id})


def _bury(record: Mapping[str, Any]) -> None:
    """Keeps what could not be handled where an operator finds it. Only its keys: no contents."""
    kept = {"session": record["session"]} if "session" in record else _keys(record)
    try:
        wiring.queue().bury(json.dumps(kept, default=str))
    except Trouble as trouble:
        journal("error", "not kept for the operator either", error=str(trouble))


def _keys(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record.get("dynamodb")
    keys = image.get("Keys") if isinstance(image, Mapping) else None
    return {"event": str(record.get("eventID", "")), "keys": keys}
