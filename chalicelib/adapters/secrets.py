"""Reads Slack's secrets from SSM, seldom enough that nobody can make us hammer it.

They are SecureStrings under the account's own key `aws/ssm`, for which ssm:GetParameter is enough;
under a key of the operator's making, the roles need kms:Decrypt on that key as well.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import Rejected, Unavailable
from chalicelib.domain.ports import AwsCall

KEEP: Final = 300.0  # seconds that a secret serves before it is read anew
REFRESH: Final = 60.0  # seconds between two readings, however often a signature fails
REST: Final = 1.0  # seconds after a failed reading while there is no older value to serve


@dataclass(slots=True)
class _Kept:
    value: str = ""
    read_at: float = float("-inf")
    tried_at: float = float("-inf")


class Secrets:
    """The two secrets under `prefix`: `signing-secret` and `bot-token`.

    `call` calls SSM. Both readers raise Unavailable only while there is nothing older to serve.
    Wall time, for a frozen Lambda's other clock may stand still.
    """

    def __init__(
        self, call: AwsCall, prefix: str, seconds: Callable[[], float] = time.time
    ) -> None:
        self._call = call
        self._prefix = prefix
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}

    def signing_secret(self, *, refresh: bool = False) -> str:
        """`refresh`: a signature did not fit; the secret may have been rotated."""
        return self._secret("signing-secret", refresh)

    def bot_token(self, *, refresh: bool = False) -> str:
        """`refresh`: Slack did not take the token."""
        return self._secret("bot-token", refresh)

    def _secret(self, name: str, refresh: bool) -> str:
        kept = self._kept.setdefault(name, _Kept())
        now = self._seconds()
        wanted = refresh or not kept.value or now - kept.read_at >= KEEP
        rested = now - kept.tried_at >= (REFRESH if kept.value else REST)
        # A clock set back must not keep an old secret for ever.
        if wanted and (rested or now < kept.tried_at):
            kept.tried_at = now
            try:
                kept.value, kept.read_at = self._read(name), now
            except Unavailable:
                if not kept.value:
                    raise
        if not kept.value:
            raise Unavailable(f"{self._prefix}/{name} could not be read a moment ago")
        return kept.value

    def _read(self, name: str) -> str:
        path = f"{self._prefix}/{name}"
        try:
            answer = self._call("GetParameter", {"Name": path, "WithDecryption": True})
            value = str(answer["Parameter"]["Value"]).strip()  # pasted with its line end
        except Rejected as error:
            hint = "; see README, “Configure”" if error.code == "ParameterNotFound" else ""
            raise Unavailable(f"SSM does not give {path}: {error.code}{hint}") from error
        except (KeyError, TypeError) as error:
            # Not the error's text: it might quote the answer.
            raise Unavailable(f"SSM does not give {path}: {type(error).__name__}") from error
        if not value:
            raise Unavailable(f"{path} is empty; see README, “Configure”")
        return value
