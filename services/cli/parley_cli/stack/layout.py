"""Who listens where, and what each service has to be told: one description, used in one process and in several."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.roles import role_of
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.processes import ServiceProcess, grpc_probe, http_probe
from parley_cli.stack.webhooks import Webhooks


class Databases(NamedTuple):
    """Where the services that store something find their schemas. A repr would show passwords: never logged."""

    session: str
    notifier: str

    @classmethod
    def of(cls, postgres: EmbeddedPostgres) -> Databases:
        return cls(postgres.url(role_of("session")), postgres.url(role_of("notifier")))


@dataclass(frozen=True, slots=True)
class Layout:
    """One stack. gRPC addresses are host:port, one for each replica with commas between them."""

    gateway: str
    session: str
    agent: str
    notifier: str
    databases: Databases
    account_sid: str
    auth_token: str = field(repr=False)
    agents: Path
    public_url: str
    twilio_url: str = ""
    test_clock: bool = True
    """Whether people's deadlines can be skipped to."""
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def on_loopback(
        cls, databases: Databases, account_sid: str, auth_token: str, agents: Path, replicas: Mapping[str, int] = {}
    ) -> Layout:
        """Every service on a free port of 127.0.0.1; session and notifier may have several `replicas`."""
        session, notifier = replicas.get("session", 1), replicas.get("notifier", 1)
        addresses = iter([f"127.0.0.1:{port}" for port in free_ports(2 + session + notifier)])
        gateway, agent = next(addresses), next(addresses)
        return cls(
            gateway,
            ",".join(islice(addresses, session)),
            agent,
            ",".join(islice(addresses, notifier)),
            databases,
            account_sid,
            auth_token,
            agents,
            f"http://{gateway}",
        )

    def with_twilio(self, url: str) -> Layout:
        return replace(self, twilio_url=url)

    def on_the_internet(self, gateway: str, public_url: str) -> Layout:
        """The gateway listens at `gateway`, which the world reaches at `public_url`; time passes as it does."""
        return replace(self, gateway=gateway, public_url=public_url, test_clock=False)

    @property
    def gateway_url(self) -> str:
        return f"http://{self.gateway}"

    @property
    def sms_url(self) -> str:
        """The webhook that a number is configured with."""
        return Webhooks(self.public_url).sms_url

    @property
    def sms_fallback_url(self) -> str:
        return Webhooks(self.public_url).sms_fallback_url

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
                "DATABASE_URL": self.databases.session,
                "AGENTS": f"*={self.agent}",
                "NOTIFIER_ADDRESS": self.notifier,
            },
            "agent": {"LISTEN": self.agent, "DIRECTORY": str(self.agents)},
            "notifier": {
                "LISTEN": self.notifier,
                "DATABASE_URL": self.databases.notifier,
                "SESSION_ADDRESS": self.session,
                "TWILIO_URL": self.twilio_url,
                "TWILIO_ACCOUNT_SID": self.account_sid,
                "TWILIO_AUTH_TOKEN": self.auth_token,
                "CALLBACK_URL": self.public_url,
            },
        }[service]
        shared = {"PARLEY_API_KEYS": self.api_key, "PARLEY_API_KEY": self.api_key}
        if self.test_clock:
            shared["PARLEY_TEST_CLOCK"] = "1"
        return shared | {f"PARLEY_{service.upper()}_{name}": value for name, value in own.items()}


def service_processes(layout: Layout, logs: Path, variables: Mapping[str, str] = {}) -> list[ServiceProcess]:
    """Each replica of each service as a process that is not yet started, those that are called before their callers.

    The replicas of one service are told apart by a number: `session`, `session-2`. `variables` are added to what
    every service is told.
    """
    processes = [
        ServiceProcess(
            service if n == 1 else f"{service}-{n}",
            f"parley_{service}",
            {**layout.environment(service), f"PARLEY_{service.upper()}_LISTEN": address, **variables},
            grpc_probe(address),
            logs / f"{service}-{n}.log",
        )
        for service in ("agent", "notifier", "session")
        for n, address in enumerate(getattr(layout, service).split(","), start=1)
    ]
    ready = http_probe(f"{layout.gateway_url}/health/ready")
    environment = {**layout.environment("gateway"), **variables}
    return [*processes, ServiceProcess("gateway", "parley_gateway", environment, ready, logs / "gateway.log")]
