"""Who may break which glass."""

from collections.abc import Collection

from chalicelib.session import Glass

EVERYONE = "everyone"


def refusal(glass: Glass, email: str, groups: Collection[str]) -> str | None:
    """Why this person may not break this glass; None where they may.

    `groups` are those of `glass.groups` that they are in. E-mails are compared without regard to
    case, as directories do.
    """
    if EVERYONE in glass.may or named(glass, email):
        return None
    if any(group in groups for group in glass.groups):
        return None
    return f"{email} is not among those who may break “{glass.name}”"


def named(glass: Glass, email: str) -> bool:
    """Whether the glass lists the person by e-mail, so that no group need be asked."""
    return email.casefold() in {who.casefold() for who in glass.may}
