"""
The printed Spark query, run by PySpark, gives the table that `usage collect` writes.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from functional.accounts import run
from usage.records import FROM, UNTIL, rows

pytestmark = pytest.mark.spark

PERIOD = ("--since", "3d", "--until", UNTIL)
LOG = f"""
SELECT 'eni-' || (h % 7) AS "eni-id", 'vpc-1' AS "vpc-id", '1' AS "account-id",
  CASE WHEN flows THEN direction ELSE '-' END AS direction,
  CASE WHEN flows THEN '203.0.113.' || (h % 40) ELSE '-' END AS srcaddr,
  CASE WHEN flows THEN '10.0.0.' || (h % 7) ELSE '-' END AS dstaddr,
  (1024 + h % 90)::VARCHAR AS srcport,
  CASE WHEN h % 501 = 0 THEN '-' ELSE (h % 3 * 22 + 1)::VARCHAR END AS dstport,
  [6, 6, 17, 1][1 + (h // 7 % 4)::INT] AS protocol, 3 AS packets, h % 1000 AS bytes,
  {FROM} + h // 11 % 7000 AS start, {FROM} + h // 11 % 7000 + 50 AS "end",
  CASE WHEN flows THEN 'OK' WHEN h % 2 = 0 THEN 'NODATA' ELSE 'SKIPDATA' END
    AS "log-status",
  CASE WHEN h % 13 = 0 THEN 'REJECT' ELSE 'ACCEPT' END AS action,
  [2, 18, 24, NULL][1 + (h // 3 % 4)::INT] AS "tcp-flags"
FROM (
  SELECT hash(i // 2) AS h, CASE WHEN i % 2 = 0 THEN 'in' ELSE 'out' END AS direction,
    hash(i) % 9 > 0 AS flows
  FROM range(20000) AS r(i)
)
"""


@pytest.fixture(scope="module")
def spark() -> Generator[Any]:
    """Spark on this machine, with little memory."""
    # Type checkers run without PySpark, which `make spark` alone installs.
    sql: Any = importlib.import_module("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.parametrize(
    ("part", "file"), [("flows", "usage.parquet"), ("watched", "usage.watched.parquet")]
)
def test_spark_gives_the_table_of_collect(
    spark: Any, tmp_path: Path, part: str, file: str
) -> None:
    log = tmp_path / "log.parquet"
    with duckdb.connect() as database:
        twice = (
            f"SELECT * FROM ({LOG}) UNION ALL SELECT * FROM ({LOG}) WHERE bytes < 99"
        )
        database.execute(f"COPY ({twice}) TO '{log}' (FORMAT parquet)")
    collected = run(
        *("usage", "collect", "--files", str(log), *PERIOD),
        *("--out", str(tmp_path / "usage.parquet")),
    )
    printed = run("usage", "sql", "--dialect", "spark", "--part", part, *PERIOD)
    spark.read.parquet(str(log)).createOrReplaceTempView("flow_log")

    found = [row.asDict() for row in spark.sql(printed.stdout).collect()]

    assert collected.exit_code == 3, collected.output
    expected = rows(tmp_path / file)
    assert len(expected) > 5
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
