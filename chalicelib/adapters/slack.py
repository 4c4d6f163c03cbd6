"""Speaks with Slack as the bot."""

from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.domain.ask import SLACK_USER
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.domain.oncall import MEMBERS
from chalicelib.domain.ports import Posted
from chalicelib.words import refusals

if TYPE_CHECKING:
    from slack_sdk import WebClient

TIMEOUT: Final = 8  # seconds; given up sooner, what a slow Slack has shown would be said again
SCOPE: Final = "users:read.email"
NO_GROUP: Final = "no_such_subteam"  # of that workspace, or it is disabled
LONGEST: Final = 254  # signs of an e-mail address, or of a name

# A new token may be in place already.
STALE_TOKEN: Final = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}
)
NOBODY: Final = frozenset({"user_not_found", "user_not_visible", "users_not_found"})

# No operator can mend these for a message that is owed: what it says, or whom it is for, is wrong.
# All other errors are mended (a scope added, the bot invited, a token renewed) or pass, and what
# is owed is said then.
LASTING: Final = NOBODY | {
    "as_user_not_supported",
    "block_mismatch",
    "cannot_dm_bot",
    "cant_update_message",
    "channel_not_found",
    "edit_window_closed",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_thread_ts",
    "is_archived",
    "message_limit_exceeded",
    "message_not_found",
    "messages_tab_disabled",
    "msg_blocks_too_long",
    "msg_too_long",
    NO_GROUP,
    "no_text",
    "thread_locked",
    "too_many_attachments",
    "user_disabled",
}


class Token(Protocol):
    """Gives the bot's token."""

    def __call__(self, *, refresh: bool = False) -> str:
        """The bot's token; read anew where `refresh`. Raises Unavailable."""


class Slack:
    """Slack's Web API at `api_url`; `respond` is response_url's; see ports.Chat."""

    def __init__(
        self,
        token: Token,
        api_url: str,
        respond: Callable[[str, dict[str, Any], str], None],
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._respond = respond
        self._home: dict[str, str] = {}

    def email(self, user: str) -> str | None:
        """The user's e-mail, by users.info; None for whoever is not one of our people.

        Those are the unknown, the deactivated, bots, and guests of shared channels, whose e-mail is
        only what their own workspace says it is. Refused for good, and the text says why, where
        Slack has no e-mail of theirs or nobody has confirmed it. Where Slack keeps it to itself the
        app lacks the scope users:read.email, which can be mended: Unavailable.
        """
        try:
            answer = self._answer("users_info", user=user)
            found = _data(answer)["user"]
        except Refused as refused:
            if str(refused).removeprefix("Slack: ") in NOBODY:
                return None
            raise
        except KeyError:
            raise Unavailable("Slack: an answer that makes no sense") from None
        if found.get("deleted") or found.get("is_bot") or not self._at_home(found):
            return None
        email = (found.get("profile") or {}).get("email")
        if not email and SCOPE not in (_scopes(answer) or _scopes(self._answer("auth_test"))):
            raise Unavailable(f"Slack does not tell e-mails: give the app {SCOPE}")
        if not email or len(str(email)) > LONGEST:
            raise Refused(refusals.NO_EMAIL, lasting=True)
        if found.get("is_email_confirmed") is False:
            raise Refused(refusals.UNCONFIRMED, lasting=True)
        return str(email)

    def members(self, group: str) -> tuple[str, ...] | None:
        """Who is in the user group, by usergroups.users.list; see oncall.Groups.

        None where Slack has no such group, or it is disabled: so on-call tools leave one in which
        nobody is on call, for Slack takes no empty one. Else Unavailable, where the app lacks the
        scope usergroups:read, or the group has too many to be one of those who are on call.
        """
        try:
            users = self._call("usergroups_users_list", usergroup=group).get("users")
        except Refused as refused:
            if str(refused) == f"Slack: {NO_GROUP}":
                return None
            raise Unavailable(str(refused)) from refused
        if not isinstance(users, list):
            raise Unavailable("Slack: an answer that makes no sense")
        if len(users) > MEMBERS:
            raise Unavailable(f"Slack: {len(users)} members; {MEMBERS} at most can be on call")
        return tuple(each for each in map(str, users) if SLACK_USER.fullmatch(each))

    def handle(self, group: str) -> str:
        """What the user group is called, by usergroups.list; see oncall.Groups."""
        found = self._call("usergroups_list", include_disabled=True).get("usergroups")
        groups = [each for each in found or () if isinstance(each, dict)]
        mine = (str(each.get("handle") or "") for each in groups if each.get("id") == group)
        return next(mine, "")[:LONGEST]

    def respond(self, url: str, message: dict[str, Any]) -> None:
        self._respond(url, message, self._api_url)

    def post(self, channel: str, message: dict[str, Any], thread: str = "") -> Posted:
        """Posts by chat.postMessage. Repeated, it is a second message."""
        where = {"channel": channel} | ({"thread_ts": thread} if thread else {})
        answer = self._call("chat_postMessage", **message, **where)
        return Posted(str(answer.get("channel", channel)), str(answer["ts"]))

    def update(self, channel: str, ts: str, message: dict[str, Any]) -> None:
        """Replaces what our message says; safe to repeat."""
        self._call("chat_update", **message, channel=channel, ts=ts)

    # ---- below the port

    def _at_home(self, user: dict[str, Any]) -> bool:
        """Whether the user belongs to the bot's own workspace, or its Enterprise Grid."""
        if user.get("is_stranger"):
            return False
        if not self._home:
            said = self._call("auth_test")
            self._home = {key: said.get(key) or "" for key in ("team_id", "enterprise_id")}
        if user.get("team_id") == self._home["team_id"]:
            return True
        grid = (user.get("enterprise_user") or {}).get("enterprise_id")
        return bool(grid) and grid == self._home["enterprise_id"]

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return _data(self._answer(method, **arguments))

    def _answer(self, method: str, **arguments: Any) -> Any:
        from slack_sdk.errors import SlackApiError, SlackClientError

        token = self._token()
        try:
            try:
                return getattr(self._client(token), method)(**arguments)
            except SlackApiError as error:
                fresh = self._token(refresh=True) if _error(error) in STALE_TOKEN else token
                if fresh == token:
                    raise
                return getattr(self._client(fresh), method)(**arguments)
        except SlackApiError as error:
            raise _translated(error) from error
        except (SlackClientError, OSError, HTTPException, ValueError, AttributeError) as error:
            # AttributeError: slack_sdk's own, where the JSON is no object
            raise Unavailable(f"Slack: {type(error).__name__}") from error

    def _client(self, token: str) -> "WebClient":
        from slack_sdk import WebClient

        # No retries of its own: a message whose answer was lost would be said twice.
        return WebClient(token, base_url=self._api_url, timeout=TIMEOUT, retry_handlers=[])


def _data(response: Any) -> dict[str, Any]:
    data: dict[str, Any] = response.data
    return data


def _scopes(response: Any) -> frozenset[str]:
    """The token's scopes, as Slack tells them with each answer."""
    headers = {name.lower(): str(value) for name, value in (response.headers or {}).items()}
    return frozenset(headers.get("x-oauth-scopes", "").replace(" ", "").split(",")) - {""}


def _translated(error: Any) -> Unavailable | Refused:
    code = _error(error)
    if code in LASTING:
        return Refused(f"Slack: {code}", lasting=True)
    response = error.response
    if getattr(response, "status_code", None) == 429:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Unavailable(f"Slack: come back in {headers.get('retry-after', '?')} s")
    return Unavailable(f"Slack: {code}")


def _error(error: Any) -> str:
    """The error's name, never a body."""
    data = error.response.data
    code = data.get("error") if isinstance(data, dict) else None
    named = isinstance(code, str) and code.replace("_", "").isalnum()
    return str(code) if named else "an answer that makes no sense"
