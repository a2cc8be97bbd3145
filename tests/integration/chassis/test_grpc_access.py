"""Who may call: bearer keys, mutual TLS from mounted files that are replaced under way, and nobody else."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from parley.notifier.v1 import notifier_service_pb2_grpc
from parley_chassis.errors import error_info
from parley_chassis.grpc_channel import open_channel
from parley_chassis.grpc_server import grpc_server
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from tests.integration.chassis.notifier_service import DEADLINE, REQUEST, Notifier, serving, status_of, submit

KEYED = ProcessSettings(api_keys=("first-key", "second-key"), api_key="second-key")


@pytest.mark.parametrize(
    "value",
    ["Bearer first-key", "Bearer second-key", "bearer first-key"],
)
async def test_any_of_the_keys_opens(value: str) -> None:
    async with serving(process=KEYED) as address:
        assert await status_of(submit(address, KEYED, metadata=[("authorization", value)])) == grpc.StatusCode.OK


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "Bearer third-key")],
        [("authorization", "Bearer first-key ")],
        [("authorization", "Bearer first")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer")],
        [("authorization", "Basic first-key")],
        [("authorization", "first-key")],
        [("x-authorization", "Bearer first-key")],
    ],
    ids=str,
)
async def test_anything_else_does_not(metadata: list[tuple[str, str]]) -> None:
    notifier = Notifier()
    async with serving(notifier, KEYED) as address:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await submit(address, KEYED, metadata=metadata)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    info = error_info(caught.value)
    assert info is not None
    assert (info.reason, info.metadata["retryable"]) == ("UNAUTHENTICATED", "false")
    assert "first-key" not in str(caught.value)
    assert notifier.calls == 0


async def test_a_refused_call_does_not_open_the_method_to_the_next() -> None:
    async with serving(process=KEYED) as address:
        assert await status_of(submit(address, KEYED)) == grpc.StatusCode.OK
        assert await status_of(submit(address, KEYED, metadata=[])) == grpc.StatusCode.UNAUTHENTICATED
        assert await status_of(submit(address, KEYED)) == grpc.StatusCode.OK


@pytest.mark.parametrize("kind", ["unary_stream", "stream_unary", "stream_stream"])
async def test_a_stream_without_a_key_is_refused_too(kind: str) -> None:
    async def unreachable(_request: Any, _context: Any) -> None:
        raise AssertionError("an unknown caller got in")

    def add(server: grpc.aio.Server) -> Sequence[str]:
        handler = getattr(grpc, f"{kind}_rpc_method_handler")(unreachable)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("parley.Echo", {"Call": handler}),))
        return ["parley.Echo"]

    async with grpc_server("127.0.0.1:0", KEYED, add) as address, open_channel(address, KEYED) as channel:
        started = getattr(channel, kind)("/parley.Echo/Call")(iter([b""]) if kind.startswith("stream") else b"")
        answer = started if kind.endswith("unary") else started.read()
        assert await status_of(answer) == grpc.StatusCode.UNAUTHENTICATED


async def test_replicas_present_the_key() -> None:
    async with serving(process=KEYED) as address:
        replicas = Replicas([address], notifier_service_pb2_grpc.NotifierServiceStub, KEYED)
        await replicas.call(lambda stub: stub.Submit, REQUEST, timeout=DEADLINE)
        await replicas.close()


async def test_in_insecure_development_nobody_is_asked() -> None:
    process = ProcessSettings(insecure_dev=True, api_keys=("first-key",))
    async with serving(process=process) as address:
        assert await status_of(submit(address, process, metadata=[])) == grpc.StatusCode.OK


@dataclass
class Mounted:
    """The three files as a cluster mounts them."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.write(self.authority, self.authority)

    def write(self, issuer: trustme.CA, trusted: trustme.CA) -> None:
        """Replaces the files: a new certificate of `issuer`, and `trusted` as the authority of callers."""
        certificate = issuer.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_pem.write_to_path(self.folder / "tls.key")
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        (self.folder / "tls.crt").write_bytes(chain)
        trusted.cert_pem.write_to_path(self.folder / "ca.crt")

    @property
    def process(self) -> ProcessSettings:
        return ProcessSettings(
            tls_certificate=self.folder / "tls.crt", tls_key=self.folder / "tls.key", tls_ca=self.folder / "ca.crt"
        )


@pytest.fixture
def server(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path / "server")


@pytest.fixture
def client(tmp_path: Path, server: Mounted) -> Mounted:
    return Mounted(tmp_path / "client", server.authority)


async def shown_certificate(address: str, client: Mounted) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(client.folder / "ca.crt")
    context.load_cert_chain(client.folder / "tls.crt", client.folder / "tls.key")
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return shown


async def test_a_certificate_of_the_same_authority_opens(server: Mounted, client: Mounted) -> None:
    async with serving(process=server.process) as address:
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.OK


async def test_a_caller_of_another_authority_is_refused(server: Mounted, client: Mounted) -> None:
    client.write(issuer=trustme.CA(), trusted=server.authority)
    notifier = Notifier()
    async with serving(notifier, server.process) as address:
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.UNAVAILABLE
    assert notifier.calls == 0


async def test_a_server_of_another_authority_is_not_talked_to(server: Mounted, client: Mounted) -> None:
    server.write(issuer=trustme.CA(), trusted=server.authority)
    async with serving(process=server.process) as address:
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.UNAVAILABLE


async def test_a_caller_without_a_certificate_is_refused_whatever_key_he_has(server: Mounted) -> None:
    credentials = grpc.ssl_channel_credentials((server.folder / "ca.crt").read_bytes())
    notifier = Notifier()
    async with serving(notifier, server.process) as address:
        async with grpc.aio.secure_channel(address, credentials) as channel:
            stub = notifier_service_pb2_grpc.NotifierServiceStub(channel)
            assert await status_of(stub.Submit(REQUEST, timeout=DEADLINE)) == grpc.StatusCode.UNAVAILABLE
        assert await status_of(submit(address, KEYED)) == grpc.StatusCode.UNAVAILABLE
    assert notifier.calls == 0


def mounted_certificate(server: Mounted) -> bytes:
    return ssl.PEM_cert_to_DER_cert((server.folder / "tls.crt").read_text())


async def test_a_replaced_certificate_is_shown_to_new_connections_and_old_ones_stay(
    server: Mounted, client: Mounted
) -> None:
    async with serving(process=server.process) as address, open_channel(address, client.process) as channel:
        stub = notifier_service_pb2_grpc.NotifierServiceStub(channel)
        await stub.Submit(REQUEST, timeout=DEADLINE)
        first = mounted_certificate(server)
        assert await shown_certificate(address, client) == first
        server.write(issuer=server.authority, trusted=server.authority)
        assert await shown_certificate(address, client) == mounted_certificate(server) != first
        await stub.Submit(REQUEST, timeout=DEADLINE)
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.OK


async def test_grpc_is_told_of_certificates_only_when_they_are_new(
    server: Mounted, client: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each telling frees what handshakes that begin at that moment use: a server that tells always dies of it."""
    credentials = grpc.dynamic_ssl_server_credentials
    told: list[bool] = []

    def watched(initial: Any, news: Callable[[], Any], require_client_authentication: bool) -> grpc.ServerCredentials:
        def watch() -> Any:
            found = news()
            told.append(found is not None)
            return found

        return credentials(initial, watch, require_client_authentication)

    monkeypatch.setattr(grpc, "dynamic_ssl_server_credentials", watched)
    async with serving(process=server.process) as address:
        await shown_certificate(address, client)
        await shown_certificate(address, client)
        server.write(issuer=server.authority, trusted=server.authority)
        await shown_certificate(address, client)
        await shown_certificate(address, client)
    assert told == [False, False, True, False]


async def test_a_replaced_authority_decides_about_new_connections(
    server: Mounted, client: Mounted, tmp_path: Path
) -> None:
    newcomer = Mounted(tmp_path / "newcomer")
    newcomer.write(issuer=newcomer.authority, trusted=server.authority)
    async with serving(process=server.process) as address:
        assert await status_of(submit(address, newcomer.process)) == grpc.StatusCode.UNAVAILABLE
        server.write(issuer=server.authority, trusted=newcomer.authority)
        assert await status_of(submit(address, newcomer.process)) == grpc.StatusCode.OK
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("broken", [b"", b"half of a", None], ids=["empty", "cut", "missing"])
async def test_files_that_are_being_replaced_leave_the_last_good_ones_in_use(
    server: Mounted, client: Mounted, broken: bytes | None
) -> None:
    async with serving(process=server.process) as address:
        first = await shown_certificate(address, client)
        if broken is None:
            (server.folder / "tls.key").unlink()
        else:
            (server.folder / "tls.key").write_bytes(broken)
        assert await shown_certificate(address, client) == first
        assert await status_of(submit(address, client.process)) == grpc.StatusCode.OK
