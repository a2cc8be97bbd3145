"""docs/http-api.md against a running stack: its commands, its client, its table of calls and its table of errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from parley_gateway.errors import PeerAway, TooFast
from tests.docs.likeness import Likeness
from tests.docs.pages import DOCS, blocks
from tests.docs.terminal import Terminal, background, clone_in, follow, gateway_of

PAGE = DOCS / "http-api.md"
LONGEST = 150
AGENT, OTHER = "appointment_desk", "echo"
OUTBOUND = "/v1/outbound-sms"
ANY_ID = "00000000-0000-7000-8000-000000000000"
OPTED_OUT = "+15550123499"
TEXT = {"user_number": "+15550123498", "message": "Hello"}
# Where it takes a lame service or a flood to see it, the sentence is compared with the one in the code.
TOLD_BY_CODE = {
    429: TooFast(1.0).message,
    503: f"{PeerAway('the session service did not answer').message}; try again",
}


@dataclass(frozen=True)
class Place:
    clone: Path
    stack_file: Path
    gateway: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where a stack runs."""
    folder = tmp_path_factory.mktemp("http-api")
    clone, stack_file = clone_in(folder), folder / "stack.json"
    with background("parley up", clone, stack_file):
        yield Place(clone, stack_file, gateway_of(stack_file))


@pytest.fixture
def terminal(place: Place, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(place.clone, place.stack_file, capsys)


def key_for(terminal: Terminal, options: str) -> str:
    terminal.run(f"export KEY=$(parley keys create test {options})")
    return terminal.variables["KEY"]


def test_every_command_prints_what_the_page_shows(terminal: Terminal, likeness: Likeness, place: Place) -> None:
    page = [block for block in blocks(PAGE) if block.language == "console"]
    [shown_address] = re.findall(r"127\.0\.0\.1:\d+", page[0].text)
    likeness.learn(shown_address, place.gateway.removeprefix("http://"))
    for block in page:
        follow(block, terminal, likeness)


def test_the_client_sends_once(terminal: Terminal, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = [block for block in blocks(PAGE) if block.language == "python"]
    monkeypatch.setenv("PARLEY", place.gateway)
    monkeypatch.setenv("KEY", key_for(terminal, f"--agent {AGENT}"))
    client: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), client)
    first, again = (client["send_sms"]("+15550123497", "Your colour is in.", "order-7") for _ in range(2))
    assert first == again
    _, told = asked(place.gateway, Call(f"/v1/sessions/{first}/messages"), client["os"].environ["KEY"])
    assert [message["text"] for message in told["messages"]] == ["Your colour is in."]


def test_the_table_of_calls_is_what_is_served(place: Place) -> None:
    shown = re.findall(r"^\| `(GET|POST) (/v1/\S+)` \|", PAGE.read_text(), re.MULTILINE)
    _, schema = asked(place.gateway, Call("/openapi.json"), "")
    served = [(method.upper(), path) for path, methods in schema["paths"].items() for method in methods]
    assert sorted(shown) == sorted(served)


@dataclass(frozen=True)
class Call:
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def asked(gateway: str, call: Call, key: str) -> tuple[int, Any]:
    """Status and body of the answer."""
    content = None if call.body is None else json.dumps(call.body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **call.headers}
    try:
        with urlopen(Request(gateway + call.path, content, headers), timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def refusals() -> list[tuple[int, str]]:
    return [
        (int(status), detail)
        for status, detail in re.findall(r"^\| (\d{3}) \| `(.*?)` \|", PAGE.read_text(), re.MULTILINE)
    ]


def provocations(terminal: Terminal, gateway: str) -> dict[str, tuple[Call, str]]:
    """What is answered with each error of the page: by how it begins, the call and its key."""
    key, of_other = key_for(terminal, f"--agent {AGENT}"), key_for(terminal, f"--agent {OTHER}")
    reader = key_for(terminal, "--scope read")
    named = {"Idempotency-Key": "order-8"}
    _, ended = asked(gateway, Call(OUTBOUND, TEXT, named), key)
    asked(gateway, Call(f"/v1/sessions/{ended['session_id']}/end", {}), key)
    terminal.run(f"parley text STOP --from {OPTED_OUT} --timeout 0")
    return {
        "user_number: write": (Call(OUTBOUND, {**TEXT, "user_number": "555"}), key),
        "the key is unknown": (Call(OUTBOUND, TEXT), "unknown"),
        "the key is not for this agent": (Call(OUTBOUND, TEXT, {"X-TOKEN-ID": OTHER}), key),
        "the key does not have": (Call(OUTBOUND, TEXT, {"X-TOKEN-ID": AGENT}), reader),
        "the agent has no number": (Call(OUTBOUND, TEXT), of_other),
        "no session has": (Call(f"/v1/sessions/{ANY_ID}/end", {}), key),
        "the participant has opted out": (Call(OUTBOUND, {**TEXT, "user_number": OPTED_OUT}), key),
        "the Idempotency-Key belongs": (Call(OUTBOUND, {**TEXT, "message": "Another"}, named), key),
        "the session has ended": (Call(f"/v1/sessions/{ended['session_id']}/hand-off", {}), key),
        "a body may have": (Call(OUTBOUND, {**TEXT, "message": "x" * 70_000}), key),
        "content-type": (Call(OUTBOUND, TEXT, {"Content-Type": "text/plain"}), key),
    }


def test_every_error_is_told_as_the_page_says(terminal: Terminal, place: Place) -> None:
    provoked = provocations(terminal, place.gateway)
    for status, detail in refusals():
        if status in TOLD_BY_CODE:
            assert TOLD_BY_CODE[status] == detail
            continue
        [(call, key)] = [told for beginning, told in provoked.items() if detail.startswith(beginning)]
        answered, problem = asked(place.gateway, call, key)
        assert (answered, problem["detail"][: len(detail)]) == (status, detail)


def test_no_error_that_the_schema_names_is_left_out(place: Place) -> None:
    _, schema = asked(place.gateway, Call("/openapi.json"), "")
    described = {status for status in schema["paths"][OUTBOUND]["post"]["responses"] if status.startswith(("4", "5"))}
    assert described == {str(status) for status, _ in refusals()}


def test_the_page_is_short() -> None:
    assert len(PAGE.read_text().splitlines()) <= LONGEST
