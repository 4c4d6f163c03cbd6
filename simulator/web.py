"""A few lines over http.server, so that each pretend service is only its routes."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from simulator.origins import SAYS, foreign


@dataclass(frozen=True)
class Request:
    """One HTTP request, read to its end."""

    method: str
    path: str
    query: str
    headers: dict[str, str]  # lower-case names
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; a body that is not bytes goes out as JSON."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refused(Exception):
    """Drop the connection with a reset and without an answer, as a dead host does."""


class Server:
    """Serves one function on a free port of 127.0.0.1, a thread for each connection.

    Requests of foreign pages do not reach the function; see origins.py.
    """

    def __init__(self, handle: Callable[[Request], Answer], port: int = 0) -> None:
        self._server = _Quiet(("127.0.0.1", port), _handler(handle))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        ).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is everyday life here, not worth a traceback."""


def _handler(handle: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one packet

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, parts.query, headers, body)
            try:
                answer = self._answer(request)
            except Refused:
                self._reset()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            self.wfile.flush()

        def _answer(self, request: Request) -> Answer:
            if foreign(self.headers.items(), self.server.server_address[1]):
                return Answer(SAYS, 403, {"Content-Type": "text/plain"})
            if request.method == "OPTIONS":  # a browser asks so before it lets another page in
                return Answer(status=405)
            return handle(request)

        def _reset(self) -> None:
            linger = struct.pack("ii", 1, 0)  # close at once: the peer reads a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815  (http.server's)
        do_DELETE = do_OPTIONS = _serve  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Requests are recorded by the services themselves."""

    return Handler
