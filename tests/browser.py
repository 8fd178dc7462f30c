"""How tests find a browser, and click and wait in its pages."""

import importlib.util
import shutil
import socket
import time
from collections.abc import Callable

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [
    name
    for name in ("gradio", "playwright")
    if importlib.util.find_spec(name) is None
]
needs_browser = pytest.mark.skipif(
    bool(MISSING) or CHROMIUM is None,
    reason=f"needs chromium, {' and '.join(MISSING) or 'which is missing'}",
)
BROWSER = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def open_tab(page, name: str) -> None:
    page.wait_for_selector("#sign", state="attached")
    tab = page.locator(f"button[role=tab]:has-text('{name}')")
    while tab.get_attribute("aria-selected") != "true":
        tab.click()  # which a page that is still being built ignores
        page.wait_for_timeout(200)


def wait_for(page, selector: str, text: str, seconds: float = 300) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)"
        "?.innerText.includes(text)",
        arg=[selector, text],
        timeout=seconds * 1000,
    )


def choose(page, selector: str, text: str) -> None:
    """Chooses from a list, or types something that is not in it."""
    page.fill(f"{selector} input", text)
    page.press(f"{selector} input", "Enter")


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
