"""The outside world in one process: AWS, Slack, the mailbox, the visitor and the control address.

`python -m simulator.outside` prints one line of JSON when everything answers, serves until its
standard input closes (so it cannot outlive whoever started it) and removes WORLD_HOME.
The environment says how: AUTH, TMPDIR inside WORLD_HOME, and WORLD_FILE, removed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

BOT_TOKEN = "xoxb-not-a-real-token"
WRITTEN = "written.json"  # in a world's home: what it has written to its file
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # the example in Slack's documentation


def take_away(path: Path, home: Path) -> None:
    """Removes the world's file, unless another world has written its own there meanwhile."""
    with contextlib.suppress(OSError):
        if path.read_text() == (home / WRITTEN).read_text():
            path.unlink()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; it will tell us
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)  # before MiniStack is imported: it reads this then
    try:
        asyncio.run(_serve(listener, port))
    finally:
        _tidy()
        os._exit(0)  # MiniStack's worker threads would keep the process for a while


async def _serve(listener: socket.socket, port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from simulator.origins import guarded

    addresses = _furnish(f"http://127.0.0.1:{port}")
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
    ).start()
    threading.Thread(target=_announce, args=(addresses,), daemon=True).start()
    config.graceful_timeout = 0.5
    await serve(guarded(app.app, port), config, shutdown_trigger=stop.wait)


def _furnish(endpoint: str) -> dict[str, str]:
    """Patch MiniStack, put everybody in their place, and open the other addresses."""
    from simulator import company
    from simulator.aws import (
        account,
        api_gateway,
        cloudformation,
        conditions,
        elsewhere,
        identity,
        insights,
        mail,
        organizations,
        outages,
        permissions,
        permissions_to_deploy,
        permissions_used,
        simulation,
        time_to_live,
        timing,
        unpacked,
        workers,
    )
    from simulator.control import Control
    from simulator.identity_center import IdentityCenter
    from simulator.identity_store import IdentityStore
    from simulator.mail import Mailbox
    from simulator.outages import Outages
    from simulator.slack import Slack
    from simulator.visitor import Visitor
    from simulator.web import Server

    center = IdentityCenter(
        company.INSTANCE_ARN,
        company.IDENTITY_STORE_ID,
        company.OWNER,
        {*company.ACCOUNTS, company.HOME_ACCOUNT, company.OWNER},
        company.PERMISSION_SETS,
        {user.user_id for user in company.USERS} | {group.group_id for group in company.GROUPS},
        key_arn=company.KEY_ARN,
    )
    for access in company.STANDING:
        center.assign(access)
    store = IdentityStore(company.IDENTITY_STORE_ID, company.USERS, company.GROUPS)
    mailbox, slack, trail = Mailbox(), Slack(BOT_TOKEN), insights.TrailFaults()

    api_gateway.patch()
    cloudformation.patch()
    time_to_live.patch()
    timing.patch()
    unpacked.patch()
    insights.patch(trail)
    mail.patch(mailbox)
    identity.patch(center, store)
    organizations.patch()
    conditions.patch()
    elsewhere.patch()
    permissions.patch()
    permissions_to_deploy.patch()
    permissions_used.patch()
    simulation.patch()
    failing, functions, kind = Outages(), workers.FunctionFaults(), account.AccountFaults()
    account.patch(kind)
    workers.patch(functions)
    outages.patch(failing)  # what the others have mounted

    visitor = Visitor(center, _trail_writer(endpoint))
    others = {
        "trail": trail,
        "visitor": visitor.faults,
        "outages": failing,
        "functions": functions,
        "account": kind,
    }
    control = Control(center, slack, mailbox, others, workers, time_to_live.set_period)
    slack_url, control_url = Server(slack.handle).url, Server(control.handle).url
    threading.Thread(target=_when_up, args=(endpoint, visitor.start), daemon=True).start()
    return {
        "endpoint": endpoint,
        "slack_api": slack_url,
        "control": control_url,
        "mailbox": f"{control_url}/mailbox",
    }


def _trail_writer(endpoint: str) -> Any:
    from functools import cache

    from simulator.trail_places import HERE, Place

    def client(service: str, account: str = "test", region: str = "us-east-1") -> Any:
        return _client(service, endpoint, account, region)

    return Place(os.environ.get("WORLD_TRAIL", HERE), cache(client)).put


def _announce(addresses: dict[str, str]) -> None:
    _when_up(addresses["endpoint"], lambda: print(json.dumps(addresses), flush=True))


def _when_up(endpoint: str, then: Any) -> None:
    host, port = endpoint.removeprefix("http://").split(":")
    while True:
        try:
            _health(host, int(port))
            break
        except OSError:
            time.sleep(0.02)
    then()


def _health(host: str, port: int) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection(host, port, timeout=2)
    connection.request("GET", "/_ministack/health")
    connection.getresponse().read()


def _client(service: str, endpoint: str, account: str = "test", region: str = "us-east-1") -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


def _tidy() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.reset()
    home = Path(os.environ["WORLD_HOME"])
    if os.environ.get("WORLD_FILE"):
        take_away(Path(os.environ["WORLD_FILE"]), home)
    if home in Path(tempfile.gettempdir()).parents:  # ours, and not somebody's real home
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
