"""An ask is what somebody says: what has its form is taken from the row, and nothing else."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask, Kind, read
from chalicelib.domain.machine import State
from chalicelib.domain.session import FOUND, RESPONSE_URL_USES, TAKE_BACK_WITHIN, Session
from tests.support.stories import NOON, SET, active, granting, requested

DIGEST = "0123456789abcdef01234567"
ROWS = {kind: f"ask/{kind}-{DIGEST}" for kind in Kind}
SAID: dict[str, Any] = {
    "asked_at": NOON,
    "slack_user": "U0EVE",
    "slack_user_name": "eve",
    "slack_team": "T0",
    "slack_channel": "C0DEPLOY",
    "slack_message": "1763800000.000100",
    "shape": "block_actions",
    "response_url": "https://hooks.slack.com/actions/T0/1/eve",
    "session_id": f"bg-{DIGEST}",
    "glass": "prod",
    "account_id": "111122223333",
    "permission_set_arn": SET,
    "principal_id": "11111111-2222-3333-4444-555555555555",
    "reason": "There is no glass called “x”.",
    "why": "the deployment failed, INC-4711",
    "chosen": "4h",
    "response_uses": 1,
}


# ---- ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_the_id_says_what_is_asked(kind: Kind) -> None:
    open_id, decided_id = ROWS[kind], f"asked/{kind}-{DIGEST}"
    assert ask.is_open(open_id)
    assert not ask.is_open(decided_id)
    assert ask.is_decided(decided_id)
    assert not ask.is_decided(open_id)
    assert ask.kind_of(open_id) is ask.kind_of(decided_id) is kind
    assert ask.session_of(open_id) == (f"bg-{DIGEST}" if kind is Kind.BREAK else "")


@pytest.mark.parametrize(
    "row_id",
    ["", "ask/", "asked/", "bg-", f"ask/{DIGEST}", f"ask/bg-{DIGEST}0", f"ask/bg-{DIGEST[1:]}",
     f"ask/bg-{DIGEST.upper()}", f"ask/kill-{DIGEST}", f"ask/x/bg-{DIGEST}", f"ask/bg-{DIGEST}\n",
     f"ask//bg-{DIGEST}", f"lease/bg-{DIGEST}", f"bg-{DIGEST}", f" ask/bg-{DIGEST}"],
)  # fmt: skip
def test_no_other_id_is_an_asks(row_id: str) -> None:
    assert not ask.is_open(row_id)
    assert not ask.is_decided(row_id)


@pytest.mark.parametrize("row_id", ["ask/x", f"ask/bg-{DIGEST}0", f"ask/kill-{DIGEST}", ""])
def test_a_row_of_no_kind_is_no_ask(row_id: str) -> None:
    assert ask.kind_of(row_id) is None
    with pytest.raises(ValueError, match="id"):
        read(row_id, SAID)


# ---- what is read -------------------------------------------------------------------------------


def test_a_break_is_the_session_that_it_would_be() -> None:
    session = read(ROWS[Kind.BREAK], SAID)
    assert isinstance(session, Session)
    assert (session.id, session.state, session.version) == (f"bg-{DIGEST}", State.REQUESTED, 0)
    assert (session.person, session.slack_user, session.glass) == ("U0EVE", "U0EVE", "prod")
    assert session.wait_until == NOON + timedelta(minutes=5)
    assert not session.found


def test_what_was_found_is_the_session_that_takes_it_back() -> None:
    session = read(ROWS[Kind.FOUND], SAID)
    assert isinstance(session, Session)
    assert session.found
    assert session.duration == TAKE_BACK_WITHIN
    assert (session.id, session.principal_id) == (f"bg-{DIGEST}", SAID["principal_id"])
    assert (session.slack_user, session.person, session.reason) == ("", "", "")


@pytest.mark.parametrize("kind", [Kind.END, Kind.EXTEND])
def test_end_and_extend_are_asks_about_a_session(kind: Kind) -> None:
    found = read(ROWS[kind], SAID)
    assert isinstance(found, Ask)
    assert (found.id, found.kind, found.session_id) == (f"{kind}-{DIGEST}", kind, f"bg-{DIGEST}")
    assert (found.slack_user, found.response_url) == ("U0EVE", SAID["response_url"])


@pytest.mark.parametrize("kind", Kind)
def test_what_only_the_workers_side_may_say_is_not_taken(kind: Kind) -> None:
    """A whole session's values, or a decided ask's, in the row of one who may only ask."""
    forged = {field.name: getattr(active(), field.name) for field in fields(Session)}
    forged |= {"outcome": "extended", "deadline_after": NOON, "owed": ("answer",), "reason": "ok"}
    forged |= {"person": "alice@example.com", "email": "alice@example.com", "version": 7}
    said = forged | SAID
    honest = read(ROWS[kind], SAID)
    assert read(ROWS[kind], said) == honest
    assert honest.version == 0
    if isinstance(honest, Ask):
        assert (honest.outcome, honest.owed, honest.person) == ("", (), "")


WRONG: list[Any] = [
    7, -1, 1.5, True, False, None, b"U0EVE", ["U0EVE"], ("U0EVE",), {"S": "U0EVE"}, {"U0EVE"},
    object(), NOON, "", " ", "x" * 501, "x" * 400_000, "\x00", "a\nb", "\u202ea", "💥", "../../x",
    "<!channel>", "' OR 1=1", "U0EVE\n", "u0eve", "bg-1", f"bg-{DIGEST}\n",
    "１２３４５６７８９０１２",
]  # fmt: skip
LONGEST = {"slack_user_name": 100, "glass": 100, "reason": 300, "why": 300, "chosen": 20,
           "response_url": 500}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", [*SAID])
def test_what_has_not_its_form_is_left_out_or_makes_it_no_ask(kind: Kind, name: str) -> None:
    kept = 0
    for wrong in WRONG:
        try:
            found = read(ROWS[kind], {**SAID, name: wrong})
        except ValueError:
            assert name in ("asked_at", "slack_user", "session_id", "why", *ask.ACCESS)
            continue
        kept += 1
        said = getattr(found, name, "")
        if name == "response_uses":
            assert type(said) is int or not hasattr(found, name)
            assert not said or 0 <= said <= RESPONSE_URL_USES
        elif name == "asked_at":
            assert said == NOON
        elif said not in (SAID[name], FOUND):  # else it is not read for that kind's sake
            assert isinstance(said, str)
            assert ask.FORMS[name].fullmatch(said) or said == ""
            assert len(said) <= LONGEST.get(name, 60)
            assert not set(said) & set("\x00\n")
    needed = {"asked_at": Kind, "slack_user": (Kind.BREAK, *ask.ANSWERED),
              "session_id": ask.ANSWERED, "why": (Kind.REASON,),
              **dict.fromkeys(ask.ACCESS, (Kind.FOUND,))}.get(name, ())  # fmt: skip
    if kind in needed:
        texts = [each for each in WRONG if isinstance(each, str) and each]
        formed = [each for each in texts if name in ask.FORMS and ask.FORMS[name].fullmatch(each)]
        assert kept == (1 if name == "asked_at" else len(formed)), "only what has the form"
    else:
        assert kept == len(WRONG)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "when",
    [None, "2026-11-22T12:00:00Z", 1763800000, datetime(2026, 11, 22), datetime.min, datetime.max,
     datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC),
     datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
     datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=14)))],
)  # fmt: skip
def test_what_was_asked_at_no_time_is_no_ask(kind: Kind, when: Any) -> None:
    with pytest.raises(ValueError, match="when"):
        read(ROWS[kind], {**SAID, "asked_at": when})


def test_the_time_is_that_of_greenwich_whatever_it_was_written_in() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    for kind in Kind:
        found = read(ROWS[kind], {**SAID, "asked_at": east})
        assert (found.asked_at, found.asked_at.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("kind", [Kind.BREAK, *sorted(ask.ANSWERED)])
@pytest.mark.parametrize("who", [None, "", "U", "eve@example.com", "U0EVE ", ["U0EVE"], 7])
def test_nobody_asks_for_nothing(kind: Kind, who: Any) -> None:
    with pytest.raises(ValueError, match="slack_user"):
        read(ROWS[kind], {**SAID, "slack_user": who})


@pytest.mark.parametrize(
    ("uses", "kept"),
    [(0, 0), (1, 1), (5, 5), (6, 5), (10**30, 5), (-3, 0), (2.5, 0), (True, 0), ("2", 0),
     ([2], 0), (None, 0), (float("inf"), 0), (float("nan"), 0)],
)  # fmt: skip
def test_nobody_says_that_an_address_takes_more_posts_than_slack_allows(
    uses: Any, kept: int
) -> None:
    session = read(ROWS[Kind.BREAK], {**SAID, "response_uses": uses})
    assert isinstance(session, Session)
    assert session.response_uses == kept


@pytest.mark.parametrize("kind", Kind)
def test_who_and_when_and_of_what_is_enough(kind: Kind) -> None:
    also = {Kind.FOUND: ask.ACCESS, Kind.REASON: ("why",)}.get(kind, ())
    names = ("asked_at", "slack_user", "session_id", *also)
    needed = {name: SAID[name] for name in names}
    assert read(ROWS[kind], needed).asked_at == NOON
    with pytest.raises(ValueError, match="when"):
        read(ROWS[kind], {})


def test_a_break_that_calls_itself_found_is_a_break() -> None:
    """The id alone says what is asked: it was taken for reconciliation's, and never decided."""
    session = read(ROWS[Kind.BREAK], {**SAID, "shape": FOUND})
    assert isinstance(session, Session)
    assert (session.found, session.shape) == (False, "")


@pytest.mark.parametrize("name", ask.ACCESS)
@pytest.mark.parametrize("said", ["", None, 7])
def test_to_take_back_no_access_is_no_ask(name: str, said: Any) -> None:
    """It could be neither looked up nor dropped, and was tried again each minute for ever."""
    with pytest.raises(ValueError, match=name):
        read(ROWS[Kind.FOUND], {**SAID, name: said})


# ---- what is written is read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "pressed",
    [
        requested(),
        requested(glass="", permission_set_arn=SET, response_uses=0),
        requested(chosen="4h"),
        requested(glass="ein Glas “für” alle 💥", reason="There is no glass called “ein Glas”."),
        granting(),
    ],
)
def test_a_press_is_read_as_the_route_has_written_it(pressed: Session) -> None:
    row = rows.of_break(pressed)
    session = read(row["id"], row)
    assert isinstance(session, Session)
    for name in rows.ASKED_OF_A_BREAK:
        if name != "person":  # which nobody knows yet
            assert getattr(session, name) == getattr(pressed, name)
    assert (session.deadline, session.standing, session.duration) == (None, "", timedelta(0))


def test_what_reconciliation_found_is_read_as_it_has_written_it() -> None:
    asked = ask.found(active().access, "prod", NOON)
    row = rows.of_found(asked)
    session = read(row["id"], row)
    assert isinstance(session, Session)
    assert (session.id, session.access, session.glass) == (asked.id, active().access, "prod")


def test_the_same_find_at_another_time_is_another_ask() -> None:
    access = active().access
    later = ask.found(access, "prod", NOON + timedelta(milliseconds=1))
    assert ask.found(access, "prod", NOON).id == ask.found(access, "prod", NOON).id != later.id
