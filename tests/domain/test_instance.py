"""Which instance it is: asked for late, remembered, and told from what is set."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import ExternalError, Stale, Unavailable
from chalicelib.domain.instance import FRESH, RENEWS, Discovered, Instance
from tests.support.stories import NOON

OURS: Discovered = ("arn:aws:sso:::instance/ssoins-1", "d-1", "111111111111")
OTHER: Discovered = ("arn:aws:sso:::instance/ssoins-2", "d-2", "222222222222")
SAID = OURS[:2]
MOMENT = timedelta(milliseconds=1)


@dataclass
class World:
    """The table, ListInstances and the clock; an error in place of an answer is raised."""

    kept: tuple[Discovered, datetime] | ExternalError | None = None
    lists: Discovered | ExternalError = OURS
    keeps: ExternalError | None = None
    time: datetime = NOON
    asked: list[str] = field(default_factory=list)

    def instance(self) -> tuple[Discovered, datetime] | None:
        self.asked.append("kept")
        if isinstance(self.kept, ExternalError):
            raise self.kept
        return self.kept

    def keep_instance(self, found: Discovered, now: datetime) -> None:
        self.asked.append("keep")
        if self.keeps:
            raise self.keeps
        self.kept = (found, now)

    def discover(self, arn: str) -> Discovered:
        self.asked.append(f"discover {arn}".strip())
        if isinstance(self.lists, ExternalError):
            raise self.lists
        return self.lists

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nobody waits here")

    def of(self, said: tuple[str, str] = ("", ""), **how: Any) -> Instance:
        return Instance(said, self.discover, lambda: self, self, **how)


def test_nothing_is_asked_before_somebody_wants_to_know() -> None:
    world = World()
    world.of()
    assert world.asked == []


def test_what_is_discovered_is_kept_and_asked_once() -> None:
    world = World()
    instance = world.of()
    assert (instance.arn(), instance.store_id(), instance.arn()) == (*SAID, OURS[0])
    assert world.asked == ["kept", "discover", "keep"]
    assert world.kept == (OURS, NOON)


def test_a_fresh_one_is_not_asked_for_again() -> None:
    world = World(kept=(OTHER, NOON), time=NOON + FRESH - MOMENT)
    assert world.of().store_id() == OTHER[1]
    assert world.asked == ["kept"]


def test_an_older_one_is_asked_for_again_and_written_anew() -> None:
    world = World(kept=(OTHER, NOON), time=NOON + FRESH)
    assert world.of().arn() == OURS[0]
    assert world.kept == (OURS, NOON + FRESH)


def test_where_nobody_answers_an_older_one_serves() -> None:
    world = World(kept=(OTHER, NOON), time=NOON + 99 * FRESH, lists=Unavailable("down"))
    instance = world.of()
    assert (instance.arn(), instance.store_id()) == OTHER[:2]
    assert world.kept == (OTHER, NOON), "it is no fresher for that"


@pytest.mark.parametrize("kept", [None, Unavailable("no table")])
def test_nothing_known_and_nobody_who_answers_is_unavailable(kept: Any) -> None:
    world = World(kept=kept, lists=Unavailable("down"))
    instance = world.of()
    for ask in (instance.arn, instance.store_id):
        with pytest.raises(Unavailable, match="down"):
            ask()
    world.lists = OURS  # it is asked again, and is not silent for ever
    assert (instance.arn(), instance.store_id()) == SAID


def test_a_table_that_does_not_answer_holds_up_nobody() -> None:
    world = World(kept=Unavailable("no table"), keeps=Unavailable("no table"))
    assert world.of().arn() == OURS[0]


@pytest.mark.parametrize("trouble", [Unavailable("no table"), Stale("written by another")])
def test_what_cannot_be_kept_is_discovered_by_the_next_one_as_well(trouble: ExternalError) -> None:
    world = World(keeps=trouble)
    assert world.of().arn() == OURS[0]
    assert world.kept is None


def test_what_is_set_wins_and_nobody_is_asked() -> None:
    world = World(kept=(OTHER, NOON), lists=Unavailable("down"))
    instance = world.of(said=SAID)
    assert (instance.arn(), instance.store_id()) == SAID
    assert world.asked == []


def test_where_only_the_arn_is_set_it_names_the_one_to_look_for() -> None:
    world = World(kept=(OTHER, NOON))
    instance = world.of(said=(OURS[0], ""))
    assert instance.arn() == OURS[0]
    assert world.asked == []
    assert instance.store_id() == OURS[1]
    assert world.asked == ["kept", f"discover {OURS[0]}", "keep"], "what was kept is another's"


def test_what_is_kept_of_another_instance_does_not_serve_either() -> None:
    world = World(kept=(OTHER, NOON), lists=Unavailable("down"))
    with pytest.raises(Unavailable):
        world.of(said=(OURS[0], "")).store_id()


def test_reconciliation_writes_nothing() -> None:
    """Its rights are to write asks and notes."""
    world = World()
    assert world.of(writes=False).store_id() == OURS[1]
    assert world.asked == ["kept", "discover"]
    assert world.kept is None


@pytest.mark.parametrize(("function", "writes"), [("app-reconcile", False), ("app-worker", True)])
def test_it_is_reconciliation_alone_that_does_not_write(
    monkeypatch: pytest.MonkeyPatch, function: str, writes: bool
) -> None:
    from types import SimpleNamespace

    from chalicelib import wiring
    from chalicelib.adapters.identity_center import calls

    world = World()
    known = SimpleNamespace(instance_arn="", identity_store_id="")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", function)
    monkeypatch.setattr(wiring, "settings", lambda: known)
    monkeypatch.setattr(wiring, "table", lambda: world)
    monkeypatch.setattr(calls, "discover", lambda reads, arn: world.discover(arn))
    _, directory = wiring._identity.__wrapped__()
    assert directory._store_id() == OURS[1]
    assert ("keep" in world.asked) is writes


def test_one_that_was_replaced_is_discovered_at_once_whatever_is_kept() -> None:
    world = World(kept=(OTHER, NOON))
    instance = world.of()
    assert instance.arn() == OTHER[0]
    assert instance.renew() is True
    assert (instance.arn(), instance.store_id()) == SAID
    assert world.kept == (OURS, NOON), "for functions that begin cold"
    assert world.asked == ["kept", "discover", "keep"]


def test_one_that_is_still_the_same_is_not_asked_for_again_and_again() -> None:
    """AWS may keep it from us for want of a right."""
    world = World(kept=(OURS, NOON))
    instance = world.of()
    instance.arn()
    for seconds in (0, 30, 59.9):
        world.time = NOON + timedelta(seconds=seconds)
        assert instance.renew() is False
    assert world.asked == ["kept", "discover"]
    world.time, world.lists = NOON + RENEWS, OTHER
    assert instance.renew() is True


def test_where_nobody_answers_the_one_that_is_known_stays() -> None:
    world = World(kept=(OTHER, NOON), lists=Unavailable("down"))
    instance = world.of()
    instance.arn()
    assert instance.renew() is False
    assert instance.arn() == OTHER[0]


def test_what_is_set_is_never_renewed() -> None:
    world = World()
    assert world.of(said=SAID).renew() is False
    assert world.asked == []


def test_whose_it_is_comes_with_all_the_rest() -> None:
    world = World()
    instance = world.of()
    instance.store_id()
    assert [instance.owner(), instance.owner()] == [OURS[2]] * 2
    assert world.asked == ["kept", "discover", "keep"], "and nobody is asked for that"


def test_where_all_is_set_whose_it_is_is_looked_up_once_and_kept() -> None:
    world = World(lists=(*OTHER[:1], "d-9", OTHER[2]))
    instance = world.of(said=SAID)
    assert [instance.owner(), instance.owner()] == [OTHER[2]] * 2
    assert world.asked == ["kept", f"discover {SAID[0]}", "keep"]
    assert (instance.arn(), instance.store_id()) == SAID, "what is set still wins"
    assert world.of(said=(OTHER[0], "d-2")).owner() == OTHER[2]
    assert world.asked[3:] == ["kept"]


def test_where_nobody_says_whose_it_is_nobody_is_held_up() -> None:
    world = World(kept=Unavailable("no table"), lists=Unavailable("down"))
    instance = world.of(said=SAID)
    assert instance.owner() == ""
    world.lists = OURS
    assert instance.owner() == OURS[2], "it is asked again, and is not silent for ever"


def test_a_row_that_does_not_say_whose_it_is_is_older_than_that_and_written_anew() -> None:
    world = World(kept=((*SAID, ""), NOON))
    assert world.of().owner() == OURS[2]
    assert world.kept == (OURS, NOON)


def test_whose_it_is_is_renewed_with_it() -> None:
    world = World(kept=(OTHER, NOON))
    instance = world.of()
    assert instance.owner() == OTHER[2]
    assert instance.renew() is True
    assert instance.owner() == OURS[2]
