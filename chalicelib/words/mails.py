"""What we say by mail, the reports excepted. Pure: each function takes a session and gives words.

Names and errors come from outside: all of them pass `clean`, and none makes a line of its own. The
subject begins with the person and the account, for that is what a phone shows of it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chalicelib.domain.glass import Glass
from chalicelib.domain.session import Noted, Session
from chalicelib.domain.text import clean
from chalicelib.words import approval, links
from chalicelib.words.findings import how_many, if_right, noted_person, place_of
from chalicelib.words.messages import ERROR, NO_REASON, delete_command, times
from chalicelib.words.naming import clock
from chalicelib.words.rendering import rendered

Words = tuple[str, str, str]  # of a mail: subject, text, HTML

SUBJECT: Final = 180  # signs; the longest names leave room for how late it is
BY_ITSELF: Final = "Then it is taken back by itself."
STOOD: Final = "The access stood before it and stays."
# What an error comes to, by a word in it; the first that fits.
MEANS: Final = (
    ("throttl", "AWS takes no more requests for the moment"),
    ("toomany", "AWS takes no more requests for the moment"),
    ("accessdenied", "Break Glass is not allowed to do this any more"),
    ("conflict", "AWS is still busy with another change of this access"),
    ("notfound", "AWS does not know this any more"),
    ("timeout", "AWS did not answer in time"),
    ("timed out", "AWS did not answer in time"),
    ("connect", "AWS cannot be reached"),
    ("internal", "AWS has an error of its own"),
    ("unavailable", "AWS has an error of its own"),
    (" 50", "AWS has an error of its own"),
)


def alarm_mail(session: Session, now: datetime) -> Words:
    """That a duty does not get done, and what to do about it."""
    behind = _span(now - (session.overdue_since or now))
    late = f"{behind} late"
    if not session.live:
        return _about(
            session,
            f"{_who_where(session)}: report delayed, {late}",
            kind="Report delayed",
            trouble=True,
            title=f"The report of {_who_where(session)} is late",
            lead="Nothing is lost: it is tried again until it is sent.",
            facts=[("Late", behind), *_tried(session), *_course(session)],
        )
    if session.stands:
        return _about(
            session,
            f"{_who_where(session)}: the session is not closed, {late}",
            kind="Not closed",
            trouble=True,
            title=f"The session of {_who_where(session)} is not closed",
            lead=f"{STOOD} We keep trying to close the session.",
            facts=[*_course(session), ("Late", behind), *_tried(session)],
        )
    has = f"{_set(session)} on {_where(session)}"
    return _about(
        session,
        f"ACTION NEEDED: {_who(session)} may still have {has}, {late}",
        kind="ACTION NEEDED",
        trouble=True,
        title=f"{_who(session)} may still have {has}",
        lead=f"It should have ended at {clock(session.over_since)} and is {late}. "
        "We keep trying, and write again when it is gone.",
        facts=[*_course(session), ("Late", behind), *_tried(session)],
        steps=[
            ("To end it now, run this where you may change Identity Center:",
             delete_command(session.access, session.region)),
        ],
    )  # fmt: skip


def unreviewed_mail(session: Session, now: datetime) -> Words:
    """That a review is overdue, and how whoever may does it."""
    due, command = _date(session.review_until), f"python -m tools review {session.id}"
    return _about(
        session,
        f"{_who_where(session)}: not reviewed, due {due}",
        kind="Not reviewed",
        trouble=True,
        title=f"Nobody has reviewed the access of {_who_where(session)}",
        lead=f"It was to be reviewed until {due}, by {clean(session.may_review, ERROR)}. "
        "The report in Slack has the buttons.",
        facts=_course(session),
        steps=[("Whoever is not in the channel does it here, with a --note:",
                f"{command} --as-expected"), ("Or:", f"{command} --follow-up")],
    )  # fmt: skip


def resolved_mail(session: Session, _now: datetime) -> Words:
    """After an alarm: nobody need run anything any more."""
    late = f", {_span(timedelta(seconds=session.lag_gone))} late" if session.lag_gone else ""
    gone = f"{_who(session)} no longer has {_set(session)} on {_where(session)}."
    return _about(
        session,
        f"{_who_where(session)}: closed after all{late}",
        kind="Closed after all",
        title="The session is closed" if session.stands else gone.rstrip("."),
        lead=f"{STOOD if session.stands else ''} Nothing is left to do.".strip(),
        facts=[*_course(session), ("Late", late[2:-5])],
    )


def taken_back_mail(session: Session, _now: datetime) -> Words:
    """That reconciliation took access back for which nobody had pressed."""
    at = clock(session.gone_at)
    return _about(
        session,
        f"{_who_where(session)}: taken back, access without a session",
        kind="Taken back",
        title=f"{_who(session)} had {_set(session)} on {_where(session)} without a session",
        lead=f"It was taken back at {at}. Nothing is left to do.",
        facts=[*_holder(session), ("Taken back", _date(session.gone_at))],
    )


def used(session: Session, _now: datetime) -> Words:
    """That access was given, as soon as it was; late, where mail was down, that it is closed."""
    over = session.gone_at is not None
    has = f"{'had' if over else 'has'} {_set(session)} on {_where(session)}"
    until = clock(session.over_since if over else session.deadline)
    ends = STOOD if session.stands else "It is closed." if over else BY_ITSELF
    report = "The report came by itself." if session.reported_at else "A report follows."
    lasts = f"session until {until}, and it stays" if session.stands else f"until {until}"
    return _about(
        session,
        f"{_who(session)} {has}{',' if session.stands else ''} {lasts}",
        kind="Access given",
        title=f"{_who(session)} {has}",
        lead=f"{'The session lasts until' if session.stands else 'Until'} {until}. {ends} {report}",
        facts=_course(session),
    )


TO_MAIL: dict[str, Callable[[Session, datetime], Words]] = {
    "alarm_mail": alarm_mail,
    "unreviewed_mail": unreviewed_mail,
    "resolved_mail": resolved_mail,
    "taken_back_mail": taken_back_mail,
    "used": used,
}


def about(notification: str, session: Session, now: datetime) -> Words:
    """The mail that tells this news."""
    return TO_MAIL[notification](session, now)


def found_mail(glass: Glass, what: Sequence[Noted], region: str = "", stage: str = "") -> Words:
    """Assignments that no session accounts for, all of them, each with the command that ends it."""
    where = clean(glass.account_name or glass.account_id, 60)
    has = clean(what[0].permission_set, 40)
    first = clean(what[0].name or what[0].email or "somebody", 60)
    holds = f"{first} has" if len(what) == 1 else f"{len(what)} people have"
    return _mail(
        f"{where}: access without a session, {holds} {has}",
        kind="Access without a session",
        trouble=True,
        title=f"{holds} {has} on {where} without a session",
        lead=clean(f"{how_many(what)} on {place_of(glass, what)}.", ERROR),
        steps=[(noted_person(each), delete_command(each.access, region)) for each in what],
        close=if_right(glass, stage),
    )


# Pieces -------------------------------------------------------------------------------------------


def _about(session: Session, subject: str, **parts: Any) -> Words:
    return _mail(subject, session=session.id, links=links.thread(session), **parts)


def _mail(subject: str, **parts: Any) -> Words:
    """`facts`: label and value; `steps`: what to do and the command; `trouble`: in red."""
    view = dict.fromkeys(("trouble", "facts", "steps", "close", "links", "session"), "") | parts
    view["subject"] = subject = clean(subject, SUBJECT)
    view["facts"] = [(label, value) for label, value in view["facts"] if value]
    text, html = rendered("mail", view)
    return subject, text, html


def _who(session: Session) -> str:
    return clean(session.name or session.email or session.principal_id or "somebody", 46)


def _where(session: Session) -> str:
    return clean(session.account_name or session.account_id, 48)


def _set(session: Session) -> str:
    return clean(session.permission_set or "access", 32)


def _who_where(session: Session) -> str:
    return f"{_who(session)} on {_where(session)}"


def _holder(session: Session) -> list[tuple[str, str]]:
    """Who it is, and what they hold."""
    named = session.name and session.email
    who = session.email or session.principal_id or "somebody"
    account = clean(session.account_id)
    return [
        ("Who", f"{clean(session.name)}, {clean(session.email)}" if named else clean(who)),
        ("Access", clean(session.permission_set)),
        ("Account", f"{_where(session)} ({account})" if session.account_name else account),
    ]


def _course(session: Session) -> list[tuple[str, str]]:
    """Who holds what, from when to when, and why."""
    by = clean(session.ended_by)
    often = f" {times(session.extended)}, last" if session.extended > 1 else ""
    extended = f", extended{often} by {clean(session.extended_by)}" if session.extended else ""
    return [
        *_holder(session),
        ("Approved", approval.by(session)),
        ("Since", _date(session.granted_at) or "never seen to come"),
        ("Deadline", f"{_date(session.deadline)}{extended}"),
        ("Ended", f"{_date(session.ended_at)} by {by}" if by else ""),
        ("Reason", clean(session.why, ERROR) or NO_REASON),
    ]


def _tried(session: Session) -> list[tuple[str, str]]:
    """How often, and what stands in the way: in plain words, then in its own."""
    error = clean(session.last_error.rstrip("."), ERROR)
    known = error.lower()
    means = next((says for word, says in MEANS if word in known), "")
    return [
        ("Tried", times(session.tries) if session.tries else ""),
        ("Last error", f"{means} ({error})" if means else error),
    ]


def _date(moment: datetime | None) -> str:
    """`2026-11-22 15:04 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if moment else ""


def _span(length: timedelta) -> str:
    """`40 s`, `2 min`, `1 h 05 min`, `3 days`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
