"""Reads a service's settings from the environment and reports everything that is wrong with them at once.

Owns the variables that all services share (`PARLEY_...`). Refuses to start on a bad or missing value.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, FilePath, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from parley_chassis.environment import EnvironmentSettings, misspelt_variables, problems, unknown_variables


class SettingsError(Exception):
    """The environment does not describe a service that can start; one line a problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def prefix(value: str) -> SettingsConfigDict:
    """The `model_config` of settings whose variables begin with `value`."""
    return SettingsConfigDict(env_prefix=value, extra="forbid", frozen=True, hide_input_in_errors=True)


def split_list(value: object) -> object:
    """`"a, b"` as `["a", "b"]`, so that lists are written without JSON."""
    if isinstance(value, str):
        return [item for item in (part.strip() for part in value.split(",")) if item]
    return value


def _sendable(key: str) -> str:
    if not re.fullmatch(r"[!-~]+", key):
        raise ValueError("a key is printable ASCII without spaces or line breaks")
    return key


BearerKey = Annotated[str, AfterValidator(_sendable)]


class ProcessSettings(EnvironmentSettings):
    """What every Parley process can be told, whatever it serves."""

    model_config = prefix("PARLEY_")

    insecure_dev: bool = False
    """Serves callers without a certificate or key. For one machine only."""
    test_clock: bool = False
    """Lets people's deadlines be skipped to. For development and tests only."""
    api_keys: Annotated[tuple[BearerKey, ...], NoDecode] = Field(default=(), repr=False)
    """Bearer keys that callers may present."""
    api_key: Annotated[str, AfterValidator(lambda key: key and _sendable(key))] = Field(default="", repr=False)
    """The bearer key that this process presents to other services."""
    tls_certificate: FilePath | None = None
    tls_key: FilePath | None = None
    tls_ca: FilePath | None = None
    """PEM files. With all three, services speak mutual TLS and keys are not asked for."""
    log_level: str = "INFO"
    log_key: str = Field(default="", repr=False)
    """Keys the pseudonyms of phone numbers in logs; random for each process when empty."""
    otlp_endpoint: str = ""
    """Where spans go (OTLP over gRPC, e.g. http://collector:4317). Empty: no tracing."""
    trace_ratio: float = Field(default=0.1, ge=0.0, le=1.0)

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("use DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("otlp_endpoint")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", value):
            raise ValueError("write a URL, e.g. http://collector:4317")
        return value

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        files = (self.tls_certificate, self.tls_key, self.tls_ca)
        if any(files) and not all(files):
            raise ValueError("PARLEY_TLS_CERTIFICATE, PARLEY_TLS_KEY and PARLEY_TLS_CA go together: set all or none")
        if self.tls_certificate and self.tls_key and self.tls_ca:
            check_pem(self.tls_certificate, self.tls_key, self.tls_ca)
        return self

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None


def check_pem(certificate: Path, key: Path, authority: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password at hand, an encrypted key would stop the start with a question on the terminal.
        context.load_cert_chain(certificate, key, password=str)
    except (OSError, ValueError):
        raise ValueError(
            "PARLEY_TLS_CERTIFICATE, PARLEY_TLS_KEY: not a PEM certificate and its unencrypted PEM key"
        ) from None
    try:
        context.load_verify_locations(authority)
    except OSError:
        raise ValueError("PARLEY_TLS_CA: not a PEM certificate") from None


class ServiceSettings(EnvironmentSettings):
    """Base of each service's settings; the service adds its own prefix and fields."""

    process: ProcessSettings = Field(default_factory=ProcessSettings)


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(kind: type[SettingsT], **overrides: Any) -> SettingsT:
    """The settings of the environment, with `overrides` in the place of variables.

    Raises SettingsError with every problem found, the shared variables' included. A variable that looks like one of
    ours and is none is a problem too: it would have no effect, and nobody would notice.
    """
    found: list[str] = []
    if issubclass(kind, ServiceSettings) and "process" not in overrides:
        try:
            overrides["process"] = ProcessSettings()
        except ValidationError as error:
            found += problems(ProcessSettings, error)
            overrides["process"] = ProcessSettings.model_construct()
        found += misspelt_variables(ProcessSettings)
    try:
        settings = kind(**overrides)
    except ValidationError as error:
        found += problems(kind, error)
    found += unknown_variables(kind)
    if found:
        raise SettingsError(found)
    return settings
