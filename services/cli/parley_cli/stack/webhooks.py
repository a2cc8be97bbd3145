"""The URLs that make Twilio call a gateway: what each of our numbers is configured with."""

from __future__ import annotations

from dataclasses import dataclass

RETRY_FRAGMENT = "#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
"""How Twilio is to repeat a webhook that we could not take: three times within its fifteen seconds."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """`public_url` is where Twilio reaches the gateway, without a slash at its end."""

    public_url: str

    @property
    def sms_url(self) -> str:
        return f"{self.public_url}/twilio/sms{RETRY_FRAGMENT}"

    @property
    def sms_fallback_url(self) -> str:
        return f"{self.public_url}/twilio/sms/fallback{RETRY_FRAGMENT}"

    @property
    def ready_url(self) -> str:
        """Answers 200 while the gateway serves."""
        return f"{self.public_url}/health/ready"
