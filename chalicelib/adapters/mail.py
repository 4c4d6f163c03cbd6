"""Sends mail through SES."""

import time
from collections.abc import Callable
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from chalicelib.domain import text
from chalicelib.domain.errors import ExternalError, Partly, Refused, Unavailable
from chalicelib.domain.ports import Log, Mail
from chalicelib.transport.errors import code_of

# One attempt: SES knows no idempotency token, and a second one may be a second mail.
CONFIG: Final = Config(
    connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"}
)
REFUSALS: Final = frozenset({"MessageRejected", "BadRequestException"})
TOO_FAST: Final = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
PAUSE: Final = 1.1  # seconds; a new account sends one mail a second
PAUSES: Final = 10  # for one mail
EACH_FOR: Final = 4.0  # seconds; then the others' mails are left to the next try: with the last one
# of them, which may hang, it is over before anybody else may take the mail for unsent


def client_for(session: Any, region: str = "") -> Any:
    """A client for Ses. `session` is boto3 or one of its sessions."""
    return session.client("sesv2", region_name=region or None, config=CONFIG)


class Ses:
    """SES, sending from one verified address."""

    def __init__(
        self,
        client: Any,
        sender: str,
        say: Log,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._sender = client, sender
        self._log, self._sleep, self._seconds = say, sleep, seconds

    def send(self, mail: Mail) -> None:
        """One mail to all recipients, fifty at most; where SES refuses that, one to each.

        SES refuses a mail for all of them for the sake of one address. So who can be reached is,
        and the log says who was not. Raises Refused (lasting) where SES will never take this mail
        for anybody. Whatever time or an operator mends, be it an address not yet verified or a
        paused account, is Unavailable: the report stays owed. Where some have it by then, or where
        no time is left for the others, it is Partly, and says how many. Not safe to repeat after
        Unavailable without a second mail now and then.
        """
        content, began = _content(mail), self._seconds()
        try:
            self._send(mail.to[mail.reached :], content)
        except ClientError as error:
            alone = len(mail.to) == 1
            if code_of(error) not in REFUSALS or alone or not self._each(mail, content, began):
                raise _translated(error) from error

    def _each(self, mail: Mail, content: dict[str, Any], began: float) -> int:
        """To each recipient alone; how many of them SES took."""
        taken, pauses, before = mail.reached, PAUSES, mail.reached
        for number, address in enumerate(mail.to[before:], before + 1):
            try:
                if taken and number > before + 1 and self._seconds() - began > EACH_FOR:
                    raise Unavailable("SES: it takes long")
                pauses = self._patiently(address, content, pauses)
                taken += 1
            except Unavailable as error:
                raise _partly(error, taken, number - 1) from error
            except ClientError as error:
                if code_of(error) not in REFUSALS:
                    raise _partly(_translated(error), taken, number - 1) from error
                which = {"number": number, "of": len(mail.to), "domain": address.rpartition("@")[2]}
                self._log("error", "SES refuses a recipient", error=code_of(error), **which)
        return taken

    def _patiently(self, address: str, content: dict[str, Any], pauses: int) -> int:
        """Sends, and waits where SES takes no more this second; how many pauses are left."""
        while True:
            try:
                self._send((address,), content)
                return pauses
            except ClientError as error:
                if code_of(error) not in TOO_FAST or not pauses:
                    raise
            pauses -= 1
            self._sleep(PAUSE)

    def _send(self, to: tuple[str, ...], content: dict[str, Any]) -> None:
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": list(to)},
                Content={"Simple": content},
            )
        except ParamValidationError as error:
            raise Refused("SES: the mail has not the shape of one", lasting=True) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise Unavailable(f"SES: {type(error).__name__}") from error


def _partly(error: ExternalError, taken: int, reached: int) -> ExternalError:
    return Partly(str(error), reached) if taken else error


def _content(mail: Mail) -> dict[str, Any]:
    body = {"Text": _utf8(text.lines(mail.text)), "Html": _utf8(text.lines(mail.html))}
    simple: dict[str, Any] = {"Subject": _utf8(_subject(mail.subject)), "Body": body}
    if mail.attachments:
        simple["Attachments"] = [
            {"FileName": each.name, "ContentType": each.type, "RawContent": each.content}
            for each in mail.attachments
        ]
    return simple


def _subject(words: str) -> str:
    return " ".join(text.clean(words).split())


def _translated(error: ClientError) -> Unavailable | Refused:
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    said = f"SES: {code}: {message}"[:500]
    if code in REFUSALS and "not verified" not in message:
        return Refused(said, lasting=True)
    return Unavailable(said)


def _utf8(words: str) -> dict[str, str]:
    return {"Data": words, "Charset": "UTF-8"}
