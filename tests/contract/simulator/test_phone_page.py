"""The phone page: served beside the control plane that it speaks to, and bound to it."""

from __future__ import annotations

import aiohttp

from parley_simulator.simulator import Simulator


async def test_the_phone_page_may_speak_to_nobody_but_the_control_plane(simulator: Simulator) -> None:
    async with aiohttp.ClientSession(simulator.control_url) as http, http.get("/phone") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert response.content_type == "text/html"
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "http://" not in page
    assert "https://" not in page
