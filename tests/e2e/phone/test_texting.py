"""Texting on the phone page, with all of Parley behind it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from parley_cli.stack.in_process import Stack
from tests.e2e.conftest import Conversation, NewConversation
from tests.e2e.phone.conftest import OpenPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATIONS = [
    *("Webhook", "Gateway", "Commit", "Turn", "Agent", "Commit of the answer", "Hand-off", "Send", "POST to Twilio"),
    *("Report: sent", "Report: delivered"),
]


def phone_of(page: Page, conversation: Conversation) -> Locator:
    return page.locator(f'[data-participant="{conversation.participant}"]')


def address(conversation: Conversation) -> str:
    participant, number = (value.replace("+", "%2B") for value in (conversation.participant, conversation.number))
    return f"{conversation.stack.addresses.phone}?from={participant}&to={number}"


async def text(phone: Locator, words: str) -> None:
    field = phone.get_by_placeholder("Text message")
    await field.fill(words)
    await field.press("Enter")


async def stations(page: Page) -> list[str]:
    return [name.split("\n")[0] for name in await page.locator("#journey ol strong").all_inner_texts()]


async def test_a_text_is_answered_and_its_ticks_and_stations_are_seen(
    talk_to: NewConversation, open_page: OpenPage
) -> None:
    conversation = await talk_to("answering")
    page = await open_page(address(conversation))
    phone = phone_of(page, conversation)
    await text(phone, "Do you open today?")
    mine, theirs = phone.locator(".mine"), phone.locator(".theirs")
    await expect(theirs.locator(".words")).to_have_text("started=True heard=Do you open today?")
    await expect(theirs.locator(".fate")).to_contain_text("1 segment")
    await expect(theirs.locator(".state")).to_have_text("delivered")
    await expect(mine.locator(".state")).to_have_text("stored")
    await theirs.locator(".bubble").click()
    await expect(page.locator("#journey ol li")).to_have_count(len(STATIONS))
    assert sorted(await stations(page)) == sorted(STATIONS)
    assert (await stations(page))[0] == "Webhook"
    await expect(page.locator("#journey h2")).to_contain_text("Answered in")
    assert await page.locator("#journey .result").all_inner_texts() == ["200", "201", "204", "204"]


async def test_the_stations_are_read_and_closed_from_the_keyboard(
    talk_to: NewConversation, open_page: OpenPage
) -> None:
    conversation = await talk_to("answering")
    await conversation.text("hello")
    page = await open_page(address(conversation))
    bubble = phone_of(page, conversation).locator(".mine .bubble")
    await bubble.focus()
    await page.keyboard.press("Enter")
    await expect(bubble).to_have_attribute("aria-expanded", "true")
    await expect(page.locator("#journey")).to_be_visible()
    await page.get_by_role("button", name="Close the stations").press("Enter")
    await expect(page.locator("#journey")).to_be_hidden()
    await expect(bubble).to_be_focused()
    await expect(bubble).to_have_attribute("aria-expanded", "false")


async def test_an_agent_at_work_shows_while_its_turn_runs(talk_to: NewConversation, open_page: OpenPage) -> None:
    conversation = await talk_to("slow")
    page = await open_page(address(conversation))
    phone = phone_of(page, conversation)
    # Noted by the page itself: whoever looks from outside now and then could miss it.
    await phone.locator(".typing").evaluate(
        "typing => new MutationObserver(() => { typing.ownerDocument.wasTyping ||= !typing.hidden; })"
        ".observe(typing, { attributes: true })"
    )
    await text(phone, "take your time")
    await expect(phone.locator(".theirs")).to_have_count(1)
    await expect(phone.locator(".typing")).to_be_hidden()
    assert await page.evaluate("document.wasTyping") is True


async def test_a_429_is_repeated_by_the_notifier_and_both_posts_are_seen(
    talk_to: NewConversation, open_page: OpenPage
) -> None:
    conversation = await talk_to("answering")
    page = await open_page(address(conversation))
    await page.get_by_role("button", name="Break something").click()
    switch = page.get_by_role("switch", name="Twilio says 429")
    await switch.click()
    await expect(switch).to_be_checked()
    await page.keyboard.press("Escape")
    phone = phone_of(page, conversation)
    await text(phone, "still there?")
    await expect(phone.locator(".theirs .state")).to_have_text("delivered")
    await expect(page.locator("#toast")).to_contain_text("429")
    await phone.locator(".theirs .bubble").click()
    posts = page.locator("#journey ol li", has_text="POST to Twilio").locator(".result")
    await expect(posts).to_have_text(["429", "201"])
    await page.get_by_role("button", name="Break something").click()
    await expect(switch).not_to_be_checked()


async def test_an_agent_that_dies_in_its_turn_has_it_again(
    talk_to: NewConversation, open_page: OpenPage, stack: Stack
) -> None:
    conversation = await talk_to("answering")
    page = await open_page(address(conversation))
    await page.get_by_role("button", name="Break something").click()
    await page.get_by_role("switch", name="Kill the agent").click()
    await page.keyboard.press("Escape")
    phone = phone_of(page, conversation)
    await text(phone, "are you alive?")
    await expect(phone.locator(".theirs .state")).to_have_text("delivered")
    await expect(page.locator("#toast")).to_contain_text("died")
    await phone.locator(".mine .bubble").click()
    await expect(page.locator("#journey ol [data-failed] strong", has_text="Turn")).to_have_count(1)
    assert (await stations(page)).count("Turn") == 2
    assert stack.simulator.end_agent.armed is False


async def test_a_participant_who_texts_from_elsewhere_gets_a_phone(
    talk_to: NewConversation, open_page: OpenPage
) -> None:
    here, elsewhere = await talk_to("answering"), await talk_to("answering")
    # Those of other tests have texted from elsewhere too, and there is not room for everybody.
    here.stack.simulator.reset()
    page = await open_page(address(here))
    await expect(phone_of(page, here)).to_be_visible()
    await elsewhere.text("hello from a terminal")
    await expect(phone_of(page, elsewhere).locator(".mine .words")).to_have_text("hello from a terminal")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_day_that_is_skipped_brings_the_warning(
    talk_to: NewConversation, open_page: OpenPage, theme: str
) -> None:
    conversation = await talk_to("answering")
    page = await open_page(address(conversation), color_scheme=theme)
    phone = phone_of(page, conversation)
    await text(phone, "I'll think about it")
    await expect(phone.locator(".theirs .state")).to_have_text("delivered")
    await page.get_by_role("button", name="Skip 24 hours").click()
    await expect(phone.locator(".later")).to_have_text("24 hours later")
    await expect(phone.locator(".theirs .words").last).to_contain_text("Are you still there?")
    await text(phone, "Yes, go on")
    await expect(phone.locator(".theirs .words").last).to_have_text("started=True heard=Yes, go on")
