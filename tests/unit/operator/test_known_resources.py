"""What is asked of all resources at once is answered from indexes as a walk through all of them would answer it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import Key, Resource, Spec, Status

NUMBERS = ("", "+447900000001", "+447900000002")
KEYS: list[Key] = [("shop", "support"), ("shop", "sales"), ("clinic", "front")]


@dataclass(frozen=True)
class Seen:
    """A resource as the watch tells it, or, without a version, that it is gone."""

    key: Key
    version: int
    incarnation: int
    held: str
    chosen: str
    named: str
    bought: bool
    deleting: bool

    def resource(self) -> Resource:
        namespace, name = self.key
        origin = ("Bought" if self.bought else "Adopted") if self.held else ""
        return Resource(
            namespace,
            name,
            f"{name}-{self.incarnation}",
            str(self.version),
            1,
            f"2026-01-0{1 + KEYS.index(self.key)}T00:00:00Z",
            Spec("GB", "support", phone_number=self.named),
            Status(phone_number=self.held, sid="PN1" if self.held else "", origin=origin, chosen_number=self.chosen),
            deleting=self.deleting,
        )


SEEN = st.builds(
    Seen,
    st.sampled_from(KEYS),
    st.integers(0, 5),
    st.integers(0, 1),
    *[st.sampled_from(NUMBERS)] * 3,
    st.booleans(),
    st.booleans(),
)


@given(story=st.lists(SEEN, max_size=12), asking=SEEN)
def test_indexes_answer_as_a_walk_through_all_resources(story: list[Seen], asking: Seen) -> None:
    known = KnownResources()
    for seen in story:
        if seen.version:
            known.note(seen.resource())
        else:
            known.forget(seen.key)
    resource = asking.resource()
    others = [one for key in KEYS if (one := known.get(key)) is not None and one.uid != resource.uid]

    bought = [one for one in others if one.counts_as_purchase and one.namespace == resource.namespace]
    assert known.purchases(resource) == len(bought)
    for number in NUMBERS[1:]:
        assert known.is_taken(number, resource) == any(number in one.holds for one in others)
    number = resource.status.phone_number or resource.spec.phone_number
    holders = [f"{one.namespace}/{one.name}" for one in others if number and one.status.phone_number == number]
    assert known.rival_of(resource) in ("", *holders)
    if not resource.status.phone_number:
        assert bool(known.rival_of(resource)) == bool(holders)
    shared = [one for one in others if one.status.phone_number == number and not one.deleting]
    assert bool(known.is_shared(resource)) == bool(resource.status.phone_number and shared)


def test_who_holds_a_number_goes_before_who_names_it_and_the_older_before_the_younger() -> None:
    known, number = KnownResources(), NUMBERS[1]
    old, young = (Seen(key, 1, 0, number, "", "", True, False).resource() for key in KEYS[:2])
    for resource in (young, old):
        known.note(resource)
    assert known.rival_of(young) == "shop/support"
    assert known.rival_of(old) == ""
    naming = Seen(KEYS[2], 1, 0, "", "", number, False, False).resource()
    assert known.rival_of(naming) == "shop/support"
    known.forget(old.key)
    assert known.rival_of(naming) == "shop/sales"
    assert known.rival_of(young) == ""


def test_an_older_version_is_not_taken_for_news() -> None:
    known = KnownResources()
    newer = Seen(KEYS[0], 5, 0, NUMBERS[1], "", "", True, False).resource()
    assert known.note(newer)
    assert not known.note(Seen(KEYS[0], 4, 0, NUMBERS[2], "", "", True, False).resource())
    assert known.get(KEYS[0]) == newer
    # Another resource of the same name begins anew.
    assert known.note(Seen(KEYS[0], 1, 1, "", "", "", False, False).resource())
    assert not known.is_taken(NUMBERS[1], Seen(KEYS[1], 1, 0, "", "", "", False, False).resource())
