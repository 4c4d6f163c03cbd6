"""Starts a query of the trail, or finds the one that somebody has started who then died."""

from datetime import datetime

from chalicelib.domain.ports import Trail
from chalicelib.domain.session import Session
from chalicelib.report.progress import Work
from chalicelib.report.search import (
    ANYONE,
    ROWS,
    Query,
    anyone_in,
    end_of,
    mark_of,
    marked,
    seconds,
)


def ask(
    trail: Trail,
    session: Session,
    work: Work,
    now: datetime,
    round_: int,
    start: int = 0,
    end: int = 0,
    *,
    again: bool,
    instead: str = "",
) -> Query:
    """Starts a query of that round; where `again`, goes on with one that was started [REPORTS 2].

    It is the search's next one then, unless it is for anyone, or comes in the place of another
    (`instead`). Raises Unavailable.
    """
    search, mark = work.search, mark_of(session, trail.log_group)
    start, end = start or search.start, end or search.end
    anyone = round_ == ANYONE
    text = anyone_in(session.account_id) if anyone else search.text(round_)
    found = ""
    for query_id, asked in trail.started(mark) if again else ():
        until = end_of(asked, text, mark, round_, start)
        if until is not None and query_id != instead:
            found, end = query_id, until
            break
    if not found:
        limit = 1 if anyone else ROWS
        own = session.account_id
        accounts = [own] if anyone else [own, *search.accounts]
        found = trail.start(marked(text, mark, round_, start, end), start, end, limit, accounts)
    query = Query(found, start, end, round_, seconds(now))
    if not instead and not anyone:
        if not search.queries:
            search.end = end
        search.queries.append(query)
    return query
