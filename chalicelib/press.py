"""What Slack sent us: one signed body, read into the one thing that it asks for.

Pure, and strict: the clicked action alone decides, and nothing is guessed.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

ARN = re.compile(r"arn:aws[a-z-]*:sso:::permissionSet/[\w-]+/[\w-]+")
ACCOUNT = re.compile(r"\d{12}", re.ASCII)
BREAK_GLASS = "break_glass"
WISHES = {"end_now": "end", "extend": "extend"}


class Unreadable(Exception):
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


@dataclass(frozen=True, slots=True)
class Wish:
    """*End now* or *Extend* on a session."""

    sender: Sender
    kind: str  # end | extend
    session_id: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Slack proves that this address is ours: the answer is the challenge itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """Slack looks whether our certificate is good: an empty answer will do."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Signed by Slack, and not for us."""

    sender: Sender | None = None


Asked = Press | Wish | Challenge | Check | NotOurs


def session_id(body: bytes) -> str:
    """The id of the session that this very body asks for: a repeat is the same session."""
    return "bg-" + hashlib.sha256(body).hexdigest()[:24]


def read(body: bytes) -> Asked:
    """What the body asks for. Raises Unreadable."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Unreadable("This is not text in UTF-8.") from None
    if text.lstrip().startswith("{"):
        return _event(_json(text))
    form = dict(parse_qsl(text, keep_blank_values=True))
    if form.get("ssl_check") == "1":
        return Check()
    if "payload" in form:
        return _payload(_json(form["payload"]))
    if "command" in form:  # a slash command: its answer's body is shown
        return NotOurs(Sender(user=form.get("user_id", ""), shape="command"))
    raise Unreadable("There is no payload in it.")


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
        raise Unreadable("No action was clicked in it.")
    if not sender.user:
        raise Unreadable("It does not say who pressed.")
    name = _text(clicked, "action_id" if shape == "block_actions" else "name")
    value = _text(clicked, "value")
    if name in WISHES:
        return Wish(sender, WISHES[name], value)
    if name != BREAK_GLASS:
        return NotOurs(sender)
    if shape == "interactive_message" and ARN.fullmatch(value):
        account_id = _text(payload, "callback_id").partition("_")[2].partition("_")[0]
        if not ACCOUNT.fullmatch(account_id):
            raise Unreadable("Its callback_id names no account: deployment_123456789012_abc does.")
        return Press(sender, account_id=account_id, permission_set_arn=value)
    if not value:
        raise Unreadable("The button names no glass.")
    return Press(sender, glass=value)


def _sender(payload: dict[str, Any], shape: str) -> Sender:
    user, channel = _part(payload, "user"), _part(payload, "channel")
    container = _part(payload, "container")
    return Sender(
        user=_text(user, "id"),
        user_name=_text(user, "username") or _text(user, "name"),
        team=_text(_part(payload, "team"), "id"),
        channel=_text(channel, "id") or _text(container, "channel_id"),
        message=(
            _text(payload, "message_ts")
            or _text(_part(payload, "message"), "ts")
            or _text(container, "message_ts")
        ),
        response_url=_text(payload, "response_url"),
        shape=shape,
    )


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("Its payload is not JSON.") from None
    if not isinstance(value, dict):
        raise Unreadable("Its payload is not a JSON object.")
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
