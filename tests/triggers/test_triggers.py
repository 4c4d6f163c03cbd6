"""The queue's and the stream's side: what each makes of what it is given, and of trouble."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable, Unreadable
from chalicelib.domain.machine import State
from chalicelib.domain.schedule import EARLY
from chalicelib.domain.session import iso
from chalicelib.triggers.common import NOW
from chalicelib.triggers.queue import SOON
from chalicelib.triggers.stream import A_GRANT_TAKES, OTHERS_WAIT
from chalicelib.workflow.answers import Rest
from tests.fakes.looking import MINUTE, SECOND, Everything, ask_id, gone, pressed, record
from tests.support import stories
from tests.support.stories import HOUR, NOON

NONE: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}


def message(body: str, number: str = "m-1") -> dict[str, str]:
    return {"body": body, "messageId": number}


def wake(row_id: str, at: str = "", **more: Any) -> str:
    return json.dumps({"session": row_id} | ({"at": at} if at else {}) | more)


def said(lines: Any) -> list[str]:
    return [line["message"] for line in lines()]


# ---- the queue ----------------------------------------------------------------------------------


def test_a_message_is_one_look(world: Everything) -> None:
    assert world.queue_side.work_through([message(wake("bg-1"))], world.remaining) == NONE
    assert [(row_id, look.seen_by) for row_id, look in world.looks] == [("bg-1", "queue")]


def test_a_message_that_is_early_is_passed_on_and_nothing_is_read(world: Everything) -> None:
    at = NOON + 40 * MINUTE
    assert world.queue_side.work_through([message(wake("bg-1", iso(at)))], world.remaining) == NONE
    assert (world.passed_on, world.looked) == ([("bg-1", 40 * MINUTE, at)], [])


@pytest.mark.parametrize("late", [-EARLY, timedelta(0), 5 * MINUTE])
def test_a_message_that_was_passed_on_is_a_look_when_it_is_time(
    world: Everything, late: timedelta
) -> None:
    body = wake("bg-1", iso(NOON - late))
    assert world.queue_side.work_through([message(body)], world.remaining) == NONE
    assert (world.passed_on, world.looked) == ([], ["bg-1"])


def test_a_message_that_cannot_be_passed_on_comes_again(world: Everything) -> None:
    world.refuses = True
    found = world.queue_side.work_through(
        [message(wake("bg-1", iso(NOON + HOUR)))], world.remaining
    )
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
        '{"session": "bg-1", "tried": "often"}',
        '{"session": "bg-1", "tried": []}',
        '{"session": "bg-1", "tried": Infinity}',
        "[" * 100_000,
        '{"session": "bg-1", "at": "2026-11-22T12:00:00"}',
    ],
)
def test_a_message_that_says_nothing_is_buried_at_once(
    world: Everything, lines: Any, body: str
) -> None:
    assert world.queue_side.work_through([message(body)], world.remaining) == NONE
    assert (world.buried, world.looked) == ([body], [])
    assert "a message that is no wake-up" in said(lines)


def test_a_wake_up_for_another_age_is_a_look_now_and_travels_no_further(world: Everything) -> None:
    """Whoever may send to the queue could keep a message in it for ever."""
    body = wake("bg-1", "9999-12-31T00:00:00.000Z")
    assert world.queue_side.work_through([message(body)], world.remaining) == NONE
    assert (world.looked, world.passed_on) == (["bg-1"], [])


@pytest.mark.parametrize(("tried", "then"), [(-1_000_000, 1), (SOON + 1, None)])
def test_how_often_it_was_tried_is_within_what_we_count(
    world: Everything, tried: int, then: int | None
) -> None:
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    failed = world.queue_side.work_through([message(wake("bg-1", tried=tried))], world.remaining)
    assert [n for _, _, n in world.tried] == ([then] if then else [])
    assert (failed == NONE) is (then is not None)


def test_a_row_that_nobody_can_read_is_buried_at_once(world: Everything) -> None:
    world.answers["bg-1"] = [Unreadable("bg-1 is no session")]
    assert world.queue_side.work_through([message(wake("bg-1"))], world.remaining) == NONE
    assert world.buried == [wake("bg-1")]


def test_a_look_that_failed_comes_again_in_seconds_a_few_times_and_then_by_sqs(
    world: Everything,
) -> None:
    """SQS would bring it again after minutes; so it does only when seconds have not helped."""
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    body = wake("bg-1")
    for n in range(1, SOON + 1):
        assert world.queue_side.work_through([message(body)], world.remaining) == NONE
        assert world.tried[-1] == ("bg-1", timedelta(seconds=2**n), n)
        body = wake("bg-1", tried=n)
    failed = world.queue_side.work_through([message(body)], world.remaining)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(world.tried) == SOON
    assert world.tried[-1][1] < 30 * SECOND


def test_one_that_failed_holds_up_no_other(world: Everything) -> None:
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    both = [message(wake("bg-1", tried=9), "m-1"), message(wake("bg-2"), "m-2")]
    failed = world.queue_side.work_through(both, world.remaining)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert world.looked == ["bg-1", "bg-2"]


def test_where_the_queue_takes_nothing_sqs_keeps_the_message(world: Everything) -> None:
    world.refuses = True
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    failed = world.queue_side.work_through([message(wake("bg-1"))], world.remaining)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def mistake() -> Exception:
    return ValueError("hunter2: what somebody has sent")


def test_what_was_foreseen_is_a_warning_and_a_mistake_an_error_that_says_where(
    world: Everything, lines: Any
) -> None:
    world.answers = {"bg-1": [Unavailable("DynamoDB: down")], "bg-2": [mistake()]}
    world.queue_side.work_through([message(wake("bg-1")), message(wake("bg-2"))], world.remaining)
    foreseen, unforeseen = lines()
    assert (foreseen["level"], foreseen["message"]) == ("WARNING", "a look failed")
    assert "trace" not in foreseen
    assert (unforeseen["level"], unforeseen["error"]) == ("ERROR", "ValueError")
    assert "looking.py" in unforeseen["trace"]
    assert "looking.py" in unforeseen["trace"]
    assert "hunter2" not in json.dumps(unforeseen)
    assert foreseen["FailedLooks"] == unforeseen["FailedLooks"] == 1


# ---- the stream ---------------------------------------------------------------------------------


PATIENCE = timedelta(seconds=20)


def follow(world: Everything, *records: Any) -> Any:
    return world.stream_side.follow(records, world.remaining, PATIENCE)


def test_a_press_is_forwarded_so_that_many_are_handled_side_by_side(world: Everything) -> None:
    assert follow(world, pressed(1), pressed(2, "extend"), pressed(3, "found")) == NONE
    sent = [ask_id("bg", 1), ask_id("extend", 2), ask_id("found", 3)]
    assert (world.sent, world.looked) == (sent, [])


def test_a_press_is_logged_and_counted_once(world: Everything, lines: Any) -> None:
    asked = {"glass": "prod", "account_id": "111122223333"}
    follow(world, pressed(1, **asked), pressed(2, "end"), gone("bg-1"))
    (line,) = lines()
    assert (line["message"], line["Presses"], line["glass"]) == ("REQUESTED", 1, "prod")
    assert line["session"] == ask_id("bg", 1).removeprefix("ask/")


def test_end_now_is_forwarded_and_looked_at_here_as_well_asking_nobody(world: Everything) -> None:
    """In case nobody takes what the queue holds."""
    assert follow(world, pressed(1, "end"), pressed(2)) == NONE
    assert world.sent == [ask_id("end", 1), ask_id("bg", 2)]
    ((row_id, look),) = world.looks
    assert (row_id, look.seen_by, look.asks_nobody) == (ask_id("end", 1), "stream", True)


def test_an_end_now_that_fails_here_is_the_queues(world: Everything, lines: Any) -> None:
    world.answers[ask_id("end", 1)] = [Unavailable("DynamoDB: down")]
    assert follow(world, pressed(1, "end"), pressed(2, "end")) == NONE
    assert world.looked == world.sent == [ask_id("end", 1), ask_id("end", 2)]
    assert world.buried == []
    assert said(lines) == ["a look failed"]


def test_where_the_queue_refuses_the_stream_looks_itself_until_access_has_come(
    world: Everything,
) -> None:
    world.refuses = True
    follow(world, pressed(1), pressed(2, "end"))
    assert world.looked == [ask_id("bg", 1), ask_id("end", 2)]
    for _, look in world.looks:
        assert (look.seen_by, look.patience) == ("stream", A_GRANT_TAKES)
        assert not look.asks_nobody, "nobody else decides it"


def test_a_lease_that_is_gone_is_seen_to_on_the_spot(world: Everything) -> None:
    follow(world, gone("bg-1"), pressed(2))
    ((row_id, look),) = world.looks
    assert (row_id, look.seen_by, look.patience) == ("bg-1", "stream", A_GRANT_TAKES)
    assert (look.asks_nobody, look.quiet) == (False, False)
    assert world.sent == [ask_id("bg", 2)], "it was not left waiting meanwhile"


STILL = Rest(NOON, urgent=True)  # access may still be open


def test_what_does_not_end_soon_is_the_queues_lest_others_wait_for_it(world: Everything) -> None:
    """While deletes failed, everybody's presses waited twenty seconds behind each lease."""
    world.answers["bg-1"] = [STILL]
    assert follow(world, gone("bg-1")) == NONE
    assert (world.looked, world.sent) == (["bg-1"], ["bg-1"])


def test_what_is_live_is_not_over_because_the_patience_is(world: Everything) -> None:
    """Under a claim a rest without patience is not urgent, though access may be open."""
    world.answers["bg-1"] = [Rest(NOON, known=stories.active())]
    assert follow(world, gone("bg-1")) == NONE
    assert world.sent == ["bg-1"]
    world.answers["bg-2"] = [Rest(NOON, known=stories.revoking(state=State.SETTLING))]
    assert follow(world, gone("bg-2")) == NONE
    assert world.sent == ["bg-1"]


def test_what_does_not_end_soon_is_seen_through_here_where_the_queue_takes_nothing(
    world: Everything,
) -> None:
    world.answers["bg-1"], world.refuses = [STILL], True
    assert follow(world, gone("bg-1")) == NONE
    shorter = PATIENCE - A_GRANT_TAKES
    assert [look.patience for _, look in world.looks] == [A_GRANT_TAKES, shorter]


@pytest.mark.parametrize("refuses", [False, True])
def test_one_after_the_other_is_looked_at_here_only_as_long_as_others_can_wait(
    world: Everything, refuses: bool
) -> None:
    advance = world.advance

    def slow(row_id: str, look: Any, known: Any = None) -> Any:
        world.left -= OTHERS_WAIT + SECOND
        return advance(row_id, look, known)

    world.advance = slow  # type: ignore[method-assign]
    world.refuses = refuses
    assert follow(world, gone("bg-1"), gone("bg-2"), gone("bg-3")) == NONE
    assert world.sent == ([] if refuses else ["bg-2", "bg-3"])
    assert world.looked == ["bg-1", "bg-2", "bg-3"]  # once each, in case nobody takes them
    waits = [look.patience for _, look in world.looks]
    assert waits == [A_GRANT_TAKES] * (3 if refuses else 1) + [NOW] * (0 if refuses else 2)


@pytest.mark.parametrize("refuses_after", [0, 3, 1_000])
@pytest.mark.parametrize("kind", ["bg", "end"])
def test_a_flood_of_asks_never_comes_before_a_lease_that_is_gone(
    world: Everything, kind: str, refuses_after: int
) -> None:
    world.refuses_after = refuses_after
    flood = [pressed(f"{n:x}", kind) for n in range(16)]
    assert follow(world, *flood, gone("bg-1"), *flood) == NONE
    assert world.looked[0] == "bg-1"
    seen = {*world.sent, *world.looked}
    assert seen == {*(ask_id(kind, f"{n:x}") for n in range(16)), "bg-1"}


def test_one_message_that_the_queue_refuses_is_tried_again_behind_the_leases(
    world: Everything,
) -> None:
    """A queue that fails once must not have the stream do the work of all workers."""
    send, calls = world.send, []

    def once(*args: Any, **how: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise Unavailable("SQS: a hiccup")
        send(*args, **how)

    world.send = once  # type: ignore[method-assign]
    assert follow(world, pressed(1), pressed(2)) == NONE
    assert (world.sent, world.looked) == ([ask_id("bg", 1), ask_id("bg", 2)], [])


def test_a_mistake_in_forwarding_keeps_nobody_waiting(world: Everything, lines: Any) -> None:
    def broken(*args: Any, **how: Any) -> None:
        raise mistake()

    world.send = broken  # type: ignore[method-assign]
    assert follow(world, pressed(1), pressed(2)) == NONE
    assert world.looked == [ask_id("bg", 1), ask_id("bg", 2)]
    assert {(line["level"], "trace" in line) for line in lines() if "error" in line} == {
        ("ERROR", True)
    }


@pytest.mark.parametrize("row_id", ["door/x", "asked/end-1", "ask/end-1", "bg-1", "ask/"])
def test_what_is_nobodys_business_is_passed_over(world: Everything, row_id: str) -> None:
    assert follow(world, record("INSERT", row_id, kind="door")) == NONE
    assert (world.sent, world.looked, world.buried) == ([], [], [])


def test_a_poisoned_record_is_buried_with_its_keys_alone_and_delays_nobody(
    world: Everything, lines: Any
) -> None:
    poison = {"eventName": "INSERT", "eventID": "e-1", "dynamodb": {"Keys": {"id": {"N": "7"}}}}
    assert follow(world, poison, {}, pressed(1)) == NONE
    assert world.sent == [ask_id("bg", 1)]
    assert [json.loads(body)["event"] for body in world.buried] == ["e-1", ""]
    bad = [line for line in lines() if line["message"] == "a stream record that cannot be handled"]
    assert ["records.py" in line["trace"] for line in bad] == [True, True]


def test_a_look_that_fails_is_the_queues_in_seconds_and_delays_nobody(world: Everything) -> None:
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    assert follow(world, gone("bg-1"), gone("bg-2")) == NONE
    assert world.tried == [("bg-1", 2 * SECOND, 1)]
    assert (world.looked, world.buried) == (["bg-1", "bg-2"], [])


def test_a_look_that_fails_where_the_queue_refuses_is_buried(world: Everything) -> None:
    world.refuses = True
    world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    assert follow(world, gone("bg-1"), gone("bg-2")) == NONE
    assert [json.loads(body) for body in world.buried] == [{"session": "bg-1"}]
    assert world.looked == ["bg-1", "bg-2"]


def test_a_row_that_nobody_can_read_is_no_business_of_the_queue(world: Everything) -> None:
    world.answers["bg-1"] = [Unreadable("bg-1 is no session")]
    assert follow(world, gone("bg-1")) == NONE
    assert (world.tried, len(world.buried)) == ([], 1)


def test_what_can_neither_be_handled_nor_kept_comes_again(world: Everything) -> None:
    world.refuses = world.buries_nothing = True
    world.answers[ask_id("bg", 1)] = world.answers["bg-1"] = [Unavailable("DynamoDB: down")]
    bad = pressed(3)
    bad["dynamodb"]["Keys"] = None
    failed = follow(world, pressed(1), pressed(2), bad, gone("bg-1"))
    again = [each["itemIdentifier"] for each in failed["batchItemFailures"]]
    assert again == [f"n-{ask_id('bg', 3)}", "n-lease/bg-1", f"n-{ask_id('bg', 1)}"]
