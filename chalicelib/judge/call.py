"""One call as CloudTrail recorded it, read so that rules can ask about it.

Everything in a record is somebody else's text and may be missing, misshapen or hostile: nothing
here raises for it, and everything that is read has a bound.
"""

import json
import re
from collections.abc import Iterable, Iterator
from copy import copy
from functools import cached_property, lru_cache
from typing import Any, Self

Json = dict[str, Any]
Leaf = tuple[tuple[str, ...], str]
Parameter = tuple[str, tuple[str, ...], str]

LEAVES = 2_000  # looked at of one record's texts
LONGEST = 100_000  # of a policy's text
DEEPEST = 14
INSIDE = "{}"  # in a leaf's way: what follows stood in a text that is JSON itself

# Names that only wrap what they hold, as EC2's answers and requests do.
WRAPPERS = frozenset({"items", "item", "member", "value", "content", "entry"})

READS = re.compile(
    r"(Batch)?(Get|List|Describe|Head|Lookup|Search|Query|Scan|Select|Filter|Check|Preview|Estimate"
    r"|Validate|Simulate|Detect|View|Read|Discover|Assume|Decrypt|Verify|GenerateDataKey|Download"
    r"|Retrieve|Count|Compare|Is(?=[A-Z])|Has(?=[A-Z])|StartQuery$|StopQuery$|StartLiveTail)"
)
REFUSALS = re.compile(
    r"access_?denied|unauthori[sz]ed|not_?authori[sz]ed|authorization_?error|forbidden|^403$",
    re.IGNORECASE,
)
REFUSAL_WORDS = re.compile(r"not authorized|access denied|explicit deny", re.IGNORECASE)
TELL_OF_ERRORS = frozenset({"errorCode", "errorMessage", "serviceEventDetails"})
DRY_RUN = "DryRunOperation"  # EC2 answers so where the call would have gone through
VERSION = re.compile(r"_?20\d\d_?\d\d_?\d\d(v\d)?$")  # as in UpdateFunctionCode20150331v2


class Call:
    """What the rules ask of one record. The request is taken apart only when one asks for it."""

    def __init__(self, record: Json, home: str = "") -> None:
        self.record = record
        self.identity = table(record.get("userIdentity"))
        self.source = text(record.get("eventSource"))
        self.name = text(record.get("eventName"))
        self.service, self.plain = plainly(self.source, self.name)
        self.asked = table(record.get("requestParameters"))
        self.error, self.refused = error_of(record)
        self.dry = "errorCode" in record and DRY_RUN in text(record["errorCode"])
        self.read_only = read_only(record, self.name) or self.dry
        self.by_service = by_service(record, self.identity)
        self.account = text(record.get("recipientAccountId")) or text(
            self.identity.get("accountId")
        )
        self.home = home or self.account

    @property
    def answer(self) -> Json:
        return table(self.record.get("responseElements"))

    @cached_property
    def request(self) -> tuple[Leaf, ...]:
        return tuple(leaves(self.asked))

    @cached_property
    def answered(self) -> tuple[Leaf, ...]:
        return tuple(leaves(self.answer))

    @cached_property
    def index(self) -> dict[str, list[Leaf]]:
        """All values of the request, by the last name that leads to them."""
        return _by_name(self.request)

    @cached_property
    def answer_index(self) -> dict[str, list[Leaf]]:
        return _by_name(self.answered)

    def said(self, name: str) -> Iterator[str]:
        """The values of a parameter, wherever in the request it stands; see `parameter`."""
        return self.values(parameter(name))

    def values(self, asked: Parameter) -> Iterator[str]:
        """The values of a parameter, as `parameter` has parsed its name."""
        where, above, last = asked
        if where == "record":
            yield from self._field(above)
            return
        index = self.answer_index if where == "answer" else self.index
        for way, value in index.get(last, ()):
            if all(part in way for part in above):
                yield value

    def each(self, lists: frozenset[str]) -> Iterator[Self]:
        """The call as though it had asked for one element of such a list alone, for every one."""
        for element in elements(self.asked, lists):
            part = copy(self)
            part.__dict__.pop("request", None)
            part.__dict__.pop("index", None)
            part.asked = element
            yield part

    def _field(self, way: tuple[str, ...]) -> Iterator[str]:
        value: Any = self.record
        for name in way:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, str | int):
            yield str(value)

    @property
    def cut(self) -> bool:
        """Whether CloudTrail left the request out because it was too large."""
        return self.asked.get("omitted") is True or "too large" in text(self.asked.get("reason"))


@lru_cache(maxsize=4096)
def plainly(source: str, name: str) -> tuple[str, str]:
    """The service, and the name of a call without the version that some services put behind it."""
    return source.removesuffix(".amazonaws.com"), VERSION.sub("", name)


@lru_cache(maxsize=4096)
def parameter(name: str) -> Parameter:
    """Where a parameter is looked for, below which others, and its own name in small letters.

    "logging.enabled" is an `enabled` somewhere below a `logging`; "answer.x" is looked for in the
    answer. "record.userIdentity.type" is that very field of the record.
    """
    where, _, rest = name.partition(".")
    if where == "record":
        return where, tuple(rest.split(".")), ""
    if where != "answer":
        where, rest = "", name
    *above, last = rest.lower().split(".")
    return where, tuple(above), last


def _by_name(found: Iterable[Leaf]) -> dict[str, list[Leaf]]:
    index: dict[str, list[Leaf]] = {}
    for leaf in found:
        if leaf[0]:
            index.setdefault(leaf[0][-1], []).append(leaf)
    return index


def leaves(value: Any) -> list[Leaf]:
    """Every text, number, yes and no in a value, with the names that lead to it in small letters.

    A text that is JSON itself, as policies are, is given as text and then taken apart as well.
    """
    found: list[Leaf] = []
    _gather(value, (), found)
    return found


def elements(value: Any, lists: frozenset[str], depth: int = DEEPEST) -> Iterator[Json]:
    """What stands in the lists of these names, in small letters; one that stands alone as well."""
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) <= LONGEST:
        value = parsed(value)
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not depth:
        return
    for name, inner in value.items():
        if str(name).lower() in lists:
            yield from _unwrapped(inner)
        else:
            yield from elements(inner, lists, depth - 1)


def _unwrapped(value: Any, depth: int = 3) -> Iterator[Json]:
    if isinstance(value, list):
        for inner in value[:LEAVES]:
            yield from _unwrapped(inner, depth)
    elif isinstance(value, dict):
        wraps = len(value) == 1 and WRAPPERS.issuperset(str(name).lower() for name in value)
        if wraps and depth:
            yield from _unwrapped(next(iter(value.values())), depth - 1)
        else:
            yield value


def _gather(value: Any, way: tuple[str, ...], found: list[Leaf]) -> None:
    if len(way) > DEEPEST or len(found) >= LEAVES:
        return
    if isinstance(value, str):
        if value:
            found.append((way, value))
            if value[0] in "{[" and len(value) <= LONGEST:
                inside = parsed(value)
                if isinstance(inside, dict | list):
                    _gather(inside, (*way, INSIDE), found)
    elif isinstance(value, dict):
        if "op" in value and "path" in value:
            _gather_patch(value, way, found)
        for name, inner in value.items():
            said = str(name).lower()
            wraps = said in WRAPPERS and way and way[-1] != INSIDE
            _gather(inner, way if wraps else (*way, said), found)
    elif isinstance(value, list):
        for inner in value:
            if not isinstance(inner, list):
                _gather(inner, way, found)
    elif isinstance(value, bool):
        found.append((way, "true" if value else "false"))
    elif isinstance(value, int | float):
        found.append((way, str(value)))


def _gather_patch(patch: Json, way: tuple[str, ...], found: list[Leaf]) -> None:
    """A patch sets what its path leads to: as if that had been asked for by its name."""
    names = tuple(filter(None, text(patch["path"]).lower().split("/")))
    if names and len(names) < DEEPEST and patch["op"] in ("add", "replace"):
        _gather(patch.get("value"), (*way, *names), found)


def parsed(said: str) -> Any:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None


def read_only(record: Json, name: str) -> bool:
    """Whether a call changes nothing: as its record says, and else by its name."""
    said = record.get("readOnly")
    if said is True or said is False:
        return said
    if isinstance(said, str) and said.lower() in ("true", "false"):
        return said.lower() == "true"
    return bool(READS.match(name))  # records from before 2019 do not say


def error_of(record: Json) -> tuple[str, bool]:
    """The error, if the call failed, and whether it was a refusal.

    Some services say so in `responseElements`, and sign-in in its own words.
    """
    answer = record.get("responseElements")
    if not answer and record.keys().isdisjoint(TELL_OF_ERRORS):
        return "", False
    answer = table(answer)
    code, words = text(record.get("errorCode")), text(record.get("errorMessage"))
    if not code and not words:
        code, words = _error_in(answer)
    if not code and not words:
        name = text(record.get("eventName"))
        details = table(record.get("serviceEventDetails"))
        if "Failure" in (answer.get(name), details.get(name)):
            code = "Failure"
    if code.endswith(DRY_RUN):
        return "", False
    if code.lower() == "success":
        code = ""
    refused = bool(REFUSALS.search(code) or REFUSAL_WORDS.search(words))
    return code or words[:200], refused


def _error_in(answer: Json) -> tuple[str, str]:
    """Code and words of an error that stands in an answer, by the names that services give it."""
    code = words = ""
    for name, value in answer.items():
        match name.lower():
            case "errorcode" | "__type":
                code = code or text(value)
            case "errormessage":
                words = words or text(value)
            case "error" | "errordetail" | "errordetails" | "unsuccessful":
                code = code or text(value)
                for way, said in leaves(value):
                    if way[-1:] in (("code",), ("errorcode",)):
                        code = code or said
                    elif way[-1:] in (("message",), ("errormessage",)):
                        words = words or said
            case _ if name.endswith("Response") and isinstance(value, dict):
                found = _error_in({n: v for n, v in value.items() if not n.endswith("Response")})
                code, words = code or found[0], words or found[1]
    return code, words


def by_service(record: Json, identity: Json) -> str:
    """The service that called on the person's behalf; the console's sign-in is the person."""
    by, address = identity.get("invokedBy"), text(record.get("sourceIPAddress"))
    if by is None and not address.endswith(".com"):
        return ""  # as nearly always
    for said in (text(by), address):
        if said.endswith(".amazonaws.com") and said != "signin.amazonaws.com":
            return said
    return text(by) if by == "AWS Internal" else ""


def table(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""
