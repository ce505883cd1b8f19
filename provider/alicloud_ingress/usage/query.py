"""
The one query that turns flow log records into the usage table.

It is a chain of common table expressions, written once in the dialect of DuckDB. The
embedded engine takes the same steps, and keeps some of them in temporary tables;
`dialects.py` prints the chain for another engine. A step refers to earlier ones only.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.usage import flows, watched
from alicloud_ingress.usage.records import Period, judged, parsed


def with_steps(steps: Mapping[str, str], last: str) -> str:
    """
    One statement of steps and what is selected from them.
    """
    chain = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in steps.items())
    return f"WITH {chain}\n{last}"


def flows_query(columns: Mapping[str, str], relation: str, period: Period) -> str:
    """
    The rows of `usage.parquet`, from a relation with the fields of a flow log.

    Args:
        columns: as for `parsed`.
        relation: as for `parsed`.
        period: whose records are taken.
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
