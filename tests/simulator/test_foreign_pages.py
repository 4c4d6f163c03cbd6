"""Somebody's web page, open in a browser on this machine while the demo is up, gets nowhere.

Each port that the local world listens on is asked as that page would ask it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from simulator.origins import foreign
from simulator.web import Answer, Request, Server
from simulator.world import World

EVIL = "https://evil.example"
FORM = "application/x-www-form-urlencoded"
INVOKE = "/2015-03-31/functions/break-glass/invocations"
ASKS = [  # method, path, body, of what a page can send without asking first, and of what it cannot
    ("GET", "/", ""),
    ("GET", "/messages", ""),
    ("GET", "/?Action=ListUsers&Version=2010-05-08", ""),
    ("POST", "/heal", "{}"),
    ("POST", "/kill-worker", '{"function": "worker"}'),
    ("POST", "/client/press", '{"user": "U0ALICE"}'),
    ("POST", "/press", '{"who": "alice"}'),
    ("POST", INVOKE, "{}"),
    ("POST", "/_ministack/reset", ""),
    ("POST", "/", "Action=CreateUser&UserName=eve&Version=2010-05-08"),
    ("PUT", "/bucket", ""),
    ("DELETE", "/bucket", ""),
    ("OPTIONS", "/", ""),
]
PAGES = [  # what a browser adds to the requests of a foreign page; HOST stands for our own
    {"Origin": EVIL},
    {"Origin": EVIL, "Content-Type": "text/plain"},
    {"Origin": EVIL, "Content-Type": FORM},
    {"Origin": "null", "Content-Type": "text/plain"},  # a sandboxed frame, or a redirect
    {"Origin": "http://localhost:3000"},  # another program's page on this machine
    {"Origin": "https://HOST"},
    {"Origin": "http://HOST.evil.example"},
    {"Referer": f"{EVIL}/page"},
    {"Referer": "http://HOST@evil.example/"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": EVIL, "Connection": "Upgrade", "Upgrade": "websocket",
     "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"},
    {"Host": "evil.example"},  # a name that was made to lead here
    {"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"},
    {"Host": "localhost.evil.example:PORT"},
    {"Host": "api.execute-api.localhost:PORT"},
    {"Host": "HOST", "Origin": EVIL, "Access-Control-Request-Method": "POST",
     "Access-Control-Request-Private-Network": "true"},
]  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(deploy=False, page=True) as world:
        yield world


def ask(port: int, method: str, path: str, body: str, page: dict[str, str]) -> HTTPResponse:
    """The answer to a request as a browser sends it, its body read."""
    host = f"127.0.0.1:{port}"
    headers = {
        name: value.replace("HOST", host).replace("PORT", str(port)) for name, value in page.items()
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": host, "Content-Length": str(len(body))} | headers).items():
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def ports(world: World) -> set[int]:
    """Every port that the world listens on: those it names and, on Linux, those it does not."""
    named = [world.facts[name] for name in ("endpoint", "slack_api", "control", "mailbox", "page")]
    found = {urlsplit(address).port or 0 for address in named}
    assert world._outside
    family = [world._outside.pid, os.getpid()]
    for pid in family:
        family += [int(child) for child in _children(pid) if int(child) not in family]
    return found | {port for pid in family for port in _listening(pid)}


def _children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def _listening(pid: int) -> Iterator[int]:
    held = set()
    for file in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            held |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(file)))
        except OSError:  # closed meanwhile
            continue
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            cells = line.split()
            if cells[3] == "0A" and cells[9] in held:  # listens
                yield int(cells[1].rpartition(":")[2], 16)


@pytest.mark.world
def test_no_port_answers_a_foreign_page(world: World) -> None:
    before = world.control(), world.history(), world.messages()
    for port in ports(world):
        for page in PAGES:
            for method, path, body in ASKS:
                answer = ask(port, method, path, body, page)
                asked = (port, method, path, page)
                assert answer.status == 403, asked
                assert not cors(answer), asked
    assert (world.control(), world.history(), world.messages()) == before
    assert [user["UserName"] for user in world.aws("iam").list_users()["Users"]] == []


@pytest.mark.world
def test_no_port_lets_a_browser_read_across_origins(world: World) -> None:
    """Not even where it does answer: to programs, and to its own pages."""
    own = ({}, {"Origin": "http://HOST", "Referer": "http://HOST/x", "Sec-Fetch-Site": "none"})
    for port in ports(world):
        for page in own:
            for method, path, body in ASKS:
                if path != "/_ministack/reset":  # it does as it is told
                    assert not cors(ask(port, method, path, body, page)), (port, method, path)


def cors(answer: HTTPResponse) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.world
def test_programs_and_the_own_page_are_answered(world: World) -> None:
    for address in ("slack_api", "control", "mailbox", "page"):
        url = urlsplit(world.facts[address])
        for name in ("127.0.0.1", "localhost"):
            headers = {"Host": f"{name}:{url.port}", "Origin": f"http://{name}:{url.port}"}
            path = "/messages" if address == "slack_api" else url.path or "/"
            assert ask(url.port or 0, "GET", path, "", headers).status == 200
    port = urlsplit(world.facts["endpoint"]).port or 0
    assert ask(port, "GET", "/_ministack/health", "", {}).status == 200
    assert ask(port, "GET", "/_ministack/health", "", {"Host": f"localhost:{port}"}).status == 200


def test_a_server_keeps_foreign_pages_from_its_function() -> None:
    seen: list[Request] = []

    def handle(request: Request) -> Answer:
        seen.append(request)
        return Answer(json.loads(request.body or b"{}"))

    server = Server(handle)
    try:
        for page in PAGES:
            for method, path, body in ASKS:
                assert ask(server.port, method, path, body, page).status == 403
        assert not seen
        assert ask(server.port, "POST", "/", '{"a": 1}', {}).status == 200
        assert ask(server.port, "OPTIONS", "/", "", {}).status == 405
        assert len(seen) == 1
    finally:
        server.stop()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Host", "127.0.0.1:80"), ("Host", "127.0.0.1:81")],
        [("Host", "127.0.0.1:81")],
        [("Host", "127.0.0.1:80"), ("Origin", "http://127.0.0.1:80"), ("origin", EVIL)],
        [("Host", "127.0.0.1:80"), ("Origin", "http://localhost:80")],
        [("Host", "127.0.0.1:80"), ("Referer", "http://[")],
        [("Host", "[::1]:80")],
    ],
)
def test_what_is_not_clearly_from_here_is_foreign(headers: list[tuple[str, str]]) -> None:
    assert foreign(headers, 80)
