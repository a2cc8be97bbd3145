"""Which addresses are names, and what stands behind them."""

import asyncio
import socket
from typing import Any

import pytest

from parley_chassis.names import authority_of, is_name, look_up


@pytest.mark.parametrize(
    "address", ["session:50051", "parley-session.chat.svc.cluster.local:50051", "a_b.example:1", "1.2.3.4.example.:1"]
)
def test_a_name_may_stand_for_several_servers(address: str) -> None:
    assert is_name(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:50051", "[::1]:50051", "localhost:50051", "unix:/run/a.sock", "dns:///session:50051", "ipv4:1.2.3.4:5"],
)
def test_an_address_of_one_server_is_none(address: str) -> None:
    assert not is_name(address)


def test_a_certificate_does_not_name_the_root() -> None:
    assert authority_of("session.chat.svc.cluster.local.:50051") == "session.chat.svc.cluster.local:50051"


async def test_a_name_is_looked_up_with_its_port() -> None:
    assert await look_up("localhost:7") == ["127.0.0.1:7"]


async def test_a_name_without_a_server_is_an_error() -> None:
    with pytest.raises(OSError, match=r"."):
        await look_up("nobody.invalid:7")


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        (["10.0.0.2", "10.0.0.1"], ["10.0.0.1:7", "10.0.0.2:7"]),
        (["fd00::2", "10.0.0.2", "fd00::1", "10.0.0.1"], ["10.0.0.1:7", "10.0.0.2:7"]),
        (["fd00::2", "fd00::1"], ["[fd00::1]:7", "[fd00::2]:7"]),
    ],
    ids=["one family", "both", "the new one"],
)
async def test_each_server_counts_once(monkeypatch: pytest.MonkeyPatch, hosts: list[str], found: list[str]) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, 7, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 7))
            for host in hosts
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert await look_up("session:7") == found
