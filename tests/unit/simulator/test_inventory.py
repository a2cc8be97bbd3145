"""How numbers for sale are made, and that what is gone stays gone."""

from hypothesis import given
from hypothesis import strategies as st

from parley_simulator.domain.inventory import Inventory, NumberType, Shelf, Terms
from parley_simulator.domain.numbers import E164
from parley_simulator.domain.stock import SHELVES, stocked

US = Shelf("US", NumberType.LOCAL, Terms(), "+1", 10)
TINY = Shelf("FI", NumberType.MOBILE, Terms(), "+35845", 1)


def made(inventory: Inventory, many: int, area_code: str = "415") -> list[str]:
    return [offer.phone_number for offer in inventory.stock(US, many, area_code)]


def test_all_that_is_stocked_are_numbers_of_their_country_and_type() -> None:
    inventory = stocked(3)
    assert all(E164.fullmatch(offer.phone_number) for offer in inventory)
    assert {(offer.country, offer.type) for offer in inventory} == {(shelf.country, shelf.type) for shelf in SHELVES}
    assert len({offer.phone_number for offer in inventory}) == len(list(inventory))


def test_nothing_is_stocked_where_nothing_is_wanted() -> None:
    inventory = stocked(0)
    assert list(inventory) == []
    assert inventory.shelf("US", NumberType.LOCAL) is not None


@given(st.lists(st.integers(min_value=0, max_value=9)))
def test_a_number_that_was_taken_is_never_made_again(taken: list[int]) -> None:
    inventory = Inventory()
    first = made(inventory, 10)
    for position in taken:
        inventory.take(first[position])
    inventory.empty("US", NumberType.LOCAL)
    gone = {first[position] for position in taken}
    assert gone.isdisjoint(made(inventory, 20))


def test_a_number_that_is_put_up_by_name_is_for_sale_again() -> None:
    inventory = Inventory()
    (offer,) = inventory.stock(US, 1, "415")
    inventory.take(offer.phone_number)
    inventory.put(offer)
    assert inventory.find(offer.phone_number) is offer


def test_no_more_numbers_are_made_than_there_are_digits() -> None:
    assert [offer.phone_number[-1] for offer in Inventory().stock(TINY, 100)] == list("123456789")


def test_the_longest_prefix_says_what_a_number_is() -> None:
    inventory = stocked(0)
    for phone_number, country, kind in (
        ("+447400555001", "GB", NumberType.MOBILE),
        ("+442079460000", "GB", NumberType.LOCAL),
        ("+14155550001", "US", NumberType.LOCAL),
    ):
        shelf = inventory.plan_of(phone_number)
        assert shelf is not None
        assert (shelf.country, shelf.type) == (country, kind)
    assert inventory.plan_of("+99912345678") is None
