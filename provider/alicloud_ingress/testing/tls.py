"""
The URLs of the served fake, and its certificate for HTTPS.
"""

from __future__ import annotations

import ssl
import tempfile
import threading
from pathlib import Path


class Certificate:
    """
    A certificate and its key, from two files; without files, made when first needed.

    A certificate that is made is valid for the host and for loopback. Its own authority
    signs it, whose key is never written to a file. `close` deletes the file with the
    certificate of the authority.

    Args:
        host: the host name of the server.
        cert: PEM file with the certificate chain.
        key: PEM file with its private key, without a passphrase.

    Raises:
        ValueError: only one of the files is set, or they do not match.
        OSError: a file cannot be read.
    """

    def __init__(self, host: str, cert: Path | None, key: Path | None) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ready: tuple[Path, ssl.SSLContext] | None = None
        if cert and key:
            self._ready = cert, _loaded(cert, key)
        elif cert or key:
            raise ValueError("a certificate and its key are set together, or neither")

    @property
    def path(self) -> Path:
        """
        The PEM file that a client has to trust.
        """
        return self._made()[0]

    @property
    def context(self) -> ssl.SSLContext:
        """
        The TLS context of connections.
        """
        return self._made()[1]

    def close(self) -> None:
        """
        Delete the file of a certificate that was made.
        """
        with self._lock:
            if self._folder:
                self._folder.cleanup()

    def _made(self) -> tuple[Path, ssl.SSLContext]:
        with self._lock:
            if self._ready is None:
                import trustme

                self._folder = tempfile.TemporaryDirectory(prefix="fake-ecs-")
                path = Path(self._folder.name, "certificate.pem")
                authority = trustme.CA(organization_name="fake of ECS, for tests")
                names = dict.fromkeys((self._host, "127.0.0.1", "localhost", "::1"))
                context = _context()
                leaf = authority.issue_cert(*names)
                leaf.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - names a type of pyOpenSSL
                authority.cert_pem.write_to_path(str(path))
                self._ready = path, context
            return self._ready


class ServedUrl(str):
    """
    The URL of a served fake over plain HTTP.

    Attributes:
        https: the URL of the same port over TLS.
    """

    https: str
    _certificate: Certificate
    __slots__ = ("_certificate", "https")

    def __new__(cls, place: str, certificate: Certificate) -> ServedUrl:  # noqa: PYI034 - Self is of Python 3.11
        """
        The URL of `HOST:PORT`.
        """
        url = super().__new__(cls, f"http://{place}")
        url.https = f"https://{place}"
        url._certificate = certificate
        return url

    @property
    def certificate(self) -> Path:
        """
        The PEM file that clients have to trust; it exists while the fake is served.
        """
        return self._certificate.path


def _context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _loaded(cert: Path, key: Path) -> ssl.SSLContext:
    context = _context()
    try:
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        raise ValueError(
            f"{cert} and {key} are not a certificate and its private key, both as PEM"
            f" and without a passphrase: {error}"
        ) from None
    return context
