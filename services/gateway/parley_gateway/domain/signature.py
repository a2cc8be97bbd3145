"""Whether an X-Twilio-Signature is genuine: base64(HMAC-SHA1(auth token, URL + sorted fields)).

The URL is the configured one with the path and query as they came, byte for byte; neither the Host header nor the
port is guessed at. The signed text has no delimiters, so what was signed must afterwards be checked field by field.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Iterable, Sequence


def is_signed(url: bytes, params: Iterable[tuple[str, str]], signature: bytes, tokens: Sequence[bytes]) -> bool:
    """Whether `signature` was made with one of `tokens`.

    `params` are all decoded fields as received; empty for GET and JSON. Several tokens are live while one is being
    replaced; all are tried, so that the time tells nothing about which one was close.
    """
    try:
        data = url + "".join([name + value for name, value in sorted(set(params))]).encode()
    except UnicodeEncodeError:
        return False
    genuine = False
    for token in tokens:
        expected = binascii.b2a_base64(hmac.digest(token, data, "sha1"), newline=False)
        genuine |= hmac.compare_digest(expected, signature)
    return genuine
