"""Every reason that people read for access that does not come, or not yet."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.oncall import LOST_AFTER, OLD_AFTER, REFUSE, OnCall
from chalicelib.words import refusals
from tests.support.stories import NOON, glass

GROUP = "S0ONCALL"
HEARD = OnCall(id=GROUP, found_at=NOON, members=("U0BOB",), name="sre-oncall")
ON_CALL = glass(may=("alice@example.com", "group:sre", f"slack:{GROUP}"), stale_oncall=REFUSE)
LATER = NOON + OLD_AFTER + timedelta(minutes=1)
NOTES: list[tuple[Any, ...]] = [
    (GROUP, HEARD, ON_CALL, NOON),
    (GROUP, replace(HEARD, name=""), ON_CALL, NOON),
    (GROUP, HEARD, ON_CALL, LATER),
    (GROUP, HEARD, glass(), LATER),
    (GROUP, replace(HEARD, members=()), ON_CALL, NOON),
    (GROUP, replace(HEARD, members=(), exists=False), ON_CALL, NOON),
    (GROUP, None, ON_CALL, NOON),
    (GROUP, HEARD, glass(), NOON + LOST_AFTER + timedelta(minutes=1)),
]
ASKED: dict[str, tuple[Any, ...]] = {  # each function, and what it is asked with
    "not_among": (glass(), "mallory@example.com"),
    "unknown": (glass(), "nora@example.com"),
    "nobody": (glass(),),
    "whom": (glass().may,),
    "list_note": NOTES[0],
    "declined": ("bob@example.com",),
    "unreviewed": (glass(), "bg-0123456789abcdef01234567"),
    "undecided": ("IAM Identity Center answers 503",),
    "our_mistake": ("KeyError",),
    "spoiled": ("bg-1 says nothing",),
}


def every() -> Iterator[str]:
    for name, said in vars(refusals).items():
        if name.isupper() and isinstance(said, str):
            yield f"{name}: {said}"
    for name, asked in ASKED.items():
        yield f"{name}: {getattr(refusals, name)(*asked)}"
    for asked in NOTES:
        note = {GROUP: refusals.list_note(*asked)}
        yield f"on call: {refusals.not_among(ON_CALL, 'mallory@example.com', notes=note)}"


def test_every_refusal_reads_as_it_is_kept(snapshot: Any) -> None:
    made = {
        name
        for name, each in vars(refusals).items()
        if callable(each) and getattr(each, "__module__", "") == refusals.__name__
    }
    assert made == ASKED.keys()
    snapshot("refusals.txt", "\n".join(every()) + "\n")


def test_nobody_is_rung_by_a_refusal() -> None:
    """A mention of a group in Slack rings each of its people, at three in the morning."""
    for asked in NOTES:
        said = refusals.whom(ON_CALL.may, {GROUP: refusals.list_note(*asked)})
        assert "<" not in said
        assert "@" not in said.replace("alice@example.com", "")
