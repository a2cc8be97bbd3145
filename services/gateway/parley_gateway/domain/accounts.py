"""The Twilio accounts that may call, and the auth tokens that each signs with. Refuses a list without a token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Accounts = Mapping[str, Sequence[bytes]]

_SID = re.compile("AC[0-9a-fA-F]{32}")
_TOKEN = re.compile(r"[!-~]+")


def parse_accounts(text: str) -> dict[str, tuple[bytes, ...]]:
    """Reads `AC...=token|token` entries, one a line or with commas between; `#` begins a comment.

    Raises ValueError that tells which entry is wrong, and nothing of what is in it.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise ValueError("name at least one account: AC<32 hex digits>=<auth token>")
    accounts: dict[str, tuple[bytes, ...]] = {}
    for place, entry in enumerate(entries, start=1):
        sid, _, rest = entry.partition("=")
        tokens = [token.strip() for token in rest.split("|")]
        if not _SID.fullmatch(sid.strip()) or not all(_TOKEN.fullmatch(token) for token in tokens):
            raise ValueError(
                f"entry {place}: write AC<32 hex digits>=<auth token>, or =<token>|<token> during a change"
            )
        if sid.strip() in accounts:
            raise ValueError(f"entry {place}: the account is named twice; write its tokens as =<token>|<token>")
        accounts[sid.strip()] = tuple(token.encode() for token in tokens)
    return accounts
