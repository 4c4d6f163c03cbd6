"""What Slack sends is read strictly: the clicked action decides, and nothing is guessed."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.ask import ID, Kind
from chalicelib.route import press
from chalicelib.words import cards
from tests.support.presses import block_actions, body, legacy, picked, said_why, typed
from tests.support.stories import SET, active


def test_a_block_kit_press_names_its_glass() -> None:
    asked = press.read(block_actions())
    assert isinstance(asked, press.Press)
    assert (asked.glass, asked.account_id) == ("prod", "")
    assert asked.sender == press.Sender(
        user="U0ALICE",
        user_name="alice",
        team="T0",
        channel="C0",
        message="1.2",
        response_url="https://hooks.slack.com/actions/1",
        shape="block_actions",
    )
    assert not asked.sender.hears_answers


def test_a_legacy_press_names_its_glass_and_its_answer_is_shown() -> None:
    asked = press.read(legacy())
    assert isinstance(asked, press.Press)
    assert asked.glass == "prod"
    assert asked.sender.user_name == "alice"
    assert asked.sender.hears_answers


def test_the_original_projects_message_names_account_and_permission_set() -> None:
    asked = press.read(legacy(value=SET, callback="deployment_123456789012_abc"))
    assert isinstance(asked, press.Press)
    assert (asked.account_id, asked.permission_set_arn) == ("123456789012", SET)
    assert asked.glass == ""


def test_the_clicked_action_decides_not_the_first_button_of_the_message() -> None:
    asked = press.read(legacy(value="staging"))
    assert isinstance(asked, press.Press)
    assert asked.glass == "staging"


def test_an_arn_without_an_account_is_refused_with_a_sentence() -> None:
    for callback in ("", "deployment_abc", "deployment_12345_abc", "deployment_١٢٣٤٥٦٧٨٩٠١٢_abc"):
        with pytest.raises(press.NoPayload, match="callback_id"):
            press.read(legacy(value=SET, callback=callback))


def test_an_arn_in_block_kit_is_no_way_around_the_glasses_name() -> None:
    asked = press.read(block_actions(value=SET))
    assert isinstance(asked, press.Press)
    assert (asked.glass, asked.account_id) == (SET, "")


@pytest.mark.parametrize("shape", [block_actions, legacy])
@pytest.mark.parametrize(("action", "kind"), [("end_now", Kind.END), ("extend", Kind.EXTEND)])
def test_end_now_and_extend_ask_something_of_a_session(shape: Any, action: str, kind: Kind) -> None:
    asked = press.read(shape(action, active().id))
    assert isinstance(asked, press.OnSession)
    assert (asked.kind, asked.session_id) == (kind, active().id)


def test_enter_in_a_cards_field_is_a_reason() -> None:
    asked = press.read(said_why("  INC-4711:\nthe deployment hangs ", active().id))
    assert asked == press.OnSession(
        press.read(block_actions("end_now")).sender,  # type: ignore[union-attr]
        Kind.REASON, active().id, "INC-4711: the deployment hangs",
    )  # fmt: skip
    odd = press.read(said_why("x" * 1_000, "bg-1"))
    assert isinstance(odd, press.OnSession)
    assert (odd.session_id, len(odd.why)) == ("", cards.LONGEST_WHY)


@pytest.mark.parametrize("value", ["", "  \n", None, 7, ["x"], "\ud800" * 9])
def test_an_empty_field_asks_nothing(value: Any) -> None:
    assert press.read(said_why(value, active().id)) == press.Check()
    assert press.read(block_actions(**typed(value))).why == ""  # type: ignore[union-attr]


@pytest.mark.parametrize("state", [None, [], {"values": []}, {"values": {"why": []}},
                                   {"values": {"why": {"say_why": "x"}}}])  # fmt: skip
def test_a_press_whose_fields_make_no_sense_is_a_press(state: Any) -> None:
    asked = press.read(block_actions(state=state))
    assert isinstance(asked, press.Press)
    assert (asked.glass, asked.why) == ("prod", "")


@pytest.mark.parametrize(("action", "value"), [("break_glass", "prod"), ("end_now", active().id)])
def test_what_stands_in_the_field_comes_with_each_press(action: str, value: str) -> None:
    asked = press.read(block_actions(action, value, **typed("INC-4711")))
    assert asked.why == "INC-4711"  # type: ignore[union-attr]


def chosen(*blocks: dict[str, Any], button: str = "glass") -> str:
    """What a press in that block comes with, where the message has these blocks filled in."""
    values = {name: block for each in blocks for name, block in each.items()}
    clicked = {"type": "button", "action_id": "break_glass", "value": "prod", "block_id": button}
    asked = press.read(block_actions(state={"values": values}, actions=[clicked]))
    assert isinstance(asked, press.Press)
    assert asked.glass == "prod"
    return asked.chosen


def test_what_was_chosen_comes_with_the_press() -> None:
    assert chosen(picked("4h")) == "4h"
    assert chosen(picked("4h", "any block's id")) == "4h"
    assert chosen(picked("4h"), typed("INC-1")["state"]["values"]) == "4h"
    assert chosen() == ""


def test_of_several_selects_the_one_in_the_buttons_own_block_is_meant() -> None:
    two = (picked("4h", "prod"), picked("1h", "staging"))
    assert [chosen(*two, button=each) for each in ("prod", "staging")] == ["4h", "1h"]
    assert chosen(*two, button="elsewhere") == "", "nothing is guessed"


def test_a_select_that_nobody_has_touched_is_what_our_own_block_says_that_it_shows() -> None:
    for untouched in (picked(None, "how_long 4h"), {"how_long 4h": {"how_long": {}}}):
        assert chosen(untouched) == "4h"
    assert chosen(picked("1h", "how_long 4h")) == "1h"
    assert chosen(picked(None, "glass of ours")) == ""
    assert chosen(picked(None, "glass"), button="glass") == ""


@pytest.mark.parametrize("value", [7, ["4h"], {"4h": 1}, "\ud800", "x" * 2_001])
def test_a_choice_that_is_no_text_is_none(value: Any) -> None:
    assert chosen(picked(value)) == ""


def test_a_choice_is_short_and_of_one_line() -> None:
    assert chosen(picked("  4\x00h\n" + "x" * 500)) == f"4\ufffdh {'x' * 15}…"


@pytest.mark.parametrize(
    "values", [None, [], {"b": None}, {"b": {"how_long": None}}, {"b": {"how_long": "4h"}},
               {"b": {"how_long": {"selected_option": "4h"}}},
               {"b": {"how_long": {"selected_option": {"value": None}}}}]
)  # fmt: skip
def test_a_press_whose_select_makes_no_sense_is_a_press(values: Any) -> None:
    asked = press.read(block_actions(state={"values": values}))
    assert isinstance(asked, press.Press)
    assert (asked.glass, asked.chosen) == ("prod", "")


def test_a_choice_that_is_made_breaks_no_glass() -> None:
    """Slack tells of it where the select stands beside the button: the button alone asks."""
    option = {"text": {"type": "plain_text", "text": "4 h"}, "value": "4h"}
    made = {"type": "static_select", "action_id": "how_long", "selected_option": option}
    assert press.read(block_actions(actions=[made])) == press.Check()
    assert press.read(block_actions(actions=[made | {"value": "prod"}])) == press.Check()
    menu = {"name": "how_long", "type": "select", "selected_options": [{"value": "4h"}]}
    assert press.read(legacy(actions=[menu])) == press.Check()


def test_a_legacy_press_chooses_nothing() -> None:
    for sent in (legacy(), legacy(value=SET, callback="deployment_123456789012_abc")):
        asked = press.read(sent)
        assert isinstance(asked, press.Press)
        assert asked.chosen == ""


def test_a_button_that_leads_away_asks_nothing() -> None:
    assert press.read(block_actions("open_console")) == press.Check()


@pytest.mark.parametrize(
    "value", ["", "bg-1", "BG-" + "0" * 24, "bg-" + "g" * 24, active().id + "\n", "x" * 2001, 7]
)
def test_what_is_no_sessions_id_names_no_session(value: Any) -> None:
    asked = press.read(block_actions("end_now", value))
    assert isinstance(asked, press.OnSession)
    assert asked.session_id == ""


@pytest.mark.parametrize(
    "sent",
    [
        block_actions("retry", "deploy-7"),
        legacy("retry", "retry"),
        body({"type": "view_submission", "user": {"id": "U0ALICE"}}),
        body({"type": "shortcut", "user": {"id": "U0ALICE"}}),
        b"command=%2Fother&text=hi&user_id=U0ALICE",
        b'{"type": "event_callback"}',
    ],
)
def test_what_is_not_for_us_is_known_as_such(sent: bytes) -> None:
    assert isinstance(press.read(sent), press.NotOurs)


def test_slack_may_check_that_the_address_is_ours() -> None:
    challenge = b'{"type": "url_verification", "challenge": "abc", "token": "x"}'
    assert press.read(challenge) == press.Challenge("abc")
    assert press.read(b"ssl_check=1&token=x") == press.Check()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"hello",
        b"payload=",
        b"payload=%7B",
        b"payload=[]",
        b"payload=%22text%22",
        b"\xff\xfe",
        b"{not json",
        body({"type": "block_actions"}),
        body({"type": "block_actions", "actions": []}),
        body({"type": "block_actions", "actions": ["x"], "user": {"id": "U0"}}),
        body({"type": "block_actions", "actions": [{"action_id": "break_glass"}]}),
        block_actions(value=""),
        block_actions(user="alice"),
        block_actions(actions=[{"action_id": "break_glass", "value": {"a": 1}}]),
        block_actions(actions=[{"action_id": "break_glass", "value": "x" * 2001}]),
        b"payload=" + b"[" * 100_000,
    ],
)
def test_a_malformed_body_gets_a_sentence_and_quotes_nothing(sent: bytes) -> None:
    with pytest.raises(press.NoPayload) as refused:
        press.read(sent)
    assert str(refused.value).endswith((".", "does."))
    assert "x" * 20 not in str(refused.value)


@pytest.mark.parametrize("user", ["U", "u0alice", "U0ALICE ", "B0BOT", "U" + "A" * 21, "U\u0660AB"])
def test_who_has_no_id_of_slacks_form_has_not_pressed(user: str) -> None:
    with pytest.raises(press.NoPayload, match="who pressed"):
        press.read(block_actions(user={"id": user}))


def test_whatever_is_sent_little_of_it_is_kept_and_nothing_that_steers() -> None:
    evil = "\u202e<!channel>\n\x1b" + "x" * 1900
    asked = press.read(
        block_actions(
            value=evil,
            user={"id": "U0ALICE", "username": evil},
            team={"id": evil},
            channel={"id": evil},
            container={"channel_id": evil, "message_ts": evil},
            message={"ts": evil},
            response_url="https://hooks.slack.com/" + evil,
        )
    )
    assert isinstance(asked, press.Press)
    sender = asked.sender
    assert (sender.team, sender.channel, sender.message, sender.response_url) == ("", "", "", "")
    for kept in (asked.glass, sender.user_name):
        assert len(kept) <= 100
        assert not {"\u202e", "\n", "\x1b"} & set(kept)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_body_breaks_the_reader(sent: bytes) -> None:
    with suppress(press.NoPayload):
        press.read(sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "user", "id", "actions", "action_id", "value", "channel"]),
            inner | st.sampled_from(["block_actions", "interactive_message", "break_glass"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_payload_breaks_the_reader(payload: Any) -> None:
    with suppress(press.NoPayload):
        press.read(body(payload))


def test_the_same_body_is_the_same_ask_and_another_is_another() -> None:
    first = block_actions()
    assert press.ask_id(Kind.BREAK, first) == press.ask_id(Kind.BREAK, block_actions())
    ids = {
        press.ask_id(kind, sent) for kind in Kind for sent in (first, block_actions(value="other"))
    }
    assert len(ids) == 2 * len(Kind)
    assert all(ID.fullmatch(each) for each in ids)
