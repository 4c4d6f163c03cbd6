"""What a row of the log is: what its id says, whatever else it says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from tools._project import Misused
from tools._rows import LAST, WAITING, Wanted, in_order, told

ID = "0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("row_id", "what"),
    [
        (f"bg-{ID}", "break"),
        (f"ask/bg-{ID}", "break"),
        (f"ask/found-{ID}", "take back"),
        (f"ask/end-{ID}", "end now"),
        (f"asked/end-{ID}", "end now"),
        (f"asked/extend-{ID}", "extend"),
    ],
)
def test_an_id_says_what_was_asked_for(row_id: str, what: str) -> None:
    row = told({"id": row_id, "kind": "door"})
    assert row is not None
    assert row["what"] == what


@pytest.mark.parametrize(
    "row_id",
    [f"lease/bg-{ID}", "door/1/2/3", "assignment/1/2/3", "kept/identity-center", "bg-1",
     f"ask/{ID}", f"other/end-{ID}", f"ask/end-{ID}\n", f"report/bg-{ID}/1", "oncall/S1"],
)  # fmt: skip
def test_any_other_row_is_none_whatever_its_kind(row_id: str) -> None:
    assert told({"id": row_id, "kind": "session", "state": "ACTIVE"}) is None


def test_of_an_undecided_ask_that_alone_is_taken_which_has_its_form() -> None:
    forged: dict[str, Any] = {
        "id": f"ask/end-{ID}",
        "asked_at": "2026-11-22T15:04:05.000Z",
        "slack_user": "U0MALLORY",
        "session_id": "x" * 2_000,
        "slack_channel": ["C0"],
        "person": "alice@example.com",
        "email": "alice@example.com",
        "state": "ACTIVE",
        "outcome": "ended",
        "decided_at": "2026-11-22T15:04:06.000Z",
    }
    assert told(forged) == {
        "id": f"ask/end-{ID}",
        "asked_at": "2026-11-22T15:04:05.000Z",
        "slack_user": "U0MALLORY",
        "what": "end now",
        "outcome": WAITING,
    }


def test_what_waits_is_a_persons_by_their_slack_id_and_not_by_what_it_says() -> None:
    waits = told({"id": f"ask/end-{ID}", "slack_user": "U0BOB", "person": "alice@example.com"})
    assert waits is not None
    bob = Wanted(person="bob@example.com", slack_users=frozenset({"U0BOB"}), since="", until="9")
    alice = Wanted(person="alice@example.com", slack_users=frozenset({"U0ALICE"}), since="")
    assert bob.fits(waits)
    assert not alice.fits(waits)


def test_a_press_on_what_does_not_exist_is_a_persons_by_their_slack_id() -> None:
    bob = Wanted(person="bob@example.com", slack_users=frozenset({"U0BOB"}))
    nobody_asked = {"asked_at": "2026-11-22", "slack_user": "U0BOB", "person": "U0BOB"}
    assert bob.fits(nobody_asked)
    assert not bob.fits(nobody_asked | {"slack_user": "U0ALICE", "person": "U0ALICE"})
    assert not bob.fits(nobody_asked | {"person": "bob.other@example.com"}), "known as another"


def test_a_time_after_the_other_is_a_mistake_in_what_was_typed() -> None:
    in_order("2026-11-22", LAST)
    with pytest.raises(Misused, match="nothing is between"):
        in_order("2026-11-23", "2026-11-22")
