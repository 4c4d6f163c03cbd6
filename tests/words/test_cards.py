"""The live cards: true at the moment at which they are made, and with buttons that work."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.machine import LIVE, State
from chalicelib.domain.session import Session
from chalicelib.words import cards
from chalicelib.words.cards import Phase, phase
from tests.support.stories import HOUR, NOON, active, granting, revoking, settling

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
END = NOON + HOUR
PORTAL = {"portal": "https://d-1234567890.awsapps.com/start", "region": "eu-west-1"}


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    red = [block for bar in message["attachments"] for block in bar["blocks"]]
    return [*message["blocks"], *red]


def buttons(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    each = [e for b in blocks(message) if b["type"] == "actions" for e in b["elements"]]
    return {button["action_id"]: button for button in each}


def words(message: dict[str, Any]) -> str:
    texts = [b["text"]["text"] for b in blocks(message) if b["type"] == "section"]
    for block in blocks(message):
        texts += [e["text"] for e in block["elements"]] if block["type"] == "context" else []
    return "\n".join(texts)


def field(message: dict[str, Any]) -> list[str]:
    return [block["block_id"] for block in blocks(message) if block["type"] == "input"]


@pytest.mark.parametrize(
    ("session", "now", "seen"),
    [
        (granting(), NOON, Phase.COMING),
        (active(), END - SECOND, Phase.OPEN),
        (granting(), END, Phase.ENDING),
        (active(), END, Phase.ENDING),  # whatever has been written by then
        (active(), END + MINUTE, Phase.OVERDUE),
        (revoking(), END + 59 * SECOND, Phase.ENDING),
        (revoking(), END + MINUTE, Phase.OVERDUE),
        (revoking(ended_at=NOON + MINUTE), NOON + 2 * MINUTE, Phase.OVERDUE),
        (revoking(ended_at=NOON + MINUTE), NOON + MINUTE, Phase.ENDING),
        (settling(), END + MINUTE, Phase.CLOSED),
        (settling(standing="yes"), END + MINUTE, Phase.STAYS),
        (revoking(standing="yes"), END + 5 * MINUTE, Phase.STAYS),  # nothing is taken back
        (settling(granted_at=None), END + MINUTE, Phase.NEVER),
    ],
)
def test_what_it_is_to_people(session: Session, now: Any, seen: Phase) -> None:
    assert phase(session, now) is seen


@pytest.mark.parametrize("late", [timedelta(0), 61 * SECOND, 5 * HOUR])
@pytest.mark.parametrize("state", sorted(LIVE))
def test_from_the_deadline_on_nothing_says_open_and_no_button_is_there(
    state: State, late: timedelta
) -> None:
    session = active(**PORTAL).with_(state=state)
    for card in (cards.mine(session, END + late), cards.channel(session, END + late)):
        assert " open" not in card["text"] + words(card)
        assert buttons(card) == {}
        assert bool(card["attachments"]) is (late > MINUTE), "in red what is overdue"


def test_what_is_overdue_says_how_long_how_often_and_why() -> None:
    stuck = revoking(tries=11, last_error="Identity Center answers 503")
    said = "OVERDUE 1:01, tried 11 times*: Identity Center answers 503"
    for card in (cards.mine(stuck, END + 61 * SECOND), cards.channel(stuck, END + 61 * SECOND)):
        assert said in words(card)
        assert [bar["color"] for bar in card["attachments"]] == [cards.RED]
        assert card["blocks"] == [], "or what was said before would stay above it"
    assert "OVERDUE 2:03:04" in words(cards.mine(stuck, END + timedelta(0, 4, 0, 0, 3, 2)))


def test_the_card_has_the_way_in_and_what_a_terminal_needs() -> None:
    session = active(**PORTAL, permission_set="Emergency+Admin")
    card = cards.mine(session, NOON)
    assert [*buttons(card)] == ["open_console", "extend", "end_now"]
    assert buttons(card)["open_console"]["url"] == (
        "https://d-1234567890.awsapps.com/start/#/console"
        "?account_id=111122223333&role_name=Emergency%2BAdmin"
    )
    for line in ("sso_start_url = https://d-1234567890.awsapps.com/start",
                 "sso_region = eu-west-1", "sso_account_id = 111122223333",
                 "sso_role_name = Emergency+Admin",
                 "aws sso login --profile break-glass-prod"):  # fmt: skip
        assert line in words(card)
    assert "open_console" not in buttons(cards.channel(session, NOON)), "nobody else's way in"


def test_without_a_portal_nothing_leads_nowhere() -> None:
    card = cards.mine(active(), NOON)
    assert [*buttons(card)] == ["extend", "end_now"]
    assert "Open your AWS access portal" in words(card)


def test_end_now_asks_first_and_says_whose_access_on_what_ends() -> None:
    for card in (cards.mine(active(), NOON), cards.channel(active(), NOON)):
        confirm = buttons(card)["end_now"]["confirm"]
        assert confirm["text"]["text"] == (
            "BreakGlassAdmin on Production, of alice@example.com, ends now. "
            "To have it back, break the glass again."
        )
        assert buttons(card)["end_now"]["value"] == active().id


def test_extend_is_offered_only_where_the_glass_allows_it_and_only_once() -> None:
    for session in (active(extend=timedelta(0)), active(extended=1)):
        for card in (cards.mine(session, NOON), cards.channel(session, NOON)):
            assert "extend" not in buttons(card)


@pytest.mark.parametrize(
    ("most", "label"),
    [(4 * HOUR, "Extend 30 min"), (1.5 * HOUR, "Extend 30 min"), (72 * MINUTE, "Extend 12 min"),
     (HOUR + 45 * SECOND, "Extend 45 s"), (HOUR, ""), (HOUR / 2, "")],
)  # fmt: skip
def test_the_button_says_by_how_much_and_goes_when_nothing_is_left(most: Any, label: str) -> None:
    session = active(extended=3, extended_by="bob@example.com", extend_to=most)
    for card in (cards.mine(session, NOON), cards.channel(session, NOON)):
        extend = buttons(card).get("extend")
        assert (extend["text"]["text"] if extend else "") == label
        assert "It was extended 3 times, last by bob@example.com." in words(card)
    said = cards.mine(session, NOON)
    assert ("It cannot be extended any more" in words(said)) is (not label)


def test_where_access_outlives_a_console_it_says_to_open_it_again() -> None:
    said = "A console signs you out after 1 h: open it again then."
    assert said not in words(cards.mine(active(), NOON))
    assert said in words(cards.mine(active(deadline=NOON + 4 * HOUR), NOON))
    unknown = active(deadline=NOON + 4 * HOUR, tail=timedelta(0))
    assert "signs you out" not in words(cards.mine(unknown, NOON))


@pytest.mark.parametrize(
    ("left", "says"),
    [(timedelta(0), "0 s"), (59 * SECOND, "59 s"), (MINUTE, "1 min"), (42.9 * MINUTE, "42 min"),
     (120 * MINUTE, "120 min"), (125 * MINUTE, "2 h 5 min"), (-MINUTE, "0 s")],
)  # fmt: skip
def test_what_is_left_is_said_in_minutes_and_never_more_than_there_is(
    left: timedelta, says: str
) -> None:
    assert cards.left(left) == says


def test_who_has_not_said_why_is_asked_until_they_do_also_at_the_end() -> None:
    for session in (granting(), active(), settling()):
        at = NOON if session.live else END + MINUTE
        assert field(cards.mine(session, at)) == [f"say_why {session.id}"]
        assert "No reason given" in words(cards.mine(session, at))
        said = session.with_(why="INC-4711 & <more>")
        assert field(cards.mine(said, at)) == []
        for card in (cards.mine(said, at), cards.channel(said, at)):
            assert "Reason: INC-4711 &amp; &lt;more&gt;" in words(card)


def test_at_the_end_it_is_grey_and_says_how_long_the_revoke_took() -> None:
    card = cards.mine(settling(why="INC-1"), END + MINUTE)
    assert {block["type"] for block in card["blocks"]} == {"context"}
    assert "the revoke took 3.0 s" in words(card)
    assert "Credentials that you already hold may work until" in words(card)


def test_who_is_warned_is_mentioned_on_the_card_and_below_it() -> None:
    warned = active(warned_for=END)
    assert "<@U0ALICE>" in cards.mine(warned, END - 5 * MINUTE)["text"]
    assert "<@U0ALICE>" not in cards.mine(active(), END - 5 * MINUTE)["text"]
    below = cards.warning(warned, END - 5 * MINUTE)
    assert "<@U0ALICE> Your access to “prod” ends in 5 min" in below["text"]
    assert [*buttons(below)] == ["extend", "end_now"]


def test_what_somebody_else_did_is_said() -> None:
    longer = active(extended=1, extended_by="bob@example.com")
    for card in (cards.mine(longer, NOON), cards.channel(longer, NOON)):
        assert "bob@example.com extended it" in card["text"]
    over = settling(ended_by="bob@example.com")
    for card in (cards.mine(over, END), cards.channel(over, END)):
        assert "bob@example.com ended it" in card["text"]
    own = settling(ended_by="alice@example.com")
    assert "ended it" not in cards.mine(own, END)["text"]


def test_who_had_a_hand_in_it_is_mentioned_and_a_phone_reads_the_e_mail() -> None:
    """An edited message rings nobody; of the notification's own text only the e-mail is a name."""
    bob = "<@U0BOB> (bob@example.com)"
    longer = active(extended=1, extended_by="bob@example.com", extended_by_user="U0BOB")
    over = settling(ended_by="bob@example.com", ended_by_user="U0BOB")
    for session, at, did in ((longer, NOON, "extended it"), (over, END, "ended it")):
        for card in (cards.mine(session, at), cards.channel(session, at)):
            assert f"{bob} {did}" in words(card)
            assert f"bob@example.com {did}" in card["text"]
            assert "<@" not in card["text"]
    assert "<@U0ALICE> (alice@example.com) broke the glass" in words(cards.channel(longer, NOON))
    assert "alice@example.com broke the glass" in cards.channel(longer, NOON)["text"]


def test_the_channels_card_is_true_also_where_nobody_can_edit_it_at_the_deadline() -> None:
    ends = f"open until {cards.date(END)}, being taken back from then on"
    for session in (active(), active(extended=1)):
        assert ends in words(cards.channel(session, NOON)).replace("*", "")
        assert ends in cards.channel(session, NOON)["text"]
    stays = active(standing="yes")
    assert "taken back" not in words(cards.channel(stays, NOON)), "what stood before us is not"
