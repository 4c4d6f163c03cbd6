"""A session at each point of its life, for tests to start from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.glass import Glass
from chalicelib.domain.machine import Event
from chalicelib.domain.session import Session

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SET = "arn:aws:sso:::permissionSet/ssoins-1111111111111111/ps-2222222222222222"


def glass(**changes: Any) -> Glass:
    facts: dict[str, Any] = {
        "name": "prod",
        "account_id": "111122223333",
        "account_name": "Production",
        "permission_set": "BreakGlassAdmin",
        "duration": HOUR,
        "may": ("alice@example.com", "group:sre"),
        "report_to": ("security@example.com",),
        "channel": "C0INCIDENT",
        "extend": timedelta(minutes=30),
    }
    return Glass(**(facts | changes))


def requested(**changes: Any) -> Session:
    facts: dict[str, Any] = {
        "id": "bg-0123456789abcdef01234567",
        "glass": "prod",
        "asked_at": NOON,
        "wait_until": NOON + timedelta(minutes=5),
        "look_at": NOON,
        "person": "U0ALICE",
        "slack_user": "U0ALICE",
        "slack_user_name": "alice",
        "slack_channel": "C0DEPLOY",
        "slack_message": "1763800000.000100",
        "shape": "block_actions",
        "response_url": "https://hooks.slack.com/actions/T0/1/abc",
        "response_uses": 1,
        "account_id": "111122223333",
        "account_name": "Production",
        "permission_set": "BreakGlassAdmin",
    }
    return Session(**(facts | changes))


def granting(**changes: Any) -> Session:
    known: dict[str, Any] = {
        "person": "alice@example.com",
        "email": "alice@example.com",
        "name": "Alice Example",
        "user_name": "alice",
        "principal_id": "alice-id",
        "permission_set_arn": SET,
        "duration": HOUR,
        "tail": HOUR,
        "extend": timedelta(minutes=30),
        "report_to": ("security@example.com",),
        "report_after": timedelta(minutes=15),
        "channel": "C0INCIDENT",
        "allowed_at": NOON,
        "deadline": NOON + HOUR,
    }
    return requested().entered(Event.ALLOWED, NOON, "queue", **(known | changes))


def active(**changes: Any) -> Session:
    later = NOON + timedelta(seconds=2)
    known = {"standing": "no", "grant_asked_at": NOON, "granted_at": later, "listed_at": later}
    return granting().entered(Event.GRANTED, later, "queue", **(known | changes))


def revoking(**changes: Any) -> Session:
    end = NOON + HOUR
    known = {"ended_at": end, "ended_how": "expired", "ended_look": "queue"}
    return active().entered(Event.EXPIRED, end, "queue", **(known | changes))


def settling(**changes: Any) -> Session:
    gone = NOON + HOUR + timedelta(seconds=3)
    known = {
        "gone_at": gone,
        "gone_look": "queue",
        "revoke_first_asked_at": NOON + HOUR,
        "revoke_asked_at": NOON + HOUR,
        "lag_asked": 0.2,
        "lag_gone": 3.0,
        "report_at": gone + timedelta(minutes=15),
    }
    return revoking().entered(Event.REVOKED, gone, "queue", **(known | changes))
