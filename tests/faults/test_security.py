"""
Who can connect, who can read files, and which servers the provider trusts.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import ConfigurationError, UnreachableError
from alicloud_ingress.testing import FakeEcs

KEYS = {
    "alicloud:region": "cn-hangzhou",
    "alicloud:accessKey": "AK",
    "alicloud:secretKey": "secret",
    "alicloud-ingress:timeout": "5",
}


def connection(**settings: str) -> config.Connection:
    """The connection that a stack's configuration gives."""
    given = {**KEYS, **{f"alicloud:{n}": value for n, value in settings.items()}}
    return config.resolve(given.get, {}, region="", profile="")


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    """A self-signed certificate for this machine, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certified.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def heard(certified: Path) -> Generator[tuple[str, list[bytes]]]:
    """An HTTPS server with that certificate, and all that it received."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    told: list[bytes] = []
    stop = threading.Event()

    def serve(server: socket.socket) -> None:
        while not stop.is_set():
            try:
                connected, _ = server.accept()
                with context.wrap_socket(connected, server_side=True) as tls:
                    told.append(tls.recv(65536))
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", told
        stop.set()
        thread.join()


def test_a_self_signed_certificate_is_not_trusted(
    heard: tuple[str, list[bytes]],
) -> None:
    """Neither key nor parameter is sent to it; the error says why."""
    endpoint, told = heard
    client = EcsClient(connection(endpoints=f'[{{"ecs": "https://{endpoint}"}}]'))

    with pytest.raises(UnreachableError, match="certificate"):
        client.describe("sg-1")

    assert b"".join(told) == b""


def test_https_is_the_default() -> None:
    """Also for an endpoint without a scheme."""
    assert connection().protocol == "https"
    assert connection(endpoints='[{"ecs": "ecs.example.com"}]').protocol == "https"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_plain_http_to_this_machine_is_allowed(host: str) -> None:
    """A fake runs there."""
    assert connection(endpoints=f'[{{"ecs": "http://{host}"}}]').protocol == "http"


@pytest.mark.parametrize("host", ["10.0.0.1:80", "ecs.example.com", "0.0.0.0:1"])
def test_plain_http_to_another_machine_must_be_configured(host: str) -> None:
    """By name, in the stack's configuration."""
    endpoints = f'[{{"ecs": "http://{host}"}}]'

    with pytest.raises(ConfigurationError, match="plain HTTP"):
        connection(endpoints=endpoints)
    assert connection(endpoints=endpoints, protocol="HTTP").protocol == "http"


def test_the_fake_listens_on_loopback_by_default() -> None:
    with FakeEcs().serve() as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        port = urlsplit(url).port
        with socket.socket() as other:
            other.bind(
                ("127.0.0.2", port or 0)
            )  # The port is free unless the fake listens on all addresses.


def test_only_the_owner_can_read_the_fakes_files(tmp_path: Path) -> None:
    """State and calls, whatever the umask is."""
    state, calls = tmp_path / "state.json", tmp_path / "calls.jsonl"
    command = (
        "import os, sys; os.umask(0); from alicloud_ingress.cli.main import main;"
        f"sys.argv = ['alicloud-ingress', 'fake', '--state', {str(state)!r},"
        f" '--calls', {str(calls)!r}]; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        first = served.stdout.readline()
        served.send_signal(signal.SIGTERM)
        served.wait(30)

    assert first.startswith("listening on http://127.0.0.1:")
    for file in (state, calls):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
