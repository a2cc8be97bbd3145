"""The fields of a form body or a query, as Twilio reads them: blank values are values, unknown names are ignored."""

from __future__ import annotations

from urllib.parse import parse_qs


class Form:
    """Named fields, each with one or several values."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    @classmethod
    def parse(cls, encoded: bytes) -> Form:
        return cls(parse_qs(encoded.decode("utf-8", "replace"), keep_blank_values=True))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def get(self, name: str, default: str = "") -> str:
        values = self._fields.get(name)
        return values[-1] if values else default

    def all(self, name: str) -> list[str]:
        return self._fields.get(name, [])

    def pairs(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self._fields.items() for value in values]
