"""Reviews what somebody did with their access, for whoever is not in the glass's Slack channel.

    python -m tools review bg-0123456789abcdef01234567 --as-expected
    python -m tools review bg-0123456789abcdef01234567 --follow-up --note "Why that bucket?"

The row keeps the AWS identity that you have; nobody reviews their own, as far as that tells who you
are. Whoever may write the table may do this, whoever `reviewers` names: so give nobody that right
who is not to.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.domain.ask import FORMS, SESSION_ID, Outcome
from chalicelib.domain.text import clean
from chalicelib.workflow import policy
from tools import _project
from tools._project import Misused, Problem

if TYPE_CHECKING:
    from chalicelib.domain.ports import Store
    from chalicelib.domain.session import Session

SUMMARY = "reviews what somebody did with their access: as expected, or to be followed up"
IDENTITY = 300  # signs that are kept of it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _project.add_stage(parser)
    parser.add_argument("session", help="the session's id, as the report says it")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--as-expected", action="store_const", dest="how", const=Outcome.EXPECTED)
    how.add_argument("--follow-up", action="store_const", dest="how", const=Outcome.FOLLOW_UP)
    parser.add_argument("--note", default="", help="what others are to know of it")


def run(args: argparse.Namespace) -> int:
    if not SESSION_ID.fullmatch(args.session):
        raise Misused(f"{args.session!r} is no session's id; log --unreviewed lists them")
    if not FORMS["why"].fullmatch(args.note):
        raise Misused("--note takes a line of 300 signs at most")
    known = _project.settings(_project.stage_name(args.stage))
    from chalicelib.adapters.dynamodb.table import Table

    identity = str(_project.client("sts").get_caller_identity()["Arn"])
    reviewed = review(
        Table(known.table, known.region, known.keep), args.session, args.how, identity, args.note
    )
    print(f"Reviewed: {reviewed.email} on “{reviewed.glass}”, {reviewed.reviewed_as}.")
    return 0


def review(books: Store, session_id: str, how: str, identity: str, note: str) -> Session:
    """Closes the session; what is owed to people the sweep says within a minute. Raises Problem."""
    from chalicelib.domain.errors import ExternalError
    from chalicelib.domain.machine import State
    from chalicelib.domain.schedule import scheduled
    from chalicelib.words.review import why_not
    from chalicelib.workflow.changes import reviewed

    session, _ = books.read(session_id)
    if session is None:
        raise Problem(f"there is no session {session_id}")
    if session.state is not State.REVIEWING:
        raise Problem(why_not(session))
    if own(session, identity):
        raise Problem(f"{identity} is {session.email}, and nobody reviews their own")
    now = datetime.now(UTC)
    by = clean(identity, IDENTITY)
    after = reviewed(session, how, by, note, "command", now.replace(microsecond=0))
    try:
        books.write(scheduled(after, now)[0])
    except ExternalError as lost:
        raise Problem(f"{session_id} was written by another just now; try again") from lost
    return after


def own(session: Session, identity: str) -> bool:
    """Whether the AWS identity is the person's, by what it is called: as one that was assumed by
    Identity Center, or by a directory, it ends in the user's name or e-mail."""
    name = policy.key(identity.rpartition("/")[2])
    names = (session.user_name, session.email, session.principal_id)
    return name in {policy.key(each) for each in names if each}
