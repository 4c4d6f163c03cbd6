"""Every reason that people read for access that does not come, or not yet."""

from collections.abc import Iterator
from typing import Any

from chalicelib.words import refusals
from tests.support.stories import glass

ASKED: dict[str, tuple[Any, ...]] = {  # each function, and what it is asked with
    "not_among": (glass(), "mallory@example.com"),
    "unknown": (glass(), "nora@example.com"),
    "nobody": (glass(),),
    "whom": (glass().may,),
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


def test_every_refusal_reads_as_it_is_kept(snapshot: Any) -> None:
    made = {
        name
        for name, each in vars(refusals).items()
        if callable(each) and getattr(each, "__module__", "") == refusals.__name__
    }
    assert made == ASKED.keys()
    snapshot("refusals.txt", "\n".join(every()) + "\n")
