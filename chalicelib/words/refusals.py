"""Why access does not come, or not yet, and what is wrong with a request. Pure.

A refusal stands in the session's row as `reason`, and what is tried again as `last_error`: people
read both, in messages, mails and the log.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from chalicelib.domain import oncall
from chalicelib.domain.ask import Kind
from chalicelib.domain.glass import Glass, groups_among, lists_among
from chalicelib.domain.text import quoted

# Why it does not come -----------------------------------------------------------------------------

ANOTHER_HOLDS_IT: Final = "Another session holds this access."
LOCK_NOT_HELD: Final = "The session does not hold the lock of this access."
GLASS_CHANGED: Final = "The glass is for another account, permission set or person by now."
GONE_ALREADY: Final = "It was gone before it could be taken back."
NOT_APPROVED: Final = "Nobody has approved it."
NOT_APPROVED_IN_TIME: Final = "Nobody approved it in time."
WITHDRAWN: Final = "It was withdrawn by whoever had asked."
WITHOUT_A_SESSION: Final = "found without a session"

NO_EMAIL: Final = "Slack has no e-mail address of yours, so nobody can tell who you are."
UNCONFIRMED: Final = "Your e-mail address in Slack is not confirmed: confirm it, then press again."

NAMED: Final = 3  # of those who may, to whoever may not
NO_NOTES: Final[Mapping[str, str]] = MappingProxyType({})


def not_among(
    glass: Glass,
    email: str,
    may: tuple[str, ...] = (),
    kind: Kind = Kind.BREAK,
    notes: Mapping[str, str] = NO_NOTES,
) -> str:
    """That this person may not do that with the glass, and whom to ask instead."""
    do = DO.get(kind, "do that with")
    those = f"{quoted(email)} is not among those who may {do} “{glass.name}”"
    return f"{those}; ask {whom(may or glass.may, notes)}"


DO: Final = {
    Kind.BREAK: "break",
    Kind.APPROVE: "approve access to",
    Kind.DECLINE: "decline access to",
    Kind.ACKNOWLEDGE: "acknowledge access to",
    Kind.EXPECTED: "review access to",
    Kind.FOLLOWUP: "review access to",
    Kind.BYPASS: "go without approval into",
    Kind.END: "break",
    Kind.EXTEND: "break",
    Kind.REASON: "break",
}


def unknown(glass: Glass, email: str) -> str:
    """That the directory has nobody with that e-mail, and whom to ask instead."""
    nobody = f"IAM Identity Center knows no user with the e-mail {quoted(email)}"
    return f"{nobody}; ask {whom(glass.may)}"


def nobody(glass: Glass | None) -> str:
    """That whoever pressed is nobody whom the directory knows, and whom to ask instead."""
    ask = f"; ask {whom(glass.may)}" if glass else ""
    return f"You are not among those who may break this glass{ask}"


def whom(those: tuple[str, ...], notes: Mapping[str, str] = NO_NOTES) -> str:
    """Who may: on call first, then groups, and of all of them as many as one reads.

    Never as a mention, which would ring all of them. `notes` has what to know of a list of who is
    on call, by its group.
    """
    lists = lists_among(those)
    may = [f"whoever is on call (Slack group {notes.get(group, group)})" for group in lists]
    may += [f"somebody of the group {quoted(group)}" for group in groups_among(those)]
    may += [quoted(who) for who in those if not who.startswith(("group:", oncall.SLACK))]
    if len(may) > NAMED:
        may = [*may[:NAMED], f"{len(may) - NAMED} more"]
    return " or ".join([", ".join(may[:-1]), may[-1]] if may[1:] else may)


def list_note(group: str, kept: oncall.OnCall | None, glass: Glass, now: datetime) -> str:
    """What to know of the list of a Slack group: the group's name, and of when the list is."""
    if not oncall.known(kept, now):
        return f"{group}, whose list is not known yet"
    name = quoted(kept.name) or group
    if not kept.exists:
        return f"{name}, which is disabled or gone"
    if oncall.fresh(kept, now):
        nobody = "" if kept.members else "nobody "
        return f"{name}, {nobody}as of {kept.found_at:%H:%M} UTC"
    useless = ", too old to go by" if glass.stale_oncall == oncall.REFUSE else ""
    return f"{name}, as of {kept.found_at:%Y-%m-%d %H:%M} UTC{useless}"


def declined(by: str) -> str:
    """That another person has said no."""
    return f"{quoted(by)} declined it."


def unreviewed(glass: Glass, session_id: str) -> str:
    """That nobody has reviewed yet what this person did there, and whom to ask for it."""
    return (
        f"Nobody has reviewed your last use of “{glass.name}” (session {session_id}); "
        f"ask {whom(glass.review_by)} to do it"
    )


def undecided(last_error: str) -> str:
    """That nobody could decide in time, and what kept them from it, where that is known."""
    said = "It could not be decided in time, so no access will come."
    return f"{said} {last_error}" if last_error else said


# Why it has to wait, and is tried again -----------------------------------------------------------

BEING_TAKEN_BACK: Final = "the access is just being taken back"
DELETED_SESSION_AT_IT: Final = "a session that was deleted may still be at it"
EARLIER_MAY_LAND: Final = "an earlier request for this access may still be under way at AWS"
STILL_LISTED: Final = "the delete succeeded, and the assignment is still listed"
FAILED: Final = "it failed"
NO_END: Final = "others have written its row each time that this turn was about to"
SPOILED_SESSION: Final = "the session's row in the log cannot be read until somebody mends it"


def our_mistake(kind: str) -> str:
    """That the program has a mistake; the log says where it was made."""
    return f"a mistake in the program: {kind}"


def spoiled(error: str) -> str:
    """That an operator has to mend a row before anything is tried."""
    return f"{error}; nothing is tried before an operator has mended its row"


# What is wrong with a request ---------------------------------------------------------------------

NOT_UTF_8: Final = "This is not text in UTF-8."
NO_PAYLOAD: Final = "There is no payload in it."
NOT_JSON: Final = "Its payload is not JSON."
NO_OBJECT: Final = "Its payload is not a JSON object."
NO_ACTION: Final = "No action was clicked in it."
NOBODY_PRESSED: Final = "It does not say who pressed."
NO_ACCOUNT: Final = "Its callback_id names no account: deployment_123456789012_abc does."
NO_GLASS: Final = "The button names no glass."
