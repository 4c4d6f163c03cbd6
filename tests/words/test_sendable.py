"""Whatever anybody is called: what we say can be sent, and says what we say and no more.

Slack refuses the whole message for one text that is too long; SES refuses a mail for one sign.
Every function of messages.py, mails.py and cards.py is tried with hostile names, by its hints: a
new one is tried as well.
"""

import inspect
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, get_type_hints

import pytest

from chalicelib.domain import text
from chalicelib.domain.ask import Ask, Outcome
from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Noted, Session
from chalicelib.words import (
    answers,
    approval,
    cards,
    choosing,
    findings,
    mails,
    messages,
    refusals,
    review,
)
from simulator.slack_blocks import mistakes_in
from tests.support.hostile import NAMES, SIGNS
from tests.support.letters import Letter
from tests.support.stories import HOUR, NOON, active, glass, granting, requested, revoking, settling

LIVES = 40  # of each function, with other names each time
PORTAL = "https://d-1234567890.awsapps.com/start"
STATES = (requested, granting, active, revoking, settling)
OUTSIDE = ("glass", "reason", "slack_user", "slack_user_name", "person", "email", "name",
           "user_name", "principal_id", "account_name", "permission_set", "permission_set_arn",
           "last_error", "ended_by", "extended_by", "why")  # fmt: skip
LINK = r"<https://slack\.com/app_redirect\?channel=D0ALICE\|Open your card>"
TOKEN = re.compile(
    rf"{LINK}|<@[UW][A-Z0-9]+>|<!date\^\d+\^{{time}}\|[^<>&]{{1,20}}>|<!here>|<!channel>"
)
ENTITY = re.compile(r"&(amp|lt|gt);")


def hostile(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return dice.choice(NAMES)
    return "".join(dice.choices(SIGNS, k=dice.choice((1, 30, 250, 1024, 3000))))


def session(dice: random.Random) -> Session:
    made = dice.choice(STATES)()
    changes: dict[str, Any] = {
        name: hostile(dice) for name in OUTSIDE if dice.random() < dice.choice((0.3, 1))
    }
    summary = tuple(hostile(dice) for _ in range(dice.choice((0, 1, 9))))
    return made.with_(
        **changes,
        summary=summary,
        state=dice.choice(list(State)),
        granted_at=dice.choice((None, NOON)),
        standing=dice.choice(("", "no", "yes")),
        ended_how=dice.choice(("", "expired", "ended", "lease gone")),
        alarms=dice.randrange(9),
        tries=dice.randrange(2000),
        card_ts=dice.choice(("", "1.2")),
        extend=timedelta(seconds=dice.choice((0, 5, 43_200))),
        extend_to=timedelta(seconds=dice.choice((0, 3_605, 86_400))),
        extended=dice.choice((0, 1, 5)),
        chosen=hostile(dice),
        portal=dice.choice(("", PORTAL)),
        warned_for=dice.choice((None, NOON + HOUR)),
        mine_channel=dice.choice(("", "D0ALICE")),
    )


def noted(dice: random.Random) -> Noted:
    access = Access("111122223333", hostile(dice), hostile(dice))
    return Noted(
        access=access,
        found_at=NOON,
        glass="prod",
        email=hostile(dice),
        name=hostile(dice),
        permission_set=hostile(dice),
    )


def ask(dice: random.Random) -> Ask:
    kind = dice.choice(("end", "extend", "reason"))
    return Ask(
        id=f"{kind}-0123456789abcdef01234567",
        session_id=active().id,
        asked_at=NOON,
        slack_user=hostile(dice),
        slack_user_name=hostile(dice),
        person=hostile(dice),
        glass=hostile(dice),
        account_name=hostile(dice),
        reason=hostile(dice),
        outcome=dice.choice(list(Outcome)),
        deadline_before=dice.choice((None, NOON)),
        deadline_after=dice.choice((None, NOON)),
    )


MAKES: dict[Any, Callable[[random.Random], Any]] = {
    Session: session,
    Ask: ask,
    datetime: lambda dice: dice.choice((NOON, NOON + HOUR, NOON + 9 * HOUR)),
    Glass: lambda dice: glass(account_name="&" * 100, permission_set="x" * 32, name="g" * 40),
    Access: lambda dice: noted(dice).access,
    Sequence[Noted]: lambda dice: [noted(dice) for _ in range(dice.choice((1, 5, 300)))],
    Sequence[str]: lambda dice: [hostile(dice) for _ in range(dice.choice((1, 10, 300)))],
    str: hostile,
    datetime | None: lambda dice: NOON,
    list[dict[str, Any]] | None: lambda dice: None,
    timedelta: lambda dice: timedelta(seconds=dice.choice((0, 1, 90, 43_200))),
    Sequence[timedelta]: lambda dice: [HOUR * each for each in dice.choice(((), (1,), (1, 4, 12)))],
}
# PIECES are parts of other functions' messages, or are given nothing from outside.
SPEAKS = {dict[str, Any]: "message", tuple[str, str, str]: "mail", str: "words"}
PIECES = {
    "by_bot",
    "ephemeral",
    "incoming",
    "ephemeral_of",
    "actions",
    "account",
    "name",
    "clock",
    "date",
    "unfinished",
    "why",
    "head",
    "ended",
    "console",
    "mention",
    "times",
    "left",
    "closed_after_all",
    "was_taken_back",
    "who_of",
    "what_of",
    "how_many",
    "place_of",
    "noted_person",
    "if_right",
    "about",
    "as_sentence",
    "what_was_said",
    "stands",
    "sentence",
    "asks",
    "by",
    "had_a_say",
    "ends_early",
    "why_not",
}


WORDS = (messages, answers, approval, findings, cards, mails, review, choosing)


def speakers() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    spoken = [inspect.getmembers(each, inspect.isfunction) for each in WORDS]
    for name, function in chain(*spoken):
        kind = SPEAKS.get(get_type_hints(function).get("return"))
        own = function.__module__ in {each.__name__ for each in WORDS}
        if own and kind and name not in PIECES and not name.startswith("_"):
            yield name, kind, function


def said_by(function: Callable[..., Any], dice: random.Random) -> Any:
    hints = get_type_hints(function)
    hints.pop("return")
    return function(*(MAKES[hint](dice) for hint in hints.values()))


ALL = list(speakers())


def test_every_kind_of_message_is_among_those_tried() -> None:
    tried = {function for _, _, function in ALL}
    tables = (messages.TO_CHANNEL, mails.TO_MAIL, answers.ANSWERS)
    assert {function for table in tables for function in table.values()} <= tried
    assert {
        "mine",
        "channel",
        "warning",
        "asks_why",
        "found",
        "mended",
        "found_mail",
        "denied",
        "not_had",
    } <= {name for name, _, _ in ALL}


@pytest.mark.parametrize(("name", "kind", "function"), ALL, ids=[name for name, _, _ in ALL])
def test_nobodys_name_makes_a_message_that_cannot_be_sent(
    name: str, kind: str, function: Callable[..., Any]
) -> None:
    for seed in range(LIVES):
        said = said_by(function, random.Random(f"{name} {seed}"))
        if kind == "message":
            assert_slack_takes(said)
        elif kind == "mail":
            assert_ses_takes(said)
        else:
            assert len(said) <= 1_000, seed
            assert text.clean(said, 1_000) == said, seed


def assert_slack_takes(message: dict[str, Any]) -> None:
    """By the limits that Slack publishes, and stricter where it only warns."""
    assert 0 < size(message["text"]) <= 4_000  # Slack cuts after 40,000
    blocks = message.get("blocks", [])
    for bar in message.get("attachments", []):
        assert 0 < size(bar["fallback"]) <= 4_000
        assert blocks == [], "what is in red is all of it"
        blocks = bar["blocks"]
    assert 0 < len(blocks) <= 50 or "blocks" not in message
    for block in blocks:
        if block["type"] == "section":
            assert_text(block["text"], 3_000)
        elif block["type"] == "context":
            assert 0 < len(block["elements"]) <= 10
            for element in block["elements"]:
                assert_text(element, 3_000)
        elif block["type"] == "input":
            assert 0 < size(block["block_id"]) <= 255
            assert 0 < size(block["label"]["text"]) <= 2_000
            if block["element"]["type"] == "plain_text_input":
                assert 0 < block["element"]["max_length"] <= 3_000
        else:
            assert block["type"] == "actions"
            assert_buttons(block["elements"])
    assert_markup(message["text"])
    assert mistakes_in(message) == [], "the pretend Slack of the demo knows the same limits"


def assert_text(part: dict[str, Any], most: int) -> None:
    assert 0 < size(part["text"]) <= most
    assert part["verbatim"] is True, "an address in a name would become a link"
    assert part["text"].count("```") % 2 == 0, "a code block is left open"
    assert_markup(part["text"])


def assert_buttons(elements: list[dict[str, Any]]) -> None:
    assert 0 < len(elements) <= 25
    assert len({each["action_id"] for each in elements}) == len(elements)
    for each in elements:
        assert 0 < size(each["text"]["text"]) <= 75
        assert 0 < size(each.get("value", "x")) <= 2_000
        assert size(each.get("url", "")) <= 3_000
        if "confirm" in each:
            assert 0 < size(each["confirm"]["text"]["text"]) <= 300
        assert 0 < size(each["action_id"]) <= 255


def assert_markup(said: str) -> None:
    said.encode()
    assert text.lines(said) == said, "a sign that steers"
    rest = ENTITY.sub("", TOKEN.sub("", said))
    assert not set("<>&") & set(rest), "half an entity or token, or somebody else's"


def assert_ses_takes(mail: tuple[str, str, str]) -> None:
    subject, body, html = mail
    assert 0 < len(subject) <= 200
    assert text.clean(subject) == subject
    assert body
    for said in (body, html):
        said.encode()
        assert text.lines(said) == said
    assert Letter(html).wrong == []
    assert len(body) < 1_000_000


def size(said: str) -> int:
    """As UTF-16 counts, which is the most that anybody counts."""
    return len(said.encode("utf-16-le")) // 2


def lines_of(said: Any) -> int:
    if isinstance(said, dict):
        return sum(block["text"]["text"].count("\n") for block in said.get("blocks", [])
                   if block["type"] == "section")  # fmt: skip
    return str(said[1]).count("\n")


@pytest.mark.parametrize("make", answers.ANSWERS.values())
def test_an_answer_is_sendable_to_the_person_alone_and_by_the_bot(
    make: Callable[[Ask], dict[str, Any]],
) -> None:
    for seed in range(LIVES):
        answer = make(ask(random.Random(seed)))
        for said in (messages.ephemeral_of(answer), messages.by_bot(answer)):
            assert_slack_takes(said)


CARDS = (
    lambda session: cards.mine(session, NOON),
    lambda session: cards.channel(session, NOON),
    lambda session: cards.warning(session, NOON),
)


MAILS = [lambda session, make=make: make(session, NOON) for make in mails.TO_MAIL.values()]


@pytest.mark.parametrize("name", ["Ann\nBob has no access.", "Ann\r\n\u2028Bob", "Ann\x85\x0bBob"])
@pytest.mark.parametrize("make", [*messages.TO_CHANNEL.values(), *CARDS, *MAILS])
def test_no_name_forges_a_line(make: Callable[[Session], Any], name: str) -> None:
    forged = {
        field: name for field in OUTSIDE if field not in ("ended_by", "extended_by", "reason")
    }
    for state in STATES:
        honest = state(last_error="x", summary=("x",))
        assert lines_of(make(honest.with_(**forged, summary=(name,)))) == lines_of(make(honest))


def test_an_alarm_with_a_long_error_has_all_that_a_human_needs() -> None:
    stuck = revoking(last_error="Ouch & <" * 320, tries=11, alarms=2)
    said = messages.alarm(stuck)
    assert_slack_takes(said)
    assert messages.delete_command(stuck.access) in said["blocks"][0]["text"]["text"]
    assert "alice@example.com MAY STILL HAVE" in said["text"]
    assert len(mails.alarm_mail(stuck, NOON)[1]) < 3_000


def test_whoever_is_found_has_a_command_of_their_own() -> None:
    """Even five with the longest names that there are: each is a block of its own."""
    who = Noted(
        access=active().access,
        found_at=NOON,
        glass="prod",
        email="&" * 254,
        name="&" * 1024,
        permission_set="x" * 32,
    )
    said = findings.found(glass(), [who] * 5)
    assert_slack_takes(said)
    commands = [b for b in said["blocks"] if messages.delete_command(who.access) in str(b)]
    assert len(commands) == 5


def test_the_command_of_a_hostile_row_runs_nothing_else() -> None:
    evil = replace(active().access, principal_id="x; rm -rf / #", account_id="$(id)")
    command = messages.delete_command(evil)
    assert command.endswith("--principal-id 'x; rm -rf / #'")
    assert "--target-id '$(id)'" in command


def test_a_reason_of_a_hostile_name_can_be_said() -> None:
    for name in NAMES:
        why = refusals.not_among(glass(), name)
        assert_slack_takes(messages.denied(requested(state=State.DENIED, reason=why)))
