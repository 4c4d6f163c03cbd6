"""Debian's Chromium, headless, as a person would use it: by what stands there to be read."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE = 240.0  # seconds, for a machine that is busy
MISSING = (
    "Skipped, for there is no Chromium here: `apt-get install chromium chromium-driver`, or set "
    "CHROMIUM and CHROMEDRIVER to where they are."
)


def programs() -> tuple[str, str]:
    """Where Chromium and its driver are. Skips the test without them; on CI it fails instead."""
    found = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome"),
        os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver"),
    )
    if None in found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return found[0] or "", found[1] or ""


class Browser:
    """One window on the page."""

    def __init__(self, driver: Any, width: int, height: int, dark: bool, scale: float) -> None:
        self.driver = driver
        self.width, self.height = width, height
        self.scale = scale
        self.resize(height)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[theme])
        self._tell("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")

    def resize(self, height: int) -> None:
        self.height = height
        self._tell("Emulation.setDeviceMetricsOverride", width=self.width, height=height,
                   deviceScaleFactor=self.scale, mobile=self.width < 600)  # fmt: skip

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, css: str) -> list[Any]:
        return self.driver.find_elements("css selector", css)

    def read(self, css: str) -> str:
        """What can be read in all that `css` finds; hidden text is not."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText).join('\\n')",
            css,
        )

    def sees(self, css: str, said: str = "", seconds: float = PATIENCE) -> str:
        """Waits until `said` can be read in `css`; answers all that stands there."""
        return until(lambda: said in (text := self.read(css)) and (text or "?"), seconds,
                     lambda: f"“{said}” in {css}; there is: {self.read(css)}")  # fmt: skip

    def shows(self, css: str, seconds: float = PATIENCE) -> Any:
        return until(lambda: next((e for e in self.all(css) if e.is_displayed()), None), seconds,
                     lambda: f"{css} on the page")  # fmt: skip

    def click(self, label: str, within: str = "body") -> None:
        """Click the last button that reads `label`."""
        self._tap(lambda: self._button(label, within), f"a button “{label}” in {within}")

    def channel(self, name: str) -> None:
        """Switch to a channel, whatever number of unread messages stands beside its name."""
        tabs = "#channels button"
        self._tap(lambda: next((e for e in self.all(tabs) if name in e.text), None), name)

    def turn(self, switch: str) -> None:
        knob = f"label:has([data-switch={switch}])"
        self._tap(lambda: next(iter(self.all(knob)), None), f"the switch {switch}")

    def type(self, key: str, label: str, within: str) -> None:
        """Press a key while the button that reads `label` has the keyboard."""
        what = f"a button “{label}” in {within}"
        until(lambda: self._button(label, within), PATIENCE, lambda: what).send_keys(key)

    def has_keyboard(self) -> Any:
        """The element to which keys go."""
        return self.driver.switch_to.active_element

    def _button(self, label: str, within: str) -> Any:
        shown = [each for each in self.all(f"{within} button") if each.is_displayed()]
        return next((each for each in reversed(shown) if each.text == label), None)

    def _tap(self, look: Callable[[], Any], what: str) -> None:
        def tap() -> bool:
            if (found := look()) is None:
                return False
            middle = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
            self.run(middle, found)  # where no bar at the window's edge lies over it
            found.click()
            return True

        until(tap, PATIENCE, lambda: what)

    def become(self, name: str) -> None:
        from selenium.webdriver.support.select import Select

        select = Select(self.shows("#who option").find_element("xpath", ".."))
        choice = next(each.text for each in select.options if each.text.startswith(name))
        select.select_by_visible_text(choice)

    def complaints(self) -> list[str]:
        return [each["message"] for each in self.driver.get_log("browser")]

    def picture(self, name: str, focus: str = "body", keep: bool = True) -> None:
        """A screenshot with `focus` at its top; kept for the README by UPDATE_SCREENSHOTS=1."""
        keep = keep and "UPDATE_SCREENSHOTS" in os.environ
        folder = ROOT / "docs" / "images" if keep else ROOT / ".local" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        self.run(
            "document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant'})", focus
        )
        time.sleep(0.5)  # colours fade in
        shot = self._tell("Page.captureScreenshot")
        (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def axe(self, but: Sequence[str] = ()) -> list[str]:
        """What axe-core finds to be serious, critical or moderate; `but`: rules to leave out."""
        if not self.run("return 'axe' in window"):
            self.run(axe_source())
        rules = {name: {"enabled": False} for name in but}
        found = self.driver.execute_async_script(
            "const [rules, done] = arguments;"
            "axe.run(document, {iframes: false, rules}).then(done, e => done(String(e)))",
            rules,
        )
        assert isinstance(found, dict), found
        return [
            f"{each['impact']} {each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] != "minor"
            for node in each["nodes"]
        ]

    def _tell(self, command: str, **facts: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, facts)


@contextmanager
def browser(
    url: str, width: int, height: int, dark: bool = False, scale: float = 1
) -> Iterator[Browser]:
    chromium, chromedriver = programs()
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for flag in [*FLAGS, f"--user-data-dir={home}", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(chromedriver))
        try:
            driver.set_script_timeout(60)
            window = Browser(driver, width, height, dark, scale)
            driver.get(url)
            yield window
        finally:
            driver.quit()


def until(look: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
    from selenium.common.exceptions import StaleElementReferenceException

    end = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except StaleElementReferenceException:
            pass  # made anew meanwhile
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what()}")
        time.sleep(0.1)


def axe_source() -> str:
    """axe-core as a package from PyPI brings it; nothing else of that package is used."""
    return (files("axe_playwright_python") / "axe.min.js").read_text()
