"""What we say in Slack and in alarms. Pure: each function takes a session and gives a message.

A message is what Slack's API takes: `text` (for notifications and screen readers) and `blocks`.
Names come from outside and are escaped.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.machine import OPEN, State
from chalicelib.session import Access, Glass, Noted, Session

Message = dict[str, Any]

INCOMING = "Glass broken – access incoming…"
NOT_RECORDED = (
    "Nothing was recorded, so no access will come. Press again in a minute; "
    "if that fails too, use your emergency sign-in and call the platform team."
)
STANDS = "The session is over; the access they had before stays."
NOT_OURS = "This button is not for Break Glass, so nothing was done here."
WISHED = {"end": "Ending it now…", "extend": "Extending it…"}
OVER_ALREADY = "This session is not open any more, so there is nothing to change."
WISH_NOT_RECORDED = "That could not be recorded, so nothing was changed. Press again in a moment."
ALREADY_OPEN = "It is already open until "
SHOWN = 5  # lines of a kind in one Slack message; the mail has all of them
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
    return f"{ALREADY_OPEN}{clock(holder.deadline)}."


# To the person ------------------------------------------------------------------------------------


def granted(session: Session) -> Message:
    stands = ""
    if session.stands:
        stands = " You had this access before; it was left alone and will stay."
    text = (
        f"You are in: *{escape(session.permission_set)}* on *{account(session)}* until "
        f"{date(session.deadline)}. Open your AWS access portal.{stands} "
        "Everything you do will be reported."
    )
    return ephemeral(plain(text), [section(text), actions(session)])


def denied(session: Session) -> Message:
    added = " was added" if session.reason.startswith(ALREADY_OPEN) else ""
    text = f"No access{added} to {name(session)}: {escape(session.reason)}"
    return ephemeral(plain(text), [section(text)])


def slow(session: Session) -> Message:
    text = (
        f"Access to {name(session)} takes longer than usual: AWS does not do it yet "
        f"({escape(session.last_error)}). We keep trying until {date(session.deadline)}."
    )
    return ephemeral(plain(text), [section(text)])


NEVER_CAME = {
    "expired": "AWS did not give it in time",
    "ended": "it was ended before it came",
    "lease gone": "it was called off before it came",
}


def failed(session: Session) -> Message:
    why = [NEVER_CAME.get(session.ended_how, ""), session.reason.rstrip(".")]
    said = " – ".join(escape(each) for each in why if each) or "it could not be given"
    text = f"Access to {name(session)} never came: {said}. Nothing stays open."
    return ephemeral(plain(text), [section(text)])


def over(session: Session) -> Message:
    if session.stands:
        text = f"Your session on {name(session)} is over{_by(session)}. "
        text += "The access you had before stays."
    else:
        text = (
            f"Your access to {name(session)} is closed{_by(session)}. "
            "Credentials that you already hold may "
            f"work until {date(session.credentials_until)}."
        )
    return ephemeral(plain(text), [section(text)])


def _by(session: Session) -> str:
    """Who ended it, where it was not the one who held it."""
    ended_by = session.ended_by if session.ended_by != session.email else ""
    return f"; {escape(ended_by)} ended it" if ended_by else ""


def extended(session: Session) -> Message:
    text = f"Your access to {name(session)} now lasts until {date(session.deadline)}."
    return ephemeral(plain(text), [section(text), actions(session)])


def refused_wish(session: Session) -> Message:
    text = (
        f"Nothing was changed: you are not among those who may break {name(session)}, "
        "so you can neither end nor extend it."
    )
    return {"text": plain(text), "blocks": [section(text)]}


def not_extended(session: Session) -> Message:
    text = (
        f"{name(session)} was not extended: that works once, while it is open. "
        f"It lasts until {date(session.deadline)}."
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
        text = f":lock: {who} had {what} until {date(session.gone_at)}. "
        text += STANDS if session.stands else f"It is closed{_by(session)}."
    foot = f"session `{session.id}`"
    blocks = [section(text), {"type": "context", "elements": [mrkdwn(foot)]}]
    if session.state in OPEN:
        blocks.insert(1, actions(session))
    return {"text": plain(text), "blocks": blocks}


def report(session: Session) -> Message:
    first, *worth = session.summary or ("The report was sent.",)
    title = "Final report" if session.report_final == "second" else "Report"
    lines = [f"*{title}* of `{session.id}`: {quoted(first)}", *(f"• {quoted(w)}" for w in worth)]
    text = "\n".join(lines)[:TEXT]
    return {"text": plain(text), "blocks": [{"type": "section", "text": verbatim(text)}]}


def alarm(session: Session) -> Message:
    """In the card's thread and in the channel too; from the second one on, people are called."""
    what, cure, command = trouble(session)
    call = LOUDER[min(session.alarms, len(LOUDER)) - 1] if session.alarms else ""
    text = f":fire: {call}{escape(what)}\n{escape(cure)}"
    if command:
        text += f"\n```{escape(command)}```"
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


LOUDER = ("", "<!here> ", "<!channel> ")


def resolved(session: Session) -> Message:
    """After an alarm: nobody need run anything any more."""
    text = f":white_check_mark: {escape(_resolved(session))}"
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


def taken_back(session: Session) -> Message:
    text = f":broom: {escape(_taken_back(session))} session `{session.id}`"
    return {"text": plain(text), "blocks": [section(text)]}


TO_PERSON: dict[str, Callable[[Session], Message]] = {
    "granted": granted,
    "denied": denied,
    "slow": slow,
    "failed": failed,
    "over": over,
    "extended": extended,
}
TO_THREAD: dict[str, Callable[[Session], Message]] = {
    "report": report,
    "alarm": alarm,
    "resolved": resolved,
    "taken_back": taken_back,
}


def news_of_the_end(session: Session) -> tuple[str, ...]:
    """What people are owed when the assignment is gone."""
    channel = bool(session.channel)
    if session.found:
        if session.standing != "no":
            return ()  # it was gone, or somebody's own, before we touched anything
        return ("taken_back", "taken_back_mail") if channel else ("taken_back_mail",)
    news: tuple[str, ...] = ("failed",) if session.granted_at is None else ("over",)
    if channel and session.granted_at is not None:
        news += ("card_again",)
    if session.alarms:
        news += ("resolved", "resolved_mail") if channel else ("resolved_mail",)
    return news


OUTDATED = frozenset({"granted", "slow", "extended", "alarm", "alarm_mail"})


def still_true(owed: Sequence[str]) -> tuple[str, ...]:
    """What of the untold news is to be told although it is over; the end says the rest."""
    return tuple(news for news in owed if news not in OUTDATED)


def news_of_an_extension(session: Session) -> tuple[str, ...]:
    return ("extended", "card_again") if session.channel else ("extended",)


# Alarms -------------------------------------------------------------------------------------------


Words = tuple[str, str, str]  # of a mail: subject, text, HTML


def alarm_mail(session: Session) -> Words:
    """The mail that says that a duty does not get done."""
    what, cure, command = trouble(session)
    subject = f"[Break Glass] ACTION NEEDED: {session.glass} is not closed ({session.id})"
    if session.state is not State.REVOKING:
        subject = f"[Break Glass] report delayed: {session.glass} ({session.id})"
    said = "\n\n".join(part for part in (what, cure, command) if part)
    return _mail(subject, f"{said}\n\nSession {session.id}\n")


def resolved_mail(session: Session) -> Words:
    subject = f"[Break Glass] closed after all: {session.glass} ({session.id})"
    return _mail(subject, f"{_resolved(session)}\n\nSession {session.id}\n")


def taken_back_mail(session: Session) -> Words:
    subject = f"[Break Glass] taken back: {session.glass} ({session.id})"
    return _mail(subject, f"{_taken_back(session)}\n\nSession {session.id}\n")


TO_MAIL: dict[str, Callable[[Session], Words]] = {
    "alarm_mail": alarm_mail,
    "resolved_mail": resolved_mail,
    "taken_back_mail": taken_back_mail,
}


def trouble(session: Session) -> tuple[str, str, str]:
    """What does not get done, what a human can do about it, and the command, if there is one."""
    times = "once" if session.tries == 1 else f"{session.tries} times"
    tried = f"Tried {times}; the last error: {session.last_error.rstrip('.') or 'none'}."
    if session.state is not State.REVOKING:
        whose = f"session {session.id} ({session.email} on {session.account_id})"
        nothing = "Nothing is lost: it is tried again until it is sent."
        return f"The report of {whose} is late. {tried}", nothing, ""
    when = f"It should have ended at {clock(session.over_since)}."
    what = f"{_whose(session)} MAY STILL HAVE {_what(session)}. {when} {tried}"
    return what, "We keep trying. By hand:", delete_command(session.access)


def _resolved(session: Session) -> str:
    late = f", {session.lag_gone:.0f} seconds late" if session.lag_gone else ""
    return f"{_whose(session)} no longer has {_what(session)}{late}. Nothing is left to do."


def _taken_back(session: Session) -> str:
    found = f"{_whose(session)} had {_what(session)} without a session. It was taken back"
    return f"{found} at {clock(session.gone_at)}."


def _whose(session: Session) -> str:
    return session.email or session.principal_id


def _what(session: Session) -> str:
    where = session.account_id
    if session.account_name:
        where = f"{session.account_name} ({session.account_id})"
    return f"{session.permission_set} on account {where}"


def _mail(subject: str, text: str) -> Words:
    return subject, text, f"<pre>{escape(text)}</pre>"


# What reconciliation found ------------------------------------------------------------------------


def found(glass: Glass, what: Sequence[Noted]) -> Message:
    """Assignments that no session accounts for, said once; the first few with their commands."""
    lines = [f":mag: *{_how_many(what)}* on {escape(_place(glass, what))}."]
    for each in what[:SHOWN]:
        lines.append(f"• {escape(_person(each))}\n```{escape(delete_command(each.access))}```")
    if len(what) > SHOWN:
        lines.append(f"… and {len(what) - SHOWN} more; the mail to your report's readers has all.")
    lines.append(escape(_if_right(glass)))
    text = "\n".join(lines)
    return {"text": plain(text), "blocks": [section(text)]}


def found_mail(glass: Glass, what: Sequence[Noted]) -> Words:
    lines = [f"{_how_many(what)} on {_place(glass, what)}.", ""]
    for each in what:
        lines += [f"- {_person(each)}", f"  {delete_command(each.access)}", ""]
    return _mail(
        f"[Break Glass] access without a session: {glass.name}",
        "\n".join([*lines, _if_right(glass), ""]),
    )


def mended(what: Sequence[str]) -> Message:
    """Rows that disagreed and were put right."""
    lines = [":wrench: *The log's own rows disagreed, and were put right:*"]
    lines += [f"• {escape(each)}" for each in what[: 2 * SHOWN]]
    if len(what) > 2 * SHOWN:
        lines.append(f"… and {len(what) - 2 * SHOWN} more; the function's log has all of them.")
    text = "\n".join(lines)
    return {"text": plain(text), "blocks": [section(text)]}


def _how_many(what: Sequence[Noted]) -> str:
    return f"{len(what)} assignment{'s' if len(what) > 1 else ''} without a session"


def _place(glass: Glass, what: Sequence[Noted]) -> str:
    where = f"{glass.account_name} ({glass.account_id})" if glass.account_name else glass.account_id
    return f"{where}: {what[0].permission_set}"


def _person(noted: Noted) -> str:
    if not noted.email:
        return f"{noted.name or 'somebody'} (user {noted.access.principal_id})"
    return f"{noted.name} ({noted.email})" if noted.name else noted.email


def _if_right(glass: Glass) -> str:
    return (
        "Nobody broke the glass for that, so it will not end by itself. If it is meant to stay: "
        f"python -m tools standing accept {glass.name} EMAIL. If not, run the command above."
    )


def delete_command(access: Access) -> str:
    """The AWS CLI command that takes the assignment back."""
    instance = access.permission_set_arn.split("/")[1:2] or ["INSTANCE"]
    partition = (access.permission_set_arn.split(":")[1:2] or ["aws"])[0]
    return (
        "aws sso-admin delete-account-assignment"
        f" --instance-arn arn:{partition}:sso:::instance/{instance[0]}"
        f" --permission-set-arn {access.permission_set_arn}"
        f" --target-type AWS_ACCOUNT --target-id {access.account_id}"
        f" --principal-type USER --principal-id {access.principal_id}"
    )


def by_bot(message: Message) -> Message:
    """The same words as the bot sends them, where there is no press left to answer."""
    return {key: message[key] for key in ("text", "blocks") if key in message}


# Pieces -------------------------------------------------------------------------------------------


def mrkdwn(text: str) -> Message:
    return {"type": "mrkdwn", "text": text}


def verbatim(text: str) -> Message:
    """The same, where Slack makes no links of addresses and no mentions of names."""
    return mrkdwn(text) | {"verbatim": True}


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


def quoted(text: str) -> str:
    """Other people's text, such as CloudTrail's, in signs that Slack takes for no emphasis."""
    return escape(text).translate(UNEMPHATIC)


UNEMPHATIC = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})  # they look alike
TEXT = 2900  # signs; Slack takes 3,000


def plain(text: str) -> str:
    """The same words without emphasis, for notifications."""
    return text.replace("*", "")
