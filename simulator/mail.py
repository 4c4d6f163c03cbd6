"""The mailbox: what the app sent through SES, oldest first."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

from simulator.faults import Faults
from simulator.wire import Problem


@dataclass
class MailFaults(Faults):
    """How SES misbehaves."""

    down: bool = False  # every SendEmail answers an internal error
    refuse: str = ""  # an error code of SES: "MessageRejected", "TooManyRequestsException"
    slow: float = 0.0  # seconds before each answer
    refuse_to: list[str] = field(default_factory=list)  # addresses for which any mail is refused


class Mailbox:
    """Everybody's letters in one box."""

    def __init__(self) -> None:
        self.faults = MailFaults()
        self._mails: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def may_send(self, ask: dict[str, Any]) -> None:
        """Raises the Problem that SES has with this mail, or is told to have."""
        if self.faults.down:
            raise Problem("InternalServerException", "SES was told to be down.")
        if self.faults.refuse:
            raise Problem(self.faults.refuse, "SES was told to refuse.")
        destination = ask.get("Destination", {})
        for address in (each for kind in destination.values() for each in kind):
            if not address.rpartition("@")[0].isascii():
                said = "Local address contains control or whitespace"
                raise Problem("BadRequestException", said)
            if address in self.faults.refuse_to:
                raise Problem("MessageRejected", f"Address is not verified: {address}")

    def keep(self, ask: dict[str, Any]) -> None:
        """Keep one accepted SendEmail (its JSON body, as SES v2's wire has it)."""
        content, destination = ask.get("Content", {}), ask.get("Destination", {})
        read = _simple if "Simple" in content else _raw
        mail = {
            "at": datetime.fromtimestamp(time.time(), UTC).isoformat(),
            "from": ask.get("FromEmailAddress", ""),
            "to": destination.get("ToAddresses", []),
            "cc": destination.get("CcAddresses", []),
            "bcc": destination.get("BccAddresses", []),
            **read(content),
        }
        with self._lock:
            self._mails.append(mail)

    def mails(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._mails)


def _simple(content: dict[str, Any]) -> dict[str, Any]:
    simple = content["Simple"]
    body = simple.get("Body", {})
    return {
        "subject": simple.get("Subject", {}).get("Data", ""),
        "text": body.get("Text", {}).get("Data", ""),
        "html": body.get("Html", {}).get("Data", ""),
        "attachments": [
            {
                "name": each.get("FileName", ""),
                "type": each.get("ContentType", "application/octet-stream"),
                "base64": each.get("RawContent", ""),
            }
            for each in simple.get("Attachments") or []
        ],
    }


def _raw(content: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode((content.get("Raw") or {}).get("Data", ""))
    message = message_from_bytes(data, policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "subject": message.get("Subject", ""),
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
        "attachments": [
            {
                "name": each.get_filename() or "",
                "type": each.get_content_type(),
                "base64": base64.b64encode(each.get_payload(decode=True) or b"").decode(),
            }
            for each in message.iter_attachments()
        ],
    }
