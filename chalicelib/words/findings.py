"""What reconciliation says of access that no session accounts for. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from chalicelib.domain.glass import Glass
from chalicelib.domain.session import Noted
from chalicelib.domain.text import clean
from chalicelib.words.markup import code, escape, plain, section
from chalicelib.words.messages import COMMAND, LINE, SHOWN, Message, delete_command


class Mend(StrEnum):
    """A disagreement between rows, and what is done about it."""

    LONE_LOCK = "a lock without a live session was taken away"
    LEASE = "a lease without a live session was taken away"
    NO_LOCK = "a live session without a lock got it back"
    OTHERS_LOCK = "a live session's lock is another session's; both are looked at"
    FORGOTTEN = "a live session that nobody would have looked at is looked at"


def found(glass: Glass, what: Sequence[Noted], region: str = "", stage: str = "") -> Message:
    """Assignments that no session accounts for, said once; the first few with their commands."""
    parts = [f":mag: *{how_many(what)}* on {escape(place_of(glass, what))}."]
    for each in what[:SHOWN]:
        command = code(delete_command(each.access, region), COMMAND)
        parts.append(f"• {escape(noted_person(each))}\n```{command}```")
    if len(what) > SHOWN:
        parts.append(f"… and {len(what) - SHOWN} more; the mail to your report's readers has all.")
    parts.append(escape(if_right(glass, stage)))
    return {"text": plain("\n".join(parts)), "blocks": [section(part) for part in parts]}


def mended(what: Sequence[str]) -> Message:
    """Rows that disagreed and were put right."""
    said = [":wrench: *The log's own rows disagreed, and were put right:*"]
    said += [f"• {escape(each, LINE)}" for each in what[: 2 * SHOWN]]
    if len(what) > 2 * SHOWN:
        said.append(f"… and {len(what) - 2 * SHOWN} more; the function's log has all of them.")
    text = "\n".join(said)
    return {"text": plain(text), "blocks": [section(text)]}


def how_many(what: Sequence[Noted]) -> str:
    return f"{len(what)} assignment{'s' if len(what) > 1 else ''} without a session"


def place_of(glass: Glass, what: Sequence[Noted]) -> str:
    """The account and the permission set, as people know them."""
    where = f"{glass.account_name} ({glass.account_id})" if glass.account_name else glass.account_id
    return f"{where}: {clean(what[0].permission_set)}"


def noted_person(noted: Noted) -> str:
    """Whose assignment it is: name and e-mail, or what is known instead."""
    if not noted.email:
        return f"{clean(noted.name) or 'somebody'} (user {clean(noted.access.principal_id)})"
    email = clean(noted.email)
    return f"{clean(noted.name)} ({email})" if noted.name else email


def if_right(glass: Glass, stage: str) -> str:
    """What to do where it is meant to stay; the command names the stage, where that is known."""
    of_stage = f" --stage {clean(stage)}" if stage else ""
    return (
        "Nobody broke the glass for that, so it will not end by itself. If it is meant to stay: "
        f"python -m tools standing{of_stage} accept {glass.name} EMAIL. If not, run the command "
        "above."
    )
