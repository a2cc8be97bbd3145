"""The X-Twilio-Signature of a request that Twilio sends."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit


def signed_url(url: str, *, keep_port: bool = True) -> str:
    """The configured URL without user, password and fragment; otherwise byte for byte.

    SMS keeps the port; `keep_port=False` signs as Twilio Voice does.
    """
    bare = url.partition("#")[0]
    scheme, separator, rest = bare.partition("://")
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, tail = rest[:cut].rpartition("@")[2], rest[cut:]
    if not keep_port and (port := urlsplit(f"//{authority}").port) is not None:
        authority = authority.removesuffix(f":{port}")
    return f"{scheme}{separator}{authority}{tail}"


def sign(token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """`url` is what `signed_url` gives; `params` are the decoded form fields, empty for GET."""
    data = url + "".join(name + value for name, value in sorted(set(params)))
    return base64.b64encode(hmac.digest(token.encode(), data.encode(), "sha1")).decode()
