"""Pictures of everything that people read, for docs/messages.md: drawn as they are sent.

Slack's messages pass the demo page's own Block Kit, in the words of test_messages.py; mails are the
HTML that goes out. UPDATE_SCREENSHOTS=1 keeps the pictures. Without it the test still draws each of
them, and looks that nothing is left undrawn and nothing hangs over the side.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from simulator import company
from simulator.page import FILES
from tests.page.browser import ROOT, Browser, browser, programs
from tests.support import reported
from tests.support.mailed import every
from tests.support.said import everything
from tests.trail.example import example_records, example_session

PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Messages</title>
<link rel="stylesheet" href="page.css">
<style>
body { padding: 1rem; columns: 3; column-gap: 1rem; }
figure { break-inside: avoid; margin: 0 0 1rem; background: var(--card); padding: .8rem;
  border: 1px solid var(--line); border-radius: 10px; overflow-wrap: anywhere; }
figcaption { color: var(--soft); font-size: .8rem; margin-bottom: .4rem; }
figure > div > * + * { margin-top: .3rem; }
</style><body><script type="module">
import { draw } from "./blocks.js";
import { h } from "./dom.js";
import { know, mrkdwn } from "./mrkdwn.js";
know(WORLD);
const nothing = () => {};
for (const [name, message] of MESSAGES) {
  const blocks = message.blocks?.map((block) => draw(block, nothing)) ?? [];
  const red = message.attachments?.map((bar) => h(
    "div", { class: "bar", style: `border-color: ${bar.color}` },
    bar.blocks.map((block) => draw(block, nothing)))) ?? [];
  const words = blocks.length + red.length ? [] : [h("p", {}, mrkdwn(message.text))];
  const drawn = [...words, ...blocks, ...red];
  document.body.append(h("figure", {}, h("figcaption", {}, name), h("div", {}, drawn)));
}
document.body.dataset.drawn = String(MESSAGES.length);
</script></body></html>"""


def page() -> str:
    world = {
        "people": [
            {"id": each.slack_id, "name": each.user.display_name} for each in company.PEOPLE
        ],
        "channels": company.CHANNELS,
    }
    messages = json.dumps(list(everything())).replace("</", "<\\/")
    return PAGE.replace("WORLD", json.dumps(world)).replace("MESSAGES", messages)


class Files(SimpleHTTPRequestHandler):
    """The page's own scripts and style, and the messages as its first page."""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        body = page().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(FILES)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


DRAWN = ROOT / "docs" / "images" / "drawn.json"  # each picture, and the digest of its words


def words_of() -> dict[str, str]:
    """What each picture shows, as a digest."""
    letter = reported.to_mail(reported.build(example_session(), example_records()))[2]
    words = {
        "messages": json.dumps(list(everything())),
        "mails": json.dumps([html for _, (_, _, html) in every()]),
    } | {f"report-{where}-{how}": letter for where in ("phone", "desktop") for how in SHADES}
    return {name: hashlib.sha256(each.encode()).hexdigest()[:16] for name, each in words.items()}


SHADES = ("light", "dark")


def kept(name: str) -> None:
    """Notes of which words the picture is, where it is kept."""
    if "UPDATE_SCREENSHOTS" in os.environ:
        known = json.loads(DRAWN.read_text()) if DRAWN.exists() else {}
        known[name] = words_of()[name]
        DRAWN.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def whole(window: Browser, name: str, dark: bool) -> None:
    """A picture of all of the page; in the light it is kept, and in the dark only looked at."""
    tall = window.run("return document.documentElement.scrollHeight")
    window.resize(tall)
    window.picture(name, "html", keep=not dark)
    if not dark:
        kept(name)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_message_is_drawn(dark: bool) -> None:
    programs()
    with served() as address, browser(address, 1280, 900, dark=dark) as window:
        window.shows("[data-drawn]")
        drawn = window.read("body")
        assert "does not draw" not in drawn
        assert drawn.count("OVERDUE") >= 4
        assert window.run("return document.documentElement.scrollWidth") <= window.width
        whole(window, "messages", dark)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_mail_is_drawn(dark: bool) -> None:
    programs()
    with browser("about:blank", 1280, 900, dark=dark) as window:
        window.run(
            "document.body.style = 'margin: 0; columns: 3; column-gap: 8px';"
            "for (const html of arguments[0]) {"
            "  const frame = document.createElement('iframe');"
            "  frame.srcdoc = html; frame.style = 'width: 100%; border: 1px solid #8888';"
            "  frame.onload = () => { frame.style.height ="
            "    frame.contentDocument.documentElement.scrollHeight + 'px';"
            "    document.body.dataset.loaded = 1 + Number(document.body.dataset.loaded ?? 0); };"
            "  document.body.append(frame); }",
            [html for _, (_, _, html) in every()],
        )
        window.shows(f"[data-loaded='{len(list(every()))}']")
        whole(window, "mails", dark)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("where", "wide"), [("phone", 390), ("desktop", 1000)])
def test_the_report_is_drawn(where: str, wide: int, dark: bool, tmp_path: Path) -> None:
    programs()
    letter = tmp_path / "report.html"
    letter.write_text(reported.to_mail(reported.build(example_session(), example_records()))[2])
    with browser(letter.as_uri(), wide, 900, dark=dark) as window:
        assert "Look at these first" in window.read("body")
        assert window.run("return document.documentElement.scrollWidth") <= window.width
        window.resize(window.run("return document.documentElement.scrollHeight"))
        name = f"report-{where}-{SHADES[dark]}"
        window.picture(name, "html")
        kept(name)


def test_no_picture_is_of_other_words() -> None:
    """UPDATE_SCREENSHOTS=1 with the slow tests of this file draws them anew."""
    assert json.loads(DRAWN.read_text()) == words_of()


def test_the_page_of_pictures_shows_them_and_they_are_there() -> None:
    said = (ROOT / "docs/messages.md").read_text()
    for name in ("messages", "mails"):
        assert f"images/{name}.png" in said
        assert (ROOT / f"docs/images/{name}.png").stat().st_size > 50_000
