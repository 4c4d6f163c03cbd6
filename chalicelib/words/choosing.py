"""How long access is to last: the select beside the button, and what is said of a choice. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chalicelib.domain.lasting import span_in
from chalicelib.domain.session import Session
from chalicelib.words.markup import Block, escape

HOW_LONG, LONGEST_CHOICE = "how_long", 20  # the select's action, and how many signs are read of it


def span(length: timedelta) -> str:
    """`30 min`, `1 h`, `1 h 30 min`, `45 s`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    parts = {"h": minutes // 60, "min": minutes % 60, "s": seconds}
    return " ".join(f"{number} {unit}" for unit, number in parts.items() if number) or "0 s"


def how_long(durations: Sequence[timedelta], chosen: str = "") -> list[Block]:
    """The select, where there is a choice; what was chosen before stands in it.

    The block's id says what it shows at first: of a select that nobody has touched Slack may tell
    that it is there and not what it shows.
    """
    if len(durations) < 2:
        return []
    wanted = span_in(chosen)
    first = next((each for each in durations if each == wanted), durations[0])
    options = {each: _option(each) for each in durations}
    element: dict[str, Any] = {"type": "static_select", "action_id": HOW_LONG}
    element |= {"options": [*options.values()], "initial_option": options[first]}
    label = {"type": "plain_text", "text": "For how long?"}
    block_id = f"{HOW_LONG} {options[first]['value']}"
    return [{"type": "input", "block_id": block_id, "element": element, "label": label}]


def _option(length: timedelta) -> dict[str, Any]:
    text = {"type": "plain_text", "text": span(length)}
    return {"text": text, "value": span(length).replace(" ", "").replace("min", "m")}


def not_had(session: Session) -> str:
    """That the glass has no such duration as the person chose, and which they got instead."""
    wanted = span_in(session.chosen)
    if not session.chosen or wanted == session.duration:
        return ""
    said = escape(session.chosen, LONGEST_CHOICE) if wanted is None else span(wanted)
    return f"You chose {said}, which this glass does not have: you got {span(session.duration)}. "
