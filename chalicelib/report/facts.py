"""The facts of a session, as its report lists them: who, what, from when to when, and by whom."""

from datetime import datetime

from chalicelib.domain.ask import Ask, Kind
from chalicelib.domain.session import Session, from_iso
from chalicelib.domain.text import clean
from chalicelib.report.made import Report
from chalicelib.report.wording import account, clock
from chalicelib.words.messages import NO_REASON


def facts(report: Report) -> list[tuple[str, str]]:
    """The report's table of the session: label and value, as plain text; the empty left out."""
    session = report.session
    lived = session.tail and session.granted_at
    slack = " ".join(filter(None, (session.slack_user_name, f"({session.slack_user})")))
    by = f" by {slack} in Slack" if session.slack_user else ""
    facts = [
        ("Who", ", ".join(filter(None, (session.name, session.email)))),
        ("Signs in as", session.user_name),
        ("Account", account(session)),
        ("Permission set", session.permission_set),
        ("Glass", session.glass),
        ("Let in by", session.let_in_by),
        ("Reason", session.why or NO_REASON),
        ("No access", session.reason),
        ("Asked", f"{clock(session.asked_at)}{by}"),
        ("Approved", _approved(session)),
        ("Granted", clock(session.granted_at) or "never"),
        ("Deadline", clock(session.deadline)),
        ("Acknowledged", _acknowledged(session)),
        ("Extended", _extended(session)),
        ("Ended", _ended(session)),
        *(("Asked in vain", _in_vain(each)) for each in report.asked),
        ("Revoked", _revoked(session)),
        ("Review", f"owed, by {session.may_review}" if session.review else ""),
        ("Credentials until", f"{clock(session.credentials_until)} at the latest" if lived else ""),
        (
            "Would suffice",
            f"{report.used.line()}; attached as a policy" if report.used.actions else "",
        ),
        ("Session", session.id),
    ]
    return [(label, clean(value, 600)) for label, value in facts if value]


def _in_vain(asked: Ask) -> str:
    """`End now by mallory@example.com (U0MALLORY), 2026-11-22 12:05:01 UTC: refused`."""
    what = ASKED.get(asked.kind, str(asked.kind).capitalize())
    return (
        f"{what} by {asked.person} ({asked.slack_user}), {clock(asked.asked_at)}: {asked.outcome}"
    )


ASKED = {Kind.END: "End now", Kind.REASON: "A reason"}  # what is not called as its kind is


def _approved(session: Session) -> str:
    """By whom and when, or that nobody has."""
    if session.bypassed_at is not None:
        return f"by nobody: gone in without approval, {clock(session.bypassed_at)}"
    return _by(session.approved_at, session.approved_by)


def _acknowledged(session: Session) -> str:
    return (
        "by nobody"
        if session.unacknowledged
        else _by(session.acknowledged_at, session.acknowledged_by)
    )


def _by(at: datetime | None, who: str) -> str:
    return f"{clock(at)}, by {who}" if at else ""


def _extended(session: Session) -> str:
    """By whom, when, from which deadline to which; the last time, where it was more than once."""
    if not session.extended or session.deadline is None:
        return ""
    before = (session.allowed_at or session.asked_at) + session.duration
    when = next((step[:24] for step in reversed(session.steps) if " extended " in step), "")
    at = f"{clock(from_iso(when))}, " if when else ""
    often = f"{session.extended} times, last " if session.extended > 1 else ""
    return f"{often}{at}by {session.extended_by}, from {clock(before)} to {clock(session.deadline)}"


def _ended(session: Session) -> str:
    if session.ended_at is None:
        return ""
    how = session.ended_how or "ended"
    by = f" by {session.ended_by}" if session.ended_by else ""
    return f"{clock(session.ended_at)}, {how}{by}"


def _revoked(session: Session) -> str:
    if session.stands:
        return "no: the access stood before the session"
    if session.gone_at is None:
        return ""
    lag = "" if session.lag_gone is None else f", {session.lag_gone:.1f} s after its end"
    return f"{clock(session.gone_at)}{lag}"
