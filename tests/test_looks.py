"""The three sides that look: what each makes of what it is given, and of trouble."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import looks, wiring
from chalicelib.ports import Unavailable, Unreadable
from chalicelib.runner import Look, Rest
from chalicelib.session import EARLY, Session, iso
from tests.stories import HOUR, NOON, active, revoking

MINUTE = timedelta(minutes=1)
NONE: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}


class Everything:
    """The runner, the table, the queue and the clock, as the looks see them."""

    def __init__(self) -> None:
        self.looked: list[tuple[str, str, timedelta]] = []
        self.answers: dict[str, list[Any]] = {}
        self.sent: list[str] = []
        self.passed_on: list[tuple[str, timedelta, datetime]] = []
        self.buried: list[str] = []
        self.refuses = self.buries_nothing = False
        self.ids: list[str] = []
        self.rows: list[tuple[Session, bool]] = []
        self.time = NOON
        self.left = MINUTE

    def advance(self, session_id: str, look: Look) -> Rest | None:
        self.looked.append((session_id, look.side, look.patience))
        answer = self.answers.get(session_id, [None])
        found = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def send(self, session_id: str, after: timedelta, at: datetime | None = None) -> None:
        if self.refuses:
            raise Unavailable("SQS: down")
        if at is None:
            self.sent.append(session_id)
        else:
            self.passed_on.append((session_id, after, at))

    def bury(self, body: str) -> None:
        if self.buries_nothing:
            raise Unavailable("SQS: down")
        self.buried.append(body)

    def due(self, now: datetime, limit: int) -> list[str]:
        return self.ids[:limit]

    def unfinished(self) -> list[tuple[Session, bool]]:
        return self.rows

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def remaining(self) -> timedelta:
        return self.left - (self.time - NOON)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Everything:
    everything = Everything()
    for name in ("runner", "table", "queue"):
        monkeypatch.setattr(wiring, name, lambda: everything)
    monkeypatch.setattr(wiring, "CLOCK", everything)
    return everything


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    def read() -> list[str]:
        return [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]

    return read


def message(body: str, number: str = "m-1") -> dict[str, str]:
    return {"body": body, "messageId": number}


def wake(session_id: str, at: str = "") -> str:
    return json.dumps({"session": session_id} | ({"at": at} if at else {}))


def record(event: str, row_id: str, **image: Any) -> dict[str, Any]:
    side = "OldImage" if event == "REMOVE" else "NewImage"
    keys = {"id": {"S": row_id}}
    values = {name: {"S": value} for name, value in image.items()}
    stream = {"Keys": keys, side: keys | values, "SequenceNumber": f"n-{row_id}"}
    return {"eventName": event, "eventID": f"e-{row_id}", "dynamodb": stream}


def pressed(session_id: str) -> dict[str, Any]:
    return record("INSERT", session_id, kind="session", state="REQUESTED", look_at="2026")


# ---- the queue ----------------------------------------------------------------------------------


def test_a_message_is_one_look(world: Everything) -> None:
    assert looks.work_through([message(wake("bg-1"))], world.remaining) == NONE
    assert [(each, side) for each, side, _ in world.looked] == [("bg-1", "queue")]


def test_a_message_that_is_early_is_passed_on_and_nothing_is_read(world: Everything) -> None:
    at = NOON + 40 * MINUTE
    assert looks.work_through([message(wake("bg-1", iso(at)))], world.remaining) == NONE
    assert (world.passed_on, world.looked) == ([("bg-1", 40 * MINUTE, at)], [])


@pytest.mark.parametrize("late", [-EARLY, timedelta(0), 5 * MINUTE])
def test_a_message_that_was_passed_on_is_a_look_when_it_is_time(
    world: Everything, late: timedelta
) -> None:
    body = wake("bg-1", iso(NOON - late))
    assert looks.work_through([message(body)], world.remaining) == NONE
    assert (world.passed_on, len(world.looked)) == ([], 1)


def test_a_message_that_cannot_be_passed_on_comes_again(world: Everything) -> None:
    world.refuses = True
    found = looks.work_through([message(wake("bg-1", iso(NOON + HOUR)))], world.remaining)
    assert found == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "7",
        "[]",
        "{}",
        '{"session": 7}',
        wake(""),
        wake("bg-1", "soon"),
        '{"session": "bg-1", "at": 5}',
        '{"session": "bg-1", "at": "2026-11-22T12:00:00"}',
    ],
)
def test_a_message_that_says_nothing_is_buried_at_once(
    world: Everything, lines: Any, body: str
) -> None:
    assert looks.work_through([message(body)], world.remaining) == NONE
    assert (world.buried, world.looked) == ([body], [])
    assert "a message that is no wake-up" in lines()


def test_a_row_that_nobody_can_read_is_buried_at_once(world: Everything) -> None:
    world.answers["bg-1"] = [Unreadable("bg-1 is no session")]
    assert looks.work_through([message(wake("bg-1"))], world.remaining) == NONE
    assert world.buried == [wake("bg-1")]


def test_a_message_whose_look_fails_comes_again_and_others_do_not(world: Everything) -> None:
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    both = [message(wake("bg-1"), "m-1"), message(wake("bg-2"), "m-2")]
    failed = looks.work_through(both, world.remaining)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert [each for each, _, _ in world.looked] == ["bg-1", "bg-2"]


# ---- the stream ---------------------------------------------------------------------------------


def follow(world: Everything, *records: Any) -> Any:
    return looks.follow(records, world.remaining, timedelta(seconds=20))


def test_a_press_is_forwarded_so_that_many_are_handled_side_by_side(world: Everything) -> None:
    follow(world, pressed("bg-1"), pressed("bg-2"))
    assert (world.sent, world.looked) == (["bg-1", "bg-2"], [])


def test_where_the_queue_refuses_the_stream_looks_itself_until_access_has_come(
    world: Everything,
) -> None:
    world.refuses = True
    follow(world, pressed("bg-1"))
    assert world.looked == [("bg-1", "stream", looks.A_GRANT_TAKES)]


def test_a_lease_that_is_gone_is_seen_to_on_the_spot_and_after_the_presses(
    world: Everything,
) -> None:
    follow(world, record("REMOVE", "lease/bg-1", kind="lease"), pressed("bg-2"))
    assert world.looked == [("bg-1", "stream", timedelta(seconds=20))]
    assert world.sent == ["bg-2"]


def test_what_is_nobodys_business_is_passed_over(world: Everything) -> None:
    assert follow(world, record("INSERT", "door/x", kind="door")) == NONE
    assert (world.sent, world.looked, world.buried) == ([], [], [])


def test_a_poisoned_record_is_buried_with_its_keys_alone_and_delays_nobody(
    world: Everything, lines: Any
) -> None:
    poison = {"eventName": "INSERT", "eventID": "e-1", "dynamodb": {"Keys": {"id": {"N": "7"}}}}
    assert follow(world, poison, {}, pressed("bg-1")) == NONE
    assert world.sent == ["bg-1"]
    assert [json.loads(body)["event"] for body in world.buried] == ["e-1", ""]
    assert "a stream record that cannot be handled" in lines()


def test_a_look_that_fails_is_buried_and_delays_nobody(world: Everything) -> None:
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    gone = [record("REMOVE", f"lease/bg-{n}", kind="lease") for n in (1, 2)]
    assert follow(world, *gone) == NONE
    assert [json.loads(body) for body in world.buried] == [{"session": "bg-1"}]
    assert [each for each, _, _ in world.looked] == ["bg-1", "bg-2"]


def test_what_can_neither_be_handled_nor_kept_comes_again(world: Everything) -> None:
    world.refuses = world.buries_nothing = True
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    bad = record("INSERT", "bg-3", kind="session")
    bad["dynamodb"]["Keys"] = None
    failed = follow(world, pressed("bg-1"), pressed("bg-2"), bad)
    assert [each["itemIdentifier"] for each in failed["batchItemFailures"]] == ["n-bg-3", "n-bg-1"][
        ::-1
    ]


# ---- the sweep ----------------------------------------------------------------------------------


def sweep(world: Everything, patience: float = 20) -> None:
    leaves = timedelta(seconds=10)
    looks.sweep_once(world.remaining, leaves, 500, timedelta(seconds=patience))


def test_the_sweep_looks_at_whatever_is_due(world: Everything, lines: Any) -> None:
    world.ids = ["bg-1", "bg-2"]
    sweep(world)
    assert [(each, side) for each, side, _ in world.looked] == [
        ("bg-1", "sweep"),
        ("bg-2", "sweep"),
    ]
    assert lines()[-1] == "swept"


def test_the_sweep_notices_a_lease_that_went_unheard(world: Everything) -> None:
    states = {"bg-1": active, "bg-2": revoking, "bg-3": active}
    world.rows = [(make(id=name), name == "bg-3") for name, make in states.items()]
    sweep(world)
    assert [each for each, _, _ in world.looked] == ["bg-1"]


def test_one_that_fails_holds_up_no_other(world: Everything) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.answers["bg-1"] = [RuntimeError("?")]
    sweep(world)
    assert [each for each, _, _ in world.looked] == ["bg-1", "bg-2"]


def test_access_that_is_being_taken_back_is_seen_through(world: Everything) -> None:
    world.ids = ["bg-1", "bg-2"]
    second = timedelta(seconds=1)
    world.answers["bg-1"] = [
        Rest(NOON + second, urgent=True),
        Rest(NOON + 3 * second, urgent=True),
        Rest(NOON + MINUTE),
    ]
    world.answers["bg-2"] = [Rest(NOON + second)]  # nobody's access: the next sweep will do
    sweep(world)
    assert [each for each, _, _ in world.looked] == ["bg-1", "bg-2", "bg-1", "bg-1"]
    assert world.time == NOON + 3 * second


def test_the_sweeps_patience_ends(world: Everything) -> None:
    world.ids = ["bg-1", "bg-2"]
    world.answers["bg-1"] = [Rest(NOON + MINUTE, urgent=True)]
    world.answers["bg-2"] = [Unavailable("?")]
    sweep(world)
    assert world.time == NOON


def test_the_sweep_begins_nothing_near_its_end(world: Everything, lines: Any) -> None:
    world.ids = ["bg-1"]
    world.left = timedelta(seconds=9)
    sweep(world)
    assert world.looked == []
    assert lines()[0] == "the sweep leaves some for the next"


def test_what_keeps_asking_ends_with_the_sweep(world: Everything) -> None:
    world.ids = ["bg-1"]
    world.left = timedelta(seconds=15)

    class Busy(list[Any]):
        def pop(self, index: Any = 0) -> Any:
            world.time += timedelta(seconds=1)
            return Rest(world.time, urgent=True)

    world.answers["bg-1"] = Busy([1, 2])
    sweep(world)
    assert 5 <= len(world.looked) <= 7
