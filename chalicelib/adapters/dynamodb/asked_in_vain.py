"""Who asked something of a session and did not get it: for its report."""

from contextlib import suppress
from itertools import islice
from typing import Final

from chalicelib.adapters.dynamodb.errors import translated
from chalicelib.adapters.dynamodb.model import SPOILED, Row
from chalicelib.adapters.dynamodb.values import ask_in
from chalicelib.domain import ask
from chalicelib.domain.ask import NOT_GRANTED, Ask
from chalicelib.domain.errors import Unreadable
from chalicelib.domain.session import Session

ATTRIBUTES: Final = ["id", "session_id", "asked_at", "slack_user", "person", "outcome"]


def asked_in_vain(session: Session, most: int) -> list[Ask]:
    """The first of them, up to so many, in the order of their time. Raises Unavailable.

    From the index by account, so perhaps late. A row that an operator has spoiled ends it: the log
    has all.
    """
    found: list[Ask] = []
    with translated():
        rows = Row.by_account.query(
            session.account_id,
            Row.asked_at >= session.asked_at,
            filter_condition=(Row.session_id == session.id) & Row.outcome.is_in(*NOT_GRANTED),
            attributes_to_get=ATTRIBUTES,
        )
        with suppress(*SPOILED, Unreadable):
            decided = (row for row in rows if ask.is_decided(str(row.id)))
            found.extend(ask_in(str(row.id), row) for row in islice(decided, most))
    return found
