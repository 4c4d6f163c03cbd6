"""What Slack sent us: one signed body, read into the one thing that it asks for.

Pure, and strict: the clicked action alone decides, and nothing is guessed. What is kept of it has
the form that Slack gives it, or a length: whatever anybody sends, a row stays small.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.domain.ask import ANSWERED, SLACK_CHANNEL, SLACK_TEAM, SLACK_USER, Kind
from chalicelib.domain.session import SESSION_ID
from chalicelib.domain.text import clean
from chalicelib.words import cards, refusals
from chalicelib.words.choosing import HOW_LONG, LONGEST_CHOICE

ARN = re.compile(r"arn:aws[a-z-]*:sso:::permissionSet/[\w-]+/[\w-]+")
ACCOUNT = re.compile(r"\d{12}", re.ASCII)
TS = re.compile(r"\d{1,20}(\.\d{1,10})?", re.ASCII)
VALUE, URL, NAME = 100, 500, 80  # signs that are kept of each
BREAK_GLASS = "break_glass"
LINKS = frozenset({"open_console"})  # buttons that lead away: Slack tells of them all the same
# A button's action is called as the ask is; a reason comes from a field, which is no button.
ON_A_SESSION = {
    "end_now" if kind is Kind.END else str(kind): kind for kind in ANSWERED - {Kind.REASON}
}


class NoPayload(Exception):
    """The body is no Slack payload. The text says what is wrong, and nothing of what it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who pressed, where, and where an answer goes."""

    user: str
    user_name: str = ""
    team: str = ""
    channel: str = ""
    message: str = ""  # ts
    response_url: str = ""
    shape: str = ""  # block_actions | interactive_message | …

    @property
    def hears_answers(self) -> bool:
        """Whether Slack shows the answer's body; of Block Kit's presses it ignores it."""
        return self.shape != "block_actions"


@dataclass(frozen=True, slots=True)
class Press:
    """*Break Glass*: by the glass's name or, as the original's message has it, account and set."""

    sender: Sender
    glass: str = ""
    account_id: str = ""
    permission_set_arn: str = ""
    why: str = ""
    chosen: str = ""  # how long, as the message's select has it


@dataclass(frozen=True, slots=True)
class OnSession:
    """*End now*, *Extend*, or a reason."""

    sender: Sender
    kind: Kind
    session_id: str  # of the right form, or empty
    why: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Slack proves that this address is ours: the answer is the challenge itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """An empty answer will do: Slack looks whether our certificate is good, or tells of a link."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Signed by Slack, and not for us."""

    sender: Sender | None = None


Asked = Press | OnSession | Challenge | Check | NotOurs


def ask_id(kind: Kind, body: bytes) -> str:
    """The id of what this very body asks for: a repeat is the same ask."""
    return f"{kind}-{hashlib.sha256(body).hexdigest()[:24]}"


def read(body: bytes) -> Asked:
    """What the body asks for. Raises NoPayload."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NoPayload(refusals.NOT_UTF_8) from None
    if text.lstrip().startswith("{"):
        return _event(_json(text))
    form = dict(parse_qsl(text, keep_blank_values=True))
    if form.get("ssl_check") == "1":
        return Check()
    if "payload" in form:
        return _payload(_json(form["payload"]))
    if "command" in form:  # a slash command: its answer's body is shown
        return NotOurs(Sender(user=_formed(form, "user_id", SLACK_USER), shape="command"))
    raise NoPayload(refusals.NO_PAYLOAD)


def _event(event: dict[str, Any]) -> Asked:
    if event.get("type") == "url_verification":
        return Challenge(_text(event, "challenge"))
    return NotOurs()


def _payload(payload: dict[str, Any]) -> Asked:
    shape = _text(payload, "type")
    sender = _sender(payload, shape)
    if shape not in ("block_actions", "interactive_message"):
        return NotOurs(sender)
    actions = payload.get("actions")
    clicked = actions[0] if isinstance(actions, list) and actions else None
    if not isinstance(clicked, dict):
        raise NoPayload(refusals.NO_ACTION)
    if not sender.user:
        raise NoPayload(refusals.NOBODY_PRESSED)
    name = _text(clicked, "action_id" if shape == "block_actions" else "name")
    value, why = _text(clicked, "value"), _typed(payload)
    if name in ON_A_SESSION:
        session_id = value if SESSION_ID.fullmatch(value) else ""
        return OnSession(sender, ON_A_SESSION[name], session_id, why)
    if name == cards.WHY:  # Enter in the card's field; the block says which session's it is
        session_id = _text(clicked, "block_id").partition(" ")[2]
        session_id = session_id if SESSION_ID.fullmatch(session_id) else ""
        why = _reason(value)
        return OnSession(sender, Kind.REASON, session_id, why) if why else Check()
    if name in LINKS or name == HOW_LONG:  # a choice alone asks nothing: the button takes it
        return Check()
    if name != BREAK_GLASS:
        return NotOurs(sender)
    if shape == "interactive_message" and ARN.fullmatch(value):
        account_id = _text(payload, "callback_id").partition("_")[2].partition("_")[0]
        if not ACCOUNT.fullmatch(account_id):
            raise NoPayload(refusals.NO_ACCOUNT)
        return Press(sender, account_id=account_id, permission_set_arn=value)
    if not value:
        raise NoPayload(refusals.NO_GLASS)
    chosen = _chosen(payload, _text(clicked, "block_id"))
    return Press(sender, glass=clean(value, VALUE), why=why, chosen=chosen)


def _typed(payload: dict[str, Any]) -> str:
    """What stands in the message's field, which each press carries."""
    for block in _part(_part(payload, "state"), "values").values():
        if isinstance(block, dict) and (why := _reason(_text(_part(block, cards.WHY), "value"))):
            return why
    return ""


def _chosen(payload: dict[str, Any], pressed: str) -> str:
    """What stands in the select of the button's own block, or in the only one that there is.

    One that nobody has touched may say nothing: then its block does, where it is one of ours.
    """
    found: dict[str, str] = {}
    for block_id, block in _part(_part(payload, "state"), "values").items():
        if isinstance(block, dict) and HOW_LONG in block:
            value = _text(_part(_part(block, HOW_LONG), "selected_option"), "value")
            ours, _, shown = block_id.partition(" ")
            value = value or (shown if ours == HOW_LONG else "")
            found[block_id] = clean(value.strip(), LONGEST_CHOICE)
    only = next(iter(found.values())) if len(found) == 1 else ""
    return found.get(pressed, only)


def _reason(text: str) -> str:
    return clean(text.strip(), cards.LONGEST_WHY)


def _sender(payload: dict[str, Any], shape: str) -> Sender:
    user, channel = _part(payload, "user"), _part(payload, "channel")
    container = _part(payload, "container")
    name = _text(user, "username") or _text(user, "name")
    url = _text(payload, "response_url")
    return Sender(
        user=_formed(user, "id", SLACK_USER),
        user_name=clean(name, NAME),
        team=_formed(_part(payload, "team"), "id", SLACK_TEAM),
        channel=_formed(channel, "id", SLACK_CHANNEL)
        or _formed(container, "channel_id", SLACK_CHANNEL),
        message=(
            _formed(payload, "message_ts", TS)
            or _formed(_part(payload, "message"), "ts", TS)
            or _formed(container, "message_ts", TS)
        ),
        response_url=url if len(url) <= URL else "",
        shape=clean(shape, NAME),
    )


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise NoPayload(refusals.NOT_JSON) from None
    if not isinstance(value, dict):
        raise NoPayload(refusals.NO_OBJECT)
    return value


def _part(payload: dict[str, Any], key: str) -> dict[str, Any]:
    part = payload.get(key)
    return part if isinstance(part, dict) else {}


def _text(payload: dict[str, Any], key: str) -> str:
    """A string of a sane length that a row can hold; anything else is as good as missing."""
    value = payload.get(key)
    if not isinstance(value, str) or len(value) > 2000:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return ""
    return value


def _formed(payload: dict[str, Any], key: str, form: re.Pattern[str]) -> str:
    """The string, where it has the form that Slack gives it; any other is as good as missing."""
    value = _text(payload, key)
    return value if form.fullmatch(value) else ""
