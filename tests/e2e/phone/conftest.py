"""A browser that is on the machine, and phone pages in it. Without one these tests are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from parley_simulator.app import running
from parley_simulator.settings import Settings
from parley_simulator.simulator import Simulator
from tests.contract.simulator.receiver import Receiver, receiving

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OURS, OTHER = "+15550001111", "+15550002222"
TIMEOUT = 10_000.0
"""Milliseconds that a page may take for anything."""

OpenPage = Callable[..., Awaitable[Page]]
"""`url`, and options of a browser context (viewport, color_scheme)."""


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("PARLEY_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), "")
    if not found:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or PARLEY_BROWSER=/path/to/it")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Chromium's own sandbox refuses root; what it shows here is ours.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        async with await playwright.chromium.launch(executable_path=chromium, args=arguments) as launched:
            yield launched


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens pages, each in a browser of its own as far as it can tell; what their scripts complain about fails."""
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        async def opened(url: str, **options: Any) -> Page:
            options.setdefault("viewport", {"width": 1280, "height": 800})
            # What moves would be caught by a screenshot in the middle of its way.
            context = await browser.new_context(reduced_motion="reduce", **options)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(TIMEOUT)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            await page.goto(url)
            return page

        yield opened
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(receiver: Receiver) -> AsyncIterator[Simulator]:
    """A simulated Twilio whose webhooks are answered by nobody but a receiver."""
    async with running(Settings(listen="127.0.0.1:0", control_listen="127.0.0.1:0", numbers=())) as started:
        for number in (OURS, OTHER):
            started.add_number(number, sms_url=receiver.url())
        yield started


async def serious_issues(page: Page) -> list[str]:
    """What axe finds and calls serious or critical: rule and place."""
    # Only its copy of axe-core is needed; the page's policy would let none in.
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = await page.evaluate("axe.run()")
    return [
        f"{issue['id']}: {node['target']} {node.get('failureSummary', '')}"
        for issue in found["violations"]
        if issue["impact"] in ("serious", "critical")
        for node in issue["nodes"]
    ]


async def picture_of(page: Page, folder: Path, name: str) -> Path:
    path = folder / f"{name}.png"
    await page.screenshot(path=path)
    return path
