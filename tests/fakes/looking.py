"""Runner, table, queue and clock as the triggers see them, and what the stream tells."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.session import Session
from chalicelib.operations.log import JsonLog
from chalicelib.triggers.queue import FromQueue
from chalicelib.triggers.stream import FromStream
from chalicelib.triggers.sweep import Sweep
from chalicelib.workflow.answers import Rest, Turn
from tests.support.stories import NOON

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
DIGITS = "0123456789abcdef0123456"  # of an id, all but the last


class Everything:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.looks: list[tuple[str, Turn]] = []
        self.answers: dict[str, list[Any]] = {}
        self.sent: list[str] = []
        self.passed_on: list[tuple[str, timedelta, datetime]] = []
        self.tried: list[tuple[str, timedelta, int]] = []  # sent again because a look has failed
        self.buried: list[str] = []
        self.alarmed: list[tuple[str, str]] = []
        self.over: list[str] = []  # whose end is to be told to who heard of it
        self.refuses = self.buries_nothing = False
        self.refuses_after = 1_000  # messages
        self.no_alarm: Exception | None = None
        self.ids: list[str] = []
        self.strays = 0
        self.asked: list[str] = []
        self.rows: list[tuple[Session, bool]] = []
        self.time = NOON
        self.left = MINUTE
        self.queue_side = FromQueue(self, self, self, self, JsonLog())
        self.stream_side = FromStream(self, self, self, self, JsonLog())
        self.sweep_side = Sweep(self, self, self, self, JsonLog())

    @property
    def looked(self) -> list[str]:
        return [row_id for row_id, _ in self.looks]

    def advance(self, row_id: str, look: Turn, known: Session | None = None) -> Rest | None:
        self.looks.append((row_id, look))
        answer = self.answers.get(row_id, [None])
        found = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def alarm(self, row_id: str, error: str) -> None:
        if self.no_alarm:
            raise self.no_alarm
        self.alarmed.append((row_id, error))

    def note_alarms(self) -> list[str]:
        if self.no_alarm:
            raise self.no_alarm
        return self.over

    def send(
        self, row_id: str, after: timedelta, at: datetime | None = None, *, tried: int = 0
    ) -> None:
        if self.refuses or len(self.sent) >= self.refuses_after:
            raise Unavailable("SQS: down")
        if tried:
            self.tried.append((row_id, after, tried))
        elif at is None:
            self.sent.append(row_id)
        else:
            self.passed_on.append((row_id, after, at))

    def bury(self, body: str) -> None:
        if self.buries_nothing:
            raise Unavailable("SQS: down")
        self.buried.append(body)

    def due(self, now: datetime, limit: int) -> list[str]:
        return self.ids[:limit]

    def put_away(self, now: datetime, most: int) -> int:
        self.strays, gone = max(self.strays - most, 0), min(self.strays, most)
        if self.refuses:
            raise Unavailable("DynamoDB: down")
        return gone

    def asks_due(self, now: datetime, limit: int) -> list[str]:
        return self.asked[:limit]

    def unfinished(self) -> list[tuple[Session, bool]]:
        return self.rows

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def remaining(self) -> timedelta:
        return self.left - (self.time - NOON)


def ask_id(kind: str, digit: int | str) -> str:
    return f"ask/{kind}-{DIGITS}{digit}"


def record(event: str, row_id: str, **image: Any) -> dict[str, Any]:
    side = "OldImage" if event == "REMOVE" else "NewImage"
    keys = {"id": {"S": row_id}}
    values = {name: {"S": value} for name, value in image.items()}
    stream = {"Keys": keys, side: keys | values, "SequenceNumber": f"n-{row_id}"}
    return {"eventName": event, "eventID": f"e-{row_id}", "dynamodb": stream}


def pressed(digit: int | str, kind: str = "bg", **image: Any) -> dict[str, Any]:
    return record("INSERT", ask_id(kind, digit), kind="ask", open="ask", look_at="2026", **image)


def gone(session_id: str) -> dict[str, Any]:
    """That session's lease was deleted."""
    return record("REMOVE", f"lease/{session_id}", kind="lease")
