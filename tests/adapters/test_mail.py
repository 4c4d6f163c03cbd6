"""SES: one mail to all, and no report lost for what can be mended."""

import socket
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from chalicelib.adapters.mail import CONFIG, EACH_FOR, REFUSALS, Ses, client_for
from chalicelib.domain.errors import Partly, Refused, Unavailable
from chalicelib.domain.ports import Attachment, Mail
from chalicelib.operations.log import JsonLog

ALONE = ("a@example.com",)
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
    Ses(stub.client, "bg@example.com", JsonLog()).send(MAIL)


@pytest.mark.parametrize(
    ("code", "message"),
    [("MessageRejected", "Email contains a virus"), ("BadRequestException", "Illegal address")],
)
@pytest.mark.parametrize("to", [ALONE, MAIL.to])
def test_a_mail_that_ses_will_never_take_is_refused_for_good(stub: Stubber, code, message, to):
    for _ in range(1 if to == ALONE else 1 + len(to)):
        stub.add_client_error("send_email", code, message)
    with pytest.raises(Refused) as refused:
        Ses(stub.client, "bg@example.com", JsonLog()).send(replace(MAIL, to=to))
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
        Ses(stub.client, "bg@example.com", JsonLog()).send(replace(MAIL, to=ALONE))


class Strict:
    """A client for SES that refuses a whole mail for one address; `fast`: so many in a row."""

    def __init__(self, bad: dict[str, str], fast: int = 1000) -> None:
        self.bad, self.fast, self.row = bad, fast, 0
        self.asked: list[list[str]] = []
        self.taken: list[str] = []
        self.time, self.takes = 0.0, 0.0

    def send_email(self, *, Destination: Any, **_: Any) -> None:  # noqa: N803 - boto3's name
        to = Destination["ToAddresses"]
        self.asked.append(to)
        self.row += 1
        self.time += self.takes
        code = next((self.bad[each] for each in to if each in self.bad), "")
        if self.row > self.fast:
            code = "TooManyRequestsException"
        if code:
            said = {"Error": {"Code": code, "Message": "not verified"}}
            raise ClientError(said, "SendEmail")  # type: ignore[arg-type]
        self.taken += to

    def pause(self, _: float) -> None:
        self.row = 0


def sent(client: Strict, *to: str, reached: int = 0) -> list[dict[str, Any]]:
    """What the log says of it."""
    said: list[dict[str, Any]] = []

    def say(*_: Any, **facts: Any) -> None:
        said.append(facts)

    ses = Ses(client, "bg@example.com", say, client.pause, lambda: client.time)
    ses.send(replace(MAIL, to=to, reached=reached))
    return said


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_one_address_that_ses_refuses_keeps_nobody_else_from_the_mail(code: str):
    client = Strict({"dån@example.org": code})
    said = sent(client, "a@example.com", "dån@example.org", "b@example.com")
    assert client.taken == ["a@example.com", "b@example.com"]
    assert len(client.asked) == 4
    assert said == [{"number": 2, "of": 3, "domain": "example.org", "error": code}]


def test_a_mail_to_each_waits_where_ses_takes_one_a_second():
    client = Strict({"x@example.org": "MessageRejected"}, fast=1)
    sent(client, *(f"{n}@example.com" for n in range(9)), "x@example.org")
    assert client.taken == [f"{n}@example.com" for n in range(9)]


def test_what_passes_leaves_the_mail_owed_to_whom_it_could_not_be_sent():
    client = Strict({"x@example.org": "MessageRejected", "b@example.com": "LimitExceededException"})
    to = ("x@example.org", "a@example.com", "b@example.com")
    with pytest.raises(Partly, match="LimitExceeded") as partly:
        sent(client, *to)
    assert (client.taken, partly.value.reached) == (["a@example.com"], 2)
    client.bad.pop("b@example.com")
    sent(client, *to, reached=2)
    assert client.taken == ["a@example.com", "b@example.com"], "nobody has it twice"


def test_a_mail_to_each_ends_in_time_where_ses_is_slow_and_goes_on_where_it_was():
    to = ["x@example.org", *(f"{n}@example.com" for n in range(20))]
    client, reached, tries = Strict({"x@example.org": "MessageRejected"}), 0, 0
    while True:
        client.time, tries = 0.0, tries + 1
        client.takes = 3 if reached < 8 else 12  # seconds; each of them, in the end
        try:
            sent(client, *to, reached=reached)
        except Partly as partly:
            before, reached = reached, partly.reached
            client.bad["3@example.com"] = "MessageRejected"  # and not all at once the next time
            client.bad["19@example.com"] = "MessageRejected"
        else:
            break
        assert reached > before, "else it would never end"
        assert client.time < EACH_FOR + 2 * 12
    assert sorted(client.taken) == sorted({*to} - set(client.bad)), "nobody twice, nobody left out"
    assert tries > 2


def test_a_mail_whose_answer_is_lost_is_owed_to_that_one_and_the_next():
    class Silent(Strict):
        def send_email(self, *, Destination: Any, **_: Any) -> None:  # noqa: N803
            if Destination["ToAddresses"] == ["b@example.com"]:
                raise ReadTimeoutError(endpoint_url="https://email.example")
            super().send_email(Destination=Destination)

    client = Silent({"x@example.org": "MessageRejected"})
    to = ("a@example.com", "x@example.org", "b@example.com")
    with pytest.raises(Partly, match="ReadTimeout") as partly:
        sent(client, *to)
    assert (client.taken, partly.value.reached) == (["a@example.com"], 2)
    with pytest.raises(Unavailable) as unavailable:  # as it is when nobody has it
        sent(client, "x@example.org", "b@example.com")
    assert not isinstance(unavailable.value, Partly)


def test_who_is_refused_when_others_have_it_already_is_in_the_log_and_keeps_nothing_owed():
    client = Strict({"x@example.org": "MessageRejected"})
    said = sent(client, "a@example.com", "x@example.org", reached=1)
    assert [facts["number"] for facts in said] == [2]


def test_a_mail_that_is_refused_for_all_is_asked_once_for_each_and_no_more():
    to = [f"{n}@example.com" for n in range(50)]
    client = Strict(dict.fromkeys(to, "MessageRejected"))
    with pytest.raises(Unavailable, match="MessageRejected"):  # not verified: can be mended
        sent(client, *to)
    assert len(client.asked) == 51


def test_no_sign_of_a_mail_steers_who_reads_it():
    client = Strict({})
    seen: list[Any] = []
    client.send_email = lambda **ask: seen.append(ask["Content"]["Simple"])  # type: ignore[method-assign]
    evil = "a\u202eb\x1b[2J\ud800"
    Ses(client, "bg@example.com", JsonLog()).send(Mail(ALONE, evil, f"1\n{evil}", f"<p>{evil}</p>"))
    said = str(seen[0])
    said.encode()
    assert not {"\u202e", "\x1b"} & set(said)
    assert seen[0]["Body"]["Text"]["Data"].startswith("1\n")


def test_an_ses_that_is_not_there_is_unavailable(session: Any):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        client = session.client("sesv2", endpoint_url=url, config=CONFIG)
        with pytest.raises(Unavailable):
            Ses(client, "bg@example.com", JsonLog()).send(MAIL)


def test_a_mail_is_not_sent_twice_behind_our_back(session: Any):
    assert client_for(session).meta.config.retries["total_max_attempts"] == 1
