"""compose.yaml: what each service is told suffices, fits together, and gives nobody more than it needs."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import pytest_asyncio

import parley_notifier.app
import parley_session.app
from parley_agent.settings import Settings as AgentSettings
from parley_chassis.postgres.embedded import EmbeddedPostgres, embedded_postgres
from parley_chassis.settings import ServiceSettings, load
from parley_cli.stack.stack_file import StackAddresses
from parley_gateway.settings import Settings as GatewaySettings
from parley_notifier.settings import Settings as NotifierSettings
from parley_session.settings import Settings as SessionSettings
from tests.image.compose import ENV, PASSWORDS, ROOT, MissingVariable, environment, read, variables
from tests.image.dockerfile import stages

SETTINGS: dict[str, type[ServiceSettings]] = {
    "agent": AgentSettings,
    "gateway": GatewaySettings,
    "migrate-notifier": NotifierSettings,
    "migrate-session": SessionSettings,
    "notifier": NotifierSettings,
    "session": SessionSettings,
}
OURS = sorted(SETTINGS)
ADDRESS = re.compile(r"(?:@|=|^)([a-z]+):(\d+)(?=/|$)")
DOCUMENT = (ROOT / "docs" / "compose.md").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return read(ENV)


def become(monkeypatch: pytest.MonkeyPatch, told: dict[str, str]) -> None:
    """Gives this process the variables of that service, and none of its own."""
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)


def image_of(service: dict[str, Any]) -> str:
    name: str = service["image"].partition(":")[0]
    return name


@pytest.mark.parametrize("name", OURS)
def test_a_service_starts_with_what_it_is_told(
    name: str, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, environment(compose["services"][name]))
    settings = load(SETTINGS[name])
    assert not settings.process.insecure_dev
    assert settings.process.api_keys == (settings.process.api_key,) == (ENV["PARLEY_API_KEY"],)


def test_every_service_of_the_file_is_looked_at(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == sorted([*OURS, "postgres"])


@pytest.mark.parametrize("name", sorted(ENV))
def test_a_variable_that_is_missing_stops_the_start_by_its_name(name: str) -> None:
    with pytest.raises(MissingVariable, match=f"^{name}: write "):
        read({key: value for key, value in ENV.items() if key != name})


def test_the_page_writes_all_that_is_asked_for_and_names_the_rest() -> None:
    written = set(re.findall(r"^(\w+)=", DOCUMENT, flags=re.MULTILINE))
    assert written == ENV.keys()
    assert variables() <= written | set(re.findall(r"`(\w+)`", DOCUMENT))


def test_the_pages_file_leads_the_parley_command_to_the_services(compose: dict[str, Any]) -> None:
    [text] = re.findall(r"^\{\"gateway.*?\}$", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    addresses = StackAddresses(**json.loads(re.sub(r"\$(\w+)", lambda match: ENV[match[1]], text)))
    published = {name: service["ports"][0] for name, service in compose["services"].items() if "ports" in service}
    for name, address in {"session": addresses.session, "notifier": addresses.notifier}.items():
        assert published[name].startswith(f"{address}:")
    assert published["gateway"].startswith(addresses.gateway.removeprefix("http://"))
    assert (addresses.api_key, addresses.account_sid) == (ENV["PARLEY_API_KEY"], ENV["TWILIO_ACCOUNT_SID"])


def test_an_api_key_of_twilio_takes_the_tokens_place_where_texts_are_sent() -> None:
    services = read(ENV | {"TWILIO_API_KEY": "SK1", "TWILIO_API_KEY_SECRET": "secret-of-key"})["services"]
    assert services["notifier"]["environment"]["PARLEY_NOTIFIER_TWILIO_AUTH_TOKEN"] == "secret-of-key"
    assert services["gateway"]["environment"]["PARLEY_GATEWAY_TWILIO_ACCOUNTS"].endswith(ENV["TWILIO_AUTH_TOKEN"])


def test_addresses_lead_to_services_of_the_same_network_that_listen_there(compose: dict[str, Any]) -> None:
    services, found = compose["services"], 0
    exposed = {stage.name: stage.words("EXPOSE") for stage in stages()}
    for name in OURS:
        for value in environment(services[name]).values():
            for host, port in ADDRESS.findall(value):
                found += 1
                listening = [port] if host == "postgres" else exposed[image_of(services[host])]
                assert listening == [port], f"{name} looks for {host} at {port}"
                needs_only_the_database = name.startswith("migrate-") and host != "postgres"
                if not needs_only_the_database:
                    assert set(services[name]["networks"]) & set(services[host]["networks"])
    assert found == 12


@pytest.mark.parametrize("name", ["gateway", "session", "agent", "notifier"])
def test_a_service_listens_where_its_image_says(name: str, compose: dict[str, Any]) -> None:
    [stage] = [stage for stage in stages() if stage.name == image_of(compose["services"][name])]
    assert stage.environment.items() <= environment(compose["services"][name]).items()


def test_ports_are_open_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", OURS)
def test_a_service_may_do_no_more_than_it_must(name: str, compose: dict[str, Any]) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert not service.keys() & {"user", "privileged", "cap_add", "network_mode", "pid"}
    assert all(volume["read_only"] for volume in service.get("volumes", []))


@pytest.mark.parametrize(
    ("secret", "holders"),
    [
        (ENV["TWILIO_AUTH_TOKEN"], {"gateway", "notifier", "migrate-notifier"}),
        (ENV["POSTGRES_PASSWORD"], {"postgres"}),
        (PASSWORDS["SESSION_PASSWORD"], {"postgres", "session", "migrate-session"}),
        (PASSWORDS["NOTIFIER_PASSWORD"], {"postgres", "notifier", "migrate-notifier"}),
        (ENV["PARLEY_API_KEY"], set(OURS)),
    ],
)
def test_a_secret_is_told_only_to_those_that_use_it(secret: str, holders: set[str], compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if secret in json.dumps(service)} == holders


def test_agents_and_the_gateway_are_far_from_the_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    near = {name for name, service in services.items() if "database" in service["networks"]}
    assert near == {"postgres", "session", "notifier", "migrate-session", "migrate-notifier"}
    assert services["postgres"]["networks"] == ["database"]
    assert compose["networks"]["database"] == {"internal": True}


def test_migrations_come_before_the_services_whose_schema_they_make(compose: dict[str, Any]) -> None:
    for name in ("session", "notifier"):
        service, migration = compose["services"][name], compose["services"][f"migrate-{name}"]
        assert service["depends_on"] == {f"migrate-{name}": {"condition": "service_completed_successfully"}}
        assert migration["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert migration["command"] == ["python", "-m", f"parley_{name}", "migrate"]
        assert migration["image"] == service["image"]
        assert migration["environment"] == service["environment"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server without our roles, which asks for passwords, as the one of compose.yaml is when its volume is new."""
    async with embedded_postgres(settings={"fsync": "off"}, tcp=True) as server:
        yield server


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="module")
async def test_a_new_database_lets_each_service_make_its_schema_and_no_other(
    new_postgres: EmbeddedPostgres, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = compose["services"]["postgres"]["environment"]
    psql = await asyncio.create_subprocess_exec(
        *(new_postgres.binaries / "psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", new_postgres.tcp_url()),
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **told},
    )
    await psql.communicate(compose["configs"]["roles"]["content"].encode())
    assert psql.returncode == 0

    place = urlsplit(new_postgres.tcp_url()).netloc.rpartition("@")[2]
    urls = {}
    migrations: dict[str, Callable[[], Awaitable[None]]] = {
        "session": lambda: parley_session.app.migrate_database(load(SessionSettings)),
        "notifier": lambda: parley_notifier.app.migrate_database(load(NotifierSettings)),
    }
    for name, migrate in migrations.items():
        service = environment(compose["services"][f"migrate-{name}"])
        become(monkeypatch, {key: value.replace("postgres:5432", place) for key, value in service.items()})
        urls[name] = os.environ[f"PARLEY_{name.upper()}_DATABASE_URL"]
        await migrate()

    async with await psycopg.AsyncConnection.connect(urls["session"]) as connection:
        await connection.execute("SELECT FROM session.threads")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT FROM notifier.deliveries")
    wrong = urls["session"].replace(quote(PASSWORDS["SESSION_PASSWORD"]), "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(wrong)
