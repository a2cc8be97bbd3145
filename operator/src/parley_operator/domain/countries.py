"""What is known of countries without asking Twilio: where, by its guidelines, nobody can text a number."""

from __future__ import annotations

ONE_WAY = frozenset({"AD", "BA", "BD", "CM", "CN", "GE", "GT", "ID", "IN", "KE", "KZ", "MK", "NA", "OM", "SV", "TZ"})
"""Two-way SMS is not supported there, by twilio.com/guidelines as read in 2024 to 2026."""
TOLL_FREE = ("800", "833", "844", "855", "866", "877", "888")


def is_toll_free(phone_number: str) -> bool:
    """In the North American plan."""
    return phone_number.startswith("+1") and phone_number[2:5] in TOLL_FREE


def is_american(country: str, phone_number: str) -> bool:
    """Whether the rules of United States carriers are the number's own: toll-free ones are verified in Canada too."""
    return country == "US" or is_toll_free(phone_number)
