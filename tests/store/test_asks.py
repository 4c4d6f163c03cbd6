"""Asks: written once, decided once, in one transaction with what comes of it."""

from dataclasses import replace

import pytest

from chalicelib.adapters.dynamodb.asked_in_vain import asked_in_vain
from chalicelib.domain.ask import Kind, Outcome
from chalicelib.domain.errors import LockTaken, Stale, Unreadable
from chalicelib.domain.machine import Event
from chalicelib.domain.session import Lock, Session
from tests.store.contract import ACCESS, MINUTE, PAST, Store, bg, ended, extended, pressed
from tests.support.stories import HOUR, NOON, granting, requested

BREAK = f"ask/{requested().id}"


def denied(session: Session) -> Session:
    return session.entered(Event.REFUSED, NOON, reason="They may not.", denied_at=NOON)


def after(session: Session) -> Session:
    """The session's next row, where somebody has ended it."""
    return session.entered(Event.ENDED, NOON + MINUTE, ended_by="bob@example.com")


# ---- a press becomes a session ------------------------------------------------------------------


def test_a_press_is_an_ask_and_no_session_yet(store: Store) -> None:
    asked = store.ask(requested())
    assert (asked.id, asked.version, asked.slack_user) == (requested().id, 0, "U0ALICE")
    assert store.books.read(asked.id) == (None, False)
    assert list(store.books.due(NOON, 10)) == list(store.books.alive()) == []
    assert list(store.books.asks_due(NOON, 10)) == [BREAK]


def test_a_press_is_recorded_once(store: Store) -> None:
    asked = store.ask(requested())
    assert store.record(requested(reason="another")) is False
    assert store.books.asked(BREAK) == asked


@pytest.mark.world
def test_of_what_is_recorded_only_what_the_route_may_say_is_there(dynamodb: Store) -> None:
    dynamodb.clear()
    said = granting(version=3, standing="no", report_to=("eve@example.com",), grant_call="r-1")
    asked = dynamodb.ask(said)
    assert (asked.state, asked.version, asked.standing) == ("REQUESTED", 0, "")
    assert (asked.email, asked.principal_id, asked.report_to) == ("", "", ())
    assert (asked.deadline, asked.duration.total_seconds()) == (None, 0)
    assert (asked.person, asked.slack_user) == ("U0ALICE", "U0ALICE")


def test_a_session_takes_the_place_of_its_ask(store: Store) -> None:
    session = denied(store.ask(requested()))
    store.books.write(session)
    assert store.books.read(session.id) == (replace(session, version=1), False)
    assert store.books.asked(BREAK) is None
    assert store.books.asks_due(NOON, 10) == []
    with pytest.raises(Stale):
        store.books.write(session)


def test_without_the_ask_there_is_no_new_session(store: Store) -> None:
    for make in (store.books.write, store.books.allow):
        with pytest.raises(Stale):
            make(granting())
    session = store.ask(requested())
    store.books.drop_ask(BREAK)
    with pytest.raises(Stale):
        store.books.write(denied(session))
    with pytest.raises(Stale):
        store.books.allow(granting())
    assert store.books.read(session.id) == (None, False)
    assert store.books.lock(ACCESS) is None
    assert store.lease(session.id) is None


def test_an_ask_that_is_written_again_makes_no_second_session(store: Store) -> None:
    session = store.write(denied(store.ask(requested())))
    for write in (store.books.write, store.books.allow):
        assert store.record(requested())
        with pytest.raises(Stale):
            write(granting())
        assert store.books.asked(BREAK) is None
        assert store.books.asks_due(NOON, 10) == [], "it is dropped"
    assert store.books.read(session.id) == (session, False)
    assert store.books.lock(ACCESS) is None


def test_what_is_allowed_is_no_ask_any_more(store: Store) -> None:
    session = store.open()
    assert store.books.read(session.id) == (session, True)
    assert store.books.lock(ACCESS) == Lock(session.id)
    assert store.books.asked(BREAK) is None
    assert store.books.asks_due(NOON, 10) == []
    assert store.lease(session.id) == int((NOON + HOUR).timestamp())


def test_a_taken_lock_lets_nobody_in_and_leaves_the_ask(store: Store) -> None:
    first = store.open()
    asked = store.ask(requested(id=bg(2)))
    with pytest.raises(LockTaken):
        store.books.allow(granting(id=bg(2)))
    assert store.books.read(bg(2)) == (None, False)
    assert store.books.asked(f"ask/{bg(2)}") == asked
    assert store.lease(bg(2)) is None
    assert store.books.lock(ACCESS) == Lock(first.id)


def test_who_is_not_asked_for_any_more_is_stale_whether_the_lock_is_taken_or_not(
    store: Store,
) -> None:
    store.open()
    with pytest.raises(Stale):
        store.books.allow(granting(id=bg(2)))


def test_a_session_of_an_older_row_is_allowed_by_its_version(store: Store) -> None:
    """The row of a press that was not decided yet when asks became rows of their own."""
    session = store.put(requested())
    newer = store.write(session)
    with pytest.raises(Stale):
        store.books.allow(replace(granting(), version=session.version))
    assert store.books.lock(ACCESS) is None
    assert store.lease(session.id) is None
    other = store.open(id=bg(2))
    with pytest.raises(LockTaken):
        store.books.allow(replace(granting(), version=newer.version))
    store.books.free(ACCESS, Lock(other.id))
    store.books.allow(replace(granting(), version=newer.version))
    assert store.books.read(session.id)[0].version == newer.version + 1


# ---- End now and Extend -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.END, Kind.EXTEND])
def test_what_is_asked_of_a_session_is_a_row_of_its_own(store: Store, kind: Kind) -> None:
    session = store.open()
    ask = pressed(session, kind)
    assert store.ask(ask) == ask
    assert store.record(ask) is False
    assert store.books.read(session.id) == (session, True), "not even its version has moved"
    assert list(store.books.asks_due(NOON, 10)) == [f"ask/{ask.id}"]


def test_decided_is_the_ask_and_the_session_in_one(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    store.books.decide(ended(ask), after(session))
    assert store.books.asked(f"ask/{ask.id}") is None
    assert store.books.asked(f"asked/{ask.id}") == ended(ask, version=1)
    assert store.books.read(session.id) == (replace(after(session), version=2), True)


def test_an_ask_is_decided_once(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    store.books.decide(ended(ask), after(session))
    said = store.books.read(session.id)
    refused = ended(ask, outcome=Outcome.REFUSED)
    with pytest.raises(Stale):  # the ask is gone
        store.books.decide(refused)
    assert store.record(ask)
    for more in (None, replace(after(session), version=2)):
        with pytest.raises(Stale):  # it is there again, and has been decided
            store.books.decide(refused, more)
    assert store.books.asked(f"ask/{ask.id}") is None
    assert store.books.asked(f"asked/{ask.id}") == ended(ask, version=1)
    assert store.books.read(session.id) == said
    assert list(store.books.asks_due(NOON + HOUR, 10)) == [f"asked/{ask.id}"]


def test_an_ask_that_is_gone_decides_nothing(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    store.books.drop_ask(f"ask/{ask.id}")
    with pytest.raises(Stale):
        store.books.decide(ended(ask), after(session))
    assert store.books.asked(f"asked/{ask.id}") is None
    assert store.books.read(session.id) == (session, True)


def test_a_session_that_has_moved_leaves_the_ask_undecided(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    newer = store.write(session)
    with pytest.raises(Stale):
        store.books.decide(ended(ask), after(session))
    assert store.books.asked(f"ask/{ask.id}") == ask
    assert store.books.asked(f"asked/{ask.id}") is None
    assert store.books.read(session.id) == (newer, True)


def test_who_may_not_changes_nothing_of_the_session(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    refused = ended(ask, outcome=Outcome.REFUSED, reason="Bob is not among those who may.")
    store.books.decide(refused)
    assert store.books.asked(f"asked/{ask.id}") == replace(refused, version=1)
    assert store.books.read(session.id) == (session, True)


def test_extended_is_ask_session_and_lease_in_one(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session, Kind.EXTEND))
    decided, later = extended(ask, session)
    store.books.decide(decided, later)
    assert store.books.asked(f"asked/{ask.id}") == replace(decided, version=1)
    assert store.books.read(session.id) == (replace(later, version=2), True)
    assert later.deadline is not None
    assert store.lease(session.id) == int(later.deadline.timestamp())


def test_nothing_is_extended_without_the_lease(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session, Kind.EXTEND))
    store.books.drop(session.id)
    with pytest.raises(Stale):
        store.books.decide(*extended(ask, session))
    assert store.books.read(session.id) == (session, False)
    assert store.lease(session.id) is None
    assert store.books.asked(f"ask/{ask.id}") == ask


def test_what_ends_access_needs_no_lease_and_leaves_it(store: Store) -> None:
    session = store.open()
    store.books.drop(session.id)
    store.books.decide(ended(store.ask(pressed(session))), after(session))
    assert store.books.read(session.id) == (replace(after(session), version=2), False)
    assert store.lease(session.id) is None


def test_whoever_is_told_writes_it_by_the_version(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    store.books.decide(ended(ask))
    telling = ended(ask, version=1, tell_at=NOON + HOUR, tell_tries=1)
    store.books.answered(telling)
    assert store.books.asked(f"asked/{ask.id}") == replace(telling, version=2)
    for stale in (telling, replace(telling, version=0), replace(telling, version=3)):
        with pytest.raises(Stale):
            store.books.answered(stale)
    told = replace(telling, version=2, owed=(), tell_at=None, response_url="")
    store.books.answered(told)
    assert store.books.asked(f"asked/{ask.id}") == replace(told, version=3)


def test_nobody_is_told_of_what_was_not_decided(store: Store) -> None:
    ask = store.ask(pressed(store.open()))
    for version in (0, 1):
        with pytest.raises(Stale):
            store.books.answered(ended(ask, version=version))
    assert store.books.asked(f"asked/{ask.id}") is None


def test_an_ask_of_which_nothing_comes_is_dropped(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    for _ in range(2):
        store.books.drop_ask(f"ask/{ask.id}")
        assert store.books.asked(f"ask/{ask.id}") is None
    assert store.books.asks_due(NOON, 10) == []


def test_only_asks_are_dropped(store: Store) -> None:
    session = store.open()
    ask = store.ask(pressed(session))
    store.books.decide(ended(ask))
    for row_id in (f"asked/{ask.id}", session.id, f"lease/{session.id}", f"door/{ACCESS.key}"):
        store.books.drop_ask(row_id)
    assert store.books.asked(f"asked/{ask.id}") == ended(ask, version=1)
    assert store.books.read(session.id) == (session, True)
    assert store.books.lock(ACCESS) == Lock(session.id)


# ---- which asks to look at ----------------------------------------------------------------------


def test_the_asks_that_wait_the_longest_come_first_and_those_to_be_told_among_them(
    store: Store,
) -> None:
    session = store.open(look_at=PAST)
    asks = [store.ask(pressed(session, number=n, asked_at=NOON + n * MINUTE)) for n in (3, 1, 2, 9)]
    told, untold, later = asks[0], asks[1], asks[2]
    store.books.decide(ended(told, owed=()))
    store.books.decide(ended(untold, decided_at=NOON + 4 * MINUTE))
    store.books.decide(ended(later, tell_at=NOON + HOUR))
    store.ask(requested(id=bg(2), asked_at=NOON + 3 * MINUTE))
    now = NOON + 5 * MINUTE
    waiting = [f"ask/{bg(2)}", f"asked/{untold.id}"]
    assert list(store.books.asks_due(now, 10)) == waiting
    assert list(store.books.asks_due(now, 1)) == waiting[:1]
    assert list(store.books.asks_due(NOON + HOUR, 10)) == [
        f"ask/{bg(2)}", f"asked/{untold.id}", f"ask/{asks[3].id}", f"asked/{later.id}",
    ]  # fmt: skip
    assert list(store.books.due(now, 10)) == [session.id], "no flood of asks hides a session"


# ---- what nobody of ours has written ------------------------------------------------------------


@pytest.mark.world
@pytest.mark.parametrize("row_id", ["ask/", "ask/x", "ask/bg-1", f"ask/x/{bg(1)}", "asked/end-1"])
def test_a_row_whose_id_is_no_asks_is_unreadable(dynamodb: Store, row_id: str) -> None:
    with pytest.raises(Unreadable):
        dynamodb.books.asked(row_id)


WRONG = [7, True, ["U0EVE"], {"S": "U0EVE"}, b"U0EVE", {"U0EVE"}, None, "", "x" * 300_000]


@pytest.mark.world
@pytest.mark.parametrize("kind", Kind)
def test_a_forged_ask_is_one_with_what_has_its_form_or_none(dynamodb: Store, kind: Kind) -> None:
    """Each attribute of every wrong type, those that no ask has among them."""
    row_id = f"ask/{kind}-{1:024x}"
    good = {
        "asked_at": "2026-11-22T12:00:00.000Z",
        "slack_user": "U0EVE",
        "session_id": bg(1),
        "kind": "session",
        "open": "yes",
    }
    for name in (*good, "response_uses", "glass", "reason", "deadline", "report_to", "version"):
        for wrong in WRONG:
            said = {**good, name: wrong}
            if name in ("asked_at", "open") and not (isinstance(wrong, str) and wrong):
                continue  # DynamoDB itself takes no other of an index's key
            dynamodb.spoil(row_id, said)
            try:
                asked = dynamodb.books.asked(row_id)
            except Unreadable:
                continue
            assert asked is not None
            assert asked.version == 0
            assert all(len(value) <= 500 for value in map(str, (asked.slack_user, asked.glass)))
            if isinstance(asked, Session):
                assert (asked.state, asked.deadline, asked.report_to) == ("REQUESTED", None, ())
    dynamodb.clear()


@pytest.mark.world
def test_a_decided_ask_that_an_operator_has_spoiled_is_unreadable_and_stays(
    dynamodb: Store,
) -> None:
    dynamodb.clear()
    row_id = f"asked/end-{1:024x}"
    good = {
        "asked_at": "2026-11-22T12:00:00.000Z",
        "session_id": bg(1),
        "slack_user": "U0BOB",
        "outcome": "ended",
        "version": 1,
    }
    dynamodb.spoil(row_id, good)
    assert dynamodb.books.asked(row_id).outcome is Outcome.ENDED
    for spoilt in (
        {"outcome": ""},
        {"outcome": "forgiven"},
        {"asked_at": "yesterday"},
        {"session_id": None},
        {"tell_tries": "many"},
    ):
        dynamodb.spoil(row_id, {**good, **spoilt})
        with pytest.raises(Unreadable):
            dynamodb.books.asked(row_id)
        dynamodb.books.drop_ask(row_id)
        with pytest.raises(Unreadable):  # it is part of the log
            dynamodb.books.asked(row_id)
    dynamodb.clear()


@pytest.mark.world
def test_what_was_asked_of_a_session_in_vain_is_found_for_its_report(dynamodb: Store) -> None:
    """The first of it, by the account's index; what was granted, and what others' sessions were
    asked, is not."""
    dynamodb.clear()
    held = dynamodb.open()
    outcomes = [*Outcome, Outcome.REFUSED]
    for number, outcome in enumerate(outcomes):
        for kind, session_id in ((Kind.END, held.id), (Kind.EXTEND, bg(9))):
            at = NOON + number * MINUTE
            sent = pressed(held, kind, number, session_id=session_id, asked_at=at)
            asked = dynamodb.ask(sent)
            said = ended(asked, outcome=outcome, account_id=held.account_id)
            dynamodb.books.decide(said, None)
    found = asked_in_vain(held, 20)
    assert [each.outcome for each in found] == ["refused", "too late", "not extended", "refused"]
    assert {(each.session_id, each.slack_user) for each in found} == {(held.id, "U0BOB")}
    assert asked_in_vain(held, 2) == found[:2]
    good = {"kind": "ask", "session_id": held.id, "account_id": held.account_id,
            "outcome": "refused", "asked_at": "2026-11-22T12:00:30.000Z"}  # fmt: skip
    dynamodb.spoil("asked/end-" + "f" * 24, {**good, "slack_user": 7})
    assert len(asked_in_vain(held, 20)) <= len(found), "what says nothing is none of them"
