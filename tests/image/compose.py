"""compose.yaml as Docker Compose reads it: anchors merged, variables of .env put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

PASSWORDS = {name: name.lower().encode().hex() for name in ("SESSION_PASSWORD", "NOTIFIER_PASSWORD")}
ENV = {
    "PUBLIC_URL": "https://sms.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 31 + "7",
    "TWILIO_AUTH_TOKEN": "token-of-twilio",
    "PARLEY_API_KEY": "key-of-services",
    "POSTGRES_PASSWORD": "password-of-postgres",
    **PASSWORDS,
}
"""The least that compose.yaml asks for."""

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>(?:[^{}]|\{[^{}]*\})*))?\})")


class MissingVariable(Exception):
    """Compose refuses to start: the text is what it says."""


def read(env: Mapping[str, str]) -> dict[str, Any]:
    """The file with `env` put in. Raises MissingVariable."""
    whole: dict[str, Any] = _filled(yaml.safe_load((ROOT / "compose.yaml").read_text()), env)
    return whole


def variables() -> set[str]:
    """All that the file takes from .env."""
    return {match["name"] for match in re.finditer(r"\$\{(?P<name>\w+)", (ROOT / "compose.yaml").read_text())}


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """What the image of `service` and compose.yaml tell its process."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def _filled(node: Any, env: Mapping[str, str]) -> Any:
    match node:
        case str():
            return _VARIABLE.sub(lambda match: _value(match, env), node)
        case list():
            return [_filled(item, env) for item in node]
        case dict():
            return {key: _filled(item, env) for key, item in node.items()}
        case _:
            return node


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    value = env.get(match["name"], "")
    if value or match["kind"] is None:
        return value
    if match["kind"] == "?":
        raise MissingVariable(f"{match['name']}: {match['rest']}")
    return str(_filled(match["rest"], env))
