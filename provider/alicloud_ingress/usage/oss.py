"""
Objects of OSS, read by DuckDB through the endpoint that speaks the protocol of S3.

It needs DuckDB's extension `httpfs`, which is not part of DuckDB's wheel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.engine import library, literal
from alicloud_ingress.usage.log_files import OSS, first_line

if TYPE_CHECKING:
    import duckdb


class HttpfsMissingError(IngressError):
    """
    DuckDB's extension for remote files cannot be loaded.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"oss:// needs DuckDB's extension httpfs, which cannot be loaded: {why}."
            " On a machine with access to DuckDB's extensions run"
            " `python -c \"import duckdb; duckdb.sql('INSTALL httpfs')\"`; elsewhere"
            " download the objects (`ossutil cp -r`) and pass them to --files"
        )


@dataclass(frozen=True, slots=True)
class OssAccess:
    """
    How OSS is reached.

    Args:
        endpoint: `oss-<region>.aliyuncs.com`, or `host:port`.
        use_ssl: False for plain HTTP.
    """

    region: str
    endpoint: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    use_ssl: bool = True


def secret_statement(access: OssAccess) -> str:
    """
    The statement by which DuckDB reads `oss://` as this account.
    """
    settings = {
        "KEY_ID": access.access_key_id,
        "SECRET": access.access_key_secret,
        "SESSION_TOKEN": access.security_token,
        "REGION": access.region,
        "ENDPOINT": access.endpoint,
        "URL_STYLE": "vhost" if access.use_ssl else "path",
    }
    given = ", ".join(f"{n} {literal(v)}" for n, v in settings.items() if v)
    return (
        f"CREATE OR REPLACE SECRET oss (TYPE s3, {given},"
        f" USE_SSL {str(access.use_ssl).lower()}, SCOPE {literal(OSS)})"
    )


def enable(connection: duckdb.DuckDBPyConnection, access: OssAccess) -> None:
    """
    Let DuckDB read `oss://bucket/object`.

    Raises:
        HttpfsMissingError: saying what to do.
    """
    try:
        connection.execute("LOAD httpfs")
    except library("duckdb").Error:
        try:
            connection.execute("INSTALL httpfs; LOAD httpfs")
        except library("duckdb").Error as error:
            raise HttpfsMissingError(first_line(error)) from None
    connection.execute(secret_statement(access))
