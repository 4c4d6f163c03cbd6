"""Publishes to SNS topics."""

from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.transport.errors import code_of

# One attempt: a second one may be a second message.
CONFIG: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"}
)
NEVER: Final = frozenset({"NotFound", "InvalidParameter", "ParameterValueInvalid"})
SUBJECT: Final = 99  # signs of ASCII; SNS takes fewer than 100


class Sns:
    """SNS topics, each in the Region that its ARN names. `session` is botocore's or boto3's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def publish(self, topic: str, subject: str, text: str) -> None:
        """One message. Raises Refused (lasting) where the topic is not there or takes no such
        message, and Unavailable where another try may help: then it may have been published."""
        plain = subject.encode("ascii", "replace").decode()[:SUBJECT]
        try:
            client = self._client("sns", region_name=topic.split(":")[3], config=CONFIG)
            client.publish(TopicArn=topic, Subject=plain, Message=text)
        except ClientError as error:
            code = code_of(error)
            if code in NEVER:
                raise Refused(f"SNS: {code}", lasting=True) from error
            raise Unavailable(f"SNS: {code}") from error
        except (BotoCoreError, ResponseParserError) as error:
            raise Unavailable(f"SNS: {type(error).__name__}") from error
