"""Whatever anybody sends: rows stay small, so that a session can always be written, and ended.

The real route and the real runner, a whole session long, with hostile texts from every side: who
presses, forged asks, the directory, the errors of AWS and Slack, the report. What is measured is
every row that is written.
"""

import random
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from chalicelib.domain import ask, rows
from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.errors import Refused, Unavailable, Unknown
from chalicelib.domain.machine import ROWS, START, State
from chalicelib.domain.ports import CallStatus, Mail, PermissionSet, Person, Reading, Reported
from chalicelib.domain.session import Session, iso
from chalicelib.route.front import Front
from chalicelib.workflow.answers import Turn
from tests.fakes.books import MemoryBooks
from tests.fakes.outside import World
from tests.support.hostile import NAMES, SIGNS
from tests.support.presses import block_actions, legacy, said_why
from tests.support.states import in_every_state
from tests.support.stories import HOUR, NOON, SET, active, glass

SESSION, ASK = 70_000, 8_000  # bytes that a row has at the most
ANY = 240_000  # whatever is in it; DynamoDB takes 400 KB
SECOND = timedelta(seconds=1)
FAVOURITES = ("extend", "approve", "bypass", "extend", "decline", "bypass", "acknowledge",
              "expected", "followup")  # fmt: skip
LIVES = 2 * len(FAVOURITES)
WOMAN = "\N{WOMAN}"  # four bytes
PEOPLE = ("U0ALICE", "U0BOB", "U0MALLORY", "U0NOBODY", *(f"U0EVE{n}" for n in range(20)))


def size(row: dict[str, Any]) -> int:
    """The row's bytes, as DynamoDB counts them, or a few more."""
    return sum(len(name) + weight(value) for name, value in row.items())


def weight(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + weight(each) for each in value)
    return 24  # a time; no number has more


def hostile(dice: random.Random, most: int = 5_000) -> str:
    if dice.random() < 0.6:
        return (dice.choice(NAMES) * dice.choice((1, 50)))[:most]
    return ("".join(dice.choices(SIGNS, k=dice.choice((1, 80, 300)))) * 50)[:most]


# ---- a session's life among hostile senders -----------------------------------------------------


@dataclass
class Hostile(World):
    """An outside all of whose texts are somebody else's, and which fails at random."""

    dice: random.Random = field(default_factory=random.Random)
    sizes: dict[str, list[int]] = field(default_factory=lambda: {"session": [], "ask": []})
    states: set[State] = field(default_factory=set)
    calm: bool = False  # it answers, and nobody sends anything
    number: int = 0
    favourite: str = ""  # what most of them press

    def __post_init__(self) -> None:
        self.books = Measured(self)
        self.favourite = FAVOURITES[self.number % len(FAVOURITES)]
        mail = "r" * 64 + "@" + ".".join(["d" * 61] * 3) + ".io"
        self.glasses = {
            "prod": glass(
                account_name=WOMAN * 100,
                report_to=tuple(f"{n:02}{mail[2:]}"[:254] for n in range(50)),
                may=("everyone",) if self.dice.random() < 0.5 else ("alice@example.com",),
                approve=HOUR if self.favourite in ask.OF_A_WAIT else None,
                acknowledge=HOUR / 4 if self.favourite == "acknowledge" else None,
                approvers=("everyone",),
                review=HOUR if self.favourite in ask.OF_A_REVIEW else None,
                bypass=("everyone",),
            )
        }
        self.emails = {who: f"{who.lower()}@{'e' * 200}.example.com" for who in PEOPLE}
        self.emails["U0ALICE"] = "alice@example.com"

    def wrote(self, kind: str, row: dict[str, Any]) -> None:
        self.sizes[kind].append(size(row))
        most = SESSION if kind == "session" else ASK
        assert self.sizes[kind][-1] < most, {name: weight(value) for name, value in row.items()}

    def reply(self, call: str, otherwise: Any) -> Any:
        if not self.calm and self.dice.random() < 0.25:
            raise self.trouble(call)
        return super().reply(call, otherwise)

    def trouble(self, call: str) -> Exception:
        text = hostile(self.dice, 50_000)
        if call in ("create", "delete") and self.dice.random() < 0.5:
            return self.dice.choice((Unknown(text), Refused(text)))
        if call in ("respond", "post", "update", "mail", "make"):
            return self.dice.choice((Refused(text, lasting=True), Unavailable(text)))
        return self.dice.choice((Unavailable(text), ValueError(text)))

    def creation(self, access: Any, request_id: str) -> CallStatus:
        return self._became("creation")

    def deletion(self, access: Any, request_id: str) -> CallStatus:
        return self._became("deletion")

    def _became(self, call: str) -> CallStatus:
        odd = not self.calm and self.dice.random() < 0.3
        said: CallStatus = self.reply(
            call, CallStatus("FAILED", hostile(self.dice, 50_000)) if odd else None
        )
        return said or CallStatus("SUCCEEDED")

    def person(self, email: str) -> Person | None:
        """As Identity Center bounds it; its texts may have any signs."""
        name = email.partition("@")[0]
        found = Person(f"{name}-id"[:47], hostile(self.dice, 128), hostile(self.dice, 1024), email)
        return self.reply("person", found)  # type: ignore[no-any-return]

    def permission_set(self, name_or_arn: str) -> PermissionSet | None:
        return self.reply(  # type: ignore[no-any-return]
            "permission_set", PermissionSet(SET, "x" * 32, HOUR)
        )

    def go_on(
        self, session: Session, now: datetime, remaining: Any, again: bool = False
    ) -> Reading | Reported:
        if not self.calm and self.dice.random() < 0.5:
            progress, why = "p" * 1_900, hostile(self.dice, 50_000)
            return self.reply("search", Reading(progress, 3 * SECOND, why))  # type: ignore[no-any-return]
        if not session.trail_query:
            return Reading("p" * 1_900, SECOND)
        lines = tuple(hostile(self.dice, 400) for _ in range(14))
        mail = Mail(session.report_to, "Report", "text", "<p>html</p>")
        return self.reply("make", Reported(mail, lines, 0, "d" * 32))  # type: ignore[no-any-return]


class Measured(MemoryBooks):
    """The table in memory, with the rows that it would have; it takes asks as rows."""

    def __init__(self, world: Hostile) -> None:
        super().__init__(wrote=self._measured)
        self.world = world

    def _measured(self, old: Session | None, new: Session) -> None:
        self.world.states.add(new.state)
        self.world.wrote("session", rows.values(new))

    def record(self, asked: Session | Ask) -> bool:
        row = rows.of_ask(asked) if isinstance(asked, Ask) else rows.of_break(asked)
        self.world.wrote("ask", row)
        return self.forge(row["id"], row)

    def forge(self, row_id: str, row: dict[str, Any]) -> bool:
        """Whoever wrote it: what is read of it is what has its form."""
        if row_id in self.asks:
            return False
        try:
            self.asks[row_id] = ask.read(row_id, row)
        except ValueError:
            return False
        return True

    def decide(self, ask: Ask, session: Session | None = None) -> None:
        super().decide(ask, session)
        self.world.wrote("ask", rows.of_decided(ask))

    def answered(self, ask: Ask) -> None:
        super().answered(ask)
        self.world.wrote("ask", rows.of_decided(ask))


def sent(dice: random.Random, who: str, session_id: str, favourite: str) -> bytes:
    """A press as Slack would sign it, with whatever it may have in it."""
    forms = {
        "user": {"id": who, "username": hostile(dice), "name": hostile(dice)},
        "team": {"id": dice.choice(("T0", hostile(dice)))},
        "channel": {"id": dice.choice(("C0", hostile(dice)))},
        "response_url": dice.choice((
            f"https://hooks.slack.com/actions/T0/{'x' * 400}",
            "https://hooks.slack.com/" + hostile(dice),
            "https://hooks.slack.com/" + WOMAN * 400,
        )),
    }  # fmt: skip
    if dice.random() < 0.2:
        return said_why(dice.choice((hostile(dice), WOMAN * 300)), session_id, **forms)
    action = dice.choice(("end_now", *["extend"] * 2, *[favourite] * 4, "break_glass"))
    sessions = (*[session_id] * 5, f"bg-{0:024x}", hostile(dice))
    value = dice.choice(("prod", hostile(dice)) if action == "break_glass" else sessions)
    make = dice.choice((block_actions, legacy))
    return make(action, value, **forms)


def forged(dice: random.Random, session_id: str) -> tuple[str, dict[str, Any]]:
    """An ask's row that the route's credentials would let somebody write."""
    kind = dice.choice((*Kind, Kind.END, Kind.EXTEND))
    row_id = f"ask/{kind}-{dice.getrandbits(96):024x}"
    row: dict[str, Any] = {
        name: dice.choice((hostile(dice), hostile(dice) * 50, 7, [hostile(dice)] * 50))
        for name in (*ask.FORMS, "person", "email", "last_error", "steps", "owed", "report_to")
    }
    honest = {"session_id": session_id, "slack_user": dice.choice(PEOPLE), "glass": "prod"}
    honest |= {"slack_user_name": WOMAN * 100, "reason": WOMAN * 300, "account_id": "111122223333"}
    row |= {name: value for name, value in honest.items() if dice.random() < 0.9}
    at = dice.choice((NOON, NOON + HOUR, NOON.replace(year=2_600), "soon", None))
    return row_id, row | {"asked_at": at}


def step(world: Hostile, front: Front, session_id: str) -> None:
    """Some are at it; then whatever is due is looked at, as the sides do."""
    dice = world.dice
    for _ in range(0 if world.calm else dice.choice((0, 1, 6))):
        who = dice.choice((*PEOPLE, *["U0ALICE"] * 4))
        answer = front.answer({}, sent(dice, who, session_id, world.favourite))
        assert answer.status in (200, 400)
        world.books.forge(*forged(dice, session_id))
    for each in [*world.books.sessions.values()] if world.calm else ():
        if each.state is State.REVIEWING:  # else they are waited for, for a month
            action = world.favourite if world.favourite in ask.OF_A_REVIEW else "expected"
            front.answer({}, block_actions(action, each.id, user={"id": dice.choice(PEOPLE)}))
    for row_id in (*world.books.due(world.time, 50), *world.books.asks_due(world.time, 50)):
        look = Turn("queue", lambda: world.left, quiet=dice.random() < 0.2)
        try:
            world.runner().advance(row_id, look)
        except (Unavailable, Refused, Unknown, ValueError):
            assert not world.calm  # else somebody failed, and it is looked at again
    world.time += dice.choice((SECOND, 20 * SECOND, timedelta(minutes=9)))


@cache
def life(seed: int) -> Hostile:
    """A session of its own, from the press to its end, among all the others."""
    world = Hostile(dice=random.Random(seed), number=seed, left=timedelta(seconds=40))
    front = world.front()
    front.answer({}, block_actions(user={"id": "U0ALICE", "username": WOMAN * 400}))
    (row_id,) = world.books.asks
    session_id = row_id.removeprefix("ask/")
    for number in range(600):
        world.calm = number > 60 or number < 2
        step(world, front, session_id)
        if world.calm and number > 60 and all(s.final for s in world.books.sessions.values()):
            break
    assert world.books.sessions[session_id].final
    assert all(each.final for each in world.books.sessions.values())
    return world


@pytest.mark.parametrize("seed", range(LIVES))
def test_whatever_anybody_sends_rows_stay_small_and_access_ends(seed: int) -> None:
    world = life(seed)  # every row is measured as it is written
    assert world.assignments == set()
    assert world.books.leases == {}
    assert set(world.books.locks) == set(world.books.free_at), "nobody stands behind a lock"
    assert len(world.sizes["session"]) > 10
    assert len(world.sizes["ask"]) > 10


def test_the_lives_have_been_through_every_state_and_were_hostile_enough() -> None:
    worlds = [life(seed) for seed in range(LIVES)]
    assert set[State]().union(*(world.states for world in worlds)) >= set(State) - {START}
    assert max(max(world.sizes["session"]) for world in worlds) > 25_000
    assert max(max(world.sizes["ask"]) for world in worlds) > 1_500
    outcomes = {each.outcome for world in worlds for each in world.books.decided.values()}
    by_chance = {Outcome.BYPASSED, Outcome.WITHDRAWN}  # they are in some lives, as the dice fall
    rare = {Outcome.EXTENDED, Outcome.NOT_EXTENDED} | by_chance
    assert outcomes >= set(Outcome) - rare


# ---- the longest that there can be --------------------------------------------------------------

EMAIL = "e" * 254
LONGEST: dict[str, Any] = {  # what those who write them let through
    "glass": WOMAN * 100, "reason": WOMAN * 5_000, "last_error": WOMAN * 5_000,
    "tell_error": WOMAN * 5_000, "slack_user": "U" + "X" * 20, "slack_user_name": WOMAN * 100,
    "slack_team": "T" * 30, "slack_channel": "C" * 30, "slack_message": "1" * 30,
    "shape": "block_actions", "response_url": "u" * 500, "person": EMAIL, "email": EMAIL,
    "ended_by": EMAIL, "extended_by": EMAIL, "name": WOMAN * 1024, "user_name": WOMAN * 128,
    "principal_id": "p" * 60, "account_id": "1" * 12, "account_name": WOMAN * 100,
    "permission_set": "x" * 32, "permission_set_arn": SET, "channel": "C" * 30,
    "card_ts": "1" * 30, "busy_token": "t" * 32, "tell_token": "t" * 32,
    "grant_call": "r" * 36, "revoke_call": "r" * 36,
    "trail_query": "q" * 1_900, "report_digest": "d" * 32, "report_final": "second",
    "report_to": (EMAIL,) * 50, "summary": (WOMAN * 400,) * 14,
    "why": WOMAN * 300, "chosen": WOMAN * 20, "mine_channel": "D" * 30, "mine_ts": "1" * 30,
    "warning_ts": "1" * 30, "alarm_ts": "1" * 30,
    "extended_by_user": "U" + "X" * 20, "ended_by_user": "U" + "X" * 20, "tell_to": "t" * 360,
    "portal": "p" * 300, "region": "r" * 20,
    "owed": ("extended_by_another",) * 20, "alarmed": ("alarm", "alarm_mail"),
    "reached": "resolved_mail 50 report 50", "approved_by": EMAIL, "declined_by": EMAIL,
    "acknowledged_by": EMAIL, "approved_by_user": "U" * 21, "acknowledged_by_user": "U" * 21,
    "may_bypass": "yes", "may_approve": WOMAN * 500,
    "let_in_by": f"slack:{'S' * 21} as of 2026-11-22 12:00:00 UTC",
    "may_review": WOMAN * 500, "reviewed_by": "a" * 300, "reviewed_as": "as expected",
    "review_note": WOMAN * 300, "report_ts": "1" * 30, "reviewed_by_user": "U" * 21,
}  # fmt: skip
STEPS = tuple(  # more than any session takes: every edge of the table
    f"{iso(NOON)} {state} {event} (stream, {EMAIL})"
    for row in ROWS.values()
    for event, state in row.leads.items()
)


@pytest.mark.parametrize("session", in_every_state().values(), ids=in_every_state())
def test_a_session_is_small_in_every_state_with_all_its_texts_at_their_longest(
    session: Session,
) -> None:
    moments = {f.name: NOON for f in fields(Session) if "datetime | " in str(f.type)}
    full = session.with_(**LONGEST | moments | {"steps": STEPS})
    assert size(rows.values(full)) < SESSION


def test_of_every_text_it_is_known_how_long_it_may_be() -> None:
    texts = {f.name for f in fields(Session) if str(f.type) in ("str", "<class 'str'>")}
    short = {"id", "standing", "ended_how", "ended_look", "revoke_look", "gone_look"}
    unbounded = texts - LONGEST.keys() - short
    assert unbounded == set(), "say in LONGEST how long it may be"


@pytest.mark.parametrize("outcome", Outcome)
def test_an_ask_is_small_with_all_its_texts_at_their_longest(outcome: Outcome) -> None:
    ours = {f.name for f in fields(Ask)} & set(LONGEST) - {"owed"}
    pressed = Ask(id=f"extend-{0:024x}", session_id=f"bg-{0:024x}", asked_at=NOON,
                  **{name: LONGEST[name] for name in ours})  # fmt: skip
    assert size(rows.of_ask(pressed)) < ASK
    moments = {f.name: NOON for f in fields(Ask) if "datetime" in str(f.type)}
    decided = pressed.with_(**moments, outcome=outcome, decided_look="stream", owed=("answer",))
    assert size(rows.of_decided(decided)) < ASK


KEYS = ("id", "account_id", "permission_set_arn", "principal_id")  # nobody's to choose


@pytest.mark.parametrize("sign", ["x", "é", WOMAN, "\ud800", "\x00", "a" + WOMAN])
def test_no_row_is_more_than_dynamodb_takes_whatever_is_in_it(sign: str) -> None:
    """Should one of those who write a text not know its bound: it can be written all the same."""
    flood: dict[str, Any] = {}
    for each in fields(Session):
        kind = str(each.type)
        if "tuple" in kind:
            flood[each.name] = (sign * 10_000,) * 500
        elif kind in ("str", "<class 'str'>") and each.name not in KEYS:
            flood[each.name] = sign * 100_000
    row = rows.values(replace(active(), **flood))
    assert size(row) < ANY
    assert len(row["last_error"].encode()) <= rows.LONGEST
    assert row["last_error"].startswith(sign) or sign == "\ud800"


def test_what_fits_is_kept_to_the_letter() -> None:
    steps = tuple(f"{n} {WOMAN}é" for n in range(rows.MOST))
    row = rows.values(active(steps=steps, last_error="x" * rows.LONGEST, name="é" * 1_000))
    assert row["steps"] == list(steps)
    assert (row["last_error"], row["name"]) == ("x" * rows.LONGEST, "é" * 1_000)


def test_of_too_many_the_latest_are_kept() -> None:
    row = rows.values(active(steps=tuple(map(str, range(250)))))
    assert row["steps"] == [str(n) for n in range(250 - rows.MOST, 250)]
    long = tuple(f"{n}{'x' * 1_990}" for n in range(50))
    assert rows.values(active(steps=long))["steps"] == [*long[-(rows.MOST_BYTES // 1_992) :]]
