"""The text of a key: what is read as one, and what is kept of it."""

import hashlib

import pytest

from parley_session.domain.keys import digest_of, presented_key, text_of

KEY_ID = "018f3c1e-0000-7000-8000-00000000000a"
SECRET = "aZ09-_" + "x" * 37
TEXT = "parley_018f3c1e00007000800000000000000a_" + SECRET


def test_a_key_is_written_with_its_id_and_its_secret() -> None:
    assert text_of(KEY_ID, SECRET) == TEXT


def test_a_key_is_read_back() -> None:
    presented = presented_key(TEXT)
    assert presented is not None
    assert presented.key_id == KEY_ID
    assert presented.has(digest_of(SECRET))


def test_of_a_secret_only_its_sha_256_is_kept() -> None:
    presented = presented_key(TEXT)
    assert presented is not None
    assert presented.digest == hashlib.sha256(SECRET.encode()).digest()
    assert SECRET not in repr(presented)
    assert presented.digest.hex() not in repr(presented)


@pytest.mark.parametrize("secret", ["b" + SECRET[1:], SECRET[:-1] + "y", SECRET.swapcase()])
def test_another_secret_is_not_this_keys(secret: str) -> None:
    presented = presented_key(TEXT)
    assert presented is not None
    assert not presented.has(digest_of(secret))


@pytest.mark.parametrize(
    "text",
    [
        *("", "parley", "parley__", TEXT[:-1], TEXT + "x", TEXT + "\n", " " + TEXT, TEXT.upper()),
        *(TEXT.replace("parley", "other"), TEXT.replace("018f", "018F"), TEXT.replace("018f", "01-f")),
        *(TEXT[:-1] + "é", TEXT[:-1] + "\0", TEXT[:-1] + "="),
    ],
)
def test_what_is_not_written_like_a_key_is_none(text: str) -> None:
    assert presented_key(text) is None
