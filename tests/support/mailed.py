"""Each mail that there is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.machine import State
from chalicelib.words import mails
from tests.support import reported as report
from tests.support.said import steve
from tests.support.stories import HOUR, NOON, active, glass, revoking, settling
from tests.trail.example import example_records, example_session
from tests.trail.records import portal

Mail = tuple[str, str, str]
LATE = NOON + HOUR + timedelta(minutes=2, seconds=12)
THREAD: dict[str, Any] = {
    "slack_team": "T0EXAMPLE", "channel": "C0INCIDENT", "card_ts": "1763800000.000100",
}  # fmt: skip
KNOWN: dict[str, Any] = THREAD | {
    "name": "Alice Ames", "permission_set": "EmergencyAdmin", "region": "eu-west-1",
    "why": "INC-4711: orders are stuck",
}  # fmt: skip


def every(**changes: Any) -> Iterator[tuple[str, Mail]]:
    """Each mail that there is, of a session with these changes."""
    known = KNOWN | changes
    name = {"email": known["email"]} if "email" in known else {}
    who = replace(steve(), name=known["name"], permission_set=known["permission_set"], **name)
    where = {"account_name": known["account_name"]} if "account_name" in known else {}
    stuck = {"tries": 11, "last_error": "Identity Center: ConflictException: busy"} | known
    records = [*example_records(), portal("Authenticate") | {"userAgent": known["why"]}]
    reported = {name: value for name, value in known.items() if name in ("why", *where, *THREAD)}
    yield "alarm", mails.alarm_mail(revoking(**stuck), LATE)
    yield "alarm of what stood before", mails.alarm_mail(revoking(**stuck, standing="yes"), LATE)
    yield "alarm of a report", mails.alarm_mail(settling(**stuck, state=State.REPORTING), LATE)
    yield "resolved", mails.resolved_mail(settling(**known, lag_gone=312.4), LATE)
    yield "stood before", mails.resolved_mail(settling(**known, standing="yes"), LATE)
    yield "taken back", mails.taken_back_mail(settling(**known, shape="found"), LATE)
    yield "found", mails.found_mail(glass(**where), [who, who], "eu-west-1", "prod")
    yield "used", mails.used(active(**known), LATE)
    made = report.build(example_session(**reported), records)
    yield "report", report.to_mail(made)[:3]
