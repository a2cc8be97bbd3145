"""Reads variables of the environment for pydantic, and names those that are wrong or have no effect.

Knows no single setting. Repeats no value: it may be a secret.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

NOT_OURS = re.compile(r"_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")
"""What the variables end in that Kubernetes adds for each of its Services, one named parley-gateway for instance."""

NEARLY = 0.9
"""How alike two names of variables are that mean the same setting."""


class EnvironmentSource(EnvSettingsSource):
    """Reads variables; one that should be JSON and is not is judged with the others instead of ending the reading."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except json.JSONDecodeError:
            return value


class EnvironmentSettings(BaseSettings):
    """Settings that come from variables, and in tests from arguments, and from nowhere else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, EnvironmentSource(settings_cls)


def problems(kind: type[BaseSettings], error: ValidationError) -> list[str]:
    """One line for each thing that pydantic found, beginning with the variable's name."""
    return [_problem(kind, item) for item in error.errors(include_url=False, include_input=False)]


def _problem(kind: type[BaseSettings], item: ErrorDetails) -> str:
    message = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name, *path = item["loc"]
    variable = f"{_prefix(kind)}{name}".upper() if name in kind.model_fields else str(name)
    return f"{variable}{''.join(f'[{part}]' for part in path)}: {message}"


def _variables(kind: type[BaseSettings]) -> set[str]:
    return {
        (field.validation_alias if isinstance(field.validation_alias, str) else f"{_prefix(kind)}{name}").upper()
        for name, field in kind.model_fields.items()
    }


def _prefix(kind: type[BaseSettings]) -> str:
    return str(kind.model_config.get("env_prefix", ""))


def unknown_variables(kind: type[BaseSettings]) -> Iterator[str]:
    """Variables with the prefix of `kind` that it has no field for."""
    prefix, known = _prefix(kind), _variables(kind)
    if prefix.count("_") < 2:
        return  # PARLEY_ and the empty prefix begin the variables of others too
    for variable in sorted(os.environ):
        name = variable.upper()
        if name.startswith(prefix) and name not in known and not NOT_OURS.fullmatch(name, len(prefix) - 1):
            ends = [one.removeprefix(prefix) for one in known]
            near = difflib.get_close_matches(name.removeprefix(prefix), ends, n=1)
            yield f"{variable}: no such setting" + (f"; did you mean {prefix}{near[0]}?" if near else "")


def misspelt_variables(kind: type[BaseSettings]) -> Iterator[str]:
    """Variables one slip away from one of `kind`, whose prefix others share."""
    known = _variables(kind)
    for variable in sorted(os.environ):
        name = variable.upper()
        if name not in known and (near := difflib.get_close_matches(name, known, n=1, cutoff=NEARLY)):
            yield f"{variable}: no such setting; did you mean {near[0]}?"
