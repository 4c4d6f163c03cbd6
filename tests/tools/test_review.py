"""The command by which a review is done without Slack: who it was is in the row, never oneself."""

from argparse import Namespace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import Outcome
from chalicelib.domain.errors import Stale
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from tests.fakes.outside import World
from tests.support.stories import NOON, settling
from tools import review
from tools._project import Misused, Problem

BOB = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123/bob@example.com"
ALICES = [
    "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123/alice",
    "arn:aws:sts::111122223333:assumed-role/okta/Alice@Example.com",
    "arn:aws:iam::111122223333:user/alice",
]


def owed(world: World, **changes: Any) -> Session:
    until = NOON + timedelta(days=5)
    facts = {"state": State.REVIEWING, "review": timedelta(days=5), "review_until": until}
    session = settling(**facts, report_ts="7.7", card_ts="1.2", look_at=until, version=4)
    return world.keep(session.with_(**changes))


def test_who_reviews_by_the_command_is_kept_as_aws_knows_them_and_people_hear_of_it() -> None:
    world = World()
    session = owed(world)
    review.review(world.books, session.id, Outcome.FOLLOW_UP, BOB, "Why?")
    row = world.row(session.id)
    assert (row.state, row.version) == (State.CLOSED, 5)
    assert (row.reviewed_by, row.reviewed_as, row.review_note) == (BOB, "follow up", "Why?")
    assert row.look_at is not None, "the sweep says it"
    world.time = row.look_at
    row = world.look(row, "sweep")
    assert (row.owed, row.look_at) == ((), None)
    assert any(to == "C0INCIDENT 7.7" and "follow up" in text for to, text in world.told)


@pytest.mark.parametrize("identity", ALICES)
def test_nobody_reviews_their_own_as_far_as_aws_tells(identity: str) -> None:
    world = World()
    session = owed(world)
    with pytest.raises(Problem, match="nobody reviews their own"):
        review.review(world.books, session.id, Outcome.EXPECTED, identity, "")
    assert world.row(session.id) == session


def test_what_waits_for_no_review_is_left_alone_and_says_why() -> None:
    world = World()
    session = owed(
        world, state=State.CLOSED, reviewed_by="bob@example.com", reviewed_as="follow up"
    )
    with pytest.raises(Problem, match=r"bob@example\.com reviewed it: follow up"):
        review.review(world.books, session.id, Outcome.EXPECTED, BOB, "")
    with pytest.raises(Problem, match=r"there is no session"):
        review.review(world.books, "bg-none", Outcome.EXPECTED, BOB, "")


def test_two_reviews_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    session = owed(world)

    def stale(_: Session) -> None:
        raise Stale(session.id)

    monkeypatch.setattr(world.books, "write", stale)
    with pytest.raises(Problem, match="try again"):
        review.review(world.books, session.id, Outcome.EXPECTED, BOB, "")


@pytest.mark.parametrize(
    ("session", "note"), [("bg-1", ""), (f"bg-{'0' * 24}", "x" * 301), (f"bg-{'0' * 24}", "a\nb")]
)
def test_what_cannot_be_kept_is_refused_before_anything_is_asked(session: str, note: str) -> None:
    with pytest.raises(Misused):
        review.run(Namespace(session=session, note=note, stage="dev", how=Outcome.EXPECTED))
