"""Who may ask the local world: programs on this machine, and its own pages; no foreign page.

Whatever somebody looks at in a browser while the world is up can send requests to this machine, and
some of what stands here runs code (Lambda) or breaks things (the control address). A browser says
where a request comes from. So every port refuses a request

- under another name than its own, as a name that was made to lead here has (DNS rebinding);
- with another's Origin or Referer, be it another port's of this machine;
- that the browser itself calls foreign (Sec-Fetch-Site), as an <img> or a link of another page is;

and no answer lets a page of another origin read it. Programs that are no browser send none of that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

NAMES = ("127.0.0.1", "localhost")
SAYS = b"This answers programs on this machine and its own pages only.\n"

Headers = Iterable[tuple[str, str]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def foreign(headers: Headers, port: int) -> bool:
    """Whether a request with these headers, as they came, is to be refused on this port."""
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.lower(), []).append(value.strip().lower())
    hosts = given.get("host", [])
    if len(hosts) != 1 or hosts[0] not in _hosts(port):
        return True
    own = f"http://{hosts[0]}"
    return (
        any(origin != own for origin in given.get("origin", []))
        or any(_origin(page) != own for page in given.get("referer", []))
        or any(site not in ("same-origin", "none") for site in given.get("sec-fetch-site", []))
    )


def guarded(app: App, port: int) -> App:
    """The ASGI application behind that rule, and without a word to browsers of other origins."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
        elif foreign(_decoded(scope["headers"]), port):
            await _refuse(scope, receive, send)
        else:
            await app(scope, receive, _silent(send))

    return guard


def _hosts(port: int) -> set[str]:
    return set(NAMES) | {f"{name}:{port}" for name in NAMES}


def _origin(address: str) -> str:
    """Scheme and host of a page's address; nothing where it makes no sense."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": kind})
    await send({"type": "http.response.body", "body": SAYS})


def _silent(send: Send) -> Send:
    """MiniStack lets every page read (CORS): as it is nobody's business, no such header leaves."""

    async def without_cors(message: MutableMapping[str, Any]) -> None:
        if "headers" in message:
            kept = [
                (name, value)
                for name, value in message["headers"]
                if not name.lower().startswith((b"access-control-", b"timing-allow-origin"))
            ]
            message = {**message, "headers": kept}
        await send(message)

    return without_cors
