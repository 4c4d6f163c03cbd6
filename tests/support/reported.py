"""The report of a session, made in one piece: what `report/reading.py` does page by page.

`build` makes it from a session and CloudTrail's records; `to_mail` puts it into words, and `told`
is what is said of it in Slack. The same session and records always make the same words.
"""

from collections.abc import Iterable
from typing import Any

from chalicelib.domain.session import Session
from chalicelib.judge.rules import Book
from chalicelib.report.gathered import gathering
from chalicelib.report.made import Report
from chalicelib.report.mail import to_mail
from chalicelib.report.wording import told

__all__ = ["Report", "build", "to_mail", "told"]


def build(
    session: Session,
    records: Iterable[Any],
    *,
    final: bool = False,
    truncated: bool = False,
    silent: bool = False,
    book: Book | None = None,
) -> Report:
    """The report of `session` from the trail's coarsely filtered `records`, in any order.

    What an earlier report had is told by `session.report_events`, `report_digest` and
    `reported_at`. `book` has the rules by which events are judged. No record makes this raise;
    every one of them is counted somewhere.
    """
    gathered, sieve = gathering(session, final, most=None, book=book)
    for record in records:
        sieve.take(record)
    sieve.judge_waiting()
    return gathered.report(sieve, truncated=truncated, silent=silent)
