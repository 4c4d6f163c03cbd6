"""What we say in Slack and in alarms. Pure: each function takes a session and gives a message.

A message is what Slack's API takes: `text` (for notifications and screen readers) and `blocks`.
Names come from outside and are escaped.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.machine import OPEN, State
from chalicelib.session import Glass, Session

Message = dict[str, Any]

INCOMING = "Glass broken – access incoming…"
NOT_RECORDED = (
    "Nothing was recorded, so no access will come. Press again in a minute; "
    "if that fails too, use your emergency sign-in and call the platform team."
)
NOT_OURS = "This button is not for Break Glass, so nothing was done here."
WISHED = {"end": "Ending it now…", "extend": "Extending it…"}
OVER_ALREADY = "This session is not open any more, so there is nothing to change."
WISH_NOT_RECORDED = "That could not be recorded, so nothing was changed. Press again in a moment."
UNREADABLE = "This is not a Slack payload that Break Glass understands."


def ephemeral(text: str, blocks: list[Message] | None = None) -> Message:
    """Only the person reads it, and the message with the buttons stays."""
    message: Message = {"response_type": "ephemeral", "replace_original": False, "text": text}
    return message | ({"blocks": blocks} if blocks else {})


# Why not ------------------------------------------------------------------------------------------


def no_such_glass(session: Session) -> str:
    if session.glass:
        return f"There is no glass called “{session.glass}”."
    return f"No glass is set up for this permission set on account {session.account_id}."


def no_email(session: Session) -> str:
    return "Slack does not know you as one of this workspace's people."


def no_person(session: Session) -> str:
    return f"IAM Identity Center knows no user with the e-mail {session.email}."


def no_permission_set(glass: Glass) -> str:
    return f"The permission set “{glass.permission_set}” of “{glass.name}” does not exist."


def already_open(holder: Session) -> str:
    return f"It is already open until {clock(holder.deadline)}."


# To the person ------------------------------------------------------------------------------------


def granted(session: Session) -> Message:
    stands = ""
    if session.standing == "yes":
        stands = " You had this access before; it was left alone and will stay."
    text = (
        f"You are in: *{escape(session.permission_set)}* on *{account(session)}* until "
        f"{date(session.deadline)}. Open your AWS access portal.{stands} "
        "Everything you do will be reported."
    )
    return ephemeral(plain(text), [section(text), actions(session)])


def denied(session: Session) -> Message:
    text = f"No access to {name(session)}: {escape(session.reason)}"
    return ephemeral(plain(text), [section(text)])


def slow(session: Session) -> Message:
    text = (
        f"Access to {name(session)} takes longer than usual: AWS does not do it yet "
        f"({escape(session.last_error)}). We keep trying until {date(session.deadline)}."
    )
    return ephemeral(plain(text), [section(text)])


def failed(session: Session) -> Message:
    why = session.reason or session.last_error or session.ended_how
    text = f"Access to {name(session)} never came: {escape(why)}. Nothing stays open."
    return ephemeral(plain(text), [section(text)])


def over(session: Session) -> Message:
    if session.standing == "yes":
        text = f"Your session on {name(session)} is over. The access you had before stays."
    else:
        text = (
            f"Your access to {name(session)} is closed. Credentials that you already hold may "
            f"work until {date(session.credentials_until)}."
        )
    return ephemeral(plain(text), [section(text)])


def extended(session: Session) -> Message:
    text = f"Your access to {name(session)} now lasts until {date(session.deadline)}."
    return ephemeral(plain(text), [section(text), actions(session)])


def refused_wish(session: Session) -> Message:
    text = (
        f"Nothing was changed: you are not among those who may break {name(session)}, "
        "so you can neither end nor extend it."
    )
    return {"text": plain(text), "blocks": [section(text)]}


# To the channel -----------------------------------------------------------------------------------


def card(session: Session) -> Message:
    """The session's message in the glass's channel; kept up to date, its thread takes the rest."""
    who = f"<@{session.slack_user}> ({escape(session.email)})"
    what = f"*{escape(session.permission_set)}* on *{account(session)}*"
    if session.state in OPEN:
        text = f":rotating_light: {who} broke the glass “{escape(session.glass)}”: {what} until "
        text += f"{date(session.deadline)}."
    elif session.state is State.REVOKING:
        text = f":hourglass: {what} is being taken back from {who}."
    else:
        text = f":lock: {who} had {what} until {date(session.gone_at)}. It is closed."
    foot = f"session `{session.id}`"
    blocks = [section(text), {"type": "context", "elements": [mrkdwn(foot)]}]
    if session.state in OPEN:
        blocks.insert(1, actions(session))
    return {"text": plain(text), "blocks": blocks}


def report(session: Session) -> Message:
    first, *worth = session.summary or ("The report was sent.",)
    lines = [f"*Report* of `{session.id}`: {escape(first)}", *(f"• {escape(w)}" for w in worth)]
    text = "\n".join(lines)
    return {"text": plain(text), "blocks": [section(text)]}


def alarm(session: Session) -> Message:
    what, cure = trouble(session)
    text = f":fire: {escape(what)}\n{escape(cure)}"
    return {"text": plain(text), "blocks": [section(text)]}


TO_PERSON: dict[str, Callable[[Session], Message]] = {
    "granted": granted,
    "denied": denied,
    "slow": slow,
    "failed": failed,
    "over": over,
    "extended": extended,
}
TO_THREAD: dict[str, Callable[[Session], Message]] = {"report": report, "alarm": alarm}


def news_of_the_end(session: Session) -> tuple[str, ...]:
    """What people are owed when the assignment is gone."""
    if session.granted_at is None:
        return ("failed",)
    return ("over", "card_again") if session.channel else ("over",)


def news_of_an_extension(session: Session) -> tuple[str, ...]:
    return ("extended", "card_again") if session.channel else ("extended",)


# Alarms -------------------------------------------------------------------------------------------


def alarm_mail(session: Session) -> tuple[str, str, str]:
    """Subject, text and HTML of the mail that says that a duty does not get done."""
    what, cure = trouble(session)
    subject = f"[Break Glass] ACTION NEEDED: {session.glass} is not closed ({session.id})"
    if session.state is not State.REVOKING:
        subject = f"[Break Glass] report delayed: {session.glass} ({session.id})"
    text = f"{what}\n\n{cure}\n\nSession {session.id}\n"
    return subject, text, f"<pre>{escape(text)}</pre>"


def trouble(session: Session) -> tuple[str, str]:
    """What does not get done, and what a human can do about it."""
    tried = f"Tried {session.tries} times; the last error: {session.last_error or 'none'}."
    if session.state is not State.REVOKING:
        whose = f"session {session.id} ({session.email} on {session.account_id})"
        nothing = "Nothing is lost: it is tried again until it is sent."
        return f"The report of {whose} is late. {tried}", nothing
    what = f"{session.permission_set} on account {session.account_id}"
    when = f"It should have ended at {clock(session.over_since)}."
    by_hand = "We keep trying. By hand:\n" + delete_command(session)
    return f"{session.email} STILL HAS {what}. {when} {tried}", by_hand


def delete_command(session: Session) -> str:
    """The AWS CLI command that takes the assignment back."""
    instance = session.permission_set_arn.split("/")[1:2] or ["INSTANCE"]
    partition = (session.permission_set_arn.split(":")[1:2] or ["aws"])[0]
    return (
        "aws sso-admin delete-account-assignment"
        f" --instance-arn arn:{partition}:sso:::instance/{instance[0]}"
        f" --permission-set-arn {session.permission_set_arn}"
        f" --target-type AWS_ACCOUNT --target-id {session.account_id}"
        f" --principal-type USER --principal-id {session.principal_id}"
    )


def by_bot(message: Message) -> Message:
    """The same words as the bot sends them, where there is no press left to answer."""
    return {key: message[key] for key in ("text", "blocks") if key in message}


# Pieces -------------------------------------------------------------------------------------------


def mrkdwn(text: str) -> Message:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> Message:
    return {"type": "section", "text": mrkdwn(text)}


def actions(session: Session) -> Message:
    """*End now*, and *Extend* where the glass allows it and nobody has used it."""
    end: Message = {
        "type": "button",
        "action_id": "end_now",
        "value": session.id,
        "style": "danger",
        "text": {"type": "plain_text", "text": "End now"},
    }
    elements = [end]
    if session.extend and not session.extended:
        minutes = max(1, round(session.extend.total_seconds() / 60))
        label = f"Extend {minutes} min" if session.extend.total_seconds() >= 60 else "Extend"
        elements.append(
            {
                "type": "button",
                "action_id": "extend",
                "value": session.id,
                "text": {"type": "plain_text", "text": label},
            }
        )
    return {"type": "actions", "elements": elements}


def account(session: Session) -> str:
    if session.account_name:
        return f"{escape(session.account_name)} ({session.account_id})"
    return session.account_id


def name(session: Session) -> str:
    return f"“{escape(session.glass)}”" if session.glass else f"account {session.account_id}"


def clock(moment: datetime | None) -> str:
    """`15:04 UTC`."""
    return moment.astimezone(UTC).strftime("%H:%M UTC") if moment else "?"


def date(moment: datetime | None) -> str:
    """A time that Slack shows in the reader's own zone."""
    if moment is None:
        return "?"
    return f"<!date^{int(moment.timestamp())}^{{time}}|{clock(moment)}>"


def escape(text: str) -> str:
    """Slack's three: so that a name can neither link nor mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> str:
    """The same words without emphasis, for notifications."""
    return text.replace("*", "")
