"""Keeps an agent's state as JSON between turns, and gives back the Python values that it was made of.

What JSON does not know is tagged: {"$type": "datetime", "value": ...}. Dataclasses, pydantic models and enums are
kept when they are of the agent's own modules. Never pickle; whatever else a state holds is refused by name.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

TAG = "$type"
MAX_BYTES = 64 * 1024
MAX_DEPTH = 60

Path = tuple[Any, ...]
"""Where a value is: (path of what holds it, its key); () is the state itself."""


class StateError(ValueError):
    """The state cannot be kept or read. The message names the key, never the value."""


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """The classes of the agent's own modules: the only ones that a state may hold."""

    owns: Callable[[str], bool]
    """Whether a module, by name, is the agent's own."""
    find: Callable[[str, str], object]
    """(module, qualified name) → the class. Raises LookupError, ImportError or AttributeError."""


def encode(state: Mapping[str, Any], classes: OwnClasses) -> str:
    """The state as a JSON object of at most 64 KiB. Raises StateError."""
    packed = {_checked_key(key): _Packer(classes).pack(value, ((), key)) for key, value in state.items()}
    if TAG in packed:
        raise StateError(f"conv.state[{TAG!r}] is reserved: use another key")
    text = json.dumps(packed, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if not text.isascii() or "\\u0000" in text:
        _refuse_unstorable(packed, ())
    size = len(text) if text.isascii() else len(text.encode())
    if size > MAX_BYTES:
        largest = max(packed, key=lambda key: len(json.dumps(packed[key])))
        raise StateError(
            f"conv.state takes {size} bytes and {MAX_BYTES} are allowed; most are in {_where(((), largest))}"
        )
    return text


def decode(text: str, classes: OwnClasses) -> dict[str, Any]:
    """The state that `encode` made into `text`; empty for an empty text. Raises StateError."""
    if not text:
        return {}
    unpacker = _Unpacker(classes) if f'"{TAG}"' in text else None
    try:
        state = json.loads(text, object_hook=unpacker)
    except StateError:
        raise
    except (ValueError, ArithmeticError, KeyError, TypeError, RecursionError) as error:
        raise StateError(f"the stored state is not one that this agent can read ({type(error).__name__})") from None
    if type(state) is not dict:
        raise StateError("the stored state is not a JSON object")
    return state


class _Packer:
    """Turns values into what JSON knows."""

    def __init__(self, classes: OwnClasses) -> None:
        self._classes = classes

    def pack(self, value: Any, path: Path, depth: int = 0) -> Any:
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        if depth > MAX_DEPTH:
            raise StateError(f"{_where(path)} is nested too deeply, or holds itself")
        if kind is dict:
            return self._pack_dict(value, path, depth)
        if kind is list:
            return [self.pack(item, (path, index), depth + 1) for index, item in enumerate(value)]
        return self._pack_scalar(value, path) if isinstance(value, SCALARS) else self._pack_object(value, path, depth)

    def _pack_dict(self, value: Mapping[Any, Any], path: Path, depth: int) -> Any:
        if TAG not in value and all(type(key) is str for key in value):
            return {key: self.pack(item, (path, key), depth + 1) for key, item in value.items()}
        pairs = [
            [self.pack(key, (path, "a key"), depth + 1), self.pack(item, (path, key), depth + 1)]
            for key, item in value.items()
        ]
        return {TAG: "dict", "value": pairs}

    def _pack_scalar(self, value: Any, path: Path) -> Any:
        if isinstance(value, enum.Enum):
            return {TAG: "enum", "class": self._own_name(type(value), path), "value": value.name}
        if isinstance(value, str):
            return str(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise StateError(f"{_where(path)} is {value}: JSON has no such number")
            return float(value)
        if isinstance(value, datetime | time):
            return _pack_time(value)
        if isinstance(value, timedelta):
            return {TAG: "timedelta", "value": [value.days, value.seconds, value.microseconds]}
        return {TAG: "date" if isinstance(value, date) else "Decimal", "value": str(value)}

    def _pack_object(self, value: Any, path: Path, depth: int) -> Any:
        kind = type(value)
        if kind in (tuple, set, frozenset):
            items = [self.pack(item, (path, index), depth + 1) for index, item in enumerate(value)]
            # A set has no order of its own; a fixed one gives the same set the same text.
            return {TAG: kind.__name__, "value": items if kind is tuple else sorted(items, key=repr)}
        if dataclasses.is_dataclass(kind):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
            tag = "dataclass"
        elif _is_model(kind):
            fields, tag = {**value.__dict__, **(value.__pydantic_extra__ or {})}, "model"
        else:
            raise StateError(f"{_where(path)} is of type {kind.__name__}, which cannot be kept: {ADVICE}")
        return {TAG: tag, "class": self._own_name(kind, path), "value": self._pack_dict(fields, path, depth)}

    def _own_name(self, kind: type, path: Path) -> str:
        if not self._classes.owns(kind.__module__):
            raise StateError(
                f"{_where(path)} is of type {kind.__name__}, from outside the agent's own modules: {ADVICE}"
            )
        if "<locals>" in kind.__qualname__:
            raise StateError(
                f"{_where(path)} is of type {kind.__name__}, a class inside a function: move it to module level"
            )
        return f"{kind.__module__}:{kind.__qualname__}"


ADVICE = "store plain values, dates, Decimals, tuples, sets, or dataclasses and models of your own"
SCALARS = (str, int, float, enum.Enum, date, time, timedelta, Decimal)


class _Unpacker:
    """Gives a decoded JSON object back the type that its tag names; called for the innermost object first."""

    def __init__(self, classes: OwnClasses) -> None:
        self._classes = classes

    def __call__(self, packed: dict[str, Any]) -> Any:
        tag = packed.get(TAG)
        if tag is None:
            return packed
        value = packed["value"]
        if tag in ("dataclass", "model", "enum"):
            return self._unpack_own(tag, packed["class"], value)
        if tag in ("datetime", "time"):
            return _unpack_time(datetime if tag == "datetime" else time, value, packed)
        unpack = UNPACK.get(tag)
        if unpack is None:
            raise StateError("the stored state holds a value of a type that this version does not know")
        return unpack(value)

    def _unpack_own(self, tag: str, name: str, value: Any) -> Any:
        module, _, qualified = name.partition(":")
        kind: Any = None
        if self._classes.owns(module):
            try:
                kind = self._classes.find(module, qualified)
            except (LookupError, ImportError, AttributeError):
                kind = None
        if tag == "enum" and isinstance(kind, type) and issubclass(kind, enum.Enum):
            return kind[value]
        if tag == "model" and _is_model(kind):
            # Its values were valid when they were stored; a validator that changes them must not run twice.
            return kind.model_construct(**value)
        if tag == "dataclass" and isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return _restore_dataclass(kind, value)
        raise StateError(
            f"the stored state holds a {name}, which the agent no longer has: keep the class, or rename it"
        )


UNPACK: Mapping[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "Decimal": Decimal,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
}


def _pack_time(value: datetime | time) -> dict[str, Any]:
    """A time with its zone by name: its offset alone would be wrong after the next change of the clocks."""
    packed: dict[str, Any] = {TAG: "datetime" if isinstance(value, datetime) else "time"}
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key:
        packed["zone"] = value.tzinfo.key
        value = value.replace(tzinfo=None)
    if value.fold:
        packed["fold"] = 1
    return {**packed, "value": value.isoformat()}


def _unpack_time(kind: type[datetime] | type[time], text: str, packed: Mapping[str, Any]) -> datetime | time:
    value = kind.fromisoformat(text)
    zone: tzinfo | None = ZoneInfo(packed["zone"]) if "zone" in packed else value.tzinfo
    return value.replace(tzinfo=zone, fold=packed.get("fold", 0))


def _restore_dataclass(kind: Any, values: Mapping[str, Any]) -> Any:
    """The object without its __init__, which may change what was stored; a new field takes its default."""
    restored = object.__new__(kind)
    for field in dataclasses.fields(kind):
        if field.name in values:
            value = values[field.name]
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            raise StateError(f"a stored {kind.__name__} lacks the field '{field.name}': give it a default")
        object.__setattr__(restored, field.name, value)
    return restored


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_construct") and hasattr(kind, "__pydantic_fields__")


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise StateError(f"conv.state has a key of type {type(key).__name__}: its keys must be str")
    return str(key)


def _refuse_unstorable(packed: Any, path: Path) -> None:
    """Names the text that no database can keep, if there is one: it holds NUL or half of a surrogate pair."""
    if isinstance(packed, str) and UNSTORABLE.search(packed):
        raise StateError(f"{_where(path)} holds a character that cannot be stored (NUL or a lone surrogate)")
    if isinstance(packed, dict):
        for key, value in packed.items():
            _refuse_unstorable(key, (path, "a key"))
            _refuse_unstorable(value, (path, key))
    if isinstance(packed, list):
        for index, value in enumerate(packed):
            _refuse_unstorable(value, (path, index))


UNSTORABLE = re.compile("[\0\ud800-\udfff]")
SHOWN_KEY = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")


def _where(path: Path) -> str:
    """`conv.state['bookings'][0]`; a key that does not look like a name could be somebody's, and is not shown."""
    steps: list[str] = []
    while path:
        path, key = path
        if isinstance(key, int) and not isinstance(key, bool) and abs(key) < 1000:
            steps.append(f"[{key}]")
        else:
            steps.append(f"[{key!r}]" if isinstance(key, str) and SHOWN_KEY.fullmatch(key) else "[...]")
    return "conv.state" + "".join(reversed(steps))
