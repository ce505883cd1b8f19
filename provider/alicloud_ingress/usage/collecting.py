"""
`usage collect`: flow logs in, a whole table out, or none.

Objects of OSS are read by DuckDB through the endpoint that speaks the protocol of S3.
It needs DuckDB's extension `httpfs`, which is not part of DuckDB's wheel.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alicloud_ingress.ecs.config import Connection, is_host, is_loopback
from alicloud_ingress.ecs.gateway import Gateway
from alicloud_ingress.errors import ConfigurationError, IngressError
from alicloud_ingress.files import replacing
from alicloud_ingress.usage import embedded
from alicloud_ingress.usage.engine import NoRoomError, interruptible, library, literal
from alicloud_ingress.usage.log_files import first_line
from alicloud_ingress.usage.log_paths import OSS, NoMatchError, found
from alicloud_ingress.usage.results import Logstore, load, load_result
from alicloud_ingress.usage.table import (
    METADATA_KEY,
    Metadata,
    Period,
    UsageTable,
    watched_path,
)

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


def _secret_statement(access: OssAccess) -> str:
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


def _enable_oss(connection: duckdb.DuckDBPyConnection, access: OssAccess) -> None:
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
    connection.execute(_secret_statement(access))


class NothingReadError(IngressError):
    """
    Not one file could be read, so no table was written.
    """


class NotWrittenError(IngressError):
    """
    A table cannot be written, so that a table that was there stays.
    """

    def __init__(self, out: Path, why: str) -> None:
        super().__init__(f"{out}: it cannot be written: {why}")


@dataclass(frozen=True, slots=True)
class Collected:
    """
    A table that was written.

    Args:
        table: its files.
        problems: one line for each file that could not be read.
        rows: of the table.
        interfaces: that the logs name.
    """

    table: UsageTable
    problems: tuple[str, ...]
    rows: int
    interfaces: int

    @property
    def is_complete(self) -> bool:
        """
        Whether every file and every record could be read.
        """
        return not self.problems and not self.table.metadata.records_unreadable


def collect_files(  # noqa: PLR0913 - each is a decision of the caller
    patterns: Sequence[str],
    out: Path,
    period: Period,
    *,
    all_paths: bool = False,
    oss_access: Callable[[], OssAccess] | None = None,
    memory_mb: int = embedded.MEMORY_MB,
) -> Collected:
    """
    Write the table of the flow logs in files.

    Args:
        patterns: globs of files, folders, or `oss://bucket/prefix`.
        out: Parquet file to write; what was watched is written beside it.
        period: whose records are taken; see `period_of`.
        all_paths: it is known that the flow logs take all traffic over all paths.
        oss_access: how OSS is reached, where a pattern begins with `oss://`.
        memory_mb: limit of DuckDB's memory.

    Raises:
        NoMatchError: a glob matches nothing.
        NotWrittenError: for example on a full disk.
        NothingReadError: no file could be read; nothing is written.
        NoRoomError: too little memory or temporary space; nothing is written.
        HttpfsMissingError: DuckDB cannot read `oss://` here.
        ExtraMissingError: the extra `[usage]` is not installed.
    """
    with _temporary() as temporary:
        run = embedded.EmbeddedQuery(temporary, memory_mb)
        try:
            if oss_access and any(p.startswith(OSS) for p in patterns):
                _enable_oss(run.connection, oss_access())
            paths = found(run.connection, patterns)
            others = [path for path in paths if not _is_of_table(path, out)]
            if not others:
                raise NoMatchError(
                    f"the files that match are those of {out} itself; name flow logs"
                )
            run.read(others, period)
            if not run.files_read:
                named = "; ".join(map(str, run.problems))
                raise NothingReadError(
                    f"no file could be read, no table was written: {named}"
                )
            return write(
                run.connection,
                out,
                period,
                all_paths=all_paths,
                problems=tuple(map(str, run.problems)),
            )
        finally:
            run.close()


def _is_of_table(path: str, out: Path) -> bool:
    """
    Whether a file is the table, or what a run that was killed left of one.
    """
    tables = [each.resolve() for each in (out, watched_path(out))]
    return any(
        path == str(each) or path.startswith(str(each.with_name(f".{each.name}.")))
        for each in tables
    )


def collect_sls(  # noqa: PLR0913 - each is a decision of the caller
    connection: Connection,
    project: str,
    logstore: str,
    out: Path,
    period: Period,
    *,
    all_paths: bool = False,
) -> Collected:
    """
    Write the table of the flow logs in a logstore; the query runs in SLS.

    Args:
        connection: region and credentials; its `timeout_s` holds for each page.
        project: of Simple Log Service.
        logstore: its name.
        out: as for `collect_files`.
        period: likewise.
        all_paths: likewise.

    Raises:
        SlsError: naming code, request and what to do; nothing is written.
        NotWrittenError: for example on a full disk.
        ExtraMissingError: the extra `[usage]` is not installed.
    """
    store = Logstore(
        project=project,
        name=logstore,
        endpoint=_service_endpoint("sls", connection.region),
        region=connection.region,
        keys=Gateway(connection).keys,
        timeout_s=connection.timeout_s,
    )
    with _temporary() as temporary:
        made = load(store, period, temporary)
        try:
            return write(made, out, period, all_paths=all_paths)
        finally:
            made.close()


def collect_result(
    flows: str, watched: str, out: Path, period: Period, *, all_paths: bool = False
) -> Collected:
    """
    Write the table of what `usage sql` gave in an engine of the user.

    Args:
        flows: file, folder or glob of the part `flows`, as Parquet or CSV.
        watched: likewise of the part `watched`.
        out: as for `collect_files`.
        period: of the query.
        all_paths: as for `collect_files`.

    Raises:
        NoMatchError: a pattern matches no file.
        EngineResultError: the results are not whole, or not of the period.
        NotWrittenError: for example on a full disk.
        ExtraMissingError: the extra `[usage]` is not installed.
    """
    with interruptible():
        made = load_result(flows, watched, period)
        try:
            return write(made, out, period, all_paths=all_paths)
        finally:
            made.close()


def oss_access_of(connection: Connection) -> OssAccess:
    """
    How OSS is reached in a region, with the credentials of a connection.
    """
    keys = Gateway(connection).keys()
    scheme, _, endpoint = _service_endpoint("oss", connection.region).partition("://")
    return OssAccess(
        connection.region,
        endpoint,
        keys.access_key_id,
        keys.access_key_secret,
        keys.security_token,
        use_ssl=scheme == "https",
    )


def write(
    connection: duckdb.DuckDBPyConnection,
    out: Path,
    period: Period,
    *,
    all_paths: bool,
    problems: tuple[str, ...] = (),
) -> Collected:
    """
    Write the tables `flows` and `watched` of a connection, both whole or none.

    Raises:
        NotWrittenError: for example on a full disk.
    """
    interfaces, unreadable = connection.execute(
        "SELECT count(*) FILTER (interface_id <> ''),"
        " coalesce(sum(unreadable), 0)::BIGINT FROM watched"
    ).fetchall()[0]
    metadata = Metadata(
        period_from=period.from_s,
        period_to=period.to_s,
        all_paths=all_paths,
        files_unreadable=len(problems),
        records_unreadable=unreadable,
        made_at=int(time.time()),
    )
    with replacing(out) as flows, replacing(watched_path(out)) as watched:
        try:
            rows, _ = (
                connection.execute(
                    f"COPY {name} TO {literal(str(path))} (FORMAT parquet,"
                    " COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false,"
                    f" KV_METADATA {{{literal(METADATA_KEY)}:"
                    f" {literal(metadata.as_text())}}})"
                ).fetchall()[0][0]
                for name, path in (("flows", flows), ("watched", watched))
            )
        except library("duckdb").Error as error:
            raise NotWrittenError(out, first_line(error)) from None
    table = UsageTable(out, watched_path(out), metadata)
    return Collected(table, problems, rows, interfaces)


@contextmanager
def _temporary() -> Generator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="alicloud-ingress-usage-")
    except OSError as error:
        folder = error.filename or "the temporary folder"
        raise NoRoomError(str(error.strerror), folder) from None
    with interruptible(), made as folder:
        yield Path(folder)


_HOSTS = {"sls": "{region}.log.aliyuncs.com", "oss": "oss-{region}.aliyuncs.com"}


def _service_endpoint(service: str, region: str) -> str:
    """
    Scheme and host, such as `https://cn-hangzhou.log.aliyuncs.com`.

    `ALIBABA_CLOUD_ENDPOINT_SLS` and `ALIBABA_CLOUD_ENDPOINT_OSS` change it; plain HTTP
    is for this machine only.

    Raises:
        ConfigurationError: the variable is not an endpoint.
    """
    name = f"ALIBABA_CLOUD_ENDPOINT_{service.upper()}"
    given = os.environ.get(name, "").rstrip("/")
    if not given:
        return f"https://{_HOSTS[service].format(region=region)}"
    whole = given if "://" in given else f"https://{given}"
    parts = urlsplit(whole)
    is_valid = parts.scheme in ("http", "https") and is_host(parts.hostname or "")
    if not is_valid or whole.partition("://")[2] != parts.netloc:
        raise ConfigurationError(f"{name} is not scheme://host:port")
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise ConfigurationError(f"{name} is plain HTTP to another machine; use https")
    return whole
