"""Who somebody in Slack is, and who may break which glass."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import assert_never

from chalicelib.domain.ask import Kind
from chalicelib.domain.errors import Refused
from chalicelib.domain.glass import Glass, groups_among
from chalicelib.domain.oncall import SLACK, OnCall, admits
from chalicelib.words import messages

EVERYONE = "everyone"
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def key(email: str) -> str:
    """The e-mail as it is compared, and as the log finds it: A to Z are a to z.

    Nothing else is the same as another: neither ß as ss, nor the Kelvin sign as k.
    """
    return email.translate(_SMALL)


def identify(
    slack_user: str, people: Mapping[str, str], ask: Callable[[str], str | None]
) -> tuple[str, str]:
    """The e-mail that somebody is known by, and why they are nobody: one of the two is empty.

    `people` pins both ways: who is in it has that e-mail, and nobody else has. The others' e-mails
    are Slack's: `ask` is Chat.email. Raises what it raises, but for a refusal that lasts.
    """
    if slack_user in people:
        return people[slack_user], ""
    try:
        email = ask(slack_user)
    except Refused as refused:
        if not refused.lasting:
            raise
        return "", str(refused)
    if not email:
        return "", messages.NOBODY
    if key(email) in map(key, people.values()):
        return "", messages.PINNED
    return email, ""


def those(glass: Glass, kind: Kind) -> tuple[str, ...]:
    """Whose it is to ask that of the glass or its sessions: e-mails, groups, lists, or everyone."""
    match kind:
        case Kind.APPROVE | Kind.DECLINE | Kind.ACKNOWLEDGE:
            return glass.second
        case Kind.EXPECTED | Kind.FOLLOWUP:
            return glass.review_by
        case Kind.BYPASS:
            return glass.bypass
        case Kind.BREAK | Kind.FOUND | Kind.END | Kind.EXTEND | Kind.REASON:
            return glass.may
        case never:
            assert_never(never)


def named(glass: Glass, email: str, kind: Kind = Kind.BREAK) -> str:
    """The glass's entry by which the person may without a look at any group; empty: there is none.

    E-mails are compared without regard to case, as directories do.
    """
    mine = (who for who in those(glass, kind) if who == EVERYONE or key(who) == key(email))
    return next(mine, "")


def blocks(glass: Glass, email: str) -> bool:
    """Whether a review that is owed keeps that person out: never the last one who may, nor where
    nobody else may review."""
    alone = ({key(each) for each in who} <= {key(email)} for who in (glass.may, glass.review_by))
    return glass.block_until_reviewed and not any(alone)


def in_group(glass: Glass, groups: Collection[str], kind: Kind = Kind.BREAK) -> str:
    """The glass's entry of a group that they are in; `groups` are those of Identity Center."""
    named_there = groups_among(those(glass, kind))
    return next((f"group:{group}" for group in named_there if group in groups), "")


def on_call(
    glass: Glass, slack_user: str, lists: Mapping[str, OnCall | None], now: datetime
) -> str:
    """The glass's entry of a list of who is on call that they are on, and as of when it is."""
    for group, kept in lists.items():
        if kept is not None and admits(kept, slack_user, glass.stale_oncall, now):
            return f"{SLACK}{group} as of {kept.found_at:%Y-%m-%d %H:%M:%S} UTC"
    return ""
