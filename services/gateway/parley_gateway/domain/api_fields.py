"""What the fields of the HTTP API may hold, and what is said to whoever wrote something else. Never quotes a value."""

from __future__ import annotations

import re

MAX_TEXT = 1600
MAX_PAGE = 500
MAX_ID = 200
MAX_DESTINATION, MAX_REASON = 200, 1000

E164 = r"^\+[1-9][0-9]{1,14}$"
# No NUL, which PostgreSQL does not store, and some character that is not white space.
NOT_BLANK = r"^[^\x00]*[^\x00\s][^\x00]*$"
NO_NUL = r"^[^\x00]*$"
IDEMPOTENCY_KEY = r"^[!-~]{1,255}$"
AGENT_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")

_NUMBER = "write an E.164 number, e.g. +15550100"
_TEXT = f"write 1 to {MAX_TEXT} characters, not only spaces, and no NUL"
_FILTER = f"write at most {MAX_ID} characters, a + as %2B"
FIXES = {
    "user_number": _NUMBER,
    "agent_number": "write one of the agent's numbers in E.164, or leave it out",
    "message": _TEXT,
    "text": _TEXT,
    "session_id": "write a UUID",
    "message_id": "write a UUID",
    "at_most_once": "write true or false",
    "page_size": f"write a number from 1 to {MAX_PAGE}",
    "page_token": "write the last answer's next_page_token, or leave it out",
    "participant": _FILTER,
    "endpoint": _FILTER,
    "destination": f"write at most {MAX_DESTINATION} characters, no NUL",
    "reason": f"write at most {MAX_REASON} characters, no NUL",
    "X-TOKEN-ID": "write the name of the agent",
    "Idempotency-Key": "write 1 to 255 visible ASCII characters, or leave it out",
}
_NAME = re.compile("[A-Za-z][A-Za-z_-]{0,39}")


def wrong(field: str) -> str:
    """What to tell of a field that cannot be used."""
    return f"{field}: {FIXES[field]}" if field in FIXES else "the request has a field that cannot be used"


def missing(field: str) -> str:
    return f"{field}: is required; {FIXES[field]}" if field in FIXES else f"{field}: is required"


def unknown(field: str) -> str:
    """Names it only if it looks like a name: anything may stand there."""
    name = field if _NAME.fullmatch(field) else "a field"
    return f"{name}: is not known here; leave it out"
