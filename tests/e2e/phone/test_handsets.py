"""The phone page by itself: what a handset shows and sends, whoever answers its texts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, expect

from parley_simulator.simulator import Simulator
from tests.contract.simulator.receiver import Hang, Receiver
from tests.e2e.phone.conftest import OTHER, OURS, OpenPage, picture_of, serious_issues

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADA = "+15550123456"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


async def answer(simulator: Simulator, words: str) -> str:
    """A text to Ada's phone; its sid."""
    url = f"{simulator.api_url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json"
    login = aiohttp.encode_basic_auth(simulator.account_sid, simulator.auth_token)
    form = {"From": OURS, "To": ADA, "Body": words}
    async with (
        aiohttp.ClientSession(headers={"Authorization": login}) as http,
        http.post(url, data=form) as response,
    ):
        assert response.status == 201
        return str((await response.json())["sid"])


async def send(page: Page, words: str) -> None:
    field = page.get_by_label("Text message from Ada")
    await field.fill(words)
    await field.press("Enter")


async def test_an_empty_phone_says_what_to_do_and_one_click_does_it(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    ada = page.get_by_role("region", name="Phone of Ada")
    await expect(ada.get_by_role("heading", name="Say hello")).to_be_visible()
    await ada.get_by_role("button", name="Hi there").click()
    await expect(ada.locator(".mine .words")).to_have_text("Hi there")
    await expect(ada.get_by_role("heading", name="Say hello")).to_be_hidden()
    assert [(message.from_, message.to, message.body) for message in simulator.messages()] == [(ADA, OURS, "Hi there")]


async def test_enter_sends_and_shift_enter_begins_a_line(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    field = page.get_by_label("Text message from Ada")
    await field.press_sequentially("one")
    await field.press("Shift+Enter")
    await field.press_sequentially("two")
    await field.press("Enter")
    await expect(field).to_have_value("")
    await expect(page.locator(".mine .words")).to_have_text("one\ntwo")
    await field.press("Enter")
    assert [message.body for message in simulator.messages()] == ["one\ntwo"]


async def test_what_twilio_answers_by_itself_is_told_apart(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    ada = page.get_by_role("region", name="Phone of Ada")
    await ada.get_by_role("button", name="STOP", exact=True).click()
    automatic = ada.locator(".automatic")
    await expect(automatic.locator(".words")).to_contain_text("unsubscribed")
    await expect(automatic.locator(".tag")).to_have_text("Twilio answered by itself")
    await ada.get_by_role("button", name="START", exact=True).click()
    await expect(automatic).to_have_count(2)
    await expect(ada.locator(".theirs")).to_have_count(0)


async def test_a_picture_is_sent_and_shown(simulator: Simulator, receiver: Receiver, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    ada = page.get_by_role("region", name="Phone of Ada")
    await ada.get_by_role("button", name="Attach a picture").click()
    await expect(ada.locator(".preview img")).to_be_visible()
    await send(page, "look")
    shown = ada.locator(".mine img.picture")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("async image => { await image.decode(); return image.naturalWidth; }") == 480
    await expect(ada.locator(".preview")).to_be_hidden()
    (webhook,) = await receiver.wait(1)
    assert webhook.fields["NumMedia"] == "1"
    assert webhook.fields["MediaUrl0"] == f"{simulator.control_url}/phone/pictures/plant.jpg"


async def test_a_text_that_failed_says_why_in_words(simulator: Simulator, open_page: OpenPage) -> None:
    simulator.add_fault("fail", code=30003)
    page = await open_page(f"{simulator.control_url}/phone")
    await answer(simulator, "Hello?")
    await expect(page.locator(".theirs .state")).to_have_text("not delivered: the handset cannot be reached (30003)")


async def test_ticks_follow_a_text_from_queued_to_delivered(simulator: Simulator, open_page: OpenPage) -> None:
    simulator.add_fault("stall")
    page = await open_page(f"{simulator.control_url}/phone")
    sid = await answer(simulator, "x" * 161)
    text = page.locator(f'[data-sid="{sid}"]')
    await expect(text.locator(".fate")).to_contain_text("2 segments")
    for status in ("queued", "sent", "delivered"):
        if status != "queued":
            simulator.move(sid, status)
        await expect(text.locator(".state")).to_have_text(status)
        await expect(text.locator(f".icon-{status}")).to_be_visible()


async def test_an_answer_is_awaited_while_parley_has_the_text(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    await send(page, "anybody?")
    typing = page.get_by_role("region", name="Phone of Ada").locator(".typing")
    await expect(typing).to_be_visible()
    await answer(simulator, "yes")
    await expect(typing).to_be_hidden()


async def test_a_webhook_that_nobody_answers_is_under_way(
    simulator: Simulator, receiver: Receiver, open_page: OpenPage
) -> None:
    receiver.answers = [Hang()]
    page = await open_page(f"{simulator.control_url}/phone")
    await send(page, "anybody?")
    await expect(page.locator(".mine .state")).to_have_text("sending")
    await page.locator(".mine .bubble").click()
    await expect(page.locator("#journey .takes")).to_contain_text("under way")


async def test_time_that_was_skipped_is_seen_and_can_only_be_skipped_where_it_is_offered(
    simulator: Simulator, open_page: OpenPage
) -> None:
    skipped: list[float] = []

    async def skip(seconds: float) -> None:
        skipped.append(seconds)

    page = await open_page(f"{simulator.control_url}/phone")
    button = page.get_by_role("button", name="Skip 24 hours")
    await send(page, "before")
    await expect(page.locator(".mine")).to_have_count(1)
    await expect(button).to_be_hidden()
    simulator.skip_time.offer(skip)
    await button.click()
    await expect(page.locator(".later")).to_have_text("24 hours later")
    await send(page, "after")
    ada = page.get_by_role("region", name="Phone of Ada")
    await expect(ada.locator(".text")).to_have_count(2)
    order = await ada.locator(".log > *").all_inner_texts()
    assert ["before" in order[0], order[1], "after" in order[2]] == [True, "24 hours later", True]
    assert skipped == [86400.0]


async def test_texts_after_a_skip_show_the_time_that_it_is_then(simulator: Simulator, open_page: OpenPage) -> None:
    async def skip(seconds: float) -> None:
        """Nobody waits for anything here."""

    simulator.skip_time.offer(skip)
    page = await open_page(f"{simulator.control_url}/phone", locale="en-GB")
    await send(page, "before")
    await expect(page.locator(".mine")).to_have_count(1)
    await page.get_by_role("button", name="Skip 1 hour").click()
    await expect(page.locator(".later")).to_have_text("1 hour later")
    await send(page, "after")
    times = page.get_by_role("region", name="Phone of Ada").locator("time")
    await expect(times).to_have_count(2)
    before, after = [datetime.strptime(shown, "%H:%M") for shown in await times.all_inner_texts()]  # noqa: DTZ007
    assert (after - before) % timedelta(days=1) - timedelta(hours=1) <= timedelta(minutes=1)


async def test_phones_are_added_removed_and_remembered(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    titles = page.locator(".handset h2")
    await expect(titles).to_have_text(["Ada", "Ben"])
    await page.get_by_role("button", name="Add a phone").last.click()
    await expect(titles).to_have_text(["Ada", "Ben", "Chloe"])
    await expect(page.get_by_label("Text message from Chloe")).to_be_focused()
    await page.get_by_role("button", name="Remove the phone of Ben").click()
    await page.reload()
    await expect(titles).to_have_text(["Ada", "Chloe"])


async def test_a_phone_chooses_which_number_it_texts(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    await send(page, "to the first")
    await expect(page.locator(".mine")).to_have_count(1)
    await page.get_by_label("The number that Ada texts").select_option(OTHER)
    await expect(page.locator(".mine")).to_have_count(0)
    await send(page, "to the second")
    await expect(page.locator(".mine")).to_have_count(1)
    assert [message.to for message in simulator.messages()] == [OURS, OTHER]


async def test_a_reset_empties_the_phones(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    await send(page, "gone soon")
    await expect(page.locator(".mine")).to_have_count(1)
    simulator.reset()
    await expect(page.locator(".mine")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Say hello").first).to_be_visible()


async def test_no_text_is_ever_taken_for_markup(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    await send(page, "<img src=x onerror=alert(1)><b>bold</b>")
    await expect(page.locator(".mine .words")).to_have_text("<img src=x onerror=alert(1)><b>bold</b>")


async def test_the_theme_is_the_systems_until_somebody_chooses(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone", color_scheme="dark")
    toggle = page.get_by_role("button", name="Dark theme")
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    # The colour fades over.
    await expect(page.locator("body")).not_to_have_css("background-color", dark)
    await page.reload()
    await expect(toggle).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
async def test_the_page_has_no_serious_issue_and_fits(
    simulator: Simulator, open_page: OpenPage, tmp_path: Path, theme: str, viewport: dict[str, int]
) -> None:
    """With a conversation, its stations, and the switches open; pictures of it go to the test's folder."""
    width = viewport["width"]
    simulator.add_fault("fail", code=30003)
    page = await open_page(f"{simulator.control_url}/phone", color_scheme=theme, viewport=viewport)
    ada = page.get_by_role("region", name="Phone of Ada")
    await ada.get_by_role("button", name="Attach a picture").click()
    await send(page, "Could you look at this?")
    await answer(simulator, "Certainly. It wants more light, and less water than it gets.")
    await ada.get_by_role("button", name="STOP", exact=True).click()
    await expect(ada.locator(".automatic .state")).to_have_text("delivered")
    await picture_of(page, tmp_path, f"chat-{theme}-{width}")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await ada.locator(".mine .bubble").first.click()
    await expect(page.locator("#journey ol li").first).to_be_visible()
    assert await serious_issues(page) == []
    await picture_of(page, tmp_path, f"journey-{theme}-{width}")
    await page.keyboard.press("Escape")
    await expect(page.locator("#journey")).to_be_hidden()
    await page.get_by_role("button", name="Break something").click()
    assert await serious_issues(page) == []


async def test_on_a_narrow_screen_one_phone_is_shown_and_the_strip_chooses_which(
    simulator: Simulator, open_page: OpenPage
) -> None:
    page = await open_page(f"{simulator.control_url}/phone", viewport=NARROW)
    strip = page.get_by_role("navigation", name="Phones")
    await expect(strip.get_by_role("button", name="Ada")).to_have_attribute("aria-current", "true")
    await strip.get_by_role("button", name="Add a phone").click()
    await expect(page.get_by_role("region", name="Phone of Ben")).to_be_visible()
    await expect(page.get_by_role("region", name="Phone of Ada")).to_be_hidden()
    await strip.get_by_role("button", name="Ada").click()
    await expect(page.get_by_role("region", name="Phone of Ada")).to_be_visible()


async def test_the_keyboard_reaches_the_phones_past_the_header(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    await expect(page.locator(".handset")).to_have_count(2)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the phones")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('.handset') !== null")


async def test_many_texts_at_once_stand_in_their_order(simulator: Simulator, open_page: OpenPage) -> None:
    page = await open_page(f"{simulator.control_url}/phone")
    texts = [f"text {number}" for number in range(30)]
    await asyncio.gather(*(simulator.text(ADA, OURS, words, wait=False) for words in texts))
    words = page.get_by_role("region", name="Phone of Ada").locator(".words")
    await expect(words).to_have_text([message.body for message in simulator.messages()])
    end = page.get_by_role("region", name="Phone of Ada").locator(".text").last
    await expect(end).to_be_in_viewport()
