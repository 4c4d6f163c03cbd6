"""Text from outside, made fit for a message, a mail, a line, a cell. Everything passes here.

Names, e-mails, errors and CloudTrail's words are other people's. In them may be signs that move a
terminal's cursor, turn the direction of reading round or show nothing at all, so that a line reads
as another; half of a surrogate pair, which no UTF-8 holds; and more than a message takes.
"""

import re
from typing import Final

NAME: Final = 200  # signs, unless somebody knows better
CELL: Final = 2_000

# Unicode's categories Cc, Cf, Cs, Zl and Zp, but for Arabic's marks before numbers, which are seen,
# and the two joiners; and the letters that are blank. As literals: a cold start has to be short.
_HARMFUL = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u070f\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
# Joiners belong between the letters of Arabic and Indic scripts, and within an emoji.
_JOINED = "\u0600-\u0dff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_JOINERS = f"(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
# Patterns are compiled on first need, and kept by `re`: most texts are plain ASCII and need none.
_BREAKS = "\r\n|[\t-\r\x1c-\x1f\x85\u2028\u2029]"
_NEWLINES = "\r\n|[\r\x85\u2028\u2029]"
_SIGNS = f"[{_HARMFUL}]|{_JOINERS}"
_SIGNS_IN_LINES = f"(?![\t\n])(?:[{_HARMFUL}]|{_JOINERS})"
_SHOWN = "\ufffd"

# A cell that begins with one of these is a formula to a spreadsheet; the wide ones are, too.
_FORMULA = tuple("=+-@|%＝＋－＠")


def clean(text: str, most: int = NAME) -> str:
    """The text as one line of so many signs at most, of which the eye sees each."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_SIGNS, _SHOWN, re.sub(_BREAKS, " ", text))


def quoted(text: str, most: int = NAME) -> str:
    """The same within a sentence of ours: what reads as one of our times is not taken for one."""
    return clean(text, most).replace(" UTC", "\xa0UTC")


def lines(text: str, most: int | None = None) -> str:
    """The same of a text that has lines: they and tabs stay."""
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_SIGNS_IN_LINES, _SHOWN, re.sub(_NEWLINES, "\n", text))


def cell(text: str) -> str:
    """The text as a spreadsheet shows it and never computes it."""
    said = clean(text, CELL)
    return f"'{said}" if said.lstrip().startswith(_FORMULA) else said
