"""Who somebody in Slack is, and who may break which glass."""

from collections.abc import Callable, Collection, Mapping
from string import ascii_lowercase, ascii_uppercase

from chalicelib.domain.errors import Refused
from chalicelib.domain.session import groups_among
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


def among(who: tuple[str, ...], email: str, groups: Collection[str]) -> bool:
    """Whether this person is one of those.

    `groups` are those of them that they are in. E-mails are compared without regard to case, as
    directories do.
    """
    named_group = any(group in groups for group in groups_among(who))
    return EVERYONE in who or named(who, email) or named_group


def named(who: tuple[str, ...], email: str) -> bool:
    """Whether the person is listed by e-mail, so that no group need be asked."""
    return key(email) in map(key, who)
