"""What we say, word for word: tests/snapshots/messages.txt is there to be read."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ask import Outcome
from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.words import answers, cards, findings, mails, markup, messages, refusals
from chalicelib.workflow import notifications
from tests.support.said import asked, decided, everything, steve
from tests.support.states import CAME
from tests.support.stories import HOUR, NOON, active, glass, requested, revoking, settling

HOSTILE = "<!channel> *x* & </script>"


def words(message: dict[str, Any]) -> str:
    lines = [f"text: {message['text']}"]
    red = [block for bar in message.get("attachments", []) for block in bar["blocks"]]
    lines += ["(in red)"] if red else []
    for block in [*message.get("blocks", []), *red]:
        if "elements" in block:
            buttons = (
                each["text"]["text"] if isinstance(each["text"], dict) else each["text"]
                for each in block["elements"]
            )
            lines.append(f"{block['type']}: {' | '.join(buttons)}")
        elif "label" in block:
            lines.append(f"{block['type']}: {block['label']['text']}")
        else:
            lines.append(f"{block['type']}: {block['text']['text']}")
    return "\n".join(lines)


def test_every_message_reads_as_it_is_kept(snapshot: Any) -> None:
    said = "\n\n".join(f"== {name}\n{words(message)}" for name, message in everything())
    sent = {
        "alarm": mails.alarm_mail(revoking(tries=7, last_error="Conflict"), NOON + 1.05 * HOUR),
        "alarm is over": mails.resolved_mail(settling(alarms=2, lag_gone=312.4), NOON),
        "taken back": mails.taken_back_mail(settling(shape="found"), NOON),
        "found": mails.found_mail(glass(), [steve()], "", "prod"),
        "used": mails.used(active(why="INC-4711"), NOON),
    }
    for name, (subject, text, _) in sent.items():
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
    hostile = asked("end").with_(glass=HOSTILE, reason=HOSTILE)
    for answer in answers.ANSWERS.values():
        assert "<!channel>" not in str(answer(hostile))
    said = [make(session) for make in messages.TO_CHANNEL.values()]
    said += [make(session, NOON) for make in (cards.mine, cards.channel, cards.warning)]
    for message in [*said, messages.denied(session)]:
        assert "<!channel>" not in str(message)
        assert "</script>" not in str(message)
    assert "</script>" not in mails.alarm_mail(session, NOON)[2]


@pytest.mark.parametrize(("name", "message"), list(everything()))
def test_every_message_has_a_text_for_notifications(name: str, message: dict[str, Any]) -> None:
    assert message["text"]
    assert len(str(message["text"])) < 3000


def test_an_alarm_carries_the_command_that_a_human_can_run() -> None:
    command = messages.delete_command(revoking().access)
    assert command == (
        "aws sso-admin delete-account-assignment"
        " --instance-arn arn:aws:sso:::instance/ssoins-1111111111111111"
        " --permission-set-arn arn:aws:sso:::permissionSet/ssoins-1111111111111111"
        "/ps-2222222222222222"
        " --target-type AWS_ACCOUNT --target-id 111122223333"
        " --principal-type USER --principal-id alice-id"
    )
    assert command in mails.alarm_mail(revoking(), NOON)[1]


def test_reasons_say_what_is_missing() -> None:
    assert "prod" in messages.no_such_glass(requested())
    assert "111122223333" in messages.no_such_glass(requested(glass=""))
    assert "until 2026-11-22 13:00 UTC" in messages.already_open(active())
    assert "alice@example.com" in refusals.unknown(glass(), "alice@example.com")
    assert "BreakGlassAdmin" in messages.no_permission_set(glass())


def test_everything_that_may_come_of_an_ask_has_an_answer() -> None:
    assert set(answers.ANSWERS) == set(Outcome) == {ask.outcome for ask in decided().values()}


@pytest.mark.parametrize("state", list(State))
def test_who_comes_too_late_is_never_told_that_what_may_still_be_open_is_closed(
    state: State,
) -> None:
    session = settling(state=state)
    said = messages.what_became_of(session, NOON + 2 * HOUR)
    assert ("being taken back" in said) is session.live
    assert ("closed" in said) is (not session.live and state in CAME)


def test_nothing_is_said_to_have_begun_before_it_has() -> None:
    """Its lease is gone before its time."""
    assert messages.what_became_of(active(), NOON) == "It is being taken back."
    past = messages.what_became_of(active(tries=1), NOON + HOUR)
    assert past == "It is being taken back (since 2026-11-22 13:00 UTC, tried once)."


@pytest.mark.parametrize("standing", ["yes", "left"])
@pytest.mark.parametrize("state", sorted(CAME))
def test_what_stood_before_is_never_said_to_be_taken_back_or_gone(
    state: State, standing: str
) -> None:
    """Nor is anybody given the command that would take it away."""
    session = settling(state=state, standing=standing, alarmed=("alarm",))
    if session.live:
        session = session.with_(gone_at=None)
        assert messages.unfinished(session)[2] == ""
        assert messages.delete_command(session.access) not in messages.alarm(session)["text"]
    said = [messages.what_became_of(session, NOON + 2 * HOUR), messages.resolved(session)["text"]]
    said += mails.resolved_mail(session, NOON)[1:]
    said += [messages.unfinished(session)[1]] if session.live else []
    for words in said:
        assert "stood before it and stays" in words
        assert not any(wrong in words for wrong in ("taken back", "no longer", "closed since"))
    early = messages.what_became_of(active(standing="yes"), NOON)
    assert early == "The session is over; the access stood before it and stays."


def test_a_mail_and_the_channel_say_the_same_of_how_late_it_was() -> None:
    late = settling(lag_gone=172.1)
    assert ", 2 minutes late." in messages.resolved(late)["text"]
    assert mails.resolved_mail(late, NOON)[0].endswith("closed after all, 2 min late")


def test_an_alarm_says_of_tries_only_what_is_known() -> None:
    for changes, says in (
        ({"tries": 1, "last_error": "No."}, "Tried once; the last error: No."),
        ({"tries": 3}, "Tried 3 times."),
        ({"last_error": "DynamoDB: down"}, "The last error: DynamoDB: down."),
    ):
        assert messages.unfinished(revoking(**changes))[0].endswith(f"13:00 UTC. {says}")
    assert messages.unfinished(revoking())[0].endswith("ended at 2026-11-22 13:00 UTC.")


def test_every_time_in_slack_is_the_readers_own() -> None:
    """Also one that stands in a reason, as the row and the log have it in UTC."""
    token = "<!date^1795352400^{time}|13:00 UTC>"
    reason = messages.already_open(active())
    assert "2026-11-22 13:00 UTC" in reason
    for message in (
        messages.denied(requested(reason=reason)),
        messages.refused(requested(reason=reason)),
        messages.alarm(revoking()),
        messages.taken_back(settling()),
        messages.waiting(requested(wait_until=NOON + HOUR)),
    ):
        assert (message["text"].count(token), message["text"].count("2026-")) == (1, 0)
    assert markup.local("2026-13-45 99:99 UTC") == "2026-13-45 99:99 UTC"


def test_what_was_closed_on_another_day_says_the_day() -> None:
    said = messages.what_became_of(settling(), NOON + timedelta(days=2))
    assert said == "It has been closed since 13:00 UTC on 2026-11-22."


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(3.4, "3 seconds"), (119, "119 seconds"), (312.4, "5 minutes"), (9000, "2.5 hours")],
)
def test_how_late_it_was_is_said_so_that_nobody_has_to_convert_it(
    seconds: float, says: str
) -> None:
    assert f"{says} late" in messages.resolved(settling(lag_gone=seconds))["text"]


def test_everything_is_said_of_a_session_without_names_or_channel() -> None:
    bare = revoking(channel="", account_name="", email="", alarms=1, glass="")
    assert notifications.of_the_end(bare) == ("mine",), "no alarm was told, so none is over"
    told = bare.with_(alarmed=("alarm_mail",))
    assert notifications.of_the_end(told) == ("mine", "resolved_mail")
    assert "alice-id MAY STILL HAVE" in messages.unfinished(bare)[0]
    assert "on account 111122223333." in messages.unfinished(bare)[0]
    assert "account 111122223333" in messages.denied(bare)["text"]
    assert "until ?" in cards.channel(bare.with_(state=State.CLOSED, gone_at=None), NOON)["text"]


def test_more_than_a_message_holds_is_counted() -> None:
    text = findings.mended([f"row {n}" for n in range(12)])["text"]
    assert "row 9" in text
    assert "row 10" not in text
    assert "and 2 more" in text


def test_the_mail_about_what_was_found_has_all_of_it() -> None:
    many = [replace(steve(), email=f"{n}@example.com") for n in range(30)]
    _, text, _ = mails.found_mail(glass(account_name=""), many)
    assert text.count("delete-account-assignment") == 30
    assert "30 assignments without a session on 111122223333" in text


def test_whom_nobody_knows_any_more_is_named_by_id() -> None:
    gone = replace(steve(), email="", name="")
    assert "somebody (user 9067f0a1-0006" in findings.found(glass(), [gone])["text"]


@pytest.mark.parametrize("channel", ["C0INCIDENT", ""])
def test_what_was_found_and_taken_back_is_said_where_something_was_taken(channel: str) -> None:
    found = revoking(shape="found", channel=channel)
    assert notifications.of_the_end(found) == (
        ("taken_back", "taken_back_mail") if channel else ("taken_back_mail",)
    )
    assert notifications.of_the_end(found.with_(standing="")) == ()
    alarmed = found.with_(standing="", alarmed=("alarm_mail",))
    assert notifications.of_the_end(alarmed) == ("resolved_mail",), "who was called hears of it"
