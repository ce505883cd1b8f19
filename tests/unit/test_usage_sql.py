"""
`usage sql`: one query in four dialects.
"""

from __future__ import annotations

import shlex

import pytest
import sqlglot
from sqlglot import exp

from alicloud_ingress.usage.query import DIALECTS, PARTS
from alicloud_ingress.usage.table import FLOW_COLUMNS, WATCHED_COLUMNS
from functional.accounts import run

PERIOD = ("--since", "42d", "--until", "2026-09-23T12:00:00Z")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_can_parse_what_is_printed(dialect: str, part: str) -> None:
    printed = run("usage", "sql", "--dialect", dialect, "--part", part, *PERIOD)

    assert printed.exit_code == 0
    (tree,) = sqlglot.parse(printed.stdout, read=DIALECTS[dialect])
    assert isinstance(tree, exp.Select)
    expected = FLOW_COLUMNS if part == "flows" else WATCHED_COLUMNS
    assert tree.named_selects == list(expected)


def test_sls_uses_no_shifts_of_bits() -> None:
    """Its documentation names none."""
    for part in PARTS:
        sql = run("usage", "sql", "--dialect", "sls", "--part", part, *PERIOD).stdout
        assert "SHIFT" not in sql.upper()
        assert "<<" not in sql


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "FROM flow_log"),
        (["--table", "lake.vpc.flow"], "FROM lake.vpc.flow"),
        (["--underscores"], '"eni_id"'),
    ],
)
def test_table_and_columns_have_the_names_that_are_given(
    words: list[str], expected: str
) -> None:
    assert expected in run("usage", "sql", "--dialect", "trino", *PERIOD, *words).stdout


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "table", ["flow-log", "lake.vpc-1.flow", 'flow"log', "select", "t; x", "a b", " "]
)
def test_a_table_is_to_be_quoted_as_its_dialect_does(dialect: str, table: str) -> None:
    """The error has the quoted name, which is then taken."""
    asked = ("usage", "sql", "--dialect", dialect, *PERIOD, "--table")
    refused = run(*asked, table)
    assert refused.exit_code == 2
    _, _, advice = refused.stderr.strip().rpartition(" --table ")
    (quoted,) = shlex.split(advice)

    printed = run(*asked, quoted)

    assert printed.exit_code == 0
    assert f"FROM {quoted}" in printed.stdout
    assert quoted[0] == quoted[-1] == ("`" if dialect == "spark" else '"')


def test_the_period_is_in_the_query() -> None:
    sql = run("usage", "sql", "--dialect", "duckdb", *PERIOD).stdout

    assert "1790164800" in sql
    assert str(1790164800 - 42 * 86_400) in sql
