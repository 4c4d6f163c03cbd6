"""What we say in Slack. Pure: each function takes a session and gives a message.

A message is what Slack's API takes: `text` (for notifications and screen readers) and `blocks`.
Names and errors come from outside: in Slack's markup they pass `escape`, in sentences that are kept
`quoted`, and none makes a message longer than Slack takes. mails.py says the like by mail.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.domain.ask import SLACK_CHANNEL
from chalicelib.domain.glass import Glass
from chalicelib.domain.lasting import extends_by
from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Session
from chalicelib.domain.text import clean, quoted
from chalicelib.words import markup
from chalicelib.words.choosing import span
from chalicelib.words.markup import code, escape, local, mrkdwn, plain, section
from chalicelib.words.naming import account, date, moment, name, person

Message = dict[str, Any]


INCOMING = "Glass broken – access incoming…"


WHERE = "Your card comes as a direct message; if access is refused, you read here why."


NOT_RECORDED = (
    "Nothing was recorded, so no access will come. Press again in a minute; "
    "if that fails too, use your emergency sign-in and call the platform team."
)


OVER = "The session is over"


STANDS = f"{OVER}; the access they had before stays."


NOT_OURS = "This button is not for Break Glass, so nothing was done here."


YOUR_OWN = "It is your own access, so somebody else has to say it."


THEIRS_ALONE = "Only the person who asked for the access can."


WHY_ALONE = "Say why in the card's field first: who goes in without approval has to."


NOT_AGAIN = "That works as often and as far as the glass allows."


NO_SESSION = "Nothing was changed: Break Glass knows no session that belongs to this button."


NOT_ASKED = (
    "That could not be recorded, so nothing was changed. Press again in a moment. "
    "In any case the access ends at its set time."
)


ALREADY_OPEN = "It is already open until "


ALREADY_WAITING = "You have asked already, and it waits for approval until "


WHY_FIRST = "This glass wants to know why"


SHOWN = 5  # lines of a kind in one Slack message; the mail has all of them


LINE, ERROR, COMMAND = 240, 900, 700  # signs of each in a message, escaped


GLASS = 100  # signs of a glass's name; those of glasses.toml have 40


NO_REASON = "no reason given"


NEVER_OPEN = "It was never open."


REASON_GIVEN = "A reason was given already, and it stays."


NOBODY = "Slack does not know you as a person of this workspace."


TWO_PEOPLE = (
    "IAM Identity Center has two users with this e-mail, so there is no telling who you are."
)


PINNED = "In Slack you have an e-mail that [people] in glasses.toml gives to somebody else."


UNREADABLE = "This is not a Slack payload that Break Glass understands."


def ephemeral(text: str, blocks: list[Message] | None = None) -> Message:
    """Only the person reads it, and the message with the buttons stays."""
    text = markup.fitting(text)
    message: Message = {"response_type": "ephemeral", "replace_original": False, "text": text}
    return message | ({"blocks": blocks} if blocks else {})


def incoming() -> Message:
    """The first answer; from then on the person's own card says how it stands."""
    context = {"type": "context", "elements": [mrkdwn(WHERE)]}
    return ephemeral(INCOMING, [section(INCOMING), context])


def no_such_glass(session: Session) -> str:
    """The reason where the settings have no glass of that name, or of that account and set."""
    if session.glass:
        return f"There is no glass called “{quoted(session.glass, GLASS)}”."
    return f"No glass is set up for this permission set on account {quoted(session.account_id)}."


def no_permission_set(glass: Glass) -> str:
    return f"The permission set “{quoted(glass.permission_set)}” of “{glass.name}” does not exist."


def management_account(glass: Glass) -> str:
    return (
        f"“{glass.name}” is on the organisation's management account {glass.account_id}, where "
        "Break Glass gives no access. Nothing was given: use your second way in."
    )


def already_open(holder: Session) -> str:
    """Why a second one is not let in: the access is one person's, whose card has the buttons."""
    return (
        f"{ALREADY_OPEN}{moment(holder.deadline)}. Its buttons are on your card, a direct message"
    )


def already_waiting(other: Session) -> str:
    """Why a second one does not wait as well."""
    return f"{ALREADY_WAITING}{moment(other.approve_until)}"


def denied(session: Session) -> Message:
    """To the person alone: why they are not let in, and where it is open for them already."""
    added = " was added" if session.reason.startswith((ALREADY_OPEN, ALREADY_WAITING)) else ""
    text = f"No access{added} to {name(session)}. {as_sentence(session.reason)}"
    if SLACK_CHANNEL.fullmatch(session.mine_channel):
        where = f"https://slack.com/app_redirect?channel={session.mine_channel}"
        text += f" <{where}|Open your card>."
    return ephemeral(plain(text), [section(text)])


def waiting(session: Session) -> Message:
    """To whoever waits to be decided upon, while that cannot be done."""
    why = f"{as_sentence(session.last_error)} " if session.last_error else ""
    text = (
        f"Access to {name(session)} takes longer than usual. {why}We keep trying until "
        f"{date(session.wait_until)}, and tell you what came of it."
    )
    return ephemeral(plain(text), [section(text)])


def refused(session: Session) -> Message:
    """To the channel, where the glass wants that."""
    who = person(session.slack_user, session.email or session.slack_user_name)
    text = f":no_entry_sign: {who} was refused {name(session)}. {as_sentence(session.reason)}"
    return {"text": plain(text), "blocks": [section(text)]}


def what_became_of(session: Session, now: datetime) -> str:
    """What there is to say of a session on which it is too late to ask for anything."""
    if session.stands and session.state is not State.REQUESTED:
        ended = session.gone_at or session.over_since
        since = f" (since {moment(ended, now)})" if ended and ended <= now else ""
        return f"{OVER}{since}; the access stood before it and stays."
    if session.state is State.APPROVING:
        return f"It waits for approval until {moment(session.approve_until)}."
    if session.live:
        over = session.over_since
        begun = over and (session.state is State.REVOKING or over <= now)  # else its lease is gone
        facts = [f"since {moment(over, now)}"] if begun else []
        facts += [f"tried {times(session.tries)}"] if session.tries else []
        return f"It is being taken back ({', '.join(facts)}).".replace(" ()", "")
    if session.state is State.DENIED:
        return NEVER_OPEN
    if session.state is State.REQUESTED or (session.gone_at is None and not session.final):
        return "It is not open yet."
    return f"It has been closed since {moment(session.gone_at, now)}."


def why_not_acknowledged(session: Session) -> str:
    """Of a session that is open."""
    if session.acknowledged_by:
        return f"{clean(session.acknowledged_by)} acknowledged it already."
    if session.acknowledge:
        return "The access has not come yet."
    return "It needs no acknowledgement."


def why_not_extended(session: Session) -> str:
    """Of a session that is open."""
    if not session.extend:
        return "This glass does not allow it."
    if session.unacknowledged:
        return "Another person has to acknowledge it first."
    by = f" by {quoted(session.extended_by)}" if session.extended_by else ""
    if session.extended and not session.extend_to:
        return f"It was extended already{by}, and that works only once."
    if not extends_by(session):
        return f"It lasts {span(session.extend_to)} in all, which is as long as this glass allows."
    if session.extended:
        return f"It was extended{by} before your press was seen to. Press again to add more."
    return "The access has not come yet."


def times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def report(session: Session) -> Message:
    """In the card's thread: what the report found, its worthiest lines first."""
    first, *worth = session.summary or ("The report was sent.",)
    title = "Final report" if session.report_final == "second" else "Report"
    whose = f"{escape(session.name or session.email)} on {account(session)}"
    said = [f"*{title}*, {whose}: {local(first, LINE)}"]
    said += [f"• {local(each, LINE)}" for each in worth]
    said.append(f"session `{session.id}`")
    text = "\n".join(said)
    return {"text": plain(text), "blocks": [section(text)]}


def alarm(session: Session) -> Message:
    """In the card's thread and in the channel too; from the second one on, people are called."""
    what, cure, command = unfinished(session)
    call = LOUDER[min(session.alarms, len(LOUDER)) - 1] if session.alarms else ""
    text = f":fire: {call}{local(what, 2 * ERROR)}\n{escape(cure)}"
    if command:
        text += f"\n```{code(command, COMMAND)}```"
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


LOUDER = ("", "<!here> ", "<!channel> ")


def alarm_over(session: Session, news: str) -> Message:
    """What an alarm becomes where it stands, by the news that comes after it: nothing to copy."""
    late = news == "report" or (news == "alarm" and not session.live)
    what = local(escape(_unfinished(session, report=late), ERROR))
    now = "It has come" if late else f"Closed at {date(session.gone_at)}"
    text = f":white_check_mark: ~{what}.~ {now}. Nothing is left to do."
    if news == "alarm":
        text = f"{what}: said again below."
    return {"text": plain(text), "blocks": [{"type": "context", "elements": [mrkdwn(text)]}]}


def resolved(session: Session) -> Message:
    """After an alarm: nobody need run anything any more."""
    text = f":white_check_mark: {escape(closed_after_all(session), 2 * ERROR)}"
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


def taken_back(session: Session) -> Message:
    """To the channel: access without a session is gone."""
    text = f":broom: {local(was_taken_back(session), 2 * ERROR)} session `{session.id}`"
    return {"text": plain(text), "blocks": [section(text)]}


TO_CHANNEL: dict[str, Callable[[Session], Message]] = {  # in the card's thread, where it is there
    "refused": refused,
    "alarm": alarm,
    "resolved": resolved,
    "taken_back": taken_back,
}


def unfinished(session: Session) -> tuple[str, str, str]:
    """What does not get done, what a human can do about it, and the command, if there is one."""
    error = quoted(session.last_error.rstrip("."), ERROR)
    tries = f"tried {times(session.tries)}" if session.tries else ""
    known = [part for part in (tries, error and f"the last error: {error}") if part]
    tried = _capital(f"{'; '.join(known)}.") if known else ""
    if not session.live:
        nothing = "Nothing is lost: it is tried again until it is sent."
        return f"{_unfinished(session, report=True)}. {tried}".rstrip(), nothing, ""
    when = f"It should have ended at {moment(session.over_since)}."
    what = f"{_unfinished(session)}. {when} {tried}".rstrip()
    if session.stands:
        return what, "The access stood before it and stays. We keep trying.", ""
    command = delete_command(session.access, session.region)
    return what, "We keep trying. To do it by hand:", command


def _unfinished(session: Session, *, report: bool = False) -> str:
    if report:
        whose = f"session {session.id} ({quoted(session.email)} on {session.account_id})"
        return f"The report of {whose} is late"
    if session.stands:
        return f"The session of {who_of(session)} with {what_of(session)} is not closed"
    return f"{who_of(session)} MAY STILL HAVE {what_of(session)}"


def closed_after_all(session: Session) -> str:
    """After an alarm, in one sentence: how late it was, and that nothing is left to do."""
    late = f", {_long(session.lag_gone)} late" if session.lag_gone else ""
    if session.stands:
        return (
            f"The session of {who_of(session)} with {what_of(session)} is closed{late}. "
            "The access stood before it and stays. Nothing is left to do."
        )
    return f"{who_of(session)} no longer has {what_of(session)}{late}. Nothing is left to do."


def _long(seconds: float) -> str:
    """A time that nobody has to convert; whole minutes, as mails have it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds // 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def was_taken_back(session: Session) -> str:
    """In one sentence: who had what without a session, and since when not any more."""
    found = f"{who_of(session)} had {what_of(session)} without a session. It was taken back"
    return f"{found} at {moment(session.gone_at)}."


def who_of(session: Session) -> str:
    return quoted(session.email or session.principal_id) or "somebody"


def what_of(session: Session) -> str:
    """Which access it is: the permission set and the account."""
    where = quoted(session.account_id) or "?"
    if session.account_name:
        where = f"{quoted(session.account_name)} ({where})"
    return (
        f"{quoted(session.permission_set or session.permission_set_arn) or '?'} on account {where}"
    )


def delete_command(access: Access, region: str = "") -> str:
    """The AWS CLI command that takes the assignment back; nothing in it is more than a word."""
    from shlex import quote  # only where something is not done

    instance = access.permission_set_arn.split("/")[1:2] or ["INSTANCE"]
    partition = (access.permission_set_arn.split(":")[1:2] or ["aws"])[0]
    instance_arn = f"arn:{partition}:sso:::instance/{instance[0]}"
    return (
        "aws sso-admin delete-account-assignment"
        f" --instance-arn {quote(clean(instance_arn))}"
        f" --permission-set-arn {quote(clean(access.permission_set_arn))}"
        f" --target-type AWS_ACCOUNT --target-id {quote(clean(access.account_id))}"
        f" --principal-type USER --principal-id {quote(clean(access.principal_id))}"
        + (f" --region {quote(clean(region, 30))}" if region else "")
    )


def ephemeral_of(message: Message) -> Message:
    """The same words for the person alone, as an answer to a press."""
    return ephemeral(message["text"], message["blocks"])


def by_bot(message: Message) -> Message:
    """The same words as the bot sends them, where there is no press left to answer."""
    return {key: message[key] for key in ("text", "blocks") if key in message}


def as_sentence(reason: str) -> str:
    """A reason, as we or others have worded it, to stand by itself."""
    said = local(reason, ERROR).rstrip(".")
    return f"{_capital(said)}." if said else ""


def _capital(said: str) -> str:
    """As at the beginning of a sentence; a name, as of a person or an error, stays as it is."""
    word = said.partition(" ")[0]
    return said[:1].upper() + said[1:] if word.isalpha() else said
