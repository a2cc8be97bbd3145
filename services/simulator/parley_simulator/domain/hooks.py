"""The rules by which Twilio calls a webhook: connection overrides in the fragment, retries, error codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit


class Failure(StrEnum):
    """Why an attempt did not count. `rp` names the first four; the others are retried by `all` only, or never."""

    CONNECT = "ct"
    READ = "rt"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    TLS = "tls"
    HOST = "host"
    RESET = "reset"
    OTHER_STATUS = "status"
    PARTIAL = "partial"
    REDIRECTS = "redirects"
    URL = "url"


ALERT_CODES = {
    Failure.CONNECT: 11205,
    Failure.TLS: 11220,
    Failure.HOST: 11210,
    Failure.REDIRECTS: 11215,
    Failure.URL: 11321,
}
RETRIEVAL_FAILURE = 11200
BAD_OVERRIDE = 11243
NEVER_RETRIED = frozenset({Failure.PARTIAL, Failure.REDIRECTS, Failure.URL})
POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """Times in seconds; `total` includes all retries."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})


@dataclass(frozen=True, slots=True)
class Target:
    """A configured webhook URL taken apart. `url` is what is requested."""

    url: str = field(repr=False)
    overrides: Overrides
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    problem: int | None = None
    """An alert code: the overrides are not understood, so the defaults hold."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came of it; `status` is None when no answer came."""

    status: int | None = None
    failure: Failure | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)

    @property
    def result(self) -> str:
        return str(self.status) if self.status is not None else str(self.failure)

    @property
    def alert_code(self) -> int:
        return ALERT_CODES.get(self.failure, RETRIEVAL_FAILURE) if self.failure else 0


def read_target(url: str) -> Target:
    """Fragment and userinfo are not part of what is requested."""
    bare, _, fragment = url.partition("#")
    overrides, problem = _read_overrides(fragment)
    scheme, separator, rest = bare.partition("://")
    try:
        parts = urlsplit(bare)
    except ValueError:
        return Target(bare, overrides, None, problem)
    userinfo, at, _ = parts.netloc.rpartition("@")
    if not at:
        return Target(bare, overrides, None, problem)
    user, _, password = userinfo.partition(":")
    clean = f"{scheme}{separator}{rest.removeprefix(userinfo + '@')}"
    return Target(clean, overrides, (unquote(user), unquote(password)), problem)


def retries(overrides: Overrides, failure: Failure | None, made: int) -> bool:
    """Whether another attempt follows after `made` attempts, the last of which ended so."""
    if failure is None or failure in NEVER_RETRIED or made > overrides.retries:
        return False
    if "all" in overrides.policy:
        return True
    # A TLS handshake that fails counts as a failed connect.
    return ("ct" if failure is Failure.TLS else failure.value) in overrides.policy


def judge_status(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if 400 <= status < 500:
        return Failure.CLIENT_ERROR
    return Failure.SERVER_ERROR if status >= 500 else Failure.OTHER_STATUS


def _read_overrides(fragment: str) -> tuple[Overrides, int | None]:
    fields = {name: values[-1] for name, values in parse_qs(fragment).items()}
    policy = frozenset(fields["rp"].split(",")) if "rp" in fields else Overrides().policy
    try:
        return Overrides(
            connect=_milliseconds(fields.get("ct"), 5000, 10_000),
            read=_milliseconds(fields.get("rt"), 15_000, 15_000),
            total=_milliseconds(fields.get("tt"), 15_000, 15_000),
            retries=_between(int(fields.get("rc", "1")), 0, 5),
            policy=_known(policy),
        ), None
    except ValueError:
        return Overrides(), BAD_OVERRIDE


def _milliseconds(text: str | None, default: int, highest: int) -> float:
    return _between(int(text) if text is not None else default, 100, highest) / 1000


def _between(value: int, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise ValueError
    return value


def _known(policy: frozenset[str]) -> frozenset[str]:
    if not policy <= POLICIES:
        raise ValueError
    return policy
