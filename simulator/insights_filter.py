"""The filter command of CloudWatch Logs Insights, as far as a CloudTrail report needs it.

    filter @message like /bob/ and (eventSource = 'sso.amazonaws.com' or not ispresent(errorCode))

Fields starting with @ are the record's own; any other is looked up in the message's JSON by its
dotted path, as Insights discovers it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Matches = Callable[[dict[str, Any]], bool]


class Malformed(ValueError):
    """The filter cannot be read; AWS answers MalformedQueryException."""


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<regex>/(?:\\.|[^/\\])*/[a-z]*) | (?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<number>-?\d+(?:\.\d+)?) | (?P<sign>=~|!=|<=|>=|=|<|>|\(|\)|\[|\]|,)
    | (?P<word>@?[A-Za-z_][\w.\-]*|`[^`]+`))""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def compile_filter(text: str) -> Matches:
    """What follows the word `filter`; raises Malformed."""
    parser = _Parser(_tokens(text))
    matches = parser.either()
    if parser.peek()[0]:
        raise Malformed(f"unexpected {parser.peek()[1]!r}")
    return matches


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise Malformed(f"unexpected {text[at : at + 20]!r}")
        found.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found


class _Parser:
    """Reads from loosest to tightest: or, and, not, one comparison."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "the end")

    def take(self, *expected: str) -> str:
        kind, text = self.peek()
        if not kind or (expected and text.lower() not in expected and kind not in expected):
            raise Malformed(f"expected {' or '.join(expected)}, found {text!r}")
        self.at += 1
        return text

    def saw(self, word: str) -> bool:
        kind, text = self.peek()
        if kind and text.lower() == word:
            self.at += 1
            return True
        return False

    def either(self) -> Matches:
        parts = [self.both()]
        while self.saw("or"):
            parts.append(self.both())
        return lambda record: any(part(record) for part in parts)

    def both(self) -> Matches:
        parts = [self.inverted()]
        while self.saw("and"):
            parts.append(self.inverted())
        return lambda record: all(part(record) for part in parts)

    def inverted(self) -> Matches:
        if self.saw("not"):
            inner = self.inverted()
            return lambda record: not inner(record)
        if self.saw("("):
            inner = self.either()
            self.take(")")
            return inner
        return self.comparison()

    def comparison(self) -> Matches:
        name = self.take("word").strip("`")
        if name.lower() in ("ispresent", "strcontains") and self.saw("("):
            return self.function(name.lower())
        if self.saw("not"):
            kind = self.take("like", "in").lower()
            inner = self.like(name) if kind == "like" else self.one_of(name)
            return lambda record: not inner(record)
        if self.saw("like") or self.saw("=~"):
            return self.like(name)
        if self.saw("in"):
            return self.one_of(name)
        sign = self.take(*_COMPARE)
        right = self.literal()
        return lambda record: _holds(sign, field_of(record, name), right)

    def function(self, function: str) -> Matches:
        name = self.take("word").strip("`")
        if function == "ispresent":
            self.take(")")
            return lambda record: field_of(record, name) is not None
        self.take(",")
        part = str(self.literal())
        self.take(")")
        return lambda record: part in _text(field_of(record, name))

    def like(self, name: str) -> Matches:
        if self.peek()[0] == "regex":
            body, _, flags = self.take("regex")[1:].rpartition("/")
            try:
                pattern = re.compile(body, re.IGNORECASE if "i" in flags else 0)
            except re.error as error:
                raise Malformed(f"/{body}/: {error}") from error
            return lambda record: bool(pattern.search(_text(field_of(record, name))))
        part = str(self.literal())
        return lambda record: part in _text(field_of(record, name))

    def one_of(self, name: str) -> Matches:
        self.take("[")
        values = [self.literal()]
        while self.saw(","):
            values.append(self.literal())
        self.take("]")
        return lambda record: any(_holds("=", field_of(record, name), each) for each in values)

    def literal(self) -> str | float:
        kind, text = self.peek()
        self.take("text", "number")
        return float(text) if kind == "number" else re.sub(r"\\(.)", r"\1", text[1:-1])


def field_of(record: dict[str, Any], name: str) -> Any:
    """A field's value, or None where the record has no such field."""
    if name.startswith("@"):
        return record.get(name)
    try:
        value: Any = json.loads(record.get("@message", ""))
    except ValueError:
        return None
    for part in name.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _holds(sign: str, left: Any, right: Any) -> bool:
    if left is None:
        return sign == "!="
    try:
        return _COMPARE[sign](float(left), float(right))
    except (TypeError, ValueError):
        return _COMPARE[sign](_text(left), str(right))
