"""Which of the service's variables an agent's code gets to see: those that Python and TLS need, no secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ALLOWED = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH"),
        *("PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    ]
)


def filtered(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The allowed variables, and those that the operator passes on by name."""
    passed = {*ALLOWED, *names}
    return {name: value for name, value in environment.items() if name in passed or name.startswith("LC_")}
