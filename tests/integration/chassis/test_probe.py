"""The probe that a pod with mutual TLS asks itself with: its exit code is what the kubelet goes by."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2_grpc

from parley_chassis.grpc_health import Health
from parley_chassis.settings import ProcessSettings
from tests.integration.chassis.notifier_service import DEVELOPMENT, serving

NAME = "parley-notifier"
FILES = ("PARLEY_TLS_KEY", "PARLEY_TLS_CERTIFICATE", "PARLEY_TLS_CA")


class Mounted:
    """A certificate made out to the Service's name, as a cluster mounts it."""

    def __init__(self, folder: Path, authority: trustme.CA, name: str = NAME) -> None:
        certificate = authority.issue_cert(name)
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        authority.cert_pem.write_to_path(folder / "ca.crt")
        self.environment = {
            "PARLEY_TLS_CERTIFICATE": str(folder / f"{name}.pem"),
            "PARLEY_TLS_KEY": str(folder / f"{name}.pem"),
            "PARLEY_TLS_CA": str(folder / "ca.crt"),
        }

    @property
    def contents(self) -> list[bytes]:
        return [Path(self.environment[name]).read_bytes() for name in FILES]

    @property
    def process(self) -> ProcessSettings:
        values = {variable.removeprefix("PARLEY_").lower(): file for variable, file in self.environment.items()}
        return ProcessSettings.model_validate(values)


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path, trustme.CA())


async def probe(*arguments: str, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """The exit code, and what was said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parley_chassis.probe", *arguments),
        env={"PATH": os.environ["PATH"], **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode().strip()


async def test_a_service_that_serves_is_alive_by_whatever_address_it_is_asked(mounted: Mounted) -> None:
    async with serving(process=mounted.process) as address:
        assert await probe(address, NAME, environment=mounted.environment) == (0, "")


async def test_a_service_that_stops_is_not(mounted: Mounted) -> None:
    health = Health([])
    health.stop()
    key, certificate, authority = mounted.contents
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    credentials = grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
    address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    await server.start()
    try:
        assert await probe(address, NAME, environment=mounted.environment) == (1, f"{address} does not serve")
    finally:
        await server.stop(None)


async def test_a_service_that_has_gone_is_not(mounted: Mounted) -> None:
    async with serving(process=mounted.process) as address:
        pass
    code, said = await probe(address, NAME, environment=mounted.environment)
    assert (code, said) == (1, f"{address} does not answer: UNAVAILABLE")


async def test_a_certificate_made_out_to_another_name_is_no_service_of_this_name(mounted: Mounted) -> None:
    async with serving(process=mounted.process) as address:
        code, _ = await probe(address, "parley-session", environment=mounted.environment)
    assert code == 1


async def test_a_service_without_mutual_tls_is_not_taken_for_one_with_it(mounted: Mounted) -> None:
    async with serving(process=DEVELOPMENT) as address:
        code, _ = await probe(address, NAME, environment=mounted.environment)
    assert code == 1


async def test_without_certificates_it_names_the_variables() -> None:
    code, said = await probe("127.0.0.1:50053", NAME, environment={})
    assert (code, said) == (
        1,
        "PARLEY_TLS_CA, PARLEY_TLS_KEY, PARLEY_TLS_CERTIFICATE: set them to files that can be read",
    )


async def test_without_a_name_it_says_how_it_is_called(mounted: Mounted) -> None:
    code, said = await probe("127.0.0.1:50053", environment=mounted.environment)
    assert (code, said) == (1, "write: python -m parley_chassis.probe HOST:PORT NAME")
