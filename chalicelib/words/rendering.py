"""Fills a mail's two templates, NAME.html and NAME.txt; the only place that knows of Jinja."""

from functools import cache
from typing import Any


def rendered(name: str, view: dict[str, Any]) -> tuple[str, str]:
    """Text and HTML. What stands in `view` is escaped in HTML; a name that is not there raises."""
    text, html = (_environment().get_template(f"{name}.{kind}") for kind in ("txt", "html"))
    return str(text.render(view)), str(html.render(view))


@cache
def _environment() -> Any:
    # Imported here because few looks at a session mail anything, and a cold start has to be short.
    from pathlib import Path

    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
