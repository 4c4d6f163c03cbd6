"""Slack's markup: what comes from outside is escaped, and what is too long is cut where it may be.

Slack refuses a whole message for one text that is too long, so nothing longer can be made here.
Signs are counted as UTF-16 does, in which an emoji is two: nobody counts more.
"""

import re
from datetime import datetime
from typing import Any, Final

from chalicelib.domain import text

Block = dict[str, Any]

TEXT: Final = 2_900  # signs; Slack takes 3,000 in a section
NAME: Final = 260  # as long as an e-mail address can be
_PARTS = re.compile("&(?:amp|lt|gt);|<[^<>]*>|```|.", re.DOTALL)  # none of them is cut in two
_FENCE = "```"
_MENTIONED = re.compile(r"<@[UW][A-Z0-9]+> \(([^()<>]+)\)")
_MOMENT = re.compile(r"\b(2\d{3}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)? UTC\b", re.ASCII)

# They look alike, and Slack takes them for no emphasis. Of underscores only those can begin one
# that stand before a word: names have many, and are copied.
_UNEMPHATIC = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_BEGINS_ITALIC = re.compile(r"(?<![A-Za-z0-9])_(?=\S)")


def escape(words: str, most: int = NAME) -> str:
    """Other people's words: they neither link nor mention nor emphasise, and have a bound."""
    calm = text.clean(words, most).translate(_UNEMPHATIC)
    return fitting(entities(_BEGINS_ITALIC.sub("ˍ", calm)), most)


def code(words: str, most: int = NAME) -> str:
    """The same within a block of code, to be copied: there nothing emphasises, but its end is one
    of backquotes."""
    return fitting(entities(text.clean(words, most).replace("`", "ˋ")), most)


def entities(words: str) -> str:
    """Slack's three, and HTML's between tags."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fitting(markup: str, most: int = TEXT) -> str:
    """As much as fits: no entity and no <token> is cut in two, no code block is left open."""
    if _size(markup) <= most:
        return markup
    kept: list[str] = []
    room, is_code = most - len("…"), False
    for part in _PARTS.findall(markup):
        after = is_code != (part == _FENCE)  # whether a block is open after this part
        if _size(part) + len(_FENCE) * after > room:
            break
        kept.append(part)
        room -= _size(part)
        is_code = after
    return "".join([*kept, "…", _FENCE if is_code else ""])


def local(words: str, most: int = NAME) -> str:
    """A sentence of ours, with each `2026-11-22 15:04 UTC` as Slack shows it in the reader's zone.

    Seconds stay where there are some; the day does not. In it others' words are `text.quoted`, so
    that no time in them is changed.
    """

    def token(found: re.Match[str]) -> str:
        try:
            at = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ':00'}+00:00")
        except ValueError:  # a row that was written by hand
            return found[0]
        shown = "{time_secs}" if found[3] else "{time}"
        return f"<!date^{int(at.timestamp())}^{shown}|{found[2]}{found[3] or ''} UTC>"

    return _MOMENT.sub(token, escape(words, most))


def plain(markup: str) -> str:
    """The same words without emphasis, for notifications; a name that can be read, no mention."""
    return fitting(_MENTIONED.sub(r"\1", markup.replace("*", "")))


def mrkdwn(markup: str) -> Block:
    """A text in which Slack makes no links of addresses and no mentions of names by itself."""
    return {"type": "mrkdwn", "text": fitting(markup), "verbatim": True}


def section(markup: str) -> Block:
    return {"type": "section", "text": mrkdwn(markup)}


def _size(words: str) -> int:
    return len(words) + sum(sign > "\uffff" for sign in words)
