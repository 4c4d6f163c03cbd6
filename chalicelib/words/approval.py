"""What people read of another pair of eyes: who is waited for, and who said yes or no. Pure.

The two live cards (cards.py) have these lines and buttons while a session waits for another person,
or lasts only until one has acknowledged it.
"""

from typing import Any

from chalicelib.domain.machine import State
from chalicelib.domain.session import Session
from chalicelib.domain.text import clean
from chalicelib.words.markup import Block, escape, plain, section
from chalicelib.words.messages import ERROR, Message, as_sentence
from chalicelib.words.naming import date, mention, name, person


def stands(session: Session) -> str:
    """How it stands with the approval, for the first line of a card."""
    if session.state is State.APPROVING:
        return f"waiting for approval until {date(session.approve_until)}"
    if session.bypassed_at:
        return "without approval · access is coming"
    return f"approved by {_approver(session)} · access is coming"


def sentence(session: Session) -> str:
    """The same to the person, in a sentence or two."""
    if session.state is State.APPROVING:
        until = f"until {date(session.approve_until)}"
        outside = " Or say why, and go in without approval." if session.may_bypass else ""
        return (
            f"Access to {name(session)} waits {until} for another person to approve it: ask "
            f"{escape(session.may_approve, ERROR)}. Nothing is open yet.{outside}"
        )
    if session.bypassed_at:
        return f"You go into {name(session)} without approval; everybody is told. It is coming."
    return f"{_approver(session)} approved your access to {name(session)}. It is coming."


def asks(session: Session) -> str:
    """To the channel: who asks for what, and who may say yes; posted, it rings."""
    who = person(session.slack_user, session.email)
    if session.state is not State.APPROVING:
        return f"{who} asked for access through the glass “{escape(session.glass)}”."
    return (
        f"<!here> {who} asks for access through the glass “{escape(session.glass)}”. To approve or "
        f"decline: {escape(session.may_approve, ERROR)}, but not for themselves."
    )


def had_a_say(session: Session) -> str:
    """Who else had a say in it, for both cards."""
    said = ""
    if session.approved_by:
        said += f"{_approver(session)} approved it. "
    if session.bypassed_at:
        said += "*Without approval.* "
    if session.acknowledged_by:
        who = person(session.acknowledged_by_user, session.acknowledged_by)
        said += f"{who} acknowledged it. "
    if session.reviewed_by:
        who = person(session.reviewed_by_user, session.reviewed_by)
        said += f"{who} reviewed it: {escape(session.reviewed_as)}. "
    return said


def ends_early(session: Session) -> str:
    """Of access that is open and that nobody has acknowledged: what comes of that."""
    if not session.unacknowledged:
        return ""
    return (
        f"It ends at {date(session.deadline)} unless another person acknowledges it: "
        f"{escape(session.may_approve, ERROR)}. "
    )


def by(session: Session) -> str:
    """Who approved or acknowledged it, for a mail; empty where nobody need."""
    if session.bypassed_at:
        return "by nobody: gone in without approval"
    if session.unacknowledged:
        return f"by nobody yet: it ends early unless it is acknowledged by {session.may_approve}"
    return clean(session.approved_by or session.acknowledged_by)


def _approver(session: Session) -> str:
    return person(session.approved_by_user, session.approved_by)


def decided(session: Session) -> Message:
    """In the thread of the person's own card, that the phone rings; edited messages ring none."""
    what = as_sentence(session.reason)
    if session.state is not State.DENIED:
        until = f" You are in until {date(session.deadline)}." if session.live else ""
        what = f"{_approver(session)} approved it.{until}"
    text = f"{mention(session.slack_user)} Your access to {name(session)}: {what}"
    return {"text": plain(text), "blocks": [section(text)]}


def unacknowledged(session: Session) -> Message:
    """To the channel, shortly before access ends that nobody has acknowledged."""
    text = (
        f":alarm_clock: <!here> Nobody has acknowledged the access of {escape(session.email)} to "
        f"{name(session)}: it ends at {date(session.deadline)}. The card has the button."
    )
    message = {"text": plain(text), "blocks": [section(text)]}
    return message | ({"reply_broadcast": True} if session.card_ts else {})


# Buttons ------------------------------------------------------------------------------------------


def own(session: Session) -> list[Block]:
    """What the person may do about their wait."""
    if session.state is not State.APPROVING:
        return []
    withdraw = _button("end_now", "Withdraw", session)
    without = _button(
        "bypass",
        "Go in without approval",
        session,
        "Go in without approval?",
        "Everybody is told, with the reason in the card's field.",
        ("Go in", "Wait"),
    )
    return _row([withdraw, *([without] if session.may_bypass else [])])


def others(session: Session) -> list[Block]:
    """What others may say to it."""
    where = escape(session.account_name or session.account_id, 60)
    what = f"{escape(session.permission_set, 40)} on {where}, for {escape(session.email, 100)}"
    if session.state is State.APPROVING:
        approve = _button(
            "approve", "Approve", session, "Let them in?", f"{what}.", ("Approve", "Not yet")
        )
        return _row([approve, _button("decline", "Decline", session)])
    return []


def acknowledge(session: Session) -> list[dict[str, Any]]:
    """The button of access that ends early unless another person knows of it."""
    if not session.unacknowledged:
        return []
    return [_button("acknowledge", "Acknowledge", session)]


def _row(buttons: list[dict[str, Any]]) -> list[Block]:
    return [{"type": "actions", "elements": buttons}]


def _button(
    action: str,
    label: str,
    session: Session,
    title: str = "",
    text: str = "",
    answers: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """With a question before it is sent, where it has a title."""
    said = {"type": "plain_text", "text": label}
    button = {"type": "button", "action_id": action, "text": said, "value": session.id}
    if not title:
        return button
    parts = {"title": title, "text": text, "confirm": answers[0], "deny": answers[1]}
    asked = {key: {"type": "plain_text", "text": value} for key, value in parts.items()}
    return button | {"confirm": asked}
