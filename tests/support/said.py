"""Every message that there is, in a state in which it is said."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.ask import Ask, Kind, Outcome
from chalicelib.domain.machine import State
from chalicelib.domain.session import Noted, Session
from chalicelib.words import answers, approval, cards, findings, messages, refusals, review
from tests.support.stories import HOUR, NOON, active, glass, granting, requested, revoking, settling

REFUSED = "alice@example.com is not among those who may break “prod”"
PORTAL = "https://d-1234567890.awsapps.com/start"
WORTH = ("42 calls, 6 changes, 3 refused.", "IAM changed: iam:CreateUser, 12:10:00")


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every message in a state in which it is said."""
    denied = requested(state=State.DENIED, reason=REFUSED)
    stuck = revoking(tries=7, last_error="ConflictException: an earlier write has not settled")
    yield "incoming", messages.incoming()
    yield "not recorded", messages.ephemeral(messages.NOT_RECORDED)
    yield "not ours", messages.ephemeral(messages.NOT_OURS)
    later = NOON + HOUR / 3
    late = NOON + HOUR + timedelta(seconds=61)
    yield "denied", messages.denied(denied)
    yield "denied, to the channel", messages.refused(denied)
    yield "a glass that wants a reason", cards.asks_why("prod")
    lasts = (HOUR / 2, HOUR, 4 * HOUR)
    yield "a glass that wants a reason, with a choice", cards.asks_why("prod", lasts, "4h")
    shown = {
        "while it comes": granting(last_error="ThrottlingException: slow down", tries=3),
        "while open": active(portal=PORTAL, region="eu-west-1"),
        "while open, without a portal": active(why="INC-4711: the deployment hangs"),
        "while open, and it stood before": active(standing="yes"),
        "extended": active(extended=1, deadline=NOON + 2 * HOUR),
        "while open, for as long as was not chosen": active(chosen="4h", extend_to=4 * HOUR),
        "extended as far as it goes": active(
            extended=6, **by("extended"), extend_to=4 * HOUR, deadline=NOON + 4 * HOUR
        ),
        "extended by another": active(extended=1, **by("extended")),
        "warned": active(warned_for=NOON + HOUR),
    }
    for when, session in shown.items():
        yield f"card {when}", cards.mine(session, later)
        yield f"channel's card {when}", cards.channel(session, later)
    for when, session in waiting_for_another().items():
        yield f"card {when}", cards.mine(session, later)
        yield f"channel's card {when}", cards.channel(session, later)
    yield "approved, and rung", approval.decided(active(**by("approved")))
    yield (
        "declined, and rung",
        approval.decided(denied.with_(reason=refusals.declined("bob@example.com"))),
    )
    yield "nobody has acknowledged", approval.unacknowledged(active(acknowledge=HOUR / 6))
    yield (
        "asked already",
        messages.denied(
            denied.with_(reason=messages.already_waiting(waiting_for_another()["while it waits"]))
        ),
    )
    yield "warning", cards.warning(active(), NOON + HOUR - timedelta(minutes=5))
    yield "warning, over", cards.warned(settling(warned_for=NOON + HOUR))
    slow = requested(last_error="IAM Identity Center answers 503", wait_until=NOON + HOUR)
    yield "not decided upon yet", messages.waiting(slow)
    over = {
        "being taken back": (active(), NOON + HOUR),
        "overdue": (stuck, late),
        "overdue for hours": (stuck.with_(tries=900, last_error=""), NOON + 3 * HOUR),
        "when closed": (settling(), late),
        "when closed by another": (settling(**by("ended"), why="INC-1"), late),
        "when closed, and it stood before": (settling(standing="yes"), late),
        "when it never came": (settling(granted_at=None, reason="AccessDenied: no"), late),
    }
    for when, (session, now) in over.items():
        yield f"card {when}", cards.mine(session, now)
        yield f"channel's card {when}", cards.channel(session, now)
    yield "report", messages.report(settling(summary=WORTH))
    for when, session in to_be_reviewed().items():
        yield f"report {when}", review.report(session)
    owed = to_be_reviewed()["to be reviewed"].with_(card_ts="1.2")
    for alarms, when in enumerate(("is there", "at half the time", "is due", "is overdue")):
        yield f"the review {when}", review.unreviewed(owed.with_(alarms=alarms))
    yield "a follow-up", review.follow_up(to_be_reviewed()["to be followed up"])
    yield "alarm", messages.alarm(stuck)
    yield "alarm, the third", messages.alarm(stuck.with_(alarms=3, card_ts="1.2"))
    yield "alarm is over", messages.resolved(settling(alarms=2, lag_gone=312.4))
    yield "alarm, and nobody could write what went wrong", messages.alarm(revoking())
    yield "alarm, said anew", messages.alarm_over(stuck, "alarm")
    yield "alarm, where it is over", messages.alarm_over(settling(), "resolved")
    yield (
        "alarm, where it is over and the access stood before",
        messages.alarm_over(settling(standing="yes"), "resolved"),
    )
    yield "alarm about a report, where it has come", messages.alarm_over(settling(), "report")
    yield "alarm is over, late", messages.resolved(settling(alarms=9, lag_gone=9000.0))
    yield "already open", messages.denied(denied.with_(reason=messages.already_open(active())))
    yield "taken back", messages.taken_back(settling(shape="found"))
    yield "found", findings.found(glass(), [steve()], "eu-west-1", "prod")
    yield "found many", findings.found(glass(), [steve()] * 7)
    yield "mended", findings.mended(["a lease without a session: bg-1"])
    yield "alarm about a report", messages.alarm(settling(state=State.REPORTING, tries=4))
    yield from asks()


def waiting_for_another() -> dict[str, Session]:
    """A session at each point of its wait for another person."""
    whom = refusals.whom(("group:leads", "bob@example.com"))
    waits = granting(state=State.APPROVING, deadline=None, allowed_at=None)
    waits = waits.with_(approve_until=NOON + HOUR / 2, may_approve=whom, channel="C0INCIDENT")
    approved = waits.with_(**by("approved"), approved_at=NOON, state=State.REQUESTED)
    no = waits.with_(
        state=State.DENIED, denied_at=NOON, reason=refusals.declined("bob@example.com")
    )
    alone = active(acknowledge=HOUR / 2, deadline=NOON + HOUR / 2, may_approve=whom)
    known = alone.with_(acknowledged_at=NOON, **by("acknowledged"))
    return {
        "while it waits": waits,
        "while it waits, with a way around": waits.with_(may_bypass="yes", why="INC-4711"),
        "when approved": approved,
        "without approval": waits.with_(bypassed_at=NOON, state=State.REQUESTED),
        "when declined": no,
        "while open, approved": active(**by("approved")),
        "while open, without approval": active(bypassed_at=NOON, why="INC-4711"),
        "while open, not acknowledged": alone,
        "while open, acknowledged": known.with_(deadline=NOON + HOUR),
    }


def by(did: str) -> dict[str, Any]:
    """Bob's doing."""
    return {f"{did}_by": "bob@example.com", f"{did}_by_user": "U0BOB"}


def to_be_reviewed() -> dict[str, Session]:
    """A session whose report another has to review, before and after."""
    whom = refusals.whom(("group:leads", "bob@example.com"))
    owes = settling(state=State.TAILING, review=96 * HOUR, may_review=whom, summary=WORTH)
    waits = owes.with_(state=State.REVIEWING, review_until=NOON + 98 * HOUR, report_final="second")
    over = waits.with_(state=State.CLOSED)
    by = {"reviewed_by": "bob@example.com", "reviewed_by_user": "U0BOB", "reviewed_at": NOON}
    return {
        "before the last": owes,
        "to be reviewed": waits,
        "as expected": over.with_(**by, reviewed_as="as expected"),
        "to be followed up": over.with_(**by, reviewed_as="follow up", review_note="Why <that>?"),
        "never reviewed": over,
    }


def asks() -> Iterator[tuple[str, dict[str, Any]]]:
    """What whoever presses a session's button hears."""
    yield "not asked", messages.ephemeral(messages.NOT_ASKED)
    yield "not done yet", answers.later("IAM Identity Center answers 503", NOON + HOUR)
    yield "not done yet, of no session", answers.later("Slack: down", None)
    yield "asked of no session", messages.ephemeral(messages.NO_SESSION)
    for name, ask in decided().items():
        yield f"ask {name}", answers.ANSWERS[ask.outcome](ask)


def decided() -> dict[str, Ask]:
    """An ask with each thing that may come of it."""
    end, extend = asked("end"), asked("extend")
    later = {"deadline_before": NOON + HOUR, "deadline_after": NOON + HOUR * 1.5}
    gone = {"taken back": revoking(tries=11), "lost": active(), "over": settling(),
            "denied": requested(state=State.DENIED), "waiting": requested(),
            "stood before": settling(standing="yes")}  # fmt: skip
    late = {
        f"too late: {name}": end.with_(
            outcome=Outcome.TOO_LATE,
            state_then=str(session.state),
            reason=messages.what_became_of(session, NOON + HOUR / 2),
        )
        for name, session in gone.items()
    }
    again = active(extended=1, extended_by="grace@example.com")
    further = {"extend_to": 4 * HOUR, "extended_at": NOON}
    asked_of = {"already": again, "as far as it goes": again.with_(extend_to=HOUR),
                "just extended": again.with_(**further), "by no glass":
                active(extend=timedelta(0)), "before it came": granting()}  # fmt: skip
    kept = {
        f"not extended: {name}": extend.with_(
            outcome=Outcome.NOT_EXTENDED, reason=messages.why_not_extended(session), **later
        )
        for name, session in asked_of.items()
    }
    return {
        "approved": asked("approve").with_(outcome=Outcome.APPROVED),
        "approved, and refused": asked("approve").with_(outcome=Outcome.APPROVED, reason=REFUSED),
        "declined": asked("decline").with_(outcome=Outcome.DECLINED),
        "withdrawn": end.with_(outcome=Outcome.WITHDRAWN),
        "without approval": asked("bypass").with_(outcome=Outcome.BYPASSED),
        "without approval refused": asked("bypass").with_(
            outcome=Outcome.REFUSED, reason=messages.WHY_ALONE
        ),
        "acknowledged": asked("acknowledge").with_(outcome=Outcome.ACKNOWLEDGED, **later),
        "acknowledged already": asked("acknowledge").with_(
            outcome=Outcome.TOO_LATE,
            reason=messages.why_not_acknowledged(active(acknowledged_by="bob@example.com")),
        ),
        "to approve their own refused": asked("approve").with_(
            outcome=Outcome.REFUSED, reason=messages.YOUR_OWN
        ),
        "approved by another": asked("approve").with_(
            outcome=Outcome.TOO_LATE,
            reason=answers.what_was_said(
                Kind.APPROVE, active(approved_at=NOON, approved_by="bob@example.com"), NOON
            ),
        ),
        "as expected": asked("expected").with_(outcome=Outcome.EXPECTED),
        "to be followed up": asked("followup").with_(outcome=Outcome.FOLLOW_UP),
        "to review their own refused": asked("expected").with_(
            outcome=Outcome.REFUSED, reason=messages.YOUR_OWN
        ),
        **{
            f"too late to review: {name}": asked("followup").with_(
                outcome=Outcome.TOO_LATE, reason=review.why_not(session)
            )
            for name, session in {**to_be_reviewed(), "needs none": settling()}.items()
        },
        "ended": end.with_(outcome=Outcome.ENDED),
        "ended, and gone": end.with_(
            outcome=Outcome.ENDED, reason=messages.what_became_of(settling(), NOON + HOUR)
        ),
        "ended, and it stood before": end.with_(outcome=Outcome.ENDED, reason=messages.STANDS),
        "extended": extend.with_(outcome=Outcome.EXTENDED, **later),
        "noted": asked("reason").with_(outcome=Outcome.NOTED),
        "reason refused": asked("reason").with_(outcome=Outcome.REFUSED),
        "to end refused": end.with_(outcome=Outcome.REFUSED, reason=REFUSED),
        "to extend refused": extend.with_(outcome=Outcome.REFUSED, reason=refusals.nobody(glass())),
        "of nobody refused": end.with_(outcome=Outcome.REFUSED, reason=messages.NOBODY),
        **late,
        **kept,
        "of no session": end.with_(outcome=Outcome.NO_SESSION, glass=""),
    }


def asked(kind: str) -> Ask:
    return Ask(
        id=f"{kind}-0123456789abcdef01234567",
        session_id=active().id,
        asked_at=NOON,
        slack_user="U0BOB",
        glass="prod",
    )


def steve() -> Noted:
    access = replace(active().access, principal_id="9067f0a1-0006-4000-8000-000000000006")
    return Noted(
        access=access,
        found_at=NOON,
        glass="prod",
        email="steve@example.com",
        name="Steve Stone",
        permission_set="BreakGlassAdmin",
    )
