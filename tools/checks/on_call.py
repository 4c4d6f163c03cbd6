"""Who is on call: the Slack user groups of the glasses, those in them, and the lists as kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.errors import ExternalError, Unavailable
from chalicelib.domain.oncall import OLD_AFTER, fresh
from chalicelib.workflow import policy
from tools.checks.patient import BAD, NOTE, OK, Finding, Patient

SHIFT = "see in your on-call tool that somebody has the shift, and that it keeps this group"
LOOKED_AT = 10  # people of one group


def on_call(patient: Patient) -> Iterator[Finding]:
    from chalicelib.adapters.on_call import Lists
    from chalicelib.adapters.slack import Slack

    glasses = patient.settings.glasses.values()
    groups = sorted({group for glass in glasses for group in glass.on_call})
    if not groups:
        yield Finding(OK, "no glass goes by who is on call")
        return

    def token(*, refresh: bool = False) -> str:
        return patient.token

    def ask(operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return dict(patient.aws("dynamodb").get_item(**asked))

    slack = Slack(token, patient.settings.slack_api_url, lambda *_: None)
    lists = Lists(ask, patient.settings.table)
    for group in groups:
        try:
            name = f"{slack.handle(group)} ({group})".strip()
            members = slack.members(group)
        except ExternalError as trouble:
            cure = (
                "give the app the scope usergroups:read under OAuth & Permissions, then reinstall"
                if "missing_scope" in str(trouble)
                else "see what it says; until then the list stays as it was last known"
            )
            yield Finding(BAD, f"Slack user group {group}: {trouble}", cure)
            continue
        if members is None and name == f"({group})":
            cure = "correct the id in may, or take it out; Slack shows it in the group's own menu"
            yield Finding(BAD, f"Slack has no user group {group}: it lets nobody in", cure)
        elif not members:
            how = "is disabled" if members is None else "is empty"
            yield Finding(NOTE, f"the Slack user group {name} {how}: nobody is on call", SHIFT)
        else:
            yield from _people(patient, slack, name, members)
        kept = lists.read(group)
        if not fresh(kept, patient.now()):
            minutes = int(OLD_AFTER.total_seconds() // 60)
            since = f"is from {kept.found_at:%Y-%m-%d %H:%M} UTC" if kept else "is not there"
            cure = (
                "a minute after a deployment run doctor again; else "
                "`python -m tools logs --function sweep --level WARNING` says what is in the way"
            )
            said = f"the list that presses go by for {name} {since}: {minutes} minutes at most"
            yield Finding(BAD, said, cure)


def _people(patient: Patient, slack: Any, name: str, members: tuple[str, ...]) -> Iterator[Finding]:
    """Whether those who are on call are somebody whom a press would let in."""
    from chalicelib.adapters.identity_center.directory import Directory

    directory = Directory(patient.aws("identitystore"), lambda: patient.instance[1])
    nobody = 0
    for user in members[:LOOKED_AT]:
        try:
            email, why = policy.identify(user, patient.settings.people, slack.email)
            known = email and directory.person(email)
        except Unavailable:
            raise
        except ExternalError as refused:
            known, why = None, str(refused)
        if not known:
            nobody += 1
            why = why or f"Identity Center has no user with the e-mail {email}"
            cure = f"{SHIFT}; or name the Slack user in [people] with their e-mail in the directory"
            yield Finding(BAD, f"{user} of {name} would be refused: {why}", cure)
    if not nobody:
        yield Finding(OK, f"{len(members)} on call by the Slack user group {name}")
