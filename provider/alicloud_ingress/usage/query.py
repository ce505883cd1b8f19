"""
The one query that turns flow log records into the usage table.

It is a chain of common table expressions, written once in the dialect of DuckDB. The
embedded engine takes the same steps, and keeps some of them in temporary tables;
`printed` writes the chain for another engine. A step refers to earlier ones only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alicloud_ingress.usage import flows, watched
from alicloud_ingress.usage.engine import library
from alicloud_ingress.usage.period import Period
from alicloud_ingress.usage.records import FIELDS, judged, parsed


def with_steps(steps: Mapping[str, str], last: str) -> str:
    """
    One statement of steps and what is selected from them.
    """
    chain = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in steps.items())
    return f"WITH {chain}\n{last}"


def flows_query(columns: Mapping[str, str], relation: str, period: Period) -> str:
    """
    The rows of `usage.parquet`, from a relation with the fields of a flow log; see
    `parsed`.
    """
    steps = {
        "parsed": parsed(columns, relation),
        "judged": judged(period),
        "hours": watched.HOURS,
        "interfaces": watched.INTERFACES,
        "records": flows.records(),
        "pairs": flows.PAIRS,
        "openers": flows.OPENERS,
        **flows.STEPS,
        "rows_made": flows.ROWS,
    }
    return with_steps(steps, flows.FLOWS)


def watched_query(columns: Mapping[str, str], relation: str, period: Period) -> str:
    """
    The rows of `usage.watched.parquet`, likewise.
    """
    steps = {
        "parsed": parsed(columns, relation),
        "judged": judged(period),
        "hours": watched.HOURS,
        **watched.STEPS,
    }
    return with_steps(steps, watched.WATCHED)


DIALECTS: Mapping[str, str] = {
    "duckdb": "duckdb",
    "trino": "trino",
    "spark": "spark",
    "sls": "presto",
}
"""
Engines, and what sqlglot calls their dialect. SLS is documented to be Presto's.
"""
PARTS = ("flows", "watched")
SLS_TABLE = "log"
_BITS = 64


def printed(  # noqa: PLR0913 - each is a decision of the caller
    part: str,
    dialect: str,
    period: Period,
    *,
    table: str = "",
    columns: Mapping[str, str] | None = None,
    underscores: bool = False,
    pretty: bool = True,
) -> str:
    """
    The query for one engine, as text without a semicolon.

    Args:
        part: `flows` for `usage.parquet`, `watched` for `usage.watched.parquet`.
        dialect: a key of `DIALECTS`.
        period: whose records are taken.
        table: what holds the records; `flow_log`, or `log` in SLS.
        columns: our name of each field -> its name in the table; as in a flow log
            where not given. Those that are left out are taken for missing.
        underscores: the names have `_` for `-`.
        pretty: over several lines.

    Raises:
        ExtraMissingError: sqlglot is not installed.
    """
    sqlglot: Any = library("sqlglot")
    table = table or (SLS_TABLE if dialect == "sls" else "flow_log")
    names = columns or {
        name: field.replace("-", "_") if underscores else field
        for name, field in FIELDS.items()
    }
    quoted = {name: f'"{field}"' for name, field in names.items()}
    make = flows_query if part == "flows" else watched_query
    tree = sqlglot.parse_one(make(quoted, table, period), read="duckdb")
    if dialect == "sls":
        tree = tree.transform(_without_shifts)
    if dialect in ("trino", "sls"):
        tree = tree.transform(_as_presto)
    text: str = tree.sql(dialect=DIALECTS[dialect], pretty=pretty)
    return text


def _without_shifts(node: Any) -> Any:
    """
    SLS documents no shifts of bits: powers of two stand for them, which are exact.
    """
    expressions: Any = library("sqlglot").exp
    name = type(node).__name__
    if name == "BitwiseLeftShift":
        return expressions.cast(
            expressions.Pow(
                this=expressions.Literal.number(2), expression=node.expression
            ),
            "bigint",
        )
    if name == "BitwiseRightShift":
        power = expressions.Literal.number(1 << int(node.expression.name))
        return expressions.IntDiv(this=node.this, expression=power)
    return node


def _as_presto(node: Any) -> Any:
    """
    What sqlglot does not translate: in Presto `BIT_COUNT` takes the number of bits, and
    `/` divides integers as integers.
    """
    expressions: Any = library("sqlglot").exp
    name = type(node).__name__
    if name == "IntDiv":
        return expressions.Div(
            this=expressions.paren(node.this, copy=False),
            expression=expressions.paren(node.expression, copy=False),
            typed=True,
        )
    if name == "Anonymous" and node.name.upper() == "BIT_COUNT":
        width = expressions.Literal.number(_BITS)
        return expressions.Anonymous(
            this="BIT_COUNT", expressions=[*node.expressions, width]
        )
    return node
