"""The picture of the phone page that the README shows, drawn anew; `make picture` puts it into docs/."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from parley_cli.stack.in_process import Options, running
from tests.e2e.phone.conftest import OpenPage, picture_of

ROOT = Path(__file__).resolve().parents[3]
LARGEST = 300 * 1024
"""Bytes; a README is read over slow lines too."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def say(phone: Locator, words: str, answers: int) -> None:
    """Texts, and waits until so many texts have come back in all."""
    field = phone.get_by_placeholder("Text message")
    await field.fill(words)
    await field.press("Enter")
    await expect(phone.locator(".theirs[data-fate=delivered]")).to_have_count(answers)


async def talk(page: Page) -> None:
    ada, ben = (page.get_by_role("region", name=f"Phone of {name}") for name in ("Ada", "Ben"))
    await say(ada, "Hi there", 1)
    await say(ada, "A haircut on Friday at 10:30", 2)
    await say(ben, "Hello", 1)
    await ben.get_by_role("button", name="STOP", exact=True).click()
    await expect(ben.locator(".automatic[data-fate=delivered]")).to_have_count(1)
    await ada.locator(".theirs .bubble").nth(1).click()
    await expect(page.locator("#journey ol li", has_text="Report: delivered")).to_have_count(1)
    await page.mouse.move(0, 0)


async def test_the_picture_of_the_phone_page(open_page: OpenPage, tmp_path: Path) -> None:
    async with running(Options(ROOT / "agents", "appointment_desk", durable=False)) as stack:
        page = await open_page(
            stack.addresses.phone, viewport={"width": 1280, "height": 880}, color_scheme="light", locale="en-GB"
        )
        await talk(page)
        picture = await picture_of(page, tmp_path, "phone")
        await page.close()
    assert picture.stat().st_size <= LARGEST
    if wanted := os.environ.get("PARLEY_PICTURE"):
        (ROOT / wanted).parent.mkdir(exist_ok=True)
        shutil.copyfile(picture, ROOT / wanted)
