"""Slack's Web API: who it is, what is said, and which errors are for good."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from chalicelib.adapters import slack
from chalicelib.adapters.slack import Slack
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.oncall import MEMBERS
from chalicelib.words import refusals
from chalicelib.workflow import notifier, timing

from .server import Answering, answering, saying, silence

ALICE = {"id": "U1", "team_id": "T1", "profile": {"email": "alice@example.com"}}


class Workspace:
    """A pretend Slack: `says` has the next answer for each method."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {
            "auth.test": {"ok": True, "team_id": "T1", "enterprise_id": None},
            "users.info": {"ok": True, "user": ALICE},
            "chat.postMessage": {"ok": True, "ts": "1.5"},
            "chat.update": {"ok": True, "ts": "1.5"},
        }
        self.tokens = ["xoxb-1"]
        self.scopes = ""  # as the answers' header has them; empty: they do not say
        self.server: Answering
        self.slack: Slack
        self.responded: list[tuple[str, dict[str, Any], str]] = []

    def token(self, *, refresh: bool = False) -> str:
        if refresh and len(self.tokens) > 1:
            self.tokens.pop(0)
        return self.tokens[0]

    def asked(self) -> list[str]:
        return [path.removeprefix("/api/") for path, _, _ in self.server.seen]


@contextmanager
def working(answer: Any = None) -> Iterator[Workspace]:
    workspace = Workspace()

    def say(request: Any) -> None:
        method = request.path.removeprefix("/api/").partition("?")[0]
        said = workspace.says[method]
        if request.headers["Authorization"] != "Bearer " + workspace.says.get("token", "xoxb-1"):
            said = {"ok": False, "error": "token_revoked"}
        scopes = {"X_OAuth_Scopes": workspace.scopes} if workspace.scopes else {}
        body = json.dumps(said).encode()
        saying(200, body, Content_Type="application/json", **scopes)(request)

    with answering(answer or say) as workspace.server:
        workspace.slack = Slack(
            workspace.token,
            workspace.server.url + "/api/",
            lambda *args: workspace.responded.append(args),
        )
        yield workspace


def fields(workspace: Workspace) -> dict[str, Any]:
    """What the last request said, whether as form or as JSON."""
    _, headers, body = workspace.server.seen[-1]
    if "json" in headers["Content-Type"]:
        return dict(json.loads(body))
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def test_a_user_has_an_e_mail():
    with working() as workspace:
        assert workspace.slack.email("U1") == "alice@example.com"
        assert workspace.slack.email("U1") == "alice@example.com"
        assert workspace.asked() == ["users.info", "auth.test", "users.info"]


@pytest.mark.parametrize(
    "user",
    [
        {**ALICE, "deleted": True},
        {**ALICE, "is_bot": True},
        {**ALICE, "is_stranger": True},
        {**ALICE, "team_id": "T9"},  # a guest of a shared channel may call themselves anything
        {**ALICE, "team_id": "T9", "enterprise_user": {"enterprise_id": "E9"}},
        {key: value for key, value in ALICE.items() if key != "team_id"},
    ],
)
def test_who_is_not_one_of_our_people_is_nobody(user):
    with working() as workspace:
        workspace.says["users.info"] = {"ok": True, "user": user}
        assert workspace.slack.email("U1") is None


def test_colleagues_of_the_same_grid_are_our_people():
    with working() as workspace:
        workspace.says["auth.test"] = {"ok": True, "team_id": "T1", "enterprise_id": "E1"}
        user = {**ALICE, "team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}}
        workspace.says["users.info"] = {"ok": True, "user": user}
        assert workspace.slack.email("U1") == "alice@example.com"


def test_an_unknown_user_is_nobody():
    with working() as workspace:
        workspace.says["users.info"] = {"ok": False, "error": "user_not_found"}
        assert workspace.slack.email("U1") is None


def test_a_question_that_slack_refuses_is_not_taken_for_nobody():
    with working() as workspace:
        workspace.says["users.info"] = {"ok": False, "error": "invalid_arguments"}
        with pytest.raises(Refused, match="invalid_arguments"):
            workspace.slack.email("U1")


@pytest.mark.parametrize(
    "said", [{"ok": True}, {"ok": False}, {"ok": False, "error": "<html>"}, None, []]
)
def test_an_answer_without_sense_names_nobody(said):
    with working() as workspace:
        workspace.says["users.info"] = said
        with pytest.raises(Unavailable, match="makes no sense"):
            workspace.slack.email("U1")


def test_an_e_mail_that_slack_keeps_to_itself_is_a_scope_to_add():
    with working() as workspace:
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "profile": {}}}
        with pytest.raises(Unavailable, match=r"users:read\.email"):
            workspace.slack.email("U1")


@pytest.mark.parametrize(
    "profile", [{}, {"email": ""}, {"email": None}, {"email": "x" * 255}, None]
)
def test_who_has_no_e_mail_is_refused_at_once_where_slack_would_tell_it(profile):
    with working() as workspace:
        workspace.scopes = "chat:write,users:read,users:read.email"
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "profile": profile}}
        with pytest.raises(Refused, match=refusals.NO_EMAIL) as refused:
            workspace.slack.email("U1")
        assert refused.value.lasting


def test_whether_slack_would_tell_is_asked_by_another_call_where_the_answer_does_not_say():
    with working() as workspace:
        workspace.scopes = ""
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "profile": {}}}
        with pytest.raises(Unavailable, match=r"users:read\.email"):
            workspace.slack.email("U1")
        assert workspace.asked() == ["users.info", "auth.test", "auth.test"]


def test_without_the_scope_nobody_is_refused_for_what_can_be_mended():
    with working() as workspace:
        workspace.scopes = "chat:write,users:read"
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "profile": {}}}
        with pytest.raises(Unavailable, match=r"users:read\.email"):
            workspace.slack.email("U1")


def test_an_e_mail_that_nobody_has_confirmed_is_not_believed():
    with working() as workspace:
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "is_email_confirmed": False}}
        with pytest.raises(Refused, match="not confirmed") as refused:
            workspace.slack.email("U1")
        assert refused.value.lasting
        workspace.says["users.info"] = {"ok": True, "user": {**ALICE, "is_email_confirmed": True}}
        assert workspace.slack.email("U1") == "alice@example.com"


def test_a_message_is_posted_and_its_ts_kept():
    with working() as workspace:
        message = {"text": "hello", "blocks": [{"type": "divider"}]}
        assert workspace.slack.post("C1", message, thread="1.0") == ("C1", "1.5")
        said = fields(workspace)
        assert (said["channel"], said["text"], said["thread_ts"]) == ("C1", "hello", "1.0")
        workspace.slack.post("C1", {"text": "hello"})
        assert "thread_ts" not in fields(workspace)


def test_a_message_is_replaced():
    with working() as workspace:
        workspace.slack.update("C1", "1.5", {"text": "bye"})
        said = fields(workspace)
        assert (said["channel"], said["ts"], said["text"]) == ("C1", "1.5", "bye")


def test_answers_go_by_the_response_url():
    with working() as workspace:
        workspace.slack.respond("https://hooks.slack.com/x", {"text": "hi"})
        ((url, message, api),) = workspace.responded
        assert (url, message) == ("https://hooks.slack.com/x", {"text": "hi"})
        assert api == workspace.server.url + "/api/"


@pytest.mark.parametrize(
    "error", ["channel_not_found", "is_archived", "msg_too_long", "invalid_blocks", "user_disabled"]
)
def test_what_can_never_be_said_is_refused_for_good(error):
    with working() as workspace:
        workspace.says["chat.postMessage"] = {"ok": False, "error": error}
        with pytest.raises(Refused, match=error) as refused:
            workspace.slack.post("C1", {"text": "x"})
        assert refused.value.lasting


@pytest.mark.parametrize(
    "error",
    ["not_in_channel", "missing_scope", "invalid_auth", "team_access_not_granted", "fatal_error"],
)
def test_what_an_operator_can_mend_stays_owed(error):
    with working() as workspace:
        workspace.says["chat.postMessage"] = {"ok": False, "error": error}
        with pytest.raises(Unavailable, match=error):
            workspace.slack.post("C1", {"text": "x"})


def test_a_renewed_token_is_taken_up_at_once():
    with working() as workspace:
        workspace.tokens = ["xoxb-1", "xoxb-2"]
        workspace.says["token"] = "xoxb-2"
        assert workspace.slack.post("C1", {"text": "x"}).ts == "1.5"
        assert workspace.asked() == ["chat.postMessage"] * 2


def test_a_revoked_token_is_not_tried_again():
    with working() as workspace:
        workspace.says["token"] = "xoxb-2"
        with pytest.raises(Unavailable, match="token_revoked"):
            workspace.slack.post("C1", {"text": "x"})
        assert len(workspace.server.seen) == 1


def test_a_rate_limit_says_when_to_come_back():
    limited = saying(429, b'{"ok":false,"error":"ratelimited"}', Retry_After="17")
    with working(limited) as workspace, pytest.raises(Unavailable, match="17 s"):
        workspace.slack.post("C1", {"text": "x"})
    assert len(workspace.server.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        saying(500, b"{}"),
        saying(503, b"<html>down</html>"),
        saying(200, b"<html>a proxy's page</html>"),
        saying(200, b'["of a proxy"]', Content_Type="application/json"),
        lambda request: request.connection.close(),
    ],
    ids=["500", "503", "html", "list", "closed"],
)
def test_a_slack_that_is_unwell_is_unavailable_and_asked_once(answer):
    with working(answer) as workspace:
        with pytest.raises(Unavailable):
            workspace.slack.post("C1", {"text": "x"})
        assert len(workspace.server.seen) == 1


def test_what_is_said_last_is_written_before_anybody_says_it_again():
    twice = timedelta(seconds=2 * slack.TIMEOUT)  # to the response_url in vain, then as the bot
    assert notifier.SAYS_FOR + twice < timing.NOTIFYING_TAKES


def test_a_slack_that_is_silent_is_given_three_seconds(monkeypatch):
    assert slack.TIMEOUT == 8
    monkeypatch.setattr(slack, "TIMEOUT", 0.2)
    with silence() as server:
        client = Slack(lambda refresh=False: "xoxb-1", f"{server.url}/api/", lambda *args: None)
        with pytest.raises(Unavailable):
            client.post("C1", {"text": "x"})


def test_no_token_is_in_what_we_say_of_errors():
    with working(saying(200, b"Bearer xoxb-1")) as workspace:
        with pytest.raises(Unavailable) as raised:
            workspace.slack.post("C1", {"text": "x"})
        assert "xoxb" not in str(raised.value)


# ---- user groups --------------------------------------------------------------------------------


def members(workspace, said):
    workspace.says["usergroups.users.list"] = said
    return workspace.slack.members("S0ONCALL")


def test_who_is_in_a_user_group():
    with working() as workspace:
        assert members(workspace, {"ok": True, "users": ["U060R4BJ4", "W123A4BC5"]}) == (
            "U060R4BJ4",
            "W123A4BC5",
        )
        assert fields(workspace) == {"usergroup": "S0ONCALL"}, "and none that is disabled"
        assert members(workspace, {"ok": True, "users": []}) == ()


def test_what_is_no_users_id_is_nobody():
    with working() as workspace:
        odd = ["U0BOB", "u0eve", "USLACKBOT\n", "B0BOT", 7, None, {"id": "U0EVE"}, "U" * 30]
        assert members(workspace, {"ok": True, "users": odd}) == ("U0BOB",)


def test_a_group_that_slack_does_not_have_is_told_from_one_without_anybody():
    with working() as workspace:
        assert members(workspace, {"ok": False, "error": "no_such_subteam"}) is None


@pytest.mark.parametrize(
    "error",
    ["missing_scope", "plan_upgrade_required", "ratelimited", "internal_error", "invalid_auth",
     "access_denied", "team_added_to_org", "invalid_arguments", "user_not_found"],
)  # fmt: skip
def test_any_other_error_says_nothing_of_who_is_in_it(error):
    with working() as workspace, pytest.raises(Unavailable, match=error):
        members(workspace, {"ok": False, "error": error})


@pytest.mark.parametrize(
    "said", [{"ok": True}, {"ok": True, "users": None}, {"ok": True, "users": "U0BOB"}, [], None]
)
def test_an_answer_without_sense_empties_no_list(said):
    with working() as workspace, pytest.raises(Unavailable, match="makes no sense"):
        members(workspace, said)


def test_a_group_of_very_many_is_not_taken_for_who_is_on_call():
    with working() as workspace:
        many = [f"U0{n:05}" for n in range(MEMBERS + 1)]
        assert len(members(workspace, {"ok": True, "users": many[1:]})) == MEMBERS
        with pytest.raises(Unavailable, match="501 members; 500 at most can be on call"):
            members(workspace, {"ok": True, "users": many})


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ([{"id": "S0OTHER", "handle": "x"}, {"id": "S0ONCALL", "handle": "sre"}], "sre"),
        ([{"id": "S0ONCALL", "handle": "n" * 300}], "n" * 254),
        ([{"id": "S0ONCALL"}], ""),
        ([{"id": "S0OTHER", "handle": "x"}, "S0ONCALL"], ""),
        ([], ""),
        (None, ""),
    ],
)  # fmt: skip
def test_what_a_user_group_is_called_also_while_it_is_disabled(said, name):
    with working() as workspace:
        workspace.says["usergroups.list"] = {"ok": True, "usergroups": said}
        assert workspace.slack.handle("S0ONCALL") == name
        assert fields(workspace) == {"include_disabled": "1"}
