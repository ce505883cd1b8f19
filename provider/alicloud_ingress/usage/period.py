"""
The period of a table: how far it reaches back, and where it ends.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from alicloud_ingress.errors import IngressError

DAY_S = 86_400
GRID_S = 600
"""
A multiple of each capture window: periods begin and end on it.
"""
DELIVERY = dt.timedelta(hours=2)
"""
The time that delivery of records may take: left out where no end is given.
"""


@dataclass(frozen=True, slots=True)
class Period:
    """
    A period of a table.

    Args:
        from_s: its first second, a multiple of `GRID_S`.
        to_s: the second after its last, likewise.
    """

    from_s: int
    to_s: int


class PeriodError(IngressError):
    """
    A period that holds nothing, or ends in the future.
    """


def period_of(
    since: dt.timedelta, until: dt.datetime | None, now: dt.datetime
) -> Period:
    """
    The period, begun and ended on a multiple of ten minutes.

    Args:
        since: how far it reaches back from its end.
        until: its end, with a time zone; None for `DELIVERY` before *now*.
        now: the present, with a time zone.

    Raises:
        PeriodError: saying what to change.
    """
    end = now - DELIVERY if until is None else until
    if end > now:
        raise PeriodError(
            f"the period ends at {end.isoformat()}, which is later than now"
        )
    end_s = int(end.timestamp())
    to_s = _on_grid(end_s)
    from_s = _on_grid(end_s - int(since.total_seconds()))
    if from_s >= to_s or from_s < 0:
        raise PeriodError("the period is empty: it must last ten minutes or more")
    return Period(from_s, to_s)


def _on_grid(seconds: int) -> int:
    return seconds - seconds % GRID_S
