"""A mail's HTML as a reader's program takes it: its tags, what is asked of others, its boxes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

TAGS = {"html", "head", "meta", "title", "style", "body", "table", "tr", "td", "p", "h1", "h2", "a",
        "br", "div", "span", "pre", "b", "ul", "li"}  # fmt: skip
FETCHES = ("href", "src", "background", "srcset")
OUT = re.compile(r"https://(app\.slack\.com/client/|[a-z0-9-]+\.console\.aws\.amazon\.com/)")


class Letter(HTMLParser):
    """Read whole when it is made. In `wrong` is what is no tag of ours, or fetches anything."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.boxes: list[str] = []
        self.links: list[str] = []
        self.wrong: list[str] = []
        self.said: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._open.append(tag)
        if tag == "pre":
            self.boxes.append("")
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attrs:
            if name == "href" and tag == "a" and OUT.match(value):
                self.links.append(value)
            elif name in FETCHES or name.startswith("on") or "url(" in (value or ""):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            self.boxes[-1] += data
        if "style" in self._open:
            self.wrong += re.findall(r"url\(|@import", data)
        else:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())
