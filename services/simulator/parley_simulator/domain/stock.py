"""What the simulated Twilio sells when nobody says otherwise: a likeness of a few countries, not Twilio's own list."""

from __future__ import annotations

from parley_simulator.domain.inventory import AddressNeed, Inventory, NumberType, Shelf, Terms

COUNTRIES = {
    "AU": "Australia",
    "CA": "Canada",
    "DE": "Germany",
    "FI": "Finland",
    "GB": "United Kingdom",
    "IN": "India",
    "NL": "Netherlands",
    "US": "United States",
}
# India sells nothing: a country without any numbers.
SHELVES = (
    Shelf("US", NumberType.LOCAL, Terms(mms=True), "+1", 10),
    Shelf("US", NumberType.TOLL_FREE, Terms(mms=True), "+1", 10),
    Shelf("CA", NumberType.LOCAL, Terms(mms=True), "+1", 10),
    Shelf("GB", NumberType.LOCAL, Terms(sms=False, address=AddressNeed.ANY), "+4420", 8),
    Shelf("GB", NumberType.MOBILE, Terms(bundle=True), "+447400", 6),
    Shelf("GB", NumberType.TOLL_FREE, Terms(sms=False), "+44800", 7),
    Shelf("DE", NumberType.LOCAL, Terms(sms=False, address=AddressNeed.LOCAL, bundle=True), "+4930", 8),
    Shelf("DE", NumberType.MOBILE, Terms(address=AddressNeed.LOCAL), "+491520", 7),
    Shelf("FI", NumberType.MOBILE, Terms(), "+358457", 7),
    Shelf("NL", NumberType.MOBILE, Terms(address=AddressNeed.FOREIGN), "+3197", 9),
    Shelf("AU", NumberType.MOBILE, Terms(address=AddressNeed.ANY), "+61480", 6),
)
AREA_CODES = {
    ("US", NumberType.LOCAL): ("415", "212", "312", "512"),
    ("US", NumberType.TOLL_FREE): ("833", "844", "888"),
    ("CA", NumberType.LOCAL): ("416", "604"),
}
PLACES = {
    "415": ("CA", "San Francisco", "94103"),
    "212": ("NY", "New York", "10001"),
    "312": ("IL", "Chicago", "60601"),
    "512": ("TX", "Austin", "78701"),
    "416": ("ON", "Toronto", "M5H 2N2"),
    "604": ("BC", "Vancouver", "V6B 1A1"),
}


def stocked(each: int) -> Inventory:
    """`each` numbers per type of a country, and per area code where there are area codes. 0: none for sale."""
    inventory = Inventory()
    inventory.countries.update(COUNTRIES)
    for shelf in SHELVES:
        inventory.add_shelf(shelf)
        for area_code in AREA_CODES.get((shelf.country, shelf.type), ("",)):
            for offer in inventory.stock(shelf, each, area_code):
                offer.region, offer.locality, offer.postal_code = PLACES.get(area_code, ("", "", ""))
    return inventory
