"""SES: one mail to all, and no report lost for what can be mended."""

import socket
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.adapters.mail import CONFIG, Ses, client_for
from chalicelib.ports import Attachment, Mail, Refused, Unavailable

MAIL = Mail(
    to=("a@example.com", "b@example.com"),
    subject="Access to\r\nBcc: evil@example.com ended",
    text="Text – ok",
    html="<p>Html</p>",
    attachments=(Attachment("events.json", "application/json", b"[]"),),
)


@pytest.fixture
def stub(session: Any):
    stub = Stubber(client_for(session))
    stub.activate()
    yield stub
    stub.assert_no_pending_responses()


def test_a_mail_goes_to_all_recipients_with_its_evidence(stub: Stubber):
    stub.add_response(
        "send_email",
        {"MessageId": "1"},
        {
            "FromEmailAddress": "bg@example.com",
            "Destination": {"ToAddresses": ["a@example.com", "b@example.com"]},
            "Content": {
                "Simple": {
                    "Subject": {
                        "Data": "Access to Bcc: evil@example.com ended",
                        "Charset": "UTF-8",
                    },
                    "Body": {
                        "Text": {"Data": "Text – ok", "Charset": "UTF-8"},
                        "Html": {"Data": "<p>Html</p>", "Charset": "UTF-8"},
                    },
                    "Attachments": [
                        {
                            "FileName": "events.json",
                            "ContentType": "application/json",
                            "RawContent": b"[]",
                        }
                    ],
                }
            },
        },
    )
    Ses(stub.client, "bg@example.com").send(MAIL)


@pytest.mark.parametrize(
    ("code", "message"),
    [("MessageRejected", "Email contains a virus"), ("BadRequestException", "Illegal address")],
)
def test_a_mail_that_ses_will_never_take_is_refused_for_good(stub: Stubber, code, message):
    stub.add_client_error("send_email", code, message)
    with pytest.raises(Refused) as refused:
        Ses(stub.client, "bg@example.com").send(MAIL)
    assert refused.value.lasting


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("MessageRejected", "Email address is not verified. The following identities failed"),
        ("MailFromDomainNotVerifiedException", ""),
        ("AccountSuspendedException", ""),
        ("SendingPausedException", ""),
        ("LimitExceededException", ""),
        ("TooManyRequestsException", ""),
        ("NotFoundException", ""),
        ("AccessDeniedException", ""),
        ("InternalFailure", ""),
    ],
)
def test_what_can_be_mended_leaves_the_report_owed(stub: Stubber, code, message):
    stub.add_client_error("send_email", code, message)
    with pytest.raises(Unavailable, match=code):
        Ses(stub.client, "bg@example.com").send(MAIL)


def test_an_ses_that_is_not_there_is_unavailable(session: Any):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        client = session.client("sesv2", endpoint_url=url, config=CONFIG)
        with pytest.raises(Unavailable):
            Ses(client, "bg@example.com").send(MAIL)


def test_a_mail_is_not_sent_twice_behind_our_back(session: Any):
    assert client_for(session).meta.config.retries["total_max_attempts"] == 1
