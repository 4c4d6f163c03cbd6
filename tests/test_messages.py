"""What we say, word for word: tests/snapshots/messages.txt is there to be read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import messages
from chalicelib.machine import State
from chalicelib.session import Noted, Session
from tests.stories import HOUR, NOON, active, glass, granting, requested, revoking, settling

HOSTILE = "<!channel> *x* & </script>"
REFUSED = "alice@example.com is not among those who may break “prod”"
WORTH = ("42 calls, 6 changes, 3 refused.", "IAM changed: iam:CreateUser, 12:10:00")


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every message in a state in which it is said."""
    denied = requested(state=State.DENIED, reason=REFUSED)
    stuck = revoking(tries=7, last_error="ConflictException: an earlier write has not settled")
    yield "incoming", messages.ephemeral(messages.INCOMING)
    yield "not recorded", messages.ephemeral(messages.NOT_RECORDED)
    yield "not ours", messages.ephemeral(messages.NOT_OURS)
    yield "granted", messages.granted(active())
    yield "granted, and it stood before", messages.granted(active(standing="yes"))
    yield "denied", messages.denied(denied)
    yield "slow", messages.slow(granting(last_error="ThrottlingException: slow down", tries=3))
    yield "failed", messages.failed(settling(granted_at=None, reason="AccessDenied: no"))
    yield "over", messages.over(settling())
    yield "over, and it stood before", messages.over(settling(standing="yes"))
    yield "extended", messages.extended(active(extended=1, deadline=NOON + 2 * HOUR))
    yield "refused wish", messages.refused_wish(active())
    yield "card while open", messages.card(active())
    yield "card while revoking", messages.card(stuck)
    yield "card when closed", messages.card(settling())
    yield "card when closed, and it stood before", messages.card(settling(standing="yes"))
    yield "report", messages.report(settling(summary=WORTH))
    yield "alarm", messages.alarm(stuck)
    yield "alarm, the third", messages.alarm(stuck.with_(alarms=3, card_ts="1.2"))
    yield "alarm is over", messages.resolved(settling(alarms=2, lag_gone=312.4))
    yield "not extended", messages.not_extended(active(extended=1))
    yield "ended by another", messages.over(settling(ended_by="bob@example.com"))
    yield "already open", messages.denied(denied.with_(reason=messages.already_open(active())))
    yield "never came in time", messages.failed(settling(granted_at=None, reason="Throttled"))
    yield "taken back", messages.taken_back(settling(shape="found"))
    yield "found", messages.found(glass(), [steve()])
    yield "found many", messages.found(glass(), [steve()] * 7)
    yield "mended", messages.mended(["a lease without a session: bg-1"])
    yield "alarm about a report", messages.alarm(settling(state=State.REPORTING, tries=4))


def steve() -> Noted:
    access = replace(active().access, principal_id="9067f0a1-0006-4000-8000-000000000006")
    return Noted(
        access=access,
        found_at=NOON,
        glass="prod",
        email="steve@example.com",
        name="Steve Stone",
        permission_set="BreakGlassAdmin",
    )


def words(message: dict[str, Any]) -> str:
    lines = [f"text: {message['text']}"]
    for block in message.get("blocks", []):
        if "elements" in block:
            buttons = (
                each["text"]["text"] if isinstance(each["text"], dict) else each["text"]
                for each in block["elements"]
            )
            lines.append(f"{block['type']}: {' | '.join(buttons)}")
        else:
            lines.append(f"{block['type']}: {block['text']['text']}")
    return "\n".join(lines)


def test_every_message_reads_as_it_is_kept(snapshot: Any) -> None:
    said = "\n\n".join(f"== {name}\n{words(message)}" for name, message in everything())
    mails = {
        "alarm": messages.alarm_mail(revoking(tries=7, last_error="Conflict")),
        "alarm is over": messages.resolved_mail(settling(alarms=2, lag_gone=312.4)),
        "taken back": messages.taken_back_mail(settling(shape="found")),
        "found": messages.found_mail(glass(), [steve()]),
    }
    for name, (subject, text, _) in mails.items():
        said += f"\n\n== mail: {name}\n{subject}\n\n{text}"
    snapshot("messages.txt", said)


@pytest.mark.parametrize(
    "session",
    [
        active(account_name=HOSTILE, permission_set=HOSTILE, email=HOSTILE, glass=HOSTILE),
        settling(reason=HOSTILE, last_error=HOSTILE, granted_at=None, summary=(HOSTILE,)),
    ],
)
def test_no_name_can_mention_or_link(session: Session) -> None:
    for make in (*messages.TO_PERSON.values(), *messages.TO_THREAD.values(), messages.card):
        message = make(session)
        assert "<!channel>" not in str(message)
        assert "</script>" not in str(message)
    assert "</script>" not in messages.alarm_mail(session)[2]


@pytest.mark.parametrize(("name", "message"), list(everything()))
def test_every_message_has_a_text_for_notifications(name: str, message: dict[str, Any]) -> None:
    assert message["text"]
    assert len(str(message["text"])) < 3000


def test_an_open_session_can_be_ended_from_the_message_and_from_the_card() -> None:
    for message in (messages.granted(active()), messages.card(active())):
        buttons = [e for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]
        assert [(b["action_id"], b["value"]) for b in buttons] == [
            ("end_now", active().id),
            ("extend", active().id),
        ]
    closed = messages.card(settling())
    assert not [block for block in closed["blocks"] if block["type"] == "actions"]


def test_extend_is_offered_only_where_the_glass_allows_it_and_only_once() -> None:
    for session in (active(extend=timedelta(0)), active(extended=1)):
        (buttons,) = [b for b in messages.granted(session)["blocks"] if b["type"] == "actions"]
        assert [button["action_id"] for button in buttons["elements"]] == ["end_now"]


def test_an_alarm_carries_the_command_that_a_human_can_run() -> None:
    command = messages.delete_command(revoking().access)
    assert command == (
        "aws sso-admin delete-account-assignment"
        " --instance-arn arn:aws:sso:::instance/ssoins-1111111111111111"
        " --permission-set-arn arn:aws:sso:::permissionSet/ssoins-1111111111111111"
        "/ps-2222222222222222"
        " --target-type AWS_ACCOUNT --target-id 111122223333"
        " --principal-type USER --principal-id 94482488-3041-7026-b6f4-1234567890ab"
    )
    assert command in messages.alarm_mail(revoking())[1]


def test_reasons_say_what_is_missing() -> None:
    assert "prod" in messages.no_such_glass(requested())
    assert "111122223333" in messages.no_such_glass(requested(glass=""))
    assert "until 13:00 UTC" in messages.already_open(active())
    assert "alice@example.com" in messages.no_person(granting())
    assert "BreakGlassAdmin" in messages.no_permission_set(glass())
    assert messages.no_email(requested())


def test_everything_is_said_of_a_session_without_names_or_channel() -> None:
    bare = revoking(channel="", account_name="", email="", alarms=1, glass="")
    assert messages.news_of_the_end(bare) == ("over", "resolved_mail")
    assert "94482488-3041-7026-b6f4-1234567890ab MAY STILL HAVE" in messages.trouble(bare)[0]
    assert "on account 111122223333." in messages.trouble(bare)[0]
    assert "account 111122223333" in messages.denied(bare)["text"]
    assert "until ?" in messages.card(bare.with_(state=State.CLOSED, gone_at=None))["text"]


def test_more_than_a_message_holds_is_counted() -> None:
    text = messages.mended([f"row {n}" for n in range(12)])["text"]
    assert "row 9" in text
    assert "row 10" not in text
    assert "and 2 more" in text


def test_the_mail_about_what_was_found_has_all_of_it() -> None:
    many = [replace(steve(), email=f"{n}@example.com") for n in range(30)]
    _, text, _ = messages.found_mail(glass(account_name=""), many)
    assert text.count("delete-account-assignment") == 30
    assert "30 assignments without a session on 111122223333" in text


def test_whom_nobody_knows_any_more_is_named_by_id() -> None:
    gone = replace(steve(), email="", name="")
    assert "somebody (user 9067f0a1-0006" in messages.found(glass(), [gone])["text"]


@pytest.mark.parametrize("channel", ["C0INCIDENT", ""])
def test_what_was_found_and_taken_back_is_said_where_something_was_taken(channel: str) -> None:
    found = revoking(shape="found", channel=channel)
    news = messages.news_of_the_end(found)
    assert news == (("taken_back", "taken_back_mail") if channel else ("taken_back_mail",))
    assert messages.news_of_the_end(found.with_(standing="")) == ()
