"""The two live cards of a session: the person's own, a direct message, and the channel's.

Each is posted once and edited in place until the session is over. Both are made from the row and
the time alone, so whoever looks makes the same one: what they say is true at that moment, and
buttons are there only while they work.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from chalicelib.domain.ask import Kind
from chalicelib.domain.lasting import extends_by
from chalicelib.domain.machine import ROWS, State
from chalicelib.domain.session import Session
from chalicelib.domain.text import clean
from chalicelib.words import approval
from chalicelib.words.choosing import how_long, not_had, span
from chalicelib.words.markup import Block, code, escape, mrkdwn, plain, section
from chalicelib.words.messages import (
    ERROR,
    GLASS,
    NO_REASON,
    STANDS,
    Message,
    as_sentence,
    ephemeral,
    times,
)
from chalicelib.words.naming import account, date, mention, name, person

OVERDUE_AFTER: Final = timedelta(minutes=1)  # so late, it is called overdue
HOUR: Final = timedelta(hours=1)  # the least that AWS lets a console last
RED: Final = "#e01e5a"
WHY, LONGEST_WHY = "say_why", 300  # the field's action, and how many signs it takes
ASKS_WHY: Final = "Why? A reason or a ticket, for the report."


class Phase(StrEnum):
    """What a session is to people."""

    APPROVING = "waiting for approval"
    COMING = "coming"
    OPEN = "open"
    ENDING = "being taken back"
    OVERDUE = "overdue"
    NEVER = "never came"
    STAYS = "over, and what stood before stays"
    CLOSED = "closed"


def phase(session: Session, now: datetime) -> Phase:
    """Never open from the deadline on, whatever has been written [NEWS 4]."""
    over = session.over_since
    if session.state in (State.REQUESTED, State.APPROVING):
        return Phase.APPROVING
    if session.live and session.state is not State.REVOKING and over and now < over:
        return Phase.COMING if session.state is State.GRANTING else Phase.OPEN
    if session.stands:
        return Phase.STAYS
    if session.live:
        return Phase.OVERDUE if over and now >= over + OVERDUE_AFTER else Phase.ENDING
    if session.granted_at is None:
        return Phase.NEVER
    return Phase.CLOSED


def head(session: Session, now: datetime) -> str:
    """What it is about and how it stands, in one line, as both cards begin."""
    where = escape(session.account_name or session.account_id)
    what = f"{escape(session.permission_set)} on {where}"
    over = date(session.over_since)
    match phase(session, now):
        case Phase.APPROVING:
            return f":hourglass: *{what}* · {approval.stands(session)}"
        case Phase.COMING:
            return f":hourglass_flowing_sand: *{what}* · access is coming"
        case Phase.OPEN if session.stands:
            return f":unlock: *{what} · session until {over}*; the access stood before and stays"
        case Phase.OPEN:
            return f":unlock: *{what} · open until {over}*"
        case Phase.ENDING:
            return f":hourglass: *{what}* · being taken back since {over}"
        case Phase.OVERDUE:
            error = f": {escape(session.last_error, ERROR)}" if session.last_error else ""
            late = f"OVERDUE {_late(session, now)}, tried {times(session.tries)}"
            return f":red_circle: *{what} · {late}*{error}"
        case Phase.NEVER:
            return f":no_entry: *{what}* · never came"
        case Phase.STAYS:
            return f":lock: *{what}* · the session is over; the access that stood before stays"
        case Phase.CLOSED:
            return f":lock: *{what}* · closed at {date(session.gone_at)}{_took(session)}"


# The person's own ---------------------------------------------------------------------------------


def mine(session: Session, now: datetime) -> Message:
    """The person's own card: what they have, until when, and every button that works."""
    seen, first, said = phase(session, now), head(session, now), _sentence(session, now)
    notes = _context(f"{_people(session)}{_reason(session)}")
    field = [] if session.why or seen is Phase.NEVER else [why(f"{WHY} {session.id}")]
    if seen is Phase.APPROVING:
        buttons = [*approval.own(session), *field]
        return _message(said, [section(first), section(said), *buttons, notes])
    if seen in (Phase.NEVER, Phase.STAYS, Phase.CLOSED):
        return _message(said, [_context(f"{first}\n{said}"), *field, notes])
    if seen is not Phase.OPEN:
        buttons = [actions(session, seen), *field] if seen is Phase.COMING else []
        return _message(said, [section(first), section(said), *buttons, notes], seen)
    first += f" · {left((session.deadline or now) - now)} left"
    if session.warned_for == session.deadline:
        first = f":alarm_clock: {mention(session.slack_user)} This ends soon.\n{first}"
        said = f"{mention(session.slack_user)} This ends soon. {said}"
    terminal = [section(_terminal(session))] if session.portal else []
    blocks = [section(f"{first}\n{_how(session)}"), actions(session, seen), *field, *terminal]
    return _message(said, [*blocks, notes])


def warning(session: Session, now: datetime) -> Message:
    """In the thread of the person's own card, that the phone rings; edited messages ring none."""
    ends = f"ends in {left((session.deadline or now) - now)}, at {date(session.deadline)}"
    text = f":alarm_clock: {mention(session.slack_user)} Your access to {name(session)} {ends}."
    return _message(plain(text), [section(text), actions(session, Phase.ENDING)])


def warns_still(session: Session, now: datetime) -> bool:
    """Whether what the warning says holds, and its buttons work."""
    return phase(session, now) is Phase.OPEN and session.warned_for == session.deadline


def warned(session: Session) -> Message:
    """The warning when it is over or was put off: in its place, and true from then on."""
    text = f"This warning about {name(session)} is over; the card above says how it stands."
    return _message(plain(text), [_context(text)])


def _how(session: Session) -> str:
    """What to know of access that is open."""
    stands = "You had this access before; it was left alone and will stay. "
    how = "" if session.portal else "Open your AWS access portal. "
    lasts = (session.deadline or session.asked_at) - (session.allowed_at or session.asked_at)
    most = (
        "It cannot be extended any more. " if session.extended and not extends_by(session) else ""
    )
    again = f"A console signs you out after {span(session.tail)}: open it again then. "
    return (
        f"{approval.ends_early(session)}{not_had(session)}{how}"
        f"{stands if session.stands else ''}{most}"
        f"{again if HOUR <= session.tail < lasts else ''}"
        "Everything you do will be reported."
    )


def _sentence(session: Session, now: datetime) -> str:
    """The person's card in one sentence, which is also what a phone shows of it."""
    given = f"{escape(session.permission_set)} on {account(session)}"
    match phase(session, now):
        case Phase.APPROVING:
            return approval.sentence(session)
        case Phase.COMING:
            slow = f"AWS has not given it yet ({escape(session.last_error, ERROR)}). "
            return (
                f"Access to {name(session)} takes longer than usual. "
                f"{slow if session.last_error else ''}We keep trying until "
                f"{date(session.deadline)}."
            )
        case Phase.OPEN:
            by = session.extended_by if session.extended_by != session.email else ""
            who = f"; {person(session.extended_by_user, by)} extended it" if by else ""
            longer = (
                f"Your access to {name(session)} now lasts until {date(session.deadline)}{who}. "
            )
            return (
                f"{longer if session.extended else ''}You are in: {given} until "
                f"{date(session.deadline)}. {_how(session)}"
            )
        case Phase.ENDING:
            return f"Your access to {name(session)} is being taken back. You need do nothing."
        case Phase.OVERDUE:
            late = f"OVERDUE {_late(session, now)}"
            return (
                f"Your access to {name(session)} is {late}: it is still being taken back. "
                "We keep trying; you need do nothing."
            )
        case Phase.NEVER:
            why = [NEVER_CAME.get(session.ended_how, ""), session.reason.rstrip(".")]
            because = " – ".join(escape(each, ERROR) for each in why if each)
            because = because or "it could not be given"
            return f"Access to {name(session)} never came: {because}. Nothing stays open."
        case Phase.STAYS:
            return (
                f"Your session on {name(session)} is over{ended(session)}. "
                "The access you had before stays."
            )
        case Phase.CLOSED:
            return (
                f"Your access to {name(session)} is closed{ended(session)}. Credentials that you "
                f"already hold may work until {date(session.credentials_until)} at the latest."
            )


NEVER_CAME: Final = {
    "expired": "AWS did not give it in time",
    "ended": "it was ended before it came",
    "lease gone": "it was stopped before it came",
}


# The channel's ------------------------------------------------------------------------------------


def channel(session: Session, now: datetime) -> Message:
    """The glass's channel's card; its thread takes the alarms and the report."""
    seen = phase(session, now)
    who = person(session.slack_user, session.email)
    said = f"{who} broke the glass “{escape(session.glass)}”. {_people(session)}"
    said = f"{said}{approval.ends_early(session) if seen is Phase.OPEN else ''}".rstrip()
    if seen in (Phase.STAYS, Phase.CLOSED):
        had = f"*{escape(session.permission_set)}* on *{account(session)}*"
        said = f"{who} had {had} until {date(session.gone_at)}. {_people(session)}It is closed."
        if seen is Phase.STAYS:
            said = f"{who} broke the glass “{escape(session.glass)}” for {had}. {STANDS}"
    elif seen is Phase.APPROVING or (seen is Phase.NEVER and session.approve_until):
        said = f"{approval.asks(session)} {as_sentence(session.reason)}".rstrip()
    notes = _context(f"{_reason(session)} · session `{session.id}`")
    first = head(session, now)
    if seen is Phase.OPEN and not session.stands:
        first += ", being taken back from then on"  # true until it is edited, whoever hangs
    blocks = [section(first), section(said)]
    if seen in (Phase.COMING, Phase.OPEN):
        blocks.append(actions(session, Phase.ENDING))
        blocks[-1]["elements"] += approval.acknowledge(session) if seen is Phase.OPEN else []
    blocks += approval.others(session)
    return _message(f"{first} · {said}", [*blocks, notes], seen)


# Before the glass breaks --------------------------------------------------------------------------


def asks_why(glass: str, durations: Sequence[timedelta] = (), chosen: str = "") -> Message:
    """What a press on a glass that wants a reason is answered with: the field, and the button.

    With the select too, where there is a choice of `durations`; it shows what was `chosen` before.
    """
    text = f"Why do you break the glass “{escape(glass)}”? Say it, then press the button."
    button = _button("break_glass", "Break Glass", value=clean(glass, GLASS) or "?", style="danger")
    fields = [why("why", sends=False), *how_long(durations, chosen)]
    return ephemeral(
        plain(text), [section(text), *fields, {"type": "actions", "elements": [button]}]
    )


# Pieces -------------------------------------------------------------------------------------------


def actions(session: Session, seen: Phase) -> Block:
    """The way in where it is open; *Extend* while something is left to extend by; *End now*."""
    elements: list[dict[str, Any]] = []
    if seen is Phase.OPEN and session.portal:
        elements.append(_button("open_console", "Open AWS console", url=console(session)))
    known = Kind.EXTEND in ROWS[session.state].asks and not session.unacknowledged
    if known and (longer := extends_by(session)):
        elements.append(_button("extend", f"Extend {span(longer)}", value=session.id))
    where = escape(session.account_name or session.account_id, 60)
    whose = f"{escape(session.permission_set, 40)} on {where}, of {escape(session.email, 100)}"
    ends = f"{whose}, ends now. To have it back, break the glass again."
    if session.stands:
        ends = f"The session of {whose}, ends now. The access that stood before it stays."
    confirm = {
        "title": {"type": "plain_text", "text": "End it now?"},
        "text": {"type": "plain_text", "text": ends},
        "confirm": {"type": "plain_text", "text": "End now"},
        "deny": {"type": "plain_text", "text": "Keep it"},
        "style": "danger",
    }
    elements.append(
        _button("end_now", "End now", value=session.id, style="danger", confirm=confirm)
    )
    return {"type": "actions", "elements": elements}


def why(block_id: str, *, sends: bool = True, label: str = "") -> Block:
    """The field that takes a reason. `sends`: Enter in it is a press; else a button's reads it."""
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": WHY}
    element["max_length"] = LONGEST_WHY
    if sends:
        element["dispatch_action_config"] = {"trigger_actions_on": ["on_enter_pressed"]}
    label = label or (f"{ASKS_WHY} Enter sends it." if sends else ASKS_WHY)
    text = {"type": "plain_text", "text": label}
    block = {"type": "input", "block_id": block_id, "element": element, "label": text}
    return block | {"dispatch_action": sends}


def console(session: Session) -> str:
    """The link that opens the console in this account and role."""
    role = quote(clean(session.permission_set), safe="")
    return f"{session.portal}/#/console?account_id={session.account_id}&role_name={role}"


def _terminal(session: Session) -> str:
    """What a terminal needs, to be copied as it is."""
    profile = f"break-glass-{session.glass}"
    said = [
        f"[profile {profile}]",
        f"sso_start_url = {session.portal}",
        f"sso_region = {session.region}",
        f"sso_account_id = {session.account_id}",
        f"sso_role_name = {session.permission_set}",
    ]
    block = "\n".join(code(each) for each in said)
    login = code(f"aws sso login --profile {profile} && export AWS_PROFILE={profile}")
    return f"In a terminal, once in `~/.aws/config`:\n```{block}```\nThen:\n```{login}```"


def _button(action_id: str, label: str, **more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": action_id, "text": text} | more


def _message(text: str, blocks: list[Block], seen: Phase = Phase.OPEN) -> Message:
    """In red what is overdue. What a kind of message leaves out is emptied, for it is an edit."""
    if seen is Phase.OVERDUE:
        bar = {"color": RED, "fallback": plain(text), "blocks": blocks}
        return {"text": plain(text), "blocks": [], "attachments": [bar]}
    return {"text": plain(text), "blocks": blocks, "attachments": []}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


def _people(session: Session) -> str:
    """Who else had a hand in it."""
    said, by = approval.had_a_say(session), person(session.extended_by_user, session.extended_by)
    if session.extended > 1:
        said += f"It was extended {times(session.extended)}, last by {by}. "
    elif session.extended_by:
        said += f"{by} extended it. "
    if session.ended_by:
        said += f"{person(session.ended_by_user, session.ended_by)} ended it. "
    return said


def _reason(session: Session) -> str:
    return f"Reason: {escape(session.why, LONGEST_WHY)}" if session.why else NO_REASON.capitalize()


def ended(session: Session) -> str:
    """Who ended it, where it was not the one who held it."""
    by = session.ended_by if session.ended_by != session.email else ""
    return f"; {person(session.ended_by_user, by)} ended it" if by else ""


def _took(session: Session) -> str:
    """How long the revoke took, from the moment at which access was to end."""
    took = session.lag_gone
    if took is None or session.stands:
        return ""
    return f", the revoke took {took:.1f} s" if took < 60 else f", the revoke took {_length(took)}"


def _late(session: Session, now: datetime) -> str:
    """`1:01`, minutes and seconds; with hours where there are any."""
    seconds = int((now - (session.over_since or now)).total_seconds())
    minutes, hours = seconds // 60, seconds // 3600
    return (
        f"{hours}:{minutes % 60:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
    )


def _length(seconds: float) -> str:
    """`4 min 6 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def left(time: timedelta) -> str:
    """`42 min`, and seconds in the last minute; never more than there is."""
    seconds = max(0, int(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 120 else f"{minutes} min"
