"""
`FakeEcs`, the class that tests and scripts use.
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

    Any access key is accepted until `add_key` adds one. A key belongs to `ACCOUNT`
    unless `accounts` has it.

    Args:
        behaviour: how the fake behaves where the documentation is missing; the
            attribute may be replaced.
        latency_s: how long each call takes; parallel calls wait in parallel.
        clock: monotonic seconds, for rate limits.
        now: the date and time, with a time zone; by default those of the system.

    Attributes:
        calls: every call since the start, in the order of their answers.
        accounts: access key ID -> account ID.
        logins: login name of an account -> account ID.
        listeners: called with each call after it has been carried out, before it is
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
        Serve this fake until the context ends.

        The value is the URL of plain HTTP. The same port serves TLS: the attribute
        `https` is that URL, and `certificate` is the file with the certificate that
        clients have to trust.

        Args:
            host: the address to listen on; loopback by default.
            port: 0 for any free one.
            admin: whether to serve `/_fake/` too.
            cert: PEM file with a certificate; without one, one is made.
            key: PEM file with its private key.

        Raises:
            ValueError: only one of the files is set, or they do not match.
        """
        from alicloud_ingress.testing.server import serving
        from alicloud_ingress.testing.tls import Certificate

        certificate = Certificate(host, cert, key)
        with serving(self, certificate, host, port, admin=admin) as url:
            yield url
