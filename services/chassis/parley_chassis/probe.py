"""`python -m parley_chassis.probe HOST:PORT NAME`: asks a gRPC service with mutual TLS whether it serves.

For the kubelet, which has no certificate to present: the pod asks itself, with its own. NAME is what the certificate is
made out to. Exit code 0, or 1 with a sentence. Reads no settings but the files: it runs often, and loads little.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2

TIMEOUT = 3.0
FILES = ("PARLEY_TLS_CA", "PARLEY_TLS_KEY", "PARLEY_TLS_CERTIFICATE")
CHECK = "/grpc.health.v1.Health/Check"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    if len(arguments) != 2:
        found = "write: python -m parley_chassis.probe HOST:PORT NAME"
    else:
        found = problem(arguments[0], arguments[1], environment)
    if found:
        print(found, file=sys.stderr)  # noqa: T201
    return int(bool(found))


def problem(address: str, name: str, environment: Mapping[str, str]) -> str:
    """Why the service at `address` is not to be used; empty where it serves."""
    try:
        authority, key, certificate = (Path(environment[variable]).read_bytes() for variable in FILES)
    except (KeyError, OSError):
        return f"{', '.join(FILES)}: set them to files that can be read"
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    options = [("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0)]
    try:
        with grpc.secure_channel(address, credentials, options) as channel:
            return "" if _status(channel) == health_pb2.HealthCheckResponse.SERVING else f"{address} does not serve"
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        return f"{address} does not answer: {code.name}"


def _status(channel: grpc.Channel) -> int:
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer: health_pb2.HealthCheckResponse = check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    return answer.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
