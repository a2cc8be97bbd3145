"""Reads what the control plane is sent, and names the field and the fix when it does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request

from parley_simulator.errors import BadRequestError

T = TypeVar("T")


class Fields:
    """Named values of a JSON body or a query; those that nobody asked for are refused at the end."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._asked: set[str] = set()

    @classmethod
    async def of_body(cls, request: Request) -> Fields:
        """An empty body is an object without fields."""
        raw = await request.body()
        try:
            values = json.loads(raw) if raw else {}
        except ValueError:
            raise BadRequestError("body: not JSON; send an object") from None
        if not isinstance(values, dict):
            raise BadRequestError("body: send a JSON object")
        return cls(values)

    @classmethod
    def of_query(cls, request: Request) -> Fields:
        return cls(dict(request.query_params))

    def text(self, name: str) -> str | None:
        value = self._take(name)
        if value is not None and not (isinstance(value, str) and _is_utf8(value)):
            raise BadRequestError(f"{name}: write a string of whole characters")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self._take(name)
        return None if value is None else text_list(name, value)

    def need_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise BadRequestError(f"{name}: is missing")
        return value

    def whole(self, name: str) -> int | None:
        return self._convert(name, int, "a whole number from 0 on", lambda value: value >= 0)

    def number(self, name: str) -> float | None:
        return self._convert(name, float, "a number from 0 on", lambda value: value >= 0)

    def chance(self, name: str) -> float | None:
        return self._convert(name, float, "a number from 0 to 1", lambda value: 0 <= value <= 1)

    def flag(self, name: str) -> bool | None:
        value = self._take(name)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value is not None and not isinstance(value, bool):
            raise BadRequestError(f"{name}: write true or false")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise BadRequestError(f"{name}: use one of {', '.join(allowed)}")
        return value

    def raw(self, name: str) -> Any:
        return self._take(name)

    def nothing_else(self) -> None:
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise BadRequestError(f"{unknown[0]}: unknown; the fields are {', '.join(sorted(self._asked))}")

    def _take(self, name: str) -> Any:
        self._asked.add(name)
        return self._values.get(name)

    def _convert(self, name: str, kind: type[T], wanted: str, fits: Callable[[Any], bool]) -> T | None:
        value = self._take(name)
        if value is None:
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            converted = kind(value)  # type: ignore[call-arg]
        except (TypeError, ValueError):
            raise BadRequestError(f"{name}: write {wanted}") from None
        if not fits(converted):
            raise BadRequestError(f"{name}: write {wanted}")
        return converted


def text_list(name: str, raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, str) and item for item in raw):
        raise BadRequestError(f"{name}: write a list of strings")
    return tuple(raw)


def _is_utf8(text: str) -> bool:
    """JSON can carry half of a surrogate pair, which no webhook can."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
