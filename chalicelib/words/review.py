"""What people read of a review: who owes it, by when, and what came of it. Pure."""

from typing import Any

from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.domain.text import clean
from chalicelib.words import messages
from chalicelib.words.cards import LONGEST_WHY, why
from chalicelib.words.markup import escape, mrkdwn, plain, section
from chalicelib.words.messages import ERROR, Message, what_of, who_of
from chalicelib.words.naming import mention, moment, person

LOUDER = ("", "", "<!here> ", "<!channel> ")  # by the number of reminders
NOTE = "A note, with what you answer."


def report(session: Session) -> Message:
    """The report, and as long as another is to review it their buttons; then who has, and how."""
    message = messages.report(session)
    if not session.review:
        return message
    blocks = [*message["blocks"], {"type": "context", "elements": [mrkdwn(stands(session))]}]
    if session.state is State.REVIEWING:
        buttons = [
            _button("expected", "As expected", session),
            _button("followup", "Follow up", session),
        ]
        note = why(f"note {session.id}", sends=False, label=NOTE)
        blocks += [note, {"type": "actions", "elements": buttons}]
    return {"text": plain(f"{message['text']}\n{stands(session)}"), "blocks": blocks}


def stands(session: Session) -> str:
    """How it stands with the review, in a line."""
    if session.reviewed_by:
        who = person(session.reviewed_by_user, session.reviewed_by)
        said = f"{who} reviewed it: *{escape(session.reviewed_as)}*."
        return f"{said} {escape(session.review_note, LONGEST_WHY)}".rstrip()
    whom = escape(session.may_review, ERROR)
    if session.state is State.REVIEWING:
        until = moment(session.review_until)
        return f"To be reviewed until {until} by {whom}, but not by oneself."
    if session.review_until:
        return "Nobody has reviewed it."
    return f"When the last report is there, it is to be reviewed by {whom}."


def unreviewed(session: Session) -> Message:
    """To the channel, each time that it is reminded of a review: louder from when it is due."""
    who, what = escape(who_of(session)), escape(what_of(session), ERROR)
    yet = "Nobody has reviewed yet" if session.alarms else "The report is there: please review"
    text = (
        f":mag: {LOUDER[min(session.alarms, len(LOUDER) - 1)]}{yet} what {who} did with {what}. "
        f"{stands(session)} The report has the buttons; else "
        f"`python -m tools review {session.id} --as-expected`"
    )
    message = {"text": plain(text), "blocks": [section(text)]}
    loud = session.card_ts and session.alarms
    return message | ({"reply_broadcast": True} if loud else {})


def follow_up(session: Session) -> Message:
    """To the channel: whoever reviewed it wants it looked into."""
    text = f":triangular_flag_on_post: {mention(session.slack_user)} {stands(session)}"
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


def why_not(session: Session) -> str:
    """Why there is nothing to review, or not any more."""
    if session.reviewed_by:
        return f"{clean(session.reviewed_by)} reviewed it: {clean(session.reviewed_as)}."
    if session.review_until:
        return "Nobody reviewed it in time, and it is closed."
    if session.review and not session.final:
        return "It can be reviewed when its last report is there."
    return "It needs no review."


def _button(action: str, label: str, session: Session) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": action, "text": text, "value": session.id}
