"""The phone page: served beside the control plane that it speaks to, bound to it, and cached by what is in it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS
from tests.contract.simulator.event_stream import listening_to


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.control_url) as session:
        yield session


async def page_of(http: aiohttp.ClientSession) -> str:
    async with http.get("/phone") as response:
        assert response.status == 200
        return await response.text()


async def test_the_phone_page_may_speak_to_nobody_but_the_control_plane(http: aiohttp.ClientSession) -> None:
    async with http.get("/phone") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert response.content_type == "text/html"
    assert "default-src 'none'" in policy
    assert all(f"{kind}-src 'self'" in policy for kind in ("connect", "img", "script", "style"))
    assert "unsafe" not in policy
    assert "http://" not in page
    assert "https://" not in page


async def test_nothing_in_the_page_needs_more_than_the_policy_allows(http: aiohttp.ClientSession) -> None:
    page = await page_of(http)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


async def test_the_parts_of_the_page_are_cached_for_good_under_a_name_of_their_content(
    http: aiohttp.ClientSession,
) -> None:
    parts = re.findall(r'(?:src|href)="(phone/parts/[^"]+)"', await page_of(http))
    assert {part.rpartition(".")[2] for part in parts} == {"js", "css", "svg"}
    for part in parts:
        async with http.get(f"/{part}") as response:
            assert response.status == 200, part
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    async with http.get("/phone/parts/0123456789ab/app.js") as response:
        assert response.status == 404


async def test_every_module_that_a_module_asks_for_is_served(http: aiohttp.ClientSession) -> None:
    found = re.search(r'src="/?(phone/parts/\w+)/app\.js"', await page_of(http))
    assert found is not None
    asked, seen = {"app.js"}, set[str]()
    while asked - seen:
        name = (asked - seen).pop()
        async with http.get(f"/{found[1]}/{name}") as response:
            assert (response.status, response.content_type) == (200, "text/javascript"), name
            source = await response.text()
        seen.add(name)
        asked |= set(re.findall(r'from "\./([\w.]+)"', source))
    assert len(seen) > 8


@pytest.mark.parametrize("name", ["__init__.py", "index.html", "..%2f__init__.py", "plant.jpg"])
async def test_only_parts_are_served_as_parts(http: aiohttp.ClientSession, name: str) -> None:
    found = re.search(r'src="/?(phone/parts/\w+)/app\.js"', await page_of(http))
    assert found is not None
    async with http.get(f"/{found[1]}/{name}") as response:
        assert response.status == 404


async def test_the_picture_that_a_phone_sends_is_there_for_whoever_is_told_its_address(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/phone/pictures/plant.jpg") as response:
        assert (response.status, response.content_type) == (200, "image/jpeg")
        assert (await response.read()).startswith(b"\xff\xd8")


# --- what the page may do besides texting -------------------------------------------------------------------------


async def test_time_is_skipped_by_whoever_offers_it(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    skipped: list[float] = []

    async def skip(seconds: float) -> None:
        skipped.append(seconds)

    async with listening_to(simulator.control_url) as stream:
        await stream.until(lambda event: event.kind == "state" and not event.data["skip"]["offered"])
        simulator.skip_time.offer(skip)
        await stream.until(lambda event: event.kind == "state" and event.data["skip"]["offered"])
        async with http.post("/skip", json={"seconds": 86400}) as response:
            assert (response.status, await response.json()) == (200, {"skipped": 86400.0})
        await stream.until(lambda e: e.kind == "state" and [d["seconds"] for d in e.data["skip"]["done"]] == [86400.0])
    assert skipped == [86400.0]


async def test_time_that_could_not_be_skipped_was_not(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    async def skip(seconds: float) -> None:
        raise ConnectionError("the session service is away")

    simulator.skip_time.offer(skip)
    async with http.post("/skip", json={"seconds": 600}) as response:
        assert (response.status, await response.json()) == (502, {"detail": "the session service is away"})
    assert simulator.skip_time.skips == []


@pytest.mark.parametrize("seconds", [0, 400 * 86400 + 1])
async def test_a_skip_has_bounds(http: aiohttp.ClientSession, simulator: Simulator, seconds: float) -> None:
    async def skip(seconds: float) -> None:
        raise AssertionError

    simulator.skip_time.offer(skip)
    async with http.post("/skip", json={"seconds": seconds}) as response:
        assert response.status == 400
        assert (await response.json())["detail"].startswith("seconds: ")


@pytest.mark.parametrize(("path", "body"), [("/skip", {"seconds": 60}), ("/end-agent", {"armed": True})])
async def test_what_nobody_offers_is_refused_with_what_would_help(
    http: aiohttp.ClientSession, path: str, body: dict[str, object]
) -> None:
    async with http.post(path, json=body) as response:
        assert response.status == 400
        assert "parley up" in (await response.json())["detail"]


async def test_an_agent_ends_once_in_its_next_turn(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    ended: list[str] = []
    simulator.end_agent.offer(lambda: ended.append("ended"))
    simulator.stations.span_begun("a" * 32, "b" * 16, "session.run_turn", 1.0, {})
    async with http.post("/end-agent", json={"armed": True}) as response:
        assert await response.json() == {"armed": True}
    simulator.stations.span_begun("a" * 32, "c" * 16, "agent.run_turn", 1.0, {})
    assert ended == []
    simulator.stations.span_begun("a" * 32, "d" * 16, "session.run_turn", 1.0, {})
    simulator.stations.span_begun("a" * 32, "e" * 16, "session.run_turn", 1.0, {})
    assert ended == ["ended"]
    assert simulator.end_agent.armed is False


async def test_an_end_that_was_switched_off_again_does_not_come(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    ended: list[str] = []
    simulator.end_agent.offer(lambda: ended.append("ended"))
    for armed in (True, False):
        async with http.post("/end-agent", json={"armed": armed}) as response:
            assert response.status == 200
    simulator.stations.span_begun("a" * 32, "b" * 16, "session.run_turn", 1.0, {})
    assert ended == []


async def test_a_number_is_called_by_the_name_that_was_given_to_it(simulator: Simulator) -> None:
    number = simulator.add_number(OURS)
    number.friendly_name = "appointment_desk"
    async with listening_to(simulator.control_url) as stream:
        state = await stream.until(lambda event: event.kind == "state")
    assert [number["name"] for number in state.data["numbers"]] == ["appointment_desk", ""]


@pytest.mark.parametrize(("site", "status"), [("same-origin", 204), ("cross-site", 403), ("same-site", 403)])
async def test_a_page_of_another_site_presses_no_button(http: aiohttp.ClientSession, site: str, status: int) -> None:
    """A browser says where a request comes from; a program that is none says nothing, as all the others do here."""
    async with http.post("/reset", headers={"Sec-Fetch-Site": site}) as response:
        assert response.status == status
    async with http.get("/health", headers={"Sec-Fetch-Site": site}) as response:
        assert response.status == 200, "to look is no harm: without CORS the page is not told"
