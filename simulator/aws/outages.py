"""Gap: MiniStack always answers. Here a function's call may fail; simulator/outages.py says how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import router
from ministack.services import ses_v2

from simulator.outages import HAPPENS, NEVER, Outages
from simulator.wire import error

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[Response]]

WORLDS_OWN = "test"  # the access key of the world's clients; see world.py
_LOOK_SECONDS = 0.2


def patch(outages: Outages) -> None:
    """After all others: what they have mounted is what fails."""
    for service in ("sso", "identitystore", "sqs", "logs"):
        app.SERVICE_HANDLERS[service] = _failing(service, app.SERVICE_HANDLERS[service], outages)
    ses_v2.handle_request = _failing("ses", ses_v2.handle_request, outages)


def _failing(service: str, handle: Handler, outages: Outages) -> Handler:
    async def handle_request(
        method: str, path: str, headers: dict, body: bytes, query: dict
    ) -> Response:
        operation = _operation(service, method, path, headers)
        ours = router.extract_access_key_id(headers, query) == WORLDS_OWN
        outage = None if ours else outages.of(service, operation)
        if outage is None:
            return await handle(method, path, headers, body, query)
        if outage.way in HAPPENS:
            await handle(method, path, headers, body, query)
        if outage.way == "hang":
            await asyncio.sleep(outage.seconds)
        if outage.way == "never":
            await _silence(service, operation, outages)
        return error(outage.problem(service, operation))

    return handle_request


async def _silence(service: str, operation: str, outages: Outages) -> None:
    """Says nothing until it is over."""
    end = time.monotonic() + NEVER
    while time.monotonic() < end:
        await asyncio.sleep(_LOOK_SECONDS)
        found: Any = outages.of(service, operation)
        if found is None or found.way != "never":
            return


def _operation(service: str, method: str, path: str, headers: dict) -> str:
    if service == "ses":
        sends = method == "POST" and path.rstrip("/").endswith("/outbound-emails")
        return "SendEmail" if sends else "other"
    return str(headers.get("x-amz-target", "")).rpartition(".")[2]
