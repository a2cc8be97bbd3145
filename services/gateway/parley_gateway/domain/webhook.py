"""A webhook between its arrival and the moment it is believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from parley_gateway.domain.forms import Pair, parse_form
from parley_gateway.domain.refusals import Forbidden
from parley_gateway.domain.signature import is_signed


@dataclass(frozen=True, slots=True)
class Webhook:
    """A POST as it came; nothing in it is believed yet.

    `target` is the raw path with the raw query, `delivery_id` what the path says of it, if anything.
    """

    target: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    body: bytes = field(repr=False)
    delivery_id: str = ""


def verified_pairs(
    webhook: Webhook, base_url: bytes, tokens_of: Callable[[str], Sequence[bytes]], limit: int
) -> list[Pair]:
    """All fields of the form, once one of its account's tokens is shown to have signed them.

    Raises Forbidden, or TooLarge for more than `limit` fields.
    """
    pairs = parse_form(webhook.body, limit)
    accounts = [value for name, value in pairs if name == "AccountSid"]
    tokens = tokens_of(accounts[0]) if len(accounts) == 1 else ()
    if not tokens:
        raise Forbidden("UNKNOWN_ACCOUNT")
    if not is_signed(base_url + webhook.target, pairs, webhook.signature, tokens):
        raise Forbidden("BAD_SIGNATURE")
    return pairs
