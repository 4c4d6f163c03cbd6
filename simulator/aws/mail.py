"""Gap: MiniStack's SES drops attachments, and nothing in it can be told to refuse a mail.

Every SendEmail of SES v2 goes past the mailbox: it may refuse, and keeps what was accepted.
"""

from __future__ import annotations

import asyncio
import json

from ministack.services import ses_v2

from simulator.mail import Mailbox
from simulator.wire import Problem, error

_handle = ses_v2.handle_request


def patch(mailbox: Mailbox) -> None:
    async def handle_request(
        method: str, path: str, headers: dict, body: bytes, query: dict
    ) -> tuple[int, dict, bytes]:
        if method != "POST" or not path.rstrip("/").endswith("/outbound-emails"):
            return await _handle(method, path, headers, body, query)
        await asyncio.sleep(mailbox.faults.slow)
        try:
            mailbox.may_send(json.loads(body or b"{}"))
        except Problem as problem:
            return error(problem)
        answer = await _handle(method, path, headers, body, query)
        if answer[0] == 200:
            mailbox.keep(json.loads(body))
        return answer

    ses_v2.handle_request = handle_request
