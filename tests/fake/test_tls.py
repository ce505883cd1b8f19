"""
The served front over TLS, on the port that also answers plain HTTP.
"""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import trustme

from alicloud_ingress.testing import FakeEcs, Fault, ServedUrl

WHO = "/?Action=GetCallerIdentity&Version=2015-04-01&Format=JSON"
CLOSED_BY_THE_SERVER = (errno.ENOTCONN, errno.EPIPE, errno.ECONNRESET)
HELLO = bytes.fromhex("160301020001000001fc0303") + bytes(120)
"""The first bytes of a connection over TLS; nothing follows."""


@pytest.fixture
def fake() -> FakeEcs:
    """An empty fake."""
    return FakeEcs()


@pytest.fixture
def url(fake: FakeEcs) -> Generator[ServedUrl]:
    """Where it is served."""
    with fake.serve() as served:
        yield served


def place(url: str) -> tuple[str, int]:
    """Host and port."""
    host, _, port = url.rpartition("//")[2].rpartition(":")
    return host, int(port)


def trusting(url: ServedUrl) -> ssl.SSLContext:
    """A client that trusts only the fake's certificate."""
    return ssl.create_default_context(cafile=str(url.certificate))


def over_tls(url: ServedUrl) -> ssl.SSLSocket:
    """A connection of such a client."""
    raw = socket.create_connection(place(url), timeout=10)
    return trusting(url).wrap_socket(raw, server_hostname="127.0.0.1")


def status(url: ServedUrl) -> tuple[int, int]:
    """The fake's answer over plain HTTP, and over TLS."""
    plain = requests.get(f"{url}{WHO}", timeout=10)
    secure = requests.get(f"{url.https}{WHO}", timeout=10, verify=str(url.certificate))
    return plain.status_code, secure.status_code


def test_one_port_answers_plain_http_and_tls(fake: FakeEcs, url: ServedUrl) -> None:
    assert place(url) == place(url.https)
    assert status(url) == (200, 200)
    assert [call.action for call in fake.calls] == ["GetCallerIdentity"] * 2


def test_a_client_without_trust_sends_nothing(fake: FakeEcs, url: ServedUrl) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{url.https}{WHO}", timeout=10)

    assert fake.calls == []
    assert status(url) == (200, 200)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_certificate_is_valid_for_loopback(url: ServedUrl, name: str) -> None:
    raw = socket.create_connection(place(url), timeout=10)

    with trusting(url).wrap_socket(raw, server_hostname=name) as secured:
        assert secured.version() in ("TLSv1.2", "TLSv1.3")


def test_a_connection_over_tls_serves_many_calls(fake: FakeEcs, url: ServedUrl) -> None:
    connection = http.client.HTTPSConnection(
        *place(url), timeout=10, context=trusting(url)
    )

    for method in ("POST", "GET", "POST"):
        connection.request(method, WHO)
        before = connection.sock
        assert connection.getresponse().read()
        assert connection.sock is before is not None
    connection.close()

    assert len(fake.calls) == 3


def test_parallel_first_calls_over_tls_share_one_certificate(url: ServedUrl) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(status, [url] * 16))

    assert answers == [(200, 200)] * 16


def test_the_certificates_file_holds_no_key_and_is_removed(
    fake: FakeEcs,
) -> None:
    with fake.serve() as url:
        path = url.certificate
        text = path.read_text()

    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "KEY" not in text
    assert not path.exists()
    assert not path.parent.exists()


def test_without_tls_calls_no_certificate_is_made(
    fake: FakeEcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with fake.serve() as url:
        assert requests.get(f"{url}{WHO}", timeout=10).status_code == 200
        made = [*tmp_path.iterdir()]
        assert url.certificate.parent.parent == tmp_path

    assert made == []


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A certificate, its key, and the authority that signed it, as files."""
    folder = tmp_path_factory.mktemp("given")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    paths = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    leaf.cert_chain_pems[0].write_to_path(str(paths[0]))
    leaf.private_key_pem.write_to_path(str(paths[1]))
    authority.cert_pem.write_to_path(str(paths[2]))
    return paths


def test_a_given_certificate_is_served(
    fake: FakeEcs, given: tuple[Path, Path, Path]
) -> None:
    cert, key, authority = given

    with fake.serve(cert=cert, key=key) as url:
        assert url.certificate == cert
        secure = requests.get(f"{url.https}{WHO}", timeout=10, verify=str(authority))

    assert secure.status_code == 200
    assert cert.exists()
    assert key.exists()


def test_invalid_certificate_files_are_refused(
    fake: FakeEcs, given: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    cert, key, authority = given
    empty = tmp_path / "empty.pem"
    empty.touch()
    pairs: list[tuple[Path | None, Path | None, str]] = [
        (cert, None, "set together"),
        (None, key, "set together"),
        (authority, key, "not a certificate and its private key"),
        (empty, key, "not a certificate and its private key"),
        (cert, empty, "not a certificate and its private key"),
    ]
    for one, other, words in pairs:
        with pytest.raises(ValueError, match=words), fake.serve(cert=one, key=other):
            pass
    with pytest.raises(FileNotFoundError), fake.serve(cert=tmp_path / "no", key=key):
        pass


def test_a_key_with_a_passphrase_is_refused_without_a_prompt(
    fake: FakeEcs, given: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, plain, _ = given
    key = serialization.load_pem_private_key(plain.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with (
        pytest.raises(ValueError, match="passphrase"),
        fake.serve(cert=cert, key=locked),
    ):
        pass


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x16",
        HELLO,
        HELLO[:5],
        b"\x16" * 70_000,
        os.urandom(5_000),
        b"\x16\x03\x01\x00\x05hello" + b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x2e\x01\x00\x02" + bytes(40),
        b"GET / HTTP/1.1\r\nx: " + b"a" * 10_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000 + b"\r\n",
        b"a" * 10_000_000,
    ],
    ids=[
        "nothing",
        "one byte of TLS",
        "half a hello",
        "less than half",
        "only first bytes",
        "noise",
        "TLS, then HTTP",
        "SSL 2",
        "a huge header",
        "many headers",
        "a line without end",
    ],
)
def test_hostile_bytes_do_not_stop_the_server(url: ServedUrl, raw: bytes) -> None:
    with socket.create_connection(place(url), timeout=10) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError as error:
            # The connection may be closed before all of it was read.
            if error.errno not in CLOSED_BY_THE_SERVER:
                raise

    assert status(url) == (200, 200)


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
    ],
    ids=["nonsense", "a huge header", "a huge body"],
)
def test_hostile_bytes_over_tls_get_a_code(url: ServedUrl, raw: bytes) -> None:
    """The server reads all of it: bytes that it has not read break the connection."""
    with over_tls(url) as connection:
        connection.sendall(raw[:66_000])
        received = connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 4")
    assert status(url) == (200, 200)


def test_slow_clients_do_not_block_others(url: ServedUrl) -> None:
    begun = [b"", b"\x16", HELLO, b"GET / HT", b"POST / HTTP/1.1\r\nx: y\r\n"]
    slow = [socket.create_connection(place(url), timeout=10) for _ in begun]
    for connection, raw in zip(slow, begun, strict=True):
        connection.sendall(raw)

    assert status(url) == (200, 200)

    for connection in slow:
        connection.close()


def descriptors() -> int:
    """How many open descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the iterator holds one


def served_and_left(fake: FakeEcs) -> None:
    """Serve a fake to clients that leave, stay, and disconnect during a call."""
    with fake.serve() as url:
        assert status(url) == (200, 200)
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(url.certificate)
            session.get(f"{url.https}{WHO}", timeout=10)
            session.get(f"{url}{WHO}", timeout=10)
            begun = [b"", b"\x16", HELLO, b"GET / HT", WHO.encode()]
            kept = [socket.create_connection(place(url), timeout=10) for _ in begun]
            for connection, raw in zip(kept, begun, strict=True):
                connection.sendall(raw)
            kept.append(over_tls(url))
            fake.inject(Fault(action="GetCallerIdentity", delay_s=60))
            with over_tls(url) as waiting:
                waiting.sendall(f"GET {WHO} HTTP/1.1\r\n\r\n".encode())
                while fake.waiting_faults:
                    time.sleep(0.001)
    for connection in kept:
        connection.close()


def test_the_server_leaks_neither_threads_nor_descriptors(fake: FakeEcs) -> None:
    served_and_left(fake)  # What is imported and cached exists from now on.
    threads, files = threading.active_count(), descriptors()

    for _ in range(5):
        served_and_left(fake)

    assert threading.active_count() == threads
    assert descriptors() <= files  # one of an earlier test may have closed meanwhile


def test_disconnected_clients_leave_neither_threads_nor_descriptors(
    url: ServedUrl,
) -> None:
    assert status(url) == (200, 200)
    threads, files = threading.active_count(), descriptors()

    for raw in (b"", b"\x16", HELLO, b"nonsense\r\n\r\n") * 10:
        with socket.create_connection(place(url), timeout=10) as connection:
            connection.sendall(raw)
        assert status(url) == (200, 200)

    deadline = time.monotonic() + 20
    while threading.active_count() > threads or descriptors() > files:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_waiting_tls_call_ends_with_the_server(fake: FakeEcs) -> None:
    group = fake.new_group()
    fake.inject(Fault(action="DeleteSecurityGroup", delay_s=60))
    with fake.serve() as url:
        connection = over_tls(url)
        target = f"/?RegionId=cn-hangzhou&SecurityGroupId={group}"
        head = f"POST {target} HTTP/1.1\r\nx-acs-action: DeleteSecurityGroup\r\n\r\n"
        connection.sendall(head.encode())
        while fake.waiting_faults:
            time.sleep(0.001)
        began = time.monotonic()

    assert time.monotonic() - began < 5
    assert connection.recv(65536) == b""
    assert group in fake.groups
    connection.close()
