"""Rows in a world's table, as a test finds them when it begins."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import Refused
from chalicelib.domain.session import Session
from chalicelib.workflow.answers import Turn
from tests.fakes.outside import World
from tests.support.stories import HOUR, NOON, requested, revoking, settling

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def pressed(world: World, **changes: Any) -> Session:
    """A press as the route has written it."""
    session = requested(**changes)
    world.books.record(session)
    return session


def asked(session: Session, kind: str, who: str, at: datetime = NOON, **changes: Any) -> Ask:
    """What is asked of a session, as the route has written it."""
    facts: dict[str, Any] = {
        "id": f"{kind}-{len(who):08x}{int(at.timestamp()):016x}",
        "session_id": session.id,
        "asked_at": at,
        "slack_user": who,
    }
    return Ask(**(facts | changes))


def held(world: World, **changes: Any) -> Session:
    """Access that is there, and to be taken back."""
    session = world.keep(revoking(**changes))
    world.assignments.add(session.access)
    world.time = NOON + HOUR
    return session


def stuck(world: World, **changes: Any) -> Session:
    """A revoke that AWS refuses for hours."""
    session = held(world, **changes)
    world.says["delete"] = [Refused("ConflictException: not yet")] * 10_000
    return session


def closing(world: World, **changes: Any) -> Session:
    """A session that is over, and whose report is due."""
    session = world.keep(settling(**changes))
    assert session.report_at is not None
    world.time = session.report_at
    return session


def look_at(world: World) -> Turn:
    """A turn from the queue's side, as long as the world leaves it."""
    return Turn("queue", lambda: world.left)
