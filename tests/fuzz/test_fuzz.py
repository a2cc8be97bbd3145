"""The fuzzer's short form: nothing is found in what is there, and what is planted is found."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import unquote_plus

import pytest
import pytest_asyncio

from parley_gateway.domain.forms import Pair, parse_form
from parley_gateway.domain.signature import is_signed
from parley_notifier.domain import segments
from tests.fuzz.__main__ import main
from tests.fuzz.door import OVER_SOCKETS, Door, door, is_outbound_text, wrong
from tests.fuzz.finding import MOST_FINDS, fuzz
from tests.fuzz.mutations import Mutations
from tests.fuzz.segments_by_hand import segments_of
from tests.fuzz.targets import TARGETS, Subjects

EXECUTIONS = {"signatures": 6000, "forms": 10_000, "texts": 10_000, "reports": 10_000, "segments": 1500}
OVER_SOCKETS_EXECUTIONS = {"http": 1500, "json": 1500}
SEED = 20_261_123


@pytest.fixture(params=[SEED, None], ids=["a known seed", "a new seed"])
def mutations(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Mutations:
    # pytest-randomly's own seed, which it prints.
    seed = request.param or request.config.getoption("randomly_seed", SEED)
    record_property("seed", seed)
    return Mutations(int(seed))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_target(name: str, mutations: Mutations) -> None:
    found = fuzz(name, TARGETS[name](Subjects(), mutations), executions=EXECUTIONS[name] // 4)
    assert found.finds == []
    assert found.executions >= EXECUTIONS[name] // 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened() -> AsyncIterator[Door]:
    async with door() as opened:
        yield opened


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", OVER_SOCKETS)
async def test_nothing_is_found_over_a_socket(opened: Door, name: str, mutations: Mutations) -> None:
    found = await OVER_SOCKETS[name](opened, mutations, executions=OVER_SOCKETS_EXECUTIONS[name] // 4)
    assert found.finds == []
    assert found.executions >= OVER_SOCKETS_EXECUTIONS[name] // 4


# --- bugs that were planted -------------------------------------------------------------------------------------


def unsorted(url: bytes, pairs: Sequence[Pair], signature: bytes, tokens: Sequence[bytes]) -> bool:
    data = url + "".join(name + value for name, value in pairs).encode()
    return any(base64.b64encode(hmac.digest(token, data, "sha1")) == signature for token in tokens)


def credulous(url: bytes, pairs: Sequence[Pair], signature: bytes, tokens: Sequence[bytes]) -> bool:
    """Takes a signature without its padding for the whole."""
    return is_signed(url, pairs, signature.rstrip(b"=") + b"=", tokens)


def without_blanks(body: bytes, limit: int) -> list[Pair]:
    return [pair for pair in parse_form(body, limit) if pair[1]]


def lenient(body: bytes, limit: int) -> list[Pair]:
    fields = [field.partition("=") for field in body.decode("ascii", "replace").split("&") if field]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in fields]


def greedy(text: str) -> int:
    """Fills segments to the last unit, in the middle of a character if need be."""
    units = sum(len(unit) for segment in segments_of(text) for unit in segment)
    single, several = (160, 153) if segments_of(text)[0] and len(segments_of(text)[0][0]) == 1 else (140, 134)
    return 1 if units <= single else -(-units // several)


SINGLE = str.maketrans(dict.fromkeys(segments.EXTENSION, "a"))
"""As if a character of the extension were one unit."""


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("signatures", Subjects(is_signed=unsorted)),
        ("signatures", Subjects(is_signed=credulous)),
        ("forms", Subjects(parse_form=without_blanks)),
        ("forms", Subjects(parse_form=lenient)),
        ("texts", Subjects(parse_form=lenient)),
        ("reports", Subjects(parse_form=lenient)),
        ("segments", Subjects(count=greedy)),
        ("segments", Subjects(count=lambda text: segments.count(text.translate(SINGLE)))),
    ],
)
def test_what_is_planted_is_found(name: str, broken: Subjects) -> None:
    found = fuzz(name, TARGETS[name](broken, Mutations(SEED)), executions=EXECUTIONS[name])
    assert found.finds


def test_a_target_that_is_broken_is_not_tried_for_ever() -> None:
    found = fuzz("broken", lambda: str(1 / 0), executions=10_000)
    assert len(found.finds) == found.executions == MOST_FINDS


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 9\r\n\r\nTraceback",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore than was told",
        b"hello",
    ],
)
def test_an_answer_that_should_not_be_is_found(said: bytes) -> None:
    assert wrong(said)


def test_answers_one_after_the_other_are_no_find() -> None:
    assert wrong(b"") == wrong(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" * 2) == ""


def test_the_second_reading_of_a_body_tells_good_from_bad() -> None:
    assert is_outbound_text(b'{"user_number": "+15550100", "message": "Hello", "agent_number": null}')
    assert not is_outbound_text(b'{"user_number": "+15550100", "message": "\\ud800"}')
    assert not is_outbound_text(b'{"user_number": "+15550100", "message": " "}')


def test_segments_by_hand_are_those_of_the_documentation() -> None:
    counts = {
        "a" * 160: 1,
        "a" * 161: 2,
        "a" * 306: 2,
        "a" * 307: 3,
        "€" * 80: 1,
        "€" * 81: 2,
        "ç" * 70: 1,
        "ç" * 71: 2,
    }
    counts |= {"😀" * 35: 1, "😀" * 36: 2, "a" * 66 + "😀" + "a" * 66: 3, "你" * 134: 2, "你" * 135: 3, "": 1}
    assert {text: len(segments_of(text)) for text in counts} == counts


def test_the_same_seed_makes_the_same_inputs() -> None:
    one, two = Mutations(7), Mutations(7)
    assert [one.text() + str(one.content([b"abc"])) for _ in range(50)] == [
        two.text() + str(two.content([b"abc"])) for _ in range(50)
    ]


def test_a_run_by_hand_says_its_seed_and_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--seconds", "0", "--executions", "50", "--seed", "3", "--target", "forms", "--target", "reports"]) == 0
    )
    said = capsys.readouterr().out
    assert "seed 3" in said
    assert "100 executions, 0 finds" in said
