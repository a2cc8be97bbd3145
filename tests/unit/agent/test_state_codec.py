"""The state between turns: what goes in comes out, and what cannot be kept is refused by the name of its key."""

from __future__ import annotations

import enum
import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from parley_agent.domain.state_codec import MAX_BYTES, OwnClasses, StateError, decode, encode

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Mood(enum.Enum):
    GOOD = 1
    BAD = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Slot:
    start: datetime
    tags: frozenset[str] = frozenset()
    mood: Mood = Mood.GOOD


@dataclass
class Total:
    amount: Decimal
    doubled: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.amount *= 2
        self.doubled = self.amount


class Basket(BaseModel):
    model_config = ConfigDict(extra="allow")

    items: list[str] = []
    slot: Slot | None = None


def find(module: str, qualified: str) -> object:
    assert module == __name__
    found: Any = globals()
    return found[qualified]


OWN = OwnClasses(owns=lambda module: module == __name__, find=find)
NOBODYS = OwnClasses(owns=lambda module: False, find=find)


def kept(value: Any) -> Any:
    return decode(encode({"x": value}, OWN), OWN)["x"]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
zones = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("Europe/London")])
finite = st.floats(allow_nan=False, allow_infinity=False)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    finite,
    texts,
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(timezones=zones),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.sampled_from(Mood),
    st.builds(Slot, st.datetimes(timezones=zones), st.frozensets(texts, max_size=3), st.sampled_from(Mood)),
)
values = st.recursive(
    st.one_of(hashables, st.frozensets(hashables, max_size=3), st.sets(hashables, max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(texts, inner, max_size=3),
        st.dictionaries(st.one_of(st.integers(), st.dates(), st.tuples(texts, st.integers())), inner, max_size=3),
        st.dictionaries(st.just("$type"), inner, max_size=1),
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, datetime | time):
        # Comparing two datetimes ignores the fold, and its zone where both have one.
        return (one.replace(tzinfo=None), one.fold, one.tzinfo) == (
            other.replace(tzinfo=None),
            other.fold,
            other.tzinfo,
        )
    return bool(one == other)


@given(values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert same(value, kept(value))


@given(values)
def test_the_text_is_plain_json_and_the_same_for_the_same_state(value: Any) -> None:
    text = encode({"x": value}, OWN)
    json.loads(text, parse_constant=pytest.fail)
    assert encode(decode(text, OWN), OWN) == text


def test_an_empty_text_is_an_empty_state() -> None:
    assert decode("", OWN) == {}


def test_a_plain_state_is_plain_json() -> None:
    assert encode({"name": "Zoë", "n": 1, "on": True, "rest": [None, 1.5]}, OWN) == (
        '{"name":"Zoë","n":1,"on":true,"rest":[null,1.5]}'
    )


def test_a_tag_names_the_type() -> None:
    assert json.loads(encode({"day": date(2026, 3, 4)}, OWN)) == {"day": {"$type": "date", "value": "2026-03-04"}}


def test_a_time_keeps_the_name_of_its_zone() -> None:
    autumn = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/London"))
    assert (kept(autumn) + timedelta(days=1)).utcoffset() == timedelta(0)


def test_a_model_keeps_what_is_in_it() -> None:
    basket = Basket(items=["a"], slot=Slot(NOON), note="extra")  # type: ignore[call-arg]
    back = kept(basket)
    assert back == basket
    assert back.note == "extra"


def test_a_dataclass_is_restored_without_running_its_init_again() -> None:
    total = Total(Decimal(5))
    assert kept(total).amount == Decimal(10)
    assert kept(total).doubled == Decimal(10)


def test_a_field_that_is_new_takes_its_default() -> None:
    text = encode({"x": Slot(NOON)}, OWN).replace('"tags":{"$type":"frozenset","value":[]},', "")
    assert decode(text, OWN)["x"] == Slot(NOON)


def test_a_new_field_without_a_default_is_named() -> None:
    text = encode({"x": Slot(NOON)}, OWN).replace('"start"', '"begin"')
    with pytest.raises(StateError, match="Slot lacks the field 'start': give it a default"):
        decode(text, OWN)


def test_a_str_subclass_and_an_own_enum_are_told_apart() -> None:
    class Shout(str):
        __slots__ = ()

    assert type(kept(Shout("hey"))) is str
    assert kept(Level.LOW) is Level.LOW


def nested(depth: int) -> list[Any]:
    return [] if not depth else [nested(depth - 1)]


def itself() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["me"] = loop
    return loop


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": {"b": [0, object()]}}, r"conv.state\['a'\]\['b'\]\[1\] is of type object, which cannot be kept"),
        ({"a": b"bytes"}, r"conv.state\['a'\] is of type bytes"),
        ({"a": defaultdict(int)}, r"conv.state\['a'\] is of type defaultdict"),
        ({"a": math.nan}, r"conv.state\['a'\] is nan: JSON has no such number"),
        ({"a": [math.inf]}, r"conv.state\['a'\]\[0\] is inf"),
        ({"a": nested(99)}, r"nested too deeply, or holds itself"),
        ({"a": itself()}, r"nested too deeply, or holds itself"),
        ({"a": "\ud800"}, r"conv.state\['a'\] holds a character that cannot be stored"),
        ({"a": {"b": "x\0y"}}, r"conv.state\['a'\]\['b'\] holds a character that cannot be stored"),
        ({"a": {"x\0y": 1}}, r"conv.state\['a'\]\[...\] holds a character"),
        ({1: 1}, r"conv.state has a key of type int"),
        ({"$type": "x"}, r"conv.state\['\$type'\] is reserved"),
        ({"small": 1, "big": "x" * MAX_BYTES}, r"takes 65556 bytes and 65536 are allowed; most are in .*\['big'\]"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_key(state: dict[str, Any], message: str) -> None:
    with pytest.raises(StateError, match=message):
        encode(state, OWN)


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert kept("\\u0000") == "\\u0000"


def test_the_limit_counts_bytes() -> None:
    room = MAX_BYTES - len('{"x":""}')
    assert len(encode({"x": "é" * (room // 2)}, OWN).encode()) == MAX_BYTES
    with pytest.raises(StateError, match="65538 bytes"):
        encode({"x": "é" * (room // 2 + 1)}, OWN)


def test_a_key_that_could_be_somebodys_number_is_not_shown() -> None:
    with pytest.raises(StateError) as caught:
        encode({"+15005550006": object()}, OWN)
    assert "5005550006" not in str(caught.value)


def test_classes_of_others_are_refused() -> None:
    with pytest.raises(StateError, match=r"conv.state\['x'\] is of type Slot, from outside the agent's own modules"):
        encode({"x": Slot(NOON)}, NOBODYS)


def test_a_class_inside_a_function_is_refused() -> None:
    @dataclass
    class Inner:
        n: int

    with pytest.raises(StateError, match="a class inside a function: move it to module level"):
        encode({"x": Inner(1)}, OWN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a JSON object"),
        ("nonsense", "not one that this agent can read"),
        ('{"x":{"$type":"pickle","value":"gASV"}}', "a type that this version does not know"),
        ('{"x":{"$type":"dataclass","class":"os:system","value":{}}}', "os:system, which the agent no longer has"),
        (f'{{"x":{{"$type":"dataclass","class":"{__name__}:find","value":{{}}}}}}', "which the agent no longer has"),
        ('{"x":{"$type":"date","value":"tomorrow"}}', "not one that this agent can read"),
        ('{"x":{"$type":"datetime","value":"2026-03-04","zone":"Mars/Base"}}', "not one that this agent can read"),
    ],
)
def test_a_stored_state_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(StateError, match=message):
        decode(text, OWN)
