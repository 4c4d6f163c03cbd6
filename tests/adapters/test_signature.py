"""Slack's signature: ours and slack_sdk's say the same, and oddities are no."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from chalicelib.adapters.signature import genuine

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_795_000_000.0
BODY = b"payload=%7B%7D"


class Stopped(Clock):
    def now(self) -> float:
        return NOW


def signed(timestamp: str = str(int(NOW)), body: bytes = BODY, secret: str = SECRET) -> str:
    basis = b"v0:" + timestamp.encode("utf-8", "surrogatepass") + b":" + body
    return "v0=" + hmac.new(secret.encode(), basis, hashlib.sha256).hexdigest()


def slacks(timestamp: str, signature: str, body: bytes) -> bool:
    return SignatureVerifier(SECRET, Stopped()).is_valid(body, timestamp, signature)


def test_slacks_own_example_is_genuine():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        b"G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook"
        b"-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F39770"
        b"0885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d"
        b"2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert genuine(SECRET, "1531420618", signature, body, 1531420618.0)


@given(
    offset=st.integers(-400, 400),
    body=st.text().map(str.encode),
    spoil=st.sampled_from(["", "signature", "body", "secret", "version"]),
)
def test_ours_and_slacks_verifier_say_the_same(offset: int, body: bytes, spoil: str):
    timestamp = str(int(NOW) + offset)
    signature = signed(timestamp, body, "other" if spoil == "secret" else SECRET)
    if spoil == "signature":
        signature = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    if spoil == "version":
        signature = "v1" + signature[2:]
    if spoil == "body":
        body += b"&x=1"
    ours = genuine(SECRET, timestamp, signature, body, NOW)
    assert ours == slacks(timestamp, signature, body)
    assert ours == (spoil == "" and abs(offset) <= 300)


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        "",
        "now",
        "1e9",
        "-1795000000",
        "+1795000000",
        " 1795000000",
        "1795000000\n",
        "1_795_000_000",
        "1795000000.0",
        "١٧٩٥٠٠٠٠٠٠",
        "9" * 400,
        "0x6b000000",
    ],
)
def test_a_timestamp_that_is_no_plain_number_is_refused(timestamp):
    # Even where the signature fits it.
    assert not genuine(SECRET, timestamp, signed(timestamp or ""), BODY, NOW)


@pytest.mark.parametrize(
    "signature", [None, "", "v0=", "v0=ü", "v0=\udcff", "ｖ0=", signed()[3:], signed().upper()]
)
def test_an_odd_signature_is_refused_and_raises_nothing(signature):
    assert not genuine(SECRET, str(int(NOW)), signature, BODY, NOW)


def test_no_secret_opens_nothing():
    assert not genuine("", str(int(NOW)), signed(secret=""), BODY, NOW)


def test_any_bytes_can_be_signed():
    body = bytes(range(256))
    assert genuine(SECRET, str(int(NOW)), signed(body=body), body, NOW)
