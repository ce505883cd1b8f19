"""
The fake of ECS that tests and scripts make: the backend, and a way to serve it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alicloud_ingress.testing.backend import Backend

if TYPE_CHECKING:
    from alicloud_ingress.testing.tls import ServedUrl


class FakeEcs(Backend):
    """
    A fake of ECS.

    Any key is good until `add_key` makes one known, and belongs to `ACCOUNT`
    unless it is named in `accounts`.

    Args:
        behaviour: how it acts where the documentation is silent; may be replaced.
        latency_s: how long each call takes; calls in parallel wait in parallel.
        clock: seconds that rise steadily, for rate limits.
        now: the time of day, with a time zone; the system's unless set.

    Attributes:
        calls: every call since the start, in the order of their answers.
        accounts: access key ID -> account ID.
        logins: login name of an account -> account ID.
        listeners: told of each call when it has been carried out, before it is
            answered.
    """

    @contextmanager
    def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        admin: bool = False,
        cert: Path | None = None,
        key: Path | None = None,
    ) -> Generator[ServedUrl]:
        """
        Serve this fake for as long as the context lasts.

        The value is the URL over plain HTTP. The same port answers TLS: its URL is
        the attribute `https` of the value, and the file with the certificate that
        clients have to trust is its attribute `certificate`.

        Args:
            host: loopback unless others are to reach it.
            port: 0 is any free one.
            admin: whether `/_fake/` answers too.
            cert: PEM file with a certificate; one is made unless it is set.
            key: PEM file with its private key.

        Raises:
            ValueError: only one of the files is set, or they do not fit each other.
        """
        from alicloud_ingress.testing.server import serving
        from alicloud_ingress.testing.tls import Certificate

        certificate = Certificate(host, cert, key)
        with serving(self, certificate, host, port, admin=admin) as url:
            yield url
