"""A key of the HTTP API: its text, `parley_<id>_<secret>`, and the digest that is stored in the place of the secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass, field

# A secret is 256 bits from the system's source, so that a plain hash of it cannot be searched.
_TEXT = re.compile("parley_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class PresentedKey:
    key_id: str
    digest: bytes = field(repr=False)

    def has(self, digest: bytes) -> bool:
        """Whether the digest is of this key's secret. The time tells nothing about how close it was."""
        return hmac.compare_digest(self.digest, digest)


def presented_key(text: str) -> PresentedKey | None:
    """None for what cannot be a key."""
    found = _TEXT.fullmatch(text)
    return PresentedKey(str(uuid.UUID(found[1])), digest_of(found[2])) if found else None


def digest_of(secret: str) -> bytes:
    """32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def text_of(key_id: str, secret: str) -> str:
    """`secret` is 43 characters of URL-safe base64."""
    return f"parley_{uuid.UUID(key_id).hex}_{secret}"
