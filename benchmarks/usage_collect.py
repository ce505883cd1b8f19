"""
How fast `usage collect` reads flow logs, and how much memory it takes.

`python -m benchmarks.usage_collect` draws logs by DuckDB and collects them in a process
of its own. Each connection has four records: two windows, both directions. Six of ten
connections come in, four are the interface's own; 200 interfaces, 5,000 addresses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import duckdb

FROM = 1_750_000_200
DAYS = 42
PARQUET_TARGET = 3_000_000
JSON_TARGET = 400_000
MEMORY_TARGET_MB = 1_024
JSON_FILES = 8

LOG = """
WITH drawn AS (
  SELECT i, hash(i) AS h, hash(i, 1) AS r, hash(i, 2) % 10 < 6 AS inbound,
    1024 + hash(i, 3) % 60000 AS high,
    [443, 80, 22, 8080][1 + (hash(i, 4) % 4)::INT] AS low,
    {begin} + (i * {seconds} / {connections})::BIGINT AS began
  FROM range({first}, {last}) AS c(i)
), named AS (
  SELECT *, 'eni-bp1' || lpad((h % 200)::VARCHAR, 13, '0') AS eni,
    '172.16.0.' || (h % 200) AS own,
    '203.' || (r % 20) || '.113.' || (r // 20 % 250) AS remote
  FROM drawn
)
SELECT 1 AS version, 'vpc-bp1aaaaaaaaaaaaaaaaaa' AS "vpc-id",
  '1234567890123456' AS "account-id", eni AS "eni-id",
  CASE WHEN question = inbound THEN remote ELSE own END AS srcaddr,
  CASE WHEN question THEN high ELSE low END::INTEGER AS srcport,
  CASE WHEN question = inbound THEN own ELSE remote END AS dstaddr,
  CASE WHEN question THEN low ELSE high END::INTEGER AS dstport,
  6 AS protocol, CASE WHEN question = inbound THEN 'in' ELSE 'out' END AS direction,
  (1 + r % 50)::BIGINT AS packets, (100 + r % 50000)::BIGINT AS bytes,
  began + late * 60 + CASE WHEN question THEN 0 ELSE 1 END AS start,
  began + late * 60 + 50 AS "end", 'OK' AS "log-status", 'ACCEPT' AS action,
  CASE WHEN late = 1 THEN 0 WHEN question THEN 2 ELSE 18 END AS "tcp-flags",
  '-' AS traffic_path
FROM named, range(2) AS w(late), (VALUES (true), (false)) AS d(question)
"""


@dataclass(frozen=True)
class Collected:
    """
    One run.

    Args:
        records: of the log.
        seconds: of the whole command, start of Python included.
        cpu_s: of all its threads.
        peak_mb: highest resident memory of its process.
        rows: of the table.
    """

    form: str
    records: int
    seconds: float
    cpu_s: float
    peak_mb: int
    rows: int

    @property
    def per_second(self) -> int:
        """
        Records a second.
        """
        return round(self.records / self.seconds)


def draw(folder: Path, records: int, *, as_json: bool) -> None:
    """
    Write a log of this many records.
    """
    connections = records // 4
    with duckdb.connect() as database:
        database.execute("SET preserve_insertion_order = false")
        parts = JSON_FILES if as_json else max(1, connections // 2_500_000)
        for part in range(parts):
            select = LOG.format(
                begin=FROM,
                seconds=DAYS * 86_400,
                connections=connections,
                first=connections * part // parts,
                last=connections * (part + 1) // parts,
            )
            name, form = (
                (f"{part:03}.json.gz", "FORMAT json, COMPRESSION gzip")
                if as_json
                else (f"{part:03}.parquet", "FORMAT parquet, COMPRESSION snappy")
            )
            database.execute(f"COPY ({select}) TO '{folder / name}' ({form})")


def collected(folder: Path, form: str, records: int) -> Collected:
    """
    Collect a folder in a process of its own.
    """
    out = folder.parent / f"{form}.parquet"
    until = time.strftime("%Y-%m-%d", time.gmtime(FROM + (DAYS + 2) * 86_400))
    began = time.monotonic()
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("alicloud-ingress")),
            *("usage", "collect", "--files", str(folder), "--since", "60d"),
            *("--until", until, "--all-paths", "--out", str(out)),
        ]
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode:
        raise click.ClickException(f"usage collect ended with {process.returncode}")
    with duckdb.connect() as database:
        rows, flows = database.execute(
            "SELECT count(*), sum(flows) FROM read_parquet(?)", [str(out)]
        ).fetchall()[0]
    if flows != records // 4 * 2:
        raise click.ClickException(
            f"{flows} flows of {records} records: one half is inbound"
        )
    return Collected(
        form,
        records,
        round(seconds, 1),
        round(used.ru_utime + used.ru_stime, 1),
        used.ru_maxrss // 1024,
        rows,
    )


@click.command()
@click.option("--parquet", default=50_000_000, show_default=True, help="Records.")
@click.option("--json", "json_lines", default=10_000_000, show_default=True)
def main(parquet: int, json_lines: int) -> None:
    """
    Print records a second and peak memory; exits with 1 where a target is missed.
    """
    missed = False
    for form, records, target in (
        ("parquet", parquet, PARQUET_TARGET),
        ("json.gz", json_lines, JSON_TARGET),
    ):
        if not records:
            continue
        with tempfile.TemporaryDirectory(prefix="usage-bench-") as place:
            folder = Path(place) / "log"
            folder.mkdir()
            draw(folder, records, as_json=form != "parquet")
            run = collected(folder, form, records)
        click.echo(json.dumps({**asdict(run), "per_second": run.per_second}))
        missed |= run.per_second < target or run.peak_mb > MEMORY_TARGET_MB
    if missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
