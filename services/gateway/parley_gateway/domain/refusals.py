"""Why a webhook is turned away. Texts name fields, never what was in them.

Refusal
├── Forbidden        it cannot be shown to come from an account of ours
├── Malformed        it does, but a field is missing or has no meaning here
├── TooLarge         more than anything that Twilio sends
└── UnsupportedType  not a form
"""

from __future__ import annotations


class Refusal(Exception):
    """`reason` is UPPER_SNAKE, for counting; the text is for whoever sent the request."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class Forbidden(Refusal):
    """Its detail is never sent: a forger learns nothing."""


class Malformed(Refusal):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__("MALFORMED", f"{field}: {problem}")
        self.field = field


class TooLarge(Refusal):
    pass


class UnsupportedType(Refusal):
    pass
