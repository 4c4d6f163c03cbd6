"""How people, accounts, glasses and times are called in Slack. Pure."""

from datetime import UTC, datetime, timedelta

from chalicelib.domain.ask import SLACK_USER
from chalicelib.domain.session import Session
from chalicelib.words.markup import escape


def mention(slack_user: str) -> str:
    return f"<@{slack_user}>" if SLACK_USER.fullmatch(slack_user) else escape(slack_user)


def person(slack_user: str, email: str) -> str:
    """A mention, which rings nobody where a message is edited, and the e-mail, which is nobody
    else's; of that `plain` keeps the e-mail."""
    known = SLACK_USER.fullmatch(slack_user)
    return f"<@{slack_user}> ({escape(email)})" if known else escape(email)


def account(session: Session) -> str:
    """Its name and number, or the number alone; in Slack's markup."""
    if session.account_name:
        return f"{escape(session.account_name)} ({escape(session.account_id)})"
    return escape(session.account_id)


def name(session: Session) -> str:
    return (
        f"“{escape(session.glass)}”" if session.glass else f"account {escape(session.account_id)}"
    )


def clock(at: datetime | None) -> str:
    """`15:04 UTC`."""
    return at.astimezone(UTC).strftime("%H:%M UTC") if at else "?"


def moment(at: datetime | None, now: datetime | None = None) -> str:
    """`2026-11-22 15:04 UTC`, of which Slack shows the time alone: see `local`.

    `now`: where it is half a day from it, Slack shows the day too, `15:04 UTC on 2026-11-22`.
    """
    if at is None:
        return "?"
    utc = at.astimezone(UTC)
    far = now is not None and abs(now - at) > timedelta(hours=12)
    return utc.strftime("%H:%M UTC on %Y-%m-%d" if far else "%Y-%m-%d %H:%M UTC")


def date(at: datetime | None) -> str:
    """A time that Slack shows in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{clock(at)}>" if at else "?"
