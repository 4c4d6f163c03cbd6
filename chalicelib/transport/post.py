"""One POST with what Python itself brings, over a connection of its own; no redirects."""

from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

if TYPE_CHECKING:
    from ssl import SSLContext


def posted(
    url: SplitResult,
    body: bytes,
    headers: dict[str, str],
    tls: "Callable[[], SSLContext]",
    connects: float,
    reads: Callable[[], float],
    most: int | None = None,
) -> tuple[int, bytes]:
    """The answer's status and its body, `most` bytes of it. Raises OSError and HTTPException.

    `connects` is in seconds, and so is what `reads` says, once connected. Not safe to repeat
    blindly: what was posted may have been heard though no answer came.
    """
    host = url.hostname or ""
    connection = (
        HTTPSConnection(host, url.port, timeout=connects, context=tls())
        if url.scheme == "https"
        else HTTPConnection(host, url.port, timeout=connects)
    )
    try:
        connection.connect()
        connection.sock.settimeout(reads())
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        return response.status, response.read(most)
    finally:
        connection.close()
