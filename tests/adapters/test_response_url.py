"""response_url: posts go to Slack only, once, within the time there is."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from chalicelib import wiring
from chalicelib.adapters import response_url
from chalicelib.adapters.response_url import TIMEOUT, allowed, respond
from chalicelib.config.values import SLACK_API
from chalicelib.domain.errors import Refused, Unavailable
from chalicelib.words import messages

from .server import answering, saying, silence

MESSAGE = {"response_type": "ephemeral", "text": messages.INCOMING}


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/actions/T1/2/x",
        "https://hooks.slack.com/commands/T1/2/x",
        "https://hooks.slack.com:443/actions/T1/2/x",
        "https://HOOKS.slack.com/actions/T1/2/x",
        "https://hooks.slack-gov.com/actions/T1/2/x",
    ],
)
def test_slacks_hooks_may_be_posted_to(url):
    assert allowed(url, SLACK_API)
    assert allowed(url, "http://127.0.0.1:9000/api/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/x",
        "//hooks.slack.com/x",
        "http://hooks.slack.com/x",
        "ftp://hooks.slack.com/x",
        "https://slack.com/x",
        "https://hooks.slack.com.evil.example.com/x",
        "https://evil.example.com/hooks.slack.com",
        "https://hooks.slack.com/services/T1/B1/x",  # of any workspace, and no answer to a press
        "https://hooks.slack.com/workflows/T1/A1/x",
        "https://hooks.slack.com@evil.example.com/x",
        "https://user@hooks.slack.com/x",
        "https://:@hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com:0/x",
        "https://hooks.slack.com:x/x",
        "https://hooks.slack.com./x",
        "https://evil.example.com\\@hooks.slack.com/x",
        "https://hooks.slack.com\\.evil.example.com/x",
        "https://hooks.slack.com/x y",
        "https://hooks.slack.com/x\r\nHost: evil.example.com",
        "https://hooks.slack.com/x#y",
        "https://hooks.sIack.com/x",
        "https://hooks.slаck.com/x",  # a Cyrillic а
        "https://hooks。slack.com/x",
        "https://[::1]/x",
        "https://[hooks.slack.com/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:9000/response/1",
        "file:///etc/passwd",
    ],
)
def test_nothing_in_a_request_sends_us_elsewhere(url):
    assert not allowed(url, SLACK_API)
    with pytest.raises(Refused) as refused:
        respond(url, MESSAGE, SLACK_API)
    assert refused.value.lasting


def test_a_configured_slack_is_trusted_at_its_very_origin():
    api = "http://127.0.0.1:9000/api/"
    assert allowed("http://127.0.0.1:9000/response/1", api)
    for other in (
        "https://127.0.0.1:9000/response/1",
        "http://127.0.0.1:9001/response/1",
        "http://127.0.0.1/response/1",
        "http://localhost:9000/response/1",
        "http://x@127.0.0.1:9000/response/1",
    ):
        assert not allowed(other, api)


def test_slacks_own_api_is_no_place_to_answer_to():
    assert not allowed("https://slack.com/response/1", SLACK_API)


@pytest.mark.parametrize("answer", [b"ok", b'{"ok":true}', b""])
def test_the_message_is_posted_as_json(answer):
    with answering(saying(200, answer)) as server:
        respond(f"{server.url}/response/1?x=2", MESSAGE, server.url + "/api/")
    ((path, headers, body),) = server.seen
    assert path == "/response/1?x=2"
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body) == MESSAGE


@pytest.mark.parametrize(
    ("status", "body", "lasting"),
    [
        (404, b'{"ok":false,"error":"used_url"}', True),
        (404, b"", True),
        (410, b"", True),
        (200, b'{"ok":false,"error":"expired_url"}', True),
        (200, b"used_url", True),
        (400, b'{"ok":false,"error":"invalid_blocks"}', True),
        (200, b'{"ok":false,"error":"invalid_blocks"}', True),
        (302, b"", True),
    ],
)
def test_a_post_that_can_never_be_is_refused_for_good(status, body, lasting):
    with answering(saying(status, body, Location="http://127.0.0.1:1/")) as server:
        with pytest.raises(Refused) as refused:
            respond(server.url, MESSAGE, server.url)
        assert refused.value.lasting is lasting
        assert len(server.seen) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_post_that_may_pass_later_is_unavailable(status):
    with answering(saying(status)) as server, pytest.raises(Unavailable):
        respond(server.url, MESSAGE, server.url)


def test_a_slack_that_is_silent_is_given_up_after_a_second():
    assert TIMEOUT == 1.0
    with silence() as server, pytest.raises(Unavailable):
        respond(server.url, MESSAGE, server.url)


def test_whoever_has_the_time_waits_longer():
    """Given up too soon, what Slack was about to show would be said again."""

    def slow(request):
        time.sleep(TIMEOUT + 0.3)
        saying(200, b"ok")(request)

    with answering(slow) as server:
        with pytest.raises(Unavailable):
            respond(server.url, MESSAGE, server.url)
        respond(server.url, MESSAGE, server.url, timeout=60)
        assert len(server.seen) == 2
    with silence() as server, pytest.raises(Unavailable):
        respond(server.url, MESSAGE, server.url, timeout=0.2)


@pytest.mark.parametrize(("worker", "seconds"), [(True, 8), (False, TIMEOUT)])
def test_the_worker_waits_for_a_slow_slack_and_the_route_does_not(monkeypatch, worker, seconds):
    asked = {}

    def respond(url, message, slack_api_url, tls, timeout=TIMEOUT):
        asked.update(url=url, api=slack_api_url, tls=tls, timeout=timeout)

    monkeypatch.setattr(response_url, "respond", respond)
    known = SimpleNamespace(slack_api_url=SLACK_API, glasses={})
    monkeypatch.setattr(wiring, "settings", lambda: known)
    monkeypatch.setattr(wiring, "secrets", lambda: SimpleNamespace(bot_token=None))
    side = wiring._slack.__wrapped__() if worker else wiring.front.__wrapped__()
    side.respond("https://hooks.slack.com/actions/T1/2/x", MESSAGE)
    assert asked["timeout"] == seconds
    assert asked["api"] == SLACK_API
    assert asked["tls"] is wiring._tls, "the authorities are read once"


def test_a_slack_that_is_not_there_is_unavailable():
    with pytest.raises(Unavailable):
        respond("http://127.0.0.1:1/response/1", MESSAGE, "http://127.0.0.1:1/api/")


def test_the_route_pays_nothing_for_slack_sdk():
    script = (
        "import sys, chalicelib.adapters.response_url, chalicelib.adapters.signature;"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"slack_sdk", "boto3", "botocore", "urllib.request"} & set(loaded)
