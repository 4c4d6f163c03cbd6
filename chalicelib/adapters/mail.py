"""Sends mail through SES."""

from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from chalicelib.ports import Mail, Refused, Unavailable

# One attempt: SES knows no idempotency token, and a second one may be a second mail.
CONFIG: Final = Config(
    connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"}
)
REFUSALS: Final = frozenset({"MessageRejected", "BadRequestException"})


def client_for(session: Any, region: str = "") -> Any:
    """A client for Ses. `session` is boto3 or one of its sessions."""
    return session.client("sesv2", region_name=region or None, config=CONFIG)


class Ses:
    """SES, sending from one verified address."""

    def __init__(self, client: Any, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """One mail to all recipients, fifty at most.

        Raises Refused (lasting) where SES will never take this mail. Whatever time or an operator
        mends, be it an address not yet verified or a paused account, is Unavailable: the report
        stays owed. Not safe to repeat after Unavailable without a second mail now and then.
        """
        simple: dict[str, Any] = {
            "Subject": _utf8(" ".join(mail.subject.split())),
            "Body": {"Text": _utf8(mail.text), "Html": _utf8(mail.html)},
        }
        if mail.attachments:
            simple["Attachments"] = [
                {"FileName": each.name, "ContentType": each.type, "RawContent": each.content}
                for each in mail.attachments
            ]
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": list(mail.to)},
                Content={"Simple": simple},
            )
        except ClientError as error:
            raise _translated(error) from error
        except ParamValidationError as error:
            raise Refused("SES: the mail has not the shape of one", lasting=True) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise Unavailable(f"SES: {type(error).__name__}") from error


def _translated(error: ClientError) -> Unavailable | Refused:
    said = error.response.get("Error", {})
    code, message = said.get("Code", ""), said.get("Message", "")
    text = f"SES: {code}: {message}"[:500]
    if code in REFUSALS and "not verified" not in message:
        return Refused(text, lasting=True)
    return Unavailable(text)


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
