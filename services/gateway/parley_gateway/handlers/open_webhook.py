"""Opens a webhook: shows that one of our accounts signed it for the URL at which it arrived, and reads its fields."""

from __future__ import annotations

from parley_gateway.domain.forms import Pair
from parley_gateway.domain.webhook import Webhook, verified_pairs
from parley_gateway.ports import Accounts


class OpenWebhook:
    """`public_url` is where Twilio calls, without a slash at its end; what a request says of its host is not asked."""

    def __init__(self, public_url: str, accounts: Accounts, field_limit: int) -> None:
        self._base_url = public_url.encode()
        self._accounts = accounts
        self._field_limit = field_limit

    def __call__(self, webhook: Webhook) -> list[Pair]:
        """Raises Forbidden or TooLarge."""
        return verified_pairs(webhook, self._base_url, self._accounts.tokens_of, self._field_limit)
