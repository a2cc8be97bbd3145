"""What Twilio reads out of a webhook's answer."""

import pytest

from parley_simulator.domain.answers import Answer, read_answer


@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [
        ("text/xml", b"<Response/>", Answer()),
        ("TEXT/XML; charset=utf-8", b'<?xml version="1.0"?><Response></Response>', Answer()),
        ("text/html", b"<Response><Message> hi </Message></Response>", Answer(("hi",))),
        ("text/xml", b"<Response><Message><Body>hi</Body></Message></Response>", Answer(("hi",))),
        ("text/xml", b"<Response><Message></Message></Response>", Answer()),
        ("text/xml", b"<Response><Redirect>/x</Redirect></Response>", Answer(warning=12200)),
        ("text/xml", b"<Response><Message>", Answer(error=12100)),
        ("text/xml", b"<html/>", Answer(error=12102)),
        ("text/xml", b"<!DOCTYPE x [<!ENTITY y 'z'>]><Response><Message>&y;</Message></Response>", Answer(error=12100)),
        ("text/xml", b" " * 70_000, Answer()),
        ("text/xml", b"x" * 65_537, Answer(error=11750)),
        ("text/plain", "höre".encode(), Answer(("höre",))),
        ("text/plain", b"", Answer()),
        ("application/json", b"{}", Answer(error=12300)),
        ("", b"OK", Answer(error=12300)),
        ("", b"", Answer()),
    ],
)
def test_an_answer_is_texts_or_an_error(content_type: str, body: bytes, answer: Answer) -> None:
    assert read_answer(content_type, body) == answer


def test_more_than_ten_replies_are_cut_off() -> None:
    body = b"<Response>" + b"<Message>a</Message>" * 11 + b"</Response>"
    assert read_answer("text/xml", body) == Answer(("a",) * 10, warning=14109)
