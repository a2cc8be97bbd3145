"""The URLs that make Twilio hand a number's texts to the gateway."""

from __future__ import annotations

RETRY_FRAGMENT = "#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
"""How Twilio is to repeat a webhook that we could not take: three times within its fifteen seconds."""


def sms_url(public_url: str) -> str:
    return f"{public_url}/twilio/sms{RETRY_FRAGMENT}"


def sms_fallback_url(public_url: str) -> str:
    return f"{public_url}/twilio/sms/fallback{RETRY_FRAGMENT}"
