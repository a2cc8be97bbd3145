"""Who listens where, and what each service has to be told: one description, used in one process and in several."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.roles import role_of
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.processes import ServiceProcess, grpc_probe, http_probe

RETRY_FRAGMENT = "#rc=3&rp=ct,rt,5xx&ct=2000&rt=4000"
"""How Twilio is to repeat a webhook that we could not take: three times within its fifteen seconds."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One stack. gRPC addresses are host:port, several replicas with commas."""

    gateway: str
    session: str
    agent: str
    notifier: str
    session_database_url: str = field(repr=False)
    notifier_database_url: str = field(repr=False)
    account_sid: str
    auth_token: str = field(repr=False)
    agents: Path
    public_url: str
    twilio_url: str = ""
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def on_loopback(
        cls, postgres: EmbeddedPostgres, account_sid: str, auth_token: str, agents: Path, public_url: str = ""
    ) -> Layout:
        """Every service on a free port of 127.0.0.1. `public_url` is where Twilio calls, if not there."""
        gateway, session, agent, notifier = (f"127.0.0.1:{port}" for port in free_ports(4))
        return cls(
            gateway,
            session,
            agent,
            notifier,
            postgres.url(role_of("session")),
            postgres.url(role_of("notifier")),
            account_sid,
            auth_token,
            agents,
            public_url or f"http://{gateway}",
        )

    def with_twilio(self, url: str) -> Layout:
        return replace(self, twilio_url=url)

    @property
    def gateway_url(self) -> str:
        return f"http://{self.gateway}"

    @property
    def sms_url(self) -> str:
        """The webhook that a number is configured with."""
        return f"{self.public_url}/twilio/sms{RETRY_FRAGMENT}"

    @property
    def sms_fallback_url(self) -> str:
        return f"{self.public_url}/twilio/sms/fallback{RETRY_FRAGMENT}"

    def environment(self, service: str) -> dict[str, str]:
        """The variables that make `service` a part of this stack."""
        own = {
            "gateway": {
                "LISTEN": self.gateway,
                "PUBLIC_URL": self.public_url,
                "SESSION_ADDRESS": self.session,
                "NOTIFIER_ADDRESS": self.notifier,
                "TWILIO_ACCOUNTS": f"{self.account_sid}={self.auth_token}",
            },
            "session": {
                "LISTEN": self.session,
                "DATABASE_URL": self.session_database_url,
                "AGENTS": f"*={self.agent}",
                "NOTIFIER_ADDRESS": self.notifier,
            },
            "agent": {"LISTEN": self.agent, "DIRECTORY": str(self.agents)},
            "notifier": {
                "LISTEN": self.notifier,
                "DATABASE_URL": self.notifier_database_url,
                "SESSION_ADDRESS": self.session,
                "TWILIO_URL": self.twilio_url,
                "TWILIO_ACCOUNT_SID": self.account_sid,
                "TWILIO_AUTH_TOKEN": self.auth_token,
                "CALLBACK_URL": self.public_url,
            },
        }[service]
        shared = {"PARLEY_API_KEYS": self.api_key, "PARLEY_API_KEY": self.api_key}
        return shared | {f"PARLEY_{service.upper()}_{name}": value for name, value in own.items()}


def service_processes(
    layout: Layout, logs: Path, variables: Mapping[str, str] | None = None
) -> list[ServiceProcess]:
    """Each service of the stack as a process that is not yet started, those that are called before their callers.

    `variables` are added to what every service is told.
    """
    probes = {
        "agent": grpc_probe(layout.agent),
        "notifier": grpc_probe(layout.notifier),
        "session": grpc_probe(layout.session),
        "gateway": http_probe(f"{layout.gateway_url}/health/ready"),
    }
    return [
        ServiceProcess(
            name, f"parley_{name}", {**layout.environment(name), **(variables or {})}, probe, logs / f"{name}.log"
        )
        for name, probe in probes.items()
    ]
