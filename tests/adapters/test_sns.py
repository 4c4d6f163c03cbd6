"""SNS: one message to a topic, in the topic's own Region."""

from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.adapters.sns import CONFIG, Sns
from chalicelib.domain.errors import Refused, Unavailable

TOPIC = "arn:aws:sns:eu-north-1:111122223333:break-glass-use"


class Clients:
    """Makes one stubbed client, and keeps what it was asked for."""

    def __init__(self, session: Any) -> None:
        self.client = session.client("sns", region_name="eu-north-1")
        self.stub, self.asked = Stubber(self.client), list[tuple[str, str]]()
        self.stub.activate()

    def __call__(self, service: str, *, region_name: str, config: Any) -> Any:
        assert config is CONFIG
        self.asked.append((service, region_name))
        return self.client


@pytest.fixture
def clients(session: Any) -> Clients:
    return Clients(session)


def test_a_message_goes_to_the_topic_in_its_region_with_a_subject_that_sns_takes(
    clients: Clients,
) -> None:
    subject = "Ann – has EmergencyAdmin" + "x" * 200
    expected = {
        "TopicArn": TOPIC,
        "Subject": ("Ann ? has EmergencyAdmin" + "x" * 200)[:99],
        "Message": "Text – ok",
    }
    clients.stub.add_response("publish", {"MessageId": "1"}, expected)
    Sns(clients).publish(TOPIC, subject, "Text – ok")
    assert clients.asked == [("sns", "eu-north-1")]
    clients.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("NotFound", Refused),
        ("InvalidParameter", Refused),
        ("AuthorizationError", Unavailable),  # an operator can mend it
        ("Throttled", Unavailable),
        ("InternalError", Unavailable),
    ],
)
def test_what_another_try_may_mend_is_tried_again(
    clients: Clients, code: str, raised: type[Exception]
) -> None:
    clients.stub.add_client_error("publish", code)
    with pytest.raises(raised, match=f"SNS: {code}"):
        Sns(clients).publish(TOPIC, "s", "t")


def test_a_topic_that_cannot_be_reached_is_tried_again(session: Any) -> None:
    def no_client(*_: Any, **__: Any) -> Any:
        return session.client("sns", endpoint_url="http://127.0.0.1:1", config=CONFIG)

    with pytest.raises(Unavailable, match="SNS: EndpointConnectionError"):
        Sns(no_client).publish(TOPIC, "s", "t")
