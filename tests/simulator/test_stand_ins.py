"""The other stand-ins: Logs Insights' filter, Slack, the mailbox, the visitor, the buttons."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from simulator import company
from simulator.assignments import Access
from simulator.identity_center import IdentityCenter
from simulator.insights_filter import Malformed, compile_filter
from simulator.mail import Mailbox
from simulator.press import SHAPES, press
from simulator.slack import Slack
from simulator.visitor import Visitor
from simulator.web import Request
from simulator.wire import Problem

RECORD = {
    "@message": json.dumps(
        {"eventSource": "s3.amazonaws.com", "userIdentity": {"arn": "x/bob"}, "tries": 3}
    )
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@message like /bob/", True),
        ("@message like 'bobby'", False),
        ("@message like 'nobody' or userIdentity.arn like /bob$/", True),
        ("eventSource = 's3.amazonaws.com' and not (tries > 3)", True),
        ("eventSource in ['a', \"s3.amazonaws.com\"]", True),
        ("eventSource not in ['a']", True),
        ("@message not like /BOB/i", False),
        ("ispresent(errorCode)", False),
        ("errorCode != 'AccessDenied'", True),
        ("strcontains(@message, 'bob') and tries >= 3", True),
        ("@message like /a\\/b/", False),
    ],
)
def test_filters(text: str, expected: bool) -> None:
    assert compile_filter(text)(RECORD) is expected


@pytest.mark.parametrize(
    "text", ["", "@message", "@message like", "a = 'b' or", "(a = 'b'", "a ~ 1"]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        compile_filter(text)


@pytest.fixture
def slack() -> Slack:
    return Slack("xoxb-1")


def call(slack: Slack, path: str, body: bytes, token: str = "xoxb-1", json_: bool = False) -> Any:
    kind = "application/json" if json_ else "application/x-www-form-urlencoded"
    headers = {"authorization": f"Bearer {token}", "content-type": kind}
    return slack.handle(Request("POST", path, "", headers, body))


def test_slack_knows_its_people(slack: Slack) -> None:
    known = call(slack, "/api/users.info", b"user=U0BOB").body
    assert known["user"]["profile"]["email"] == "bob@example.com"
    assert call(slack, "/users.info", b"user=U0").body["error"] == "user_not_found"
    assert call(slack, "/users.info", b"user=U0BOB", token="no").body["error"] == "invalid_auth"


def test_slack_keeps_what_was_said(slack: Slack) -> None:
    call(slack, "/api/chat.postMessage", b'{"channel": "C1", "text": "hi"}', json_=True)
    call(slack, "/response/T/U/1", b'{"text": "psst", "response_type": "ephemeral"}', json_=True)
    said = [(each["via"], each["channel"], each["text"]) for each in slack.messages()]
    assert said == [("chat.postMessage", "C1", "hi"), ("response_url", None, "psst")]


def test_a_response_url_is_used_up(slack: Slack) -> None:
    answers = [call(slack, "/response/1", b'{"text": "x"}').status for _ in range(6)]
    assert answers == [200] * 5 + [404]
    assert call(slack, "/response/2", b'{"text": "x"}').status == 200


def test_slack_limits_rates(slack: Slack) -> None:
    slack.faults.change(rate_limited=1, retry_after=7)
    limited = call(slack, "/api/auth.test", b"")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
    assert call(slack, "/api/auth.test", b"").body["ok"]


def test_slack_refuses_broken_blocks(slack: Slack) -> None:
    body = json.dumps({"channel": "C1", "blocks": [{"type": "section"}]}).encode()
    assert call(slack, "/api/chat.postMessage", body, json_=True).body["error"] == "invalid_blocks"


def test_the_mailbox_keeps_attachments() -> None:
    box = Mailbox()
    attachment = {"FileName": "a.csv", "ContentType": "text/csv", "RawContent": "YQ=="}
    body = {"Text": {"Data": "t"}, "Html": {"Data": "h"}}
    simple = {"Subject": {"Data": "s"}, "Body": body, "Attachments": [attachment]}
    box.keep(
        {
            "FromEmailAddress": "f@example.com",
            "Destination": {"ToAddresses": ["t@example.com"]},
            "Content": {"Simple": simple},
        }
    )
    [mail] = box.mails()
    assert (mail["from"], mail["to"], mail["text"], mail["html"]) == (
        "f@example.com",
        ["t@example.com"],
        "t",
        "h",
    )
    assert mail["attachments"] == [{"name": "a.csv", "type": "text/csv", "base64": "YQ=="}]
    assert base64.b64decode(mail["attachments"][0]["base64"]) == b"a"


def test_ses_refuses_a_whole_mail_for_one_address() -> None:
    box = Mailbox()
    box.may_send({"Destination": {"ToAddresses": ["ok@example.com"]}})
    for bad in ("dån@example.com", "told@example.com"):
        box.faults.change(refuse_to=["told@example.com"])
        with pytest.raises(Problem):
            box.may_send({"Destination": {"ToAddresses": ["ok@example.com", bad]}})


def test_slack_tells_e_mails_only_where_the_app_may_know_them(slack: Slack) -> None:
    slack.faults.change(users={"U0BOB": {"is_email_confirmed": False}})
    assert call(slack, "/users.info", b"user=U0BOB").body["user"]["is_email_confirmed"] is False
    slack.faults.change(scopes="users:read")
    assert "email" not in call(slack, "/users.info", b"user=U0BOB").body["user"]["profile"]


def test_slack_has_user_groups_with_the_real_things_manners(slack: Slack) -> None:
    def users(query: bytes = b"usergroup=S0ONCALL") -> Any:
        body = call(slack, "/usergroups.users.list", query).body
        return body["users"] if body["ok"] else body["error"]

    assert users() == ["U0CAROL"]
    assert users(b"usergroup=S0NONE") == users(b"") == "no_such_subteam"
    slack.faults.change(user_groups={"S0ONCALL": ["U0BOB"]}, disabled_groups=["S0ONCALL"])
    assert users() == "no_such_subteam", "unless one asks for disabled ones as well"
    assert users(b"usergroup=S0ONCALL&include_disabled=1") == ["U0BOB"]
    assert call(slack, "/usergroups.list", b"").body["usergroups"] == []
    (group,) = call(slack, "/usergroups.list", b"include_disabled=1").body["usergroups"]
    assert (group["id"], group["handle"]) == ("S0ONCALL", "sre-oncall")
    slack.faults.change(scopes="chat:write")
    assert users() == "missing_scope"
    assert call(slack, "/usergroups.list", b"").body["needed"] == "usergroups:read"
    slack.faults.heal()
    assert users() == ["U0CAROL"]


@pytest.mark.parametrize("shape", SHAPES)
def test_presses_are_signed_as_slack_signs(shape: str) -> None:
    made = press("alice", "prod", shape, "http://127.0.0.1:1", "secret")
    assert SignatureVerifier("secret").is_valid_request(made.body, made.headers)
    payload = json.loads(parse_qs(made.body.decode())["payload"][0])
    assert payload["user"]["id"] == "U0ALICE"
    assert payload["response_url"] == made.response_url


def test_the_visitor_uses_access_while_it_is_open_and_others_work_too() -> None:
    center = IdentityCenter(
        company.INSTANCE_ARN, company.IDENTITY_STORE_ID, company.HOME_ACCOUNT,
        set(company.ACCOUNTS), company.PERMISSION_SETS, set(), lambda: 100.0,
    )  # fmt: skip
    bob = company.person("bob").user.user_id
    put: list[Any] = []
    visitor = Visitor(center, put.extend)
    visitor.faults.delivery_delay = 0
    visitor.look(100)
    assert not put
    center.assign(Access(company.PRODUCTION, company.ADMIN.arn, "USER", bob))
    visitor.look(101)
    records = [record for _, record in put]
    arns = {record["userIdentity"].get("arn", "").rpartition("/")[2] for record in records}
    assert {"bob", "bobby", "carol"} <= arns
    names = {record["eventName"] for record in records}
    assert {"Authenticate", "Federate", "ListApplications", "Decrypt", "ConsoleLogin"} <= names
    assert "AccessDenied" in {record.get("errorCode") for record in records}
    portal = [each for each in records if each["userIdentity"]["type"] == "IdentityCenterUser"]
    assert portal
    assert all("principalId" not in each["userIdentity"] for each in portal)
