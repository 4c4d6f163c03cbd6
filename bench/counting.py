"""Stands before the local AWS (or Slack) and counts what is asked of it, by service."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TARGETS = {  # what requests of the JSON protocols call their service
    "DynamoDB_20120810": "DynamoDB",
    "AmazonSSM": "SSM",
    "AmazonSQS": "SQS",
    "SWBExternalService": "Identity Center",
    "AWSIdentityStore": "Identity Store",
    "Logs_20140328": "CloudWatch Logs",
}


class Counter:
    """What was asked, in order: (service, operation)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str]] = []

    def take(self) -> list[tuple[str, str]]:
        """What was asked since the last time."""
        asked, self.asked = self.asked, []
        return asked


@contextmanager
def counting(upstream: str, name: str = "") -> Iterator[Counter]:
    """`name`: of the one service that is behind `upstream`; else AWS, and requests say whose."""
    behind = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            counter.asked.append(self._asked())
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=60)
            own = ("connection", "host")  # the local world answers nobody who asks for another
            headers = {name: text for name, text in self.headers.items() if name.lower() not in own}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            connection.close()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PUT = do_POST  # noqa: N815 - http.server's own names

        def _asked(self) -> tuple[str, str]:
            if name:
                return name, self.path.rpartition("/")[2] if "/api/" in self.path else "response"
            target, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
            if target:
                return TARGETS.get(target, target), operation
            return "SES" if "/v2/email" in self.path else "other", self.path

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    counter = Counter(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield counter
    finally:
        server.shutdown()
        server.server_close()
