"""The route: one write, one post, a clear word; never a 5xx, and no trace of a body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib import messages, press
from chalicelib.front import Front
from chalicelib.machine import State
from chalicelib.ports import Unavailable
from chalicelib.session import Session
from tests.stories import NOON, SET, glass
from tests.test_press import block_actions, body, legacy

SIGNED = {"x-slack-signature": "v0=good"}


@dataclass
class Table:
    """Remembers what was written; fails where it is told to."""

    rows: dict[str, Session] = field(default_factory=dict)
    wishes: list[tuple[str, str, str]] = field(default_factory=list)
    open: bool = True
    broken: Exception | None = None

    def record(self, session: Session) -> bool:
        if self.broken:
            raise self.broken
        if session.id in self.rows:
            return False
        self.rows[session.id] = session
        return True

    def wish(self, session_id: str, kind: str, slack_user: str, now: datetime) -> bool:
        if self.broken:
            raise self.broken
        self.wishes.append((session_id, kind, slack_user))
        return self.open


class Clock:
    def now(self) -> datetime:
        return NOON

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError("the route never waits")


@dataclass
class Route:
    """A front over small stand-ins, and everything that it did."""

    table: Table = field(default_factory=Table)
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
            glasses=lambda: {"prod": glass(), "by-arn": glass(name="by-arn", permission_set=SET)},
            respond=respond,
            clock=Clock(),
            journal=lambda level, what, /, **facts: self.lines.append(f"{what} {facts}"),
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
    }
    assert route.posts == []
    (row,) = route.table.rows.values()
    assert (row.state, row.glass, row.slack_user) == (State.REQUESTED, "prod", "U0ALICE")
    assert (row.slack_channel, row.slack_message, row.person) == ("C0", "1.2", "U0ALICE")
    assert (row.account_id, row.account_name) == ("111122223333", "Production")
    assert row.wait_until == NOON + timedelta(minutes=5)
    assert row.look_at == NOON


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
    assert list(route.table.rows) == [press.session_id(legacy())]


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


def test_an_unknown_glass_is_told_at_once_and_in_the_log_as_denied(route: Route) -> None:
    status, said = route.send(legacy(value="prodd"))
    assert status == 200
    assert "no glass called “prodd”" in said["text"]
    (row,) = route.table.rows.values()
    assert (row.state, row.look_at, row.denied_at) == (State.DENIED, None, NOON)
    assert "prodd" in row.reason


def test_the_originals_button_is_matched_by_account_and_set(route: Route) -> None:
    route.send(legacy(value=SET, callback="deployment_111122223333_abc"))
    (row,) = route.table.rows.values()
    assert (row.glass, row.permission_set_arn) == ("by-arn", SET)


def test_a_set_that_a_glass_names_by_name_is_left_to_the_worker(route: Route) -> None:
    route.send(legacy(value=SET, callback="deployment_999999999999_abc"))
    (row,) = route.table.rows.values()
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
    assert "ZeroDivisionError" in route.lines[-1]


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


def test_a_wish_is_written_down_and_left_to_the_worker(route: Route) -> None:
    assert route.send(block_actions("end_now", "bg-1")) == (200, "")
    assert route.table.wishes == [("bg-1", "end", "U0ALICE")]
    assert route.posts[0][1]["text"] == messages.WISHED["end"]


def test_a_wish_about_what_is_over_is_answered(route: Route) -> None:
    route.table.open = False
    route.send(block_actions("extend", "bg-1"))
    assert route.posts[0][1]["text"] == messages.OVER_ALREADY


def test_a_wish_that_cannot_be_recorded_is_not_claimed(route: Route) -> None:
    route.table.broken = Unavailable("DynamoDB")
    route.send(block_actions("end_now", "bg-1"))
    assert route.posts[0][1]["text"] == messages.WISH_NOT_RECORDED


def test_no_line_of_the_log_holds_what_was_sent(route: Route) -> None:
    for sent in (
        block_actions(response_url="https://hooks.slack.com/actions/hunter2"),
        legacy(token="hunter2"),
        body({"type": "hunter2"}),
        block_actions(value="hunter2"),
        legacy(value="hunter2"),
        b"payload=hunter2",
    ):
        route.send(sent)
        route.send(sent, {})
    assert "hunter2" not in "".join(route.lines)
