"""What the app reads and says: deadlines, trail, mail, Slack."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.config.settings import Settings
from chalicelib.deploy.aws_errors import cause, denied
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.ports import Trail
from chalicelib.operations.metrics import OVERDUE_AFTER
from chalicelib.report.search import anyone_in
from chalicelib.transport.errors import code_of
from tools import _project
from tools._project import Problem
from tools._rows import Rows
from tools.checks.patient import (
    BAD,
    MAY_READ,
    NOTE,
    OK,
    QUIET,
    UNMADE,
    Finding,
    Patient,
    unseen,
)
from tools.slack_manifest import SCOPES


def overdue(patient: Patient) -> Iterator[Finding]:
    rows, now = Rows(patient.settings.table).open_now(), patient.now()
    late = 0
    for row in rows:
        ends = row.get("ended_at") or row.get("deadline")
        if ends and now - datetime.fromisoformat(ends) > OVERDUE_AFTER:
            late += 1
            cure = f"`python -m tools log {row['id']}` says what is in the way"
            who = f"{row.get('email')} may have {row.get('permission_set')}"
            where = f"on {row.get('account_id')} since it should have ended at {ends}"
            yield Finding(BAD, f"{who} {where}", cure)
    if not late:
        count = "1 session" if len(rows) == 1 else f"{len(rows)} sessions"
        minutes = int(OVERDUE_AFTER.total_seconds() // 60)
        yield Finding(OK, f"{count} open, none more than {minutes} minutes past its end")


def trail(patient: Patient) -> Iterator[Finding]:
    known = patient.settings
    reads = _project.trail(known)
    for account_id in sorted({glass.account_id for glass in known.glasses.values()}):
        try:
            heard = _heard_of(reads, account_id, patient.now())
        except Unavailable as trouble:
            state = UNMADE if unseen(trouble) else BAD
            yield Finding(state, *_unread(known, trouble))
            return
        if heard:
            yield Finding(OK, f"the trail has had events from {account_id} within a day")
        else:
            cure = "see that the trail is the organisation's, covers all regions, and delivers here"
            said = f"the trail has had no event from {account_id} for a day: reports would be empty"
            yield Finding(BAD, said, cure)


def mail(patient: Patient) -> Iterator[Finding]:
    client, known = patient.aws("sesv2"), patient.settings
    account = client.get_account()
    sandbox = not account.get("ProductionAccessEnabled")
    if not account.get("SendingEnabled", True):
        cure = "see the SES console: sending is paused for this account"
        yield Finding(BAD, "SES sends nothing from this account", cure)
    sender = known.report_from
    if not _verified(client, sender):
        cure = f"verify {sender} or its domain in SES, in this region"
        yield Finding(BAD, f"SES does not know {sender}", cure)
    else:
        yield Finding(OK, f"SES sends from {sender}")
    recipients = sorted({to for glass in known.glasses.values() for to in glass.report_to})
    if sandbox:
        cure = "ask for production access in SES, or verify each recipient"
        unknown = [to for to in recipients if not _verified(client, to)]
        for to in unknown:
            yield Finding(BAD, f"SES is in its sandbox and sends nothing to {to}", cure)
        if not unknown:
            yield Finding(NOTE, "SES is in its sandbox: 200 mails a day", cure)
    for to in recipients:
        try:
            client.get_suppressed_destination(EmailAddress=to)
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
            continue
        cure = f"aws sesv2 delete-suppressed-destination --email-address {to}"
        yield Finding(BAD, f"SES holds back what goes to {to}: it bounced or complained", cure)


def slack(patient: Patient) -> Iterator[Finding]:
    cure = "`python -m tools secrets` takes the bot's token; `slack-manifest` makes the app"
    try:
        found = patient.slack("auth.test")
    except Problem as problem:
        if unseen(problem):
            raise
        yield Finding(BAD, f"with the bot's token, {problem}", cure)
        return
    yield Finding(OK, f"the bot is {found.get('user')} in {found.get('team')}")
    have = {each.strip() for each in found["scopes"].split(",") if each.strip()}
    for scope in sorted(set(SCOPES) - have):
        cure = "add it under OAuth & Permissions, or paste the manifest anew; then reinstall"
        state = NOTE if scope in ("channels:read", "groups:read") else BAD
        yield Finding(state, f"the app lacks the scope {scope}: it {SCOPES[scope]}", cure)
    for scope in sorted(have - set(SCOPES)):
        cure = "take it away under OAuth & Permissions: what the token may not do, no thief can"
        yield Finding(NOTE, f"the app has the scope {scope}, which nothing here uses", cure)


def channels(patient: Patient) -> Iterator[Finding]:
    glasses = patient.settings.glasses.values()
    for channel in sorted({glass.channel for glass in glasses if glass.channel}):
        try:
            found = patient.slack("conversations.info", channel=channel).get("channel", {})
        except Problem as problem:
            if unseen(problem):
                raise
            lacks = "missing_scope" in str(problem)
            cure = "correct the glass's channel (its id, not its name), or /invite the app to it"
            if "cannot be read" in str(problem):
                cure = "run `python -m tools secrets`"
            yield Finding(NOTE if lacks else BAD, f"channel {channel}: {problem}", cure)
            continue
        if not found.get("is_member"):
            cure = "invite the app: /invite it, by the name that it has in Slack"
            yield Finding(BAD, f"the app is not in #{found.get('name', channel)}", cure)
        else:
            yield Finding(OK, f"the app is in #{found.get('name', channel)}")


def _heard_of(trail: Trail, account_id: str, now: datetime) -> bool:
    """As reports ask: so this shows that reports can ask, too, where they do so as you do."""
    start, end = int((now - QUIET).timestamp()), int(now.timestamp()) + 60
    query, token = trail.start(anyone_in(account_id), start, end, 1, [account_id]), ""
    for _ in range(60):
        page = trail.page(query, 1, token)
        if page is None:
            time.sleep(0.5)
        elif page.records or not page.token:
            return bool(page.records)
        else:
            token = page.token
    trail.stop(query)
    raise Problem("the trail has not answered within half a minute")


def _unread(known: Settings, error: Unavailable) -> tuple[str, str]:
    """What is said of a trail that cannot be read, and its cure."""
    trouble = str(error)
    if "AssumeRole" in trouble:
        cure = (
            "AWS says no more, so it is one of three. The role does not trust you: name yourself "
            "in its stack's parameter AlsoTrusted, or look with credentials that may assume it. "
            "Its external id is another one: see that its stack's parameter ExternalId is "
            f"“{known.trail_external_id}”, as trail_external_id has it. Or it is not there: deploy "
            "docs/trail-role-logs.yaml or docs/trail-role-s3.yaml in the account that owns the "
            "trail"
        )
        return f"the role {known.trail_role} could not be tried: {trouble}", cure
    if "ResourceNotFound" in trouble:
        if known.trail.startswith("arn:"):
            cure = (
                "see that it is spelt as in the account that owns it; another account's takes a "
                "trail_role, or an observability link in its Region: docs/deploy.md, “Where the "
                "trail is”"
            )
            return f"{known.trail} is no log group that can be read from here", cure
        cure = (
            "have the organisation's trail deliver to a log group and name it in glasses.toml, "
            "by its ARN where it is in another account or Region"
        )
        return f"the trail's log group {known.trail} does not exist here", cure
    if denied(cause(error)):
        return f"the trail {known.trail} cannot be read: {trouble}", MAY_READ
    cure = "see that you, and the functions, may read it; docs/deploy.md, “Where the trail is”"
    return f"the trail {known.trail} cannot be read: {trouble}", cure


def _verified(client: Any, address: str) -> bool:
    """By itself, by its domain, or by a domain above that: SES takes subdomains too."""
    labels = address.partition("@")[2].split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    for identity in (address, *domains):
        try:
            found = client.get_email_identity(EmailIdentity=identity)
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
            continue
        if found.get("VerifiedForSendingStatus"):
            return True
    return False
