"""The route: one ask, one post, a clear word; never a 5xx, and no trace of a body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.adapters.presses import Presses
from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.errors import ExternalError, Rejected, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.route import press
from chalicelib.route.front import Front
from chalicelib.words import messages
from tests.support.presses import block_actions, body, legacy, picked, said_why, typed
from tests.support.stories import NOON, SET, active, glass

SIGNED = {"x-slack-signature": "v0=good"}


@dataclass
class Table:
    """Remembers what was written; fails where it is told to."""

    rows: dict[str, Session | Ask] = field(default_factory=dict)
    broken: Exception | None = None

    def record(self, asked: Session | Ask) -> bool:
        if self.broken:
            raise self.broken
        new = asked.id not in self.rows
        self.rows.setdefault(asked.id, asked)
        return new

    def press(self) -> Session:
        (row,) = self.rows.values()
        assert isinstance(row, Session)
        return row

    def ask(self) -> Ask:
        (row,) = self.rows.values()
        assert isinstance(row, Ask)
        return row


class Clock:
    def now(self) -> datetime:
        return NOON

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError("the route never waits")


@dataclass
class Route:
    """A front over small stand-ins, and everything that it did."""

    table: Any = field(default_factory=Table)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    refreshed: list[bool] = field(default_factory=list)
    secret_fails: bool = False
    good_after_refresh: bool = False
    post_fails: bool = False

    def front(self) -> Front:
        def secret(*, refresh: bool) -> str:
            if self.secret_fails:
                raise Unavailable("SSM is down")
            self.refreshed.append(refresh)
            return "new" if refresh else "old"

        def genuine(secret: str, headers: Mapping[str, str], sent: bytes, now: float) -> bool:
            if self.good_after_refresh:
                return secret == "new"
            return headers.get("x-slack-signature") == "v0=good"

        def respond(url: str, message: dict[str, Any]) -> None:
            if self.post_fails:
                raise Unavailable("response_url: TimeoutError")
            self.posts.append((url, message))

        return Front(
            secret=secret,
            genuine=genuine,
            table=lambda: self.table,
            glasses=lambda: {
                "prod": glass(),
                "by-arn": glass(name="by-arn", permission_set=SET),
                "why": glass(name="why", reason="required"),
                "asks": glass(name="asks", reason="required", others=(timedelta(hours=4),)),
            },
            respond=respond,
            clock=Clock(),
            log=lambda level, what, /, **facts: self.lines.append(f"{level}: {what} {facts}"),
        )

    def send(self, sent: bytes, headers: Mapping[str, str] = SIGNED) -> tuple[int, Any]:
        answer = self.front().answer(headers, sent)
        return answer.status, answer.body


@pytest.fixture
def route() -> Route:
    return Route()


def test_a_legacy_press_is_recorded_and_answered_in_the_body(route: Route) -> None:
    status, said = route.send(legacy())
    assert status == 200
    assert said == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": messages.INCOMING,
        "blocks": messages.incoming()["blocks"],
    }
    assert route.posts == []
    row = route.table.press()
    assert (row.state, row.glass, row.slack_user) == (State.REQUESTED, "prod", "U0ALICE")
    assert (row.slack_channel, row.slack_message, row.person) == ("C0", "1.2", "U0ALICE")
    assert (row.account_id, row.asked_at, row.version) == ("111122223333", NOON, 0)


def test_a_block_kit_press_is_answered_by_one_post_for_slack_ignores_the_body(
    route: Route,
) -> None:
    assert route.send(block_actions()) == (200, "")
    ((url, message),) = route.posts
    assert url == "https://hooks.slack.com/actions/1"
    assert message["text"] == messages.INCOMING
    assert message["response_type"] == "ephemeral"
    assert message["replace_original"] is False


def test_an_impatient_repeat_of_the_same_press_is_one_row(route: Route) -> None:
    route.send(block_actions())
    assert route.send(block_actions()) == (200, "")
    assert len(route.table.rows) == len(route.posts) == 1
    assert route.send(legacy())[1] == route.send(legacy())[1]


def test_the_row_of_a_press_does_not_depend_on_its_headers(route: Route) -> None:
    route.send(legacy(), SIGNED | {"x-slack-retry-num": "1"})
    route.send(legacy(), SIGNED | {"x-slack-request-timestamp": "2"})
    assert list(route.table.rows) == [press.ask_id(Kind.BREAK, legacy())]


@pytest.mark.parametrize("sent", [legacy(), block_actions()])
def test_where_nothing_was_recorded_nobody_reads_incoming(route: Route, sent: bytes) -> None:
    route.table.broken = Unavailable("DynamoDB: ReadTimeoutError")
    status, said = route.send(sent)
    told = said if isinstance(said, dict) else route.posts[0][1]
    assert status == 200
    assert told["text"] == messages.NOT_RECORDED
    assert "incoming" not in told["text"]


def test_a_post_that_fails_does_not_undo_the_press(route: Route) -> None:
    route.post_fails = True
    assert route.send(block_actions()) == (200, "")
    assert len(route.table.rows) == 1


def test_an_unknown_glass_is_said_at_once_where_slack_shows_the_answer(route: Route) -> None:
    status, said = route.send(legacy(value="prodd"))
    assert status == 200
    assert "no glass called “prodd”" in said["text"]
    row = route.table.press()
    assert (row.state, row.glass, row.account_id) == (State.REQUESTED, "prodd", "")
    assert row.reason == messages.no_such_glass(row), "so the worker need not say it again"


def test_an_unknown_glass_is_left_to_the_worker_where_slack_shows_no_answer(route: Route) -> None:
    assert route.send(block_actions(value="prodd")) == (200, "")
    row = route.table.press()
    assert (row.glass, row.reason, route.posts) == ("prodd", "", [])


def test_the_originals_button_is_matched_by_account_and_set(route: Route) -> None:
    route.send(legacy(value=SET, callback="deployment_111122223333_abc"))
    row = route.table.press()
    assert (row.glass, row.permission_set_arn) == ("by-arn", SET)


def test_a_set_that_a_glass_names_by_name_is_left_to_the_worker(route: Route) -> None:
    route.send(legacy(value=SET, callback="deployment_999999999999_abc"))
    row = route.table.press()
    assert (row.state, row.glass, row.account_id) == (State.REQUESTED, "", "999999999999")


@pytest.mark.parametrize("headers", [{}, {"x-slack-signature": "bad"}])
def test_what_slack_did_not_sign_is_refused_and_leaves_no_trace(
    route: Route, headers: dict[str, str]
) -> None:
    sent = block_actions(value="hunter2-secret")
    assert route.send(sent, headers) == (403, "Forbidden.")
    assert route.table.rows == {}
    assert route.posts == []
    assert "hunter2" not in "".join(route.lines)


def test_a_rotated_secret_is_read_anew_before_anybody_is_refused(route: Route) -> None:
    route.good_after_refresh = True
    assert route.send(legacy())[0] == 200
    assert route.refreshed == [False, True]


def test_without_the_secret_nothing_is_recorded_and_the_person_reads_so(route: Route) -> None:
    route.secret_fails = True
    status, said = route.send(legacy())
    assert (status, said["text"]) == (200, messages.NOT_RECORDED)
    assert route.send(block_actions()) == (200, "")
    assert [message["text"] for _, message in route.posts] == [messages.NOT_RECORDED]
    assert {line.partition(" {")[0] for line in route.lines} == {"warning: no signing secret"}
    assert route.table.rows == {}


@pytest.mark.parametrize("sent", [b"payload=x", b"ssl_check=1", b'{"type": "url_verification"}'])
def test_without_the_secret_nobody_else_gets_an_answer(route: Route, sent: bytes) -> None:
    route.secret_fails = True
    assert route.send(sent) == (403, "Forbidden.")
    assert route.send(legacy(), {}) == (403, "Forbidden.")


def test_a_mistake_of_ours_is_no_5xx_and_claims_nothing(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "read", lambda sent: 1 / 0)
    status, said = route.send(legacy())
    assert (status, said["text"]) == (200, messages.NOT_RECORDED)
    assert route.lines[-1].startswith("error: the route failed")
    assert "ZeroDivisionError" in route.lines[-1]
    assert "front.py" in route.lines[-1], "the log says where"


def test_a_malformed_body_gets_a_sentence(route: Route) -> None:
    status, said = route.send(b"payload=nonsense")
    assert status == 400
    assert said.startswith(messages.UNREADABLE)
    assert "nonsense" not in said


def test_retry_is_not_ours_and_gets_a_kind_line(route: Route) -> None:
    assert route.send(legacy("retry", "retry"))[1]["text"] == messages.NOT_OURS
    status, said = route.send(block_actions("retry", "x"))
    assert (status, said["text"]) == (200, messages.NOT_OURS)
    assert route.posts[0][1]["text"] == messages.NOT_OURS
    assert route.table.rows == {}


@pytest.mark.parametrize("kind", ["view_submission", "view_closed"])
def test_a_modal_that_is_not_ours_is_closed_without_a_word(route: Route, kind: str) -> None:
    payload = {"type": kind, "user": {"id": "U0ALICE"}, "view": {"callback_id": "other"}}
    assert route.send(urlencode({"payload": json.dumps(payload)}).encode()) == (200, "")
    assert route.posts == []


def test_slacks_own_checks_are_answered(route: Route) -> None:
    challenge = b'{"type": "url_verification", "challenge": "c"}'
    assert route.send(challenge) == (200, {"challenge": "c"})
    assert route.send(b"ssl_check=1") == (200, "")
    assert route.send(b'{"type": "event_callback"}')[0] == 200


@pytest.mark.parametrize(("button", "kind"), [("end_now", Kind.END), ("extend", Kind.EXTEND)])
def test_end_now_and_extend_are_written_down_and_left_to_the_worker(
    route: Route, button: str, kind: Kind
) -> None:
    sent = block_actions(button, active().id)
    assert route.send(sent) == (200, "")
    ask = route.table.ask()
    assert (ask.id, ask.kind, ask.session_id) == (press.ask_id(kind, sent), kind, active().id)
    assert (ask.slack_user, ask.slack_user_name, ask.slack_team) == ("U0ALICE", "alice", "T0")
    assert (ask.slack_channel, ask.slack_message, ask.shape) == ("C0", "1.2", "block_actions")
    assert (ask.asked_at, ask.outcome, ask.version) == (NOON, "", 0)
    assert ask.response_url == "https://hooks.slack.com/actions/1"
    assert route.posts == [], "what comes of it is all there is to say"
    assert route.send(legacy(button, active().id)) == (200, ""), "nor in the place of the message"


@pytest.mark.parametrize("make", [block_actions, legacy])
def test_a_glass_that_wants_a_reason_answers_with_the_field_and_writes_nothing(
    route: Route, make: Any
) -> None:
    _, answer = route.send(make(value="why"))
    said = answer or route.posts[0][1]
    kinds = [block["type"] for block in said["blocks"]]
    assert kinds == ["section", "input", "actions"]
    assert said["blocks"][2]["elements"][0]["value"] == "why"
    assert route.table.rows == {}


def test_a_glass_that_wants_a_reason_is_broken_with_it(route: Route) -> None:
    route.send(block_actions(value="why", **typed("INC-4711")))
    row = route.table.press()
    assert (row.glass, row.why, row.state) == ("why", "INC-4711", State.REQUESTED)
    assert [message["text"] for _, message in route.posts] == [messages.INCOMING]


def test_no_other_glass_waits_for_a_reason(route: Route) -> None:
    route.send(block_actions())
    assert route.table.press().why == ""


def test_a_reason_is_written_down_for_the_worker(route: Route) -> None:
    sent = said_why("INC-4711", active().id)
    assert route.send(sent) == (200, "")
    ask = route.table.ask()
    assert (ask.id, ask.kind) == (press.ask_id(Kind.REASON, sent), Kind.REASON)
    assert (ask.session_id, ask.why) == (active().id, "INC-4711")


def test_a_link_is_answered_with_nothing(route: Route) -> None:
    assert route.send(block_actions("open_console")) == (200, "")
    assert (route.posts, route.table.rows) == ([], {})


def test_an_impatient_repeat_of_end_now_is_one_ask(route: Route) -> None:
    for _ in range(2):
        assert route.send(block_actions("end_now", active().id)) == (200, "")
    assert len(route.table.rows) == 1


@pytest.mark.parametrize("button", ["end_now", "extend"])
@pytest.mark.parametrize("value", ["", "bg-1", "bg-" + "A" * 24, "door/x", active().id + "\n"])
def test_a_button_that_names_no_session_is_answered_and_nothing_written(
    route: Route, button: str, value: str
) -> None:
    route.table = None
    assert route.send(block_actions(button, value)) == (200, "")
    assert [message["text"] for _, message in route.posts] == [messages.NO_SESSION]
    assert route.send(legacy(button, value))[1]["text"] == messages.NO_SESSION


def test_an_ask_that_cannot_be_recorded_is_not_claimed(route: Route) -> None:
    route.table.broken = Unavailable("DynamoDB")
    route.send(block_actions("end_now", active().id))
    assert route.posts[0][1]["text"] == messages.NOT_ASKED
    assert route.send(legacy("extend", active().id))[1]["text"] == messages.NOT_ASKED


ASKS = (
    block_actions(),
    legacy(value=SET, callback="deployment_999999999999_abc"),
    block_actions(value="prodd"),
    legacy(value="prodd"),
    block_actions("end_now", active().id),
    legacy("extend", active().id),
)


@pytest.mark.parametrize("sent", ASKS)
def test_each_press_is_one_new_row_that_is_an_ask_and_nothing_is_read(
    route: Route, sent: bytes
) -> None:
    """Over the real writer of rows: whatever is pressed, no session's row is even named."""
    calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        calls.append((operation, asked))
        return {}

    route.table = Presses(call, "sessions")
    route.send(sent)
    ((operation, asked),) = calls
    assert operation == "PutItem"
    assert asked["Item"]["id"]["S"].startswith("ask/")
    assert asked["Item"]["open"] == {"S": "ask"}
    assert asked["ConditionExpression"] == "attribute_not_exists(id)"


@pytest.mark.parametrize("error", [Rejected("AccessDenied"), RuntimeError("hunter2")])
@pytest.mark.parametrize("sent", [legacy(), legacy("end_now", active().id)])
def test_the_log_says_where_a_mistake_is_and_of_trouble_its_kind_alone(
    route: Route, sent: bytes, error: Exception
) -> None:
    route.table.broken = error
    assert route.send(sent)[0] == 200
    (line,) = route.lines
    foreseen = isinstance(error, ExternalError)
    assert line.startswith("warning: not recorded" if foreseen else "error: not recorded")
    assert type(error).__name__ in line
    assert ("test_front.py" in line) is ("trace" in line) is (not foreseen)
    assert "hunter2" not in line


def test_no_line_of_the_log_holds_what_was_sent(route: Route) -> None:
    for sent in (
        block_actions(response_url="https://hooks.slack.com/actions/hunter2"),
        legacy(token="hunter2"),
        body({"type": "hunter2"}),
        block_actions(value="hunter2"),
        legacy(value="hunter2"),
        block_actions("end_now", "hunter2"),
        b"payload=hunter2",
    ):
        route.send(sent)
        route.send(sent, {})
    assert "hunter2" not in "".join(route.lines)


# ---- how long -----------------------------------------------------------------------------------


def test_how_long_somebody_wants_it_is_written_down_and_left_to_the_worker(route: Route) -> None:
    route.send(block_actions(state={"values": picked("40h")}))
    assert (route.table.press().chosen, route.table.press().duration) == ("40h", timedelta(0))


def selects(message: dict[str, Any]) -> list[dict[str, Any]]:
    elements = [block.get("element", {}) for block in message["blocks"]]
    return [each for each in elements if each.get("type") == "static_select"]


def test_who_is_asked_why_is_asked_how_long_where_there_is_a_choice(route: Route) -> None:
    route.send(block_actions(value="asks", state={"values": picked("4h")}))
    route.send(block_actions(value="why"))
    (_, asks), (_, why) = route.posts
    (select,) = selects(asks)
    assert [option["value"] for option in select["options"]] == ["1h", "4h"]
    assert select["initial_option"]["value"] == "4h", "what they chose before stands there"
    assert selects(why) == []
    assert route.table.rows == {}
    (block_id,) = [b["block_id"] for b in asks["blocks"] if b.get("element") == select]
    values = picked(None, block_id) | typed("INC-1")["state"]["values"]
    route.send(block_actions(value="asks", state={"values": values}))
    assert (route.table.press().chosen, route.table.press().why) == ("4h", "INC-1")


def test_a_choice_alone_is_taken_quietly(route: Route) -> None:
    made = {"type": "static_select", "action_id": "how_long", "selected_option": {"value": "4h"}}
    assert route.send(block_actions(actions=[made])) == (200, "")
    assert (route.table.rows, route.posts) == ({}, [])
