"""
Times: now, and as ECS and the files of this package write them.
"""

from __future__ import annotations

import datetime as dt

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_LENGTHS = {_FORM: dt.timedelta(), "%Y-%m-%dT%H:%MZ": dt.timedelta(minutes=1)}
"""
The forms of a time, and how much later than the text it may be.
"""


def now() -> dt.datetime:
    """
    The current time in UTC.
    """
    return dt.datetime.now(dt.timezone.utc)


def time_text(moment: dt.datetime) -> str:
    """
    A time in UTC as `2026-12-31T23:59:59Z`.
    """
    return moment.strftime(_FORM)


def span_of(text: str) -> tuple[dt.datetime, dt.datetime] | None:
    """
    The earliest and the latest moment that a time may be, such as
    `2018-12-12T07:28:38Z` or `2018-12-12T07:28Z`; None if it is not one.
    """
    for form, length in _LENGTHS.items():
        try:
            first = dt.datetime.strptime(text, form)  # noqa: DTZ007 - Z is UTC
        except ValueError:
            continue
        first = first.replace(tzinfo=dt.timezone.utc)
        return first, first + length
    return None


def moment_of(text: str) -> dt.datetime | None:
    """
    The earliest moment that a time may be; None if it is not one.
    """
    span = span_of(text)
    return span[0] if span else None
