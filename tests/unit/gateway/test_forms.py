"""Forms: the same reading as Python's own parser, within stricter bounds."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley_gateway.domain.forms import fields_of, parse_form
from parley_gateway.domain.refusals import Forbidden, Malformed, TooLarge

NO_LIMIT = 10_000
# What bodies are made of: delimiters, escapes good and bad, and the characters between which escapes are confused.
PIECES = st.sampled_from(
    [
        *(
            "&",
            "=",
            "+",
            "%",
            "%2",
            "%2B",
            "%26",
            "%3D",
            "%25",
            "%zz",
            "a",
            "B",
            "0",
            "9",
            "~",
            ";",
            "/",
            "?",
            "#",
            " ",
        ),
        *("%C3%A9", "%c3%a9", "%F0%9F%91%8D", "%C3", "%A9", "%ED%A0%80", "\t", "\r\n", "Body"),
    ]
)
BODIES = st.one_of(
    st.lists(PIECES, max_size=30).map("".join), st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=80)
)


def read_by_python(body: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(body, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        return None


def read_by_us(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return parse_form(body, NO_LIMIT)
    except Forbidden:
        return None


@settings(max_examples=300, deadline=None)
@given(BODIES.filter(lambda body: "%00" not in body))
def test_any_body_reads_as_python_reads_it(body: str) -> None:
    assert read_by_us(body.encode()) == read_by_python(body)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=40)), max_size=20))
def test_what_was_encoded_reads_back(pairs: list[tuple[str, str]]) -> None:
    pairs = [(name.replace("\0", ""), value.replace("\0", "")) for name, value in pairs]
    pairs = [pair for pair in pairs if all(character < "\ud800" or character > "\udfff" for character in "".join(pair))]
    assert parse_form(urlencode(pairs).encode(), NO_LIMIT) == pairs


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"Body=", [("Body", "")]),
        (b"Body", [("Body", "")]),
        (b"=x", [("", "x")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=+%2B+", [("a", " + ")]),
        (b"a=%zz%", [("a", "%zz%")]),
        (b"a=1&a=1&a=2", [("a", "1"), ("a", "1"), ("a", "2")]),
    ],
)
def test_the_corners_of_the_format(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_form(body, NO_LIMIT) == pairs


@pytest.mark.parametrize(
    "body",
    [b"a=\xc3\xa9", b"a=%C3", b"a=%C3+%A9", b"a=%ED%A0%80", b"a=%FF", b"a=%F5%80%80%80", b"a=\0", b"a=%00", b"%00=a"],
)
def test_what_no_sender_of_utf8_can_have_meant_is_forbidden(body: bytes) -> None:
    with pytest.raises(Forbidden):
        parse_form(body, NO_LIMIT)


def test_fields_are_counted_before_they_are_read() -> None:
    assert len(parse_form(b"&".join([b"a=1"] * 5), 5)) == 5
    with pytest.raises(TooLarge):
        parse_form(b"&".join([b"a=%FF"] * 6), 5)


def test_a_known_field_may_not_come_twice_even_with_one_value() -> None:
    with pytest.raises(Malformed, match="From: comes more than once"):
        fields_of([("From", "1"), ("To", "2"), ("From", "1")], ("From", "To"))


def test_an_unknown_field_may_come_twice() -> None:
    assert fields_of([("Tag", "1"), ("To", "2"), ("Tag", "3")], ("From", "To")) == {"Tag": "3", "To": "2"}
